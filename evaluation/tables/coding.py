"""Every column once to small integer codes, so that each one-, two- and three-way table is a `bincount`.

Bins are fitted on train alone: at most 50, and one more code for missing. Pairs use a coarser grouping of the same codes (20 bins of
numbers, 30 categories): two-way tables of 50 × 50 cells measure the sampling noise of a small holdout more than any difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evaluation.tables.columns import NAMED, Floats, Ints, Rows, categories, encoded, numbers
from generators.schema import ColumnSchema

BINS = 50
PAIR_BINS = 20
PAIR_CATEGORIES = 30

Codes = npt.NDArray[np.uint8]
"""52 codes at most fit a byte: 10 million rows of 20 columns are 200 MB."""


@dataclass(frozen=True)
class Coder:
    """The bins of one column, fitted on train.

    edges: inner edges of numeric bins (a value equal to an edge belongs to the upper bin). names: code of each frequent category.
    size: number of codes; the last is "missing" and, for categories, the last but one is "any other". coarse: code → code in pair tables.
    """

    column: ColumnSchema
    size: int
    coarse: Codes
    coarse_size: int
    edges: Floats = field(default_factory=lambda: np.empty(0))
    names: Mapping[Any, int] | None = None

    def codes(self, array: pa.Array) -> Codes:
        """`array` (values of this column, plain or `encoded`) coded; shape (n,)."""
        if self.names is not None:
            codes, values = categories(array)
            other = self.size - 2
            table: Codes = np.array([self.names.get(v, other) for v in values] + [self.size - 1], np.uint8)
            coded: Codes = table[codes]
            return coded
        return self.number_codes(numbers(self.column, array))

    def number_codes(self, values: Floats) -> Codes:
        """As `codes`, from the numbers of an ordered column."""
        coded: Codes = np.searchsorted(self.edges, values, side="right").astype(np.uint8)
        coded[np.isnan(values)] = self.size - 1
        return coded


def fit(column: ColumnSchema, array: pa.Array) -> Coder:
    """The coder of one column from its train values."""
    if column.kind in NAMED:
        codes, values = categories(array)
        counts = np.bincount(codes, minlength=len(values) + 1)[: len(values)]
        # ties by name: the same bins whatever the order of the rows
        order = sorted(np.flatnonzero(counts).tolist(), key=lambda i: (-int(counts[i]), str(values[i])))[: BINS - 1]
        names = {values[i]: code for code, i in enumerate(order)}
        size = len(names) + 2
        kept = min(len(names), PAIR_CATEGORIES - 1)
        coarse = np.minimum(np.arange(size), kept)
        coarse[-1] = kept + 1
        return Coder(column, size, coarse.astype(np.uint8), kept + 2, names=names)
    present = numbers(column, array)
    present = present[~np.isnan(present)]
    edges = quantile_edges(present, BINS)
    size = len(edges) + 2
    bins = len(edges) + 1
    coarse = np.arange(size) * min(bins, PAIR_BINS) // bins
    coarse[-1] = coarse[-2] + 1
    return Coder(column, size, coarse.astype(np.uint8), int(coarse[-1]) + 1, edges=edges)


def quantile_edges(present: Floats, bins: int) -> Floats:
    """Inner edges of at most `bins` bins: one for each distinct value when there are so few, else equal shares of the values."""
    finite = present[np.isfinite(present)]
    distinct = np.unique(finite)
    if len(distinct) <= bins:
        return distinct[1:].astype(np.float64)
    inner = np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    return np.unique(inner[inner > distinct[0]])


@dataclass(frozen=True)
class CodedTable:
    """The codes of one side, by column name."""

    rows: int
    codes: Mapping[str, Codes]


def code(rows: Rows, coders: Sequence[Coder]) -> CodedTable:
    """All columns of one side, coded."""
    return CodedTable(rows.rows, {c.column.name: c.codes(encoded(rows, c.column)) for c in coders})


def counts(codes: Codes, size: int) -> Ints:
    """Rows per code; shape (size,)."""
    return np.bincount(codes, minlength=size)
