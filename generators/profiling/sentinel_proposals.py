"""Sentinels that a column seems to have, proposed for a steward to confirm: see `generators.counts.sentinels`."""

# ruff: noqa: S608  (SQL is put together from column names that `quoted` has escaped and from constants)
from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from generators.counts.sentinels import DATES, KINDS, NUMBERS
from generators.engine import quoted, scan
from generators.reading.dataset import Finding
from generators.schema import ColumnSchema, Kind

ROWS = 5
"""Fewest rows in which a value is taken for a sentinel."""


def proposed(connection: duckdb.DuckDBPyConnection, path: Path, table: str, column: ColumnSchema) -> tuple[tuple[str, ...], Finding | None]:
    """The sentinels of a column of a canonical file, and the finding that proposes them; ((), None) where there are none.

    A value is one when it is known as such, is in at least `ROWS` rows and in more than twice as many as the column's other values are on
    average, and lies further from all others than they are apart (dates: a year at least; below zero: nothing else is).
    """
    if column.kind not in KINDS or column.storage not in ("int64", "float64", "date32", "timestamp[us]"):
        return (), None
    temporal = column.kind in (Kind.DATE, Kind.DATETIME)
    known = ", ".join(f"TIMESTAMP '{d}'" for d in DATES) if temporal else ", ".join(str(n) for n in NUMBERS)
    value = f"CAST({quoted(column.name)} AS TIMESTAMP)" if temporal else quoted(column.name)
    source = f"(SELECT {value} AS v FROM {scan(path)})"
    spikes = connection.execute(f"SELECT v, count(*) FROM {source} WHERE v IN ({known}) GROUP BY v HAVING count(*) >= {ROWS}").fetchall()
    found = [v for v, rows in spikes if _apart(connection, source, v, rows, known, temporal=temporal)]
    if not found:
        return (), None
    order = sorted(found)
    texts = tuple(v.date().isoformat() if temporal else str(int(v)) for v in order)
    rows = sum(rows for v, rows in spikes if v in found)
    what = "a value" if len(found) == 1 else f"{len(found)} values"
    message = f"{what} that systems use for 'not known' stand apart from all others in {rows:,} rows: proposed as sentinels"
    return texts, Finding(table, column.name, "warning", message, "confirm them, or remove them where they are measured values")


def _apart(connection: duckdb.DuckDBPyConnection, source: str, value: Any, rows: int, known: str, *, temporal: bool) -> bool:
    """Whether `value` stands apart from what is no known sentinel."""
    others = f"{source} WHERE v NOT IN ({known})"
    row = connection.execute(f"SELECT count(v), approx_count_distinct(v), min(v), max(v) FROM {others}").fetchone()
    count, distinct, low, high = row if row is not None else (0, 0, None, None)
    if not count or rows * max(1, distinct) <= 2 * count:
        return False
    below = value < low
    if not below and value <= high:
        return False
    gap, width = (low - value, high - low) if below else (value - high, high - low)
    if temporal:
        return bool(gap.days >= 366)
    return bool(gap >= max(width, 2) or (value < -9 and low >= 0))
