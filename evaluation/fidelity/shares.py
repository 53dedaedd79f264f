"""How far synthetic shares, and cumulative shares, are from real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from evaluation.results import Incomputable
from evaluation.tables.columns import Floats

SMOOTHING = 0.5
"""Added to every cell before a Kullback–Leibler divergence, which is infinite on empty cells otherwise."""


def tvd(real: npt.NDArray[Any], synthetic: npt.NDArray[Any]) -> float:
    """Total variation distance ½ Σ |p − q| of two tables of counts of one shape: 0 the same … 1 disjoint. Lower is better.

    Raises Incomputable when either table is empty.
    """
    a, b = real.sum(), synthetic.sum()
    if a == 0 or b == 0:
        raise Incomputable("an empty table has no shares")
    return float(np.abs(real / a - synthetic / b).sum() / 2)


def kl(real: npt.NDArray[Any], synthetic: npt.NDArray[Any], smoothing: float = SMOOTHING) -> float:
    """Kullback–Leibler divergence Σ p ln(p / q), in nats, of counts with `smoothing` added to every cell: 0 … ∞. Lower is better."""
    p, q = real + smoothing, synthetic + smoothing
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))


def jensen_shannon(real: npt.NDArray[Any], synthetic: npt.NDArray[Any]) -> float:
    """Jensen–Shannon divergence ½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q) / 2, of two tables of counts, in bits: 0 the same … 1 disjoint.

    The square of scipy's `jensenshannon` to base 2, which is a distance.

    Raises Incomputable when either table is empty.
    """
    a, b = real.sum(), synthetic.sum()
    if a == 0 or b == 0:
        raise Incomputable("an empty table has no shares")
    p, q = real / a, synthetic / b
    middle = (p + q) / 2
    found = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / (2 * np.log(2))
    return float(np.clip(found, 0.0, 1.0))


MERGED = 5
"""Cells with fewer expected rows are counted together."""


def voas_williamson(real: npt.NDArray[Any], synthetic: npt.NDArray[Any]) -> float:
    """Voas and Williamson's statistic Σ (s − o)² / ((s + o) / 2) over the cells of a cross-tabulation, per degree of freedom: about 1 where
    only chance differs. Lower is better.

    The larger table is rescaled to the smaller; cells with fewer than 5 on average are merged into one. With o rescaled from n rows to m,
    chance alone makes the expectation of a cell's term 1 + m / n, by which the whole is divided. Source: D. Voas and P. Williamson (2001),
    Geographical and Environmental Modelling 5. Raises Incomputable when either is empty or one cell is left.
    """
    o, s = real.ravel().astype(np.float64), synthetic.ravel().astype(np.float64)
    n, m = o.sum(), s.sum()
    if n == 0 or m == 0:
        raise Incomputable("an empty table has no shares")
    small, large = min(n, m), max(n, m)
    o, s = o * (small / n), s * (small / m)
    few = (o + s) / 2 < MERGED
    if few.any():
        o, s = np.append(o[~few], o[few].sum()), np.append(s[~few], s[few].sum())
    present = (o + s) > 0
    if present.sum() < 2:
        raise Incomputable("one cell only")
    statistic = float(((s - o)[present] ** 2 / ((s + o)[present] / 2)).sum())
    return float(statistic / (int(present.sum()) - 1) / (1 + small / large))


def ks_complement(real: Floats, synthetic: Floats) -> float:
    """1 − sup |F − G| over the values present (NaN left out): 1 the same … 0 apart. Higher is better.

    Raises Incomputable when either side has no value.
    """
    a, b = np.sort(real[~np.isnan(real)]), np.sort(synthetic[~np.isnan(synthetic)])
    if not len(a) or not len(b):
        raise Incomputable("no values present")
    points = np.concatenate((a, b))
    gaps = np.searchsorted(a, points, side="right") / len(a) - np.searchsorted(b, points, side="right") / len(b)
    return float(1 - np.abs(gaps).max())
