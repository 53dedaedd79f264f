"""A table of a place as the view that is counted: canonical values, and who each row is about, reached through keys; train rows alone."""

# ruff: noqa: S608  (SQL is put together from names that `Spelling.name` has escaped)
from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis  # type: ignore[import-untyped]

from generators.errors import InputError
from generators.in_place.canonical_sql import SourceColumn, Spelled, spelled
from generators.in_place.places import Place
from generators.in_place.relation import PERSON, Relation
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, TableSchema
from generators.working_copy.deidentify import hmac_parameters

_DIGITS = 13
"""Hexadecimal digits of a person's hash that place it, as in `generators.working_copy.split`."""

_IBIS = {"string": "string", "int64": "int64", "float64": "float64", "bool": "boolean", "date32": "date", "timestamp[us]": "timestamp(6)"}


@dataclass(frozen=True)
class Holdout:
    """Which persons are left out: those `generators.working_copy.split.split` holds out under the key `derived`, with that share.

    The derived key is part of what the place is asked, and may be in its log: it tells who is held out of this source, and nothing else.
    """

    share: float
    derived: bytes

    @staticmethod
    def of(share: float, key: bytes, reference: str) -> Holdout:
        """With a key of the source's own, derived from a key that stays here."""
        if not 0 < share < 1:
            raise InputError(f"the holdout's share is {share:g}; it must lie between 0 and 1, for example 0.2")
        return Holdout(share, hmac.digest(key, b"held out in " + reference.encode(), hashlib.sha256))

    @property
    def threshold(self) -> str:
        """Hashes that begin below this are held out."""
        return f"{math.ceil(self.share * 16**_DIGITS):0{_DIGITS}x}"


@dataclass(frozen=True)
class Source:
    """A place with the schema of what lies there, before de-identification. columns: as the place declares them, by table."""

    place: Place
    schema: DatasetSchema
    columns: Mapping[str, Mapping[str, SourceColumn]]
    holdout: Holdout | None = None

    @staticmethod
    def of(place: Place, schema: DatasetSchema, holdout: Holdout | None = None) -> Source:
        """InputError where the place lacks a table or column of the schema, or holds a column as something it cannot be read as."""
        found = {}
        for table in schema.tables:
            columns = {c.name: c for c in place.columns(table.name)}
            for name in table.names:
                if name not in columns:
                    raise InputError(f'table "{table.name}": {place.reference} has no column "{name}" there; the schema does; correct one')
            found[table.name] = columns
        source = Source(place, schema, found, holdout)
        if holdout is not None:
            for table in schema.tables:
                if not (table.public or source.person(table.name) or source.referred(table.name)):
                    raise InputError(
                        f'table "{table.name}" has no person key, and no way to one: without it nobody can be held out in place; '
                        "add the key to the schema, leave the table out, or summarise without --holdout"
                    )
        return source

    def referred(self, name: str) -> bool:
        """Whether another table refers to this one."""
        return any(k.parent == name for t in self.schema.tables for k in t.foreign_keys)

    def person(self, name: str) -> tuple[tuple[ForeignKey, ...], TableSchema, str] | None:
        """(the way to the person, the table it ends in, the person key there); None where rows are about nobody or each about another."""
        table = self.schema.table(name)
        route = self.schema.person_route(name)
        end = self.schema.table(route[-1].parent) if route else table
        return None if end.person_key is None or table.public else (route, end, end.person_key)

    def spelled(self, table: TableSchema, column: ColumnSchema, alias: str = "t0") -> Spelled:
        return spelled(self.place.spelling, table.name, self.columns[table.name][column.name], column, alias)

    def key(self, table: TableSchema, name: str, alias: str, *, text: bool) -> str:
        """SQL: a key as it is compared; as `text`, as tokens and splits know it."""
        column, spelling = table.column(name), self.place.spelling
        value = self.spelled(table, column, alias).value
        if column.storage == "string":
            return spelling.key_text(value)
        return spelling.cast(value, spelling.text) if text else value

    def equal(self, child: TableSchema, key: ForeignKey, parent: TableSchema, here: str, there: str) -> str:
        """SQL: whether a row of `here` refers to one of `there`."""
        pairs = []
        for name, other in zip(key.columns, key.parent_columns, strict=True):
            text = self.as_text(child.column(name), parent.column(other))
            pairs.append(f"{self.key(child, name, here, text=text)} = {self.key(parent, other, there, text=text)}")
        return " AND ".join(pairs)

    @staticmethod
    def as_text(column: ColumnSchema, other: ColumnSchema) -> bool:
        """Whether two keys are compared as texts."""
        return column.storage != other.storage or column.storage == "string"

    def view(self, table: TableSchema, selects: Mapping[str, str]) -> str:
        """SQL of columns of a table (in which it is `t0`), with the person of each row; train rows alone, where some are held out."""
        columns = [f"{sql} AS {name}" for name, sql in selects.items()]
        source = f"{self.place.source(table.name)} {self.place.spelling.name('t0')}"
        where = ""
        reached = self.person(table.name)
        if reached is not None:
            route, end, key = reached
            child = table
            for i, step in enumerate(route):
                parent = self.schema.table(step.parent)
                on = self.equal(child, step, parent, f"t{i}", f"t{i + 1}")
                source += f" LEFT JOIN {self.place.source(parent.name)} {self.place.spelling.name(f't{i + 1}')} ON {on}"
                child = parent
            columns.append(f"{self.key(end, key, f't{len(route)}', text=self.texts)} AS {PERSON}")
            if self.holdout is not None:
                where = f" WHERE {self._train(self.key(end, key, f't{len(route)}', text=True))}"
        return f"SELECT {', '.join(columns) or '1 AS one'} FROM {source}{where}"

    @property
    def texts(self) -> bool:
        """Whether persons are known by texts, since the tables store their keys differently."""
        ends = [self.person(t.name) for t in self.schema.tables]
        return len({end.column(key).storage for _, end, key in filter(None, ends)}) > 1

    def _train(self, person: str) -> str:
        assert self.holdout is not None  # noqa: S101 - asked by the caller
        keys = {name: value.hex() for name, value in hmac_parameters(self.holdout.derived).items()}
        hashed = self.place.spelling.hmac.format(x=f"'split:' || {person}", **keys)
        held = self.place.spelling.before.format(x=f"substr({hashed}, 1, {_DIGITS})", y=f"'{self.holdout.threshold}'")
        # Rows that reach nobody stay, so that they are seen and refused.
        return f"({person} IS NULL OR NOT ({held}))"

    def relation(self, table: TableSchema, columns: Sequence[ColumnSchema], most: int, *, name: str = "counted") -> Relation:
        """The view with `columns`, which are called c0, c1, … there."""
        spelled_columns = {f"c{i}": self.spelled(table, c).value for i, c in enumerate(columns)}
        types = {f"c{i}": _IBIS[c.storage] for i, c in enumerate(columns)}
        return self.related(table, spelled_columns, types, most, name=name)

    def related(self, table: TableSchema, selects: Mapping[str, str], types: Mapping[str, str], most: int, *, name: str) -> Relation:
        """The view with columns of any SQL, of Ibis's `types`."""
        persons = self.person(table.name)
        kinds = dict(types) or ({} if persons else {"one": "int64"})
        if persons:
            kinds[PERSON] = "string" if self.texts else _IBIS[persons[1].column(persons[2]).storage]
        rows = ibis.table(kinds, name=name)
        return Relation(self.place, rows, {name: self.view(table, selects)}, f'table "{table.name}"', persons is not None, most)
