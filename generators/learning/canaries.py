"""How much a fit really tells of one person: an audit by an inserted record, against the ε that is claimed.

Many fits with and as many without the record (a canary) give an attacker's scores. If (ε, δ) holds, no test can tell the two apart better
than true positives ≤ e^ε · false positives + δ, and likewise with the sides exchanged. Source: M. Jagielski, J. Ullman and A. Oprea,
Auditing Differentially Private Machine Learning: How Private is Private SGD?, NeurIPS 2020; intervals: C. Clopper and E. Pearson, 1934.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta


@dataclass(frozen=True)
class Audit:
    """What an attacker achieved. lower: with the given confidence ε is no less; caught, accused: of fits with and without the canary, how
    many scored above `threshold`, of `fits` each.
    """

    lower: float
    threshold: float
    caught: int
    accused: int
    fits: int
    confidence: float


def audit(
    inserted: Sequence[float], left_out: Sequence[float], delta: float, *, threshold: float | None = None, confidence: float = 0.95
) -> Audit:
    """A lower bound of ε from an attacker's scores, higher where the canary is thought to have been there; 0 where nothing was shown.

    threshold: decided before any fit, or None: the first half of the fits decides it and the other half alone counts, since a threshold
    chosen on the very fits that are counted would show too much.
    """
    with_it, without = np.asarray(inserted, dtype=np.float64), np.asarray(left_out, dtype=np.float64)
    if len(with_it) != len(without) or len(with_it) < 2:
        raise ValueError("an audit needs as many fits with the canary as without, two of each at least")
    if threshold is None:
        half = len(with_it) // 2
        threshold = _best(with_it[:half], without[:half])
        with_it, without = with_it[half:], without[half:]
    caught, accused, fits = int((with_it > threshold).sum()), int((without > threshold).sum()), len(with_it)
    level = (1 - confidence) / 2
    bounds = [
        _ratio(_least(caught, fits, level), _most(accused, fits, level), delta),
        _ratio(_least(fits - accused, fits, level), _most(fits - caught, fits, level), delta),
    ]
    return Audit(max(0.0, *bounds), float(threshold), caught, accused, fits, confidence)


def _best(inserted: np.ndarray[tuple[int], np.dtype[np.float64]], left_out: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    values = np.unique(np.concatenate([inserted, left_out]))
    places = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    told = [abs(float((inserted > p).mean()) - float((left_out > p).mean())) for p in places]
    return float(places[int(np.argmax(told))])


def _least(hits: int, of: int, level: float) -> float:
    return float(beta.ppf(level, hits, of - hits + 1)) if hits else 0.0


def _most(hits: int, of: int, level: float) -> float:
    return float(beta.ppf(1 - level, hits + 1, of - hits)) if hits < of else 1.0


def _ratio(least: float, most: float, delta: float) -> float:
    return math.log((least - delta) / most) if least > delta else 0.0
