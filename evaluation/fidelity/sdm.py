"""The quality and diagnostic scores of SDMetrics 0.32, for comparison with what others publish; written anew from their definitions, since
the library takes seconds for what are a few tables of counts. Never a sole gate: pair trends skip weak pairs.

Quality is the mean of "column shapes" and "column pair trends", diagnostic the mean of "data validity" and "data structure", as its reports
have them by default; a test holds both against the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from evaluation.fidelity.shares import ks_complement
from evaluation.results import Incomputable
from evaluation.tables.columns import ORDERED, Floats, Ints, Rows, SampledRows, categories, encoded, numbers
from generators.schema import ColumnSchema

LIMIT = 10_000
"""Most rows per side."""
CORRELATED = 0.5
ASSOCIATED = 0.3
"""Pairs that go together less than this in real rows do not count."""
UNSEEN = 1e-6
"""Count of a category that is in synthetic rows alone."""
DECIMALS = 14
"""To which numbers are rounded before their steps are compared."""


@dataclass(frozen=True)
class Scores:
    """SDMetrics' two overall scores, each 0 … 1, higher is better; None where SDMetrics gives none."""

    quality: float | None
    diagnostic: float | None


@dataclass(frozen=True)
class _Column:
    """A column of both sides. numbers: NaN where missing, or None. codes: of categories, or of ten equal bins of each side's own range;
    missing has the last code.
    """

    numbers: tuple[Floats, Floats] | None
    codes: tuple[Ints, Ints]
    size: int

    @property
    def constant(self) -> bool:
        """Whether either side has one number only."""
        return self.numbers is not None and any(len(np.unique(side[~np.isnan(side)])) == 1 for side in self.numbers)


def scores(train: Rows, other: Rows, columns: Sequence[ColumnSchema], *, seed: int, limit: int = LIMIT) -> Scores:
    """Both scores of `other` against train, on at most `limit` rows a side. Raises Incomputable when there is nothing to score."""
    if not columns or not train.rows or not other.rows:
        raise Incomputable("nothing to score")
    sides = SampledRows(train, limit, seed), SampledRows(other, limit, seed + 1)
    read = [_column(column, *sides) for column in columns]
    shapes = _mean([_shape(column) for column in read])
    trends = _mean([_trend(first, second) for first, second in combinations(read, 2)])
    structure = 1.0  # columns that are absent or of another kind have been left out
    return Scores(_mean([shapes, trends]), _mean([_mean([_valid(column) for column in read]), structure]))


def _column(column: ColumnSchema, train: Rows, other: Rows) -> _Column:
    if column.kind in ORDERED:
        found: list[Floats] = []
        for side in (train, other):
            values = numbers(column, encoded(side, column))
            values[np.isinf(values)] = np.nan
            found.append(values)
        first, second = found
        try:
            binned = [np.digitize(side, np.histogram_bin_edges(side[~np.isnan(side)])) for side in found]
        except ValueError:  # one number alone, so large that there is no other near enough for ten bins: a single bin, a weak pair
            binned = [np.zeros(len(side), np.int64) for side in found]
        return _Column((first, second), (binned[0], binned[1]), 12)
    named = [categories(encoded(side, column)) for side in (train, other)]
    places = {value: place for place, value in enumerate(dict.fromkeys((*named[0][1], *named[1][1])))}
    real, made = (np.array([*(places[v] for v in known), len(places)], np.int64)[codes] for codes, known in named)
    return _Column(None, (real, made), len(places) + 1)


def _shape(column: _Column) -> float | None:
    """KS complement of numbers; TV complement of categories, missing left out."""
    if column.numbers is not None:
        first, second = (np.round(side[~np.isnan(side)], DECIMALS) for side in column.numbers)
        return ks_complement(first, second) if len(first) and len(second) else None
    real, made = (np.bincount(side, minlength=column.size)[:-1].astype(np.float64) for side in column.codes)
    if not real.sum() or not made.sum():
        return None
    real[(real == 0) & (made > 0)] = UNSEEN
    return float(1 - np.abs(made / made.sum() - real / real.sum()).sum() / 2)


def _trend(first: _Column, second: _Column) -> float | None:
    """Similarity of Pearson's r of two columns of numbers, of shares of pairs of codes otherwise; None for a weak pair."""
    if first.numbers is not None and second.numbers is not None:
        if first.constant or second.constant:
            return None
        real, made = (_pearson(a, b) for a, b in zip(first.numbers, second.numbers, strict=True))
        if real is None or made is None or abs(real) <= CORRELATED:
            return None
        return 1 - abs(real - made) / 2
    real_table, made_table = (
        np.bincount(a * second.size + b, minlength=first.size * second.size) for a, b in zip(first.codes, second.codes, strict=True)
    )
    if _cramers_v(real_table.reshape(first.size, second.size)) <= ASSOCIATED:
        return None
    return float(1 - np.abs(real_table / real_table.sum() - made_table / made_table.sum()).sum() / 2)


def _pearson(a: Floats, b: Floats) -> float | None:
    present = ~(np.isnan(a) | np.isnan(b))
    x, y = a[present], b[present]
    if len(x) < 2:
        return None
    x, y = x - x.mean(), y - y.mean()
    both = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / both if both > 0 else None


def _cramers_v(table: npt.NDArray[np.int64]) -> float:
    """Cramér's V without the correction for bias; 0 where one side does not vary."""
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(table.shape) < 2:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    phi = float(((table - expected) ** 2 / expected).sum() / table.sum())
    return float(np.sqrt(phi / (min(table.shape) - 1)))


def _valid(column: _Column) -> float | None:
    """Share of synthetic values within the range, or among the categories, of real ones; missing is allowed where real ones are."""
    if column.numbers is not None:
        real, made = column.numbers
        if np.isnan(real).any():
            made = made[~np.isnan(made)]
        if not len(made):
            return None
        present = real[~np.isnan(real)]
        return float(((made >= present.min()) & (made <= present.max())).mean()) if len(present) else 0.0
    known = np.bincount(column.codes[0], minlength=column.size) > 0
    return float(known[column.codes[1]].mean())


def _mean(found: Sequence[float | None]) -> float | None:
    """The mean of those that have a value."""
    there = [value for value in found if value is not None]
    return float(np.mean(there)) if there else None
