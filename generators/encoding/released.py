"""Columns coded from a released (perhaps noisy) summary alone: each value and each step it tells is one code, and so is "missing".

Codes come in the order of the summary: values, steps, sentinels, and missing as the last. A record is coded by these alone: what lies
outside goes to the nearest step or value, a category the summary does not tell counts as missing. In a column that may not be missing that
code comes out as one of the others, by their weights.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.counts.sentinels import sentinel_values
from generators.encoding import stored_form as form
from generators.encoding.categories import PLAIN, TYPES, coded, spelled
from generators.encoding.clocks import labels, ticks
from generators.encoding.coded import Part
from generators.encoding.columns import MICROSECONDS, first_moment, last_moment, moments, plain
from generators.encoding.conditions import Restriction, Wanted, spans, unmet
from generators.encoding.numbers import to_decimals
from generators.schema import ColumnSchema, Kind, TableSchema
from generators.summary_parts import ColumnSummary, TableSummary

Codes = npt.NDArray[np.int32]
_EPOCH = date(1970, 1, 1).toordinal()
_HOURS = 24


@dataclass(frozen=True)
class ReleasedCategories:
    """A column of categories. values: in the summary's order; weights: of each."""

    column: str
    storage: str
    nullable: bool
    values: tuple[Any, ...]
    weights: tuple[int, ...]

    kind: ClassVar[str] = "released categories"

    def parts(self, first: int) -> list[Part]:
        return [Part(self.column, "value", len(self.values) + 1)]

    @cached_property
    def _known(self) -> pa.Array:
        return pa.array(self.values, TYPES[self.storage])

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        place, values, null = coded(array, TYPES[self.storage])
        found = pc.fill_null(pc.index_in(values, self._known), len(self.values)).to_numpy(zero_copy_only=False).astype(np.int32)
        codes = found[place] if len(found) else np.full(len(place), len(self.values), np.int32)
        if null is not None:
            codes[null] = len(self.values)
        return [codes]

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: tuple[float, float] | None = None) -> pa.Array:
        first, null = filled(codes[:, 0], self.nullable, self.weights, rng)
        if self.storage == "string":
            return pa.DictionaryArray.from_arrays(pa.array(first, pa.int32(), mask=null), self._known)
        return pc.take(self._known, pa.array(first, pa.int32(), mask=null))

    def restricted(self, wanted: Wanted) -> Restriction:
        allowed = np.zeros(len(self.values) + 1, np.bool_)
        if wanted.ranges and self.storage in ("string", "bool"):
            raise unmet(self.column, "..", "a range needs a column of numbers, dates or times")
        if self.storage in ("string", "bool"):
            words = [spelled(value) for value in self.values]
            for word in wanted.values:
                if word not in words:
                    raise unmet(self.column, word, "this value is not generated")
                allowed[words.index(word)] = True
        else:
            numbers = np.array(self.values, dtype=np.float64)
            for low, high in spans(wanted, self.column, float, float):
                allowed[:-1] |= (numbers >= low) & (numbers <= high)
        allowed[-1] = wanted.missing and self.nullable
        return Restriction(allowed)

    def as_dict(self) -> dict[str, Any]:
        return {"storage": self.storage, "nullable": self.nullable, "values": list(self.values), "weights": list(self.weights)}

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> ReleasedCategories:
        storage, nullable = form.field(raw, "storage", str, column), form.field(raw, "nullable", bool, column)
        if storage not in TYPES:
            raise form.refused(column, '"storage" is none of categories')
        values = form.values(raw, "values", storage, column)
        weights = form.numbers(raw, "weights", np.int64, column)
        if len(weights) != len(values) or (weights < 0).any() or not (values or nullable):
            raise form.refused(column, '"weights" do not fit the values')
        return ReleasedCategories(column, storage, nullable, tuple(values), tuple(weights.tolist()))


