"""Where a generated dataset goes: CSV files, a DuckDB file, an empty schema of a PostgreSQL database.

Tables are made with their primary and foreign keys and with NOT NULL, so that the database itself says whether the keys hold. Credentials
are referred to, never given: `postgresql:NAME#SCHEMA` means the address in the environment variable NAME, or a service of libpq.
"""

# ruff: noqa: S608  (SQL is put together from names that `quoted` and `literal` have escaped)
from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from generators.engine import engine, literal, quoted, scan
from generators.errors import InputError
from generators.generating.issuing import written
from generators.progress import Progress, silent
from generators.reading.csv_export import write_csv
from generators.schema import DatasetSchema, ForeignKey

_SQL_TYPES = {
    pa.string(): "TEXT",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
}
_ADDRESS = re.compile(r"postgresql:(?P<name>[A-Za-z_][A-Za-z0-9_-]*)[#/](?P<schema>[^#/]+)")


@dataclass(frozen=True)
class PostgresqlSchema:
    """A schema of a database. name: of the environment variable, or libpq service, that says where the database is."""

    name: str
    schema: str

    @staticmethod
    def of(reference: str) -> PostgresqlSchema:
        """From `postgresql:NAME#SCHEMA` (or with a slash); InputError when it is something else, such as an address with a password."""
        found = _ADDRESS.fullmatch(reference)
        if found is None:
            raise InputError(
                "write postgresql:NAME#SCHEMA, where NAME is an environment variable that holds the database's address, or a libpq service"
            )
        return PostgresqlSchema(found["name"], found["schema"])

    @property
    def reference(self) -> str:
        return f"postgresql:{self.name}#{self.schema}"


def declarations(schema: DatasetSchema, present: Mapping[str, Path], *, own_references: bool = True) -> dict[str, str]:
    """What stands between the brackets of CREATE TABLE, by table, parents first.

    Keys to tables that are not `present` are left out; with own_references false, those of a table to itself too.
    """
    referred: dict[str, set[tuple[str, ...]]] = {}
    for table in schema.tables:
        for key in table.foreign_keys:
            referred.setdefault(key.parent, set()).add(key.parent_columns)
    made = {}
    for table in schema.parents_first():
        if table.name not in present:
            continue
        lines = [f"{quoted(c.name)} {_SQL_TYPES[written(c)]}{'' if c.nullable else ' NOT NULL'}" for c in table.columns]
        unique = {(c.name,) for c in table.columns if c.unique} | referred.get(table.name, set())
        if table.primary_key:
            lines.append(f"PRIMARY KEY ({_names(table.primary_key)})")
        lines += [f"UNIQUE ({_names(columns)})" for columns in sorted(unique - {table.primary_key})]
        lines += [_reference(k) for k in table.foreign_keys if k.parent in present and (own_references or k.parent != table.name)]
        made[table.name] = ", ".join(lines)
    return made


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, columns))


def _reference(key: ForeignKey) -> str:
    return f"FOREIGN KEY ({_names(key.columns)}) REFERENCES {quoted(key.parent)} ({_names(key.parent_columns)})"


def to_duckdb(files: Mapping[str, Path], schema: DatasetSchema, out: Path, *, progress: Progress = silent) -> None:
    """Write the Parquet `files` (by table) as tables of the new DuckDB file `out`.

    A table's references to itself are not declared: DuckDB would check them against what was there before. Raises InputError when `out`
    exists, and when the data break a declared key; then nothing is left.
    """
    if out.exists():
        raise InputError(f"{out.name} exists already; name a new DuckDB file")
    made = declarations(schema, files, own_references=False)
    try:
        with engine(out.parent, f'writing "{out.name}"') as connection:
            connection.execute(f"ATTACH {literal(str(out))} AS delivered")
            connection.execute("USE delivered")
            for done, (name, inside) in enumerate(made.items()):
                progress(f"writing table {name}", done / len(made))
                connection.execute(f"CREATE TABLE {quoted(name)} ({inside})")
                columns = ", ".join(map(quoted, schema.table(name).names))
                connection.execute(f"INSERT INTO {quoted(name)} SELECT {columns} FROM {scan(files[name])}")
            connection.execute("USE memory")
            connection.execute("DETACH delivered")
    except BaseException:
        out.unlink(missing_ok=True)
        out.with_name(out.name + ".wal").unlink(missing_ok=True)
        raise
    progress("writing tables", 1.0)


