"""A table that comes as several files of one folder: the same columns in each, of the same kind, one after the other."""

# ruff: noqa: S608  (SQL is put together from column names and paths that `quoted` and `scan` have escaped)
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from generators.atomic import write_parquet
from generators.engine import arrow_schema, batches, engine, first_row, quoted, scan
from generators.errors import InputError
from generators.reading.casting import KIND_WORDS, as_text
from generators.schema import ColumnSchema, Kind, TableSchema


@dataclass(frozen=True)
class Part:
    """One file of a table, in canonical Parquet. source_name: for people."""

    source_name: str
    path: Path
    table: TableSchema
    rows: int


def joined(parts: Sequence[Part], target: Path, *, as_texts: bool) -> tuple[TableSchema, int]:
    """Write all parts as one canonical table to `target`: its schema and number of rows.

    A column without any value in a file has the kind it has in the others; whole numbers beside decimals are decimals, dates beside
    datetimes are datetimes. InputError where headers or kinds differ otherwise, naming the file and the column; with `as_texts` (a
    schema that says what the column is will be obeyed later) such a column becomes text.
    """
    first = parts[0]
    for part in parts[1:]:
        _same_header(first, part)
    with engine(target.parent, f'table "{first.table.name}"') as connection:
        empty = [_without_values(connection, part) for part in parts]
        columns = tuple(_common(name, parts, empty, as_texts=as_texts) for name in first.table.names)
        table = replace(first.table, columns=columns)

        def rows() -> Iterator[pa.RecordBatch]:
            for part in parts:
                values = (_stored(part.table.column(c.name), c) for c in columns)
                select = ", ".join(f"{value} AS c{i}" for i, value in enumerate(values))
                yield from batches(connection, f"SELECT {select} FROM {scan(part.path)}")

        return table, write_parquet(target, arrow_schema(table), rows())


def _same_header(first: Part, part: Part) -> None:
    lacking = [n for n in first.table.names if n not in part.table.names]
    further = [n for n in part.table.names if n not in first.table.names]
    if lacking or further:
        what = f'lacks the column "{lacking[0]}" of' if lacking else f'has a column "{further[0]}" that is not in'
        raise InputError(
            f'table "{first.table.name}": "{part.source_name}" {what} "{first.source_name}"; give every file of one table the same header'
        )


def _without_values(connection: duckdb.DuckDBPyConnection, part: Part) -> set[str]:
    """The columns of a part that have no value at all."""
    counts = first_row(connection, f"SELECT {', '.join(f'count({quoted(n)})' for n in part.table.names)} FROM {scan(part.path)}")
    return {name for name, count in zip(part.table.names, counts, strict=True) if not count}


def _common(name: str, parts: Sequence[Part], empty: Sequence[set[str]], *, as_texts: bool) -> ColumnSchema:
    """The column that holds the values of all parts."""
    found: tuple[Part, ColumnSchema] | None = None
    for part, lacking in zip(parts, empty, strict=True):
        column = part.table.column(name)
        if name in lacking:
            continue
        if found is None:
            found = part, column
            continue
        together = _together(found[1], column)
        if together is None and as_texts:
            together = ColumnSchema(name, Kind.CATEGORICAL, "string")
        if together is None:
            raise InputError(
                f'column "{name}" of table "{part.table.name}": "{found[0].source_name}" holds {_words(found[1])}, "{part.source_name}" '
                f"{_words(column)}; mend one of the files, or give a schema that says what the column is"
            )
        found = found[0], together
    return found[1] if found else parts[0].table.column(name)


def _together(one: ColumnSchema, other: ColumnSchema) -> ColumnSchema | None:
    """What holds the values of both, None where nothing but text would."""
    if (one.storage, one.kind is Kind.TIME) == (other.storage, other.kind is Kind.TIME):
        if one.storage != "float64":
            return one
        return replace(one, decimals=None if None in (one.decimals, other.decimals) else max(one.decimals or 0, other.decimals or 0))
    storages = {one.storage, other.storage}
    if storages == {"int64", "float64"}:
        return one if one.storage == "float64" else other
    if storages == {"date32", "timestamp[us]"}:
        return one if one.storage == "timestamp[us]" else other
    return None


def _words(column: ColumnSchema) -> str:
    return "text" if column.storage == "string" and column.kind is not Kind.TIME else KIND_WORDS[column.kind]


def _stored(old: ColumnSchema, new: ColumnSchema) -> str:
    """SQL: a part's value as the table stores it; what differs is numbers, dates, text, or a column without values."""
    value = quoted(old.name)
    if old.storage == new.storage:
        return value
    types = {"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "date32": "DATE", "timestamp[us]": "TIMESTAMP"}
    return f"CAST({as_text(old, value) if new.storage == 'string' else value} AS {types[new.storage]})"
