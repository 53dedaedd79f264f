"""Secondary suppression: which further cells of cross-tabulations must stay, so that none that was suppressed can be worked out.

A reader knows of every released figure the span of counts that round to it, that cells add up to the margins (the columns of the same
summary are published too) and that cross-tabulations with a side in common agree on it. What he can tell of a suppressed cell is
the least and the most that a table consistent with all this may hold there: two linear programmes a cell (M. Fischetti and J.-J. Salazar,
Models and algorithms for optimizing cell suppression in tabular data, Journal of the American Statistical Association 95, 2000).
Here he is taken to know more than he is told: which cells are empty, and which of the others were suppressed for having few persons.
One solution answers for many cells at once, since it shows for each of them one of the counts it may hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from generators.counts.grouped import Bools, Ints
from generators.disclosure import DisclosurePolicy

Floats = npt.NDArray[np.float64]

_NEAR = 1e-6


@dataclass(frozen=True)
class Known:
    """What a reader can put together about one kind of count of the cells that somebody is in, persons or rows.

    counts: the true ones; low, high: what each cell may hold as far as its own figure tells, if it is released; few: the most it may
    hold if it was suppressed for few persons. lines: one row a sum he knows of (sparse, over the cells), from least to most.
    """

    counts: Ints
    low: Floats
    high: Floats
    few: float
    lines: sparse.csr_array
    least: Floats
    most: Floats


def concealing(released: Bools, persons: Ints, known: tuple[Known, ...], policy: DisclosurePolicy) -> Bools:
    """Which cells may leave (one truth a cell): the `released` ones less those that would give a suppressed one away.

    persons: true, a cell. A cell that the columns alone give away is not hidden by giving up others; nothing is added to what they tell.
    """
    published = released.copy()
    in_danger = np.flatnonzero(~released)
    while len(in_danger):
        told = {cell for counts in known for cell in _told(counts, published, released, in_danger, policy)}
        given_up = {victim for cell in told if (victim := _beside(known[0].lines, cell, published, persons)) is not None}
        if not given_up:
            break
        published[list(given_up)] = False
        # Nobody can tell more when more is suppressed: cells that were hidden need no other look.
        in_danger = np.array(sorted(told), dtype=np.int64)
    return published


def _beside(lines: sparse.csr_array, cell: int, published: Bools, persons: Ints) -> int | None:
    """The published cell of fewest persons in that line through `cell` which has fewest published ones."""
    best: Ints | None = None
    for line in np.flatnonzero(lines[:, [cell]].toarray()):
        members = lines.indices[lines.indptr[line] : lines.indptr[line + 1]]
        candidates = members[published[members]]
        if len(candidates) and (best is None or len(candidates) < len(best)):
            best = candidates
    return None if best is None else int(best[np.lexsort((best, persons[best]))[0]])


def _told(known: Known, published: Bools, released: Bools, in_danger: Ints, policy: DisclosurePolicy) -> list[int]:
    """Those cells in danger of which a reader can tell more than he may."""
    reader = _Reader(known, published, released, policy)
    left = in_danger
    for sign in (1.0, -1.0):
        before = -1
        while len(left) and len(left) != before:
            before = len(left)
            reader.asked(left, sign)
            left = left[~reader.concealed(left)]
    for cell in left:
        for sign in (1.0, -1.0):
            reader.asked(np.array([cell]), sign, together=False)
    return [int(c) for c in left[~reader.concealed(left)]]


class _Reader:
    """What somebody can work out. lowest, highest: counts that each cell was shown to be possibly holding."""

    def __init__(self, known: Known, published: Bools, released: Bools, policy: DisclosurePolicy) -> None:
        self.known, self.policy = known, policy
        self.low = np.where(published, known.low, 0.0)
        self.high = np.where(published, known.high, np.where(released, np.inf, known.few))
        self.lowest, self.highest = known.counts.astype(np.float64), known.counts.astype(np.float64)

    def asked(self, cells: Ints, sign: float, *, together: bool = True) -> None:
        """Look for a consistent table in which the `cells` hold little (sign 1) or much (−1).

        together: whether many of them are looked for at once.
        """
        aim = np.zeros(len(self.low))
        aim[cells] = sign
        # None is made to hold more than suffices: together so that many can, alone so that there is a most.
        enough = np.maximum(self.policy.minimum - 1, self.known.counts[cells]) + (0 if together else self.policy.minimum + 1)
        high = self.high.copy()
        high[cells] = np.minimum(high[cells], enough)
        lines = LinearConstraint(self.known.lines, self.known.least, self.known.most)
        answer = milp(aim, constraints=lines, bounds=Bounds(self.low, high))
        if answer.x is not None:
            self.lowest = np.minimum(self.lowest, answer.x)
            self.highest = np.maximum(self.highest, answer.x)

    def concealed(self, cells: Ints) -> Bools:
        bounds = ((math.ceil(self.lowest[c] - _NEAR), math.floor(self.highest[c] + _NEAR)) for c in cells)
        return np.array([self.policy.concealed(least, most) for least, most in bounds], dtype=np.bool_)
