"""The de-identified working copy: direct identifiers left out, keys replaced by keyed tokens. Still personal data."""

# ruff: noqa: S608  (SQL is put together from column positions and names that `quoted` and `literal` have escaped)
from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from generators.atomic import write_parquet
from generators.casting import as_text
from generators.dataset import TableFile
from generators.engine import ROW, arrow_schema, batches, engine, first_row, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.schema import ColumnSchema, Kind, TableSchema

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


def key_text(column: ColumnSchema, value: str) -> str:
    """SQL: the text a key is known by, whatever its storage: 5 and "5" are one person; so are an NHS number's spellings."""
    text = f"trim({as_text(column, value)})"
    spaced = f"regexp_full_match({text}, '[0-9]{{3}}[ -][0-9]{{3}}[ -][0-9]{{4}}')"
    return f"CASE WHEN {spaced} THEN regexp_replace({text}, '[ -]', '', 'g') ELSE {text} END"


def deidentify(table_file: TableFile, table_schema: TableSchema, key: bytes, out: Path | str, *, progress: Progress = silent) -> TableFile:
    """Write the working copy of a canonical table as `<table>.parquet` in the folder `out`; its schema is `table_schema.deidentified()`.

    Columns for which `TableSchema.dropped` holds are left out; those for which `tokenised` holds become the first 32 hexadecimal
    characters of HMAC-SHA256(key, value as text): the same value under the same key gives the same token in every table and snapshot.
    Missing keys other than the person key stay missing. Rows keep their order. Memory does not grow with the number of rows.
    Raises InputError for a missing person key (column, count and first row), a key that is too short, or a full disk.
    """
    out = Path(out)
    kept = table_schema.deidentified()
    parameters = hmac_parameters(key)
    with engine(out, f'table "{table_schema.name}"') as connection:
        if table_schema.person_key is not None:
            v = quoted(table_schema.person_key)
            missing, total, first = first_row(
                connection,
                f"SELECT count_if({v} IS NULL), count(*), min(CASE WHEN {v} IS NULL THEN {ROW} END) "
                f"FROM {scan(table_file.path, numbered=True)}",
            )
            if missing:
                raise InputError(
                    f'table "{table_schema.name}": the person key "{table_schema.person_key}" is missing in {missing:,} of {total:,} '
                    f"records (first: row {first:,}); choose another person key, or mend the file and send it again"
                )
        select = ", ".join(_value(table_schema, table_schema.column(c.name)) for c in kept.columns)
        tokens = any(table_schema.tokenised(table_schema.column(c.name)) for c in kept.columns)

        def watch(done: int) -> None:
            progress("replacing keys by tokens", done / max(1, table_file.rows), done, table_file.rows)

        target = out / f"{table_schema.name}.parquet"
        rows = write_parquet(
            target,
            arrow_schema(kept),
            batches(connection, f"SELECT {select} FROM {scan(table_file.path)}", parameters if tokens else None),
            watch=watch,
        )
    return replace(table_file, path=target, rows=rows)


def _value(table: TableSchema, column: ColumnSchema) -> str:
    if not table.tokenised(column):
        return quoted(column.name)
    # dates and the like are never keys, but a steward may say so: their text is the same whatever the source's format was
    plain = replace(column, format=None) if column.kind in (Kind.DATE, Kind.DATETIME) else column
    return f"substr({hmac_sql(key_text(plain, quoted(column.name)))}, 1, {TOKEN_CHARACTERS})"
