"""Measures of what the released rows tell about the people the generator learned from, each beside people who were held out.

The holdout has three jobs, which must not be done by the same people: to be the control of an attack, to be what an attacker knows of
people in general, and, as the ceiling, to be rows that cannot leak. It is dealt into three parts by person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from evaluation.comparison import Comparison
from evaluation.definitions import rounded
from evaluation.privacy import anonymity, attacks, membership, support
from evaluation.results import Incomputable, MetricResult
from evaluation.tables import nearness
from evaluation.tables.columns import Ints, Rows, SampledRows
from evaluation.tables.features import Features
from evaluation.tables.nearness import Gower, Placed
from generators.schema import ColumnSchema, Role

SECRETS = 5
"""Sensitive columns whose inference is tried."""


@dataclass
class ChosenRows:
    """Some rows of `source`, by position."""

    source: Rows
    chosen: Ints
    name: str

    @property
    def rows(self) -> int:
        return len(self.chosen)

    @property
    def further(self) -> tuple[str, ...]:
        return self.source.further

    def column(self, column: ColumnSchema) -> pa.Array:
        return self.source.column(column).take(pa.array(self.chosen))


class Attacked:
    """Who is attacked with what: train, and the three parts of the holdout, as points and as rows; equally many of each."""

    def __init__(self, c: Comparison) -> None:
        if not c.usable:
            raise Incomputable("no column can be compared")
        if not c.crowd[1]:
            raise Incomputable(f"suppressed: the holdout is about fewer than {c.policy.minimum} persons")
        self.c = c
        draw = np.random.default_rng(c.seed)
        part = draw.integers(0, 3, int(c.held_out.max()) + 1)[c.held_out]
        sizes = [int((part == place).sum()) for place in range(3)]
        size = min(*sizes, c.train.rows, nearness.LIMIT)
        if size < 2:
            raise Incomputable("the holdout is too small to be dealt into three parts")

        def some(places: Ints, name: str, source: Rows) -> ChosenRows:
            return ChosenRows(source, np.sort(draw.permutation(places)[:size]), name)

        self.size = size
        self.control, self.known, self.fresh = (some(np.flatnonzero(part == place), "holdout", c.holdout) for place in range(3))
        self.members = some(np.arange(c.train.rows), "train", c.train)
        self.gower = Gower(c.usable, c.train)
        self._placed: dict[str, Placed] = {}

    @cached_property
    def features(self) -> Features:
        return Features(self.c.usable, self.c.train)

    def released(self, rows: Rows) -> Rows:
        """The rows that play the released ones: of the holdout, its fresh part."""
        return self.fresh if rows is self.c.holdout else SampledRows(rows, nearness.LIMIT, self.c.seed)

    def points(self, key: str, rows: Rows) -> Placed:
        if key not in self._placed:
            self._placed[key] = self.gower.of(rows)
        return self._placed[key]

    def sides(self, rows: Rows) -> tuple[Placed, Placed, Placed]:
        """(released, train, control) as points."""
        released = self.points(rows.name, self.released(rows))
        return released, self.points("members", self.members), self.points("control", self.control)

    @property
    def sampled(self) -> str:
        return f"at most {nearness.LIMIT:,} released and {self.size:,} real rows a side, drawn at random"

    def result(self, metric: str, measure: Callable[[Rows], float], *names: str, **more: object) -> MetricResult:
        kind = "column" if names else "table"
        made = min(nearness.LIMIT, self.c.synthetic.rows)
        scope = self.c.scope(kind, *names)
        return self.c.twins(metric, scope, measure, n=made, n_ceiling=self.size, subsampled=self.sampled, remark=self.c.left_out, **more)


def distances(a: Attacked) -> list[MetricResult]:
    """Whether released rows lie nearer to train than to people held out, and on single real rows; authenticity, precision, recall."""
    return [
        a.result("nearer_to_train", lambda rows: nearness.nearer_to_train(*a.sides(rows))),
        a.result("nearest_ratio", lambda rows: nearness.ratio(*a.sides(rows)[:2])),
        a.result("authenticity", lambda rows: support.authenticity(*a.sides(rows)[:2])),
        a.result("alpha_precision", lambda rows: support.precision(*a.sides(rows)[:2])),
        a.result("beta_recall", lambda rows: support.recall(*a.sides(rows)[:2])),
    ]


def memberships(a: Attacked) -> list[MetricResult]:
    """Membership inference by who has the released rows alone, and by who has other real people besides."""
    found = []
    levels: tuple[tuple[str, Callable[[Rows], membership.Attack]], ...] = (
        ("distance", lambda rows: membership.by_distance(*_ordered(a.sides(rows)))),
        (
            "density",
            lambda rows: membership.by_density(a.features, a.members, a.control, a.released(rows), a.known, seed=a.c.seed),
        ),
    )
    for level, attack in levels:
        made: dict[str, membership.Attack] = {}

        def once(rows: Rows, made=made, attack=attack) -> membership.Attack:  # type: ignore[no-untyped-def]
            if rows.name not in made:
                made[rows.name] = attack(rows)
            return made[rows.name]  # type: ignore[no-any-return]

        auc = a.result(f"membership_{level}_auc", lambda rows, once=once: once(rows).auc)  # type: ignore[misc]
        caught = a.result(f"membership_{level}_caught", lambda rows, once=once: once(rows).caught)  # type: ignore[misc]
        mine = made.get(a.c.synthetic.name)
        if mine is not None and auc.value is not None:
            auc, caught = replace(auc, interval=rounded(mine.interval)), replace(caught, interval=rounded(mine.caught_interval))
        found += [auc, caught]
    return found


def _ordered(sides: tuple[Placed, Placed, Placed]) -> tuple[Placed, Placed, Placed]:
    released, members, others = sides
    return members, others, released


def risks(a: Attacked) -> list[MetricResult]:
    """Singling out, linkability, and inference of each sensitive column."""
    seed = a.c.seed
    found = [
        _risk(a, "singling_out", lambda rows: attacks.singling_out(*a.sides(rows), seed=seed)),
        _risk(a, "linkability", lambda rows: attacks.linkability(*a.sides(rows), seed=seed)),
    ]
    columns = [*a.gower.numeric, *a.gower.named]
    secrets = [place for place, column in enumerate(columns) if column.role is Role.SENSITIVE][:SECRETS]
    for place in secrets:
        found.append(
            _risk(a, "inference", lambda rows, place=place: attacks.inference(*a.sides(rows), place, seed=seed), columns[place].name)  # type: ignore[misc]
        )
    return found


def _risk(a: Attacked, metric: str, attack: Callable[[Rows], attacks.Risk], *names: str) -> MetricResult:
    made: dict[str, attacks.Risk] = {}

    def measure(rows: Rows) -> float:
        made[rows.name] = attack(rows)
        return made[rows.name].value

    found = a.result(metric, measure, *names)
    mine = made.get(a.c.synthetic.name)
    if mine is None or found.value is None:
        return found
    remark = f"{mine.attack:.1%} of {mine.attacks:,} attacks on people learned from succeed, {mine.control:.1%} on people held out"
    if mine.naive is not None:
        remark += f", {mine.naive:.1%} of guesses without the released rows"
        if mine.attack <= mine.naive:
            remark += ": no better than guessing"
    return replace(found, interval=rounded(mine.interval), n=mine.attacks, remark=remark)


def anonymous(c: Comparison) -> list[MetricResult]:
    """k-anonymity of the released rows on quasi-identifiers, and those alone that match a real person alone."""
    columns = anonymity.quasi_identifiers(c.table, c.usable)
    found: dict[str, anonymity.Uniques] = {}

    def uniques(rows: Rows) -> anonymity.Uniques:
        if rows.name not in found:
            found[rows.name] = anonymity.uniques(rows, c.train, c.people, columns)
        return found[rows.name]

    remark = f"by {', '.join(column.name for column in columns)}"
    return [
        c.twins("matching_uniques", c.scope(), lambda rows: uniques(rows).matching, remark=remark),
        c.twins("uniques", c.scope(), lambda rows: uniques(rows).alone, remark=remark),
    ]
