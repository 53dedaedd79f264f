"""Columns that are exact functions of others: computed, not learned.

A model that learns such columns gets them nearly right in every row, and so wrong in most. They are found once (`derived_search`), left out
of what is learned, and computed anew from the columns that were generated. Where a function says nothing about a row (an input is missing),
or less than all, what it leaves open is learned as an *auxiliary* column, which exists between `prepare` and `apply` only:

- "x otherwise": the values of x where the function says nothing;
- "x missing": whether x is missing although the function gives a value;
- "x after y": of an end that never lies before its start, the time between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.disclosure import DisclosurePolicy
from generators.encoding.derived_facts import given_values
from generators.encoding.derived_forms import Result, column_of, computed, later
from generators.errors import InputError
from generators.rules.values import values_of
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema


@dataclass(frozen=True)
class Derived:
    """A column that is computed from others.

    column: what it gives. form: of `derived_forms.FORMS`; facts: its constants, as JSON. columns: schema of the column itself, then of each
    input. otherwise, absent: its auxiliary columns, where it needs them; after: the auxiliary column that says how much later it is.
    """

    columns: tuple[ColumnSchema, ...]
    form: str
    facts: Mapping[str, Any]
    otherwise: str | None = None
    absent: str | None = None
    after: str | None = None

    @property
    def column(self) -> str:
        return self.columns[0].name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns it is computed from, auxiliary ones aside."""
        return tuple(c.name for c in self.columns[1:])

    @property
    def auxiliaries(self) -> tuple[str, ...]:
        """Columns that are learned in its place."""
        return tuple(name for name in (self.after, self.otherwise, self.absent) if name)

    def result(self, rows: pa.Table) -> Result:
        """What the function gives in each row, before what is learned beside it; not valid where it says nothing."""
        return computed(self.form, self.facts, self.columns, [rows[name] for name in self.inputs])

    def auxiliary_columns(self) -> tuple[ColumnSchema, ...]:
        """Schema of the auxiliary columns."""
        target, found = self.columns[0], []
        if self.after:
            found.append(ColumnSchema(self.after, Kind.INTEGER, "int64", role=target.role))
        if self.otherwise:
            found.append(replace(target, name=self.otherwise, nullable=True, unique=False))
        if self.absent:
            found.append(ColumnSchema(self.absent, Kind.BOOLEAN, "bool", nullable=False, role=target.role))
        return tuple(found)

    def prepared(self, rows: pa.Table) -> pa.Table:
        """The rows with its auxiliary columns in place of the column itself."""
        if self.column not in rows.column_names:
            return rows
        there = column_of(rows[self.column])
        known = _known(there)
        base = self.result(rows)
        said = base.valid
        if self.after:
            end = values_of(rows[self.column], self.columns[0])
            unit = int(self.facts["unit"])
            rows = rows.append_column(self.after, pa.array((end.data - base.data) // unit, pa.int64(), mask=~(said & end.valid)))
        if self.otherwise:
            rows = rows.append_column(self.otherwise, pc.if_else(pa.array(said), pa.scalar(None, there.type), there))
        if self.absent:
            rows = rows.append_column(self.absent, pa.array(said & ~known))
        return rows.drop_columns([self.column])

    def applied(self, made: pa.Table) -> pa.Table:
        """The generated rows with the column computed and its auxiliary columns gone."""
        found = self.result(made)
        said = found.valid
        if self.after:
            between = values_of(made[self.after], self.auxiliary_columns()[0])
            found = later(self.form, self.facts, found, between)
        array = found.stored(self.columns[0])
        if self.otherwise:
            other = column_of(made[self.otherwise])
            array = pc.if_else(pa.array(said), array, other if other.type == array.type else pc.cast(other, array.type))
        if self.absent:
            flag = pc.fill_null(column_of(made[self.absent]), False)
            if not pa.types.is_boolean(flag.type):
                flag = pc.cast(flag, pa.bool_())
            array = pc.if_else(pc.and_(flag, pa.array(said)), pa.scalar(None, array.type), array)
        if self.column in made.column_names:
            return made.set_column(made.column_names.index(self.column), self.column, array)
        return made.append_column(self.column, array)

    def as_dict(self) -> dict[str, Any]:
        return {
            "columns": [asdict(c) for c in self.columns],
            "form": self.form,
            "facts": dict(self.facts),
            "otherwise": self.otherwise,
            "absent": self.absent,
            "after": self.after,
        }

    @staticmethod
    def from_dict(raw: Any) -> Derived:
        """What `as_dict` gave; InputError when a piece is missing or of a wrong type."""
        try:
            table = DatasetSchema.from_dict({"tables": [{"name": "derived", "columns": raw["columns"]}]}).tables[0]
            names = tuple(None if raw[key] is None else str(raw[key]) for key in ("otherwise", "absent", "after"))
            form, facts = str(raw["form"]), dict(raw["facts"])
            given_values(form, facts, len(table.columns) - 1)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError("a computed column of the saved model cannot be read: it was changed, or written by another program") from None
        return Derived(table.columns, form, facts, *names)


def split(
    rows: pa.Table,
    table: TableSchema,
    policy: DisclosurePolicy,
    persons: npt.NDArray[np.int64],
    *,
    apart: Collection[frozenset[str]] = (),
) -> tuple[pa.Table, TableSchema, tuple[Derived, ...]]:
    """(rows, table, computed columns): what is left to learn, auxiliary columns where the columns were that they stand for.

    rows: canonical Arrow; persons: for each row the number of its person. Every constant of a computed column is about at least
    `policy.minimum` persons. apart: pairs of columns of which nothing is learned together, so that no function may have both.
    """
    derived = find(rows, table, policy, persons, apart=apart)
    if not derived:
        return rows, table, ()
    return prepare(derived, rows), learned_table(derived, table), derived


def find(
    rows: pa.Table,
    table: TableSchema,
    policy: DisclosurePolicy,
    persons: npt.NDArray[np.int64],
    *,
    apart: Collection[frozenset[str]] = (),
) -> tuple[Derived, ...]:
    """The columns of `rows` that are exact functions of others, in the order in which they can be computed; see `split`."""
    from generators.encoding.derived_search import searched

    return searched(rows, table, policy, persons, apart)


def learned_table(derived: Sequence[Derived], table: TableSchema) -> TableSchema:
    """The table less the computed columns, with their auxiliary columns; its rules and keys are not those of what is learned."""
    by_name = {d.column: d for d in derived}
    columns: list[ColumnSchema] = []
    waiting = list(table.columns)
    while waiting:
        column = waiting.pop(0)
        if column.name in by_name:
            waiting[:0] = by_name[column.name].auxiliary_columns()
        else:
            columns.append(column)
    return replace(table, columns=tuple(columns), rules=())


def prepare(derived: Sequence[Derived], rows: pa.Table) -> pa.Table:
    """The rows without computed columns and with auxiliary ones: what a model learns. Further columns stay."""
    for each in reversed(derived):
        rows = each.prepared(rows)
    return rows


def apply(derived: Sequence[Derived], made: pa.Table) -> pa.Table:
    """Generated rows with the computed columns, at the end, and without auxiliary ones."""
    gone: set[str] = set()
    for each in derived:
        made = each.applied(made)
        gone |= set(each.auxiliaries)
    return made.drop_columns([name for name in made.column_names if name in gone])


def recomputed(derived: Sequence[Derived], rows: pa.Table) -> pa.Table:
    """Whole rows of which some cells were changed: computed columns again, as far as their functions say something about a row."""
    for each in derived:
        if each.after or not all(name in rows.column_names for name in (*each.inputs, each.column)):
            continue
        there = column_of(rows[each.column])
        found = each.result(rows)
        array = found.stored(each.columns[0])
        array = array if array.type == there.type else pc.cast(array, there.type)
        said = found.valid & _known(there) if each.absent else found.valid
        if each.otherwise:
            array = pc.if_else(pa.array(said), array, there)
        elif each.absent:
            array = pc.if_else(pa.array(_known(there)), array, pa.scalar(None, there.type))
        rows = rows.set_column(rows.column_names.index(each.column), each.column, array)
    return rows


def _known(array: pa.Array) -> npt.NDArray[np.bool_]:
    known = pc.is_valid(array)
    if pa.types.is_floating(array.type):
        known = pc.and_(known, pc.invert(pc.fill_null(pc.is_nan(array), True)))
    return np.asarray(known.to_numpy(zero_copy_only=False), dtype=np.bool_)
