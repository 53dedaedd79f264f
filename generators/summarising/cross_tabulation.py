"""Approved cross-tabulations: what is asked for, and the counts of it that may leave.

A cell leaves when at least the policy's minimum of distinct persons is behind it, by its true count, and no person makes up half of its
rows or more; then it is rounded. Cells that would give a suppressed one away, with the published columns and the other cross-tabulations
of the table, are suppressed as well (`generators.summarising.secondary_suppression`). The classes of a side tell nothing new: they are
values that the column's own summary releases, or bands whose edges somebody typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations, pairwise

import numpy as np
from scipy import sparse

from generators.counts.axes import Classes, cells_of
from generators.counts.counting import Counted
from generators.counts.grouped import Bools, Grouped, Ints
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.secondary_suppression import Known, concealing
from generators.summary_parts import OTHER, Axis, Cell, ColumnSummary, CrossCell, CrossTabulation, Rollup, Scalar, TableSummary

MISSING = "missing"
MAXIMUM_AXES = 5
MAXIMUM_CELLS = 100_000

_BANDED = (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.DATETIME, Kind.TIME)
_DAY = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})(?:-(\d{2}))?))?")

Span = tuple[float, float]


@dataclass(frozen=True)
class CrossTab:
    """Columns of a table to be counted together. bands: by column, the edges of its classes: numbers; dates as 2020, 2020-04 or
    2020-04-01; hours of times. Each class holds its lower edge, not its upper.
    """

    table: str
    columns: tuple[str, ...]
    bands: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    @staticmethod
    def parse(text: str, schema: DatasetSchema) -> CrossTab:
        """From ``age:0,18,65,120*sex*outcome``; with several tables ``visits.age:0,18*sex``. InputError says what is wrong."""
        tables = [t for t in schema.tables if not t.public]
        found = next((t for t in tables if text.startswith(f"{t.name}.") and len(tables) > 1), None)
        table = found or (tables[0] if len(tables) == 1 else None)
        if table is None:
            raise InputError(f'cross-tabulation "{text}": write the table before the first column, as {tables[0].name}.column*column')
        columns: list[str] = []
        bands: dict[str, tuple[Scalar, ...]] = {}
        for part in (text[len(table.name) + 1 :] if found else text).split("*"):
            name = part.strip()
            if name not in table.names and ":" in name:
                name, _, edges = name.rpartition(":")
                bands[name.strip()] = tuple(e.strip() for e in edges.split(","))
            columns.append(name.strip())
        return CrossTab(table.name, tuple(columns), bands)

    def __str__(self) -> str:
        return "*".join(c + (":" + ",".join(map(str, self.bands[c])) if c in self.bands else "") for c in self.columns)


def checked(requests: Sequence[CrossTab], schema: DatasetSchema, policy: DisclosurePolicy) -> None:
    """InputError, with the way out, when something is asked that no summary of this schema could hold."""
    banded: dict[tuple[str, str], tuple[CrossTab, tuple[Scalar, ...]]] = {}
    for position, request in enumerate(requests):
        place, table = f'cross-tabulation "{request}"', schema.table(request.table)
        if table.public:
            raise InputError(f'{place}: table "{table.name}" is a vocabulary, which is copied whole and not counted')
        if not 2 <= len(request.columns) <= MAXIMUM_AXES or len(set(request.columns)) < len(request.columns):
            raise InputError(f"{place}: name from 2 to {MAXIMUM_AXES} different columns with * between them")
        if any(r.table == request.table and set(r.columns) == set(request.columns) for r in requests[:position]):
            raise InputError(f"{place}: these columns are asked for twice; leave one out")
        for name in set(request.bands) - set(request.columns):
            raise InputError(f'{place}: bands are given for "{name}", which is not one of its columns')
        for name in request.columns:
            edges = _edges(request, table, table.column(name), policy)
            other, known = banded.setdefault((table.name, name), (request, edges))
            if known != edges:
                raise InputError(
                    f'{place}: column "{name}" has other bands in "{other}"; use one set of bands, else the difference of two bands '
                    "could single somebody out"
                )


def _edges(request: CrossTab, table: TableSchema, column: ColumnSchema, policy: DisclosurePolicy) -> tuple[Scalar, ...]:
    """The edges asked for, as summaries write them; () without bands."""
    place = f'cross-tabulation "{request}", column "{column.name}"'
    if table.tokenised(column) or column.kind in (Kind.IDENTIFIER, Kind.FREE_TEXT):
        raise InputError(f"{place}: of identifiers and free text nothing leaves; leave the column out")
    given = request.bands.get(column.name, ())
    if column.name not in request.bands:
        return ()
    if column.kind not in _BANDED:
        raise InputError(f"{place}: bands are for numbers, dates and times; this column is {column.kind}: name it without bands")
    try:
        edges = tuple(_edge(str(e), column.kind, policy.date_unit) for e in given)
    except ValueError:
        example = f"2000,2010,2020, each the first of a {policy.date_unit}" if column.kind in (Kind.DATE, Kind.DATETIME) else "0,18,65,120"
        what = "hours of the day from 0 to 24" if column.kind is Kind.TIME else f"{column.kind} values, as {example}"
        raise InputError(f"{place}: the edges of its bands must be {what}") from None
    if len(edges) < 2 or any(not a < b for a, b in pairwise(edges)):  # type: ignore[operator]
        raise InputError(f"{place}: its bands need at least two edges, from small to large")
    return edges


def _edge(text: str, kind: Kind, unit: str) -> Scalar:
    """One edge; ValueError when it is none."""
    if kind is Kind.INTEGER:
        return int(text)
    if kind is Kind.REAL:
        number = float(text)
        if not np.isfinite(number):
            raise ValueError(text)
        return number
    if kind is Kind.TIME:
        return range(25).index(int(text))
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, quarter, month, day = match.groups()
    begins = date(int(year), int(quarter) * 3 - 2 if quarter else int(month or 1), int(day or 1))
    if begins.day != 1 or (unit == "quarter" and begins.month % 3 != 1) or (unit == "year" and begins.month != 1):
        raise ValueError(text)
    return {"month": f"{begins:%Y-%m}", "quarter": f"{begins:%Y}-Q{(begins.month + 2) // 3}", "year": f"{begins:%Y}"}[unit]


def classes_of(request: CrossTab, table: TableSchema, summary: TableSummary, policy: DisclosurePolicy) -> tuple[Classes, ...]:
    """The sides of a request, of what `summary` releases of its columns. InputError where they cannot be had."""
    sides = []
    for name in request.columns:
        place, released = f'cross-tabulation "{request}", column "{name}"', summary.column(name)
        edges = _edges(request, table, table.column(name), policy)
        if released.absent:
            raise InputError(f"{place}: it is withheld under this policy; leave it out")
        if not edges and (released.distribution.steps or not released.distribution.values):
            raise InputError(f"{place}: it has too many values to stand one by one; name bands, as {name}:0,18,65,120")
        values = () if edges else tuple(c.value for c in released.distribution.values)
        sides.append(Classes(table.column(name), values, edges))
    if cells_of(sides) > MAXIMUM_CELLS:
        raise InputError(
            f'cross-tabulation "{request}" has {cells_of(sides):,} cells, more than {MAXIMUM_CELLS:,}; use fewer columns or wider bands'
        )
    return tuple(sides)


def axis_of(side: Classes) -> Axis:
    """The side as a summary writes it, with its two further classes."""
    bands = [f"{a} to under {b}" for a, b in pairwise(side.edges)]
    return Axis(side.column.name, (*(bands or side.values), OTHER, MISSING), side.edges)


def cross_tabulated(
    counted: Counted, summary: TableSummary, requests: Sequence[CrossTab], policy: DisclosurePolicy
) -> tuple[CrossTabulation, ...]:
    """The cross-tabulations asked for of a table, protected together. summary: of the same table, what else leaves of it."""
    if not requests:
        return ()
    unit = policy.date_unit
    tables = [_Counts(sides, counted.crossed(sides, unit)) for sides in (classes_of(r, counted.schema, summary, policy) for r in requests)]
    released = np.concatenate([t.released(policy) for t in tables])
    persons = np.concatenate([t.persons for t in tables])
    published = concealing(released, persons, _known(tables, summary, policy, single=counted.everyone.largest <= 1), policy)
    ends = np.cumsum([len(t.persons) for t in tables])[:-1]
    return tuple(t.tabulation(chosen, policy) for t, chosen in zip(tables, np.split(published, ends), strict=True))


class _Counts:
    """One cross-tabulation before anything is suppressed; only cells that somebody is in. at: the classes of each, one column a side."""

    def __init__(self, sides: tuple[Classes, ...], groups: Grouped) -> None:
        self.sides = sides
        self.persons, self.rows, self.largest = groups.persons, groups.rows, groups.largest
        self.at: Ints = np.stack(np.unravel_index(groups.codes, [s.size for s in sides]), axis=1)

    def released(self, policy: DisclosurePolicy) -> Bools:
        dominated = (2 * self.largest >= self.rows) & (self.rows != self.persons)
        enough: Bools = self.persons >= policy.minimum
        chosen: Bools = enough & ~dominated
        return chosen

    def tabulation(self, published: Bools, policy: DisclosurePolicy) -> CrossTabulation:
        cells = tuple(
            CrossCell(tuple(int(i) for i in at), policy.rounded(int(persons)), policy.rounded(int(rows)))
            for at, persons, rows in zip(self.at[published], self.persons[published], self.rows[published], strict=True)
        )
        return CrossTabulation(tuple(axis_of(s) for s in self.sides), cells)

    def shared_with(self, other: _Counts) -> list[tuple[int, int]]:
        """Places of the sides both have."""
        names = [s.column.name for s in other.sides]
        return [(i, names.index(s.column.name)) for i, s in enumerate(self.sides) if s.column.name in names]


class _Lines:
    """Sums over cells that a reader knows, being put together; as coordinates of a sparse matrix."""

    def __init__(self, cells: int) -> None:
        self.cells, self.least, self.most = cells, list[float](), list[float]()
        self.rows, self.columns, self.signs = list[Ints](), list[Ints](), list[Ints]()

    def add(self, members: Ints, span: Span, minus: Ints | None = None) -> None:
        if not len(members) and (minus is None or not len(minus)):
            return
        for places, sign in ((members, 1), *(() if minus is None else ((minus, -1),))):
            self.rows.append(np.full(len(places), len(self.least)))
            self.columns.append(places)
            self.signs.append(np.full(len(places), sign))
        self.least.append(span[0])
        self.most.append(span[1])

    def known(self, counts: Ints, low: Ints, high: Ints, few: float) -> Known:
        lines = sparse.coo_array(
            (np.concatenate(self.signs).astype(np.float64), (np.concatenate(self.rows), np.concatenate(self.columns))),
            shape=(len(self.least), self.cells),
        ).tocsr()
        true = lines @ counts
        # What is taken for granted of a margin and is not so, nobody can know either.
        least, most = np.minimum(np.array(self.least), true), np.maximum(np.array(self.most), true)
        return Known(counts, np.minimum(low, counts), np.maximum(high, counts), few, lines, least, most)


def _known(tables: list[_Counts], summary: TableSummary, policy: DisclosurePolicy, *, single: bool) -> tuple[Known, ...]:
    """What is known of the rows in each cell and, where somebody has several rows (not `single`), of the persons."""
    everywhere = np.concatenate([t.rows for t in tables])
    persons = np.concatenate([t.persons for t in tables])
    rows_lines, person_lines = _Lines(len(persons)), _Lines(len(persons))
    first = 0
    starts = []
    for table in tables:
        starts.append(first)
        whole = np.arange(first, first + len(table.persons))
        total = summary.rows if summary.rows is not None else summary.persons if single else None
        rows_lines.add(whole, (0, np.inf) if total is None else policy.span(total))
        person_lines.add(whole, (policy.span(summary.persons)[0], np.inf))
        for place, side in enumerate(table.sides):
            for number, (of_persons, of_rows) in enumerate(_margins(side, summary.column(side.column.name), policy, single=single)):
                members = whole[table.at[:, place] == number]
                rows_lines.add(members, of_rows)
                person_lines.add(members, (of_persons[0], np.inf))
        first += len(table.persons)
    for (one, begin), (two, start) in combinations(zip(tables, starts, strict=True), 2):
        _agree(rows_lines, one, begin, two, start)
    spans = np.array([policy.span(policy.rounded(int(r))) for r in everywhere])
    if single:
        return (rows_lines.known(everywhere, spans[:, 0], spans[:, 1], policy.minimum - 1),)
    heads = np.array([policy.span(policy.rounded(int(p))) for p in persons])
    return (
        rows_lines.known(everywhere, np.maximum(spans[:, 0], heads[:, 0]), spans[:, 1], np.inf),
        person_lines.known(persons, heads[:, 0], heads[:, 1], policy.minimum - 1),
    )


def _agree(lines: _Lines, one: _Counts, begin: int, two: _Counts, start: int) -> None:
    """Two cross-tabulations have the same rows in each combination of the classes of the sides they share."""
    shared = one.shared_with(two)
    if not shared:
        return
    sizes = [one.sides[i].size for i, _ in shared]
    here = np.ravel_multi_index([one.at[:, i] for i, _ in shared], sizes)
    there = np.ravel_multi_index([two.at[:, j] for _, j in shared], sizes)
    for combination in np.unique(np.concatenate((here, there))):
        lines.add(begin + np.flatnonzero(here == combination), (0, 0), minus=start + np.flatnonzero(there == combination))


def _margins(side: Classes, column: ColumnSummary, policy: DisclosurePolicy, *, single: bool) -> list[tuple[Span, Span]]:
    """(persons, rows) that the column's own summary tells of each class, the two further ones last."""
    shape = column.distribution

    def told(parts: Sequence[Cell | Rollup], *, all_of_it: bool) -> tuple[Span, Span]:
        persons = [policy.span(c.persons) if c.persons is not None else (0, np.inf) for c in parts]
        rows = [policy.span(c.rows) if c.rows is not None else p if single else (p[0], np.inf) for c, p in zip(parts, persons, strict=True)]
        most = sum(r[1] for r in rows) if all_of_it else np.inf
        # A person may have several of the values: of all together there are at least as many as of the most common.
        return (max((p[0] for p in persons), default=0), np.inf), (sum(r[0] for r in rows), most)

    if side.edges:
        inside = [[c for c in shape.values if _reached(low, c.value) and not _reached(high, c.value)] for low, high in pairwise(side.edges)]
        outside = [c for c in shape.values if not any(c in band for band in inside)]
        classes = [told(band, all_of_it=not shape.steps and bool(band)) for band in inside]
    else:
        outside = []
        classes = [told([c], all_of_it=True) for c in shape.values]
    rest: list[Cell | Rollup] = [*outside, *shape.rolled, *column.sentinels, *([shape.other] if shape.other else [])]
    classes.append(told(rest, all_of_it=shape.other is not None))
    few = ((0, policy.minimum - 1), (0, policy.minimum - 1 if single else np.inf))
    classes.append(few if column.nulls is None else told([column.nulls], all_of_it=True))
    return classes


def _reached(edge: Scalar, value: Scalar) -> bool:
    """Whether `value` is not less than the edge; hours are written as text."""
    return float(value) >= float(edge) if isinstance(edge, int | float) else str(value) >= edge
