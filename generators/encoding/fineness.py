"""How fine the cells of a column may be: as fine as they still tell something about persons they were not counted on.

Cells of the fewest persons the policy allows follow single records: whoever has the rows drawn from them sees where the persons learned
from lie a little denser than others. So the fineness is chosen by likelihood: counted on half of the persons, judged on the other half, and
the other way round. Coarse and fine are comparable, since what is judged is the chance of the values themselves (on their grid, or within a
millionth of the range), not of cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.disclosure import DisclosurePolicy
from generators.encoding.people import People
from generators.encoding.quantiles import Cells, cells

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROWS = 50_000
"""Rows looked at, at most."""
FEWEST = 200
"""Rows below which nothing is chosen: cells are as fine as the policy allows."""
LEAST_CELLS = 20
"""Cells are tried as coarse as leaves so many."""
_STANDS_OUT = (np.inf, 4.0, 0.0)
"""Standard deviations by which a value must be more frequent than its neighbours to be told by itself, the plainest first; 0: any may."""
_NEIGHBOURS = 10
"""Different values on either side that a value is compared with."""
_GROWTH = 2 / 3
"""The best number of rows of a cell grows with the rows to this power (D. Freedman and P. Diaconis 1981, for a smooth density)."""
_LARGEST = 1e300


@dataclass(frozen=True)
class Fineness:
    """rows: the fewest of a stretch, but for the tails; stands_out: see `_STANDS_OUT`."""

    rows: int
    stands_out: float = 0.0


@dataclass(frozen=True, eq=False)
class Counted:
    """The rows of a column that are told by cells. found: the different values, rising; place: of each row's value among them; counts: rows
    of each; unit: the grid they lie on, None: none.
    """

    found: Values
    place: Ints
    counts: Ints
    persons: People
    unit: float | None

    @staticmethod
    def of(values: Values, persons: People, unit: float | None) -> Counted:
        """(rows,) values and whose they are."""
        found, place, counts = distinct(values)
        return Counted(found, place, counts, persons, unit)

    @cached_property
    def behind(self) -> Ints:
        """Persons of each value."""
        return self.persons.by_code(self.place, len(self.found))

    @cached_property
    def _order(self) -> Ints:
        return np.argsort(self.place, kind="stable")

    @cached_property
    def _excess(self) -> Floats:
        """By how many standard deviations (Poisson) each value has more persons than a point of the grid around it has on average."""
        at = np.arange(len(self.found))
        first, last = np.maximum(at - _NEIGHBOURS, 0), np.minimum(at + _NEIGHBOURS, len(at) - 1)
        total = np.concatenate([[0], np.cumsum(self.behind)])
        around = total[last + 1] - total[first] - self.behind
        points = (self.found[last].astype(np.float64) - self.found[first].astype(np.float64)) / (self.unit or 1.0)
        usual = around / np.maximum(points, 1.0)
        return np.asarray((self.behind - usual) / np.sqrt(np.maximum(usual, 1e-9)))

    def cells(self, fineness: Fineness, policy: DisclosurePolicy) -> Cells:
        """The cells: values that enough persons share, where they stand out, and stretches of all others."""
        atoms = self.behind >= policy.minimum
        if fineness.stands_out > 0:
            atoms &= self._excess >= fineness.stands_out
        loose = self._order[~atoms[self.place[self._order]]]
        # the widths of stretches must be numbers, too
        between = np.clip(self.found[self.place[loose]].astype(np.float64), -_LARGEST, _LARGEST)
        return cells(self.found[atoms].astype(np.float64), self.counts[atoms], between, self.persons.of(loose), policy, fineness.rows)

    def take(self, which: npt.NDArray[Any]) -> Counted:
        """Some of the rows."""
        return Counted.of(self.found[self.place[which]], self.persons.of(which), self.unit)


def chosen(here: Counted, policy: DisclosurePolicy) -> Fineness:
    """The fineness whose cells give values of persons they were not counted on the highest likelihood."""
    finest = Fineness(policy.minimum)
    if len(here.place) < FEWEST or here.persons.count < 4 * policy.minimum:
        return finest
    lot = np.random.default_rng(0x63656C6C).permutation(here.persons.room)[here.persons.numbers]
    every = np.arange(len(lot))
    looked = every if len(lot) <= ROWS else np.flatnonzero(lot < np.sort(lot)[ROWS - 1])
    sides = [here.take(looked[lot[looked] % 2 == half]) for half in (0, 1)]
    rows = min(len(side.place) for side in sides)
    if not rows:
        return finest

    def best(tried: Iterable[Fineness]) -> Fineness:
        return max(tried, key=lambda each: sum(_likelihood(a.cells(each, policy), b) for a, b in (sides, sides[::-1])))

    sizes = [policy.minimum]
    while 2 * sizes[-1] * LEAST_CELLS <= rows:
        sizes.append(2 * sizes[-1])
    # Which values stand alone is judged beside stretches of middling size: the finest are punished by themselves.
    found = best(replace(finest, rows=sizes[len(sizes) // 2], stands_out=s) for s in (_STANDS_OUT if here.unit else (0.0,)))
    found = best(replace(found, rows=size) for size in sizes)
    grown = 1.0 if found.rows == policy.minimum else (len(here.place) / rows) ** _GROWTH
    return replace(found, rows=round(found.rows * grown))


def _likelihood(made: Cells, others: Counted) -> float:
    """Mean log-likelihood of the rows of `others`, where one row more than were counted lies anywhere in the range."""
    values = np.clip(others.found.astype(np.float64), -_LARGEST, _LARGEST)
    if not len(made) or not len(values):
        return -np.inf
    low, high = min(float(made.low[0]), float(values[0])), max(float(made.high[-1]), float(values[-1]))
    unit = others.unit or (high - low) * 1e-6 or 1.0
    chance = (made.before(values + unit / 2) - made.before(values - unit / 2) + unit / (high - low + unit)) / (made.total[-1] + 1)
    return float(np.log(np.maximum(chance, 1e-300)) @ others.counts / others.counts.sum())


def distinct(values: Values) -> tuple[Values, Ints, Ints]:
    """(different values, rising; the place of each row's among them; how many rows each has)."""
    if values.dtype == np.int64 and len(values):
        least, most = int(values.min()), int(values.max())
        if most - least < 4 * len(values) + 1000:
            counts = np.bincount(values - least)
            there = np.flatnonzero(counts)
            rank = np.cumsum(counts > 0) - 1
            return there + least, rank[values - least], counts[there]
    found, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return found, place, counts
