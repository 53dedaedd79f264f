"""Generated rows while they are being mended: each column's values as they were generated, and for each row whose value it has now.

A value is never edited: a row's place in a column points at a generated value (or at one that a rule or a public code list names, or at
nothing: missing). Computed columns are computed whenever they are asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.generating.issuing import ARROW, clock
from generators.rules import tree
from generators.rules.clauses import Clause, Plan, names_in
from generators.rules.meaning import Evaluation, within
from generators.rules.tree import ParsedRule
from generators.rules.values import Bools, Ints, Value, Verdict
from generators.schema import ColumnSchema, Kind

_DAY = 86_400_000_000
_PLACES = 12
"""Sums of decimals are rounded to this many places: they are not exact in binary."""

_NO_RULE = ParsedRule("", "", tree.Truth(tree.Literal(True)), None, ())


class Rows:
    """A partition. `source(column)`: for each row the place of its value, -1 for missing; after writing to it say `moved(column)`."""

    def __init__(self, plan: Plan, rows: pa.Table) -> None:
        self.plan, self.count = plan, rows.num_rows
        self.names = rows.column_names
        self.columns = {name: _one(rows[name]) for name in self.names}
        self.types = {name: column.type for name, column in self.columns.items()}
        self._source: dict[str, Ints] = {}
        self._named: dict[str, range] = {}
        self._whole: View | None = None

    def source(self, column: str) -> Ints:
        if column not in self._source:
            values = self.columns[column]
            places = np.arange(self.count, dtype=np.int64)
            self._source[column] = np.where(pc.is_valid(values).to_numpy(zero_copy_only=False), places, -1)
        return self._source[column]

    def moved(self, column: str) -> None:
        if self._whole is not None:
            self._whole.forget(column)

    def all(self) -> View:
        """All rows, as they are now; what was read is kept until it moves."""
        if self._whole is None:
            self._whole = View(self, None)
        return self._whole

    def some(self, rows: Ints) -> View:
        """These rows, as they are now."""
        return View(self, rows)

    def now(self, column: str, rows: Ints | None) -> pa.Array:
        """Values of a column that is not computed, or of a computed one before it is."""
        if column not in self._source and rows is None:
            return self.columns[column].slice(0, self.count)
        places = self.source(column) if rows is None else self.source(column)[rows]
        return self.columns[column].take(pa.array(places, mask=places < 0))

    def named(self, column: str) -> range:
        """Places of the values that the rules about a column and its public code list name; they are added when first asked for."""
        if column not in self._named:
            before = len(self.columns[column])
            extra = _literals(self.plan, self.plan.table.column(column))
            values = _stored(extra, self.types[column])
            if len(values):
                self.source(column)
                self.columns[column] = _one(pa.chunked_array([self.columns[column], values]))
            self._named[column] = range(before, before + len(values))
        return self._named[column]

    def bounds(self) -> list[Clause]:
        """For each computed number or date: it stays within the range of what was generated for the column."""
        clauses = []
        for name in dict.fromkeys(d.target for d in self.plan.derived):
            values = self.columns[name]
            if values.type not in (pa.int64(), pa.float64(), pa.date32(), pa.timestamp("us")) or values.null_count == len(values):
                continue
            ends = pc.min_max(values).as_py()
            low, high = (tree.Literal(v if isinstance(v, int | float) else v.isoformat()) for v in (ends["min"], ends["max"]))
            column = tree.Column(name)
            within_range = tree.Joined("and", tree.Comparison(column, ">=", low), tree.Comparison(column, "<=", high))
            rule = ParsedRule(f"range of {name}", "", within_range, None, (name,))
            clauses.append(Clause(rule, None, within_range, None, (name,)))
        return clauses

    def table(self) -> pa.Table:
        """The rows as they are now, in the types they came in."""
        view = self.all()
        changed = {*self._source, *(d.target for d in self.plan.derived)}
        return pa.table({n: _typed(view[n], self.types[n]) if n in changed else self.columns[n].slice(0, self.count) for n in self.names})


class View:
    """Some rows (None: all) as rules see a table."""

    def __init__(self, rows: Rows, places: Ints | None) -> None:
        self.rows, self.places = rows, places
        self.num_rows = rows.count if places is None else len(places)
        self._arrays: dict[str, pa.Array] = {}

    @cached_property
    def evaluation(self) -> Evaluation:
        return Evaluation(_NO_RULE, self, self.rows.plan.table)

    def broken(self, clause: Clause) -> Bools:
        """Which rows break a clause."""
        false = self.condition(clause.rule, clause.then).false
        return false if clause.when is None else false & self.condition(clause.rule, clause.when).true

    def true(self, condition: tree.Condition) -> Bools:
        return self.evaluation.condition(condition).true

    def condition(self, rule: ParsedRule, condition: tree.Condition) -> Verdict:
        self.evaluation.rule = rule
        return self.evaluation.condition(condition)

    def forget(self, column: str) -> None:
        """A column moved: it and what is computed from it are read anew."""
        for name in list(self._arrays):
            if name == column or column in self.rows.plan.sources((name,)):
                del self._arrays[name]
                self.evaluation.read.pop(name, None)

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self._arrays:
            self._arrays[name] = self._computed(name)
        return self._arrays[name]

    def _computed(self, name: str) -> pa.Array:
        array = self.rows.now(name, self.places)
        column = self.rows.plan.table.column(name)
        for step in self.rows.plan.derived:
            if step.target != name:
                continue
            value = self.evaluation.operand(step.operand)
            given = value.valid & pc.is_valid(array).to_numpy(zero_copy_only=False)
            if step.when is not None:
                given = given & self.evaluation.condition(step.when).true
            made, usable = _as_stored(value, column, self.num_rows)
            array = pc.if_else(pa.array(given & usable), made, _plain(array))
        return array


def _as_stored(value: Value, column: ColumnSchema, rows: int) -> tuple[pa.Array, Bools]:
    """A rule's value as a column stores it, and where it can be."""
    usable = np.ones(rows, dtype=np.bool_)
    if value.what == "text":
        made = _plain(value.data) if not isinstance(value.data, str) else pa.repeat(pa.scalar(value.data, pa.string()), rows)
        return pc.cast(made, ARROW[column.storage]), usable
    data = np.broadcast_to(np.asarray(value.data), (rows,))
    if value.what == "duration" and column.kind is Kind.TIME:
        labels, hourly = clock(column.format)
        usable = (data >= 0) & (data < _DAY)
        ticks = np.where(usable, data, 0).astype(np.int64) // (3_600_000_000 // hourly)
        return pa.array(labels, pa.string()).take(pa.array(ticks)), usable
    if column.storage == "date32":
        days = np.floor_divide(data.astype(np.int64), _DAY)
        usable = np.abs(days) < 2**31
        return pc.cast(pa.array(np.where(usable, days, 0).astype(np.int32)), pa.date32()), usable
    if column.storage == "timestamp[us]":
        return pc.cast(pa.array(np.round(data).astype(np.int64)), pa.timestamp("us")), usable
    if column.storage == "float64":
        return pa.array(np.round(data.astype(np.float64), _PLACES)), usable
    if column.storage == "int64":
        usable = np.abs(data) < float(1 << 62)
        return pa.array(np.round(np.where(usable, data, 0)).astype(np.int64)), usable
    return pc.cast(pa.array(data), ARROW[column.storage]), usable


