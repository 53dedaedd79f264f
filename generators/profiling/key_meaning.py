"""What the keys of several tables mean: which tables are vocabularies, who the rows are about, what kind and role key columns have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from generators.profiling import key_names
from generators.profiling.identifiers import spelled
from generators.reading.dataset import Finding
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, Role, TableSchema

NO_PERSON = "no column seems to say who the person is: every record will be counted as another person"
"""What is said of a table by itself; foreign keys may know better."""

PersonColumn = Callable[[str], bool]
"""Whether a column's name says that it says who a person is."""


@dataclass(frozen=True)
class Counts:
    """Of one column: rows of its table, values present, different ones, and the span of whole numbers (None for text)."""

    rows: int
    present: int
    distinct: int
    span: int | None

    @property
    def numbers_rows(self) -> bool:
        return self.distinct == self.rows == self.present and self.rows > 0

    @property
    def dense(self) -> bool:
        """Whole numbers so close together that any small numbers would be among them."""
        return self.span is not None and self.span < 20 * self.rows


def of_persons(table: TableSchema, person_column: PersonColumn) -> bool:
    """Whether the table's name and key say that it has one row for each person."""
    if len(table.primary_key) != 1:
        return False
    (key,) = table.primary_key
    named = bool(key_names.PERSON_TABLE.search(key_names.singular(table.name)))
    return named and (person_column(key) or key_names.own_key(table.name, key) is not None)


