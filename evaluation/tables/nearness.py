"""How near rows lie to each other: Gower's distance over columns of every kind, nearest neighbours a block at a time.

Fast because a block of distances stays in the processor's cache, categories are compared and counted as single bytes, and both directions
(who is nearest to each of these, who to each of those) are found in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.results import Incomputable
from evaluation.tables.columns import ORDERED, Rows, categories, numbers
from generators.schema import ColumnSchema

LIMIT = 4000
"""Rows a side: the standard error of a share is then at most .008."""
BLOCK = 1 << 17
"""Distances at a time: half a megabyte."""
_MISSING = 3.0
"""Stands for a missing number among numbers scaled to 0 … 1: further than 1 from all of them, and 0 from itself."""

Distances = npt.NDArray[np.float32]
Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Placed:
    """Rows as points. scaled: numbers over train's range, shape (n, numbers); codes: of categories, shape (n, categories).

    who: the person each row is about, as a code; None: every row is another person.
    """

    scaled: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]
    who: npt.NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.scaled)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.scaled.shape[1] + self.codes.shape[1])

    @property
    def persons(self) -> npt.NDArray[np.int32]:
        """The person each row is about."""
        return np.arange(len(self), dtype=np.int32) if self.who is None else self.who

    def only(self, chosen: npt.NDArray[Any]) -> Placed:
        """The rows of these positions, or those that are True."""
        return Placed(self.scaled[chosen], self.codes[chosen], None if self.who is None else self.who[chosen])

    def restricted(self, numeric: Sequence[int], named: Sequence[int]) -> Placed:
        """The points in some of the columns only, by position among the numbers and among the categories."""
        return Placed(self.scaled[:, list(numeric)], self.codes[:, list(named)], self.who)

    def one_each(self, draw: np.random.Generator, most: int) -> Placed:
        """One row of each person, drawn at random, of at most so many persons: rows of one person are not independent."""
        order = draw.permutation(len(self))
        first = np.unique(self.persons[order], return_index=True)[1]
        return self.only(order[np.sort(first)[:most]])


class Gower:
    """Gower's coefficient (Gower 1971, Biometrics 27) as a distance, 0 … 1: the mean over columns of |a − b| / range for numbers, and of
    0 or 1 for categories. Ranges are train's; beyond them a difference counts as 1. Missing differs by 1 from anything but missing.
    """

    def __init__(self, columns: Sequence[ColumnSchema], train: Rows) -> None:
        if not columns:
            raise Incomputable("no column can be compared")
        self.numeric = [c for c in columns if c.kind in ORDERED]
        self.named = [c for c in columns if c.kind not in ORDERED]
        self._ranges: dict[str, tuple[float, float]] = {}
        for column in self.numeric:
            values = numbers(column, train.column(column))
            values = values[np.isfinite(values)]
            low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
            self._ranges[column.name] = (low, (high - low) or 1.0)
        self._codes: dict[str, dict[object, int]] = {
            c.name: {v: i for i, v in enumerate(categories(train.column(c))[1])} for c in self.named
        }

    @property
    def columns(self) -> list[ColumnSchema]:
        """Numbers, then categories: as points have them."""
        return [*self.numeric, *self.named]

    def of(self, rows: Rows, who: npt.NDArray[np.int32] | None = None) -> Placed:
        """The rows as points. A category train does not have gets a code of its own, the same wherever it appears."""
        scaled = np.empty((rows.rows, len(self.numeric)), np.float32)
        for place, column in enumerate(self.numeric):
            low, width = self._ranges[column.name]
            values = (numbers(column, rows.column(column)) - low) / width
            scaled[:, place] = np.where(np.isfinite(values), np.clip(values, -1.0, 2.0), _MISSING)
        codes = np.empty((rows.rows, len(self.named)), np.int32)
        for place, column in enumerate(self.named):
            coded, names = categories(rows.column(column))
            known = self._codes[column.name]
            table = np.array([known.setdefault(v, len(known)) for v in names] + [-1], np.int32)
            codes[:, place] = table[coded]
        return Placed(scaled, codes, who)


def _blocks(points: Placed, among: Placed) -> Iterator[tuple[slice, Distances]]:
    """The distances of all pairs, some rows of `points` at a time; shape (rows, len(among)). Each block is overwritten by the next."""
    rows = max(1, min(len(points), BLOCK // max(1, len(among))))
    mine, theirs = np.ascontiguousarray(points.scaled.T), np.ascontiguousarray(among.scaled.T)
    # within 0 … 1 no difference is over 1
    wild = [
        bool(len(m) and len(t)) and not (min(m.min(), t.min()) >= 0 and max(m.max(), t.max()) <= 1)
        for m, t in zip(mine, theirs, strict=True)
    ]
    named = _narrow(points.codes, among.codes)
    shape = (rows, len(among))
    sums, gaps = np.empty(shape, np.float32), np.empty(shape, np.float32)
    unlike, differing = np.empty(shape, np.bool_), np.empty(shape, np.uint8 if len(named) < 256 else np.uint16)
    width = np.float32(points.width)
    for first in range(0, len(points), rows):
        here = slice(first, min(first + rows, len(points)))
        size = here.stop - first
        total, gap, other, count = sums[:size], gaps[:size], unlike[:size], differing[:size]
        count[:] = 0
        for ours, others in named:
            np.not_equal(ours[here, None], others[None, :], out=other)
            count += other
        total[:] = count
        for ours, others, over in zip(mine, theirs, wild, strict=True):
            np.subtract(ours[here, None], others[None, :], out=gap)
            np.abs(gap, out=gap)
            if over:
                np.minimum(gap, np.float32(1), out=gap)
            total += gap
        total /= width
        yield here, total


def _narrow(codes: npt.NDArray[np.int32], others: npt.NDArray[np.int32]) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Both sides' codes column by column, in the narrowest type that holds them: bytes are compared four times as fast."""
    found = []
    for ours, theirs in zip(codes.T, others.T, strict=True):
        highest = int(max(ours.max(initial=-1), theirs.max(initial=-1))) + 1  # −1 stands for missing
        kind = np.uint8 if highest < 1 << 8 else np.uint16 if highest < 1 << 16 else np.uint32
        found.append(((ours + 1).astype(kind), (theirs + 1).astype(kind)))
    return found


