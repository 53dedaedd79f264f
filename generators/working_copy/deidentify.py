"""The de-identified working copy: direct identifiers left out, keys replaced by keyed tokens. Still personal data."""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from generators.atomic import write_parquet, writing
from generators.engine import arrow_schema, batches, engine, first_row, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading.dataset import Dataset, TableFile
from generators.schema import REACHED, ColumnSchema, Kind, TableSchema
from generators.working_copy.relations import PeopleOf, key_text, people_of

TOKEN_CHARACTERS = 32
"""Hexadecimal characters of a token: 128 of HMAC-SHA256's 256 bits, so two of a billion keys meet with a chance of about 1 in 10²¹."""

MINIMUM_KEY_BYTES = 16

_BLOCK = 64  # bytes of a SHA-256 block (RFC 2104)


def hmac_parameters(key: bytes) -> dict[str, bytes]:
    """The two padded keys of HMAC-SHA256 (RFC 2104), for the parameters `$inner` and `$outer` of `hmac_sql`."""
    if len(key) < MINIMUM_KEY_BYTES:
        raise InputError(f"the key has {len(key)} bytes; it needs at least {MINIMUM_KEY_BYTES}")
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return {"inner": bytes(b ^ 0x36 for b in padded), "outer": bytes(b ^ 0x5C for b in padded)}


def hmac_sql(text: str) -> str:
    """SQL: HMAC-SHA256 (64 hexadecimal characters) of the text's UTF-8 bytes; NULL for NULL. Needs `hmac_parameters`."""
    return f"sha256($outer::BLOB || unhex(sha256($inner::BLOB || encode({text}))))"


def deidentify_dataset(dataset: Dataset, key: bytes, out: Path | str, *, progress: Progress = silent) -> Dataset:
    """The working copy of every table in the folder `out`, in the schema `dataset.schema.deidentified()`; see `deidentify`.

    Vocabularies are copied as they are. Tables that reach their persons through foreign keys get the further column `REACHED`. Raises
    InputError, too, for rows that reach nobody (`generators.working_copy.relations.check_keys` says so before); what was written is then
    removed.
    """
    out, schema, paths = Path(out), dataset.schema, dataset.paths
    made: list[TableFile] = []
    try:
        for i, file in enumerate(dataset.tables):
            table = schema.table(file.name)

            def part(stage: str, fraction: float, rows: int | None = None, total: int | None = None, i: int = i) -> None:
                progress(stage, (i + fraction) / len(dataset.tables), rows, total)

            if table.public:
                made.append(_copied(file, out / f"{file.name}.parquet"))
            else:
                people = people_of(schema, file.name, paths) if schema.person_route(file.name) else None
                made.append(deidentify(file, table, key, out, people=people, progress=part))
    except BaseException:
        for file in made:
            file.path.unlink(missing_ok=True)
        raise
    return Dataset(tuple(made), schema.deidentified(), dataset.findings)


def deidentify(
    table_file: TableFile,
    table_schema: TableSchema,
    key: bytes,
    out: Path | str,
    *,
    people: PeopleOf | None = None,
    progress: Progress = silent,
) -> TableFile:
    """Write the working copy of a canonical table as `<table>.parquet` in the folder `out`; its schema is `table_schema.deidentified()`.

    Columns for which `TableSchema.dropped` holds are left out; those for which `tokenised` holds become the first 32 hexadecimal
    characters of HMAC-SHA256(key, value as text): the same value under the same key gives the same token in every table and snapshot.
    people: how a table without a person key reaches its persons; their tokens become the column `REACHED`.
    Missing keys other than the person key stay missing. Rows keep their order. Memory does not grow with the number of rows.
    Raises InputError for a missing person key (column, count and first row), a key that is too short, or a full disk.
    """
    out = Path(out)
    kept = table_schema.deidentified()
    parameters = hmac_parameters(key)
    with engine(out, f'table "{table_schema.name}"') as connection:
        _check_persons(connection, table_file, table_schema, people)
        columns = [table_schema.column(c.name) for c in kept.columns]
        values = [_token(c, f"t0.{quoted(c.name)}") if table_schema.tokenised(c) else f"t0.{quoted(c.name)}" for c in columns]
        source, stored = f"{scan(table_file.path)} AS t0", arrow_schema(kept)
        if people is not None:
            values.append(_token(people.column, people.person))
            source, stored = f"{people.source} ORDER BY t0.file_row_number", stored.append(pa.field(REACHED, pa.string()))
        if not values:
            raise InputError(
                f'table "{table_schema.name}": every column is taken for a direct identifier and left out, so nothing remains; '
                'say in the schema which may stay (role "other")'
            )
        tokens = people is not None or any(table_schema.tokenised(c) for c in columns)

        def watch(done: int) -> None:
            progress("replacing keys by tokens", done / max(1, table_file.rows), done, table_file.rows)

        target = out / f"{table_schema.name}.parquet"
        select = ", ".join(f"{value} AS c{i}" for i, value in enumerate(values))
        rows = write_parquet(
            target, stored, batches(connection, f"SELECT {select} FROM {source}", parameters if tokens else None), watch=watch
        )
    return replace(table_file, path=target, rows=rows)


def _check_persons(connection: duckdb.DuckDBPyConnection, file: TableFile, table: TableSchema, people: PeopleOf | None) -> None:
    """InputError where a row has no person, or reaches several."""
    if people is None:
        if table.person_key is None:
            return
        people = PeopleOf(f"{scan(file.path, numbered=True)} AS t0", f"t0.{quoted(table.person_key)}", table.column(table.person_key))
    missing, total, first = first_row(
        connection,
        f"SELECT count_if({people.person} IS NULL), count(*), min(CASE WHEN {people.person} IS NULL THEN t0.file_row_number + 1 END) "
        f"FROM {people.source}",
    )
    if missing and not people.route:
        raise InputError(
            f'table "{table.name}": the person key "{table.person_key}" is missing in {missing:,} of {total:,} '
            f"records (first: row {first:,}); choose another person key, or mend the file and send it again"
        )
    if missing:
        raise InputError(
            f'table "{table.name}": {missing:,} of {total:,} records reach no person through their foreign keys (first: row {first:,}); '
            "mend the files, or give the table a person key"
        )
    if people.route and total != file.rows:
        raise InputError(
            f'table "{table.name}": {total - file.rows:,} of its references lead to more than one row, through "{people.route[0].parent}"; '
            "a foreign key must lead to a key that is unique: correct the schema, or mend the files"
        )


def _token(column: ColumnSchema, value: str) -> str:
    # dates and the like are never keys, but a steward may say so: their text is the same whatever the source's format was
    plain = replace(column, format=None) if column.kind in (Kind.DATE, Kind.DATETIME) else column
    return f"substr({hmac_sql(key_text(plain, value))}, 1, {TOKEN_CHARACTERS})"


def _copied(file: TableFile, target: Path) -> TableFile:
    with file.path.open("rb") as source, writing(target) as copy:
        shutil.copyfileobj(source, copy)
    return replace(file, path=target)
