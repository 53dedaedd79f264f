"""The forms of function by which one column follows from others, and how each is computed, a whole column at a time.

| form | what it gives | facts |
|---|---|---|
| same | the other column | – |
| sum | Σ factor · number + constant, rounded | factors, constant, decimals |
| product | scale · Π number ^ power, rounded | powers, scale, decimals |
| moment | date or moment + Σ duration (numbers in units of µs; times of day), cut off | units, constant, grain |
| elapsed | time from one moment to another as a number: units ("floor", "nearest") or "years" of the calendar | unit, how, decimals |
| part | a part of a moment ("year" … "clock"), or "whole" / "rest" of a number divided | part, by |
| clock | time of day some minutes after (sign 1) or before (−1) another | sign, hundreds, midnight |
| bands | one value for each range of a number or moment | cuts, values, missing |
| map | one value for each value | pairs, missing, other |
| after | the start; the end lies so many units later, which is learned, and not beyond the latest | unit, latest |
| calendar | the moment that parts in columns of their own make; so many units later, which may be learned | parts, year, unit |

Times of day are text with a format, or whole numbers read as hours and minutes (``hundreds``: 1305 is 13:05).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.rules.values import Value, values_of
from generators.schema import ColumnSchema

Bools = npt.NDArray[np.bool_]
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
UNITS = {"seconds": 1_000_000, "minutes": MINUTE, "hours": HOUR, "days": DAY, "weeks": 7 * DAY}
ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "timestamp[us]": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Result:
    """What a function gives. data: numbers, microseconds (moments since 1970, times since midnight) or an Arrow array."""

    data: Any
    valid: Bools

    def stored(self, column: ColumnSchema) -> pa.Array:
        """As canonical Arrow of `column`, null where it is not valid."""
        target = ARROW[column.storage]
        if isinstance(self.data, pa.Array):
            array = self.data if self.data.type == target or pa.types.is_dictionary(self.data.type) else pc.cast(self.data, target)
            return array if bool(self.valid.all()) else pc.if_else(pa.array(self.valid), array, pa.scalar(None, array.type))
        null = None if bool(self.valid.all()) else ~self.valid
        if pa.types.is_date(target):
            return pa.array((self.data // DAY).astype(np.int32), pa.int32(), mask=null).cast(target)
        if pa.types.is_timestamp(target):
            return pa.array(self.data.astype(np.int64), pa.int64(), mask=null).cast(target)
        if pa.types.is_string(target):
            return _times_written(self.data, column, null)
        if pa.types.is_boolean(target):
            return pa.array(self.data.astype(np.bool_), mask=null)
        if pa.types.is_integer(target):
            return pa.array(np.rint(self.data).astype(np.int64), mask=null)
        return pa.array(self.data.astype(np.float64), mask=null)


def column_of(values: pa.ChunkedArray) -> pa.Array:
    """One array; several dictionaries that cannot be made one as what they stand for."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):
        return pa.concat_arrays([pc.cast(c, c.type.value_type) for c in array.chunks])
    return array


