"""α-precision, β-recall and authenticity (A. M. Alaa and others, How Faithful is your Synthetic Data?, ICML 2022), in Gower's distance.

The α-support of a set is the ball around its centre that holds a share α of it; the centre has the median of each number and the
commonest of each category.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluation.results import Incomputable
from evaluation.tables.nearness import Distances, Placed, nearest

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


def precision(synthetic: Placed, real: Placed) -> float:
    """1 − 2 ∫ |P(α) − α| dα, where P(α) is the share of synthetic rows in the real α-support: 1 as spread as the real ones … 0."""
    middle = centre(real)
    radii = np.quantile(_from_centre(real, middle), STEPS)
    inside = np.searchsorted(np.sort(_from_centre(synthetic, middle)), radii, side="right") / len(synthetic)
    return float(1 - 2 * np.abs(inside - STEPS).mean())


def recall(synthetic: Placed, real: Placed) -> float:
    """1 − 2 ∫ |R(β) − β| dβ, where R(β) is the share of real rows that a synthetic row of the synthetic β-support covers: one that is no
    further than the row's fifth nearest real neighbour.
    """
    reach = nearest(real, real, NEIGHBOURS + 1)[0][:, -1]  # the nearest is the row itself
    distances, positions = nearest(real, synthetic)
    covered = distances[:, 0] <= reach
    middle = centre(synthetic)
    away = _from_centre(synthetic, middle)
    radii = np.quantile(away, STEPS)
    at: npt.NDArray[np.float32] = away[positions[:, 0]]
    shares = np.array([(covered & (at <= radius)).mean() for radius in radii])
    return float(1 - 2 * np.abs(shares - STEPS).mean())


def authenticity(synthetic: Placed, real: Placed) -> float:
    """Share of synthetic rows further from their nearest real row than that row is from its own nearest real neighbour; ties count half.

    A copy has none; rows drawn afresh have about one half.
    """
    distances, positions = nearest(synthetic, real)
    own = nearest(real.only(np.unique(positions[:, 0])), real, 2)[0][:, 1]
    table = dict(zip(np.unique(positions[:, 0]).tolist(), own.tolist(), strict=True))
    theirs = np.array([table[int(p)] for p in positions[:, 0]], np.float32)
    further, same = distances[:, 0] > theirs, distances[:, 0] == theirs
    return float(further.mean() + same.mean() / 2)
