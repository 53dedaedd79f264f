"""The local SQL engine (DuckDB), kept on a short lead: spills only inside the work folder, fetches nothing, and its messages,
which may quote a record, never leave this module."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from generators.errors import InputError
from generators.schema import TableSchema

BATCH_ROWS = 65_536
ROW = "(file_row_number + 1)"
"""SQL for the number of a record in its file, from 1, in a `FROM` clause made by `scan(path, numbered=True)`."""

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "timestamp[us]": pa.timestamp("us"),
}
"""Arrow type of every storage in `generators.schema.STORAGES`."""


def arrow_schema(table: TableSchema) -> pa.Schema:
    """The Arrow schema of the canonical file of `table`."""
    return pa.schema([pa.field(c.name, ARROW_TYPES[c.storage]) for c in table.columns])


@contextmanager
def engine(work: Path, place: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose spill files live in `work` and are gone afterwards.

    Any engine failure inside the block becomes an InputError about `place` without the engine's own words, which may hold values.
    """
    work.mkdir(parents=True, exist_ok=True)
    spill = work / f".spill-{secrets.token_hex(6)}"
    connection = duckdb.connect(
        config={
            "temp_directory": str(spill),
            "memory_limit": "2GB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        # a wide file's footer is long, and every query would read it again
        connection.execute("SET parquet_metadata_cache=true")
        yield connection
    except duckdb.OutOfMemoryException:
        raise InputError(f"{place}: not enough memory or disk to work through it; free some and try again") from None
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise InputError(f"{place}: no room left on the disk; nothing was kept; free some space and try again") from None
        raise InputError(f"{place}: the file could not be worked through ({type(error).__name__}); it may be damaged") from None
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def scan(path: Path, *, numbered: bool = False) -> str:
    """The `FROM` clause of a Parquet file; `numbered` adds the column behind `ROW`."""
    # a path holding a glob character must mean that one file
    escaped = "".join(f"[{c}]" if c in "*?[" else c for c in str(path))
    return f"read_parquet({literal(escaped)}, file_row_number={'true' if numbered else 'false'}, hive_partitioning=false)"


def batches(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatch]:
    """The result of `sql` as record batches in order, without holding it whole."""
    result = connection.execute(sql, dict(parameters) if parameters else None)
    yield from result.to_arrow_reader(BATCH_ROWS)


def first_row(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """The first row of `sql`."""
    row = connection.execute(sql, dict(parameters) if parameters else None).fetchone()
    return () if row is None else tuple(row)
