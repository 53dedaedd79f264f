"""How the schema of a new snapshot differs from the last confirmed one, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from generators.schema import ColumnSchema, DatasetSchema, TableSchema

_FIELDS = (
    ("kind", "the kind"),
    ("storage", "the storage"),
    ("nullable", ""),
    ("role", "the disclosure role"),
    ("unique", ""),
    ("decimals", "the number of decimal places"),
    ("format", "the format"),
    ("codes", ""),
    ("unit", "the unit"),
)


@dataclass(frozen=True)
class Change:
    """One difference.

    what: "added", "removed", or the name of the part that changed ("kind", "nullable", "person key" …);
    column: None when it is about the table;
    breaking: whether things made for the old schema may fail on, or disclose, the new data; sentence: for a person.
    """

    table: str
    column: str | None
    what: str
    breaking: bool
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def compare(old: DatasetSchema, new: DatasetSchema) -> tuple[Change, ...]:
    """Every difference between two schemas of one source; empty when they say the same. Order of tables and columns counts for nothing."""
    return tuple(_changes(old, new))


def _changes(old: DatasetSchema, new: DatasetSchema) -> Iterator[Change]:
    was = {t.name: t for t in old.tables}
    now = {t.name: t for t in new.tables}
    for name in was:
        if name not in now:
            yield Change(name, None, "removed", True, f'table "{name}" is no longer there')
    for name, table in now.items():
        if name not in was:
            yield Change(name, None, "added", False, f'table "{name}" is new')
        else:
            yield from _table(was[name], table)


def _table(old: TableSchema, new: TableSchema) -> Iterator[Change]:
    place = f'of table "{new.name}"'
    for name in old.names:
        if name not in new.names:
            yield Change(new.name, name, "removed", True, f'column "{name}" {place} is no longer there')
    for column in new.columns:
        if column.name not in old.names:
            yield Change(
                new.name, column.name, "added", False, f'column "{column.name}" {place} is new: {column.kind.value}, {column.role.value}'
            )
        else:
            yield from _column(new.name, old.column(column.name), column)
    if old.person_key != new.person_key:
        yield Change(
            new.name, None, "person key", True, f"the person key {place} was {_named(old.person_key)} and is now {_named(new.person_key)}"
        )
    if old.primary_key != new.primary_key:
        yield Change(
            new.name,
            None,
            "primary key",
            True,
            f"the primary key {place} was {_named(*old.primary_key)} and is now {_named(*new.primary_key)}",
        )
    yield from _references(old, new)
    if old.public != new.public:
        now = "is now a vocabulary, copied whole" if new.public else "is no longer a vocabulary: its rows are records"
        yield Change(new.name, None, "public", True, f'table "{new.name}" {now}')
    if old.rules != new.rules:
        yield Change(new.name, None, "rules", False, f"the rules {place} changed")


def _references(old: TableSchema, new: TableSchema) -> Iterator[Change]:
    changes = ((old, new, "no longer refers"), (new, old, "now refers"))
    for these, those, what in changes:
        for key in these.foreign_keys:
            if key not in those.foreign_keys:
                sentence = f'table "{new.name}" {what} to "{key.parent}" by {_named(*key.columns)}'
                yield Change(new.name, None, "foreign keys", True, sentence)


def _column(table: str, old: ColumnSchema, new: ColumnSchema) -> Iterator[Change]:
    place = f'column "{new.name}" of table "{table}"'
    for field, words in _FIELDS:
        was, now = getattr(old, field), getattr(new, field)
        if was == now:
            continue
        if field == "nullable":
            sentence = f"{place} now has missing values" if now else f"{place} no longer has missing values"
            yield Change(table, new.name, field, bool(now), sentence)
        elif field == "unique":
            sentence = f"{place} now has a different value in every record" if now else f"{place} now repeats values"
            yield Change(table, new.name, field, not now, sentence)
        elif field == "codes":
            yield Change(table, new.name, field, True, f"{place}: {_codes(was, now)}")
        else:
            breaking: Literal[True] | bool = field != "decimals"
            yield Change(table, new.name, field, breaking, f"{words} of {place} was {_said(was)} and is now {_said(now)}")


def _codes(was: tuple[str, ...] | None, now: tuple[str, ...] | None) -> str:
    if was is None:
        return f"it now has a code list of {len(now or ()):,} codes"
    if now is None:
        return "it no longer has a code list"
    added, removed = len(set(now) - set(was)), len(set(was) - set(now))
    if added or removed:
        return f"its code list has {added:,} new codes and {removed:,} fewer"
    return "its code list has another order"


def _named(*names: str | None) -> str:
    real = [f'"{n}"' for n in names if n]
    return ", ".join(real) if real else "none"


def _said(value: object) -> str:
    return "none" if value is None or value == "" else str(value)
