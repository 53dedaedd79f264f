"""Principal components: both tables on the same two axes, which are fitted on train, as densities of enough people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.fidelity.propensity import indicators
from evaluation.fidelity.shares import tvd
from evaluation.results import Incomputable
from evaluation.tables.coding import CodedTable, Coder
from evaluation.tables.columns import Floats, Ints

LIMIT = 20_000
BINS = 20


@dataclass(frozen=True)
class Axes:
    """Two principal axes of train's indicators. mean: shape (d,); axes: (d, 2); edges: of the bins of each axis, train's quantiles;
    explained: the share of train's variance that both hold.
    """

    mean: Floats
    axes: Floats
    edges: tuple[Floats, Floats]
    explained: float

    def density(self, table: CodedTable, coders: tuple[Coder, ...], seed: int) -> Ints:
        """Rows in each bin of the plane; shape (BINS, BINS)."""
        return _binned((indicators(_some(table, seed), coders) - self.mean) @ self.axes, self.edges)


def fit(train: CodedTable, coders: tuple[Coder, ...], seed: int) -> Axes:
    """The axes of train: the first two eigenvectors of the covariance of its indicators, signs fixed by their largest entry.

    Raises Incomputable when nothing varies.
    """
    x = indicators(_some(train, seed), coders)
    mean = x.mean(axis=0)
    x = x - mean
    values, vectors = np.linalg.eigh(x.T @ x / max(1, len(x) - 1))
    if len(values) < 2 or values[-1] <= 1e-12:
        raise Incomputable("nothing varies")
    axes = vectors[:, [-1, -2]]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    placed = x @ axes
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    first, second = (np.unique(np.quantile(placed[:, i], inner)) for i in (0, 1))
    return Axes(mean, axes, (first, second), float(values[[-1, -2]].sum() / values.sum()))


def distance(real: Ints, other: Ints) -> float:
    """Total variation distance of two densities: 0 the same … 1."""
    return tvd(real.ravel(), other.ravel())


def _some(table: CodedTable, seed: int) -> CodedTable:
    if table.rows <= LIMIT:
        return table
    chosen = np.random.default_rng(seed).choice(table.rows, LIMIT, replace=False)
    return CodedTable(LIMIT, {name: codes[chosen] for name, codes in table.codes.items()})


def _binned(placed: npt.NDArray[np.float64], edges: tuple[Floats, Floats]) -> Ints:
    x, y = (np.searchsorted(edges[i], placed[:, i], side="right") for i in (0, 1))
    return np.bincount(x * BINS + y, minlength=BINS * BINS).reshape(BINS, BINS)
