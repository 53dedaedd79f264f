"""Bins of a number or a date from noisy counts alone: a public grid, finer where the noisy counts say that records are.

Three looks at whole partitions of the line. The first has one cell for each leading digit of each magnitude (of dates: for each decade),
the same whatever the data are. Cells whose noisy count is large are parted into as many as the noise bears, and all cells are counted
again. What is left, joining small neighbours and leaving out what is no more than noise, looks at noisy counts only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LOOKS = (0.15, 0.35, 0.5)
"""What each look at a column has of the ρ for it."""

PARTS = (100, 60, 50, 40, 30, 24, 20, 12, 10, 6, 5, 4, 3, 2)
FARTHEST = 10**18

Look = Callable[[Ints, float], tuple[Floats, float]]
"""(edges of cells, share of the ρ of this column) → noisy counts of the cells, and the standard deviation of their noise."""


@dataclass(frozen=True)
class Bin:
    """Whole numbers of the grid from `low` to below `high`, their noisy count and the variance of its noise."""

    low: int
    high: int
    count: float
    variance: float


def number_edges(places: int) -> Ints:
    """Edges of the first cells of numbers in units of 10^-places: zero by itself, and one cell for each sign, magnitude and first digit."""
    tops = [d * 10**m for m in range(min(18, 13 + places)) for d in range(1, 10)]
    above = [*tops, min(FARTHEST, 10 ** min(18, 13 + places))]
    return np.array([*(1 - e for e in reversed(above)), *above], dtype=np.int64)


def private_bins(look: Look, edges: Ints, about: int) -> list[Bin]:
    """Bins, in order, of about one part in `about` of the records each; values that many records have stand alone.

    edges: of the first cells, public.
    """
    counts, sd = look(edges, LOOKS[0])
    alive = _standing_out(counts, sd)
    variances = np.full(len(counts), sd * sd)
    for share in LOOKS[1:]:
        total = max(1.0, float(counts[alive].sum()))
        edges, parents = _parted(edges, counts, alive, sd, total / about)
        again, sd = look(edges, share)
        alone = np.bincount(parents, minlength=len(counts))[parents] == 1
        # A cell that was not parted has been counted twice: the mean by precision.
        earlier, weight = counts[parents], variances[parents] / (variances[parents] + sd * sd)
        counts, variances, alive = (
            np.where(alone, earlier + weight * (again - earlier), again),
            np.where(alone, weight * sd * sd, sd * sd),
            alive[parents],
        )
    return _joined(edges, counts, variances, alive, about)


def _standing_out(counts: Floats, sd: float) -> npt.NDArray[np.bool_]:
    """Cells that, alone or with their neighbours, have more than noise: about one false in forty columns."""
    alive = np.zeros(len(counts), dtype=np.bool_)
    for length in (1, 2, 3, 5, 9, 18):
        if length > len(counts):
            break
        rest = np.where(alive, 0.0, counts)
        together = np.convolve(rest, np.ones(length), mode="valid") >= 4.2 * sd * math.sqrt(length)
        for start in np.flatnonzero(together):
            alive[start : start + length] = True
    return alive


def _told(counts: Floats, variances: Floats) -> tuple[int, int]:
    """First and last cell of a bin without what is no more than noise at either end."""

    def empty(values: Floats, spread: Floats) -> int:
        light = np.flatnonzero(np.cumsum(values) <= 1.5 * np.sqrt(np.cumsum(spread)))
        return int(light[-1]) + 1 if len(light) else 0

    first = empty(counts, variances)
    last = len(counts) - 1 - empty(counts[::-1], variances[::-1])
    return (first, last) if first <= last else (0, len(counts) - 1)


def _parted(edges: Ints, counts: Floats, alive: npt.NDArray[np.bool_], sd: float, wanted: float) -> tuple[Ints, Ints]:
    """Edges of the finer cells, and the number of the cell each was part of."""
    finer: list[Ints] = []
    parents: list[int] = []
    for number in range(len(counts)):
        low, width = int(edges[number]), int(edges[number + 1] - edges[number])
        many = 1
        if alive[number] and counts[number] > max(3 * sd, wanted / 2) and width > 1:
            bearable = max(2.0, counts[number] / (2 * sd))
            many = next((k for k in (width, *PARTS) if k <= min(bearable, 128) and width % k == 0), 1)
        finer.append(low + np.arange(many, dtype=np.int64) * (width // many))
        parents += [number] * many
    return np.concatenate([*finer, edges[-1:]]), np.array(parents)


def _joined(edges: Ints, counts: Floats, variances: Floats, alive: npt.NDArray[np.bool_], about: int) -> list[Bin]:
    total = float(np.maximum(counts[alive], 0).sum())
    sds = np.sqrt(variances)
    enough = np.maximum(total / about, 4 * sds)
    bins: list[Bin] = []
    open_: list[int] = []

    def close() -> None:
        if open_:
            count, variance = float(counts[open_].sum()), float(variances[open_].sum())
            if count >= 2 * math.sqrt(variance):
                first, last = _told(counts[open_], variances[open_])
                bins.append(Bin(int(edges[open_[first]]), int(edges[open_[last] + 1]), count, variance))
        open_.clear()

    for number in range(len(counts)):
        if not alive[number]:
            close()
            continue
        if counts[number] >= enough[number]:
            close()
            bins.append(Bin(int(edges[number]), int(edges[number + 1]), float(counts[number]), float(variances[number])))
            continue
        open_.append(number)
        if counts[open_].sum() >= enough[number]:
            close()
    close()
    return _without_gaps(bins)


def _without_gaps(bins: list[Bin]) -> list[Bin]:
    """Gaps no wider than the bins beside them are chance: the bin after one begins where the bin before ends."""
    told = bins[:1]
    for each in bins[1:]:
        gap, widest = each.low - told[-1].high, max(each.high - each.low, told[-1].high - told[-1].low)
        narrow = 0 < gap <= widest and each.high - each.low > 1
        told.append(replace(each, low=told[-1].high) if narrow else each)
    return told
