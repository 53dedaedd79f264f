"""The split into train and holdout, by person, before anything looks at the data.

A person is on one side for ever: the side depends on the key and the person key alone, not on row order, other persons or the snapshot.
"""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from generators.atomic import write_parquet
from generators.engine import arrow_schema, batches, engine, first_row, literal, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading.dataset import TableFile
from generators.schema import DatasetSchema, TableSchema
from generators.working_copy.deidentify import hmac_parameters, hmac_sql
from generators.working_copy.relations import PeopleOf, key_text, people_of

_DIGITS = 13
"""Hexadecimal digits of a person's hash that place it: 52 bits, exact in a 64-bit float."""


KEPT_WHOLE = "kept whole"
ROW_NUMBER = "row number"


@dataclass(frozen=True)
class Split:
    """Train and holdout of one snapshot.

    train, holdout: canonical file by table name; train_persons, holdout_persons: persons on each side
    (rows, where no table has persons);
    train_rows, holdout_rows: rows by table; digest: SHA-256 (hex) over the sorted hashes of the holdout's persons;
    by: what each table was split by, in words ('person key "patient_id"', "person reached through its foreign keys", "row number",
    "kept whole"); public: the file of each vocabulary, which is about nobody and on neither side.
    """

    train: Mapping[str, Path]
    holdout: Mapping[str, Path]
    train_persons: int
    holdout_persons: int
    train_rows: Mapping[str, int]
    holdout_rows: Mapping[str, int]
    digest: str
    by: Mapping[str, str]
    public: Mapping[str, Path] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a steward should know: tables that could not be split by person."""
        said = {
            ROW_NUMBER: "has no person key: it was split by row number, so one person's records may be on both sides",
            KEPT_WHOLE: "has no person, and other tables refer to it: it is whole on both sides, so nothing in it was held out",
        }
        return tuple(f'table "{table}" {said[how]}' for table, how in self.by.items() if how in said)


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
    share of persons is. A table without a person key follows the persons its foreign keys reach. Of tables about nobody, those that
    others refer to are whole on both sides, else those would refer to what is not there; the rest is split by row number in the same
    way; the result says so. Vocabularies are on neither side.
    schema: the schema of the files (raw or de-identified). Raises InputError when a row has no person, when `holdout` is not
    between 0 and 1, or when a side would have no person; nothing is then left behind.
    """
    if not 0 < holdout < 1:
        raise InputError(f"the holdout's share is {holdout:g}; it must lie between 0 and 1, for example 0.2")
    out = Path(out)
    paths = {file.name: file.path for file in table_files}
    public = {file.name: file.path for file in table_files if schema.table(file.name).public}
    tables = [_Sided.of(file, schema, paths) for file in table_files if file.name not in public]
    parameters = hmac_parameters(key)
    written: list[Path] = []
    try:
        with engine(out, "the split") as connection:
            persons, held, digest = _persons(connection, tables, parameters, holdout, progress)
            sides = {"train": f">= {holdout!r}", "holdout": f"< {holdout!r}"}
            rows: dict[str, dict[str, int]] = {side: {} for side in sides}
            files: dict[str, dict[str, Path]] = {side: {} for side in sides}
            step, steps = 0, 2 * len(tables)
            for table in tables:
                for side, where in sides.items():
                    target = out / side / f"{table.file.name}.parquet"

                    def watch(done: int, start: float = 0.3 + 0.7 * step / steps, total: int = table.file.rows) -> None:
                        progress("writing train and holdout", start + 0.7 / steps * min(1.0, done / max(1, total)), done, total)

                    written.append(target)
                    selected = batches(connection, table.sql(where), parameters if table.placed else None)
                    rows[side][table.file.name] = write_parquet(target, table.stored, selected, watch=watch)
                    files[side][table.file.name] = target
                    step += 1
                table.check(sum(rows[side][table.file.name] for side in sides))
    except BaseException:
        for target in written:
            target.unlink(missing_ok=True)
        for side in ("train", "holdout"):
            with suppress(OSError):
                (out / side).rmdir()
        raise
    by = {table.file.name: table.by for table in tables}
    return Split(files["train"], files["holdout"], persons - held, held, rows["train"], rows["holdout"], digest, by, public)