class Meaning:
    """Reads a schema with primary and foreign keys; counts: of each column that may be a key, by table."""

    def __init__(self, schema: DatasetSchema, counts: Mapping[str, Mapping[str, Counts]], person_column: PersonColumn) -> None:
        self.tables = {t.name: t for t in schema.tables}
        self.counts, self.person_column = counts, person_column
        self.found: list[Finding] = []

    def schema_with_roles(self) -> DatasetSchema:
        """The schema with vocabularies, person keys, kinds and roles."""
        self.vocabularies()
        self.persons()
        for name, table in self.tables.items():
            self.tables[name] = self.with_kinds(table)
        schema = DatasetSchema(tuple(self.tables.values()))
        for table in schema.tables:
            route = schema.person_route(table.name)
            if route:
                way = " → ".join((", ".join(route[0].columns), *(key.parent for key in route)))
                self.note(table.name, None, "its rows are about the persons they lead to", f"through {way}")
        return schema

    def note(self, table: str, column: str | None, message: str, reason: str = "", level: Literal["note", "warning"] = "note") -> None:
        self.found.append(Finding(table, column, level, message, reason))

    def vocabularies(self) -> None:
        """Code lists: by their name, referred to by other tables, and leading to nobody."""
        looking = True
        while looking:
            looking = False
            for table in self.tables.values():
                referring = [(t.name, k) for t in self.tables.values() for k in t.foreign_keys if k.parent == table.name and t is not table]
                if table.public or not referring or not self.vocabulary(table):
                    continue
                plain = tuple(replace(c, role=Role.OTHER, unique=table.primary_key == (c.name,)) for c in table.columns)
                self.tables[table.name] = replace(table, public=True, columns=plain)
                columns = f"{len(referring)} column" + (" refers" if len(referring) == 1 else "s refer")
                self.note(
                    table.name,
                    None,
                    "taken as a vocabulary: it would be copied whole into what is published; "
                    "confirm that only if it is already published by somebody else",
                    f"its name speaks of codes, {columns} to it, and none of its rows leads to a person",
                    "warning",
                )
                looking = True

    def vocabulary(self, table: TableSchema) -> bool:
        if table.person_key or any(not self.tables[k.parent].public and k.parent != table.name for k in table.foreign_keys):
            return False
        if len(table.primary_key) != 1:
            return False
        one, key = key_names.singular(table.name), spelled(table.primary_key[0])
        return bool(key_names.VOCABULARY.search(one) or key_names.VOCABULARY.search(key.removesuffix("_id")))

    # Persons

    def persons(self) -> None:
        """The person key of every table that has one: where there is one row for each person, and where that row is referred to."""
        for table in list(self.tables.values()):
            if not table.public and table.person_key is None and of_persons(table, self.person_column):
                self.with_person(table, table.primary_key[0], "the table has one row for each person")
        for table in list(self.tables.values()):
            for key in table.foreign_keys:
                parent = self.tables[key.parent]
                if key.columns == (table.person_key,) and parent.person_key is None and not parent.public:
                    self.with_person(parent, key.parent_columns[0], f'"{table.name}" refers to it by its person key')
        for table in list(self.tables.values()):
            if table.person_key is None and not table.public:
                self.person_by_reference(table)

    def with_person(self, table: TableSchema, column: str, reason: str) -> None:
        self.tables[table.name] = replace(table, person_key=column)
        self.note(table.name, column, "taken as the person key", reason)

    def person_by_reference(self, table: TableSchema) -> None:
        keys = [k for k in table.foreign_keys if self.tables[k.parent].person_key == k.parent_columns[0] and len(k.columns) == 1]
        keys = [k for k in keys if k.parent != table.name]
        whole = [k for k in keys if not self.nullable(table, k)]
        own = [k for k in whole if self.person_column(k.columns[0]) or spelled(k.columns[0]) == spelled(k.parent_columns[0])]
        chosen = own if len(own) == 1 else whole
        if len(chosen) == 1:
            self.with_person(table, chosen[0].columns[0], f'it refers to the persons of "{chosen[0].parent}"')
        elif keys:
            listed = ", ".join(f'"{k.columns[0]}"' for k in keys)
            why = "several columns refer to persons" if len(chosen) > 1 else "the column is missing in some rows"
            self.note(table.name, None, f"whose rows these are is not clear ({listed}): choose a person key", why, "warning")

    def nullable(self, table: TableSchema, key: ForeignKey) -> bool:
        of = self.counts[table.name].get(key.columns[0])
        return of is None or of.present < of.rows

    # Kinds and roles

    def with_kinds(self, table: TableSchema) -> TableSchema:
        """Keys are identifiers, references to vocabularies are codes; neither is a direct identifier."""
        if table.public:
            return table
        codes = {c for k in table.foreign_keys if self.tables[k.parent].public for c in k.columns}
        keys = {c for k in table.foreign_keys if not self.tables[k.parent].public for c in k.columns}
        keys |= {c for t in self.tables.values() for k in t.foreign_keys if k.parent == table.name for c in k.parent_columns}
        keys |= set(table.primary_key) if len(table.primary_key) == 1 else set()
        return replace(table, columns=tuple(self.with_kind(table, c, c.name in keys, c.name in codes) for c in table.columns))

    def with_kind(self, table: TableSchema, column: ColumnSchema, key: bool, code: bool) -> ColumnSchema:
        if key:
            of = self.counts[table.name].get(column.name)
            role = column.role if column.name == table.person_key else Role.OTHER
            unique = column.unique or (of is not None and of.numbers_rows)
            return replace(column, kind=Kind.IDENTIFIER, role=role, unique=unique, decimals=None, unit="")
        if code:
            role = Role.OTHER if column.role is Role.DIRECT_IDENTIFIER else column.role
            return replace(column, kind=Kind.CATEGORICAL, role=role, unique=False, unit="")
        return column


def superseded(finding: Finding, before: DatasetSchema, after: DatasetSchema) -> bool:
    """Whether what was said of a table by itself (`before`) no longer holds once its keys are known (`after`)."""
    was, now = before.table(finding.table), after.table(finding.table)
    if now.public:
        return True
    if finding.message == NO_PERSON:
        return now.person_key is not None or bool(after.person_route(now.name))
    if finding.column is None:
        return False
    if finding.message == "taken as the primary key":
        return now.primary_key != (finding.column,)
    if finding.message == "taken as the person key":
        return now.person_key != finding.column
    old, new = was.column(finding.column), now.column(finding.column)
    if finding.message.startswith("taken as "):
        return old.kind is not new.kind
    return "direct identifier" in finding.message and old.role is not new.role
