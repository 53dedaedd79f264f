"""Makes the metadata summary of the train part of a dataset, a column at a time.

Columns are read as codes in `generators.column_codes`, persons counted in `generators.person_counts`; what of that may leave is decided
in `generators.protection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from generators.column_codes import HOURS, ColumnCodes, column_codes, whole_numbers
from generators.disclosure import DisclosurePolicy
from generators.errors import DisclosureRefused, InputError
from generators.person_counts import Codes, Groups, Persons, grouped
from generators.person_keys import persons_of
from generators.progress import Progress, silent
from generators.protection import cell, protected_categories, protected_numbers
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summary import Cell, ColumnSummary, Distribution, MetadataSummary, TableSummary

WORKERS = 2
"""Columns summarised at a time; reading and sorting, which take most of the time, run outside the interpreter's lock."""


def summarise(
    train: Mapping[str, Path], schema: DatasetSchema, policy: DisclosurePolicy, *, progress: Progress = silent
) -> MetadataSummary:
    """The protected aggregates of canonical Parquet files, by table name.

    train: the files of the train part; schema: the de-identified schema they follow. Raises InputError where a file lacks a column or
    is of another type than the schema says, DisclosureRefused where a table has fewer persons than the policy allows.
    """
    missing = [t.name for t in schema.tables if t.name not in train]
    if missing:
        raise InputError(f'no file was given for table "{missing[0]}"')
    steps = sum(len(t.columns) + 1 for t in schema.tables)
    tables: list[TableSummary] = []
    done = 0
    for table in schema.tables:
        tables.append(_Table(table, train[table.name], policy, progress, done, steps).summary())
        done += len(table.columns) + 1
    progress("summarised", 1.0)
    return MetadataSummary(policy=policy, schema_digest=schema.digest, tables=tuple(tables))


class _Table:
    """One table on its way to a summary."""

    def __init__(self, schema: TableSchema, path: Path, policy: DisclosurePolicy, progress: Progress, done: int, steps: int) -> None:
        self.schema, self.path, self.policy, self.progress = schema, path, policy, progress
        self.done, self.steps = done, steps
        names = pq.read_schema(path).names
        for name in schema.names:
            if name not in names:
                raise InputError(f'table "{schema.name}": the file lacks the column "{name}" of the schema')

    def told(self, what: str, rows: int) -> None:
        self.done += 1
        self.progress(what, self.done / self.steps, rows, rows)

    def summary(self) -> TableSummary:
        name, policy = self.schema.name, self.policy
        self.progress(f"counting the persons of {name}", self.done / self.steps)
        persons = persons_of(self.path, name, self.schema.person_key)
        if persons.count < policy.minimum_table:
            raise DisclosureRefused(
                f'table "{name}" has fewer than {policy.minimum_table:,} persons, the fewest that the disclosure policy '
                f'"{policy.name}" allows to be summarised'
            )
        rows = persons.rows
        self.told(f"counted the persons of {name}", rows)
        columns = []
        with ThreadPoolExecutor(WORKERS) as pool:
            pending = [pool.submit(self.column, c, persons) for c in self.schema.columns]
            try:
                for column, result in zip(self.schema.columns, pending, strict=True):
                    columns.append(result.result())
                    self.told(f'summarised "{column.name}"', rows)  # here, so that the callback runs in the caller's thread
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return TableSummary(
            name=name,
            persons=policy.rounded(persons.count),
            rows=policy.rounded(rows) if 2 * persons.most < rows else None,
            columns=tuple(columns),
            rows_per_person=None if self.schema.person_key is None else _rows_per_person(persons, policy),
        )

    def column(self, column: ColumnSchema, persons: Persons) -> ColumnSummary:
        place = ColumnSummary(column.name, str(column.kind), decimals=column.decimals, format=column.format)
        if self.schema.tokenised(column) or column.kind is Kind.IDENTIFIER:
            return replace(place, absent="identifier")
        if column.kind is Kind.FREE_TEXT:
            return replace(place, absent="free text")
        read = column_codes(self.path, self.schema.name, column, self.policy.date_unit)
        groups, nulls = self.counted(read.codes, read.size, persons)
        if not groups.at_least(self.policy.minimum, np.ones(len(groups.codes), dtype=np.bool_)):
            return replace(place, absent="withheld")
        distribution = _distribution(read, groups, self.policy)
        hours = None
        if read.hours is not None:
            by_hour, _ = self.counted(read.hours, len(HOURS), persons)
            hours = protected_categories(by_hour, HOURS, self.policy, unit="hour")
        if distribution.empty or (hours is not None and hours.empty):
            return replace(place, absent="withheld")
        return replace(place, nulls=nulls, distribution=distribution, hours=hours, decimals=read.decimals)

    def counted(self, codes: Codes, size: int, persons: Persons) -> tuple[Groups, Cell | None]:
        """Rows grouped by the codes below `size`; what may be told of the rest, whose value is missing."""
        groups = grouped(codes, size + 1, persons)
        present = groups.codes < size
        if present.all():
            return groups, None
        missing = cell(self.policy, "missing", int(groups.persons[-1]), int(groups.rows[-1]), int(groups.largest[-1]))
        return groups.only(present), missing


def _distribution(read: ColumnCodes, groups: Groups, policy: DisclosurePolicy) -> Distribution:
    if read.labels is not None:
        return protected_categories(groups, read.labels, policy, grow=read.grow, unit=read.unit)
    assert read.edges is not None  # noqa: S101 - one of the two is always given
    return protected_numbers(groups, read.edges, policy, read.unit)


def _rows_per_person(persons: Persons, policy: DisclosurePolicy) -> Distribution:
    """How many rows each person has, protected as any number: here each person is one row."""
    rows = persons.rows_each()
    groups = grouped(rows, persons.most + 1, Persons.one_row_each(persons.count))
    return protected_numbers(groups, whole_numbers(0, 0), policy)