def _least(total: Distances, neighbours: int) -> tuple[Distances, Positions]:
    """The smallest of each row, smallest first, the first of equals; spoils `total` when there are several."""
    rows = np.arange(len(total))
    positions = np.empty((len(total), neighbours), np.intp)
    distances = np.empty((len(total), neighbours), np.float32)
    for rank in range(neighbours):
        positions[:, rank] = total.argmin(axis=1)
        distances[:, rank] = total[rows, positions[:, rank]]
        if rank + 1 < neighbours:
            total[rows, positions[:, rank]] = np.inf
    return distances, positions


def nearest(points: Placed, among: Placed, neighbours: int = 1) -> tuple[Distances, Positions]:
    """(distances, positions) of the nearest rows of `among` to each of `points`, nearest first; shape (len(points), neighbours).

    Raises Incomputable when `among` has fewer rows than that. Memory: a block of distances.
    """
    if len(among) < neighbours:
        raise Incomputable("too few rows")
    distances = np.empty((len(points), neighbours), np.float32)
    positions = np.empty((len(points), neighbours), np.intp)
    for here, total in _blocks(points, among):
        distances[here], positions[here] = _least(total, neighbours)
    return distances, positions


@dataclass(frozen=True)
class Near:
    """Two sets of rows and who is nearest. distances, positions: to and of the rows of the other set nearest to each row of the first,
    nearest first; back, back_positions: of the row of the first set nearest to each row of the other.
    """

    distances: Distances
    positions: Positions
    back: Distances
    back_positions: Positions


def both_ways(points: Placed, among: Placed, neighbours: int = 1) -> Near:
    """Nearest rows in both directions, in one pass. Raises Incomputable when either has too few rows."""
    if len(among) < neighbours or not len(points):
        raise Incomputable("too few rows")
    distances = np.empty((len(points), neighbours), np.float32)
    positions = np.empty((len(points), neighbours), np.intp)
    back = np.full(len(among), np.inf, np.float32)
    back_positions = np.zeros(len(among), np.intp)
    for here, total in _blocks(points, among):
        least = total.min(axis=0)
        better = np.flatnonzero(least < back)
        if len(better):
            back[better] = least[better]
            back_positions[better] = here.start + total[:, better].argmin(axis=0)
        distances[here], positions[here] = _least(total, neighbours)
    return Near(distances, positions, back, back_positions)


def nearer(first: Distances, second: Distances) -> npt.NDArray[np.float64]:
    """1 where the first distance is the smaller, ½ where they are equal, 0 elsewhere."""
    return np.asarray((first < second) + 0.5 * (first == second), np.float64)


def ratios(distances: Distances) -> npt.NDArray[np.float64]:
    """The distance to the nearest over that to the second nearest, from distances of shape (n, 2 or more); 1 where both are 0."""
    near, next_ = distances[:, 0].astype(np.float64), distances[:, 1].astype(np.float64)
    return np.divide(near, next_, out=np.ones_like(near), where=next_ > 0)
