"""Rows of a release for a page: a stretch of them, in the order they are stored or sorted by a column, in bounded memory and time.

Everything here shows rows: whoever calls it has asked `visitors.refused_rows` first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from releases.catalogue.models import StoredFile
from releases.catalogue.serving import store

BATCH = 16_384
"""Rows held at once."""
SORTED = 10_000
"""Rows a sorted view goes down to: nobody pages further, and their places must be held."""
PATIENCE = 4.0
"""Seconds after which a page stops and says that the table is too large for it."""
LONGEST = 200
"""Characters of one cell that are shown."""


_sorting = BoundedSemaphore()
"""A process sorts one table at a time: whoever asks for many has the others wait, not the machine busy."""

Places = np.ndarray[Any, np.dtype[np.int64]]
"""Numbers of rows, from 0."""


class TooMuch(Exception):
    """The table cannot be read, or is too large to be shown this way within `PATIENCE`. The sentence is fit to show."""


@dataclass(frozen=True)
class Stretch:
    """Some rows: the columns shown, their cells as text (None: missing), the number of the first row from 0, and of all rows."""

    columns: tuple[str, ...]
    cells: tuple[tuple[str | None, ...], ...]
    first: int
    of: int


@contextmanager
def opened(stored: StoredFile) -> Iterator[BinaryIO]:
    """The content of a stored file, to be read from anywhere in it: the one place through which rows come to a page."""
    with store.opened(stored) as stream:
        yield stream


@contextmanager
def parquet(stored: StoredFile) -> Iterator[pq.ParquetFile]:
    """The Parquet file; TooMuch with a sentence when it is not one that can be read."""
    try:
        with opened(stored) as stream, pq.ParquetFile(stream, pre_buffer=False) as file:
            yield file
    except (OSError, pa.ArrowException):
        raise TooMuch("This table cannot be shown here. Download the file to look at it.") from None


def column_names(stored: StoredFile) -> tuple[str, ...]:
    """The columns of the file, in order."""
    with parquet(stored) as file:
        return tuple(file.schema_arrow.names)


def stretch(stored: StoredFile, columns: Sequence[str], first: int, count: int, *, by: str = "", descending: bool = False) -> Stretch:
    """`count` rows from row `first` (from 0) of the given columns; by: the column they are sorted by, "" as they are stored.

    Rows of the same value stay in the order they are stored, and missing values come last either way.
    """
    with parquet(stored) as file:
        rows = file.metadata.num_rows
        if by:
            places = _sorted_places(_Source(stored.sha256, stored), by, descending)[first : first + count]
        else:
            places = np.arange(min(first, rows), min(first + count, rows))
        table = _taken(file, list(columns), places, time.monotonic() + PATIENCE)
    cells = [_texts(table.column(name)) for name in columns]
    return Stretch(tuple(columns), tuple(zip(*cells, strict=True)) if cells else (), first, rows)


@dataclass(frozen=True)
class _Source:
    """A stored file as part of a key: the same content is the same file."""

    sha256: str
    stored: StoredFile = field(compare=False)


@lru_cache(maxsize=64)
def _sorted_places(source: _Source, by: str, descending: bool) -> Places:
    """Numbers of the first `SORTED` rows in the order of column `by`."""
    if not _sorting.acquire(timeout=max(PATIENCE, 0)):
        raise TooMuch("Others are having tables sorted just now. Try again in a moment.")
    try:
        return _sorted(source.stored, by, descending)
    finally:
        _sorting.release()


def _sorted(stored: StoredFile, by: str, descending: bool) -> Places:
    until = time.monotonic() + PATIENCE
    order = [("value", "descending" if descending else "ascending"), ("row", "ascending")]
    best: pa.Table | None = None
    with parquet(stored) as file:
        start = 0
        for batch in file.iter_batches(BATCH, columns=[by]):
            _in_time(until)
            values = batch.column(batch.schema.get_field_index(by))
            part = pa.table({"value": values, "row": pa.array(np.arange(start, start + len(values)))})
            start += len(values)
            joined = part if best is None else pa.concat_tables([best, part])
            best = joined.take(pc.sort_indices(joined, sort_keys=order)[:SORTED])
    return np.zeros(0, np.int64) if best is None else best.column("row").to_numpy()


def _taken(file: pq.ParquetFile, columns: list[str], places: Places, until: float) -> pa.Table:
    """The rows of these numbers, in their order; only groups of rows that hold one of them are read."""
    found: list[pa.Table] = []
    taken: list[Places] = []
    start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        wanted = np.sort(places[(places >= start) & (places < end)])
        if len(wanted):
            for batch in file.iter_batches(BATCH, row_groups=[group], columns=columns):
                _in_time(until)
                here = wanted[(wanted >= start) & (wanted < start + batch.num_rows)]
                if len(here):
                    found.append(pa.Table.from_batches([batch]).select(columns).take(pa.array(here - start)))
                    taken.append(here)
                start += batch.num_rows
                if start > wanted[-1]:
                    break
        start = end
    if not found:
        return file.schema_arrow.empty_table().select(columns)
    return pa.concat_tables(found).take(pa.array(np.searchsorted(np.concatenate(taken), places)))


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise TooMuch("This table is too large to be sorted or paged through here. Download it, or ask for the part you need with DuckDB.")


def _texts(values: pa.ChunkedArray) -> list[str | None]:
    """Cells as text: dates as 2026-11-22, no fraction of a second that is nought, long texts cut, control characters shown as spaces."""
    try:
        texts = pc.cast(values, pa.string()).to_pylist()
    except pa.ArrowException:
        return ["(not shown)"] * len(values)
    return [None if text is None else cell(text) for text in texts]


def cell(text: str) -> str:
    """One value as a cell or a label shows it."""
    if text.endswith(".000000") and len(text) == 26:
        text = text[:-7]
    text = "".join(letter if letter.isprintable() else " " for letter in text[: LONGEST + 1])
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
