"""A DuckDB file, or files that were read into canonical Parquet, as a place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from ibis.backends.sql.compilers import DuckDBCompiler  # type: ignore[import-untyped]

from generators.engine import scan
from generators.errors import InputError
from generators.in_place.canonical_sql import SourceColumn, source_column
from generators.in_place.places import Compiled, DeclaredKeys, Failure
from generators.in_place.spelling import SPELLINGS
from generators.reading.dataset import Dataset
from generators.schema import ForeignKey

MEMORY = "700MB"
"""What DuckDB may take before it spills."""


class DuckPlace(Compiled):
    """A DuckDB file, opened read-only, or canonical Parquet files."""

    def __init__(self, reference: str, connection: duckdb.DuckDBPyConnection, schema: str, files: Mapping[str, Path] | None = None) -> None:
        self.reference, self.spelling, self.compiler = reference, SPELLINGS["duckdb"], DuckDBCompiler()
        self.connection, self.schema, self.files = connection, schema, files
        self.failure = Failure(reference)

    @staticmethod
    def of_file(path: Path, schema: str, spill: Path | None) -> DuckPlace:
        reference = f"{path.name}#{schema}"
        try:
            connection = duckdb.connect(str(path), read_only=True, config=settings(spill))
        except duckdb.Error as error:
            raise InputError(
                f"{path.name} cannot be opened as a DuckDB file ({type(error).__name__}); is it one, and closed elsewhere?"
            ) from None
        connection.execute("SET TimeZone = 'UTC'")
        place = DuckPlace(reference, connection, schema)
        if not place.tables():
            connection.close()
            raise InputError(f'{path.name} has no table in the schema "{schema}"; name another after #')
        return place

    @staticmethod
    def of_dataset(dataset: Dataset, reference: str, spill: Path | None = None) -> DuckPlace:
        """Files that `generators.reading.tables.read_dataset` made."""
        connection = duckdb.connect(config=settings(spill))
        connection.execute("SET TimeZone = 'UTC'")
        return DuckPlace(reference, connection, "main", {t.name: t.path for t in dataset.tables})

    def tables(self) -> tuple[str, ...]:
        if self.files is not None:
            return tuple(self.files)
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name"
        return tuple(name for (name,) in self.connection.execute(sql, [self.schema]).fetchall())

    def columns(self, table: str) -> tuple[SourceColumn, ...]:
        if table not in self.tables():
            raise self.failure.vanished(f'table "{table}"')
        with self._answering(f'table "{table}"'):
            found = self.connection.cursor().execute(f"DESCRIBE SELECT * FROM {self.source(table)}").fetchall()  # noqa: S608 - quoted
            return tuple(source_column(name, declared) for name, declared, *_ in found)

    def keys(self, table: str) -> DeclaredKeys:
        if self.files is not None:
            return DeclaredKeys()
        found = self.connection.execute(
            "SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names FROM duckdb_constraints() "
            "WHERE schema_name = ? AND table_name = ? AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')",
            [self.schema, table],
        ).fetchall()
        primary = next((tuple(columns) for kind, columns, _, _ in found if kind == "PRIMARY KEY"), ())
        return DeclaredKeys(primary, tuple(ForeignKey(tuple(c), p, tuple(pc)) for kind, c, p, pc in found if kind == "FOREIGN KEY"))

    def source(self, table: str) -> str:
        if self.files is None:
            return self.spelling.name(self.schema, table)
        return scan(self.files[table])

    def answer(self, sql: str, schema: pa.Schema, about: str) -> pa.Table:
        with self._answering(about):
            return self.connection.cursor().execute(sql).to_arrow_table().cast(schema)

    @contextmanager
    def _answering(self, about: str) -> Iterator[None]:
        try:
            yield
        except (duckdb.CatalogException, duckdb.BinderException):
            raise self.failure.vanished(about) from None
        except (duckdb.Error, pa.ArrowException) as error:
            raise self.failure.other(about, error) from None

    def close(self) -> None:
        self.connection.close()


def settings(spill: Path | None) -> dict[str, str | bool | int | float | list[str]]:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "autoinstall_known_extensions": "false",
        "temp_directory": "" if spill is None else str(spill),
    }
    return settings
