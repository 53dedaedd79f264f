"""The tables of a Spark catalogue as a place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ibis  # type: ignore[import-untyped]
import pyarrow as pa
from ibis.backends.sql.compilers import PySparkCompiler  # type: ignore[import-untyped]

from generators.errors import InputError
from generators.in_place.canonical_sql import SourceColumn, source_column
from generators.in_place.places import Compiled, DeclaredKeys, Failure, table_of
from generators.in_place.spelling import SPELLINGS


class SparkPlace(Compiled):
    """The tables of a Spark catalogue's schema, or of a session's current one (its temporary views too). Only SELECT is ever said."""

    def __init__(self, schema: str, session: Any = None) -> None:
        self.reference = f"spark:{schema}"
        try:
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession

            ibis.pyspark  # noqa: B018 - registers the options its compiler reads
        except ImportError:
            raise InputError('Spark needs the extra "spark": pip install "synthportal[spark]", and Java 17') from None
        self.spelling, self.compiler = SPELLINGS["pyspark"], PySparkCompiler()
        self.schema, self.failure, self.error = schema, Failure(self.reference), PySparkException
        try:
            self.session = session or SparkSession.builder.getOrCreate()
            self.zone = self.session.conf.get("spark.sql.session.timeZone")
            self.session.conf.set("spark.sql.session.timeZone", "UTC")
            self.ansi = self.session.conf.get("spark.sql.ansi.enabled")
            self.session.conf.set("spark.sql.ansi.enabled", "true")
        except Exception as error:  # the Java side raises what it likes, and its words may hold an address
            raise InputError(f"{self.reference}: Spark cannot be started ({type(error).__name__}); it needs Java 17") from None
        if not self.tables():
            raise InputError(f'{self.reference} has no table; name a schema after "spark:"')

    def tables(self) -> tuple[str, ...]:
        with self._answering("its tables"):
            found = self.session.catalog.listTables(self.schema or None)
            return tuple(sorted(t.name for t in found if self.schema == "" or not t.isTemporary))

    def columns(self, table: str) -> tuple[SourceColumn, ...]:
        with self._answering(f'table "{table}"'):
            fields = self.session.table(self.source(table)).schema.fields
            return tuple(source_column(f.name, f.dataType.simpleString(), f.nullable) for f in (_with_zone(f) for f in fields))

    def keys(self, table: str) -> DeclaredKeys:
        return DeclaredKeys()  # a catalogue of Spark keeps none

    def source(self, table: str) -> str:
        return self.spelling.name(*(part for part in self.schema.split(".") if part), table)

    def answer(self, sql: str, schema: pa.Schema, about: str) -> pa.Table:
        with self._answering(about):
            return table_of(iter([[tuple(row) for row in self.session.sql(sql).collect()]]), schema)

    @contextmanager
    def _answering(self, about: str) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except self.error as error:
            condition = str(error.getCondition() or "") if hasattr(error, "getCondition") else ""
            if condition.startswith(("TABLE_OR_VIEW_NOT_FOUND", "UNRESOLVED_COLUMN", "SCHEMA_NOT_FOUND")):
                raise self.failure.vanished(about) from None
            raise self.failure.other(about, error) from None
        except Exception as error:  # py4j's own, when the driver is gone
            raise self.failure.lost(about) if "Py4J" in type(error).__name__ else self.failure.other(about, error) from None

    def close(self) -> None:
        self.session.conf.set("spark.sql.session.timeZone", str(self.zone))
        self.session.conf.set("spark.sql.ansi.enabled", str(self.ansi))


def _with_zone(field: Any) -> Any:
    """Spark calls the moment with a zone plainly `timestamp`."""
    from pyspark.sql.types import StructField, TimestampType

    class Zoned(TimestampType):
        def simpleString(self) -> str:
            return "timestamp_ltz"

    return StructField(field.name, Zoned(), field.nullable) if isinstance(field.dataType, TimestampType) else field
