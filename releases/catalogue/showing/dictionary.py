"""The data dictionary of a version, as a person reads it: tables, their keys, columns, kinds, code systems.

From `dictionary.json` and `schema.json` of the capsule: signed, but by a program of another zone and perhaps another version, so a part
that is not as expected is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases.capsule import layout
from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.showing.contents import parsed

KINDS = {
    "categorical": "category",
    "integer": "whole number",
    "real": "number",
    "boolean": "yes or no",
    "date": "date",
    "datetime": "date and time",
    "time": "time of day",
    "identifier": "identifier",
    "free text": "free text",
}
ABSENT = {
    "free text": "Free text: a placeholder stands in; no real words went in.",
    "identifier": "Made-up identifiers.",
    "withheld": "Withheld: too few people share a value.",
}


@dataclass(frozen=True)
class Column:
    """One column. kind: in words; code: the kind as the dictionary has it; key: what it is a key of, in words, or "".

    unit: as people read it, or ""; unit_code: the same in UCUM.
    """

    name: str
    code: str
    kind: str
    description: str
    format: str
    codes: tuple[str, ...]
    nullable: bool
    system: str
    sentinels: tuple[str, ...]
    key: str
    absent: str
    unit: str = ""
    unit_code: str = ""


@dataclass(frozen=True)
class Key:
    """Columns of one table that refer to columns of another."""

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    optional: bool

    @property
    def sentence(self) -> str:
        """In words: which column leads where."""
        ours, theirs = ", ".join(self.columns), ", ".join(self.parent_columns)
        return f"{self.table}.{ours} refers to {self.parent}.{theirs}{' (may be missing)' if self.optional else ''}"


@dataclass(frozen=True)
class Table:
    """A table of the release. data: its Parquet file, None where there is none to read; rules: what holds in every row."""

    name: str
    columns: tuple[Column, ...]
    rows: int | None
    data: StoredFile | None
    primary_key: tuple[str, ...]
    person_key: str
    vocabulary: bool
    keys: tuple[Key, ...]
    rules: tuple[str, ...]

    def column(self, name: str) -> Column | None:
        """The column called `name`, if there is one."""
        return next((each for each in self.columns if each.name == name), None)


def tables(version: ReleaseVersion) -> tuple[Table, ...]:
    """The dictionary by table, in the order of the release."""
    stored = {each.path: each for each in version.files.all()}
    data = {each.table: each for each in stored.values() if each.role == "data" and each.path.endswith(".parquet")}
    schema = _by_name(parsed(stored.get(layout.SCHEMA)))
    absent = _absent(parsed(stored.get(layout.SUMMARY)))
    entries = parsed(stored.get(layout.DICTIONARY_JSON))
    found: dict[str, list[Any]] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and "table" in entry:
            found.setdefault(str(entry["table"]), []).append(entry)
    return tuple(_table(name, of, schema.get(name, {}), data.get(name), absent) for name, of in found.items())


def _table(
    name: str, entries: list[Any], schema: Mapping[str, Any], data: StoredFile | None, absent: Mapping[tuple[str, str], str]
) -> Table:
    keys = _keys(name, schema, {str(entry.get("column")): bool(entry.get("nullable")) for entry in entries})
    primary = _names(schema.get("primary_key"))
    person = str(schema.get("person_key") or "")
    further = {str(each["name"]): each for each in _maps(schema.get("columns")) if "name" in each}
    columns = []
    for entry in entries:
        try:
            column = str(entry["column"])
            more = further.get(column, {})
            shown = Column(
                name=column,
                code=str(entry["kind"]),
                kind=_kind(entry),
                description=str(entry["description"]),
                format=str(entry["format"] or ""),
                codes=tuple(str(code) for code in entry["codes"] or ()),
                nullable=bool(entry["nullable"]),
                system=str(more.get("code_system") or ""),
                sentinels=_names(more.get("sentinels")),
                key=_role(column, primary, person, keys),
                absent=ABSENT.get(absent.get((name, column), ""), ""),
                unit=str(entry.get("unit_words") or entry.get("unit") or ""),
                unit_code=str(entry.get("unit") or ""),
            )
        except (KeyError, TypeError, AttributeError):
            continue
        columns.append(shown)
    rules = tuple(str(rule.get("name") or rule.get("text") or "") for rule in _maps(schema.get("rules")))
    rows = data.row_count if data is not None else None
    return Table(name, tuple(columns), rows, data, primary, person, bool(schema.get("public")), keys, tuple(rule for rule in rules if rule))


def _kind(entry: Mapping[str, Any]) -> str:
    kind = KINDS.get(str(entry["kind"]), str(entry["kind"]))
    decimals = entry.get("decimals")
    if entry["kind"] == "real" and isinstance(decimals, int):
        kind += f", {decimals} decimal place{'' if decimals == 1 else 's'}"
    return kind


def _role(column: str, primary: tuple[str, ...], person: str, keys: tuple[Key, ...]) -> str:
    said = []
    if column == person:
        said.append("who the person is")
    if column in primary:
        said.append("key of this table" if len(primary) == 1 else "part of the key of this table")
    said += [f"refers to {key.parent}" for key in keys if column in key.columns]
    return "; ".join(said)


def _keys(table: str, schema: Mapping[str, Any], nullable: Mapping[str, bool]) -> tuple[Key, ...]:
    found = []
    for key in _maps(schema.get("foreign_keys")):
        columns, parents = _names(key.get("columns")), _names(key.get("parent_columns"))
        if columns and key.get("parent"):
            optional = any(nullable.get(column, False) for column in columns)
            found.append(Key(table, columns, str(key["parent"]), parents, optional))
    return tuple(found)


def _by_name(schema: Any) -> dict[str, Mapping[str, Any]]:
    tables = _maps(schema.get("tables")) if isinstance(schema, Mapping) else []
    return {str(table["name"]): table for table in tables if "name" in table}


def _absent(summary: Any) -> dict[tuple[str, str], str]:
    tables = _maps(summary.get("tables")) if isinstance(summary, Mapping) else []
    return {
        (str(table.get("name")), str(column.get("name"))): str(column.get("absent") or "")
        for table in tables
        for column in _maps(table.get("columns"))
    }


def _maps(raw: Any) -> list[Mapping[str, Any]]:
    return [each for each in raw if isinstance(each, Mapping)] if isinstance(raw, list) else []


def _names(raw: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in raw) if isinstance(raw, list) else ()
