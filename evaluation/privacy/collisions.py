"""Do synthetic rows equal rows the generator learned from, more often than held-out people's rows do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evaluation.tables.columns import Rows, categories, encoded, persons_per_code
from generators.schema import ColumnSchema

Hashes = npt.NDArray[np.uint64]
_MISSING = np.uint64(0x9E3779B97F4A7C15)


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
        state = _mixed(state ^ _mixed(_values(encoded(rows, column)) + np.uint64(place + 1)))
    return state


def _values(array: pa.Array) -> Hashes:
    """A number for every value: the bits of numbers and instants, a hash of anything else; missing has its own."""
    kind = array.type
    if pa.types.is_floating(kind):
        # + 0.0: minus zero is the same number; all NaN are one value
        plain = pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False) + 0.0
        found = np.where(np.isnan(plain), np.nan, plain).view(np.uint64)
    elif pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        whole = array.cast(pa.int32()) if pa.types.is_date32(kind) else array
        found = pc.fill_null(whole.cast(pa.int64()), 0).to_numpy(zero_copy_only=False).view(np.uint64)
    else:
        codes, values = categories(array)
        hashed = pd.util.hash_array(np.array([str(v) for v in values], object), categorize=False).astype(np.uint64)
        return np.append(hashed, _MISSING)[codes]
    return np.where(array.is_null().to_numpy(zero_copy_only=False), _MISSING, _mixed(found)) if array.null_count else _mixed(found)


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
