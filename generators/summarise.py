"""Makes the metadata summary of the train part of a dataset, a column at a time.

What is released per kind is in `generators.protection`; here columns are read, turned into codes and put together. Numbers that
are not finite count as missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.disclosure import DisclosurePolicy
from generators.errors import DisclosureRefused, InputError
from generators.person_counts import Groups, Ints, Persons, grouped
from generators.progress import Progress, silent
from generators.protection import Edges, cell, protected_categories, protected_numbers
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summary import ColumnSummary, Distribution, MetadataSummary, Scalar, TableSummary

Bools = npt.NDArray[np.bool_]

WORKERS = 2
"""Columns summarised at a time; the sort that takes most of the time runs outside the interpreter's lock."""

_MICROSECONDS_A_DAY = 86_400_000_000
_EXACT = 1 << 53


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
        persons = self.persons()
        if persons.count < policy.minimum_table:
            raise DisclosureRefused(
                f'table "{name}" has fewer than {policy.minimum_table:,} persons, the fewest that the disclosure policy '
                f'"{policy.name}" allows to be summarised'
            )
        rows = len(persons.codes)
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

    def persons(self) -> Persons:
        key = self.schema.person_key
        if key is None:
            rows = pq.read_metadata(self.path).num_rows
            return Persons(np.arange(rows, dtype=np.int64), rows, 1 if rows else 0)
        values = self.read(key)
        if values.null_count:
            raise InputError(f'table "{self.schema.name}": the person key "{key}" is missing in {values.null_count:,} rows')
        return Persons.of(_codes_of_labels(values)[0])

    def read(self, name: str, *, text: bool = True) -> pa.ChunkedArray:
        return pq.read_table(self.path, columns=[name], read_dictionary=[name] if text else None, use_threads=False).column(0)

    def column(self, column: ColumnSchema, persons: Persons) -> ColumnSummary:
        place = ColumnSummary(column.name, str(column.kind), decimals=column.decimals, format=column.format)
        if self.schema.tokenised(column) or column.kind is Kind.IDENTIFIER:
            return replace(place, absent="identifier")
        if column.kind is Kind.FREE_TEXT:
            return replace(place, absent="free text")
        read = self.codes(column)
        valid = read.valid
        present = persons.codes if valid is None else persons.codes[valid]
        lacking = np.zeros(0, dtype=np.int64) if valid is None else persons.codes[~valid]
        without, largest = persons.among(lacking)
        nulls = cell(self.policy, "missing", without, len(lacking), largest)
        if persons.among(present)[0] < self.policy.minimum:
            return replace(place, absent="withheld")
        groups = grouped(read.codes if valid is None else read.codes[valid], present, persons)
        distribution = read.distribution(groups, persons, self.policy)
        hours = None
        if read.hours is not None:
            by_hour = grouped(read.hours if valid is None else read.hours[valid], present, persons)
            hours = protected_categories(by_hour, _HOURS, persons, self.policy, unit="hour")
        if distribution.empty or (hours is not None and hours.empty):
            return replace(place, absent="withheld")
        return replace(place, nulls=nulls, distribution=distribution, hours=hours, decimals=read.decimals)

    def codes(self, column: ColumnSchema) -> _Coded:
        """A column as codes; InputError when the file's type cannot be what the schema says."""
        kind = column.kind
        text = column.storage == "string"
        values = self.read(column.name, text=text)
        try:
            if kind is Kind.TIME:
                return _times(values, column)
            if kind in (Kind.DATE, Kind.DATETIME):
                return _dates(values, self.policy.date_unit, hours=kind is Kind.DATETIME)
            if kind in (Kind.INTEGER, Kind.REAL):
                return _numbers(values, column)
            return _categories(values)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # Arrow's own message would quote the value.
            raise InputError(
                f'table "{self.schema.name}", column "{column.name}": the file does not hold {column.kind} values as {column.storage}; '
                "confirm the schema again"
            ) from None


@dataclass(frozen=True)
class _Coded:
    """A column as codes ≥ 0, one a row; `valid` is None when nothing is missing. labels for categories, edges for numbers."""

    codes: Ints
    valid: Bools | None
    labels: list[str] | None = None
    edges: Edges | None = None
    unit: str = "value"
    grow: bool = True
    hours: Ints | None = None
    decimals: int | None = None

    def distribution(self, groups: Groups, persons: Persons, policy: DisclosurePolicy) -> Distribution:
        if self.edges is not None:
            return protected_numbers(groups, self.edges, persons, policy, self.unit)
        assert self.labels is not None  # noqa: S101 - one of the two is always given
        return protected_categories(groups, self.labels, persons, policy, grow=self.grow, unit=self.unit)


_HOURS = [f"{h:02d}" for h in range(24)]


def _rows_per_person(persons: Persons, policy: DisclosurePolicy) -> Distribution:
    """How many rows each person has, protected as any number: here each person is one row."""
    rows = np.bincount(persons.codes, minlength=persons.count)
    everyone = Persons(np.arange(persons.count, dtype=np.int64), persons.count, 1)
    return protected_numbers(grouped(rows, everyone.codes, everyone), _grid(0, 0), everyone, policy)


def _valid(values: pa.ChunkedArray) -> Bools | None:
    return np.asarray(pc.is_valid(values).to_numpy(), dtype=np.bool_) if values.null_count else None


