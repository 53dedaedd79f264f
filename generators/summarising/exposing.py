"""Counts what a summary exposes: the cells it tells of, and those that earlier summaries of the source told, on the same data.

A pass of its own over the tables, after the summary: what decides about figures needs to know nothing of other summaries.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from generators.counts.axes import Classes
from generators.counts.column_codes import HOURS, whole_numbers
from generators.counts.counting import Counted, ParquetTable
from generators.counts.grouped import Bools, Grouped, Ints
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.schema import DatasetSchema, TableSchema
from generators.summarising.exposure import MISSING, PERSONS, TOGETHER, VALUES, Cells, Crossing, Exposure, Grouping, Keys, Place, text_of
from generators.summarising.steps import Edges
from generators.summary import OTHER, CrossTabulation, MetadataSummary, RelationshipSummary, TableSummary
from generators.summary_parts import Distribution, Scalar

KEPT = 1 << 18
"""Most values of a column that are kept one by one, those of most persons; of the others, only how many persons each has at most."""

WORKERS = 2


def expose(
    summary: MetadataSummary,
    train: Mapping[str, Path],
    schema: DatasetSchema,
    *,
    key: bytes,
    earlier: Sequence[Exposure | None] = (),
    progress: Progress = silent,
) -> Exposure:
    """What `summary` exposes of the canonical Parquet files it was made from, by table name.

    key: secret of the zone, the same for all summaries that are to be compared; earlier: exposures of the source's other summaries.
    A summary with noise has an exposure without cells: it is charged, not compared.
    """
    return exposure_of(summary, lambda table: ParquetTable(table, train[table.name]), schema, key=key, earlier=earlier, progress=progress)


def exposure_of(
    summary: MetadataSummary,
    opened: Callable[[TableSchema], Counted],
    schema: DatasetSchema,
    *,
    key: bytes,
    earlier: Sequence[Exposure | None] = (),
    progress: Progress = silent,
) -> Exposure:
    """As `expose`, of tables that can be counted."""
    recorder = Recorder(key, summary.policy, earlier)
    if recorder.noisy:
        return recorder.exposure()
    told = [t for t in summary.tables if not t.withheld]
    for number, table in enumerate(told):
        progress(f"recording what {table.name} exposes", number / max(1, len(told)))
        _table(recorder, table, opened(schema.table(table.name)), summary.policy)
    for relationship in summary.relationships:
        progress("recording what relationships expose", 1.0)
        _relationship(recorder, relationship, schema, opened)
    return recorder.exposure()


def _table(recorder: Recorder, table: TableSummary, counted: Counted, policy: DisclosurePolicy) -> None:
    recorder.table(table.name, counted.everyone.persons)
    columns = [c for c in table.columns if c.absent in ("", "withheld")]
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda c: _column(recorder, table, c.name, counted, policy), columns):
            pass
    if table.rows_per_person is not None:
        recorder.column(table.name, "(rows of each person)", counted.rows_per_person(), table.rows_per_person, edges=whole_numbers(0, 0))
    lacking = [c.name for c in table.columns if c.nulls is not None]
    if table.missing:
        patterns, groups = counted.missing_together(lacking)
        found = {" + ".join(patterns[int(c)]): int(n) for c, n in zip(groups.codes, groups.persons, strict=True) if patterns[int(c)]}
        recorder.cells(table.name, TOGETHER, found)
    for crossed in table.cross_tabulations:
        recorder.crossing(table.name, crossed, counted, policy.date_unit)


def _column(recorder: Recorder, table: TableSummary, name: str, counted: Counted, policy: DisclosurePolicy) -> None:
    read, told = counted.column(counted.schema.column(name), policy.date_unit), table.column(name)
    missing = read.missing.persons if read.missing else 0
    recorder.column(table.name, name, read.groups, told.distribution, labels=read.labels, edges=read.edges, missing=missing, unit=read.unit)
    if read.hours is not None:
        recorder.column(table.name, f"{name}, hour of day", read.hours, told.hours or Distribution(), labels=HOURS, unit="hour")
    if read.sentinels:
        recorder.cells(table.name, f"{name}, special values", {text: crowd.persons for text, crowd in read.sentinels})


def _relationship(recorder: Recorder, told: RelationshipSummary, schema: DatasetSchema, opened: Callable[[TableSchema], Counted]) -> None:
    child = schema.table(told.child)
    if not told.parent:
        return  # rows of each person: noted with the table
    table = opened(child)
    parent = table if told.parent == told.child else opened(schema.table(told.parent))
    key = next(k for k in child.foreign_keys if k.columns == told.columns and k.parent == told.parent)
    groups, without = table.children(key, parent)
    recorder.column(
        told.child,
        f"(rows for each of {told.parent} by {', '.join(told.columns)})",
        groups,
        told.children,
        edges=whole_numbers(0, 0),
        missing=without.persons if without else 0,
    )


class Recorder:
    """Notes what a summary exposes while it is being made; columns may be noted from several threads.

    key: secret of the zone, the same for all summaries that are to be compared. earlier: what the new one will be compared with.
    """

    def __init__(self, key: bytes, policy: DisclosurePolicy, earlier: Sequence[Exposure | None] = ()) -> None:
        self.key, self.minimum, self.noisy = key, policy.minimum, policy.noisy
        self.earlier = [e for e in earlier if e is not None and not e.noisy and not self.noisy]
        self._cells: dict[Place, Cells] = {}
        self._units: dict[tuple[str, str], str] = {}
        self._groupings: dict[tuple[str, str], Grouping] = {}
        self._crossings: dict[tuple[str, str], Crossing] = {}

    def table(self, name: str, persons: int) -> None:
        """All persons of a table that is told of."""
        self._single(Place(name, "", PERSONS), persons)

    def column(
        self,
        table: str,
        column: str,
        groups: Grouped,
        shape: Distribution,
        *,
        labels: Sequence[str] | None = None,
        edges: Edges | None = None,
        missing: int = 0,
        unit: str = "value",
    ) -> None:
        """The true groups of a column (or of what is counted like one), and what of them is released.

        labels or edges: what the codes stand for (InputError for neither); missing: persons with no value; unit: of dates and times.
        """
        read = _Reading(groups, labels, edges)
        place = (table, column)
        self._units[place], own = unit, Grouping.of(shape)
        self._groupings[place] = own
        self._single(Place(table, column, MISSING), missing)
        self._cells[Place(table, column, VALUES)] = self._values(place, read, {text_of(c.value) for c in shape.values})
        for grouping in {own, *(e.groupings[place] for e in self.earlier if place in e.groupings)}:
            counted = read.counted(grouping)
            if counted is not None:
                keys = np.arange(len(counted), dtype=np.uint64)
                self._cells[Place(table, column, grouping.digest)] = Cells(keys, counted, self._told(counted, grouping == own))

    def crossing(self, table: str, crossed: CrossTabulation, counted: Counted, date_unit: str) -> None:
        """The cells of a cross-tabulation, cut as here and as earlier summaries cut the one of the same columns."""
        own = Crossing(tuple((a.column, _named(a.labels) if not a.edges else (), a.edges) for a in crossed.axes))
        place = (table, " × ".join(a.column for a in crossed.axes))
        self._units[place], self._crossings[place] = date_unit, own
        for one in {own, *(e.crossings[place] for e in self.earlier if place in e.crossings)}:
            groups = counted.crossed([Classes(counted.schema.column(c), values, edges) for c, values, edges in one.axes], date_unit)
            keys = groups.codes.astype(np.uint64)
            self._cells[Place(*place, one.digest)] = Cells(keys, np.asarray(groups.persons), self._told(groups.persons, one == own))

    def cells(self, table: str, what: str, persons: Mapping[str, int]) -> None:
        """Cells that are the same whenever they have the same name: those of a cross-tabulation, patterns of missing values."""
        self._units[table, what] = "cell"
        names = list(persons)
        counts = np.array([persons[n] for n in names], dtype=np.int64)
        self._cells[Place(table, what, VALUES)] = _cells(self._hashed((table, what), names), counts, counts >= self.minimum)

    def exposure(self) -> Exposure:
        """All that was noted."""
        return Exposure(self.minimum, self.noisy, dict(self._cells), dict(self._units), dict(self._groupings), dict(self._crossings))

    def _told(self, persons: Ints, own: bool) -> Bools:
        """Which cells are told: not those that only an earlier summary put together so."""
        return persons >= self.minimum if own else np.zeros(len(persons), dtype=np.bool_)

    def _single(self, place: Place, persons: int) -> None:
        one = np.array([persons], dtype=np.int64)
        self._cells[place] = Cells(np.zeros(1, dtype=np.uint64), one, one >= self.minimum)

    def _values(self, place: tuple[str, str], read: _Reading, told: set[str]) -> Cells:
        persons = read.groups.persons
        chosen, floor = np.arange(len(persons)), 0
        if len(persons) > KEPT:
            floor = int(np.partition(persons, len(persons) - KEPT - 1)[len(persons) - KEPT - 1])
            chosen = np.flatnonzero(persons > floor)
        names = [read.text(int(i)) for i in chosen]
        return _cells(self._hashed(place, names), persons[chosen], np.array([n in told for n in names], dtype=np.bool_), floor)

    def _hashed(self, place: tuple[str, str], names: Sequence[str]) -> Keys:
        start = hashlib.blake2b("\0".join(place).encode() + b"\0", digest_size=8, key=self.key[:64])
        found = np.empty(len(names), dtype=np.uint64)
        for i, name in enumerate(names):
            one = start.copy()
            one.update(name.encode("utf-8", "surrogatepass"))
            found[i] = int.from_bytes(one.digest(), "big")
        return found


def _named(labels: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """Without the classes that every axis has: what is pooled, what is missing."""
    return tuple(v for v in labels if v not in (OTHER, "missing"))


def _cells(keys: Keys, persons: Ints, told: Bools, floor: int = 0) -> Cells:
    order = np.argsort(keys)
    return Cells(keys[order], np.asarray(persons, dtype=np.int64)[order], told[order], floor)


class _Reading:
    """Groups and what their codes stand for."""

    def __init__(self, groups: Grouped, labels: Sequence[str] | None, edges: Edges | None) -> None:
        if labels is None and edges is None:
            raise InputError("what the groups of a column stand for was not given")
        self.groups, self.labels, self.edges = groups, labels, edges
        self.numbers = None if edges is None else edges.of(groups.codes)

    def value(self, position: int) -> Scalar:
        if self.labels is not None:
            return self.labels[int(self.groups.codes[position])]
        assert self.edges is not None  # noqa: S101 - the constructor saw to it
        assert self.numbers is not None  # noqa: S101
        return self.edges.value(self.numbers[position].item())

    def text(self, position: int) -> str:
        return text_of(self.value(position))

    def counted(self, grouping: Grouping) -> Ints | None:
        """True persons of each group; None when the column's values cannot be put together so."""
        size, count = len(grouping.cuts) + 1, len(self.groups.codes)
        if self.labels is not None:
            if grouping.cuts:
                return None
            named = {text_of(v) for v in grouping.named}
            rest = np.array([self.text(i) not in named for i in range(count)], dtype=np.bool_)
            where = np.zeros(count, dtype=np.int64)
        else:
            try:
                ends = [bisect_left(range(count), cut, key=self.value) for cut in grouping.cuts]
                alone = [(bisect_left(range(count), v, key=self.value), v) for v in grouping.named]
            except TypeError:
                return None  # text against numbers: the column was of another kind then
            rest = np.ones(count, dtype=np.bool_)
            rest[[i for i, v in alone if i < count and self.value(i) == v]] = False
            where = np.searchsorted(np.array(ends, dtype=np.int64), np.arange(count), side="right")
        found = np.zeros(size, dtype=np.int64)
        if rest.any():
            merged = self.groups.only(rest).merged(where[rest].astype(np.uint32), size)
            found[merged.codes] = merged.persons
        return found
