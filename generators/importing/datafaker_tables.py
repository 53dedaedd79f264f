"""Tables as datafaker's `orm.yaml` describes them, and which of them `config.yaml` leaves out, as a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from generators.errors import InputError
from generators.rules.language import name as written
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Role, Rule, TableSchema

Told = Callable[[str, str, str], None]
"""(table, column, what could not be carried over)."""

_TYPES: tuple[tuple[str, Kind, str], ...] = (
    (r"BOOL(EAN)?", Kind.BOOLEAN, "bool"),
    (r"(BIG|SMALL|TINY)?INT(EGER)?", Kind.INTEGER, "int64"),
    (r"FLOAT|DOUBLE( PRECISION)?|REAL|NUMERIC|DECIMAL", Kind.REAL, "float64"),
    (r"DATETIME|TIMESTAMP", Kind.DATETIME, "timestamp[us]"),
    (r"DATE", Kind.DATE, "date32"),
    (r"TIME", Kind.TIME, "string"),
    (r"UUID", Kind.IDENTIFIER, "string"),
    (r"N?CHAR|N?VARCHAR|TEXT|N?CLOB", Kind.FREE_TEXT, "string"),
)
_PERSONS = ("person", "persons", "patient", "patients")
_NAME = re.compile(r"[^\W\d][\w $-]{0,127}")


def tables_of(orm: Mapping[str, Any], config: Mapping[str, Any], orm_name: str, config_name: str, told: Told) -> DatasetSchema:
    """The schema of a project; InputError names the file and the place of what is not as datafaker writes it."""
    described = _mapping(orm.get("tables"), orm_name, "tables")
    chosen = _mapping(config.get("tables") or {}, config_name, "tables")
    if not described:
        raise InputError(f"{orm_name} describes no table")
    for name in chosen:
        if name not in described:
            told(name, "", f"{orm_name} does not describe it")
    settings = {name: _mapping(chosen.get(name) or {}, config_name, f"tables, {name}") for name in described}
    kept = [name for name in described if settings[name].get("ignore") is not True]
    for name in described:
        if name not in kept:
            told(name, "", "left out by the project (ignore)")
    public = {name for name in kept if settings[name].get("vocabulary_table") is True}
    for name in sorted(public):
        told(name, "", "a vocabulary: its rows are not in these files; give them when generating")
    shapes = {name: _mapping(described[name], orm_name, f"tables, {name}") for name in kept}
    people = [n for n in kept if settings[n].get("primary_private") is True] or [n for n in kept if n.lower() in _PERSONS]
    if not people:
        told("", "", "no table is marked primary_private: rows are not known to be about persons")
    schema = DatasetSchema(tuple(_table(name, shapes, public, people[:1], orm_name, told) for name in kept))
    return DatasetSchema.from_dict(schema.as_dict())  # which checks that keys lead somewhere


def _table(name: str, shapes: Mapping[str, Any], public: set[str], people: list[str], file: str, told: Told) -> TableSchema:
    _checked(name, file, "tables")
    columns = _mapping(shapes[name].get("columns") or {}, file, f"tables, {name}, columns")
    if not columns:
        raise InputError(f'{file}: table "{name}" has no columns')
    parts = {c: _mapping(part, file, f"tables, {name}, columns, {c}") for c, part in columns.items()}
    keys = tuple(c for c, part in parts.items() if part.get("primary") is True)
    foreign: list[ForeignKey] = []
    for column, part in parts.items():
        foreign += _foreign(name, column, part, shapes, file, told)
    unique = _unique(name, shapes[name], parts, file)
    alone = {names[0] for names in unique if len(names) == 1} | ({keys[0]} if len(keys) == 1 else set())
    inner = {k.columns[0] for k in foreign if k.parent not in public}
    typed = tuple(_column(name, c, part, c in inner or c in keys, c in alone, file, told) for c, part in parts.items())
    outer = {k.columns[0] for k in foreign if k.parent in public}
    typed = tuple(replace(c, kind=Kind.CATEGORICAL) if c.name in outer and c.kind in (Kind.INTEGER, Kind.FREE_TEXT) else c for c in typed)
    person = keys[0] if name in people and len(keys) == 1 else next((k.columns[0] for k in foreign if k.parent in people), None)
    issued = {c.name for c in typed if c.kind is Kind.IDENTIFIER}
    rules = []
    for names in unique:
        if len(names) > 1 and set(names) & issued:
            rules.append(Rule(f"{' and '.join(names)} are unique", f"unique ({', '.join(written(n) for n in names)})"))
        elif len(names) > 1:
            told(name, "", f"uniqueness of {', '.join(names)} together: only with a key among them can it be kept")
    is_public = name in public
    return TableSchema(name, typed, None if is_public else person, keys, tuple(foreign), () if is_public else tuple(rules), is_public)


def _column(table: str, name: str, part: Mapping[str, Any], key: bool, unique: bool, file: str, told: Told) -> ColumnSchema:
    _checked(name, file, f"tables, {table}")
    declared = part.get("type")
    if not isinstance(declared, str):
        raise InputError(f'{file}: column "{name}" of table "{table}" has no type')
    base = re.match(r"[A-Za-z ]*[A-Za-z]", declared)
    found = next((t for t in _TYPES if base and re.fullmatch(t[0], _plain(base.group()))), None)
    if found is None or declared.endswith("[]"):
        told(table, name, "its type has no counterpart here; taken as text")
        found = ("", Kind.FREE_TEXT, "string")
    _, kind, storage = found
    scale = re.search(r"\(\s*\d+\s*,\s*(\d{1,2})\s*\)", declared)
    if key:
        kind = Kind.IDENTIFIER
        storage = storage if storage in ("int64", "string") else "string"
    return ColumnSchema(
        name,
        kind,
        storage,
        nullable=part.get("nullable") is not False and part.get("primary") is not True,
        role=Role.OTHER,
        unique=unique,
        decimals=int(scale.group(1)) if kind is Kind.REAL and scale else None,
        format="%H:%M" if kind is Kind.TIME else None,
    )


def _plain(declared: str) -> str:
    return re.sub(r" (WITH|WITHOUT|COLLATE)\b.*", "", declared.upper()).strip()


def _foreign(table: str, column: str, part: Mapping[str, Any], shapes: Mapping[str, Any], file: str, told: Told) -> list[ForeignKey]:
    listed = part.get("foreign_keys") or []
    if not isinstance(listed, list) or not all(isinstance(k, str) and "." in k for k in listed):
        raise InputError(f'{file}: the foreign keys of column "{column}" of table "{table}" should be a list of table.column')
    for target in listed:
        parent, _, its = target.rpartition(".")
        parent = parent.rpartition(".")[2] if parent not in shapes else parent
        if parent in shapes:
            return [ForeignKey((column,), parent, (its,))]
        told(table, column, "refers to a table that is left out; taken as a plain column")
    return []


def _unique(table: str, shape: Mapping[str, Any], parts: Mapping[str, Any], file: str) -> list[tuple[str, ...]]:
    listed = shape.get("unique") or []
    place = f'{file}: "unique" of table "{table}"'
    if not isinstance(listed, list):
        raise InputError(f"{place} should be a list")
    found = []
    for entry in listed:
        names = entry.get("columns") if isinstance(entry, dict) else None
        if not isinstance(names, list) or not names or not all(isinstance(n, str) and n in parts for n in names):
            raise InputError(f"{place} names columns that the table lacks")
        found.append(tuple(names))
    return found


def _checked(name: str, file: str, place: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"{file}: {place}: a name is not one that a table or column can have here (letters, digits, spaces, _, $ and -)")


def _mapping(value: Any, file: str, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f'{file}: "{place}" should be names with values')
    return value
