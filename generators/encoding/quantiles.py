"""A smoothed quantile function that rests on groups of persons only: what numbers are drawn from inside a bin.

It is a row of *cells* in rising order. A cell is an atom (one value that enough persons share) or a stretch between two values, each of
them the mean over the values of enough persons. The weight of a cell is a rounded count of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from generators.disclosure import DisclosurePolicy
from generators.encoding.people import People

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STRETCHES = 1000
"""About how many stretches a column gets at most between its tails."""

_TAIL = 0.02
"""Share of the values at either end in which stretches are as short as the policy allows: heavy tails bend there."""


@dataclass(frozen=True, eq=False)
class Cells:
    """low, high, weight: (cells,). Atoms have low == high. Cells do not overlap, in rising order."""

    low: Floats
    high: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.low)

    @cached_property
    def total(self) -> Floats:
        """(cells + 1,): the weight before each cell, and all of it."""
        return np.concatenate([[0.0], np.cumsum(self.weight)])

    def at(self, place: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """(the values at these places, each from 0 to the whole weight; which of them lie in a stretch)."""
        cell = np.searchsorted(self.total, place, side="right") - 1
        np.clip(cell, 0, len(self.low) - 1, out=cell)
        part = np.clip((place - self.total[cell]) * self._per_weight[cell], 0.0, 1.0)
        width = self._width[cell]
        return self.low[cell] + part * width, width > 0

    def place(self, value: float, *, after: bool) -> float:
        """The place of `value`; after: past the atom of just that value."""
        if not len(self):
            return 0.0
        cell = int(np.searchsorted(self.low, value, side="right" if after else "left"))
        if cell and self.high[cell - 1] > value:
            cell -= 1
            share = (value - self.low[cell]) / (self.high[cell] - self.low[cell])
            return float(self.total[cell] + share * self.weight[cell])
        return float(self.total[cell])

    @cached_property
    def _width(self) -> Floats:
        return self.high - self.low

    @cached_property
    def _per_weight(self) -> Floats:
        return 1.0 / np.maximum(self.weight, 1e-300)


NONE = Cells(np.zeros(0), np.zeros(0), np.zeros(0))


def cells(atoms: Floats, counts: Ints, loose: Floats, persons: People, policy: DisclosurePolicy) -> Cells:
    """The cells of a column.

    atoms: (n,) values that enough persons share, rising, and counts: the rows of each. loose: (m,) rising values of rows whose value too
    few share, and persons: whose they are. Loose values of fewer than the minimum of persons are left out.
    """
    weight = np.maximum((counts + policy.rounding // 2) // policy.rounding * policy.rounding, 1).astype(np.float64)
    ends, before = _stretches(loose, persons, policy.minimum)
    if len(ends) < 2:
        low, mass = np.concatenate([atoms, ends]), np.concatenate([weight, before])
        order = np.argsort(low, kind="stable")
        return Cells(low[order], low[order], mass[order])
    inside = atoms[(atoms > ends[0]) & (atoms < ends[-1])]
    cuts = np.union1d(ends, inside)
    mass = np.diff(np.interp(cuts, ends, before))
    low, high = np.concatenate([atoms, cuts[:-1]]), np.concatenate([atoms, cuts[1:]])
    both = np.concatenate([weight, mass])
    order = np.lexsort((high, low))
    kept = order[both[order] > 0]
    return Cells(low[kept], high[kept], both[kept])


def _stretches(loose: Floats, persons: People, minimum: int) -> tuple[Floats, Floats]:
    """(ends: means over groups of at least `minimum` persons whose values are next to each other; how many rows lie before each end).

    The outermost ends stand for the rows beyond them too, so that the outermost values of single persons are clipped.
    """
    rows = len(loose)
    if persons.count < minimum:
        return np.zeros(0), np.zeros(0)
    tail = int(rows * _TAIL) // minimum * minimum
    wide = max(minimum, -(-rows // _STRETCHES))
    starts = np.concatenate([np.arange(0, tail, minimum), np.arange(tail, rows - tail, wide), np.arange(rows - tail, rows, minimum)])
    group = np.zeros(rows, np.int64)
    group[starts[1:]] = 1
    group = np.cumsum(group)
    enough = persons.by_code(group, len(starts)) >= minimum
    # a group of too few persons joins the one after it; what is left at the end joins the last that is large enough
    joined = np.concatenate([[0], np.cumsum(enough[:-1])])
    group = np.minimum(joined, max(0, int(enough.sum()) - 1))[group]
    number = np.bincount(group)
    means = np.maximum.accumulate(_means(loose, group, persons))
    if len(means) < 2:
        return means, number.astype(np.float64)
    before = np.cumsum(number) - number / 2
    before[0], before[-1] = 0.0, float(rows)
    keep = np.concatenate([[True], np.diff(means) > 0])
    ends, before = means[keep], before[keep]
    before[-1] = float(rows)
    return (ends, before) if len(ends) > 1 else (ends, np.array([float(rows)]))


def _means(values: Floats, group: Ints, persons: People) -> Floats:
    """The mean of each group over its persons, each of whom counts once however many rows they have."""
    if persons.one_row_each:
        return np.bincount(group, weights=values) / np.bincount(group)
    pairs, place = np.unique(group * persons.room + persons.numbers, return_inverse=True)
    each = np.bincount(place, weights=values) / np.bincount(place)
    whose = pairs // persons.room
    return np.bincount(whose, weights=each) / np.bincount(whose)
