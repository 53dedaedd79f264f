"""Who is attacked, with what, and from where: real persons the generator learned from, beside as many who were held out.

The holdout has three jobs, which must not be done by the same people: to be the control of an attack, to be what an attacker knows of
people in general, and, as the ceiling, to be rows that cannot leak. It is dealt into three parts by person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evaluation.comparison import Comparison
from evaluation.privacy import support
from evaluation.results import Incomputable, MetricResult
from evaluation.tables import nearness
from evaluation.tables.columns import Ints, Rows, SampledRows, persons
from evaluation.tables.nearness import Distances, Gower, Near, Placed
from generators.schema import ColumnSchema, Role

SHARES = (0.5, 0.25, 0.25)
"""Of the holdout: the control, what an attacker knows, what is released for the ceiling."""
CONTROL, KNOWN, FRESH = range(3)


@dataclass
class ChosenRows:
    """Some rows of `source`, by position. who: the person each is about."""

    source: Rows
    chosen: Ints
    name: str
    who: npt.NDArray[np.int32]

    @property
    def rows(self) -> int:
        return len(self.chosen)

    @property
    def further(self) -> tuple[str, ...]:
        return self.source.further

    def column(self, column: ColumnSchema) -> pa.Array:
        return self.source.column(column).take(pa.array(self.chosen))


def by_person(places: Ints, people: npt.NDArray[np.int32], size: int, draw: np.random.Generator) -> Ints:
    """The first `size` of the rows at `places`, persons in random order and each person's rows together, so that persons stay whole."""
    rank = draw.permutation(int(people.max()) + 1)[people[places]]
    return np.sort(places[np.argsort(rank, kind="stable")[:size]])


class Attacked:
    """Train and the three parts of the holdout, as points and as rows, persons whole.

    learned: of train. members: of train, as many rows as the control has. control: held out, attacked like them. known: held out, what an
    attacker knows of people in general. fresh: held out, and released in the place of synthetic rows, for the ceiling. dealt: the part of
    the holdout (of `SHARES`) each of its rows is in.
    """

    def __init__(self, c: Comparison) -> None:
        if not c.usable:
            raise Incomputable("no column can be compared")
        if not c.crowd[1]:
            raise Incomputable(f"suppressed: the holdout is about fewer than {c.policy.minimum} persons")
        self.c = c
        draw = np.random.default_rng(c.seed)
        self.dealt = np.searchsorted(np.cumsum(SHARES)[:-1], draw.random(int(c.held_out.max()) + 1), side="right")[c.held_out]
        sizes = np.bincount(self.dealt, minlength=len(SHARES))
        if min(*sizes, c.train.rows) < 2:
            raise Incomputable("the holdout is too small to be dealt into three parts")
        self.size = size = int(min(sizes[CONTROL], c.train.rows, nearness.LIMIT))

        def some(places: Ints, source: Rows, people: npt.NDArray[np.int32], most: int) -> ChosenRows:
            chosen = by_person(places, people, most, draw)
            return ChosenRows(source, chosen, source.name, people[chosen])

        def held(part: int, most: int = nearness.LIMIT) -> ChosenRows:
            return some(np.flatnonzero(self.dealt == part), c.holdout, c.held_out, most)

        self.control, self.known, self.fresh = held(CONTROL, size), held(KNOWN), held(FRESH)
        everybody = np.arange(c.train.rows)
        self.learned = some(everybody, c.train, c.people, nearness.LIMIT)
        self.members = self.learned if self.learned.rows == size else some(everybody, c.train, c.people, size)
        self.gower = Gower(c.usable, c.train)
        self._placed: dict[str, Placed] = {}
        self._near: dict[tuple[str, str], Near] = {}

    @cached_property
    def quasi_identifiers(self) -> tuple[Sequence[int], Sequence[int]]:
        """Places of the columns that others may know of a person, among numbers and among categories."""
        numeric, named = (
            [place for place, column in enumerate(columns) if column.role is Role.QUASI_IDENTIFIER]
            for columns in (self.gower.numeric, self.gower.named)
        )
        if not numeric and not named:
            raise Incomputable(f'no column of table "{self.c.table.name}" is marked as a quasi-identifier')
        return numeric, named

    def released(self, rows: Rows) -> Rows:
        """The rows that play the released ones: of the holdout, its fresh part."""
        return self.fresh if rows is self.c.holdout else SampledRows(rows, nearness.LIMIT, self.c.seed)

    def whose(self, rows: Rows) -> Ints:
        """The person each of the released rows is about; without a usable key every row is another person."""
        if rows is self.c.holdout:
            return self.fresh.who.astype(np.int64)
        released = self.released(rows)
        keyed = self.c.table.person_key not in self.c.synthetic.defects or rows is not self.c.synthetic
        return persons(released, self.c.table).astype(np.int64) if keyed else np.arange(released.rows)

    def _points(self, key: str, rows: Rows, who: npt.NDArray[np.int32] | None = None) -> Placed:
        if key not in self._placed:
            self._placed[key] = self.gower.of(rows, who)
        return self._placed[key]

    def points_of(self, rows: Rows) -> Placed:
        """The released rows as points."""
        return self._points(rows.name, self.released(rows))

    @property
    def train(self) -> Placed:
        """`learned` as points."""
        return self._points("learned", self.learned, self.learned.who)

    @property
    def equals(self) -> tuple[Placed, Placed]:
        """Members and control as points: as many rows each."""
        if self.members is self.learned:
            return self.train, self.held
        return self._points("members", self.members, self.members.who), self.held

    @property
    def held(self) -> Placed:
        """The control as points."""
        return self._points("control", self.control, self.control.who)

    def near(self, rows: Rows, side: str) -> Near:
        """Of the released rows to one side ("train", "members", "control"), both ways: of train the two nearest."""
        members, control = self.equals
        if side == "members" and members is self.train:
            side = "train"
        if (rows.name, side) not in self._near:
            among, neighbours = {"train": (self.train, 2), "members": (members, 1), "control": (control, 1)}[side]
            self._near[rows.name, side] = nearness.both_ways(self.points_of(rows), among, neighbours)
        return self._near[rows.name, side]

    @cached_property
    def others(self) -> tuple[Distances, Distances]:
        """How near the people learned from, and the control, are to other real people that an attacker knows of."""
        known = self._points("known", self.known)
        return nearness.nearest(self.train, known)[0][:, 0], nearness.nearest(self.held, known)[0][:, 0]

    @cached_property
    def own(self) -> Distances:
        """Distances of train rows among themselves."""
        return support.among_themselves(self.train)

    @property
    def sampled(self) -> str:
        return f"at most {nearness.LIMIT:,} released and train rows, {self.size:,} rows of people held out, drawn at random"

    def result(self, metric: str, measure: Callable[[Rows], float], *names: str, **more: object) -> MetricResult:
        """As `Comparison.twins`, with what was sampled."""
        kind = "column" if names else "table"
        made = min(nearness.LIMIT, self.c.synthetic.rows)
        scope = self.c.scope(kind, *names)
        given = {"n": made, "n_ceiling": self.size, "subsampled": self.sampled, "remark": self.c.left_out}
        return self.c.twins(metric, scope, measure, **{**given, **more})
