"""How strongly columns go together, and by how much that differs between two tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import rankdata

from evaluation.results import Incomputable
from evaluation.tables.coding import Coder
from evaluation.tables.columns import ORDERED, Floats, Ints, Rows, numbers

LIMIT = 250_000
"""Most rows per side: associations of more rows differ in the third decimal."""


def cramers_v(table: npt.NDArray[Any]) -> float:
    """Bias-corrected Cramér's V of a two-way table of counts: 0 independent … 1. Bergsma (2013), J. Korean Stat. Soc. 42, eq. 7–9.

    Empty rows and columns are left out; a table with fewer than two of either carries no association: 0.
    """
    table = table[table.sum(1) > 0][:, table.sum(0) > 0].astype(np.float64)
    rows, columns = table.shape
    n = table.sum()
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / n
    phi = ((table - expected) ** 2 / expected).sum() / n
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(phi / smaller))) if smaller > 0 else 0.0


def correlation_ratio(codes: npt.NDArray[Any], values: Floats) -> float:
    """Bias-corrected correlation ratio of numbers by groups: 0 … 1. √(1 − (1 − η²)(n − 1)/(n − k)), Kelley (1935), PNAS 21, p. 556.

    Rows without a finite number are left out; fewer than two groups, or constant numbers, carry no association: 0.
    """
    present = np.isfinite(values)
    codes, values = codes[present], values[present]
    n = len(values)
    if n < 3:
        return 0.0
    values = values - values.mean()
    scale = np.abs(values).max()
    if scale == 0:
        return 0.0
    values = values / scale
    sizes = np.bincount(codes)
    used = sizes > 0
    groups = int(used.sum())
    if groups < 2 or n <= groups:
        return 0.0
    total = float((values**2).sum())
    between = float((np.bincount(codes, weights=values)[used] ** 2 / sizes[used]).sum())
    eta = 1 - (1 - min(1.0, between / total)) * (n - 1) / (n - groups)
    return float(np.sqrt(max(0.0, eta)))


def correlations(columns: Floats) -> Floats:
    """Pearson's r of each pair of columns over the rows where both are finite; shape (n, d) → (d, d). 0 where undefined."""
    present = np.isfinite(columns)
    mask = present.astype(np.float64)
    filled = np.where(present, columns, 0.0)
    # centre and scale once: sums of squared microseconds since 1970 would lose every digit
    sizes = np.maximum(mask.sum(0), 1)
    centred = np.where(present, filled - filled.sum(0) / sizes, 0.0)
    scale = np.abs(centred).max(axis=0, initial=0.0)
    centred = centred / np.where(scale > 0, scale, 1.0)
    n = mask.T @ mask
    sums = centred.T @ mask
    squares = (centred**2).T @ mask
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = centred.T @ centred - sums * sums.T / n
        variance = squares - sums**2 / n
        r = covariance / np.sqrt(variance * variance.T)
    # a column that is constant where the other is present leaves only rounding error in the variance
    tiny = (variance <= 1e-12 * np.maximum(squares, 1e-300)) | (variance.T <= 1e-12 * np.maximum(squares.T, 1e-300))
    r[tiny | ~np.isfinite(r) | (n < 3)] = 0.0
    return np.clip(r, -1.0, 1.0)


def ranked(values: Floats) -> Floats:
    """Average ranks among the finite values of one column; NaN elsewhere."""
    ranks = np.full(len(values), np.nan)
    finite = np.isfinite(values)
    if finite.any():
        ranks[finite] = rankdata(values[finite])
    return ranks


@dataclass(frozen=True)
class Amounts:
    """An ordered column, ready to be compared with another: its numbers, NaN where missing, and their ranks."""

    numbers: Floats
    ranks: Floats

    @staticmethod
    def of(values: Floats) -> Amounts:
        return Amounts(values, ranked(values))

    def taken(self, order: Ints) -> Amounts:
        """The same values in another order."""
        return Amounts(self.numbers[order], self.ranks[order])

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Where there is a value that counts."""
        return np.isfinite(self.numbers)


@dataclass(frozen=True)
class Names:
    """A column of categories, ready to be compared with another: codes below `size`, missing among them."""

    codes: npt.NDArray[Any]
    size: int

    def taken(self, order: Ints) -> Names:
        """The same values in another order."""
        return Names(self.codes[order], self.size)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Where there is a value that counts: everywhere, since missing is one."""
        return np.ones(len(self.codes), np.bool_)


