"""What generators make up rather than draw: identifiers, times of day as text, placeholders; and the draw from weights itself."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.schema import ColumnSchema, Kind, TableSchema

DEFAULT_PATTERN = "SYN-999999999"
"""For identifiers without a public pattern: looks like nothing issued by anybody."""

TEXT = "[synthetic text]"
"""Stands in every cell of a free-text column."""

ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "timestamp[us]": pa.timestamp("us"),
}

_SYMBOLS = {"9": string.digits, "A": string.ascii_uppercase}


def issued(numbers: npt.NDArray[np.int64], pattern: str | None) -> pa.Array:
    """Identifiers: each number written into `pattern` (``9`` a digit, ``A`` a capital, else itself), different for different numbers.

    A pattern with too little room for the largest number is written with more digits in front.
    """
    pattern = pattern or DEFAULT_PATTERN
    room = 1
    for symbol in pattern:
        room *= len(_SYMBOLS.get(symbol, "."))
    largest = int(numbers.max()) if len(numbers) else 0
    while room <= largest:
        pattern, room = "9" + pattern, room * 10
    left = numbers.copy()
    encoded = [symbol.encode() for symbol in pattern]
    width = sum(len(e) for e in encoded)
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    at = width
    for symbol, constant in zip(reversed(pattern), reversed(encoded), strict=True):
        at -= len(constant)
        if symbol in _SYMBOLS:
            alphabet = np.frombuffer(_SYMBOLS[symbol].encode(), dtype=np.uint8)
            left, digit = np.divmod(left, len(alphabet))
            letters[:, at] = alphabet[digit]
        else:
            letters[:, at : at + len(constant)] = np.frombuffer(constant, dtype=np.uint8)
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(letters))


def issued_as(column: ColumnSchema, numbers: npt.NDArray[np.int64]) -> pa.Array:
    """The numbers as keys of `column`: whole numbers where its source stored numbers, else text in its pattern."""
    if column.issued in ("int64", "float64"):
        return pc.cast(pa.array(numbers), ARROW[column.issued])
    return issued(numbers, column.format)


def written(column: ColumnSchema) -> pa.DataType:
    """The Arrow type of generated values of `column`."""
    return ARROW[column.issued if column.kind is Kind.IDENTIFIER and column.issued in ("int64", "float64") else column.storage]


def as_issued(table: TableSchema) -> TableSchema:
    """The table with the storage its generated file has: keys as its source stored them."""
    numbers = {ARROW["int64"]: "int64", ARROW["float64"]: "float64"}
    return replace(table, columns=tuple(replace(c, storage=numbers.get(written(c), c.storage)) for c in table.columns))


class Lottery:
    """Draws indices in proportion to weights, in the same time however many there are; evenly where all weights are zero.

    The alias method (A. J. Walker 1977; M. D. Vose 1991): each of n equal slots holds at most two indices, so that one uniform number
    chooses the slot and which of the two.
    """

    def __init__(self, weights: npt.NDArray[np.float64]) -> None:
        count = len(weights)
        shares = np.asarray(weights if weights.sum() > 0 else np.ones(count), dtype=np.float64)
        scaled = (shares / shares.sum() * count).tolist()
        self._own = np.ones(count)
        self._other = np.arange(count)
        small = [i for i, share in enumerate(scaled) if share < 1]
        large = [i for i, share in enumerate(scaled) if share >= 1]
        while small and large:
            under, over = small.pop(), large.pop()
            self._own[under], self._other[under] = scaled[under], over
            scaled[over] -= 1 - scaled[under]
            (small if scaled[over] < 1 else large).append(over)

    def draw(self, rows: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """`rows` indices."""
        place = rng.random(rows) * len(self._own)
        slot = place.astype(np.int64)
        place -= slot
        return np.where(place < self._own[slot], slot, self._other[slot])


def coded(labels: Sequence[str], indices: npt.NDArray[np.int64], storage: str, null: npt.NDArray[np.bool_] | None) -> pa.Array:
    """`labels[indices]` as `storage`: dictionary-encoded where that is text, so that no text is copied row by row."""
    codes = pa.array(indices.astype(np.int32), mask=null)
    if storage == "string":
        return pa.DictionaryArray.from_arrays(codes, pa.array(labels, pa.string()))
    return pc.take(pc.cast(pa.array(labels, pa.string()), ARROW[storage]), codes)


def clock(pattern: str | None) -> tuple[list[str], int]:
    """Every time of day in `pattern`, in order, and how many there are in an hour: 60, or 3600 where the pattern shows seconds."""
    pattern = pattern or "%H:%M"
    hourly = 3600 if "%S" in pattern or "%T" in pattern or "%X" in pattern else 60
    midnight, tick = datetime(2000, 1, 1, tzinfo=UTC), timedelta(seconds=3600 // hourly)
    return [(midnight + n * tick).strftime(pattern) for n in range(24 * hourly)], hourly


def stored(values: Any, column: ColumnSchema, null: npt.NDArray[np.bool_] | None) -> pa.Array:
    """Numbers, or days or microseconds since 1970, as the column's storage."""
    target = ARROW[column.storage]
    if pa.types.is_date(target):
        return pc.cast(pa.array(values.astype(np.int32), mask=null), target)
    if pa.types.is_timestamp(target):
        return pc.cast(pa.array(values.astype(np.int64), mask=null), target)
    return pc.cast(pa.array(values, mask=null), target)
