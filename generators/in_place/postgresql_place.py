"""A schema of a PostgreSQL database as a place."""

# ruff: noqa: S608  (names in SQL are this module's own; everything else is a parameter)
from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from ibis.backends.sql.compilers import PostgresCompiler  # type: ignore[import-untyped]

from generators.errors import InputError
from generators.in_place.canonical_sql import SourceColumn, source_column
from generators.in_place.places import Compiled, DeclaredKeys, Failure, table_of
from generators.in_place.spelling import SPELLINGS
from generators.schema import ForeignKey

BATCH = 65_536


class PostgresPlace(Compiled):
    """A schema of a PostgreSQL database: one transaction, read-only, in which the data stand still (REPEATABLE READ)."""

    def __init__(self, name: str, schema: str) -> None:
        self.reference = f"postgresql:{name}#{schema}"
        self.spelling, self.compiler = SPELLINGS["postgres"], PostgresCompiler()
        self.schema, self.failure, self.lock = schema, Failure(self.reference), threading.Lock()
        try:
            import psycopg
        except ImportError:
            raise InputError('PostgreSQL needs the extra "postgres": pip install "synthportal[postgres]"') from None
        self.errors = psycopg.errors
        address = os.environ.get(name) or f"service={name}"
        try:
            self.connection = psycopg.connect(
                address, options="-c default_transaction_read_only=on -c timezone=UTC -c datestyle=ISO -c jit=off", connect_timeout=20
            )
            self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self.connection.read_only = True
        except (psycopg.Error, UnicodeError) as error:
            raise InputError(
                f'{self.reference} cannot be reached ({type(error).__name__}); "{name}" must be an environment variable that holds its '
                "address (postgresql://…), or a service of libpq"
            ) from None
        if not self.tables():
            self.close()
            raise InputError(f"{self.reference} has no table that the account may see; name another schema after #")

    def tables(self) -> tuple[str, ...]:
        sql = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN "
        return tuple(name for (name,) in self._rows(sql + "('r', 'v', 'm', 'p', 'f') ORDER BY c.relname", (self.schema,), "its tables"))

    def columns(self, table: str) -> tuple[SourceColumn, ...]:
        sql = (
            "SELECT a.attname, CASE WHEN t.typtype = 'e' THEN 'text' WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) "
            "ELSE format_type(a.atttypid, a.atttypmod) END, a.attnotnull FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        )
        found = self._rows(sql, (self.schema, table), f'table "{table}"')
        if not found:
            raise self.failure.vanished(f'table "{table}"')
        return tuple(source_column(name, declared, not needed) for name, declared, needed in found)

    def keys(self, table: str) -> DeclaredKeys:
        names = (
            "ARRAY(SELECT a.attname::text FROM unnest({keys}) WITH ORDINALITY AS k(number, place) "
            "JOIN pg_attribute a ON a.attrelid = {of} AND a.attnum = k.number ORDER BY k.place)"
        )
        here, there = names.format(keys="o.conkey", of="o.conrelid"), names.format(keys="o.confkey", of="o.confrelid")
        sql = (
            f"SELECT o.contype::text, {here}, p.relname, {there}, pn.nspname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class p ON p.oid = o.confrelid "
            "LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE n.nspname = %s AND c.relname = %s AND o.contype IN ('p', 'f') "
            "ORDER BY o.conname"
        )
        found = self._rows(sql, (self.schema, table), f'table "{table}"')
        primary = next((tuple(columns) for kind, columns, *_ in found if kind == "p"), ())
        foreign = tuple(ForeignKey(tuple(c), p, tuple(pc)) for kind, c, p, pc, schema in found if kind == "f" and schema == self.schema)
        return DeclaredKeys(primary, foreign)

    def source(self, table: str) -> str:
        return self.spelling.name(self.schema, table)

    def answer(self, sql: str, schema: pa.Schema, about: str) -> pa.Table:
        return table_of(self._batches(sql, None, about), schema)

    def _rows(self, sql: str, parameters: Sequence[Any], about: str) -> list[tuple[Any, ...]]:
        return [row for batch in self._batches(sql, parameters, about) for row in batch]

    def _batches(self, sql: str, parameters: Sequence[Any] | None, about: str) -> Iterator[list[tuple[Any, ...]]]:
        errors = self.errors
        with self.lock:
            try:
                cursor = self.connection.execute(sql, parameters)
                while batch := cursor.fetchmany(BATCH):
                    yield batch
            except errors.InsufficientPrivilege:
                raise self.failure.forbidden(about) from None
            except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName):
                raise self.failure.vanished(about) from None
            except (errors.OperationalError, errors.InterfaceError) as error:
                if self.connection.broken or self.connection.closed:
                    raise self.failure.lost(about) from None
                raise self.failure.other(about, error) from None
            except errors.Error as error:
                raise self.failure.other(about, error) from None

    def close(self) -> None:
        self.connection.close()
