"""Makes the metadata summary of the train part of a dataset, a table and in it a column at a time.

Tables are counted as `generators.counts.counting.Counted`; what of the counts may leave is decided in `generators.summarising.protection`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from generators.code_systems import CODE_SYSTEMS
from generators.counts.column_codes import HOURS, whole_numbers
from generators.counts.counting import Counted, CountedColumn, Crowd, ParquetTable
from generators.disclosure import DisclosurePolicy
from generators.errors import DisclosureRefused, InputError
from generators.progress import Progress, silent
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.concealment import Column, concealed, hidden
from generators.summarising.cross_tabulation import CrossTab, checked, cross_tabulated
from generators.summarising.dominance import magnitude
from generators.summarising.missing_patterns import protected_patterns
from generators.summarising.protection import Protected, cell, protected_categories, protected_numbers
from generators.summarising.relationships import Opened, relationships
from generators.summary import Cell, ColumnSummary, Distribution, Magnitude, MetadataSummary, MissingPattern, TableSummary

WORKERS = 2
"""Columns summarised at a time; reading and sorting, which take most of the time, run outside the interpreter's lock."""


def summarise(
    train: Mapping[str, Path],
    schema: DatasetSchema,
    policy: DisclosurePolicy,
    *,
    cross_tabulations: Sequence[CrossTab] = (),
    progress: Progress = silent,
) -> MetadataSummary:
    """The protected aggregates of canonical Parquet files, by table name.

    train: the files of the train part; schema: the de-identified schema they follow. Raises InputError where a file lacks a column or
    is of another type than the schema says, DisclosureRefused where every table has fewer persons than the policy allows.
    """
    missing = [t.name for t in schema.tables if t.name not in train and not t.public]
    if missing:
        raise InputError(f'no file was given for table "{missing[0]}"')
    if policy.noisy:
        from generators.summarising.private_summary import private_summary  # only here: OpenDP takes a while to load

        checked(cross_tabulations, schema, policy)
        return private_summary(train, schema, policy, cross_tabulations=cross_tabulations, progress=progress)
    return summary_of(
        lambda table: ParquetTable(table, train[table.name]), schema, policy, cross_tabulations=cross_tabulations, progress=progress
    )


def summary_of(
    opened: Opened,
    schema: DatasetSchema,
    policy: DisclosurePolicy,
    *,
    cross_tabulations: Sequence[CrossTab] = (),
    workers: int = WORKERS,
    progress: Progress = silent,
) -> MetadataSummary:
    """The protected aggregates of tables that can be counted; see `summarise`. Vocabularies have no summary.

    opened: gives a table each time it is asked for. It is not kept: who a row is about takes memory while its table is counted.
    """
    if policy.noisy:
        raise InputError(
            f'the disclosure policy "{policy.name}" adds noise, for which rows of each person must be chosen; that is done on working '
            "copies only: take a snapshot of the source first, or use a policy without noise"
        )
    checked(cross_tabulations, schema, policy)
    tables = [t for t in schema.tables if not t.public]
    steps = sum(len(t.columns) + 1 for t in tables)
    summaries: list[TableSummary] = []
    done = 0
    for table in tables:
        counted = opened(table)
        summary = _Table(counted, policy, progress, done, steps, workers).summary()
        asked = [c for c in cross_tabulations if c.table == table.name and not summary.withheld]
        summaries.append(replace(summary, cross_tabulations=cross_tabulated(counted, summary, asked, policy)))
        done += len(table.columns) + 1
    withheld = [t.name for t in summaries if t.withheld]
    if len(withheld) == len(summaries):
        which = f'table "{withheld[0]}" has' if len(withheld) == 1 else "every table has"
        raise DisclosureRefused(
            f"{which} fewer than {policy.minimum_table:,} persons, the fewest that the disclosure policy "
            f'"{policy.name}" allows to be summarised'
        )
    together = relationships(schema, opened, policy, withheld, progress=lambda stage, _, *rows: progress(stage, 1.0, *rows))
    progress("summarised", 1.0)
    return MetadataSummary(policy=policy, schema_digest=schema.digest, tables=tuple(summaries), relationships=together)