@dataclass(frozen=True)
class _Sided:
    """One table on its way to two sides. people: who its rows are about, None where nobody; placed: SQL of the text whose hash places a
    row, None where the table is kept whole; by: see `Split.by`.
    """

    file: TableFile
    table: TableSchema
    people: PeopleOf | None
    placed: str | None
    by: str

    @staticmethod
    def of(file: TableFile, schema: DatasetSchema, paths: Mapping[str, Path]) -> _Sided:
        table = schema.table(file.name)
        people = people_of(schema, table.name, paths)
        if people is not None:
            how = f'person key "{table.person_key}"' if table.person_key else "person reached through its foreign keys"
            return _Sided(file, table, people, f"'split:' || ({key_text(people.column, people.person)})", how)
        if any(key.parent == table.name for other in schema.tables if other is not table for key in other.foreign_keys):
            return _Sided(file, table, None, None, KEPT_WHOLE)
        row = f"'split:row:' || CAST(t0.file_row_number AS VARCHAR) || {literal(':' + table.name)}"
        return _Sided(file, table, None, row, ROW_NUMBER)

    def check(self, written: int) -> None:
        """InputError when rows were written twice because a reference found several rows."""
        if self.people is not None and written != self.file.rows:
            raise InputError(
                f'table "{self.file.name}": {written - self.file.rows:,} of its references lead to more than one row; '
                "a foreign key must lead to a key that is unique: correct the schema, or mend the files"
            )

    @property
    def source(self) -> str:
        return f"{scan(self.file.path, numbered=True)} AS t0" if self.people is None else self.people.source

    @property
    def stored(self) -> pa.Schema:
        plain = arrow_schema(self.table)
        return plain if self.table.persons_by is None else plain.append(pa.field(self.table.persons_by, pa.string()))

    def sql(self, where: str) -> str:
        """The rows of one side, in their order."""
        columns = ", ".join(f"t0.{quoted(name)}" for name in self.stored.names)
        if self.placed is None:
            return f"SELECT {columns} FROM {scan(self.file.path)} AS t0"
        joined = self.people is not None and self.people.route
        order = " ORDER BY t0.file_row_number" if joined else ""
        return f"SELECT {columns} FROM {self.source} WHERE {_fraction(f'({hmac_sql(self.placed)})')} {where}{order}"


def _persons(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[_Sided], parameters: Mapping[str, bytes], holdout: float, progress: Progress
) -> tuple[int, int, str]:
    """(persons, those of them held out, digest of these); rows count as persons where no table has any. InputError for an empty side."""
    placed = [t for t in tables if t.people is not None] or [t for t in tables if t.placed is not None]
    for i, table in enumerate(placed):
        progress("finding each person's side", 0.3 * i / len(placed))
        _hashed(connection, i, table, parameters)
    persons, held = _digest_counts(connection, len(placed), holdout) if placed else (0, 0)
    if held == 0 or held == persons:
        side = "holdout" if held == 0 else "train"
        raise InputError(
            f"the {side} side of the split would be empty: {persons:,} person{'s are' if persons != 1 else ' is'} too few to hold "
            f"{holdout:.0%} of them out; use more data or another share"
        )
    return persons, held, _digest(connection, len(placed), holdout)


def _fraction(hashed: str) -> str:
    """SQL: a hash as a number from 0 to 1."""
    return f"(CAST('0x' || substr({hashed}, 1, {_DIGITS}) AS BIGINT) / {16**_DIGITS}.0)"


def _hashed(connection: duckdb.DuckDBPyConnection, i: int, table: _Sided, parameters: Mapping[str, bytes]) -> None:
    """The different persons of a table, as hashes, in a temporary table of the engine (spilled to the work folder when large)."""
    if table.people is not None:
        (missing,) = first_row(connection, f"SELECT count_if({table.people.person} IS NULL) FROM {table.source}")
        if missing:
            key = table.table.counts_by
            what = f'the person key "{key}" is missing' if key else "no person is reached through the foreign keys"
            raise InputError(
                f'table "{table.file.name}": {what} in {missing:,} of {table.file.rows:,} records; '
                "choose another person key, or mend the file"
            )
    persons = f"SELECT DISTINCT {table.placed} AS person FROM {table.source}"
    connection.execute(f"CREATE TEMP TABLE persons{i} AS SELECT {hmac_sql('person')} AS h FROM ({persons})", dict(parameters))


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
