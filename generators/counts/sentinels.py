"""Sentinels: values that stand for something else than themselves, as -999 for "not measured" or 1900-01-01 for "no date".

They are proposed where a value that is known to be used so stands apart from all others (`generators.profiling.sentinel_proposals`); a
steward confirms them (`ColumnSchema.sentinels`, as canonical text). They are counted by themselves, neither as missing nor as values.
"""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from generators.errors import InputError
from generators.schema import ColumnSchema, Kind

NUMBERS = tuple(sign * int(digit * length) for sign in (-1, 1) for digit in "98" for length in (1, 2, 3, 4, 5, 6, 8))
"""Numbers that are used as sentinels: nines and eights, as survey codes have them."""

DATES = ("1753-01-01", "1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01", "2099-12-31", "9999-12-31")
"""Dates that are used as sentinels: the first and last that systems can hold."""

KINDS = (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.DATETIME)
"""The kinds whose sentinels are kept apart: of all others every value stands for itself anyway."""


def sentinel_values(column: ColumnSchema, table: str) -> pa.Array | None:
    """The sentinels of a column in its storage; None where it has none. InputError when one is no value of the column's kind."""
    if not column.sentinels or column.kind not in KINDS:
        return None
    try:
        if column.kind is Kind.DATE and column.storage == "date32":
            return pa.array([date.fromisoformat(s) for s in column.sentinels], pa.date32())
        if column.kind in (Kind.DATE, Kind.DATETIME):
            return pa.array([datetime.fromisoformat(s) for s in column.sentinels], pa.timestamp("us"))
        if column.storage == "int64":
            return pa.array([int(s) for s in column.sentinels], pa.int64())
        return pa.array([float(s) for s in column.sentinels], pa.float64())
    except (ValueError, TypeError, pa.ArrowInvalid):
        raise InputError(
            f'table "{table}", column "{column.name}": a sentinel is no {column.kind} value; write numbers as 999, dates as 1900-01-01'
        ) from None
