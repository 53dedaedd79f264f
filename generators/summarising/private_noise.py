"""Calibrated noise and what it spends, all of it OpenDP's: discrete Gaussian noise, selection of keys by threshold, conversion to (ε, δ).

Composition: the ρ of all releases add up (zero-concentrated differential privacy; M. Bun and T. Steinke, Concentrated Differential
Privacy: Simplifications, Extensions, and Lower Bounds, 2016, lemma 1.7), and their sum is converted to (ε, δ) once. Noise is drawn by
OpenDP from the system's secure source: there is no seed that could be kept, and the same summary never comes out twice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import opendp.prelude as dp

from generators.counts.grouped import Ints
from generators.disclosure import DisclosurePolicy

dp.enable_features("contrib")

MECHANISM = "discrete Gaussian noise on counts; category lists by discrete Gaussian thresholding (OpenDP 0.16)"
COMPOSITION = "basic composition of zero-concentrated differential privacy, converted to (ε, δ) by OpenDP"

SELECTION = 0.5
"""The share of δ for category lists, where any is selected; the rest is for the conversion."""

_WIDEST = 1e9


def _vector() -> tuple[Any, Any]:
    return dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")


def _keys() -> tuple[Any, Any]:
    return dp.map_domain(dp.atom_domain(T="String"), dp.atom_domain(T="i64")), dp.l02inf_distance(dp.absolute_distance(T="i64"))


def converted(rho: float, delta: float) -> float:
    """The ε at `delta` of zero-concentrated differential privacy of ρ, by OpenDP's conversion of a Gaussian measurement."""
    unit: Any = dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*_vector(), scale=1.0))
    return float(unit.map(math.sqrt(2 * rho)).epsilon(delta)) if rho > 0 else 0.0


class Noise:
    """The noise of one summary. scale: standard deviation of every count's noise; threshold: from which noisy count on a category is
    told, by how many rows of a person count; rho, selected: what has been spent so far.
    """

    def __init__(self, scale: float, selection_delta: float = 0.0) -> None:
        self.scale, self.selection_delta = scale, selection_delta
        self.rho = self.selected = 0.0

    @staticmethod
    def calibrated(counts: Sequence[float], selections: Sequence[int], policy: DisclosurePolicy) -> Noise:
        """The least noise under which everything planned spends no more than the policy's ε and δ.

        counts: of every vector of counts, by how much (Euclidean) one person may change it; selections: of every category list, how many
        rows of a person count.
        """
        epsilon, delta = policy.epsilon, policy.delta
        if epsilon is None or delta is None:
            raise TypeError("only policies with noise have any to calibrate")
        each = delta * SELECTION / len(selections) if selections else 0.0
        rest = delta * (1 - SELECTION) if selections else delta

        changes, lists = tuple(sorted(Counter(counts).items())), tuple(sorted(Counter(selections).items()))
        return Noise(_least_scale(changes, lists, epsilon, rest), each)

    def counts(self, true: Ints, change: float) -> Ints:
        """Counts with noise. change: by how much (Euclidean distance) one person may change the vector of them."""
        measurement = _gaussian(self.scale)
        self.rho += float(measurement.map(change))
        return np.array(measurement(true.tolist()), dtype=np.int64)

    def categories(self, true: Mapping[str, int], rows: int) -> dict[str, int]:
        """The categories whose noisy count is high enough that they may be told, with it. rows: of one person that count."""
        measurement = _threshold(self.scale, self.threshold(rows))
        rho, delta = measurement.map((rows, rows, rows))
        self.rho += float(rho)
        self.selected += float(delta)
        return {str(k): int(v) for k, v in measurement(dict(true)).items()} if true else {}

    def selection_cost(self, rows: int) -> tuple[float, float]:
        """The ρ and the δ that `categories` would spend, before it looks."""
        rho, delta = _threshold(self.scale, self.threshold(rows)).map((rows, rows, rows))
        return float(rho), float(delta)

    def threshold(self, rows: int) -> int:
        """The least threshold under which a category list spends no more than its part of δ."""
        return int(_least_threshold(self.scale, self.selection_delta, rows))

    def epsilon(self, delta: float) -> float:
        """What has been spent, at `delta` in all."""
        return converted(self.rho, delta - self.selected)


@cache
def _gaussian(scale: float) -> Any:
    return dp.m.make_gaussian(*_vector(), scale=scale)


def _threshold(scale: float, threshold: float) -> Any:
    return dp.m.make_gaussian_threshold(*_keys(), scale=scale, threshold=int(threshold))


@cache
def _least_threshold(scale: float, delta: float, rows: int) -> int:
    def enough(threshold: float) -> bool:
        return float(_threshold(scale, threshold).map((rows, rows, rows))[1]) <= delta

    return int(dp.binary_search(enough, bounds=(rows + 1, int(rows + 100 * scale + 1000))))


@cache
def _least_scale(changes: tuple[tuple[float, int], ...], lists: tuple[tuple[int, int], ...], epsilon: float, delta: float) -> float:
    """The least scale under which so many vectors of counts and category lists spend no more than ε at δ."""

    def enough(scale: float) -> bool:
        noisy: Any = dp.m.make_gaussian(*_vector(), scale=scale)
        selected: Any = _threshold(scale, _WIDEST) if lists else None
        rho = sum(float(noisy.map(c)) * number for c, number in changes)
        rho += sum(float(selected.map((n, n, n))[0]) * number for n, number in lists)
        # ε is more than ρ at any δ there may be, and the conversion of a great ρ overflows.
        return rho <= epsilon and converted(rho, delta) <= epsilon

    return float(dp.binary_search(enough, bounds=(1e-3, 1e9)))
