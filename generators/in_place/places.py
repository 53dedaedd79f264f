"""Places where data live, opened for reading alone: what tables they have, and the answers to questions about them.

A place's reference can be shown, stored and logged: it names where an address or password is to be found, never the thing itself. No
message of a database leaves these modules, as it may quote a record or the address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import ibis.expr.types as ir  # type: ignore[import-untyped]
import pyarrow as pa

from generators.errors import InputError
from generators.in_place.canonical_sql import SourceColumn
from generators.in_place.spelling import Spelling
from generators.schema import ForeignKey


@dataclass(frozen=True)
class DeclaredKeys:
    """Keys of a table that the place's catalogue declares."""

    primary: tuple[str, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()


class Place(Protocol):
    """Somewhere tables can be asked about. reference: names it to people."""

    reference: str
    spelling: Spelling

    def tables(self) -> tuple[str, ...]: ...

    def columns(self, table: str) -> tuple[SourceColumn, ...]:
        """In their order; InputError where the table is not there."""
        ...

    def keys(self, table: str) -> DeclaredKeys: ...

    def source(self, table: str) -> str:
        """The table in SQL, after FROM."""
        ...

    def sql(self, question: ir.Table) -> str:
        """An Ibis expression in the place's dialect."""
        ...

    def answer(self, sql: str, schema: pa.Schema, about: str) -> pa.Table:
        """What the place answers, as `schema`; InputError names what it was `about`, in words, and the place."""
        ...

    def close(self) -> None: ...


class Compiled:
    """Ibis expressions in one dialect."""

    compiler: Any

    def sql(self, question: ir.Table) -> str:
        return str(self.compiler.to_sqlglot(question).sql(dialect=self.compiler.dialect))


class Failure:
    """Sentences about what goes wrong in a place."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def vanished(self, about: str) -> InputError:
        return InputError(f"{about}: it, or a column of it, is not there (any more) in {self.reference}; look at the place or the schema")

    def forbidden(self, about: str) -> InputError:
        return InputError(f"{about}: the account may not read it in {self.reference}; ask for SELECT on it, or leave the table out")

    def lost(self, about: str) -> InputError:
        return InputError(f"{about}: the connection to {self.reference} was lost; nothing was kept; try again")

    def other(self, about: str, error: BaseException) -> InputError:
        return InputError(
            f"{about}: {self.reference} could not answer ({type(error).__name__}); a value may not be of the type that the schema says"
        )


def table_of(batches: Iterator[list[tuple[Any, ...]]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table, piece by piece."""
    pieces = []
    for batch in batches:
        arrays = []
        for values, field in zip(zip(*batch, strict=True) if batch else [()] * len(schema), schema, strict=True):
            whole = pa.types.is_integer(field.type)
            arrays.append(pa.array([None if v is None else int(v) for v in values] if whole else list(values), field.type))
        pieces.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(pieces, schema)
