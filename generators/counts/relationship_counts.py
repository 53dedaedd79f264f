"""Rows of one Parquet file counted by the rows of another that they refer to, and the persons of several files together.

The engine does it on disk where memory is short: neither file is ever held whole.
"""

# ruff: noqa: S608  (SQL is put together from names that `quoted` and `scan` have escaped)
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.counts.person_counts import PART, Bools, Codes, narrowest
from generators.engine import batches, engine, first_row, quoted, scan
from generators.schema import ForeignKey

MEMORY = "512MB"
"""What the engine may take before it goes to disk; the counts themselves come beside it."""


def children_of(parent: Path, child: Path, key: ForeignKey) -> Codes:
    """How many rows of the file `child` refer by `key` to each row of the file `parent`, in the order of its rows."""
    counted, join = _counted(child, key)
    sql = f"SELECT coalesce(n, 0) AS n FROM {scan(parent, numbered=True)} AS parent LEFT JOIN ({counted}) AS child ON {join}"
    return _numbers(parent.parent, f"{sql} ORDER BY parent.file_row_number", "the children of each row", pq.read_metadata(parent).num_rows)


def lacking(child: Path, key: ForeignKey) -> Bools:
    """Which rows of the file `child` refer to nothing, because a column of `key` is missing."""
    found = []
    with pq.ParquetFile(child) as file:
        for batch in file.iter_batches(PART, columns=list(key.columns), use_threads=False):
            missing = [np.asarray(pc.is_null(batch.column(name)).to_numpy(zero_copy_only=False), dtype=np.bool_) for name in key.columns]
            found.append(np.logical_or.reduce(missing))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.bool_)


def distinct_together(files: Sequence[tuple[Path, str]]) -> int:
    """How many different persons are in the columns (file, column) together."""
    union = " UNION ".join(f"SELECT CAST({quoted(column)} AS VARCHAR) AS person FROM {scan(path)}" for path, column in files)
    with engine(files[0][0].parent, "the persons of all tables") as connection:
        _short_of_memory(connection)
        return int(first_row(connection, f"SELECT count(person) FROM ({union})")[0])


def _counted(child: Path, key: ForeignKey) -> tuple[str, str]:
    """(SQL of the rows of each key, SQL that joins it to `parent`). Where part of a key is missing it refers to nothing."""
    names = ", ".join(f"{quoted(name)} AS k{i}" for i, name in enumerate(key.columns))
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key.columns)
    join = " AND ".join(f"parent.{quoted(name)} = child.k{i}" for i, name in enumerate(key.parent_columns))
    grouped = ", ".join(f"k{i}" for i in range(len(key.columns)))
    return f"SELECT {grouped}, count(*) AS n FROM (SELECT {names} FROM {scan(child)} WHERE {present}) GROUP BY {grouped}", join


def _numbers(work: Path, sql: str, place: str, rows: int) -> Codes:
    counts = np.empty(rows, dtype=np.uint32)
    first = 0
    with engine(work, place) as connection:
        _short_of_memory(connection)
        for batch in batches(connection, sql):
            counts[first : first + len(batch)] = batch.column(0).to_numpy()
            first += len(batch)
    return counts.astype(narrowest(int(counts.max()) + 2)) if rows else counts


def _short_of_memory(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"SET memory_limit = '{MEMORY}'")