def _literals(plan: Plan, column: ColumnSchema) -> list[Any]:
    """Values of a column that the rules or its code list name, in order, each once."""
    found: list[Any] = []
    for clause in plan.clauses:
        for node in within(clause.then):
            if isinstance(node, tree.IsIn) and names_in(node) == (column.name,):
                found += [v.value if isinstance(v, tree.Literal) else v.low for v in node.values]
            elif isinstance(node, tree.Comparison) and names_in(node) == (column.name,):
                found += [side.value for side in (node.left, node.right) if isinstance(side, tree.Literal)]
            elif isinstance(node, tree.Truth | tree.Not) and names_in(node) == (column.name,) and column.storage == "bool":
                found += [True, False]
    if column.codes is not None:
        return list(column.codes)
    return list(dict.fromkeys(found))


def _stored(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Those of `values` that the column's type can hold."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    kept = []
    for value in values:
        given = datetime.fromisoformat(value).replace(tzinfo=UTC) if _moment(value, plain) else value
        try:
            kept.append(pc.cast(pa.scalar(given), plain) if isinstance(given, str) else pa.scalar(given, plain))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError, TypeError):
            continue
    made = pa.array([k.as_py() for k in kept], plain)
    return made.dictionary_encode() if pa.types.is_dictionary(kind) else made


def _moment(value: Any, kind: pa.DataType) -> bool:
    if not isinstance(value, str) or not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _typed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if pa.types.is_dictionary(kind):
        return _plain(array).dictionary_encode()
    return pc.cast(_plain(array), kind)


def _plain(array: pa.Array) -> pa.Array:
    return pc.cast(array, array.type.value_type) if pa.types.is_dictionary(array.type) else array


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    made = column.combine_chunks()
    return made if isinstance(made, pa.Array) else pa.concat_arrays(made.chunks)
