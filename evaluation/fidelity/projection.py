"""Principal components: both tables on the same two axes, which are fitted on train, as densities of enough people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.fidelity.crossing import thinned
from evaluation.fidelity.shares import tvd
from evaluation.results import Incomputable
from evaluation.tables.coding import CodedTable, Coder
from evaluation.tables.columns import Floats, Ints

LIMIT = 20_000
BINS = 20


@dataclass(frozen=True)
class Axes:
    """Two principal axes of train's coordinates. mean, scale: of each coordinate, shape (d,); axes: (d, 2); edges: of the bins of each
    axis, train's quantiles; explained: the share of train's variance that both hold.
    """

    mean: Floats
    scale: Floats
    axes: Floats
    edges: tuple[Floats, Floats]
    explained: float

    def placed(self, table: CodedTable, coders: tuple[Coder, ...]) -> Floats:
        """Rows on both axes; shape (rows, 2)."""
        return _projected(_standard(coordinates(table, coders), self.mean, self.scale), self.axes)

    def density(self, table: CodedTable, coders: tuple[Coder, ...], seed: int) -> Ints:
        """Rows in each bin of the plane; shape (BINS, BINS)."""
        return _binned(self.placed(thinned(table, LIMIT, seed), coders), self.edges)


def coordinates(table: CodedTable, coders: tuple[Coder, ...]) -> Floats:
    """Columns as numbers, shape (rows, d): of ordered columns the place among train's bins, NaN where missing; of named ones an indicator
    of each coarse code.
    """
    parts: list[Floats] = []
    for coder in coders:
        codes = table.codes[coder.column.name]
        if coder.names is None:
            values = codes.astype(np.float64)
            values[codes == coder.size - 1] = np.nan
            parts.append(values[:, None])
        else:
            parts.append(np.eye(coder.coarse_size)[coder.coarse[codes]])
    if not parts:
        raise Incomputable("no column can be compared")
    return np.column_stack(parts)


def fit(train: CodedTable, coders: tuple[Coder, ...], seed: int) -> Axes:
    """The axes of train: the first two eigenvectors of the covariance of its standardised coordinates.

    Each column has variance one, as one number or over all its indicators together, so that none weighs more for having more categories;
    missing numbers lie at the mean. Signs are fixed by the first of the largest entries. Raises Incomputable when nothing varies.
    """
    x = coordinates(thinned(train, LIMIT, seed), coders)
    present = ~np.isnan(x)
    mean = np.where(present, x, 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    centred = np.where(present, x - mean, 0)
    variance = (centred**2).mean(axis=0)
    scale, at = np.zeros(len(mean)), 0
    for coder in coders:
        width = 1 if coder.names is None else coder.coarse_size
        together = float(variance[at : at + width].sum())
        scale[at : at + width] = 1 / np.sqrt(together) if together > 1e-12 else 0
        at += width
    x = _standard(x, mean, scale)
    values, vectors = np.linalg.eigh(x.T @ x / max(1, len(x) - 1))
    if len(values) < 2 or values[-1] <= 1e-12:
        raise Incomputable("nothing varies")
    axes = vectors[:, [-1, -2]]
    size = np.abs(axes)
    # the first of entries that are as large but for rounding: else another machine may turn the picture
    largest = (size >= size.max(axis=0) * (1 - 1e-6)).argmax(axis=0)
    axes = axes * np.sign(axes[largest, [0, 1]])
    placed = _projected(x, axes)
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    first, second = (np.unique(np.quantile(placed[:, i], inner)) for i in (0, 1))
    return Axes(mean, scale, axes, (first, second), float(values[[-1, -2]].sum() / values.sum()))


def distance(real: Ints, other: Ints) -> float:
    """Total variation distance of two densities: 0 the same … 1."""
    return tvd(real.ravel(), other.ravel())


def _standard(x: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.where(np.isnan(x), 0, x - mean) * scale


def _projected(x: Floats, axes: Floats) -> Floats:
    """Rounded, so that equal rows fall into one bin: the last bits of a product of matrices depend on how many rows there are."""
    return np.round(x @ axes, 9) + 0.0


def _binned(placed: npt.NDArray[np.float64], edges: tuple[Floats, Floats]) -> Ints:
    x, y = (np.searchsorted(edges[i], placed[:, i], side="right") for i in (0, 1))
    return np.bincount(x * BINS + y, minlength=BINS * BINS).reshape(BINS, BINS)
