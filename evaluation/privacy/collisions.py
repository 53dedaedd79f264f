"""Do synthetic rows equal rows the generator learned from, more often than held-out people's rows do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation.tables.columns import ORDERED, Rows, categories, persons_per_code
from generators.schema import ColumnSchema

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Collisions:
    """Of `rows` rows, how many equal a train row (`equal`), and how many equal one of fewer persons than the minimum (`rare`)."""

    rows: int
    equal: int
    rare: int


def row_hashes(rows: Rows, columns: Sequence[ColumnSchema]) -> Hashes:
    """One 64-bit hash a row over the values of `columns`; equal rows hash equally, and the same in every run. Shape (rows,)."""
    state = np.zeros(rows.rows, np.uint64)
    for place, column in enumerate(columns):
        codes, values = categories(rows.column(column))
        if column.kind in ORDERED and values and isinstance(values[0], float):
            # + 0.0: minus zero is the same number; all NaN are one value
            distinct = np.array(values) + 0.0
            hashed = pd.util.hash_array(np.where(np.isnan(distinct), np.nan, distinct))
        else:
            hashed = pd.util.hash_array(np.array([str(v) for v in values], object), categorize=False)
        table = np.append(hashed.astype(np.uint64), np.uint64(0x9E3779B97F4A7C15))
        state = _mixed(state ^ _mixed(table + np.uint64(place + 1))[codes])
    return state


def _mixed(x: Hashes) -> Hashes:
    """The finaliser of splitmix64: every bit of the result depends on every bit of `x`."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class TrainRows:
    """The distinct rows of train and how many persons have each."""

    def __init__(self, train: Rows, columns: Sequence[ColumnSchema], people: npt.NDArray[np.int32], minimum: int) -> None:
        self.columns = tuple(columns)
        distinct, inverse = np.unique(row_hashes(train, self.columns), return_inverse=True)
        behind = persons_per_code(inverse, people, len(distinct))
        self._distinct, self._rare = distinct, distinct[behind < minimum]

    def collisions(self, other: Rows) -> Collisions:
        """How many rows of `other` equal a train row."""
        hashes = row_hashes(other, self.columns)
        return Collisions(other.rows, int(np.isin(hashes, self._distinct).sum()), int(np.isin(hashes, self._rare).sum()))
