"""One partition of a dataset as Arrow tables: a pure function of the plan and the partition's number.

Wherever it runs (this process, another, an executor of Spark), the same plan and number give the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding.coded import Codes
from generators.errors import InputError
from generators.generating import aggregates, marginal, structural
from generators.generating.issuing import issued, issued_as, stored, written
from generators.generating.layout import PERSONS, Place, layout
from generators.generating.plan import Part, Plan
from generators.generating.skeleton import FILLING, KEEPING_RULES, REFERRING, Ints, Rows, Skeleton, ranks, stream
from generators.generating.structural import DAY, MISSING
from generators.mechanism import Mechanism
from generators.rules.enforcement import enforcer
from generators.schema import ColumnSchema, ForeignKey, Kind, TableSchema
from generators.summary import MetadataSummary, TableSummary

Fill = Callable[[int, int, np.random.Generator], pa.Table]
"""(first row, rows, random generator) → that many rows of canonical Arrow: the columns that are not given."""

Filler = Callable[[TableSchema, TableSummary | None, frozenset[str]], Fill]
"""(table, its summary, columns that are given) → what fills the others."""


def _structural(table: TableSchema, summary: TableSummary | None, given: frozenset[str]) -> Fill:
    return structural.filler(table, given)


def _marginal(table: TableSchema, summary: TableSummary | None, given: frozenset[str]) -> Fill:
    if summary is None:
        raise InputError('the generator "marginal" needs a metadata summary')
    return marginal.filler(table, summary, given)


def _aggregates(table: TableSchema, summary: TableSummary | None, given: frozenset[str]) -> Fill:
    if summary is None:
        raise InputError('the generator "aggregates" needs a metadata summary')
    return aggregates.filler(table, summary, given)


FILLERS: dict[str, Filler] = {"structural": _structural, "marginal": _marginal, "aggregates": _aggregates}
"""By generator: how columns are filled that are not keys."""


class LearnedRows(Protocol):
    """Draws the rows of one learned model."""

    def mended(self, place: Place, rows: pa.Table, rng: np.random.Generator) -> pa.Table:
        """The rows, in which the rules of the schema are kept, with what else held in every record."""
        ...

    def filled(self, place: Place, rows: Mapping[str, Rows], codes: dict[str, Codes], rng: np.random.Generator) -> pa.Table | None:
        """The learned columns of `place`, None where nothing was learned. rows: the skeleton of the partition, by table; codes: of the
        tables made before, to which its own are added.
        """
        ...


class Learned(Protocol):
    """What a generator learned from records (`generators.fitting.fitted.FittedModel`)."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all it holds; the mechanism's parameter "model" is the same."""
        ...

    @property
    def summary(self) -> MetadataSummary:
        """Released numbers of rows, and of rows that hang on each other."""
        ...

    @property
    def partition_rows(self) -> int:
        """Rows that are made at once."""
        ...

    def to_bytes(self) -> bytes:
        """As it is handed to another process."""
        ...

    def begin(self, mechanism: Mechanism) -> LearnedRows:
        """What draws its rows as this mechanism says."""
        ...


def make_partition(plan: Plan, number: int, only: frozenset[str] | None = None, model: Learned | None = None) -> dict[str, pa.Table]:
    """The tables of partition `number` (from 0) of `plan`, by name. only: make just these, and what they need."""
    return Maker(plan, model).partition(number, only)


def refuse_other_model(plan: Plan, model: Learned | None) -> None:
    """InputError when the mechanism of the plan is of a learned model and this is not it."""
    wanted = dict(plan.mechanism.parameters).get("model")
    if wanted is not None and model is None:
        raise InputError(f'the generator "{plan.mechanism.generator}" needs the model that was learned for it')
    if model is not None and wanted != model.digest:
        raise InputError("the mechanism was approved for another learned model")


