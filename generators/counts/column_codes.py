"""Columns of a Parquet file as codes, each row's a small whole number: what is counted, and how codes become released values.

Numbers and dates are read a piece of the file at a time. Numbers that are not finite count as missing. Sentinels have codes of their
own, beyond that of missing values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.counts.person_counts import PART, Bools, Codes, narrowest
from generators.counts.sentinels import sentinel_values
from generators.errors import InputError
from generators.schema import ColumnSchema, Kind
from generators.summarising.steps import Edges
from generators.summary_parts import Scalar

HOURS = tuple(f"{h:02d}" for h in range(24))

_MICROSECONDS_A_DAY = 86_400_000_000
EXACT = 1 << 53
WIDEST = 1 << 31
"""Numbers spread more widely than this are not counted in units."""


@dataclass(frozen=True)
class ColumnCodes:
    """One column. codes: less than `size` each, and `size` itself where the value is missing; labels for categories, edges for numbers.

    sentinels: the n-th of them has code `size` + n, n from 1.

    unit: what a label or an edge stands for; grow: whether too small a pool may take in more; hours: of date-times, 24 where missing;
    decimals: of the numbers, when counted in units of the last.
    """

    codes: Codes
    size: int
    labels: tuple[str, ...] | None = None
    edges: Edges | None = None
    unit: str = "value"
    grow: bool = True
    hours: Codes | None = None
    decimals: int | None = None
    sentinels: tuple[str, ...] = ()


def column_codes(path: Path, table: str, column: ColumnSchema, date_unit: str) -> ColumnCodes:
    """A column of a file; InputError when the file's type cannot be what the schema says."""
    source = _Source(path, column.name, sentinel_values(column, table))
    try:
        if column.kind is Kind.TIME:
            return _times(source, column)
        if column.kind in (Kind.DATE, Kind.DATETIME):
            return _with_sentinels(source, column, _dates(source, date_unit, hours=column.kind is Kind.DATETIME))
        if column.kind in (Kind.INTEGER, Kind.REAL):
            return _with_sentinels(source, column, _numbers(source, column))
        return _categories(source, text=column.storage == "string")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's own message would quote the value.
        raise InputError(
            f'table "{table}", column "{column.name}": the file does not hold {column.kind} values as {column.storage}; '
            "confirm the schema again"
        ) from None


@dataclass(frozen=True)
class _Source:
    """One column of a Parquet file; its sentinels are read as missing."""

    path: Path
    name: str
    sentinels: pa.Array | None = None

    def whole(self) -> pa.ChunkedArray:
        return self._without_sentinels(pq.read_table(self.path, columns=[self.name], use_threads=False).column(0))

    def pieces(self, *, text: bool = False) -> Iterator[pa.Array]:
        """The column, `PART` rows at a time; as dictionaries if it is `text`."""
        for values in self.raw(text=text):
            yield self._without_sentinels(values)

    def _without_sentinels(self, values: pa.Array) -> pa.Array:
        if self.sentinels is None:
            return values
        return pc.if_else(pc.is_in(values, self.sentinels.cast(values.type)), pa.scalar(None, values.type), values)

    def raw(self, *, text: bool = False) -> Iterator[pa.Array]:
        """As `pieces`, sentinels as they are."""
        with pq.ParquetFile(self.path, read_dictionary=[self.name] if text else None) as file:
            for batch in file.iter_batches(PART, columns=[self.name], use_threads=False):
                values = batch.column(0)
                plain = pa.types.is_dictionary(values.type) and not text
                yield values.cast(values.type.value_type) if plain else values


def _with_sentinels(source: _Source, column: ColumnSchema, read: ColumnCodes) -> ColumnCodes:
    """The column with its sentinels under codes of their own."""
    if source.sentinels is None:
        return read
    codes = read.codes.astype(narrowest(read.size + 1 + len(source.sentinels)))
    first = 0
    for values in source.raw():
        at = pc.index_in(values, source.sentinels.cast(values.type))
        rows = np.flatnonzero(pc.is_valid(at).to_numpy(zero_copy_only=False))
        codes[first + rows] = pc.fill_null(at, 0).to_numpy(zero_copy_only=False)[rows] + (read.size + 1)
        first += len(values)
    return replace(read, codes=codes, sentinels=column.sentinels)