@dataclass(frozen=True, eq=False)
class ReleasedSteps:
    """A column of numbers, days or times of day.

    unit: "number", "day" (since 1970) or "tick" (of the clock, in `pattern`). low, high: (codes,) of each value or step; high is not
    included, and is low where the code is one value. hours: whether a second part tells the hour of the day.
    """

    column: str
    storage: str
    nullable: bool
    unit: str
    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    weights: tuple[int, ...]
    decimals: int | None = None
    pattern: str = ""
    hours: bool = False

    kind: ClassVar[str] = "released steps"

    def parts(self, first: int) -> list[Part]:
        falls = np.flatnonzero(np.diff(self.low) < 0)
        in_order = int(falls[0]) + 1 if len(falls) else len(self.low)
        found = [Part(self.column, "value", len(self.low) + 1, ordered=True, ordered_codes=(0, in_order))]
        if self.hours:
            found.append(Part(self.column, "hour", _HOURS, ordered=True, of=first, within=(0, len(self.low))))
        return found

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        hour = None
        if self.unit == "number":
            values, null = plain(array, self.storage)
        elif self.unit == "tick":
            values, null = ticks(array, self.pattern)
        else:
            stamps, null = moments(array)
            values = np.floor_divide(stamps, MICROSECONDS)
            hour = ((stamps - values * MICROSECONDS) // (MICROSECONDS // _HOURS)).astype(np.int32)
        codes = self._nearest(values)
        if null is not None:
            codes[null] = len(self.low)
        if not self.hours or hour is None:
            return [codes]
        hour[codes == len(self.low)] = 0
        return [codes, hour]

    def _nearest(self, values: npt.NDArray[Any]) -> Codes:
        """The code whose value or step is nearest; a value goes before a step that holds it."""
        best = np.full(len(values), np.inf)
        codes = np.full(len(values), len(self.low), np.int32)
        single = self.high <= self.low
        for which in (np.flatnonzero(single), np.flatnonzero(~single)):
            if not len(which):
                continue
            which = which[np.argsort(self.low[which], kind="stable")]
            at = np.searchsorted(self.low[which], values, side="right")
            for place in (np.maximum(at - 1, 0), np.minimum(at, len(which) - 1)):
                code = which[place]
                low, high = self.low[code].astype(np.float64), self.high[code].astype(np.float64)
                away = np.maximum(np.maximum(low - values, values - np.maximum(low, np.nextafter(high, -np.inf))), 0.0)
                nearer = away < best
                best[nearer], codes[nearer] = away[nearer], code[nearer]
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: tuple[float, float] | None = None) -> pa.Array:
        first, null = filled(codes[:, 0], self.nullable, self.weights, rng)
        first = np.minimum(first, max(0, len(self.low) - 1))
        low, high = (side[first] if len(side) else np.zeros(len(first), side.dtype) for side in (self.low, self.high))
        values = low + self._within(high - low, rng.random(len(first)))
        if bounds is not None and self.unit != "day":
            values = np.clip(values, *bounds).astype(values.dtype)
        if self.unit == "number":
            if self.decimals is not None and self.storage == "float64":
                values = to_decimals(values, self.decimals)
            return pa.array(values, mask=null)
        if self.unit == "tick":
            known = pa.array(labels(self.pattern), pa.string())
            return pa.DictionaryArray.from_arrays(pa.array(np.clip(values, 0, len(known) - 1).astype(np.int32), mask=null), known)
        if self.storage == "date32":
            return pc.cast(pa.array(values.astype(np.int32), mask=null), pa.date32())
        stamps = values * MICROSECONDS
        if self.hours:
            stamps += codes[:, 1].astype(np.int64) * (MICROSECONDS // _HOURS) + rng.integers(0, 60, len(stamps)) * 60_000_000
        return pc.cast(pa.array(stamps, mask=null), pa.timestamp("us"))

    def _within(self, width: npt.NDArray[Any], u: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """How far into its step each value lies, on the grid of the decimals."""
        if width.dtype == np.int64:
            return np.asarray(np.minimum((u * width).astype(np.int64), np.maximum(width - 1, 0)))
        if self.decimals is None:
            return np.asarray(u * width)
        grid = 10.0**self.decimals
        return np.asarray(np.floor(u * np.rint(width * grid)) / grid)

    def restricted(self, wanted: Wanted) -> Restriction:
        allowed = np.zeros(len(self.low) + 1, np.bool_)
        if self.unit == "number":
            typed = spans(wanted, self.column, float, float)
        elif self.unit == "tick":
            typed = spans(wanted, self.column, self._tick, self._tick)
        else:
            typed = [(a // MICROSECONDS, b // MICROSECONDS) for a, b in spans(wanted, self.column, first_moment, last_moment)]
        last = np.maximum(self.low, self.high - (1 if self.high.dtype == np.int64 else 0))
        exact = not self.hours
        for low, high in typed:
            meets = (last >= low) & (self.low <= high)
            allowed[:-1] |= meets
            exact = exact and bool((self.low[meets] >= low).all() and (last[meets] <= high).all())
        allowed[-1] = wanted.missing and self.nullable
        return Restriction(allowed, typed[0] if len(typed) == 1 and self.unit != "day" else None, exact)

    def _tick(self, word: str) -> float:
        return float(labels(self.pattern).index(word))

    def as_dict(self) -> dict[str, Any]:
        return {
            "storage": self.storage,
            "nullable": self.nullable,
            "unit": self.unit,
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "weights": list(self.weights),
            "decimals": self.decimals,
            "pattern": self.pattern,
            "hours": self.hours,
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> ReleasedSteps:
        storage, unit, pattern = (form.field(raw, name, str, column) for name in ("storage", "unit", "pattern"))
        nullable, hours = form.field(raw, "nullable", bool, column), form.field(raw, "hours", bool, column)
        storages = {"number": ("int64", "float64"), "day": ("date32", "timestamp[us]"), "tick": ("string",)}
        if storage not in storages.get(unit, ()):
            raise form.refused(column, '"storage" does not fit its "unit"')
        dtype = np.float64 if storage == "float64" else np.int64
        low, high = form.numbers(raw, "low", dtype, column), form.numbers(raw, "high", dtype, column)
        weights = form.numbers(raw, "weights", np.int64, column)
        if not len(low) == len(high) == len(weights) or (high < low).any() or (weights < 0).any() or not (len(low) or nullable):
            raise form.refused(column, "its steps do not fit together")
        decimals = None if raw.get("decimals") is None else form.field(raw, "decimals", int, column)
        if decimals is not None and not 0 <= decimals <= 30:
            raise form.refused(column, '"decimals" is out of range')
        return ReleasedSteps(column, storage, nullable, unit, low, high, tuple(weights.tolist()), decimals, pattern, hours)


@dataclass(frozen=True)
class Untold:
    """A column of which nothing is told: it has no parts. It is missing throughout, or where it may not be, one fixed value."""

    column: str
    storage: str
    nullable: bool
    pattern: str = ""

    kind: ClassVar[str] = "untold"

    def parts(self, first: int) -> list[Part]:
        return []

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        return []

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: tuple[float, float] | None = None) -> pa.Array:
        rows = len(codes)
        if self.storage in TYPES:
            value = labels(self.pattern)[0] if self.pattern else PLAIN[self.storage]
            return pa.nulls(rows, TYPES[self.storage]) if self.nullable else pa.repeat(pa.scalar(value, TYPES[self.storage]), rows)
        kind = pa.date32() if self.storage == "date32" else pa.timestamp("us")
        return pa.nulls(rows, kind) if self.nullable else pa.repeat(pa.scalar(date(2000, 1, 1), pa.date32()).cast(kind), rows)

    def restricted(self, wanted: Wanted) -> Restriction:
        raise unmet(self.column, "", "nothing is known of this column, so that no condition can be set on it")

    def as_dict(self) -> dict[str, Any]:
        return {"storage": self.storage, "nullable": self.nullable, "pattern": self.pattern}

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> Untold:
        storage, nullable, pattern = (form.field(raw, n, k, column) for n, k in (("storage", str), ("nullable", bool), ("pattern", str)))
        if storage not in (*TYPES, "date32", "timestamp[us]"):
            raise form.refused(column, '"storage" is unknown')
        return Untold(column, storage, nullable, pattern)


def filled(codes: Codes, nullable: bool, weights: tuple[int, ...], rng: np.random.Generator) -> tuple[Codes, npt.NDArray[np.bool_] | None]:
    """(codes, which are missing or None). Where nothing may be missing, the last code becomes one of the others, by weight."""
    missing = codes >= len(weights)
    if nullable:
        return codes, missing
    at = np.flatnonzero(missing)
    if len(at):
        share = np.cumsum(np.maximum(np.array(weights, dtype=np.float64), 1e-9))
        codes = codes.copy()
        codes[at] = np.searchsorted(share, rng.random(len(at)) * share[-1], side="right")
    return codes, None


Released = ReleasedCategories | ReleasedSteps | Untold


def released_column(column: ColumnSchema, summary: ColumnSummary | None) -> Released:
    """How to code a column of which only its summary is known; None: the summary has no such column."""
    pattern = (column.format or "%H:%M") if column.kind is Kind.TIME else ""
    untold = Untold(column.name, column.storage, column.nullable, pattern)
    if summary is None or summary.absent or column.kind is Kind.FREE_TEXT:
        return untold
    told = summary.distribution
    cells = (*told.values, *told.steps)
    if not cells and not summary.sentinels:
        return untold
    weights = tuple(c.weight for c in (*cells, *summary.sentinels))
    if column.kind is Kind.TIME:
        hourly = len(labels(pattern)) // _HOURS
        low = np.array([int(c.value) * hourly for c in told.values], np.int64)
        return ReleasedSteps(column.name, column.storage, column.nullable, "tick", low, low + hourly, weights[: len(low)], None, pattern)
    own = sentinel_values(column, "") if summary.sentinels else None
    if column.kind in (Kind.DATE, Kind.DATETIME):
        periods = [(_first_day(str(c.value)), _day_after(str(c.value))) for c in told.values]
        periods += [(_first_day(str(s.low)), _day_after(str(s.high))) for s in told.steps]
        if own is not None:
            days = {spelled_day: int(d) for spelled_day, d in zip(column.sentinels, moments(own)[0] // MICROSECONDS, strict=True)}
            periods += [(days[str(c.value)], days[str(c.value)] + 1) for c in summary.sentinels]
        low, high = (np.array(side, np.int64) for side in zip(*periods, strict=True))
        hours = column.kind is Kind.DATETIME and summary.hours is not None and column.storage == "timestamp[us]"
        return ReleasedSteps(column.name, column.storage, column.nullable, "day", low, high, weights, hours=hours)
    if column.kind in (Kind.INTEGER, Kind.REAL) and column.storage in ("int64", "float64"):
        dtype = np.int64 if column.storage == "int64" else np.float64
        single = [c.value for c in told.values], [c.value for c in summary.sentinels]
        low = np.array([dtype(v) for v in (*single[0], *(s.low for s in told.steps), *single[1])], dtype)
        high = np.array([dtype(v) for v in (*single[0], *(s.high for s in told.steps), *single[1])], dtype)
        places = summary.decimals if summary.decimals is not None else column.decimals
        return ReleasedSteps(column.name, column.storage, column.nullable, "number", low, high, weights, places)
    values = pc.cast(pa.array([spelled(c.value) for c in told.values], pa.string()), TYPES[column.storage]).to_pylist()
    return ReleasedCategories(column.name, column.storage, column.nullable, tuple(values), weights[: len(values)])


def released_columns(summary: TableSummary, table: TableSchema, names: list[str]) -> list[Released]:
    """As `released_column`, for the columns `names` of a table."""
    told = {c.name: c for c in summary.columns}
    return [released_column(table.column(name), told.get(name)) for name in names]


def _first_day(label: str) -> int:
    """Of a period (``2024``, ``2024-Q1``, ``2024-02``, ``2024-02-29``), in days since 1970."""
    if len(label) == len("2024-02-29"):
        return date.fromisoformat(label).toordinal() - _EPOCH
    year, _, part = label.partition("-")
    month = 1 if not part else int(part[1:]) * 3 - 2 if part.startswith("Q") else int(part)
    return date(int(year), month, 1).toordinal() - _EPOCH


def _day_after(label: str) -> int:
    """The day after the last one of a period."""
    if len(label) == len("2024-02-29"):
        return _first_day(label) + 1
    year, _, part = label.partition("-")
    last = 12 if not part else int(part[1:]) * 3 if part.startswith("Q") else int(part)
    return date(int(year), last, monthrange(int(year), last)[1]).toordinal() + 1 - _EPOCH
