"""The metadata summary under differential privacy: of the shape of any other, every figure with calibrated noise.

What is hidden is whether a person is in the data at all: data with and without all rows of one person, in all tables, are neighbours. Of
each person at most the policy's number of rows counts in each table (`generators.counts.capped`). Every vector of counts gets discrete
Gaussian noise of one scale, chosen so that all of them together spend the policy's ε and δ (`generators.summarising.private_noise`).
Category lists are public (a code list, truths, hours) or selected by threshold; numbers and dates fall in public grids
(`generators.summarising.public_grids`). What follows, leaving out small figures and rounding, looks at noisy figures alone. Pooled
values, sums, means and joint missingness are not told.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.counts.axes import Classes, cells_of, crossed_codes
from generators.counts.capped import CappedTable
from generators.counts.column_codes import HOURS, column_codes
from generators.counts.grouped import Bools, Ints
from generators.counts.sentinels import sentinel_values
from generators.disclosure import DisclosurePolicy
from generators.errors import DisclosureRefused
from generators.progress import Progress, silent
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.summarising.cross_tabulation import CrossTab, axis_of, classes_of
from generators.summarising.private_noise import COMPOSITION, MECHANISM, Noise
from generators.summarising.public_grids import date_grid, number_grid, released
from generators.summary import (
    Cell,
    ColumnSummary,
    CrossCell,
    CrossTabulation,
    Distribution,
    MetadataSummary,
    PrivacySpent,
    RelationshipSummary,
    TableSummary,
)

MADE_BY = "private summary 1"


@dataclass(frozen=True)
class _Planned:
    """What will be measured: of every vector of counts, by how much a person may change it; of every selected list, a person's rows."""

    counts: tuple[float, ...]
    selections: tuple[int, ...]


def private_summary(
    train: Mapping[str, Path],
    schema: DatasetSchema,
    policy: DisclosurePolicy,
    *,
    cross_tabulations: Sequence[CrossTab] = (),
    progress: Progress = silent,
) -> MetadataSummary:
    """The aggregates of canonical Parquet files with calibrated noise; arguments and errors as
    `generators.summarising.summarise.summarise`.
    """
    if policy.epsilon is None or policy.delta is None or policy.contributions is None:
        raise TypeError("the policy has no noise")
    key, opened = secrets.token_hex(8), dict[str, CappedTable]()
    tables = [t for t in schema.tables if not t.public]
    for at, table in enumerate(tables):
        progress(f"choosing the rows of {table.name} that count", 0.3 * at / len(tables))
        opened[table.name] = CappedTable.of(table, train[table.name], policy.contributions, key)
    plan = _planned(opened, schema, cross_tabulations)
    noise = Noise.calibrated(plan.counts, plan.selections, policy)
    summaries = []
    for at, table in enumerate(tables):
        progress(f"counting {table.name} with noise", 0.3 + 0.6 * at / len(tables))
        asked = [c for c in cross_tabulations if c.table == table.name]
        summaries.append(_Measured(opened[table.name], policy, noise).summary(asked))
    if all(s.withheld for s in summaries):
        raise DisclosureRefused(
            f"every table has, as counted with noise, fewer than {policy.minimum_table:,} persons, the fewest that the disclosure policy "
            f'"{policy.name}" allows to be summarised'
        )
    together = _relationships(opened, schema, {s.name: s for s in summaries}, policy, noise)
    progress("summarised", 1.0)
    return MetadataSummary(
        policy=policy,
        schema_digest=schema.digest,
        tables=tuple(summaries),
        made_by=MADE_BY,
        relationships=together,
        privacy=PrivacySpent(
            epsilon=noise.epsilon(policy.delta),
            delta=policy.delta,
            contributions=policy.contributions,
            mechanism=MECHANISM,
            composition=COMPOSITION,
        ),
    )


def _planned(opened: Mapping[str, CappedTable], schema: DatasetSchema, cross_tabulations: Sequence[CrossTab]) -> _Planned:
    counts: list[float] = []
    selections: list[int] = []
    for name, table in opened.items():
        most = table.most
        counts += [1.0, float(most)]  # persons, rows
        if table.schema.counts_by is not None:
            counts.append(1.0)
        for column in table.schema.columns:
            if _absent(table.schema, column):
                continue
            counts += [float(most)] * (4 if _gridded(column) else 2 if _listed(column) else 1)
            counts += [float(most)] if column.kind is Kind.DATETIME else []
            if not _gridded(column) and not _listed(column):
                selections.append(most)
        counts += [float(most)] * sum(c.table == name for c in cross_tabulations)
    counts += [float(opened[k.parent].most) for _, k in _followed(opened, schema)]
    return _Planned(tuple(counts), tuple(selections))


