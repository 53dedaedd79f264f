"""α-precision, β-recall and authenticity (A. M. Alaa and others, How Faithful is your Synthetic Data?, ICML 2022), in Gower's distance.

The α-support of a set is the ball around its centre that holds a share α of it; the centre has the median of each number and the
commonest of each category.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluation.results import Incomputable
from evaluation.tables.nearness import Distances, Near, Placed, both_ways, nearest

STEPS = np.linspace(0, 1, 21)[1:]
NEIGHBOURS = 5


def centre(points: Placed) -> Placed:
    """One point: the medians, and the commonest codes."""
    if not len(points):
        raise Incomputable("there are no rows")
    codes = [np.bincount(column - column.min()).argmax() + column.min() for column in points.codes.T]
    return Placed(np.median(points.scaled, axis=0)[None, :].astype(np.float32), np.array(codes, np.int32)[None, :])


def _from_centre(points: Placed, middle: Placed) -> Distances:
    return nearest(points, middle)[0][:, 0]


def among_themselves(real: Placed) -> Distances:
    """Distances from each real row to itself and to its five nearest others; shape (n, 6)."""
    return nearest(real, real, NEIGHBOURS + 1)[0]


def precision(synthetic: Placed, real: Placed) -> float:
    """1 − 2 ∫ |P(α) − α| dα, where P(α) is the share of synthetic rows in the real α-support: 1 as spread as the real ones … 0."""
    middle = centre(real)
    radii = np.quantile(_from_centre(real, middle), STEPS)
    inside = np.searchsorted(np.sort(_from_centre(synthetic, middle)), radii, side="right") / len(synthetic)
    return float(1 - 2 * np.abs(inside - STEPS).mean())


def recall(synthetic: Placed, real: Placed) -> float:
    """1 − 2 ∫ |R(β) − β| dβ, where R(β) is the share of real rows that a synthetic row of the synthetic β-support covers: one that is no
    further than the row's fifth nearest real neighbour.

    Both need as many rows: of more synthetic rows the nearest is nearer. Raises ValueError where they have not.
    """
    if len(synthetic) != len(real):
        raise ValueError("both sides need as many rows")
    near = both_ways(synthetic, real)
    covered = near.back <= among_themselves(real)[:, -1]
    away = _from_centre(synthetic, centre(synthetic))
    radii = np.quantile(away, STEPS)
    at: npt.NDArray[np.float32] = away[near.back_positions]
    shares = np.array([(covered & (at <= radius)).mean() for radius in radii])
    return float(1 - 2 * np.abs(shares - STEPS).mean())


def authentic(near: Near, own: Distances) -> npt.NDArray[np.float64]:
    """1 where a synthetic row is further from its nearest real row than that row is from its own nearest real neighbour, ½ where they are
    equal; their mean is authenticity. A copy has none; rows drawn afresh have about one half.

    near: of the synthetic rows to the real ones. own: distances of the real rows `among_themselves`.
    """
    mine, theirs = near.distances[:, 0], own[near.positions[:, 0], 1]
    return np.asarray((mine > theirs) + 0.5 * (mine == theirs), np.float64)