def to_csv(files: Mapping[str, Path], schema: DatasetSchema, out: Path, *, progress: Progress = silent) -> dict[str, Path]:
    """Write `<table>.csv`, safe to open in a spreadsheet, for each of the Parquet `files` into the folder `out`; their paths."""
    paths = {}
    for done, (name, path) in enumerate(files.items()):
        progress(f"writing table {name}", done / len(files))
        paths[name] = out / f"{name}.csv"
        write_csv(path, paths[name], schema.table(name))
    return paths


def to_postgresql(files: Mapping[str, Path], schema: DatasetSchema, target: PostgresqlSchema, *, progress: Progress = silent) -> None:
    """Copy the Parquet `files` (by table) into the empty schema `target` with COPY, in one transaction; the schema is made when absent.

    Raises InputError when the database cannot be reached, the schema holds something, the account may not write, or the data break a
    declared key; whatever is raised, the database is as before.
    """
    try:
        import psycopg
    except ImportError:
        raise InputError('PostgreSQL needs the extra "postgres": pip install "synthportal[postgres]"') from None
    total, done = sum(pq.read_metadata(path).num_rows for path in files.values()), 0
    try:
        with psycopg.connect(os.environ.get(target.name) or f"service={target.name}", connect_timeout=20) as connection:
            _empty(connection, target)
            connection.execute(_literally(f"SET LOCAL search_path TO {quoted(target.schema)}"))
            for name, inside in declarations(schema, files).items():
                connection.execute(_literally(f"CREATE TABLE {quoted(name)} ({inside})"))
                columns = schema.table(name).names
                with (
                    connection.cursor() as cursor,
                    cursor.copy(_literally(f"COPY {quoted(name)} ({_names(columns)}) FROM STDIN (FORMAT csv)")) as copy,
                ):
                    for rows, text in _as_csv(files[name], columns):
                        copy.write(text)
                        done += rows
                        progress(f"copying table {name}", done / max(1, total), done, total)
    except psycopg.errors.InsufficientPrivilege:
        raise InputError(f"{target.reference}: the account may not make tables there; ask for CREATE on the schema") from None
    except (psycopg.Error, UnicodeError) as error:
        # The database's message may quote a row or the address.
        raise InputError(
            f"{target.reference}: the database could not be reached or did not take the tables ({type(error).__name__}); nothing was kept; "
            f'"{target.name}" must be an environment variable that holds its address (postgresql://…), or a service of libpq'
        ) from None


def _literally(sql: str) -> Any:
    """SQL that psycopg takes as it stands: it asks for a literal, so that nobody composes values into it; here it is quoted names."""
    return sql.encode()


def _empty(connection: Any, target: PostgresqlSchema) -> None:
    found = connection.execute(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN "
        "('r', 'v', 'm', 'p', 'f', 'S')",
        (target.schema,),
    ).fetchone()
    if found[0]:
        raise InputError(f"{target.reference} is not empty: it holds {found[0]} tables or views; name an empty or a new schema")
    there = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", (target.schema,)).fetchone()
    if not there[0]:
        connection.execute(_literally(f"CREATE SCHEMA {quoted(target.schema)}"))


def _as_csv(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
    """A Parquet file in pieces of CSV: text quoted, so that an empty one is not taken for a missing one."""
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(65_536, columns=list(columns)):
            sink = io.BytesIO()
            pyarrow.csv.write_csv(batch.select(list(columns)), sink, options)
            yield batch.num_rows, sink.getvalue()
