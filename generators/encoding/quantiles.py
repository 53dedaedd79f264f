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

    def parted(self, most: float) -> Cells:
        """The same, each stretch of more than `most` weight in equal parts: what is drawn from them is as before."""
        parts = np.where(self._width > 0, np.maximum(1, self.weight // most), 1).astype(np.int64)
        number = np.repeat(np.arange(len(self)), parts)
        part = np.arange(len(number)) - np.repeat(np.cumsum(parts) - parts, parts)
        low = self.low[number] + part / parts[number] * self._width[number]
        last = part == parts[number] - 1
        high = np.where(last, self.high[number], np.append(low[1:], 0.0) if len(low) else low)
        return Cells(low, high, (self.weight / parts)[number])

    def before(self, values: Floats) -> Floats:
        """(n,) values → the weight of all that lies below each; of an atom at just that value, nothing."""
        if not len(self):
            return np.zeros(len(values))
        first, last = np.searchsorted(self.high, values, side="left"), np.searchsorted(self.low, values, side="right") - 1
        cell = np.clip(first, 0, len(self) - 1)
        part = np.clip((values - self.low[cell]) / np.maximum(self._width[cell], 1e-300), 0.0, 1.0)
        return self.total[first] + np.where(last >= first, part * self.weight[cell], 0.0)

    @cached_property
    def _width(self) -> Floats:
        return self.high - self.low

    @cached_property
    def _per_weight(self) -> Floats:
        return 1.0 / np.maximum(self.weight, 1e-300)


NONE = Cells(np.zeros(0), np.zeros(0), np.zeros(0))


def cells(atoms: Floats, counts: Ints, loose: Floats, persons: People, policy: DisclosurePolicy, wide: int) -> Cells:
    """The cells of a column.

    atoms: (n,) values that enough persons share, rising, and counts: the rows of each. loose: (m,) rising values of all other rows, and
    persons: whose they are. wide: the fewest rows of a stretch between the tails. Loose values of fewer than the minimum of persons are
    left out.
    """
    weight = np.maximum((counts + policy.rounding // 2) // policy.rounding * policy.rounding, 1).astype(np.float64)
    ends, before = _stretches(loose, persons, policy.minimum, wide)
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


def _stretches(loose: Floats, persons: People, minimum: int, wide: int) -> tuple[Floats, Floats]:
    """(ends: means over groups of at least `minimum` persons whose values are next to each other; how many rows lie before each end).

    The outermost ends stand for the rows beyond them too, so that the outermost values of single persons are clipped.
    """
    rows = len(loose)
    if persons.count < minimum:
        return np.zeros(0), np.zeros(0)
    tail = int(rows * _TAIL) // minimum * minimum
    wide = max(wide, -(-rows // _STRETCHES))
    group = np.zeros(rows, np.int64)
    starts = _starts(rows, tail, minimum, wide)
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


def _starts(rows: int, tail: int, minimum: int, wide: int) -> Ints:
    """Where groups begin: of the minimum in the tails, beside them each twice as large as the one before, up to `wide`."""
    grown = minimum * (2 ** np.arange((wide // minimum).bit_length()) - 1)
    grown = tail + grown[tail + grown < rows // 2]
    tails = np.arange(0, tail, minimum)
    middle = np.arange(grown[-1], max(grown[-1] + 1, rows - grown[-1] - wide // 2), wide)
    starts = np.unique(np.concatenate([tails, grown, middle, rows - grown, rows - tails]))
    return starts[starts < rows]


def _means(values: Floats, group: Ints, persons: People) -> Floats:
    """The mean of each group over its persons, each of whom counts once however many rows they have."""
    if persons.one_row_each:
        return np.bincount(group, weights=values) / np.bincount(group)
    pairs, place = np.unique(group * persons.room + persons.numbers, return_inverse=True)
    each = np.bincount(place, weights=values) / np.bincount(place)
    whose = pairs // persons.room
    return np.bincount(whose, weights=each) / np.bincount(whose)
