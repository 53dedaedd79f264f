"""What rules compare: a column's values as numbers, moments, durations, truths or texts, a whole column at a time.

Dates are midnights and times of day are durations, in microseconds, so that they can be added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.rules.tree import Range
from generators.schema import ColumnSchema, Kind

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

CLOSE = 1e-9
"""Relative tolerance of "=" between numbers with decimals: sums of decimals are not exact in binary."""

PUBLIC_GROUPS: Mapping[str, tuple[str, ...]] = {
    "OBSTETRIC": ("O00-O9A",),
    "PERINATAL": ("P00-P96",),
    "FEMALE_GENITAL": ("N70-N98", "C51-C58", "D06", "D25-D28"),
    "MALE_GENITAL": ("N40-N51", "C60-C63", "D29"),
}
"""Groups of ICD-10 codes that every table's rules may name, after the blocks of the classification (WHO, 2019 edition)."""

_DAY = 86_400_000_000


@dataclass(frozen=True)
class Value:
    """One value a row. what: number, moment or duration (microseconds), text, or truth. data: array of n, or a single literal."""

    what: str
    data: Any
    valid: Bools


@dataclass(frozen=True)
class Verdict:
    """Kleene truth: `true` and `false` are never both set; neither set: unknown."""

    true: Bools
    false: Bools


def values_of(values: pa.ChunkedArray, column: ColumnSchema) -> Value:
    """A column of canonical Arrow as numbers or text; null and NaN are not valid."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # several dictionaries that could not be made one
        array = pa.concat_arrays([pc.cast(c, c.type.value_type) for c in array.chunks])
    valid = (
        np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False), dtype=np.bool_) if array.null_count else np.ones(len(array), np.bool_)
    )
    kind = array.type
    if pa.types.is_dictionary(kind) and not pa.types.is_string(kind.value_type):
        array, kind = pc.cast(array, kind.value_type), kind.value_type
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _times(array, column, valid) if column.kind is Kind.TIME else Value("text", array, valid)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        moments = pc.cast(pc.cast(array, pa.timestamp("us")), pa.int64())
        return Value("moment", _filled(moments, 0).to_numpy(zero_copy_only=False), valid)
    if pa.types.is_boolean(kind):
        return Value("truth", _filled(array, False).to_numpy(zero_copy_only=False), valid)
    data = _filled(array, 0).to_numpy(zero_copy_only=False)
    if data.dtype.kind == "f":
        valid = valid & ~np.isnan(data)
        data = np.where(valid, data, 0.0)
    return Value("number", data, valid)


def _times(array: pa.Array, column: ColumnSchema, valid: Bools) -> Value:
    """Times of day as microseconds; a text that is no time in the column's format is unknown."""
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    known = []
    for text in encoded.dictionary.to_pylist():
        try:
            known.append(microseconds_of_day(text, column.format))
        except ValueError:
            known.append(-1)
    if not known:
        return Value("duration", np.zeros(len(array), dtype=np.int64), valid)
    codes = _filled(encoded.indices, 0).to_numpy(zero_copy_only=False)
    data = np.array(known, dtype=np.int64)[codes]
    return Value("duration", data, valid & (data >= 0))


