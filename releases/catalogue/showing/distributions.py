"""How the values of a column of a release are spread: counted in the synthetic rows themselves, which are what is released.

Whoever calls this has asked `visitors.refused_rows` first. Figures stay in the memory of the process, and those of open
releases in pages that are kept ready (`serving.ready_pages`): nothing else of them is written down.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from releases.catalogue.models import StoredFile
from releases.catalogue.showing import rows
from releases.catalogue.showing.rows import cell

LOOKED_AT = 200_000
"""Rows that are counted at most, from groups of rows spread evenly over the file."""
SEPARATE = 12
"""Values that stand one by one at most; the rest are pooled, or numbers put into ranges."""
RANGES = 20
KEPT = 20_000
"""Columns whose figures a process holds."""
_DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True)
class Bar:
    """One value or range and how many rows have it; share: of the rows that have a value."""

    label: str
    rows: int
    share: float


@dataclass(frozen=True)
class Spread:
    """How one column is spread over the rows that were looked at.

    rows: how many were looked at; of: how many the table has. missing: those without a value; different: values that differ.
    bars: values, the most common first, or ranges in their order (ordered); none for identifiers and text where hardly any value comes
    twice. other: rows of all values without a bar. least, middle, greatest: of numbers and dates, as text, else "".
    """

    rows: int
    of: int
    missing: int
    different: int
    bars: tuple[Bar, ...] = ()
    ordered: bool = False
    other: int = 0
    least: str = ""
    middle: str = ""
    greatest: str = ""

    @property
    def missing_share(self) -> float:
        return self.missing / self.rows if self.rows else 0.0

    @property
    def other_share(self) -> float:
        known = self.rows - self.missing
        return self.other / known if known else 0.0

    @property
    def sampled(self) -> bool:
        return self.rows < self.of


_kept: OrderedDict[tuple[str, str, str], Spread] = OrderedDict()
_lock = Lock()


def spreads(stored: StoredFile, columns: Sequence[tuple[str, str]]) -> dict[str, Spread]:
    """The spread of each (column, kind) of a data file, by column; without those that the file does not have or that cannot be counted.

    rows.TooMuch when the file cannot be read.
    """
    found: dict[str, Spread] = {}
    with _lock:
        for name, kind in columns:
            if (spread := _kept.get((stored.sha256, name, kind))) is not None:
                found[name] = spread
    left = [(name, kind) for name, kind in columns if name not in found]
    if left:
        with rows.parquet(stored) as file:
            groups = _groups(file)
            for name, kind in left:
                if name in file.schema_arrow.names:
                    spread = _spread(_values(file, groups, name), kind, file.metadata.num_rows)
                    found[name] = spread
                    _keep((stored.sha256, name, kind), spread)
    return found


def _keep(key: tuple[str, str, str], spread: Spread) -> None:
    with _lock:
        _kept[key] = spread
        while len(_kept) > KEPT:
            _kept.popitem(last=False)


def _groups(file: pq.ParquetFile) -> list[int]:
    """Groups of rows spread over the file, of `LOOKED_AT` rows or the first that goes beyond."""
    count = file.metadata.num_row_groups
    sizes = [file.metadata.row_group(number).num_rows for number in range(count)]
    if sum(sizes) <= LOOKED_AT:
        return list(range(count))
    wanted = max(1, min(count, LOOKED_AT // max(1, max(sizes))))
    return [number * count // wanted for number in range(wanted)]


def _values(file: pq.ParquetFile, groups: list[int], name: str) -> pa.ChunkedArray:
    """Values of one column, at most `LOOKED_AT`."""
    parts: list[pa.Array] = []
    left = LOOKED_AT
    for batch in file.iter_batches(rows.BATCH, row_groups=groups, columns=[name]) if groups else ():
        parts.append(batch.column(batch.schema.get_field_index(name)).slice(0, left))
        left -= len(parts[-1])
        if left <= 0:
            break
    return pa.chunked_array(parts, type=file.schema_arrow.field(name).type)


def _spread(values: pa.ChunkedArray, kind: str, of: int) -> Spread:
    kept = values.drop_null()
    if pa.types.is_floating(kept.type):
        kept = kept.filter(pc.is_finite(kept))
    missing = len(values) - len(kept)
    if not len(kept):
        return Spread(len(values), of, missing, 0)
    if pa.types.is_nested(kept.type):
        return Spread(len(values), of, missing, 0)
    if kind == "time" and pa.types.is_string(kept.type):
        kept = pc.utf8_slice_codeunits(kept, 0, 2)
    counts = pc.value_counts(kept)
    different = len(counts)
    plain = Spread(len(values), of, missing, different)
    number = _numbers(kept)
    if number is not None and kind not in ("identifier", "categorical") and different > SEPARATE:
        return _ranges(plain, number, kept.type)
    names, frequencies = counts.field("values"), counts.field("counts").to_numpy()
    if kind == "identifier" or (different > SEPARATE and frequencies.max() < 3 and kind != "time"):
        return plain
    if number is not None or kind == "time":
        order = pc.sort_indices(names).to_numpy()
        order = order if len(order) <= 24 else order[np.sort(np.argsort(-frequencies[order], kind="stable")[:SEPARATE])]
    else:
        label_order = pc.sort_indices(pc.cast(names, pa.string())).to_numpy()
        order = label_order[np.argsort(-frequencies[label_order], kind="stable")][:SEPARATE]
    labels = pc.cast(names.take(pa.array(order)), pa.string()).to_pylist()
    bars = tuple(_bar(cell(label), int(frequencies[at]), len(kept)) for label, at in zip(labels, order, strict=True))
    if kind == "time":
        bars = tuple(Bar(f"{bar.label}:00 to {bar.label}:59", bar.rows, bar.share) for bar in bars)
    ordered = number is not None or kind == "time"
    return _with(plain, bars, ordered, len(kept) - sum(bar.rows for bar in bars))


def _with(plain: Spread, bars: tuple[Bar, ...], ordered: bool, other: int, ends: tuple[str, str, str] = ("", "", "")) -> Spread:
    return Spread(plain.rows, plain.of, plain.missing, plain.different, bars, ordered, other, *ends)


def _bar(label: str, count: int, known: int) -> Bar:
    return Bar(label, count, count / known)


def _numbers(values: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The values as numbers, dates as days and moments as microseconds; None for text."""
    kind = values.type
    if pa.types.is_date32(kind):
        values = values.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us")).cast(pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _ranges(plain: Spread, numbers: np.ndarray[Any, np.dtype[np.float64]], kind: pa.DataType) -> Spread:
    """Ranges of equal width over all but the outermost hundredth; what lies beyond is counted in the first and last of them."""
    whole = not pa.types.is_floating(kind)
    low, high = (float(each) for each in np.quantile(numbers, [0.005, 0.995]))
    least, greatest = float(numbers.min()), float(numbers.max())
    if high <= low:
        low, high = least, greatest
    width = max((high - low) / RANGES, np.finfo(float).tiny)
    if whole:
        step = _DAY if pa.types.is_timestamp(kind) and high - low > RANGES * _DAY else 1
        low = float(np.floor(low / step) * step)
        width = float(np.ceil((high + 1 - low) / step / RANGES) * step)
    else:
        width = _round_up(width)
        low = float(np.floor(low / width) * width)
    # A value on an edge belongs to the range that begins there; decimal edges are not exact in binary.
    count = max(1, int(np.ceil((high + whole - low) / width - 1e-9)))
    at = np.clip(np.floor((numbers - low) / width + 1e-9), 0, count - 1).astype(np.int64)
    frequencies = np.bincount(at, minlength=count)
    bars = []
    for number, frequency in enumerate(frequencies.tolist()):
        start = min(least, low) if number == 0 else low + number * width
        end = greatest if number == count - 1 else low + (number + 1) * width - whole
        same = _written(start, kind) == _written(end, kind)
        label = _written(start, kind) if same else f"{_written(start, kind)} to {_written(end, kind)}"
        bars.append(_bar(label, frequency, len(numbers)))
    middle = float(np.quantile(numbers, 0.5, method="lower"))
    ends = (_written(least, kind), _written(middle, kind), _written(greatest, kind))
    return _with(plain, tuple(bars), True, 0, ends)


def _round_up(width: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= width * (1 - 1e-9)))


def _written(number: float, kind: pa.DataType) -> str:
    if pa.types.is_date32(kind):
        return _day(number)
    if pa.types.is_timestamp(kind):
        return _day(number // _DAY)
    if pa.types.is_integer(kind):
        return f"{number:.0f}"
    return f"{number:.6g}"


def _day(days: float) -> str:
    return str(np.datetime64(int(days), "D"))
