"""How a table hangs together with the others, on the form of the schema: its key, its references, whether it is a public vocabulary.

Tables are named by their position in the proposal here (`t3`), since the steward may give them other names on the same page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Role, TableSchema

KEY_COLUMNS = 3
"""Columns that a key can be put together from on the page."""


@dataclass(frozen=True)
class Reference:
    """A foreign key by positions: `columns` of this table refer to `parent_columns` of the table at `parent`."""

    columns: tuple[str, ...]
    parent: int
    parent_columns: tuple[str, ...]
    kept: bool = True

    @property
    def value(self) -> str:
        """As the page carries it."""
        return json.dumps([self.columns, self.parent, self.parent_columns])

    @property
    def here(self) -> str:
        return ", ".join(self.columns)

    @property
    def there(self) -> str:
        return ", ".join(self.parent_columns)


@dataclass(frozen=True)
class Target:
    """What a reference can lead to: a table's key, or a column of it that never repeats."""

    value: str
    words: str
    parent: int
    columns: tuple[str, ...]


def references_of(schema: DatasetSchema, table: TableSchema) -> list[Reference]:
    """The foreign keys of a table."""
    positions = {t.name: i for i, t in enumerate(schema.tables)}
    return [Reference(k.columns, positions[k.parent], k.parent_columns) for k in table.foreign_keys if k.parent in positions]


def targets(tables: Sequence[TableSchema]) -> list[Target]:
    """Everything a reference can lead to."""
    found = []
    for position, table in enumerate(tables):
        single = [(c.name,) for c in table.columns if c.unique and (c.name,) != table.primary_key]
        for columns in [table.primary_key, *single] if table.primary_key else single:
            named = ", ".join(columns)
            found.append(Target(json.dumps([position, list(columns)]), f"{table.name} ({named})", position, columns))
    return found


def sent_key(sent: Mapping[str, str], prefix: str, names: Sequence[str], place: str) -> tuple[str, ...]:
    """The primary key chosen on the page. InputError for a column that is not there, or one chosen twice."""
    chosen = [sent[field][1:] for field in _fields(sent, f"{prefix}-key") if sent[field]]
    if set(chosen) - set(names):
        raise InputError(f"{place}: a column chosen for its key is not in the table.")
    if len(set(chosen)) != len(chosen):
        raise InputError(f"{place}: a column is chosen twice for its key.")
    return tuple(chosen)


def sent_references(
    sent: Mapping[str, str], prefix: str, position: int, tables: Sequence[TableSchema], place: str
) -> tuple[list[Reference], str]:
    """The references on the page, with the one that is being added; and what is wrong with them, or nothing.

    tables: as sent, in the order of the proposal.
    """
    found: list[Reference] = []
    for number in range(10_000):
        field = f"{prefix}-ref{number}"
        if f"{field}-is" not in sent:
            break
        try:
            reference = _read(sent[f"{field}-is"], position, tables)
        except (ValueError, TypeError, IndexError):
            return found, f"{place}: one of its references is not one of these tables; load the page again."
        found.append(replace(reference, kept=field in sent))
    if not sent.get(f"{prefix}-add-to"):
        return found, ""
    try:
        target = next(t for t in targets(tables) if t.value == sent[f"{prefix}-add-to"])
    except StopIteration:
        return found, f"{place}: choose from the list what the new reference leads to."
    columns = tuple(sent[field][1:] for field in _fields(sent, f"{prefix}-add-c") if sent[field])
    if set(columns) - set(tables[position].names):
        return found, f"{place}: choose the columns of the new reference from the list."
    if len(columns) != len(target.columns) or len(set(columns)) != len(columns):
        return found, f"{place}: a reference to {target.words} needs {len(target.columns)} of this table's columns, in that order."
    added = Reference(columns, target.parent, target.columns)
    known = [r for r in found if (r.columns, r.parent, r.parent_columns) == (added.columns, added.parent, added.parent_columns)]
    return [replace(r, kept=True) if r in known else r for r in found] + ([] if known else [added]), ""


def keys_as_chosen(tables: Sequence[TableSchema], references: Sequence[Sequence[Reference]]) -> tuple[TableSchema, ...]:
    """The tables with their foreign keys, and the columns of those as keys must be: identifiers, tokens in the working copy; a reference
    to a vocabulary keeps its codes."""
    kinds: dict[tuple[int, str], Kind] = {}
    for position, (table, found) in enumerate(zip(tables, references, strict=True)):
        for reference in found:
            kind = Kind.CATEGORICAL if tables[reference.parent].public else Kind.IDENTIFIER
            if not reference.kept or table.public:
                continue
            kinds |= {(position, name): kind for name in reference.columns}
            if kind is Kind.IDENTIFIER:
                kinds |= {(reference.parent, name): kind for name in reference.parent_columns}
    return tuple(
        replace(
            table,
            columns=tuple(_as(column, kinds.get((position, column.name))) for column in table.columns),
            foreign_keys=tuple(ForeignKey(r.columns, tables[r.parent].name, r.parent_columns) for r in found if r.kept),
        )
        for position, (table, found) in enumerate(zip(tables, references, strict=True))
    )


def _as(column: ColumnSchema, kind: Kind | None) -> ColumnSchema:
    if kind is None or column.kind is kind or (kind is Kind.CATEGORICAL and column.kind is not Kind.IDENTIFIER):
        return column
    storage = column.storage if column.storage in ("string", "int64") else "int64" if column.storage == "float64" else "string"
    role = Role.OTHER if kind is Kind.IDENTIFIER and column.role is Role.DIRECT_IDENTIFIER else column.role
    plain = replace(column, kind=kind, storage=storage, role=role, decimals=None, codes=None, code_system=None, sentinels=(), unit="")
    return plain if storage == column.storage else replace(plain, format=None)


def _read(text: str, position: int, tables: Sequence[TableSchema]) -> Reference:
    columns, parent, parent_columns = json.loads(text)
    reference = Reference(tuple(map(str, columns)), int(parent), tuple(map(str, parent_columns)))
    if not 0 <= reference.parent < len(tables) or len(columns) != len(parent_columns) or not columns:
        raise ValueError
    if set(reference.columns) - set(tables[position].names) or set(reference.parent_columns) - set(tables[reference.parent].names):
        raise ValueError
    return reference


def _fields(sent: Mapping[str, str], start: str) -> list[str]:
    """The fields `start0`, `start1` … that were sent, in order."""
    fields: list[str] = []
    while f"{start}{len(fields)}" in sent:
        fields.append(f"{start}{len(fields)}")
    return fields
