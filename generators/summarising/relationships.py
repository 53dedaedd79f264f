"""How many rows of a table belong to each row of another, under disclosure control: what `summarise` says of tables together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np

from generators.counts.column_codes import whole_numbers
from generators.counts.counting import Counted, Crowd
from generators.counts.grouped import Grouped
from generators.counts.person_counts import Groups, Persons, grouped, narrowest
from generators.disclosure import DisclosurePolicy
from generators.progress import Progress, silent
from generators.schema import DatasetSchema, ForeignKey, TableSchema
from generators.summarising.concealment import hidden
from generators.summarising.protection import cell, protected_numbers
from generators.summary_parts import RelationshipSummary

Opened = Callable[[TableSchema], Counted]
"""Gives a table to count, each time it is asked for."""


def relationships(
    schema: DatasetSchema, opened: Opened, policy: DisclosurePolicy, withheld: Collection[str] = (), *, progress: Progress = silent
) -> tuple[RelationshipSummary, ...]:
    """One for each foreign key to a table that is not public, then one for each person root (see `person_roots`) when there are several.

    withheld: tables of too few persons; whatever they are part of is left out. Persons behind a figure are those of the parent rows; where
    the parent is about nobody, each of its rows counts as one. Rows that refer to a parent that is not there are counted nowhere.
    """
    found: list[RelationshipSummary] = []
    for child, key in _kept(schema, withheld):
        progress(f"counting the rows of {child.name} by {key.parent}", 0.0)
        table = opened(child)
        parent = table if key.parent == child.name else opened(schema.table(key.parent))
        found.append(_summary(table, key, parent, policy))
    roots = [t for t in person_roots(schema) if t.name not in withheld]
    if len(person_roots(schema)) > 1 and roots:
        progress("counting the rows of each person", 0.0)
        found += _of_persons(roots, opened, policy)
    return tuple(found)


def person_roots(schema: DatasetSchema) -> tuple[TableSchema, ...]:
    """The tables whose person key refers to no other table: together they hold everybody."""
    tables = (t for t in schema.tables if t.person_key and not t.public)
    return tuple(t for t in tables if not any(k.columns == (t.person_key,) and k.parent != t.name for k in t.foreign_keys))


def _kept(schema: DatasetSchema, withheld: Collection[str]) -> Iterator[tuple[TableSchema, ForeignKey]]:
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.table(key.parent)
            if not (table.public or parent.public or table.name in withheld or parent.name in withheld):
                yield table, key


def _summary(child: Counted, key: ForeignKey, parent: Counted, policy: DisclosurePolicy) -> RelationshipSummary:
    groups, without = child.children(key, parent)
    parents, rows = _rows(parent.everyone, policy), _rows(child.everyone, policy) if without is None else None
    children = protected_numbers(groups, whole_numbers(0, 0), policy)
    return RelationshipSummary(
        child=child.schema.name,
        columns=key.columns,
        parent=parent.schema.name,
        parents=parents,
        children=hidden(children.shape, children.left, None if parents is None else policy.span(parents), policy, repeats=rows),
        nulls=None if without is None else cell(policy, "missing", without.persons, without.rows, without.largest),
    )


def _of_persons(roots: list[TableSchema], opened: Opened, policy: DisclosurePolicy) -> Iterator[RelationshipSummary]:
    first, *others = (opened(table) for table in roots)
    everybody = first.persons_with(others)
    for table in roots:
        groups = _with_none(opened(table).rows_per_person(), everybody)
        children = protected_numbers(groups, whole_numbers(0, 0), policy)
        parents = _rows(Crowd(everybody, everybody, 1), policy)
        shape = hidden(children.shape, children.left, None if parents is None else policy.span(parents), policy)
        yield RelationshipSummary(table.name, (table.person_key or "",), "", parents, shape)


def _with_none(groups: Grouped, everybody: int) -> Groups:
    """Persons grouped by how many rows of a table they have, with 0 for those who are not in it."""
    size = int(groups.codes.max(initial=0)) + 1
    rows = np.zeros(everybody, dtype=narrowest(size))
    each = np.repeat(groups.codes.astype(rows.dtype), groups.rows)
    rows[: len(each)] = each
    return grouped(rows, size, Persons.one_row_each(everybody))


def _rows(crowd: Crowd, policy: DisclosurePolicy) -> int | None:
    return policy.rounded(crowd.rows) if 2 * crowd.largest < crowd.rows else None