def _followed(opened: Mapping[str, CappedTable], schema: DatasetSchema) -> list[tuple[str, ForeignKey]]:
    """The relationships that are told: between tables about persons."""
    about = {name for name, table in opened.items() if table.schema.counts_by is not None}
    return [(t.name, k) for t in schema.tables if t.name in about for k in t.foreign_keys if k.parent in about]


def _absent(table: TableSchema, column: ColumnSchema) -> str:
    if table.tokenised(column) or column.kind is Kind.IDENTIFIER:
        return "identifier"
    return "free text" if column.kind is Kind.FREE_TEXT else ""


def _gridded(column: ColumnSchema) -> bool:
    return column.kind in (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.DATETIME)


def _listed(column: ColumnSchema) -> tuple[str, ...]:
    """The public list of a column's values; () where there is none."""
    if column.kind is Kind.TIME:
        return HOURS
    return column.codes or (("false", "true") if column.storage == "bool" else ())


class _Measured:
    """One table, counted with noise. Every figure passes `noise` before anything is decided by it."""

    def __init__(self, table: CappedTable, policy: DisclosurePolicy, noise: Noise) -> None:
        self.table, self.policy, self.noise = table, policy, noise
        self.schema, self.most = table.schema, float(table.most)
        # What does not stand out from the noise is left out: most of it would be noise.
        self.least = max(policy.minimum, round(2 * noise.scale))

    def summary(self, asked: Sequence[CrossTab]) -> TableSummary:
        kept = self.table.kept
        persons = max(0, self._one(len(np.unique(self.table.persons[kept])), 1.0))
        rows = max(persons, self._one(int(kept.sum()), self.most))
        each = self._rows_per_person()
        columns = tuple(self._column(c) for c in self.schema.columns)
        told = TableSummary(self.schema.name, self.policy.rounded(persons), self.policy.rounded(rows), columns, each)
        if persons < self.policy.minimum_table:
            plain = tuple(ColumnSummary(c.name, c.kind, absent="withheld", format=c.format) for c in columns)
            return TableSummary(self.schema.name, persons=0, rows=None, columns=plain, withheld=True)
        return replace(told, cross_tabulations=tuple(self._crossed(c, told) for c in asked))

    def _one(self, true: int, change: float) -> int:
        return int(self.noise.counts(np.array([true], dtype=np.int64), change)[0])

    def _cell(self, value: Any, noisy: int) -> Cell | None:
        return Cell(value, None, self.policy.rounded(noisy)) if noisy >= self.least else None

    def _rows_per_person(self) -> Distribution | None:
        if self.schema.counts_by is None:
            return None
        noisy = self.noise.counts(self.table.rows_each(), 1.0)
        cells = [Cell(n, self.policy.rounded(int(c)), self.policy.rounded(int(c))) for n, c in enumerate(noisy, 1) if c >= self.least]
        return Distribution(values=tuple(cells))

    def _column(self, column: ColumnSchema) -> ColumnSummary:
        absent = _absent(self.schema, column)
        place = ColumnSummary(column.name, str(column.kind), absent=absent, decimals=column.decimals, format=column.format)
        if absent:
            return place
        if column.kind is Kind.INTEGER:
            place = replace(place, decimals=0)
        told = self._grid(place, column) if _gridded(column) else self._categories(place, column)
        return replace(told, absent="withheld", nulls=None) if told.distribution.empty else told

    def _categories(self, place: ColumnSummary, column: ColumnSchema) -> ColumnSummary:
        read = column_codes(self.table.path, self.schema.name, column, self.policy.date_unit)
        labels = read.labels or ()
        counts = np.bincount(read.codes[self.table.kept], minlength=read.size + 1)
        public = _listed(column)
        missing = self._one(int(counts[read.size]), self.most)
        if public:
            by_label = {label: int(n) for label, n in zip(labels, counts, strict=False)}
            noisy = dict(zip(public, self.noise.counts(np.array([by_label.get(p, 0) for p in public]), self.most).tolist(), strict=True))
        else:
            present = {label: int(n) for label, n in zip(labels, counts, strict=False) if n}
            noisy = self.noise.categories(present, self.table.most)
        cells = [self._cell(label, n) for label, n in sorted(noisy.items())]
        unit = "hour" if column.kind is Kind.TIME else "value"
        return replace(
            place, distribution=Distribution(values=tuple(c for c in cells if c), unit=unit), nulls=self._cell("missing", missing)
        )

    def _grid(self, place: ColumnSummary, column: ColumnSchema) -> ColumnSummary:
        """A numeric or dated column: its grid on three levels, and what lies outside it (missing values and sentinels)."""
        values = pq.read_table(self.table.path, columns=[column.name], use_threads=False).column(0).filter(pa.array(self.table.kept))
        own = sentinel_values(column, self.schema.name)
        at = pc.fill_null(pc.index_in(values, own.cast(values.type)), -1).to_numpy() if own is not None else np.full(len(values), -1)
        present, hours = np.asarray(pc.is_valid(values).to_numpy()), None
        dated = column.kind in (Kind.DATE, Kind.DATETIME)
        if dated:
            micros = pc.fill_null(pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64()), 0).to_numpy()
            grid, months_in = date_grid(self.policy.date_unit)
            leaves = months_in(micros.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64))
            hours = micros // 3_600_000_000 % 24 if column.kind is Kind.DATETIME else None
        else:
            numbers = pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy()
            present &= np.isfinite(numbers)
            grid, numbers_in = number_grid(column)
            leaves = numbers_in(np.where(present, numbers, 0.0))
        inside: Bools = present & (at < 0)
        counts = grid.levels(np.bincount(leaves[inside], minlength=grid.size))
        noisy = [self.noise.counts(c, self.most) for c in counts]
        outside = [int((~present).sum()), *(int((at == n).sum()) for n in range(len(column.sentinels)))]
        apart = self.noise.counts(np.array(outside, dtype=np.int64), self.most)
        shape = released(grid, noisy, self.noise.scale, self.policy.rounded, self.least, 2 * self.policy.maximum_steps)
        sentinels = [self._cell(s, int(n)) for s, n in zip(column.sentinels, apart[1:], strict=True)]
        return replace(
            place,
            distribution=shape,
            nulls=self._cell("missing", int(apart[0])),
            sentinels=tuple(c for c in sentinels if c),
            hours=None if hours is None else self._hours(hours[inside]),
        )

    def _hours(self, hours: Ints) -> Distribution:
        noisy = self.noise.counts(np.bincount(hours, minlength=24), self.most)
        cells = [self._cell(label, int(n)) for label, n in zip(HOURS, noisy, strict=True)]
        # Where no hour stands out from the noise all are as likely.
        return Distribution(values=tuple(c for c in cells if c) or tuple(Cell(h, None, self.policy.rounding) for h in HOURS), unit="hour")

    def _crossed(self, request: CrossTab, told: TableSummary) -> CrossTabulation:
        """A cross-tabulation: its classes are what the noisy columns told, or bands, so that only its cells are counted anew."""
        sides: tuple[Classes, ...] = classes_of(request, self.schema, told, self.policy)
        codes = crossed_codes(self.table.path, self.schema.name, sides, self.policy.date_unit)[self.table.kept]
        noisy = self.noise.counts(np.bincount(codes, minlength=cells_of(sides)), self.most)
        places = np.flatnonzero(noisy >= self.least)
        at = np.stack(np.unravel_index(places, [s.size for s in sides]), axis=1)
        cells = (CrossCell(tuple(a), None, self.policy.rounded(int(noisy[p]))) for a, p in zip(at.tolist(), places, strict=True))
        return CrossTabulation(tuple(axis_of(s) for s in sides), tuple(cells))


def _relationships(
    opened: Mapping[str, CappedTable],
    schema: DatasetSchema,
    summaries: Mapping[str, TableSummary],
    policy: DisclosurePolicy,
    noise: Noise,
) -> tuple[RelationshipSummary, ...]:
    """How many rows hang on each, between tables about persons. A person changes at most as many parent rows as count."""
    told = []
    for child, key in _followed(opened, schema):
        parent = opened[key.parent]
        # A person's rows of the parent may all have as many children: then they stand in one place of the vector.
        noisy = noise.counts(opened[child].children(key, parent), float(parent.most))
        if summaries[child].withheld or summaries[key.parent].withheld:
            continue
        cells = [Cell(n, None, policy.rounded(int(c))) for n, c in enumerate(noisy) if c >= max(policy.minimum, 2 * noise.scale)]
        told.append(RelationshipSummary(child, key.columns, key.parent, summaries[key.parent].rows, Distribution(values=tuple(cells))))
    return tuple(told)