Variable = Amounts | Names


def variable(coder: Coder, array: pa.Array) -> Variable:
    """Values of the column of `coder`, ready to be compared."""
    if coder.column.kind in ORDERED:
        return Amounts.of(numbers(coder.column, array))
    return Names(coder.codes(array), coder.size)


def strength(a: Variable, b: Variable) -> float:
    """The association of two columns, as `associations` has it for each pair of a table."""
    if isinstance(a, Names) and isinstance(b, Names):
        joint = a.codes.astype(np.int64) * b.size + b.codes
        return cramers_v(np.bincount(joint, minlength=a.size * b.size).reshape(a.size, b.size))
    if isinstance(a, Amounts) and isinstance(b, Amounts):
        return float(correlations(np.column_stack([a.ranks, b.ranks]))[0, 1])
    named, ordered = (a, b) if isinstance(a, Names) else (b, a)
    # of ranks, as Spearman: one extreme value would else decide the ratio, and so be told by it
    return correlation_ratio(cast(Names, named).codes, cast(Amounts, ordered).ranks)


@dataclass(frozen=True)
class Associations:
    """All associations of one table. strength: (d, d), in the order of `names`. pearson: (m, m), in the order of `numeric`."""

    names: tuple[str, ...]
    strength: Floats
    numeric: tuple[str, ...]
    pearson: Floats

    def without(self, pairs: npt.NDArray[np.bool_]) -> Associations:
        """The same with nought for these pairs of `names`."""
        at = [self.names.index(name) for name in self.numeric]
        return replace(self, strength=np.where(pairs, 0, self.strength), pearson=np.where(pairs[np.ix_(at, at)], 0, self.pearson))


def associations(rows: Rows, coders: Sequence[Coder]) -> Associations:
    """Spearman between ordered columns, Cramér's V between named ones (missing is a category), correlation ratio of ranks between both.

    Spearman: Pearson's r of the ranks that each column's values have among themselves, over rows where both are present (with nothing
    missing, the usual coefficient).
    """
    names = tuple(c.column.name for c in coders)
    ordered = [c for c in coders if c.column.kind in ORDERED]
    variables = {c.column.name: variable(c, rows.column(c.column)) for c in coders}
    table = np.eye(len(names))
    numeric = tuple(c.column.name for c in ordered)
    pearson = np.eye(len(numeric))
    if numeric:
        # all numbers at once: one product of matrices
        amounts = [v for v in variables.values() if isinstance(v, Amounts)]
        pearson = correlations(np.column_stack([v.numbers for v in amounts]))
        spearman = correlations(np.column_stack([v.ranks for v in amounts]))
        at = [names.index(n) for n in numeric]
        table[np.ix_(at, at)] = spearman
    for i, first in enumerate(names):
        for j in range(i + 1, len(names)):
            if first in numeric and names[j] in numeric:
                continue
            table[i, j] = table[j, i] = strength(variables[first], variables[names[j]])
    return Associations(names, table, numeric, pearson)


def alone(present: npt.NDArray[np.bool_], who: npt.NDArray[np.int32], minimum: int) -> npt.NDArray[np.bool_]:
    """Pairs of columns in which fewer persons than `minimum` have both values; shape of present (rows, m) → (m, m)."""
    mask = present.astype(np.float64)
    rows = mask.T @ mask
    # so many rows cannot be about fewer: nobody has more than the most of one person
    found: npt.NDArray[np.bool_] = rows < minimum * int(np.bincount(who).max(initial=1))
    for i, j in zip(*np.nonzero(np.triu(found)), strict=True):
        found[i, j] = found[j, i] = np.count_nonzero(np.bincount(who[present[:, i] & present[:, j]])) < minimum
    return found


def rmse(real: Floats, synthetic: Floats, left_out: npt.NDArray[np.bool_] | None = None) -> float:
    """√ mean over pairs (R − S)² of two square matrices, upper triangle: 0 the same … 2. Lower is better. left_out: pairs not counted.

    Incomputable without a pair.
    """
    counted = np.triu(np.ones(real.shape, np.bool_), 1)
    if left_out is not None:
        counted &= ~left_out
    if not counted.any():
        raise Incomputable("there is no pair of such columns")
    return float(np.sqrt(np.mean((real[counted] - synthetic[counted]) ** 2)))
