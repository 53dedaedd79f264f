"""Times of day written as text, in the pattern of the column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding import stored_form as form
from generators.encoding.categories import coded
from generators.encoding.coded import Part
from generators.encoding.conditions import Restriction, Wanted, spans
from generators.encoding.numbers import Numbers

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class ClockColumn:
    """A column of times of day. numbers: minutes, or seconds where `pattern` shows them, since midnight."""

    column: str
    pattern: str
    numbers: Numbers

    kind: ClassVar[str] = "clock"

    def parts(self, first: int) -> list[Part]:
        return self.numbers.parts(self.column, first)

    @cached_property
    def _labels(self) -> pa.Array:
        return pa.array(labels(self.pattern), pa.string())

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        values, null = ticks(array, self.pattern)
        return self.numbers.encode(values, null, rng)

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: tuple[float, float] | None = None) -> pa.Array:
        values, missing = self.numbers.decode(codes, rng, bounds)
        place = np.clip(values, 0, len(self._labels) - 1).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(place, mask=missing), self._labels)

    def restricted(self, wanted: Wanted) -> Restriction:
        return self.numbers.restricted(spans(wanted, self.column, self._tick, self._tick), wanted.missing)

    def _tick(self, word: str) -> float:
        place = self._labels.index(word).as_py()
        if place < 0:
            raise ValueError
        return float(place)

    def as_dict(self) -> dict[str, Any]:
        return {"pattern": self.pattern, "numbers": self.numbers.as_dict()}

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> ClockColumn:
        numbers = Numbers.from_dict(raw.get("numbers"), column)
        if numbers.spikes.dtype != np.int64:
            raise form.refused(column, "its times are no whole numbers")
        return ClockColumn(column, form.field(raw, "pattern", str, column), numbers)


def labels(pattern: str) -> list[str]:
    """Every time of day in `pattern`, from midnight on: minutes, or seconds where the pattern shows them."""
    shown = any(sign in pattern for sign in ("%S", "%T", "%X"))
    day = 86_400 if shown else 1_440
    midnight, tick = datetime(2000, 1, 1), timedelta(seconds=86_400 // day)
    return [(midnight + n * tick).strftime(pattern) for n in range(day)]


def ticks(array: pa.Array | pa.ChunkedArray, pattern: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_] | None]:
    """((rows,) ticks since midnight, which are missing or are no time in `pattern`, or None)."""
    place, values, null = coded(array, pa.string())
    known = pa.array(labels(pattern), pa.string())
    found = pc.fill_null(pc.index_in(values, known), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = found[place] if len(found) else np.full(len(place), -1, np.int64)
    strange = rows < 0
    absent = strange if null is None else strange | null
    return np.maximum(rows, 0), absent if absent.any() else None