class _Gathered:
    """Whole numbers that arrive in pieces, kept as what they exceed the least of their piece by; no least where all are missing."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int | None, Codes, npt.NDArray[np.int64] | None]] = []
        self.least: int | None = None
        self.most = 0

    def add(self, whole: npt.NDArray[np.int64], valid: Bools | None) -> bool:
        """Take a piece in (`valid` None: nothing is missing); False when the numbers are spread too widely."""
        known = whole if valid is None else whole[valid]
        if not len(known):
            self.pieces.append((None, np.zeros(len(whole), dtype=np.uint8), None))
            return True
        least, most = int(known.min()), int(known.max())
        self.most = most if self.least is None else max(self.most, most)
        self.least = least if self.least is None else min(self.least, least)
        if self.most - self.least >= WIDEST:
            return False
        above = (np.clip(whole, least, most) - least).astype(narrowest(most - least + 1))
        self.pieces.append((least, above, None if valid is None else np.flatnonzero(~valid)))
        return True

    def codes(self) -> tuple[Codes, int, int]:
        """(codes, their size, the number that code 0 stands for); what is missing has the size as its code."""
        least = self.least or 0
        size = self.most - least + 1 if self.least is not None else 1
        codes = np.empty(sum(len(above) for _, above, _ in self.pieces), dtype=narrowest(size + 1))
        first = 0
        self.pieces.reverse()
        while self.pieces:
            base, above, lacking = self.pieces.pop()
            here = codes[first : first + len(above)]
            first += len(above)
            if base is None:
                here[:] = size
                continue
            here[:] = above
            here += codes.dtype.type(base - least)
            if lacking is not None:
                here[lacking] = size
        return codes, size, least


def _labelled(source: _Source, *, text: bool) -> tuple[Codes, pa.Array]:
    """(a code for each row, the labels of the codes); what is missing has the number of labels as its code."""
    pieces: list[tuple[Codes, Bools | None]] = []
    labels: list[pa.Array] = []
    for values in source.pieces(text=text):
        if pa.types.is_floating(values.type):
            values = pc.add(pc.if_else(pc.is_finite(values), values, None), 0.0)
        coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        codes = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)
        pieces.append((codes.astype(narrowest(len(coded.dictionary))), _valid(coded)))
        labels.append(coded.dictionary)
    if not labels:
        return np.zeros(0, dtype=np.uint8), pa.array([], pa.string())
    merged = pa.chunked_array(labels).combine_chunks().dictionary_encode()
    merged = merged.combine_chunks() if isinstance(merged, pa.ChunkedArray) else merged
    kind = narrowest(len(merged.dictionary) + 1)
    places = merged.indices.to_numpy().astype(kind)
    codes = np.empty(sum(len(c) for c, _ in pieces), dtype=kind)
    first = label = 0
    for (piece, valid), own in zip(pieces, labels, strict=True):
        here = codes[first : first + len(piece)]
        here[:] = places[label : label + len(own)][piece] if len(own) else len(merged.dictionary)
        if valid is not None:
            here[~valid] = len(merged.dictionary)
        first, label = first + len(piece), label + len(own)
    return codes, merged.dictionary


def _categories(source: _Source, *, text: bool) -> ColumnCodes:
    codes, dictionary = _labelled(source, text=text)
    kind = dictionary.type
    if pa.types.is_boolean(kind):
        order = np.array([*(int(v) for v in dictionary.to_pylist()), 2], dtype=np.uint8)
        return ColumnCodes(order[codes], 2, labels=("false", "true"), grow=False)
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    labels = tuple((dictionary if textual else pc.cast(dictionary, pa.string())).to_pylist())
    return ColumnCodes(codes, len(labels), labels=labels, grow=textual)


def _times(source: _Source, column: ColumnSchema) -> ColumnCodes:
    """The hour of each time; a text that is no time in the column's format counts as missing."""
    codes, dictionary = _labelled(source, text=True)
    hours = np.full(len(dictionary) + 1, len(HOURS), dtype=np.uint8)
    for position, text in enumerate(dictionary.to_pylist()):
        for pattern in (column.format,) if column.format else ("%H:%M", "%H:%M:%S"):
            try:
                hours[position] = datetime.strptime(text, pattern).hour
            except ValueError:
                continue
    return ColumnCodes(hours[codes], len(HOURS), labels=HOURS, unit="hour")


