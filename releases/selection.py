"""Variable minimisation: the part of a dataset's schema and summary that a request asks for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from generators.rules import check
from generators.schema import DatasetSchema, TableSchema
from generators.summary import MetadataSummary, without


def selected(schema: DatasetSchema, variables: Collection[str]) -> DatasetSchema:
    """The schema with the columns asked for, and the person key, which is issued anew and by which persons are counted.

    variables: column names ("table.column" when there are several tables); none chosen yet: everything.
    Rules and keys that name a column left out go with it.
    """
    if not variables:
        return schema
    several = len(schema.tables) > 1
    tables = (_selected(table, {n for n in table.names if (f"{table.name}.{n}" if several else n) in variables}) for table in schema.tables)
    return replace(schema, tables=tuple(table for table in tables if table.columns))


def selected_summary(summary: MetadataSummary, whole: DatasetSchema, part: DatasetSchema) -> MetadataSummary:
    """The summary less what `part` of the `whole` schema leaves out."""
    if part == whole:
        return summary
    kept = {(table.name, name) for table in part.tables for name in table.names}
    left_out = [(table.name, name) for table in whole.tables for name in table.names if (table.name, name) not in kept]
    return replace(without(summary, *left_out), schema_digest=part.digest)


def _selected(table: TableSchema, names: Collection[str]) -> TableSchema:
    kept = {*names, table.person_key} if names else set()
    rest = replace(table, columns=tuple(c for c in table.columns if c.name in kept))
    present = set(rest.names)
    return replace(
        rest,
        primary_key=table.primary_key if set(table.primary_key) <= present else (),
        foreign_keys=tuple(k for k in table.foreign_keys if set(k.columns) <= present),
        rules=tuple(rule for rule in table.rules if set(check(rule, table).columns) <= present),
    )