@lru_cache(maxsize=100_000)
def microseconds_of_day(text: str, pattern: str | None) -> int:
    """ValueError for a text that is no time of day."""
    for form in (pattern,) if pattern else ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f"):
        try:
            t = datetime.strptime(text, form)
        except ValueError:
            continue
        return ((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond
    raise ValueError("not a time of day")


def compare_numbers(a: Any, sign: str, b: Any) -> Bools:
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind == "f" or y.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            equal = (x == y) | (np.abs(x - y) <= CLOSE * np.maximum(np.abs(x), np.abs(y)))
    else:
        equal = x == y
    result = {"=": equal, "!=": ~equal, "<": (x < y) & ~equal, "<=": (x < y) | equal, ">": (x > y) & ~equal, ">=": (x > y) | equal}[sign]
    return np.asarray(result, dtype=np.bool_)


def compare_text(a: Any, sign: str, b: Any, rows: int) -> Bools:
    name = {"=": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}[sign]
    compare = getattr(pc, name)
    if isinstance(b, str):
        return text_holds(a, rows, lambda values: compare(values, b))
    if isinstance(a, str):
        return text_holds(b, rows, lambda values: compare(pa.scalar(a), values))
    return _bools(compare(_plain(a), _plain(b)))


def text_holds(text: Any, rows: int, holds: Callable[[pa.Array], pa.Array]) -> Bools:
    """`holds` of each text, asked once for each different one where they are dictionary-encoded; false of null."""
    if isinstance(text, str):
        return np.repeat(_bools(holds(pa.array([text], pa.string()))), rows)
    if not pa.types.is_dictionary(text.type):
        return _bools(holds(text))
    known = np.append(_bools(holds(text.dictionary)), False)
    return np.asarray(known[_filled(text.indices, len(known) - 1).to_numpy(zero_copy_only=False)], dtype=np.bool_)


def text_is_one_of(text: Any, rows: int, texts: tuple[str, ...]) -> Bools:
    """Whether each text is one of `texts`."""
    return text_holds(text, rows, lambda values: pc.is_in(values, value_set=pa.array(texts, values.type)))


def like(text: Any, rows: int, pattern: str) -> Bools:
    """Whether each text fits the SQL pattern; capital and small letters differ."""
    return text_holds(text, rows, lambda values: pc.match_like(values, pattern))


def in_text_range(text: Any, rows: int, limits: Range) -> Bools:
    """Whether the first letters of each text, as many as the limits have, lie between them; capital and small letters are the same."""
    low, high = str(limits.low).upper(), str(limits.high).upper()

    def holds(values: pa.Array) -> pa.Array:
        upper = pc.utf8_upper(values)
        after = pc.greater_equal(pc.utf8_slice_codeunits(upper, 0, len(low)), low)
        return pc.and_(after, pc.less_equal(pc.utf8_slice_codeunits(upper, 0, len(high)), high))

    return text_holds(text, rows, holds)


def in_codes(text: Any, rows: int, codes: tuple[str, ...]) -> Bools:
    """Whether each text is one of the members of a group: a code, ``A00-B99``, or ``O%``."""
    found = np.zeros(rows, dtype=np.bool_)
    for code in codes:
        low, dash, high = code.partition("-")
        if "%" in code:
            found |= like(text, rows, code)
        elif dash and low and high:
            found |= in_text_range(text, rows, Range(low.strip(), high.strip()))
        else:
            found |= compare_text(text, "=", code, rows)
    return found


def elapsed(unit: str, start: Any, end: Any) -> Ints:
    """Whole units completed from `start` to `end` (microseconds since 1970), negative where `end` comes first.

    A month is complete on the day of its number in a later month, or, where that has no such day, on the first of the next.
    """
    a, b = np.broadcast_arrays(np.asarray(start, dtype=np.int64), np.asarray(end, dtype=np.int64))
    early, late = np.minimum(a, b), np.maximum(a, b)
    if unit == "day":
        whole = (late - early) // _DAY
    else:
        months, since = _months(early)
        later_months, later_since = _months(late)
        whole = later_months - months - (later_since < since)
        if unit == "year":
            whole = whole // 12
    return np.asarray(np.where(a <= b, whole, -whole), dtype=np.int64)


def _months(moments: Ints) -> tuple[Ints, Ints]:
    """Months since 1970, and microseconds since the month began."""
    stamps = moments.astype("datetime64[us]")
    months = stamps.astype("datetime64[M]")
    return months.astype(np.int64), (stamps - months.astype("datetime64[us]")).astype(np.int64)


def same(columns: tuple[Value, ...], rows: int) -> Ints:
    """A number for each row, the same for rows with the same values in all of `columns`; -1 where a value is missing."""
    valid = np.logical_and.reduce([c.valid for c in columns])
    group = np.zeros(rows, dtype=np.int64)
    for column in columns:
        codes = _text_codes(column.data) if column.what == "text" else np.unique(column.data, return_inverse=True)[1]
        group = np.unique(group * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1].astype(np.int64)
    return np.where(valid, group, -1)


def repeated(columns: tuple[Value, ...], rows: int) -> Bools:
    """Rows whose values in all of `columns` are those of another row too; none where a value is missing."""
    group = same(columns, rows)
    counts = np.bincount(group + 1)
    return np.asarray((group >= 0) & (counts[group + 1] > 1), dtype=np.bool_)


def _text_codes(text: pa.Array) -> Ints:
    encoded = pc.dictionary_encode(_plain(text))
    return np.asarray(pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _filled(array: pa.Array, value: int | bool) -> pa.Array:
    """Without nulls; an array that has none is left alone, which saves reading it."""
    return pc.fill_null(array, value) if array.null_count else array


def _plain(text: pa.Array) -> pa.Array:
    return pc.cast(text, text.type.value_type) if pa.types.is_dictionary(text.type) else text


def _bools(result: pa.Array) -> Bools:
    return np.asarray(_filled(result, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
