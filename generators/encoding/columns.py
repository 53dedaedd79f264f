"""The columns of a table as codes, by kind: numbers, days, moments and times of day; see `categories` and `texts` for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding import stored_form as form
from generators.encoding.coded import Part
from generators.encoding.conditions import Restriction, Wanted, spans
from generators.encoding.numbers import Numbers

Codes = npt.NDArray[np.int32]
Truths = npt.NDArray[np.bool_]
Bounds = tuple[float, float] | None

MICROSECONDS = 86_400_000_000
"""Of a day."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)


class ColumnEncoding(Protocol):
    """One column as one or more parts."""

    kind: ClassVar[str]

    @property
    def column(self) -> str: ...

    def parts(self, first: int) -> list[Part]:
        """Its parts, the first of which is part number `first` of the row."""
        ...

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        """(rows,) values → the codes of each part."""
        ...

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: Bounds = None) -> pa.Array:
        """(rows, parts) → (rows,) values in the column's storage. bounds: of numbers drawn from a bin."""
        ...

    def restricted(self, wanted: Wanted) -> Restriction:
        """What a condition leaves of the codes of the first part; InputError for words that are no values of its kind."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        ...


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """A column of numbers."""

    column: str
    storage: str
    numbers: Numbers

    kind: ClassVar[str] = "numbers"

    def parts(self, first: int) -> list[Part]:
        return self.numbers.parts(self.column, first)

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        values, null = plain(array, self.storage)
        return self.numbers.encode(values, null, rng)

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: Bounds = None) -> pa.Array:
        values, missing = self.numbers.decode(codes, rng, bounds)
        return pa.array(values, mask=missing)

    def restricted(self, wanted: Wanted) -> Restriction:
        return self.numbers.restricted(spans(wanted, self.column, float, float), wanted.missing)

    def as_dict(self) -> dict[str, Any]:
        return {"storage": self.storage, "numbers": self.numbers.as_dict()}

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> NumberColumn:
        storage = form.field(raw, "storage", str, column)
        numbers = Numbers.from_dict(raw.get("numbers"), column)
        if storage not in ("int64", "float64") or numbers.spikes.dtype != np.dtype(storage):
            raise form.refused(column, '"storage" does not fit its numbers')
        return NumberColumn(column, storage, numbers)


@dataclass(frozen=True, eq=False)
class MomentColumn:
    """A column of dates or of dates with a time of day.

    days: the day since 1970; clock: the time of day in `unit` microseconds, None: always midnight.
    """

    column: str
    storage: str
    days: Numbers
    clock: Numbers | None
    unit: int

    kind: ClassVar[str] = "moments"

    def parts(self, first: int) -> list[Part]:
        parts = self.days.parts(self.column, first, "day")
        if self.clock is not None:
            began = first + len(parts)
            clock = self.clock.parts(self.column, began, "time")
            there = (0, self.days.size - self.days.missing)
            clock[0] = Part(self.column, "time", clock[0].size, clock[0].ordered, clock[0].ordered_codes, first, there)
            parts += clock
        return parts

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        values, null = moments(array)
        days = np.floor_divide(values, MICROSECONDS)
        codes = self.days.encode(days, null, rng)
        if self.clock is not None:
            clock = self.clock.encode((values - days * MICROSECONDS) // self.unit, None, rng)
            if self.days.missing:
                absent = codes[0] == self.days.missing_code
                for part in clock:
                    part[absent] = 0
            codes += clock
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: Bounds = None) -> pa.Array:
        own = len(self.days.parts("", 0))
        within = None if bounds is None else (bounds[0] // MICROSECONDS, bounds[1] // MICROSECONDS)
        days, missing = self.days.decode(codes[:, :own], rng, within)
        if self.storage == "date32":
            return pc.cast(pa.array(days.astype(np.int32), mask=missing), pa.date32())
        values = days * MICROSECONDS
        if self.clock is not None:
            values += np.clip(self.clock.decode(codes[:, own:], rng)[0], 0, MICROSECONDS // self.unit - 1) * self.unit
        return pc.cast(pa.array(values, mask=missing), pa.timestamp("us"))

    def restricted(self, wanted: Wanted) -> Restriction:
        typed = spans(wanted, self.column, first_moment, last_moment)
        found = self.days.restricted([(low // MICROSECONDS, high // MICROSECONDS) for low, high in typed], wanted.missing)
        whole = all(low % MICROSECONDS == 0 and (high + 1) % MICROSECONDS == 0 for low, high in typed)
        return Restriction(found.codes, typed[0] if len(typed) == 1 else None, found.exact and (whole or self.clock is None))

    def as_dict(self) -> dict[str, Any]:
        clock = None if self.clock is None else self.clock.as_dict()
        return {"storage": self.storage, "days": self.days.as_dict(), "clock": clock, "unit": self.unit}

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> MomentColumn:
        storage, unit = form.field(raw, "storage", str, column), form.field(raw, "unit", int, column)
        days = Numbers.from_dict(raw.get("days"), column)
        clock = None if raw.get("clock") is None else Numbers.from_dict(raw["clock"], column)
        whole = days.spikes.dtype == np.int64 and (clock is None or clock.spikes.dtype == np.int64)
        if storage not in ("date32", "timestamp[us]") or not 1 <= unit <= MICROSECONDS or not whole:
            raise form.refused(column, '"storage" or "unit" does not fit its days')
        return MomentColumn(column, storage, days, clock, unit)


def plain(array: pa.Array | pa.ChunkedArray, storage: str) -> tuple[npt.NDArray[Any], Truths | None]:
    """((rows,) int64 or float64, which are missing or None). Missing ones have the value 0; what is no number counts as missing."""
    whole = _whole(array)
    dtype = pa.int64() if storage == "int64" else pa.float64()
    if whole.type != dtype:
        whole = pc.cast(whole, dtype)
    null = whole.is_null().to_numpy(zero_copy_only=False) if whole.null_count else None
    values = pc.fill_null(whole, 0).to_numpy(zero_copy_only=False)
    if storage == "float64":
        nan = np.isnan(values)
        if nan.any():
            null = nan if null is None else null | nan
            values = np.where(nan, 0.0, values)
        values = values + 0.0  # −0 becomes 0
    return values, null


def moments(array: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], Truths | None]:
    """((rows,) microseconds since 1970, which are missing or None)."""
    whole = _whole(array)
    null = whole.is_null().to_numpy(zero_copy_only=False) if whole.null_count else None
    stamps = pc.cast(whole, pa.timestamp("us"))
    return pc.fill_null(pc.cast(stamps, pa.int64()), 0).to_numpy(zero_copy_only=False), null


def first_moment(word: str) -> float:
    """Microseconds since 1970 of a date or moment."""
    return float((datetime.fromisoformat(word) - _EPOCH) // _MICROSECOND)


def last_moment(word: str) -> float:
    """The same, or the last one of the day where no time of day is said."""
    return first_moment(word) + (MICROSECONDS - 1 if len(word) == len("2022-01-31") else 0)


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