class _Table:
    """One table on its way to a summary."""

    def __init__(self, counted: Counted, policy: DisclosurePolicy, progress: Progress, done: int, steps: int, workers: int) -> None:
        self.counted, self.policy, self.progress = counted, policy, progress
        self.schema: TableSchema = counted.schema
        self.done, self.steps, self.workers = done, steps, workers

    def told(self, what: str, rows: int) -> None:
        self.done += 1
        self.progress(what, self.done / self.steps, rows, rows)

    def summary(self) -> TableSummary:
        name, policy = self.schema.name, self.policy
        self.progress(f"counting the persons of {name}", self.done / self.steps)
        everyone = self.counted.everyone
        if everyone.persons < policy.minimum_table:
            return self.withheld()
        self.told(f"counted the persons of {name}", everyone.rows)
        columns = self.columns(everyone.rows)
        return TableSummary(
            name=name,
            persons=policy.rounded(everyone.persons),
            rows=self.rows,
            columns=columns,
            rows_per_person=self.rows_per_person(),
            missing=self.missing(columns),
        )

    @property
    def rows(self) -> int | None:
        """The released number of rows."""
        everyone = self.counted.everyone
        return self.policy.rounded(everyone.rows) if 2 * everyone.largest < everyone.rows else None

    def rows_per_person(self) -> Distribution | None:
        if self.schema.counts_by is None:
            return None
        found = protected_numbers(self.counted.rows_per_person(), whole_numbers(0, 0), self.policy)
        persons = self.policy.rounded(self.counted.everyone.persons)
        return hidden(found.shape, found.left, self.policy.span(persons), self.policy, repeats=self.rows)

    def missing(self, columns: Sequence[ColumnSummary]) -> tuple[MissingPattern, ...]:
        """Which columns are missing together: of those whose missing values leave, where these are several."""
        nulls = {c.name: c.nulls for c in columns if c.nulls is not None}
        if len(nulls) < 2:
            return ()
        return protected_patterns(*self.counted.missing_together(tuple(nulls)), nulls, self.policy)

    def withheld(self) -> TableSummary:
        """The table without a figure: not even how many rows it has may leave."""
        columns = tuple(ColumnSummary(c.name, str(c.kind), absent="withheld", format=c.format) for c in self.schema.columns)
        return TableSummary(self.schema.name, persons=0, rows=None, columns=columns, withheld=True)

    def columns(self, rows: int) -> tuple[ColumnSummary, ...]:
        columns: list[Column] = []
        with ThreadPoolExecutor(self.workers) as pool:
            pending = [pool.submit(self.column, c) for c in self.schema.columns]
            try:
                for column, result in zip(self.schema.columns, pending, strict=True):
                    columns.append(result.result())
                    self.told(f'summarised "{column.name}"', rows)  # here, so that the callback runs in the caller's thread
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return concealed(columns, self.rows, self.policy)

    def column(self, column: ColumnSchema) -> Column:
        place = ColumnSummary(column.name, str(column.kind), decimals=column.decimals, format=column.format)
        withheld = replace(place, absent="withheld")
        if self.schema.tokenised(column) or column.kind is Kind.IDENTIFIER:
            return Column(replace(place, absent="identifier"), withheld)
        if column.kind is Kind.FREE_TEXT:
            return Column(replace(place, absent="free text"), withheld)
        counted = self.counted.column(column, self.policy.date_unit)
        if not counted.groups.at_least(self.policy.minimum, np.ones(len(counted.groups.codes), dtype=np.bool_)):
            return Column(withheld, withheld)
        nulls = _released("missing", counted.missing, self.policy)
        sentinels = [(crowd, _released(value, crowd, self.policy)) for value, crowd in counted.sentinels]
        apart = sum(crowd.rows for crowd, released in [(counted.missing, nulls), *sentinels] if crowd is not None and released is None)
        found = _distribution(column, counted, self.policy)
        hours = None if counted.hours is None else protected_categories(counted.hours, HOURS, self.policy, unit="hour")
        summary = replace(
            place,
            nulls=nulls,
            distribution=found.shape,
            hours=None if hours is None else hours.shape,
            decimals=counted.decimals,
            sentinels=tuple(c for _, c in sentinels if c is not None),
            magnitude=self.magnitude(column, counted),
        )
        return Column(summary, withheld, found.left + apart, 0 if hours is None else hours.left + apart)

    def magnitude(self, column: ColumnSchema, counted: CountedColumn) -> Magnitude | None:
        if column.kind not in (Kind.INTEGER, Kind.REAL) or not self.policy.sums:
            return None
        persons, largest = counted.groups.among(np.ones(len(counted.groups.codes), dtype=np.bool_))
        whole = cell(self.policy, "present", persons, int(counted.groups.rows.sum()), largest)
        return magnitude(self.counted.magnitude(column), None if whole is None else whole.rows, self.policy)


def _released(value: str, crowd: Crowd | None, policy: DisclosurePolicy) -> Cell | None:
    return None if crowd is None else cell(policy, value, crowd.persons, crowd.rows, crowd.largest)


def _distribution(column: ColumnSchema, counted: CountedColumn, policy: DisclosurePolicy) -> Protected:
    if counted.labels is not None:
        system = CODE_SYSTEMS.get(column.code_system or "") if column.storage == "string" else None
        return protected_categories(counted.groups, counted.labels, policy, grow=counted.grow, unit=counted.unit, system=system)
    assert counted.edges is not None  # noqa: S101 - one of the two is always given
    return protected_numbers(counted.groups, counted.edges, policy, counted.unit)
