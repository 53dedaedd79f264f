"""The structural generator: names, kinds, keys and public code lists; nothing observed in any record.

What stands in a column: a code from its code list where the schema has one; otherwise, by kind, ``category-1`` … ``category-5``
(900000001 … 900000005 where codes are numbers: 1 … 5 could be rare codes of the records by chance), whole numbers 0 … 100,
decimals 0 … 100, either truth, days of the years 2000 … 2029, any minute of the day, newly issued identifiers, a fixed text.
Columns that may be missing are so in one row of ten, keys never.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.generating.issuing import TEXT, clock, coded, issued_as, stored
from generators.schema import ColumnSchema, Kind, TableSchema

VERSION = "3"
MISSING = 0.1
FIRST_DAY, LAST_DAY = 10_957, 21_914
"""2000-01-01 and 2029-12-31 in days since 1970."""

DAY = 86_400_000_000

Sampler = Callable[[int, int, np.random.Generator], pa.Array]
"""(first row, rows, random generator) → one column of that many rows."""


def filler(table: TableSchema, given: frozenset[str] = frozenset()) -> Callable[[int, int, np.random.Generator], pa.Table]:
    """The function that makes the columns of `table` that are not `given`; see `generators.generating.partition.Fill`."""
    keys = {table.person_key, *table.primary_key}
    samplers = [(c.name, placeholder(c, may_miss=c.name not in keys)) for c in table.columns if c.name not in given]

    def fill(first: int, rows: int, rng: np.random.Generator) -> pa.Table:
        return pa.table({name: sample(first, rows, rng) for name, sample in samplers})

    return fill


def placeholder(column: ColumnSchema, *, may_miss: bool = True) -> Sampler:
    """Fills a column from its schema alone."""
    share = MISSING if column.nullable and may_miss and not column.unique else 0.0

    def null(rows: int, rng: np.random.Generator) -> npt.NDArray[np.bool_] | None:
        return rng.random(rows) < share if share else None

    if column.kind is Kind.IDENTIFIER:
        return lambda first, rows, rng: issued_as(column, np.arange(first + 1, first + rows + 1))
    if column.kind is Kind.TIME:
        times, _ = clock(column.format)
        return lambda first, rows, rng: coded(times, rng.integers(0, len(times), rows), column.storage, null(rows, rng))
    labels = _labels(column)
    if labels:
        return lambda first, rows, rng: coded(labels, rng.integers(0, len(labels), rows), column.storage, null(rows, rng))

    def numbers(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        if column.kind in (Kind.DATE, Kind.DATETIME):
            days = rng.integers(FIRST_DAY, LAST_DAY + 1, rows)
            minutes = rng.integers(0, 1440, rows) if column.kind is Kind.DATETIME else 0
            values = days if column.storage == "date32" else days * DAY + minutes * 60_000_000
        elif column.kind is Kind.INTEGER:
            values = rng.integers(0, 101, rows)
        else:
            places = 2 if column.decimals is None else column.decimals
            values = rng.integers(0, 100 * 10**places + 1, rows) / 10**places
        return stored(values, column, null(rows, rng))

    return numbers


def _labels(column: ColumnSchema) -> tuple[str, ...]:
    if column.codes:
        return column.codes
    if column.kind is Kind.FREE_TEXT:
        return (TEXT,)
    if column.storage == "bool":
        return ("false", "true")
    if column.storage == "string":
        return tuple(f"category-{n}" for n in range(1, 6))
    if column.kind is Kind.CATEGORICAL and column.storage in ("int64", "float64"):
        return tuple(str(900_000_000 + n) for n in range(1, 6))
    return ()