class Maker:
    """Makes the partitions of one plan; what they share is prepared once. model: what was learned, where the generator learns."""

    def __init__(self, plan: Plan, model: Learned | None = None) -> None:
        refuse_other_model(plan, model)
        self.plan = plan
        self.learned = None if model is None else model.begin(plan.mechanism)
        self.layout = layout(plan.schema)
        self.skeleton = Skeleton(self.layout, plan.summary, plan.seed, plan.totals)
        self._mend = {name: enforcer(place.table) for name, place in self.layout.places.items()}
        self._fills: dict[str, tuple[Fill, frozenset[str]]] = {}
        self._elsewhere: dict[tuple[str, str], pa.Array] = {}

    def partition(self, number: int, only: frozenset[str] | None = None) -> dict[str, pa.Table]:
        """See `make_partition`."""
        part = self.plan.parts[number]
        needed = self._needed(part.root, only)
        rows = self._rows(part)
        made: dict[str, pa.Table] = {}
        codes: dict[str, Codes] = {}
        for place in self.layout.under(part.root):
            if place.name in needed:
                made[place.name] = self._table(place, part, rows, made, codes)
        return made if only is None else {name: table for name, table in made.items() if name in only}

    def arrow_schema(self, table: str) -> pa.Schema:
        """The Arrow schema of a generated table; text columns may come dictionary-encoded."""
        return pa.schema([(c.name, written(c)) for c in self.plan.schema.table(table).columns])

    def _needed(self, root: str, only: frozenset[str] | None) -> frozenset[str]:
        if only is None:
            return frozenset(self.layout.places)
        needed = set(only)
        for place in reversed(self.layout.under(root)):
            if place.name in needed:
                needed |= {key.parent for key in place.keys}
        return frozenset(needed)

    def _rows(self, part: Part) -> dict[str, Rows]:
        if self.layout.alone(part.root) and not self.layout.places[part.root].references:
            whole = np.arange(part.rows)
            owner = whole if self.learned is None else self.skeleton.owners(self.layout.places[part.root], part.rows, part.number)
            return {part.root: Rows(part.rows, owner, whole, {}, {})}
        return self.skeleton.partition(part.root, part.rows, part.number, part.firsts)

    def _table(
        self, place: Place, part: Part, skeleton: Mapping[str, Rows], made: Mapping[str, pa.Table], codes: dict[str, Codes]
    ) -> pa.Table:
        first, rows = part.firsts[place.name], skeleton[place.name]
        given = self._keys(place, part, rows, made)
        rng = stream(self.plan.seed, place.position, FILLING, part.number)
        if self.learned is not None:
            learned = self.learned.filled(place, skeleton, codes, rng)
            wanted = [n for n in place.table.names if n not in given]
            given |= {
                n: _cast(_one(learned[n]), place.table.column(n)) for n in wanted if learned is not None and n in learned.column_names
            }
        fill, promised = self._fill(place, frozenset(given))
        filled = fill(first, rows.count, rng)
        given |= self._from_vocabulary(place, promised, rows.count, part.number)
        columns = {c.name: given[c.name] if c.name in given else filled[c.name] for c in place.table.columns}
        mending = stream(self.plan.seed, place.position, KEEPING_RULES, part.number)
        mended = self._mend[place.name](_spaced(place, rows, pa.table(columns)), mending)
        return mended if self.learned is None else self.learned.mended(place, mended, mending)

    def _fill(self, place: Place, given: frozenset[str]) -> tuple[Fill, frozenset[str]]:
        """What fills the columns that are not keys, and the columns that hold keys of vocabularies, which are drawn from those."""
        if place.name not in self._fills:
            # The summary of what a learned generator made tells numbers of rows only: columns it did not learn hold placeholders.
            observed = self.plan.summary is not None and self.learned is None
            summary = self.plan.summary.table(place.name) if self.plan.summary is not None and observed else None
            drawn: set[str] = set()
            for key in (k for k in _public_keys(self.plan, place.table) if self.learned is None or not set(k.columns) <= given):
                known = summary is not None and any(_known(summary, name) for name in key.columns)
                if summary is not None:
                    summary = _without_others(summary, key.columns)
                may_miss = summary is not None and any(place.table.column(n).nullable for n in key.columns)
                if not known and not may_miss and self.plan.vocabulary.get(key.parent):
                    drawn |= set(key.columns)
            filler = FILLERS[self.plan.mechanism.generator] if self.learned is None else _structural
            self._fills[place.name] = (filler(place.table, summary, given | drawn), frozenset(drawn))
        return self._fills[place.name]

    def _from_vocabulary(self, place: Place, promised: frozenset[str], rows: int, number: int) -> dict[str, pa.Array]:
        """Columns that refer to a vocabulary of whose use nothing was released: any of its keys."""
        made: dict[str, pa.Array] = {}
        for at, key in enumerate(place.table.foreign_keys):
            if not set(key.columns) <= promised or set(key.columns) & set(made):
                continue
            rng = stream(self.plan.seed, place.position, REFERRING, number, at)
            known = self.plan.vocabulary[key.parent]
            chosen = rng.integers(0, len(known[key.parent_columns[0]]), rows)
            missing = rng.random(rows) < MISSING
            for name, theirs in zip(key.columns, key.parent_columns, strict=True):
                column = place.table.column(name)
                keys = pa.array(known[theirs], written(column))
                made[name] = pc.take(keys, pa.array(chosen, mask=missing if column.nullable else None))
        return made

    def _keys(self, place: Place, part: Part, rows: Rows, made: Mapping[str, pa.Table]) -> dict[str, pa.Array]:
        """Key columns: copied from the rows they refer to, the person's, and numbers that keep the primary key unique."""
        table, first, given = place.table, part.firsts[place.name], dict[str, pa.Array]()
        for key in place.keys:
            if key.parent == place.name:
                continue
            chosen = rows.parents[key]
            for name, theirs in zip(key.columns, key.parent_columns, strict=True):
                if name not in given:
                    source = made[key.parent] if key.parent in made else None
                    given[name] = self._referred(key.parent, theirs, source, chosen, table.column(name))
        person = table.person_key
        if person is not None and person not in place.copied and (self.learned is not None or not self.layout.alone(part.root)):
            column = self.layout.person_column(part.root) or table.column(person)
            given[person] = issued_as(column, part.first + 1 + rows.owner)
        given |= self._numbers(place, rows, first, given)
        for key in place.references:
            if key.parent == place.name:
                given |= self._own(place, key, rows, first, given)
        return given

    def _referred(self, parent: str, theirs: str, source: pa.Table | None, chosen: Ints, column: ColumnSchema) -> pa.Array:
        missing = chosen < 0
        if source is not None:
            values = source[theirs].combine_chunks()
            return _cast(pc.take(values, pa.array(chosen, mask=missing)), column)
        there = self.plan.schema.table(parent).column(theirs)
        place = self.layout.places[parent]
        if there.kind is Kind.IDENTIFIER and theirs not in place.copied and theirs != place.table.person_key:
            values = issued_as(there, np.maximum(chosen, 0) + 1)
            return _cast(pc.if_else(pa.array(missing), pa.scalar(None, values.type), values), column)
        return _cast(pc.take(self._column_elsewhere(place, theirs), pa.array(chosen, mask=missing)), column)

    def _column_elsewhere(self, place: Place, column: str) -> pa.Array:
        """A key column of a table of another tree, whole: for keys that do not follow from the row's number alone."""
        if (place.name, column) not in self._elsewhere:
            numbers = [n for n, part in enumerate(self.plan.parts) if part.root == place.root]
            parts = [self.partition(n, frozenset((place.name,)))[place.name][column] for n in numbers]
            self._elsewhere[place.name, column] = pa.chunked_array([c for p in parts for c in p.chunks]).combine_chunks()
        return self._elsewhere[place.name, column]

    def _numbers(self, place: Place, rows: Rows, first: int, given: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """Columns filled with numbers so that what must be unique is: single columns by row, the primary key within what it repeats."""
        table, made = place.table, dict[str, pa.Array]()
        own = [table.column(n) for n in table.primary_key if n not in place.copied and n != table.person_key]
        for column in table.columns:
            alone = column.unique or table.primary_key == (column.name,)
            if alone and column.kind is not Kind.IDENTIFIER and column.name not in given and column.name not in place.copied:
                made[column.name] = _numbered(table, column, first + np.arange(rows.count))
        if not own or any(c.kind is Kind.IDENTIFIER or c.name in made for c in own):
            return made
        counted = next((c for c in own if c.kind in (Kind.INTEGER, Kind.REAL)), None)
        if counted is not None:
            group = _group(place, rows)
            numbers = first + np.arange(rows.count) if group is None else ranks(group)
            made[counted.name] = _numbered(table, counted, numbers)
        elif not any(c.kind in (Kind.DATE, Kind.DATETIME) for c in own):
            raise InputError(
                f'table "{table.name}": its primary key ({", ".join(table.primary_key)}) cannot be kept unique; '
                f'mark column "{own[0].name}" as identifier, or choose another key'
            )
        return made

    def _own(self, place: Place, key: ForeignKey, rows: Rows, first: int, given: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """Columns that refer to rows of the same table."""
        made: dict[str, pa.Array] = {}
        chosen = rows.parents[key]
        for name, theirs in zip(key.columns, key.parent_columns, strict=True):
            if name in given:
                continue
            column = place.table.column(theirs)
            if theirs not in given and column.kind is not Kind.IDENTIFIER:
                raise InputError(f'table "{place.name}" refers to itself by "{theirs}", which is no key; mark that column as identifier')
            values = given[theirs] if theirs in given else issued_as(column, first + 1 + np.arange(rows.count))
            made[name] = _cast(pc.take(values, pa.array(chosen, mask=chosen < 0)), place.table.column(name))
        return made


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _cast(values: pa.Array, column: ColumnSchema) -> pa.Array:
    target = written(column)
    return values if values.type == target or pa.types.is_dictionary(values.type) else pc.cast(values, target)


def _public_keys(plan: Plan, table: TableSchema) -> list[ForeignKey]:
    return [k for k in table.foreign_keys if plan.schema.table(k.parent).public]


def _known(summary: TableSummary, column: str) -> bool:
    shape = summary.column(column).distribution
    return bool(shape.values or shape.steps)


def _without_others(summary: TableSummary, columns: tuple[str, ...]) -> TableSummary:
    """The summary less pooled and rolled-up values of columns that refer to a vocabulary, which has no such key."""
    kept = []
    for column in summary.columns:
        if column.name in columns:
            column = replace(column, distribution=replace(column.distribution, other=None, rolled=()))
            if column.distribution.empty and not column.absent:
                column = replace(column, absent="withheld")
        kept.append(column)
    return replace(summary, columns=tuple(kept))


def _group(place: Place, rows: Rows) -> Ints | None:
    """Rows whose copied part of the primary key is equal have equal numbers; None where nothing of it is copied."""
    parts = [rows.codes[n] for n in place.table.primary_key if n in place.copied]
    if place.table.person_key in place.table.primary_key and place.table.person_key not in place.copied:
        parts.append(rows.owner)
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    _, joint = np.unique(np.stack(parts), axis=1, return_inverse=True)
    return joint.reshape(-1).astype(np.int64)


def _numbered(table: TableSchema, column: ColumnSchema, numbers: Ints) -> pa.Array:
    """Different values for different numbers, from 1 on, or from the first days of 1970."""
    if column.storage in ("int64", "float64"):
        return pc.cast(pa.array(numbers + 1), written(column))
    if column.kind is Kind.DATE and column.storage == "date32" and numbers.max(initial=0) < 2_932_896:
        return stored(numbers, column, None)
    if column.storage == "timestamp[us]":
        return stored(numbers * 1_000_000, column, None)
    if column.storage == "string" and column.kind is Kind.CATEGORICAL and column.codes is None:
        return issued(numbers + 1, column.format)
    raise InputError(
        f'table "{table.name}": column "{column.name}" must be different in every row, which values of its kind cannot be; '
        "mark it as identifier, or as not unique"
    )


def _spaced(place: Place, rows: Rows, table: pa.Table) -> pa.Table:
    """Dates of a primary key such as (person, day) moved on to the next free one."""
    own = [place.table.column(n) for n in place.table.primary_key if n not in place.copied and n != place.table.person_key]
    dated = next((c for c in own if c.kind in (Kind.DATE, Kind.DATETIME)), None)
    if dated is None or dated.unique or any(c.kind in (Kind.IDENTIFIER, Kind.INTEGER, Kind.REAL) for c in own) or not rows.count:
        return table
    group = _group(place, rows)
    group = np.zeros(rows.count, dtype=np.int64) if group is None else group
    column = table[dated.name].combine_chunks()
    day = column.type == pa.date32()
    step = 1 if day else DAY if dated.kind is Kind.DATE else 1_000_000
    ticks = pc.fill_null(pc.cast(pc.cast(column, pa.int32()) if day else column, pa.int64()), 0).to_numpy(zero_copy_only=False)
    order = np.lexsort((ticks, group))
    rank = ranks(group[order])
    # A running maximum of (value − rank) within each group, plus the rank, is strictly increasing and moves as little as possible.
    floor = ticks[order] // step - rank
    span = int(floor.max() - floor.min()) + 1
    turn = np.cumsum(np.concatenate(([0], (np.diff(group[order]) != 0).astype(np.int64))))
    risen = np.maximum.accumulate(floor - floor.min() + turn * span) - turn * span + floor.min() + rank
    moved = np.empty_like(ticks)
    moved[order] = risen * step + ticks[order] % step
    at = place.table.names.index(dated.name)
    return table.set_column(at, dated.name, stored(moved, dated, None))


def partition_numbers(plan: Plan, table: str) -> tuple[int, ...]:
    """The partitions that hold rows of `table`."""
    root = PERSONS if table == PERSONS else layout(plan.schema).places[table].root
    return tuple(n for n, part in enumerate(plan.parts) if part.root == root)