def _codes_of_labels(values: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Codes (0 where null) and their labels. Every label is used unless the column was sliced from a wider one."""
    if not pa.types.is_dictionary(values.type):
        values = pc.dictionary_encode(values)
    values = values.unify_dictionaries()
    if values.num_chunks == 0:
        return np.zeros(0, dtype=np.int64), pa.array([], pa.string())
    parts = [pc.fill_null(chunk.indices, 0).to_numpy(zero_copy_only=False) for chunk in values.chunks]
    return np.concatenate(parts).astype(np.int64), values.chunk(0).dictionary


def _categories(values: pa.ChunkedArray) -> _Coded:
    valid = _valid(values)
    kind = values.type
    if pa.types.is_boolean(kind):
        codes = pc.cast(pc.fill_null(values, False), pa.int64()).to_numpy()
        return _Coded(codes, valid, labels=["false", "true"], grow=False)
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_finite(values), values, None)
        valid = _valid(values)
    codes, dictionary = _codes_of_labels(values)
    textual = pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    labels = dictionary if textual else pc.cast(dictionary, pa.string())
    return _Coded(codes, valid, labels=labels.to_pylist(), grow=textual)


def _times(values: pa.ChunkedArray, column: ColumnSchema) -> _Coded:
    """The hour of each time; a text that is no time in the column's format counts as missing."""
    codes, dictionary = _codes_of_labels(values)
    hours = np.full(len(dictionary) + 1, -1, dtype=np.int64)
    for position, text in enumerate(dictionary.to_pylist()):
        for pattern in (column.format,) if column.format else ("%H:%M", "%H:%M:%S"):
            try:
                hours[position] = datetime.strptime(text, pattern).hour
            except ValueError:
                continue
    hour = hours[codes]
    good = hour >= 0
    given = _valid(values)
    valid = good if given is None else good & given
    return _Coded(np.where(good, hour, 0), None if valid.all() else valid, labels=_HOURS, unit="hour")


def _dates(values: pa.ChunkedArray, unit: str, *, hours: bool) -> _Coded:
    valid = _valid(values)
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    moments = pc.fill_null(pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64()), 0).to_numpy()
    days = moments // _MICROSECONDS_A_DAY
    known = days if valid is None else days[valid]
    first, last = (int(known.min()), int(known.max())) if len(known) else (0, 0)
    months = np.arange(first, last + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
    size = {"month": 1, "quarter": 3, "year": 12}[unit]
    periods = months // size
    base = int(periods[0])
    codes = (periods - base)[np.clip(days - first, 0, last - first)]
    hour = moments % _MICROSECONDS_A_DAY // 3_600_000_000 if hours else None
    return _Coded(codes, valid, edges=_periods(base, unit), unit=unit, hours=hour)


def _periods(base: int, unit: str) -> Edges:
    def label(period: int) -> str:
        number = period + base
        if unit == "year":
            return f"{number:04d}"
        if unit == "quarter":
            return f"{number // 4:04d}-Q{number % 4 + 1}"
        return f"{number // 12:04d}-{number % 12 + 1:02d}"

    return Edges(label, lambda m: label(math.ceil(m)), lambda m: label(round(m)), lambda m: label(math.floor(m)))


def _numbers(values: pa.ChunkedArray, column: ColumnSchema) -> _Coded:
    """Numbers as whole units of their last decimal where that is exact, else as ranks among the distinct values."""
    valid = _valid(values)
    if pa.types.is_integer(values.type):
        whole = pc.fill_null(pc.cast(values, pa.int64()), 0).to_numpy()
        return _from_whole(whole, valid, 0)
    numbers = pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy()
    finite = np.isfinite(numbers)
    valid = None if finite.all() else finite
    numbers = np.where(finite, numbers, 0.0)
    places = 0 if column.kind is Kind.INTEGER else column.decimals
    if places is not None and 0 <= places <= 12:
        with np.errstate(over="ignore"):
            scaled = np.rint(numbers * 10.0**places)
        if not len(scaled) or np.abs(scaled).max() < _EXACT:
            return _from_whole(scaled.astype(np.int64), valid, places)
    return _ranked(numbers, valid)


def _from_whole(whole: Ints, valid: Bools | None, places: int) -> _Coded:
    known = whole if valid is None else whole[valid]
    least, most = (int(known.min()), int(known.max())) if len(known) else (0, 0)
    if most - least >= 1 << 31:
        return _ranked(whole if places == 0 else whole / 10**places, valid)
    codes = np.clip(whole, least, most) - least
    return _Coded(codes, valid, edges=_grid(least, places), decimals=places)


def _grid(least: int, places: int) -> Edges:
    def value(code: int) -> Scalar:
        whole = code + least
        return whole if places == 0 else round(whole / 10**places, places)

    return Edges(value, lambda m: value(math.ceil(m)), lambda m: value(round(m)), lambda m: value(math.floor(m)))


def _ranked(numbers: npt.NDArray[np.float64] | Ints, valid: Bools | None) -> _Coded:
    """Numbers spread too widely to count in units: their codes are ranks; averages are of the numbers, to six significant digits."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    exact = distinct.dtype.kind == "i"

    def rounded(number: float, towards: int) -> Scalar:
        if number == 0:
            return 0 if exact else 0.0
        unit = Decimal(1).scaleb(Decimal(number).adjusted() - 5)
        how = {1: ROUND_CEILING, 0: ROUND_HALF_EVEN, -1: ROUND_FLOOR}[towards]
        whole = (Decimal(number) / unit).to_integral_value(how) * unit
        return min(max(int(whole), -(1 << 63)), (1 << 63) - 1) if exact else float(whole)

    edges = Edges(lambda n: n, lambda m: rounded(m, 1), lambda m: rounded(m, 0), lambda m: rounded(m, -1), numbers=distinct)
    return _Coded(codes.astype(np.int64), valid, edges=edges)
