"""Values of few people: do any of train's appear in the synthetic table?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evaluation.tables.columns import ORDERED, Rows, categories, numbers, persons_per_code
from generators.schema import ColumnSchema, Kind, TableSchema

POOLED = "Other"
"""What generators write for pooled rare categories: public, so its appearance tells nothing about a person."""


def guarded(table: TableSchema) -> tuple[ColumnSchema, ...]:
    """Columns whose rare values must not appear: categories, identifiers, keys and free text.

    Booleans are left out (their two values are public) and so are numbers and dates, which coincide by chance: see `extremes`.
    """
    kinds = (Kind.CATEGORICAL, Kind.IDENTIFIER, Kind.FREE_TEXT)
    return tuple(c for c in table.columns if c.kind in kinds or c.name == table.person_key)


@dataclass(frozen=True)
class RareValues:
    """The values of one column that belong to fewer persons of train than the minimum, public codes left out."""

    column: ColumnSchema
    values: pa.Array

    def appearing(self, other: Rows) -> int:
        """How many of them appear in `other`."""
        present = pc.unique(other.column(self.column))
        return int(pc.sum(pc.is_in(self.values, value_set=present)).as_py() or 0)


def rare_values(
    train: Rows, column: ColumnSchema, people: npt.NDArray[np.int32], minimum: int, vocabulary: pa.Array | None = None
) -> RareValues:
    """The rare values of one column of train. vocabulary: public codes beside those of the column."""
    array = train.column(column)
    codes, values = categories(array)
    behind = persons_per_code(codes, people, len(values) + 1)
    public = {*(column.codes or ()), POOLED, *(str(v) for v in (() if vocabulary is None else vocabulary.to_pylist()))}
    rare: list[Any] = [v for v, n in zip(values, behind, strict=False) if n < minimum and str(v) not in public]
    return RareValues(column, pa.array(rare, array.type))


@dataclass(frozen=True)
class Extremes:
    """The smallest and largest value of one ordered column of train, where fewer persons than the minimum have it."""

    column: ColumnSchema
    values: npt.NDArray[np.float64]

    def appear(self, other: Rows) -> bool:
        """Whether one of them is a value of `other`."""
        return bool(len(self.values)) and bool(np.isin(self.values, numbers(self.column, other.column(self.column))).any())


def extremes(train: Rows, column: ColumnSchema, people: npt.NDArray[np.int32], minimum: int) -> Extremes:
    """The unprotected extremes of one column of an ordered kind; times of day have none, their range is public."""
    values = numbers(column, train.column(column))
    finite = values[np.isfinite(values)]
    if column.kind not in ORDERED or column.kind is Kind.TIME or not len(finite):
        return Extremes(column, np.empty(0))
    ends = np.unique([finite.min(), finite.max()])
    return Extremes(column, np.array([e for e in ends if len(np.unique(people[values == e])) < minimum]))
