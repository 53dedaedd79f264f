"""How the numbers of a column are to be coded: which values are spikes, where the bins end, on what grid the values lie."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.disclosure import DisclosurePolicy
from generators.encoding.fineness import Counted, chosen, distinct
from generators.encoding.heaps import heaps
from generators.encoding.numbers import Numbers
from generators.encoding.people import People
from generators.encoding.quantiles import NONE, Cells

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

_MOST_EXACT = 200
"""Most values that are all coded exactly."""
_COVERED = 0.98
"""Share of rows that exact values must cover for there to be no bins but for the rest."""
_SPIKE = 0.01
"""Share of rows from which on a value is coded by itself although the column has bins."""
_FEWEST_BINNED = 50
_COARSE, _FINE = 24, 16
_ROUND = (1000, 500, 250, 100, 50, 25, 20, 10, 5, 2)
_BROKEN = (1.0, 0.5, 0.25, 0.2, 0.125, 0.1, 0.0625, 0.05, 0.03125, 0.025, 0.02, 0.01)
"""Grids that are looked for, the widest first."""
_ON_GRID = 0.995
_ROWS_A_COARSE, _ROWS_A_FINE, _HALVES = 20, 8, 2
_PIECES = 1000
"""Long stretches are cut into about so many pieces, so that bins can end where they should."""


def learn(
    values: Values,
    null: Truths | None,
    persons: People,
    policy: DisclosurePolicy,
    *,
    column: str,
    decimals: int | None = None,
    sentinels: Values | None = None,
    placeholder: float = 0,
) -> Numbers:
    """How to code (rows,) values. sentinels: those that may have codes of their own. placeholder: what a column of no value holds."""
    there = np.isfinite(values) if values.dtype == np.float64 else np.ones(len(values), np.bool_)
    missing = False
    if null is not None:
        missing = persons.of(null).count >= policy.minimum
        there &= ~null
    own: list[Any] = []
    for sentinel in () if sentinels is None else sentinels:
        at = there & (values == sentinel)
        if persons.of(at).count >= policy.minimum:
            own.append(sentinel)
        there &= ~at
    kept, whose = values[there], persons.of(there)
    finest = 1.0 if values.dtype == np.int64 else None if decimals is None or decimals > 6 else 10.0**-decimals
    spikes, made, fine, coarse, step = _binned(kept, whose, policy, finest)
    read_sentinels = np.array(own, dtype=values.dtype)
    if not len(spikes) and len(coarse) < 2 and not own and not missing:
        spikes = np.array([placeholder], dtype=values.dtype)
    shares = _heaps(kept, whose, spikes, made, step or finest, policy) if len(made) else ()
    return Numbers(spikes, made, fine, coarse, read_sentinels, missing, decimals, step, shares, column)


def _heaps(
    values: Values,
    persons: People,
    spikes: Values,
    made: Cells,
    finest: float | None,
    policy: DisclosurePolicy,
) -> tuple[tuple[float, float], ...]:
    """Shares of rounded values among those that are no value of their own."""
    if finest is None:
        return ()
    atoms = made.low[made.low == made.high]
    loose = values.astype(np.float64)
    own = ~np.isin(loose, np.concatenate([atoms, spikes.astype(np.float64)]))
    if not own.any() or np.abs(loose[own]).max() / finest > 1e12:
        return ()
    return heaps(loose[own], finest, persons.of(own), policy.minimum)


def _binned(
    values: Values, persons: People, policy: DisclosurePolicy, finest: float | None
) -> tuple[Values, Cells, Ints, Ints, float | None]:
    """(spikes, cells, fine, coarse, step). finest: the grid that values of the column's kind lie on, None: none."""
    found, place, counts = distinct(values)
    safe = persons.by_code(place, len(found)) >= policy.minimum
    rows = len(values)
    exact = int(safe.sum()) <= _MOST_EXACT and counts[safe].sum() >= _COVERED * rows
    spiky = safe if exact else safe & (counts >= max(policy.minimum, _SPIKE * rows))
    binned = int(counts[~spiky].sum())
    if binned < _FEWEST_BINNED and spiky.any():
        return found[spiky], NONE, np.zeros(1, np.int64), np.zeros(1, np.int64), None
    step = _step(values, found[safe])
    rest = ~spiky[place]
    here = Counted.of(values[rest], persons.of(rest), step or finest)
    fineness = chosen(here, policy)
    made = here.cells(fineness, policy).parted(max(_ROWS_A_FINE, binned / _PIECES))
    fine, coarse = _bounds(made, binned, max(_ROWS_A_FINE, fineness.rows))
    return found[spiky], made, fine, coarse, step


def _bounds(made: Cells, rows: int, least: int) -> tuple[Ints, Ints]:
    """(first cell of each fine bin, first fine bin of each coarse bin), with the end of each: about equal weights.

    least: the fewest rows of a fine bin, but for halves of coarse ones (a column by itself does not show how closely it goes with others),
    and but for the outermost coarse bins: there values lie far apart where tails are heavy.
    """
    if not len(made):
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    bins = max(1, min(_COARSE, rows // _ROWS_A_COARSE))
    ends = _cuts(made.total, 0, len(made), bins)
    fine, coarse = [0], [0]
    for first, last in pairwise(ends):
        most = min(_FINE, rows // bins // _ROWS_A_FINE)
        outermost = first == 0 or last == len(made)
        parts = max(1, most if outermost else min(most, max(_HALVES, rows // bins // least)))
        fine += _cuts(made.total, first, last, parts)[1:]
        coarse.append(len(fine) - 1)
    return np.array(fine, np.int64), np.array(coarse, np.int64)


def _cuts(total: Floats, first: int, last: int, pieces: int) -> list[int]:
    """Cells first … last cut into at most `pieces` runs of about equal weight."""
    wanted = np.linspace(total[first], total[last], pieces + 1)[1:-1]
    at = np.searchsorted(total, wanted)
    nearer = wanted - total[np.maximum(at - 1, 0)] < total[at] - wanted
    inner = np.unique(at - nearer)
    return [first, *(int(i) for i in inner if first < i < last), last]


def _step(values: Values, safe: Values) -> float | None:
    """The grid nearly all values lie on: what values that enough persons share have in common, else a round number; None: no grid."""
    if len(values) < _FEWEST_BINNED:
        return None
    if values.dtype == np.int64:
        common = [int(np.gcd.reduce(np.diff(safe)))] if len(safe) > 2 else []
        for whole in (*common, *_ROUND):
            if whole > 1 and (values % np.int64(whole) == 0).mean() >= _ON_GRID:
                return float(whole)
        return None
    gaps = [float(np.diff(safe).min())] if len(safe) > 2 else []
    for step in (*gaps, *_ROUND, *_BROKEN):
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = values / step
            away = np.abs(ratio - np.rint(ratio))
        if (away < 1e-6).mean() >= _ON_GRID and np.abs(ratio).max() < 1e9:
            return float(step)
    return None
