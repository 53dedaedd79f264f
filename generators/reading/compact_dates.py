"""Whole numbers that are dates, as warehouses keep them: 20240131."""

# ruff: noqa: S608  (SQL is put together from column positions and names that were escaped, and from constants)
from __future__ import annotations

from pathlib import Path

import duckdb

from generators.engine import first_row, scan
from generators.reading.casting import from_text, strptime
from generators.reading.dataset import Finding
from generators.reading.kinds import COMPACT_DATE, DATE_NAME, FEW, Decision
from generators.schema import ColumnSchema, Kind


def compact_dates(connection: duckdb.DuckDBPyConnection, staged: Path, value: str, name: str, table: str) -> Decision | None:
    """The decision on whole numbers that are dates written as YYYYMMDD throughout; None where they are not, or so few that
    it may be chance.

    value: SQL of the number.
    """
    text = f"CAST({value} AS VARCHAR)"
    fits = f"regexp_full_match({text}, '{COMPACT_DATE}') AND {strptime(text, '%Y%m%d')} IS NOT NULL"
    present, misfits = first_row(
        connection, f"SELECT count({value}), count_if({value} IS NOT NULL AND NOT coalesce({fits}, false)) FROM {scan(staged)}"
    )
    if misfits or not present or (present < FEW and not DATE_NAME.search(name)):
        return None
    note = Finding(table, name, "note", "whole numbers read as dates", "every value is a date written as YYYYMMDD")
    stored = from_text(ColumnSchema("", Kind.DATE, "date32", format="%Y%m%d"), text)
    return Decision(ColumnSchema(name, Kind.DATE, "date32", format="%Y%m%d"), stored, (note,))
