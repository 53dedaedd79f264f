"""The split into train and holdout, by person, before anything looks at the data.

A person is on one side for ever: the side depends on the key and the person key alone, not on row order, other persons or the snapshot.
"""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from generators.atomic import write_parquet
from generators.dataset import TableFile
from generators.deidentify import hmac_parameters, hmac_sql
from generators.engine import arrow_schema, batches, engine, first_row, literal, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.relations import key_text
from generators.schema import DatasetSchema, TableSchema

_DIGITS = 13
"""Hexadecimal digits of a person's hash that place it: 52 bits, exact in a 64-bit float."""


@dataclass(frozen=True)
class Split:
    """Train and holdout of one snapshot.

    train, holdout: canonical file by table name; train_persons, holdout_persons: persons on each side
    (rows, where a table has no person key);
    train_rows, holdout_rows: rows by table; digest: SHA-256 (hex) over the sorted hashes of the holdout's persons;
    by: what each table was split by, in words ('person key "patient_id"', "row number").
    """

    train: Mapping[str, Path]
    holdout: Mapping[str, Path]
    train_persons: int
    holdout_persons: int
    train_rows: Mapping[str, int]
    holdout_rows: Mapping[str, int]
    digest: str
    by: Mapping[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a steward should know: tables that could not be split by person."""
        return tuple(
            f'table "{table}" has no person key: it was split by row number, so one person\'s records may be on both sides'
            for table, how in self.by.items()
            if how == "row number"
        )


def split(
    table_files: Sequence[TableFile],
    schema: DatasetSchema,
    *,
    key: bytes,
    holdout: float = 0.2,
    out: Path | str,
    progress: Progress = silent,
) -> Split:
    """Write `train/<table>.parquet` and `holdout/<table>.parquet` in the folder `out`; every column as it is, rows in their order.

    A person is held out when HMAC-SHA256(key, "split:" + person key as text), read as a fraction, is below `holdout`, so about that
    share of persons is. A table without a person key is split by row number in the same way, and the result says so.
    schema: the schema of the files (raw or de-identified). Raises InputError when a person key is missing somewhere, when `holdout` is not
    between 0 and 1, or when a side would have no person; nothing is then left behind.
    """
    if not 0 < holdout < 1:
        raise InputError(f"the holdout's share is {holdout:g}; it must lie between 0 and 1, for example 0.2")
    out = Path(out)
    tables = [(file, schema.table(file.name)) for file in table_files]
    parameters = hmac_parameters(key)
    written: list[Path] = []
    try:
        with engine(out, "the split") as connection:
            for i, (file, table) in enumerate(tables):
                progress("finding each person's side", 0.3 * i / len(tables))
                _hashed(connection, i, file, table, parameters)
            persons, held = _digest_counts(connection, len(tables), holdout)
            if held == 0 or held == persons:
                side = "holdout" if held == 0 else "train"
                raise InputError(
                    f"the {side} side of the split would be empty: {persons:,} person{'s are' if persons != 1 else ' is'} too few to hold "
                    f"{holdout:.0%} of them out; use more data or another share"
                )
            digest = _digest(connection, len(tables), holdout)
            sides = {"train": False, "holdout": True}
            rows: dict[str, dict[str, int]] = {side: {} for side in sides}
            paths: dict[str, dict[str, Path]] = {side: {} for side in sides}
            step, steps = 0, 2 * len(tables)
            for file, table in tables:
                for side, is_holdout in sides.items():
                    target = out / side / f"{table.name}.parquet"
                    fraction = f"({_hash(table)})"
                    where = f"{_fraction(fraction)} {'<' if is_holdout else '>='} {holdout!r}"
                    columns = ", ".join(quoted(c.name) for c in table.columns)
                    sql = f"SELECT {columns} FROM {scan(file.path, numbered=True)} WHERE {where}"

                    def watch(done: int, start: float = 0.3 + 0.7 * step / steps, total: int = file.rows) -> None:
                        progress("writing train and holdout", start + 0.7 / steps * min(1.0, done / max(1, total)), done, total)

                    written.append(target)
                    rows[side][table.name] = write_parquet(target, arrow_schema(table), batches(connection, sql, parameters), watch=watch)
                    paths[side][table.name] = target
                    step += 1
    except BaseException:
        for target in written:
            target.unlink(missing_ok=True)
        for side in ("train", "holdout"):
            with suppress(OSError):
                (out / side).rmdir()
        raise
    by = {t.name: f'person key "{t.person_key}"' if t.person_key else "row number" for _, t in tables}
    return Split(paths["train"], paths["holdout"], persons - held, held, rows["train"], rows["holdout"], digest, by)


def _hash(table: TableSchema) -> str:
    """SQL: the hash that places a record's person (64 hexadecimal characters)."""
    if table.person_key is None:
        return hmac_sql(f"'split:row:' || CAST(file_row_number AS VARCHAR) || {literal(':' + table.name)}")
    column = table.column(table.person_key)
    return hmac_sql(f"'split:' || ({key_text(column, quoted(column.name))})")


def _fraction(hashed: str) -> str:
    """SQL: a hash as a number from 0 to 1."""
    return f"(CAST('0x' || substr({hashed}, 1, {_DIGITS}) AS BIGINT) / {16**_DIGITS}.0)"


def _hashed(connection: duckdb.DuckDBPyConnection, i: int, file: TableFile, table: TableSchema, parameters: Mapping[str, bytes]) -> None:
    """The different persons of a table, as hashes, in a temporary table of the engine (spilled to the work folder when large)."""
    if table.person_key is not None:
        v = quoted(table.person_key)
        (missing,) = first_row(connection, f"SELECT count_if({v} IS NULL) FROM {scan(file.path)}")
        if missing:
            raise InputError(
                f'table "{table.name}": the person key "{table.person_key}" is missing in {missing:,} of {file.rows:,} records; '
                "choose another person key, or mend the file"
            )
    connection.execute(
        f"CREATE TEMP TABLE persons{i} AS SELECT DISTINCT {_hash(table)} AS h FROM {scan(file.path, numbered=True)}",
        dict(parameters),
    )


def _all_persons(tables: int) -> str:
    return " UNION ".join(f"SELECT h FROM persons{i}" for i in range(tables))


def _digest_counts(connection: duckdb.DuckDBPyConnection, tables: int, holdout: float) -> tuple[int, int]:
    counted = first_row(connection, f"SELECT count(*), count_if({_fraction('h')} < {holdout!r}) FROM ({_all_persons(tables)})")
    return int(counted[0]), int(counted[1])


def _digest(connection: duckdb.DuckDBPyConnection, tables: int, holdout: float) -> str:
    digest = hashlib.sha256()
    for batch in batches(
        connection, f"SELECT h || chr(10) AS h FROM ({_all_persons(tables)}) WHERE {_fraction('h')} < {holdout!r} ORDER BY h"
    ):
        digest.update("".join(batch.column(0).to_pylist()).encode())
    return digest.hexdigest()
