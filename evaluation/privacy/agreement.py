"""Released rows equal to a real person's row in every column: are there more of them than chance explains?

The holdout is often too small to tell: where none of its 500 rows equals a row of train, one in 5,000 might by chance, and a single copied
record would not stand out. But rows also agree in all columns but three, but two, but one; from how fast that becomes rarer among different
people of train follows how rarely two of them would agree in all. Most telling is a copy of somebody whom nobody else comes near, so
people are looked at by how near the next person comes, and what chance does to people so far from others is known from those of whom it is
true but for one other person (leaving one out, as I. J. Good and A. Turing did for species seen once, Biometrika 40, 1953).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison
from evaluation.privacy.collisions import row_hashes
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import ORDERED, Rows, categories
from generators.schema import ColumnSchema

SAMPLE = 4000
"""Rows of train compared with each other, and copied rows looked into."""
ENOUGH = 10
"""Rows that must agree in so many columns for their number to be relied on."""
SURPRISE = 0.005
"""How improbable so many copies must be before they count: at most once in 200 releases without a leak."""
_BLOCK = 1 << 17

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """How many rows of a sample of train agree with rows of other persons.

    best, second: in how many of `columns` columns each row agrees with the two other rows most like it, shape (sample,). rows: of train.
    """

    best: Ints
    second: Ints
    columns: int
    rows: int

    def expected(self, released: int, alone: int) -> float:
        """How many of so many released rows equal, by chance, a row of train that agrees with no other person's in more than
        columns − alone columns; rather too many than too few.

        Each further column divides the number of rows that agree by at least what the last well-known step divided it by (such numbers are
        log-concave where columns are not copies of each other). Rows that do equal another person's count in any case.
        """
        size, whole = len(self.best), self.columns
        here = self.best[self.second <= whole - alone]
        counts = np.bincount(here, minlength=whole + 1)[::-1].cumsum()[::-1]
        if counts[0] < ENOUGH:
            return np.inf
        known = int(np.flatnonzero(counts >= ENOUGH)[-1])
        chance = float(counts[whole]) + 3 * float(np.sqrt(counts[whole]))
        if known < whole:
            step = (counts[known] + 2 * np.sqrt(counts[known])) / counts[known - 1] if known else 1.0
            chance = max(chance, float(counts[known]) * min(1.0, float(step)) ** (whole - known))
        return chance / size * released * self.rows / size


def agreement(codes: Sequence[npt.NDArray[np.uint32]], people: npt.NDArray[np.int32], chosen: Ints) -> Agreement:
    """How well the `chosen` rows agree with each other, other persons' alone. codes: of every column, shape (rows,)."""
    best, second = _closest(codes, people, chosen, chosen)
    return Agreement(best, second, len(codes), len(people))


def _closest(codes: Sequence[npt.NDArray[np.uint32]], people: npt.NDArray[np.int32], points: Ints, among: Ints) -> tuple[Ints, Ints]:
    """In how many columns each of `points` agrees with the two rows of `among` most like it that are about other persons."""
    best, second = np.zeros(len(points), np.int64), np.zeros(len(points), np.int64)
    if len(among) < 2:
        return best, second
    ours, theirs = [c[points] for c in codes], [c[among] for c in codes]
    step = max(1, _BLOCK // len(among))
    for first in range(0, len(points), step):
        here = slice(first, min(first + step, len(points)))
        equal = np.zeros((here.stop - first, len(among)), np.uint8 if len(codes) < 256 else np.uint16)
        for mine, other in zip(ours, theirs, strict=True):
            equal += mine[here, None] == other[None, :]
        equal[people[points[here], None] == people[None, among]] = 0
        top = np.partition(equal, -2, axis=1)[:, -2:]
        best[here], second[here] = top[:, 1], top[:, 0]
    return best, second


class Copies:
    """The rows of train, ready to be told which released rows equal one, and whether chance explains it."""

    def __init__(self, train: Rows, columns: Sequence[ColumnSchema], people: npt.NDArray[np.int32], seed: int) -> None:
        self.columns, self._people = tuple(columns), people
        self._codes = [_coded(column, train) for column in columns]
        self._hashes = row_hashes(train, columns)
        draw = np.random.default_rng(seed)
        self._draw = np.sort(draw.permutation(train.rows)[:SAMPLE]).astype(np.int64)
        self.known = agreement(self._codes, people, self._draw)

    def unexplained(self, released: Rows) -> tuple[int, float]:
        """(how many released rows equal a row of train where chance gives so many less often than `SURPRISE`, else 0; how probable the most
        surprising of them are by chance, 1 without any).
        """
        from scipy.stats import poisson

        hashes, repeats = np.unique(row_hashes(released, self.columns), return_counts=True)
        place = np.minimum(np.searchsorted(hashes, self._hashes), len(hashes) - 1)
        equal = np.flatnonzero(hashes[place] == self._hashes) if len(hashes) else np.empty(0, np.int64)
        if not len(equal):
            return 0, 1.0
        # of equal rows of train one, of very many copies some: the rest is left out, which only makes them fewer
        equal = equal[np.unique(self._hashes[equal], return_index=True)[1]][:SAMPLE]
        times = repeats[place[equal]]
        best, _ = _closest(self._codes, self._people, equal, self._draw)
        least, found = 1.0, 0
        for alone in range(len(self.columns) + 1):
            copies = int(times[best <= len(self.columns) - alone].sum())
            if not copies:
                break
            by_chance = float(poisson.sf(copies - 1, self.known.expected(released.rows, alone)))
            least = min(least, by_chance)
            if by_chance < SURPRISE:
                found = max(found, copies)
        return found, least


def copies(c: Comparison) -> list[MetricResult]:
    """Copies that chance does not explain, on all columns that can be compared; two at least, or nothing can be told."""
    if len(c.usable) < 2:
        raise Incomputable("too few columns to tell a copy from chance")
    known = Copies(c.train, c.usable, c.people, c.seed)
    sampled = f"{len(known.known.best):,} rows of train looked into" if c.train.rows > SAMPLE else None
    return [
        c.twins("unexplained_copies", c.scope(), lambda rows: float(known.unexplained(rows)[0]), subsampled=sampled, remark=c.left_out),
    ]


def _coded(column: ColumnSchema, rows: Rows) -> npt.NDArray[np.uint32]:
    """The column as whole numbers, equal where values are; missing is a value."""
    codes, values = categories(rows.column(column))
    if column.kind in ORDERED and values and isinstance(values[0], float):
        merged = np.unique(np.array(values) + 0.0, return_inverse=True)[1]  # minus zero is the same number; all NaN are one value
        codes = np.append(merged, len(values))[codes]
    return np.asarray(codes, np.int64).astype(np.uint32)
