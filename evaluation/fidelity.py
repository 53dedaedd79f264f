"""Columns by themselves and in pairs: how far the synthetic shares are from the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.coding import CodedTable, Coder, Codes
from evaluation.columns import Floats
from evaluation.results import Incomputable

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


def pairwise_accuracy(
    coders: Sequence[Coder], real: CodedTable, others: Sequence[CodedTable], pairs: Sequence[tuple[str, str]]
) -> npt.NDArray[np.float64]:
    """1 − TVD of each two-way table; shape (len(others), len(pairs)). Higher is better. Tables without rows give NaN."""
    by_name = {c.column.name: c for c in coders}
    tables = (real, *others)
    accuracy = np.full((len(others), len(pairs)), np.nan)
    coarse: dict[str, list[Codes]] = {}

    def grouped(name: str) -> list[Codes]:
        if name not in coarse:
            coarse[name] = [by_name[name].coarse[t.codes[name]] for t in tables]
        return coarse[name]

    for k, (first, second) in enumerate(pairs):
        width = by_name[second].coarse_size
        size = by_name[first].coarse_size * width
        found = [np.bincount(a.astype(np.int64) * width + b, minlength=size) for a, b in zip(grouped(first), grouped(second), strict=True)]
        for s, other in enumerate(found[1:]):
            if other.sum() and found[0].sum():
                accuracy[s, k] = 1 - tvd(found[0], other)
    return accuracy
