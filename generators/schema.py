"""What a dataset is made of: names, kinds, disclosure roles, keys, rules. Nothing observed in any record.

`DatasetSchema` → `TableSchema` → `ColumnSchema` are frozen values; change one with `dataclasses.replace`.
As JSON they are what the steward confirms, what generators obey and what a capsule publishes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

from generators.digests import digest, readable, without_defaults
from generators.errors import InputError
from generators.rules.language import parse
from generators.units import valid, words

FORMAT = 1
"""Version of the JSON layout; a reader refuses a newer one."""

STORAGES = ("string", "int64", "float64", "bool", "date32", "timestamp[us]")
"""Arrow types a canonical Parquet file may have. Times of day are strings with a `format`; integers beyond 64 bits are strings."""


REACHED = "~person"
"""The further column of working copies of tables without a person key of their own: see `TableSchema.persons_by`."""

_LATER = {"code_system": None, "sentinels": (), "issued": None, "public": False, "persons_by": None, "code_groups": (), "unit": ""}
"""Parts the layout was given later, and their defaults, which are not written."""


class Kind(StrEnum):
    """What the values of a column are, which decides how they are summarised and generated."""

    CATEGORICAL = "categorical"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    IDENTIFIER = "identifier"
    FREE_TEXT = "free text"


NUMBERS = (Kind.INTEGER, Kind.REAL)
MEASURED = (*NUMBERS, Kind.CATEGORICAL)
"""Kinds that may have a unit: numbers, and categories of numbers, such as ages in bands."""


class Role(StrEnum):
    """The disclosure role of a column."""

    DIRECT_IDENTIFIER = "direct identifier"
    QUASI_IDENTIFIER = "quasi-identifier"
    SENSITIVE = "sensitive"
    OTHER = "other"


@dataclass(frozen=True)
class ColumnSchema:
    """One column.

    storage: its Arrow type in canonical files, one of `STORAGES`.
    decimals: decimal places of a real column (source precision), else None.
    format: strptime pattern of times (``%H:%M``) and of dates as the source wrote them (used when writing CSV);
        for identifiers a public pattern in which ``9`` stands for a digit and ``A`` for a capital letter, else None.
    codes: the code list, only where it is public or typed by a steward: never values merely observed.
    code_system: the public code system the values belong to, a name of `generators.code_systems`, else None.
    sentinels: values that stand for something else than themselves (-999, 1900-01-01), as canonical text; kept as such.
    issued: of a key that the working copy holds as tokens: the storage its source had, in which new keys are issued. Else None.
    unit: of a number or a category of numbers: a UCUM code (`generators.units`), "kg", "mm[Hg]", "a"; "" where none is known.
    """

    name: str
    kind: Kind
    storage: str
    nullable: bool = True
    role: Role = Role.OTHER
    unique: bool = False
    decimals: int | None = None
    format: str | None = None
    codes: tuple[str, ...] | None = None
    description: str = ""
    code_system: str | None = None
    sentinels: tuple[str, ...] = ()
    issued: str | None = None
    unit: str = ""

    @property
    def unit_words(self) -> str:
        """The unit as people read it: "mmHg", "years"."""
        return words(self.unit)


@dataclass(frozen=True)
class ForeignKey:
    """`columns` of this table refer to `parent_columns` of table `parent`, where none of them is missing (SQL's MATCH SIMPLE)."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A statement that holds in every row of a table.

    name: shown to people; text: the rule in the rule language of `generators.rules`.
    """

    name: str
    text: str


@dataclass(frozen=True)
class CodeGroup:
    """Codes that rules speak of by one name. codes: each a code, a range by first letters (``O00-O99``) or a pattern (``O%``)."""

    name: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class TableSchema:
    """One table.

    person_key: the column that says who the person is. None: persons are reached through foreign keys (`DatasetSchema.person_route`),
    or else every row is counted as another person.
    public: a vocabulary, published by somebody else and about nobody: copied whole, its keys kept as they are.
    persons_by: of a working copy without a person key of its own: the further column of its files, outside the schema, that holds the
    token of the person who was reached through foreign keys; see `counts_by`.
    """

    name: str
    columns: tuple[ColumnSchema, ...]
    person_key: str | None = None
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rules: tuple[Rule, ...] = ()
    public: bool = False
    persons_by: str | None = None
    code_groups: tuple[CodeGroup, ...] = ()

    def column(self, name: str) -> ColumnSchema:
        """The column called `name`; InputError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise InputError(f'table "{self.name}" has no column "{name}"; it has: {", ".join(self.names)}')

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def counts_by(self) -> str | None:
        """The column of a file of this table that says who a row is about; None: every row is another person."""
        return self.person_key or self.persons_by

    @property
    def one_row_each(self) -> bool:
        """Whether, by its keys, no person has two rows."""
        key = self.counts_by
        return key is not None and (self.primary_key == (key,) or any(c.name == key and c.unique for c in self.columns))

    def optional(self, key: ForeignKey) -> bool:
        """Whether a row may lack this foreign key."""
        return any(self.column(name).nullable for name in key.columns)

    def tokenised(self, column: ColumnSchema) -> bool:
        """Whether the working copy holds keyed tokens in place of this column: the person key and identifiers kept as keys."""
        if self.public:
            return False
        if column.name == self.person_key:
            return True
        return column.kind is Kind.IDENTIFIER and column.role is not Role.DIRECT_IDENTIFIER

    def dropped(self, column: ColumnSchema) -> bool:
        """Whether the working copy leaves this column out: direct identifiers, unless they are the person key."""
        return not self.public and column.role is Role.DIRECT_IDENTIFIER and column.name != self.person_key

    def deidentified(self) -> TableSchema:
        """The schema of the working copy and all that is made from it: identifiers dropped, keys as string tokens."""
        kept = tuple(_as_token(c) if self.tokenised(c) else c for c in self.columns if not self.dropped(c))
        names = {c.name for c in kept}
        return replace(
            self,
            columns=kept,
            primary_key=self.primary_key if set(self.primary_key) <= names else (),
            foreign_keys=tuple(k for k in self.foreign_keys if set(k.columns) <= names),
            rules=tuple(r for r in self.rules if not _names_of(r) & {c.name for c in self.columns if self.dropped(c)}),
        )


@dataclass(frozen=True)
class DatasetSchema:
    """One or more tables."""

    tables: tuple[TableSchema, ...]
    format: int = field(default=FORMAT)

    def table(self, name: str) -> TableSchema:
        """The table called `name`; InputError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise InputError(f'the schema has no table "{name}"; it has: {", ".join(t.name for t in self.tables)}')

    def deidentified(self) -> DatasetSchema:
        """See `TableSchema.deidentified`; tables whose persons are reached through foreign keys get `persons_by`."""
        tables = (t.deidentified() for t in self.tables)
        return replace(self, tables=tuple(replace(t, persons_by=REACHED) if self.person_route(t.name) else t for t in tables))

    def person_route(self, name: str) -> tuple[ForeignKey, ...]:
        """The foreign keys that lead from table `name` to the nearest one with a person key; () where it has one or there is none.

        Of routes of one length the one whose keys are never missing is taken, then the first in the order of the schema. A vocabulary
        has no persons, and no route leads through one.
        """
        start = self.table(name)
        if start.public or start.person_key:
            return ()
        routes: list[tuple[str, tuple[ForeignKey, ...]]] = [(name, ())]
        seen = {name}
        while routes:
            longer: list[tuple[str, tuple[ForeignKey, ...]]] = []
            for table, route in routes:
                for key in sorted(self.table(table).foreign_keys, key=self.table(table).optional):
                    parent = self.table(key.parent)
                    if parent.public or parent.name in seen:
                        continue
                    if parent.person_key:
                        return (*route, key)
                    seen.add(parent.name)
                    longer.append((parent.name, (*route, key)))
            routes = longer
        return ()

    def parents_first(self) -> tuple[TableSchema, ...]:
        """The tables, each after all it refers to (itself aside), else in their order. InputError names the keys of a cycle."""
        ordered: list[TableSchema] = []
        left = list(self.tables)
        while left:
            waiting = {t.name for t in left}
            ready = [t for t in left if not any(k.parent in waiting and k.parent != t.name for k in t.foreign_keys)]
            if not ready:
                keys = "; ".join(
                    f"{t.name}.{', '.join(k.columns)} → {k.parent}" for t in left for k in t.foreign_keys if k.parent in waiting
                )
                raise InputError(f"the foreign keys of the schema go round in a circle: {keys}; leave one of them out")
            ordered += ready
            left = [t for t in left if t not in ready]
        return tuple(ordered)

    def as_dict(self) -> dict[str, Any]:
        return cast(dict[str, Any], without_defaults(asdict(self), _LATER))

    def to_json(self) -> str:
        """Readable JSON, the same bytes for the same schema."""
        return readable(self.as_dict())

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        return digest(self.as_dict())

    @staticmethod
    def from_json(text: str) -> DatasetSchema:
        """Read what `to_json` wrote; InputError names what is wrong and where."""
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"the schema is not JSON (line {error.lineno}, column {error.colno})") from None
        return DatasetSchema.from_dict(raw)

    @staticmethod
    def from_dict(raw: Any) -> DatasetSchema:
        """As `from_json`, from parsed JSON."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("tables"), (list, tuple)):
            raise InputError('the schema must be an object with a list "tables"')
        if raw.get("format", FORMAT) != FORMAT:
            raise InputError(f"the schema has format {raw.get('format')!r}; this program reads format {FORMAT}")
        return _related(DatasetSchema(tables=tuple(_table(t) for t in raw["tables"])))


def _names_of(rule: Rule) -> set[str]:
    """The columns a rule speaks of; none where it cannot be read, which whoever uses it is told."""
    try:
        return set(parse(rule.text, rule.name).columns)
    except InputError:
        return set()


def _as_token(column: ColumnSchema) -> ColumnSchema:
    issued = column.issued or (column.storage if column.storage != "string" else None)
    plain = replace(column, kind=Kind.IDENTIFIER, storage="string", role=Role.OTHER, decimals=None, codes=None)
    return replace(plain, code_system=None, sentinels=(), issued=issued, unit="")


def _related(schema: DatasetSchema) -> DatasetSchema:
    """The schema, if its foreign keys lead somewhere."""
    for table in schema.tables:
        for key in table.foreign_keys:
            place = f'table "{table.name}" of the schema: foreign key ({", ".join(key.columns)}) → {key.parent}'
            if not key.columns or len(key.columns) != len(key.parent_columns):
                raise InputError(f"{place}: it needs as many columns here as there")
            for name in key.columns:
                if name not in table.names:
                    raise InputError(f'{place}: table "{table.name}" has no column "{name}"')
            parent = next((t for t in schema.tables if t.name == key.parent), None)
            if parent is None:
                raise InputError(f'{place}: the schema has no table "{key.parent}"')
            for name in key.parent_columns:
                if name not in parent.names:
                    raise InputError(f'{place}: table "{parent.name}" has no column "{name}"')
    schema.parents_first()
    return schema


def _table(raw: Any) -> TableSchema:
    if not isinstance(raw, Mapping) or not raw.get("name") or not isinstance(raw.get("columns"), (list, tuple)):
        raise InputError('every table of the schema needs a "name" and a list "columns"')
    name = str(raw["name"])
    columns = tuple(_column(name, c) for c in raw["columns"])
    names = [c.name for c in columns]
    repeated = sorted({n for n in names if names.count(n) > 1})
    if repeated:
        raise InputError(f'table "{name}" of the schema names a column twice: {", ".join(repeated)}')
    try:
        table = TableSchema(
            name=name,
            columns=columns,
            person_key=raw.get("person_key") or None,
            primary_key=tuple(raw.get("primary_key") or ()),
            foreign_keys=tuple(
                ForeignKey(tuple(k["columns"]), str(k["parent"]), tuple(k["parent_columns"])) for k in raw.get("foreign_keys") or ()
            ),
            rules=tuple(Rule(str(r["name"]), str(r["text"])) for r in raw.get("rules") or ()),
            public=bool(raw.get("public", False)),
            persons_by=raw.get("persons_by") or None,
            code_groups=tuple(CodeGroup(str(g["name"]), tuple(str(c) for c in g["codes"])) for g in raw.get("code_groups") or ()),
        )
    except (KeyError, TypeError, AttributeError):
        raise InputError(f'table "{name}" of the schema: a foreign key, rule or code group lacks a part') from None
    for key in (table.person_key, *table.primary_key):
        if key is not None and key not in names:
            raise InputError(f'table "{name}" of the schema: key column "{key}" is not among its columns')
    return table


def _column(table: str, raw: Any) -> ColumnSchema:
    if not isinstance(raw, Mapping) or not raw.get("name"):
        raise InputError(f'table "{table}" of the schema has a column without a "name"')
    place = f'column "{raw["name"]}" of table "{table}"'
    try:
        kind, role = Kind(raw.get("kind", "")), Role(raw.get("role", Role.OTHER))
    except ValueError as error:
        allowed = Role if raw.get("kind", "") in list(Kind) else Kind
        raise InputError(f"{place}: {error}; use one of: {', '.join(allowed)}") from None
    if raw.get("issued") not in (None, *STORAGES):
        raise InputError(f'{place}: "issued" must be one of: {", ".join(STORAGES)}')
    if raw.get("storage") not in STORAGES:
        raise InputError(f'{place}: "storage" must be one of: {", ".join(STORAGES)}')
    codes, unit = raw.get("codes"), str(raw.get("unit") or "")
    if unit and kind not in MEASURED:
        raise InputError(f'{place}: only numbers and categories of numbers have a unit; leave "unit" out')
    if unit and not valid(unit):
        raise InputError(f'{place}: "unit" must be a UCUM code: kg, mmol/L, mm[Hg], a for years; what has none in braces: {{tablets}}')
    return ColumnSchema(
        name=str(raw["name"]),
        kind=kind,
        storage=str(raw["storage"]),
        nullable=bool(raw.get("nullable", True)),
        role=role,
        unique=bool(raw.get("unique", False)),
        decimals=None if raw.get("decimals") is None else int(raw["decimals"]),
        format=raw.get("format") or None,
        codes=None if codes is None else tuple(str(c) for c in codes),
        description=str(raw.get("description") or ""),
        code_system=raw.get("code_system") or None,
        sentinels=tuple(str(s) for s in raw.get("sentinels") or ()),
        issued=raw.get("issued") or None,
        unit=unit,
    )
