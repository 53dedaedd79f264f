"""How near rows lie to each other: Gower's distance over columns of every kind, nearest neighbours a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.results import Incomputable
from evaluation.tables.columns import ORDERED, Rows, categories, numbers
from generators.schema import ColumnSchema

LIMIT = 4000
"""Rows a side: the standard error of a share is then at most .008."""
_BLOCK = 128
_MISSING = 3.0
"""Stands for a missing number among numbers scaled to 0 … 1: further than 1 from all of them, and 0 from itself."""

Distances = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Placed:
    """Rows as points. scaled: numbers over train's range, shape (n, numbers); codes: of categories, shape (n, categories)."""

    scaled: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.scaled)

    def only(self, chosen: npt.NDArray[np.intp]) -> Placed:
        """The rows of these positions."""
        return Placed(self.scaled[chosen], self.codes[chosen])

    def restricted(self, numeric: Sequence[int], named: Sequence[int]) -> Placed:
        """The points in some of the columns only, by position among the numbers and among the categories."""
        return Placed(self.scaled[:, list(numeric)], self.codes[:, list(named)])


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

    def of(self, rows: Rows) -> Placed:
        """The rows as points."""
        scaled = np.empty((rows.rows, len(self.numeric)), np.float32)
        for place, column in enumerate(self.numeric):
            low, width = self._ranges[column.name]
            values = (numbers(column, rows.column(column)) - low) / width
            scaled[:, place] = np.where(np.isfinite(values), np.clip(values, -1.0, 2.0), _MISSING)
        codes = np.empty((rows.rows, len(self.named)), np.int32)
        for place, column in enumerate(self.named):
            coded, values_ = categories(rows.column(column))
            known = self._codes[column.name]
            table = np.array([known.get(v, -2 - i) for i, v in enumerate(values_)] + [-1], np.int32)
            codes[:, place] = table[coded]
        return Placed(scaled, codes)


def nearest(points: Placed, among: Placed, neighbours: int = 1) -> tuple[Distances, npt.NDArray[np.intp]]:
    """(distances, positions) of the nearest rows of `among` to each of `points`, nearest first; shape (len(points), neighbours).

    Raises Incomputable when `among` has fewer rows than that. Memory: a block of 128 × len(among) distances.
    """
    if len(among) < neighbours:
        raise Incomputable("too few rows")
    width = points.scaled.shape[1] + points.codes.shape[1]
    distances = np.empty((len(points), neighbours), np.float32)
    positions = np.empty((len(points), neighbours), np.intp)
    for first in range(0, len(points), _BLOCK):
        here = slice(first, min(first + _BLOCK, len(points)))
        total = np.zeros((here.stop - first, len(among)), np.float32)
        for column in range(points.scaled.shape[1]):
            gap = np.abs(points.scaled[here, column, None] - among.scaled[None, :, column])
            total += np.minimum(gap, np.float32(1), out=gap)
        for column in range(points.codes.shape[1]):
            total += points.codes[here, column, None] != among.codes[None, :, column]
        total /= np.float32(width)
        if neighbours == 1:
            found = total.argmin(axis=1)[:, None]
        else:
            found = np.argpartition(total, neighbours - 1, axis=1)[:, :neighbours]
            order = np.take_along_axis(total, found, axis=1).argsort(axis=1, kind="stable")
            found = np.take_along_axis(found, order, axis=1)
        positions[here] = found
        distances[here] = np.take_along_axis(total, found, axis=1)
    return distances, positions


def nearer_to_train(points: Placed, train: Placed, holdout: Placed) -> float:
    """Share of `points` whose nearest row is of `train` rather than of `holdout` (as many rows each), ties counted half."""
    if len(train) != len(holdout):
        raise ValueError("train and holdout need as many rows: of more rows the nearest is nearer")
    first, _ = nearest(points, train)
    second, _ = nearest(points, holdout)
    return float((first < second).mean() + ((first == second).mean()) / 2)


def ratio(points: Placed, among: Placed) -> float:
    """Median ratio of the distances to the nearest and to the second nearest row of `among`: near 0, rows lie on single real ones."""
    distances, _ = nearest(points, among, 2)
    near, next_ = distances[:, 0].astype(np.float64), distances[:, 1].astype(np.float64)
    return float(np.median(np.divide(near, next_, out=np.ones_like(near), where=next_ > 0)))
