"""Classes along the sides of a cross-tabulation, and the rows of a Parquet file grouped by several such sides at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generators.counts.column_codes import column_codes
from generators.counts.grouped import Codes, Ints
from generators.counts.person_counts import PART, narrowest
from generators.schema import ColumnSchema
from generators.summarising.steps import Edges
from generators.summary_parts import Scalar


@dataclass(frozen=True)
class Classes:
    """A column and the classes its rows are put in: by value, or by edges (class i holds edges[i] ≤ value < edges[i + 1]).

    values, edges: as a summary writes them: categories as text, numbers as numbers, dates by their period ("2024-02"), times by their
    hour ("07"); edges ascending. Two more classes follow, numbered `count` and `count` + 1: any other value, and none.
    """

    column: ColumnSchema
    values: tuple[Scalar, ...] = ()
    edges: tuple[Scalar, ...] = ()

    @property
    def count(self) -> int:
        """How many classes have a value or a band of their own."""
        return len(self.edges) - 1 if self.edges else len(self.values)

    @property
    def size(self) -> int:
        """How many classes there are with the two further ones."""
        return self.count + 2


def cells_of(axes: Sequence[Classes]) -> int:
    """How many cells there are, the further classes among them."""
    return int(np.prod([a.size for a in axes], dtype=np.int64))


def crossed_codes(path: Path, table: str, axes: Sequence[Classes], date_unit: str) -> Codes:
    """The cell of each row of a file: its classes as the digits of a number, the last axis counting fastest, less than `cells_of`."""
    cells: Codes | None = None
    for axis in axes:
        here = _classes(path, table, axis, date_unit)
        if cells is None:
            cells = here.astype(narrowest(cells_of(axes)))
        else:
            cells *= cells.dtype.type(axis.size)
            cells += here
    assert cells is not None  # noqa: S101 - there is no cross-tabulation without an axis
    return cells


def _classes(path: Path, table: str, axis: Classes, date_unit: str) -> Codes:
    """The class of each row of a file along one axis."""
    read = column_codes(path, table, axis.column, date_unit)
    kind = narrowest(axis.size)
    missing = kind.type(axis.count + 1)
    if read.labels is not None:
        places = {str(value): place for place, value in enumerate(axis.values)}
        named = [band_of_hour(label, axis) if axis.edges else places.get(label, axis.count) for label in read.labels]
        return np.array([*named, axis.count + 1], dtype=kind)[read.codes]
    numbers = read.edges
    assert numbers is not None  # noqa: S101 - one of the two is always given
    cuts, places_of = bands(axis, numbers, read.size)
    table_of = np.array(places_of, dtype=kind)
    classes = np.empty(len(read.codes), dtype=kind)
    for first in range(0, len(classes), PART):
        codes = read.codes[first : first + PART]
        found = table_of[np.searchsorted(cuts, codes, side="right")]
        found[codes == read.size] = missing
        classes[first : first + PART] = found
    return classes


def bands(axis: Classes, numbers: Edges, size: int) -> tuple[Ints, list[int]]:
    """(codes below `size` at which classes begin, ascending; the class before the first, then of each). numbers: what codes stand for."""
    other = axis.count

    def value(code: int) -> Scalar:
        return numbers.value(numbers.of(np.array([code]))[0].item())

    def at(wanted: Scalar) -> int:
        """The first code whose value is not less."""
        return bisect_left(range(size), wanted, key=value)

    if axis.edges:
        return np.array([at(e) for e in axis.edges], dtype=np.int64), [other, *range(axis.count), other]
    # A value is the band from its code to the next one; whatever lies between two values is of neither.
    order = sorted(range(axis.count), key=lambda i: axis.values[i])
    begin = [at(axis.values[i]) for i in order]
    holds = [b < size and value(b) == axis.values[i] for b, i in zip(begin, order, strict=True)]
    cuts = np.array([c for b, h in zip(begin, holds, strict=True) if h for c in (b, b + 1)], dtype=np.int64)
    return cuts, [other, *(t for i, h in zip(order, holds, strict=True) if h for t in (i, other))]


def band_of_hour(label: str, axis: Classes) -> int:
    """The band of an hour of the day; hours outside all bands are another value."""
    hour = int(label)
    for band in range(axis.count):
        if float(axis.edges[band]) <= hour < float(axis.edges[band + 1]):
            return band
    return axis.count