def computed(form: str, facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    """What the function gives in each row. columns: of the target, then of the inputs; values: the inputs."""
    return _COMPUTE[form](facts, columns, values)


def rounded(data: npt.NDArray[np.float64], decimals: int | None) -> npt.NDArray[np.float64]:
    """To so many decimals, where there are any to round to."""
    return data if decimals is None else np.asarray(np.round(data, decimals), dtype=np.float64)


def clock_of(value: Value, hundreds: bool) -> Value:
    """Times of day as microseconds since midnight; of whole numbers read as hours and minutes where `hundreds`."""
    if not hundreds:
        return value
    whole = value.data.astype(np.int64)
    return Value("duration", (whole // 100 * 60 + whole % 100) * MINUTE, value.valid)


def _all_valid(values: Sequence[Value]) -> Bools:
    return np.asarray(np.logical_and.reduce([v.valid for v in values]), dtype=np.bool_)


def _read(columns: Sequence[ColumnSchema], values: Sequence[Any]) -> list[Value]:
    return [values_of(v, c) for v, c in zip(values, columns[1:], strict=True)]


def _same(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    array = column_of(values[0])
    return Result(array, np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False), dtype=np.bool_))


def _sum(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    read = _read(columns, values)
    total = np.full(len(read[0].valid), float(facts["constant"]))
    for value, factor in zip(read, facts["factors"], strict=True):
        total += value.data * float(factor)
    return Result(rounded(total, facts["decimals"]), _all_valid(read))


def _product(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    read = _read(columns, values)
    valid, total = _all_valid(read), np.full(len(read[0].valid), float(facts["scale"]))
    for value, power in zip(read, facts["powers"], strict=True):
        valid &= (value.data != 0) | (power > 0)
        total *= np.where(value.valid & (value.data != 0), value.data, 1.0 if power < 0 else 0.0).astype(np.float64) ** int(power)
    return Result(rounded(total, facts["decimals"]), valid)


def _moment(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    read = _read(columns, values)
    total = read[0].data.astype(np.int64) + int(facts["constant"])
    for value, unit in zip(read[1:], facts["units"], strict=True):
        total = total + (value.data if value.what == "duration" else np.rint(value.data * float(unit)).astype(np.int64))
    grain = int(facts["grain"])
    return Result(total // grain * grain if grain > 1 else total, _all_valid(read))


def _elapsed(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    start, end = _read(columns, values)
    valid = start.valid & end.valid
    if facts["how"] == "years":
        return Result(_years(start.data, end.data), valid)
    time = (end.data - start.data) / float(facts["unit"])
    decimals = int(facts["decimals"])
    if facts["how"] == "nearest":
        return Result(np.round(time, decimals), valid)
    return Result(np.floor(np.round(time * 10**decimals, 6)) / 10**decimals, valid)


def _years(start: Any, end: Any) -> npt.NDArray[np.float64]:
    """Whole years of the calendar, as ages are counted."""
    first, last = (np.asarray(x, np.int64).astype("datetime64[us]").astype("datetime64[D]") for x in (start, end))
    months = [d.astype("datetime64[M]") for d in (first, last)]
    days = [(d - m).astype(np.int64) for d, m in zip((first, last), months, strict=True)]
    between = (months[1] - months[0]).astype(np.int64) - (days[1] < days[0])
    return np.asarray(between // 12, dtype=np.float64)


def _part(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    read, part = values_of(values[0], columns[1]), facts["part"]
    data = read.data
    if part in ("whole", "rest"):
        by = float(facts["by"])
        return Result(np.floor(data / by) if part == "whole" else data - np.floor(data / by) * by, read.valid)
    return Result(part_of(np.asarray(data, dtype=np.int64), part), read.valid)


def part_of(moments: npt.NDArray[np.int64], part: str) -> npt.NDArray[np.int64]:
    """A part of moments (microseconds since 1970): numbers, or for "date" and "clock" microseconds."""
    if part == "date":
        return moments // DAY * DAY
    if part == "clock":
        return moments % DAY
    if part in ("hour", "minute"):
        return moments % DAY // HOUR if part == "hour" else moments % HOUR // MINUTE
    days = moments // DAY
    if part == "weekday":
        return (days + 3) % 7
    if part == "weekday from 1":
        return (days + 3) % 7 + 1
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64)
    if part == "year":
        return months // 12 + 1970
    if part == "quarter":
        return months % 12 // 3 + 1
    return months % 12 + 1 if part == "month" else (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1


def _clock(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    start, lasts = _read(columns, values)
    hundreds = facts["hundreds"]
    begun = clock_of(start, bool(hundreds[1]))
    time = (begun.data + int(facts["sign"]) * np.rint(lasts.data).astype(np.int64) * MINUTE) % DAY
    valid = start.valid & lasts.valid
    if not hundreds[0]:
        return Result(time, valid)
    whole = time // HOUR * 100 + time % HOUR // MINUTE
    return Result(np.where(whole == 0, 2400, whole) if facts["midnight"] else whole, valid)


def _bands(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    read = values_of(values[0], columns[1])
    band = np.searchsorted(np.asarray(facts["cuts"], dtype=np.float64), read.data, side="right")
    return _chosen([*facts["values"], facts["missing"]], np.where(read.valid, band, len(facts["values"])), columns[0])


def _map(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    array = column_of(values[0])
    coded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    keys = [k for k, _ in facts["pairs"]]
    known = {key: number for number, key in enumerate(keys)}
    other, missing = len(keys), len(keys) + 1
    here = [_nearest(k.as_py(), known, other) for k in coded.dictionary]
    codes = pc.fill_null(coded.indices, len(here)).to_numpy(zero_copy_only=False)
    chosen = np.asarray([*here, missing], dtype=np.int64)[codes]
    return _chosen([*(v for _, v in facts["pairs"]), facts["other"], facts["missing"]], chosen, columns[0])


def _nearest(key: Any, known: Mapping[Any, int], other: int) -> int:
    if key in known:
        return known[key]
    if isinstance(key, (int, float)) and not isinstance(key, bool) and known and math.isfinite(key):
        numbers = [k for k in known if isinstance(k, (int, float))]
        return known[min(numbers, key=lambda k: (abs(k - key), k))] if numbers else other
    return other


def _chosen(values: Sequence[Any], places: npt.NDArray[np.int64], column: ColumnSchema) -> Result:
    """`values[places]` as the column's storage; text as a dictionary, so that none is copied row by row."""
    known = np.asarray([v is not None for v in values], dtype=np.bool_)[places]
    target = ARROW[column.storage]
    if pa.types.is_string(target):
        words = list(dict.fromkeys(str(v) for v in values if v is not None))
        number = np.asarray([words.index(str(v)) if v is not None else 0 for v in values], dtype=np.int32)[places]
        return Result(pa.DictionaryArray.from_arrays(pa.array(number, mask=~known), pa.array(words, pa.string())), known)
    listed = pa.array([(v if target != pa.int64() or v is None else int(v)) for v in values], _plain(target))
    return Result(pc.take(listed if listed.type == target else pc.cast(listed, target), pa.array(places)), known)


def _plain(target: pa.DataType) -> pa.DataType:
    return pa.int32() if pa.types.is_date(target) else pa.int64() if pa.types.is_timestamp(target) else target


def _start(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    start = values_of(values[0], columns[1])
    return Result(start.data, start.valid)


def _calendar(facts: Mapping[str, Any], columns: Sequence[ColumnSchema], values: Sequence[Any]) -> Result:
    read = dict(zip(facts["parts"], _read(columns, values), strict=True))
    valid = _all_valid(list(read.values()))
    whole = {part: np.where(valid, np.nan_to_num(value.data), 1).astype(np.int64) for part, value in read.items()}
    year = whole.get("year", np.full(len(valid), int(facts["year"]), dtype=np.int64))
    months = (np.clip(year, 1, 9998) - 1970) * 12 + np.clip(whole["month"], 1, 12) - 1
    first, following = (m.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) for m in (months, months + 1))
    days = np.minimum(first + np.maximum(whole["day"], 1), following) - 1  # no 30th of February
    return Result(days * DAY + whole.get("hour", 0) * HOUR + whole.get("minute", 0) * MINUTE, valid)


def later(form: str, facts: Mapping[str, Any], base: Result, between: Value) -> Result:
    """A moment so many units after `base`; of form "after" never before it, and not after the latest that is told, if it can be."""
    units = np.rint(between.data).astype(np.int64)
    if form == "after":
        units = np.maximum(np.minimum(units, (int(facts["latest"]) - base.data) // int(facts["unit"])), 0)
    return Result(base.data + units * int(facts["unit"]), base.valid & between.valid)


def _times_written(data: Any, column: ColumnSchema, null: Bools | None) -> pa.Array:
    labels, tick = _labels(column.format or "%H:%M")
    places = (np.asarray(data, dtype=np.int64) % DAY // tick).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=null), pa.array(labels, pa.string()))


@lru_cache(maxsize=16)
def _labels(pattern: str) -> tuple[tuple[str, ...], int]:
    """Every time of day in `pattern`, and the microseconds from one to the next."""
    seconds = any(mark in pattern for mark in ("%S", "%T", "%X"))
    tick, midnight = (1 if seconds else 60), datetime(2000, 1, 1, tzinfo=UTC)
    return tuple((midnight + timedelta(seconds=n * tick)).strftime(pattern) for n in range(86_400 // tick)), tick * 1_000_000


_COMPUTE: dict[str, Callable[[Mapping[str, Any], Sequence[ColumnSchema], Sequence[Any]], Result]] = {
    "same": _same,
    "sum": _sum,
    "product": _product,
    "moment": _moment,
    "elapsed": _elapsed,
    "part": _part,
    "clock": _clock,
    "bands": _bands,
    "map": _map,
    "after": _start,
    "calendar": _calendar,
}
