"""Variable minimisation: the part of a dataset's schema and summary that a request asks for.

Of a dataset of several tables the variables are "table.column". Keys are not asked for: they are issued anew, and come along where
they hold chosen tables together or lead to the person; so do the vocabularies that chosen columns refer to, whole.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from generators.errors import InputError
from generators.rules.meaning import check
from generators.schema import DatasetSchema, ForeignKey, Kind, TableSchema
from generators.summarising.exposure import TOGETHER
from generators.summary import MetadataSummary, TableSummary


def variables(schema: DatasetSchema) -> tuple[tuple[TableSchema, tuple[str, ...]], ...]:
    """What can be asked for: the columns of each table that need a reason. Tables of which nothing can be asked for are left out."""
    if len(schema.tables) == 1:
        (table,) = schema.tables
        return ((table, tuple(n for n in table.names if n != table.person_key)),)
    found = []
    for table in schema.tables:
        if table.public:
            continue
        keys = _keys(schema, table)
        # A table that does nothing but link others is asked for by its keys.
        found.append((table, tuple(n for n in table.names if n not in keys) or tuple(n for n in table.names if n != table.person_key)))
    return tuple(found)


def variable(schema: DatasetSchema, table: str, column: str) -> str:
    """How a request names a column."""
    return column if len(schema.tables) == 1 else f"{table}.{column}"


def predictable(schema: DatasetSchema) -> dict[str, str]:
    """Variables that a model could be asked to predict, and the column each is: no key, identifier or free text."""
    return {
        variable(schema, table.name, name): name
        for table, names in variables(schema)
        for name in names
        if table.column(name).kind not in (Kind.IDENTIFIER, Kind.FREE_TEXT)
    }


def selected(schema: DatasetSchema, asked: Collection[str]) -> DatasetSchema:
    """The schema with the variables asked for, and what they need. None chosen yet: everything.

    The person key stays: it is issued anew, and persons are counted by it. Rules and keys that name a column left out go with it.
    """
    if not asked:
        return schema
    if len(schema.tables) == 1:
        (table,) = schema.tables
        chosen = {n for n in table.names if n in asked}
        return replace(schema, tables=(_part(table, {*chosen, table.person_key}, table.foreign_keys),) if chosen else ())
    wanted = {t.name: {n for n in names if f"{t.name}.{n}" in asked} for t, names in variables(schema)}
    present = _needed(schema, {name for name, names in wanted.items() if names}, wanted)
    kept: dict[str, set[str]] = {}
    for table in schema.tables:
        if table.public:
            kept[table.name] = set(table.names)
            continue
        references = {n for k in table.foreign_keys for n in k.columns}
        leading = {n for k in table.foreign_keys if k.parent in present for n in k.columns}
        kept[table.name] = wanted[table.name] | {n for n in _keys(schema, table) if n not in references or n in leading}
    tables = []
    for table in schema.tables:
        if table.name not in present:
            continue
        held = [k for k in table.foreign_keys if k.parent in present and set(k.parent_columns) <= kept[k.parent]]
        tables.append(_part(table, kept[table.name], held))
    return replace(schema, tables=tuple(tables))


def lessened(schema: DatasetSchema, without: Collection[tuple[str, str]]) -> DatasetSchema:
    """The schema less some columns, each (table, column). InputError for one that is not there, or that is a key or part of one."""
    for name, column in without:
        table = schema.table(name)
        if column == TOGETHER:
            continue  # not a column: see `lessened_summary`
        table.column(column)
        if column in _keys(schema, table):
            raise InputError(f'table "{name}", column "{column}": it is a key, of which nothing is told; it cannot be left out')
    dropped = set(without)
    tables = (_part(t, {n for n in t.names if (t.name, n) not in dropped}, t.foreign_keys) for t in schema.tables)
    return replace(schema, tables=tuple(tables)) if dropped else schema


def lessened_summary(summary: MetadataSummary, without: Collection[tuple[str, str]]) -> MetadataSummary:
    """The summary of a lessened schema, less the patterns of missing values of tables for which those too are left out."""
    silent = {table for table, what in without if what == TOGETHER}
    return replace(summary, tables=tuple(replace(t, missing=()) if t.name in silent else t for t in summary.tables)) if silent else summary


def selected_summary(summary: MetadataSummary, whole: DatasetSchema, part: DatasetSchema) -> MetadataSummary:
    """The summary less what `part` of the `whole` schema leaves out, figures about several columns or tables included."""
    if part == whole:
        return summary
    tables = {table.name: table for table in part.tables}
    held = {(t.name, columns) for t in part.tables for columns in [*(k.columns for k in t.foreign_keys), (t.person_key or "",)]}
    return replace(
        summary,
        schema_digest=part.digest,
        tables=tuple(_summary_part(t, set(tables[t.name].names)) for t in summary.tables if t.name in tables),
        relationships=tuple(r for r in summary.relationships if (r.child, r.columns) in held and (r.parent == "" or r.parent in tables)),
    )


def _keys(schema: DatasetSchema, table: TableSchema) -> set[str]:
    """The columns that only say which row is which: all are issued anew."""
    referred = (n for t in schema.tables for k in t.foreign_keys if k.parent == table.name for n in k.parent_columns)
    keys = {table.person_key or "", *(n for n in (*table.primary_key, *referred) if table.column(n).kind is Kind.IDENTIFIER)}
    return keys | {n for k in table.foreign_keys if not schema.table(k.parent).public for n in k.columns}


def _needed(schema: DatasetSchema, chosen: set[str], wanted: dict[str, set[str]]) -> set[str]:
    """The chosen tables, those that lead from them to the person, those a link table links, and vocabularies they refer to."""
    present = set(chosen)
    for name in chosen:
        table = schema.table(name)
        present |= {key.parent for key in schema.person_route(name)}
        linked = wanted[name] & _keys(schema, table)
        for key in table.foreign_keys:
            if (schema.table(key.parent).public and set(key.columns) <= wanted[name]) or linked & set(key.columns):
                present.add(key.parent)
    return present


def _part(table: TableSchema, names: Collection[str | None], references: Collection[ForeignKey]) -> TableSchema:
    rest = replace(table, columns=tuple(c for c in table.columns if c.name in names))
    present = set(rest.names)
    return replace(
        rest,
        primary_key=table.primary_key if set(table.primary_key) <= present else (),
        foreign_keys=tuple(k for k in references if set(k.columns) <= present),
        rules=tuple(rule for rule in table.rules if set(check(rule, table).columns) <= present),
    )


def _summary_part(table: TableSummary, kept: set[str]) -> TableSummary:
    if {c.name for c in table.columns} <= kept:
        return table
    # A pattern says which columns are missing together and which are not, so it is about all of them.
    told = {name for pattern in table.missing for name in pattern.columns}
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name in kept),
        missing=table.missing if told <= kept else (),
        cross_tabulations=tuple(c for c in table.cross_tabulations if {axis.column for axis in c.axes} <= kept),
    )