def _dates(source: _Source, unit: str, *, hours: bool) -> ColumnCodes:
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    periods, of_day = _Gathered(), []
    for values in source.pieces():
        moments = pc.cast(values, pa.timestamp("us"))
        valid = _valid(moments)
        moments = np.asarray(pc.fill_null(pc.cast(moments, pa.int64()), 0).to_numpy(zero_copy_only=False))
        days = moments // _MICROSECONDS_A_DAY
        period = (_months(days) + 1970 * 12) // months
        periods.add(period, valid)
        if hours:
            hour = ((moments - days * _MICROSECONDS_A_DAY) // 3_600_000_000).astype(np.uint8)
            of_day.append(hour if valid is None else np.where(valid, hour, np.uint8(len(HOURS))))
    codes, size, base = periods.codes()
    return ColumnCodes(codes, size, edges=periods_from(base, unit), unit=unit, hours=np.concatenate(of_day) if of_day else None)


def _months(days: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Months since January 1970 of days since its first."""
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    if last - first > len(days):
        return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.arange(first, last + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)[days - first]


def periods_from(base: int, unit: str) -> Edges:
    """Codes that count calendar units from the one numbered `base`; the months, quarters or years are numbered from year 0."""

    def label(period: int) -> str:
        number = period + base
        if unit == "year":
            return f"{number:04d}"
        if unit == "quarter":
            return f"{number // 4:04d}-Q{number % 4 + 1}"
        return f"{number // 12:04d}-{number % 12 + 1:02d}"

    return Edges(label, lambda m: label(math.ceil(m)), lambda m: label(round(m)), lambda m: label(math.floor(m)))


def _numbers(source: _Source, column: ColumnSchema) -> ColumnCodes:
    """Numbers as whole units of their last decimal where that is exact, else as ranks among the distinct values."""
    gathered = _Gathered()
    places = 0
    for values in source.pieces():
        whole, places_here, valid = _whole(values, column)
        if whole is None or not gathered.add(whole, valid):
            return _wide(source.whole(), column)
        places = places_here
    codes, size, least = gathered.codes()
    return ColumnCodes(codes, size, edges=whole_numbers(least, places), decimals=places)


def _valid(values: pa.Array | pa.ChunkedArray) -> Bools | None:
    return np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=np.bool_) if values.null_count else None


def _whole(values: pa.Array, column: ColumnSchema) -> tuple[npt.NDArray[np.int64] | None, int, Bools | None]:
    """(units of the last decimal, decimals, which are valid); no units where they would not be exact."""
    if pa.types.is_integer(values.type):
        return pc.fill_null(pc.cast(values, pa.int64()), 0).to_numpy(zero_copy_only=False), 0, _valid(values)
    places = 0 if column.kind is Kind.INTEGER else column.decimals
    if places is None or not 0 <= places <= 12:
        return None, 0, None
    numbers, valid = _finite(values)
    with np.errstate(over="ignore"):
        scaled = numbers * 10.0**places
    np.rint(scaled, out=scaled)
    if len(scaled) and not np.abs(scaled).max() < EXACT:
        return None, 0, None
    return scaled.astype(np.int64), places, valid


def _finite(values: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.float64], Bools | None]:
    """(numbers, 0 where missing; which are not missing)."""
    numbers = pc.fill_null(pc.cast(values, pa.float64()), np.nan)
    numbers = pc.add(numbers, 0.0)  # minus zero is zero: else which of the two is told would hang on the order of rows
    numbers = numbers.to_numpy() if isinstance(numbers, pa.ChunkedArray) else numbers.to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers)
    return (numbers, None) if finite.all() else (np.where(finite, numbers, 0.0), finite)


def whole_numbers(least: int, places: int) -> Edges:
    def value(code: int) -> Scalar:
        whole = code + least
        return whole if places == 0 else round(whole / 10**places, places)

    return Edges(value, lambda m: value(math.ceil(m)), lambda m: value(round(m)), lambda m: value(math.floor(m)))


def _wide(values: pa.ChunkedArray, column: ColumnSchema) -> ColumnCodes:
    """Numbers that cannot be counted in units, as ranks: of what they are rounded to where that is exact, else of themselves."""
    if pa.types.is_integer(values.type):
        return _ranked(pc.fill_null(pc.cast(values, pa.int64()), 0).to_numpy(), _valid(values))
    numbers, valid = _finite(values)
    places = 0 if column.kind is Kind.INTEGER else column.decimals
    if places is not None and 0 <= places <= 12:
        with np.errstate(over="ignore"):
            scaled = np.rint(numbers * 10.0**places)
        if np.abs(scaled).max() < EXACT:
            whole = scaled.astype(np.int64)
            return _ranked(whole if places == 0 else whole / 10**places, valid)
    return _ranked(numbers, valid)


def _ranked(numbers: npt.NDArray[Any], valid: Bools | None) -> ColumnCodes:
    """Numbers spread too widely to count in units: their codes are ranks; averages are of the numbers, to six significant digits."""
    distinct = np.unique(numbers)
    codes = np.empty(len(numbers), dtype=narrowest(len(distinct) + 1))
    for first in range(0, len(numbers), PART):
        piece = numbers[first : first + PART]
        order = np.argsort(piece)  # in order, so that bisection finds its neighbours in the cache
        codes[first : first + PART][order] = np.searchsorted(distinct, piece[order])
    if valid is not None:
        codes[~valid] = len(distinct)
    return ColumnCodes(codes, len(distinct), edges=ranked_numbers(distinct))


def ranked_numbers(distinct: npt.NDArray[Any]) -> Edges:
    """Codes that are ranks among `distinct` numbers, ascending."""
    exact = distinct.dtype.kind == "i"

    def rounded(number: float, towards: int) -> Scalar:
        if number == 0:
            return 0 if exact else 0.0
        unit = Decimal(1).scaleb(Decimal(number).adjusted() - 5)
        how = {1: ROUND_CEILING, 0: ROUND_HALF_EVEN, -1: ROUND_FLOOR}[towards]
        whole = (Decimal(number) / unit).to_integral_value(how) * unit
        return min(max(int(whole), -(1 << 63)), (1 << 63) - 1) if exact else float(whole)

    return Edges(lambda n: n, lambda m: rounded(m, 1), lambda m: rounded(m, 0), lambda m: rounded(m, -1), numbers=distinct)
