"""Equations with dates, moments and times of day that a sample of rows suggests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from generators.encoding.derived import Derived
from generators.encoding.derived_forms import DAY, HOUR, MINUTE, UNITS, clock_of, part_of
from generators.encoding.derived_search import Columns, Equation, Function
from generators.rules.values import Value
from generators.schema import Kind

Bools = npt.NDArray[np.bool_]

NARROW = 0.2
"""A duration is learned in place of an end where its spread is at most this share of the end's."""

NUMBER_PARTS = ("year", "quarter", "month", "day", "hour", "minute", "weekday", "weekday from 1")


def equations(columns: Columns) -> Iterator[Equation]:
    """What the sample suggests, the simplest first."""
    yield from _parts(columns)
    yield from _sums(columns)
    yield from _elapsed(columns)
    yield from _clocks(columns)


def _parts(columns: Columns) -> Iterator[Equation]:
    """Parts of a moment in columns of their own; date and time of day that make up a moment."""
    sample = columns.sample
    for source in columns.of("moment"):
        value = sample.value(source)
        moments = value.data.astype(np.int64)
        dated = columns.schemas[source].kind is Kind.DATE
        for part in NUMBER_PARTS:
            if dated and part in ("hour", "minute"):
                continue
            made = part_of(moments, part)
            for name in columns.of("number"):
                if _agree(sample.value(name), made, value.valid):
                    yield (Function(name, (source,), "part", {"part": part, "by": 1}),)
        if dated:
            continue
        for name in columns.of("moment"):
            if name != source and columns.schemas[name].kind is Kind.DATE and _agree(sample.value(name), moments // DAY * DAY, value.valid):
                yield (Function(name, (source,), "part", {"part": "date", "by": 1}),)
        for name in columns.of("duration"):
            grain = _grain_of(columns, name)
            theirs = sample.value(name)
            if _agree(replace(theirs, data=theirs.data // grain), moments % DAY // grain, value.valid):
                yield (Function(name, (source,), "part", {"part": "clock", "by": 1}),)


def _agree(value: Value, made: npt.NDArray[np.int64], valid: Bools) -> bool:
    both = value.valid & valid
    return bool(both.sum() >= 20 and (value.data[both] == made[both]).all())


def _grain_of(columns: Columns, name: str) -> int:
    """The smallest step of a column of moments or times of day, in microseconds."""
    column = columns.schemas[name]
    if column.kind is Kind.DATE:
        return DAY
    if column.kind is Kind.TIME:
        return 1_000_000 if "%S" in (column.format or "") else MINUTE
    data = columns.sample.value(name).data[columns.sample.value(name).valid]
    return next((grain for grain in (DAY, HOUR, MINUTE, 1_000_000) if not (data % grain).any()), 1)


def _sums(columns: Columns) -> Iterator[Equation]:
    """end = start + durations (numbers in some unit, times of day) + constant."""
    sample = columns.sample
    clocks = columns.of("duration")
    numbers = [n for n in columns.of("number") if columns.distinct[n] > 2]
    for end, start in permutations(columns.of("moment"), 2):
        last, first = sample.value(end), sample.value(start)
        grain = _grain_of(columns, end)
        for clock in (None, *clocks):
            known, rest = last.valid & first.valid, (last.data - first.data).astype(np.int64)
            if clock is not None:
                time = sample.value(clock)
                known, rest = known & time.valid, rest - time.data
            if known.sum() < 20:
                continue
            inputs = (start,) if clock is None else (start, clock)
            units = [] if clock is None else [1]
            if np.ptp(rest[known]) < grain:
                constant = int(rest[known].max())
                constant = constant if constant % grain == 0 or grain == 1 else int(rest[known].min())
                yield (Function(end, inputs, "moment", {"units": units, "constant": constant, "grain": grain}),)
                continue
            for name in numbers:
                yield from _with_number(columns, end, inputs, units, known, rest, name, grain)


def _with_number(
    columns: Columns, end: str, inputs: tuple[str, ...], units: list[int], known: Bools, rest: npt.NDArray[np.int64], name: str, grain: int
) -> Iterator[Equation]:
    number = columns.sample.value(name)
    both = np.flatnonzero(known & number.valid)
    if len(both) < 20:
        return
    few = both[:: max(1, len(both) // 30)]
    for unit in UNITS.values():
        gap = rest[few] - np.rint(number.data[few] * unit).astype(np.int64)
        if np.ptp(gap) >= grain:
            continue
        gap = rest[both] - np.rint(number.data[both] * unit).astype(np.int64)
        # An end that is cut off lies up to a grain before the sum.
        if np.ptp(gap) < grain and -grain < gap.min() <= 0 and gap.max() <= 0:
            facts = {"units": [*units, unit], "constant": 0, "grain": grain}
            functions = [Function(end, (*inputs, name), "moment", facts)]
            yield tuple(functions)


def _elapsed(columns: Columns) -> Iterator[Equation]:
    """A number that is the time between two moments, or somebody's age."""
    sample = columns.sample
    numbers = [n for n in columns.of("number") if columns.distinct[n] > 2]
    for end, start in permutations(columns.of("moment"), 2):
        last, first = sample.value(end), sample.value(start)
        known = last.valid & first.valid
        if known.sum() < 20 or (last.data - first.data)[known].mean() < 0:
            continue
        for name in numbers:
            decimals = columns.decimals[name]
            both = np.flatnonzero(known & sample.value(name).valid)
            if decimals is None or len(both) < 20:
                continue
            few = both[:: max(1, len(both) // 30)]
            time = (last.data - first.data)[few]
            value = sample.value(name).data[few]
            for unit in UNITS.values():
                if np.abs(time / unit - value).max() <= 10.0**-decimals:
                    for how in ("floor", "nearest"):
                        yield (Function(name, (start, end), "elapsed", {"unit": unit, "how": how, "decimals": decimals}, weight=0.5),)
            if decimals == 0 and np.abs(time / (365.25 * DAY) - value - 0.5).max() <= 0.6:
                yield (Function(name, (start, end), "elapsed", {"unit": DAY, "how": "years", "decimals": 0}, weight=0.5),)


def _clocks(columns: Columns) -> Iterator[Equation]:
    """A time of day so many minutes before or after another."""
    clocks = {n: False for n in columns.of("duration")} | {n: True for n in _hundreds(columns)}
    numbers = [n for n in columns.of("number") if columns.distinct[n] > 2 and columns.decimals[n] == 0]
    sample = columns.sample
    for end, start in permutations(clocks, 2):
        last, first = (clock_of(sample.value(n), clocks[n]) for n in (end, start))
        known = last.valid & first.valid
        for name in numbers:
            value = sample.value(name)
            both = np.flatnonzero(known & value.valid)
            if name in (end, start) or len(both) < 20:
                continue
            for sign in (1, -1):
                if (((first.data + sign * value.data * MINUTE - last.data) % DAY)[both] == 0).all():
                    facts = {"sign": sign, "hundreds": [clocks[end], clocks[start]], "midnight": _midnight(columns, end, clocks[end])}
                    other = {"sign": -sign, "hundreds": [clocks[start], clocks[end]], "midnight": _midnight(columns, start, clocks[start])}
                    yield Function(end, (start, name), "clock", facts), Function(start, (end, name), "clock", other)


def _hundreds(columns: Columns) -> list[str]:
    """Whole numbers that could be times of day such as 1305."""
    found = []
    for name in columns.of("number"):
        value = columns.sample.value(name)
        data = value.data[value.valid]
        if columns.decimals[name] == 0 and columns.distinct[name] > 48 and len(data) and data.min() >= 0 and 1000 < data.max() <= 2400:
            if (data % 100 < 60).all():
                found.append(name)
    return found


def _midnight(columns: Columns, name: str, hundreds: bool) -> bool:
    """Whether midnight is written as 2400."""
    if not hundreds:
        return False
    value = columns.value(name)
    return bool((value.data[value.valid] == 2400).any())


def calendars(columns: Columns, chosen: Mapping[str, Derived]) -> Iterator[Equation]:
    """Moments whose year, month, day … are in columns of their own, and that lie a few hours from what those make (zones of time)."""
    fits = {part: [n for n in columns.of("number") if _within(columns, n, part)] for part in ("year", "month", "day", "hour")}
    for target in columns.of("moment"):
        if target in chosen:
            continue
        for month, day in permutations({*fits["month"], *fits["day"]}, 2):
            if month in fits["month"] and day in fits["day"]:
                equation = _calendar(columns, target, month, day, fits)
                if equation is not None:
                    yield equation
                    break


def _within(columns: Columns, name: str, part: str) -> bool:
    low, high, least = {"year": (1850, 2200, 2), "month": (1, 12, 4), "day": (1, 31, 20), "hour": (0, 23, 6)}[part]
    value = columns.sample.value(name)
    data = value.data[value.valid]
    return columns.decimals[name] == 0 and columns.distinct[name] >= least and len(data) > 0 and low <= data.min() and data.max() <= high


def _calendar(columns: Columns, target: str, month: str, day: str, fits: Mapping[str, list[str]]) -> Equation | None:
    years = np.unique(part_of(columns.value(target).data[columns.value(target).valid].astype(np.int64), "year"))
    for year in (None, *fits["year"]):
        if year is None and len(years) > 2:
            continue
        for hour in (*fits["hour"], None):
            parts = {"year": year, "month": month, "day": day, "hour": hour}
            inputs = tuple(n for n in parts.values() if n is not None)
            if len(set(inputs)) < len(inputs):
                continue
            facts = {"parts": [p for p, n in parts.items() if n is not None], "year": int(np.median(years)), "unit": HOUR}
            for function in (Function(target, inputs, "calendar", facts), Function(target, inputs, "calendar", facts, later=True)):
                if _few_left(columns.sample, function) and _few_left(columns, function):
                    return (function,)
    return None


def _few_left(columns: Columns, function: Function) -> bool:
    """Whether the moment lies where the parts say, or one of a few numbers of units away, each of enough persons."""
    base = function.derived(columns).result(columns.rows)
    value = columns.value(function.target)
    both = base.valid & value.valid
    if both.sum() < 20:
        return False
    gap = (value.data - base.data)[both]
    if not function.later:
        return not gap.any()
    units = gap // HOUR
    if (gap % HOUR).any() or np.abs(units).max() > 26 or len(np.unique(units)) > 6:
        return False
    return all(columns.enough(both & (value.data - base.data == unit * HOUR)) for unit in np.unique(units))


def durations(columns: Columns, chosen: Mapping[str, Derived]) -> Iterator[Equation]:
    """Ends that never lie before their start: the time between is learned in their place."""
    ends = [n for n in columns.of("moment") if n not in chosen]
    taken: set[str] = set()
    for end in ends:
        options: list[tuple[float, str]] = []
        for start in ends:
            spread = None if start == end or end in _roots(start, taken) else _spread(columns, start, end)
            if spread is not None:
                options.append((spread, start))
        for _, start in sorted(options):
            if not _after(columns, start, end):
                continue
            unit = DAY if columns.schemas[end].kind is Kind.DATE else _grain_of(columns, end)
            yield (Function(end, (start,), "after", {"unit": unit, "latest": _latest(columns, end)}, later=True),)
            taken.add(end)
            break


def _latest(columns: Columns, end: str) -> int:
    """The mean of the last ends of as many persons as the minimum: a start drawn late and a long time between go no further."""
    value = columns.value(end)
    known = np.flatnonzero(value.valid)
    latest = known[np.argsort(-value.data[known], kind="stable")]
    _, first = np.unique(columns.persons[latest], return_index=True)
    return int(value.data[latest[np.sort(first)[: columns.policy.minimum]]].astype(np.float64).mean())


def _roots(start: str, taken: set[str]) -> set[str]:
    return {start} if start in taken else set()


def _spread(columns: Columns, start: str, end: str) -> float | None:
    """Spread of the time between as a share of the end's own, where it is narrow and never negative; else None."""
    first, last = columns.sample.value(start), columns.sample.value(end)
    both = first.valid & last.valid
    if both.sum() < 20 or (last.valid & ~first.valid).sum() > 0.02 * last.valid.sum():
        return None
    time = (last.data - first.data)[both]
    if time.min() < 0:
        return None
    low, high = np.quantile(time, (0.05, 0.95))
    begun, ended = np.quantile(last.data[both], (0.05, 0.95))
    share = float(high - low) / max(float(ended - begun), 1.0)
    return share if share <= NARROW else None


def _after(columns: Columns, start: str, end: str) -> bool:
    """Whether it holds in every row, in whole units."""
    first, last = columns.value(start), columns.value(end)
    both = first.valid & last.valid
    unit = DAY if columns.schemas[end].kind is Kind.DATE else _grain_of(columns, end)
    time = (last.data - first.data)[both]
    return bool(both.any() and time.min() >= 0 and not (time % unit).any())
