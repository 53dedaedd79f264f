"""The most exposed people, a hundred at least, attacked one by one beside the same share of those held out: how many could be recognised,
without showing them.

Somebody is exposed whose values are rare among real people. Whoever knows all other people the generator learned from asks of each of the
hundred: does a released row lie nearer than anybody else does? Where the generator kept nothing of single people, the most exposed of those
held out look just the same; they set the threshold, one false alarm in a hundred of them, or beyond all of them where they are fewer.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison
from evaluation.definitions import rounded
from evaluation.intervals import wilson
from evaluation.privacy import membership
from evaluation.privacy.attacked import FRESH, Attacked, ChosenRows
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.columns import Floats, Ints, Rows, SampledRows
from evaluation.tables.nearness import Distances, nearest
from evaluation.work import Work

MOST = 100
"""People learned from who are attacked, at least."""
FEWEST = 50
"""With fewer people on a side there is no attack worth the name."""
SEARCHED = 200_000
"""Rows, released and real, among which the nearest is looked for."""


class Exposed:
    """Whom to attack, of each person the most exposed row. learned, held: rows of train, and of the holdout without its fresh part.

    Raises Incomputable where too few people are on a side.
    """

    def __init__(self, w: Work) -> None:
        self.c, self.a = c, a = w.c, w.shared(Attacked)
        train, holdout = surprise(w.shared(Coded), c)
        learned = _ordered(train, c.people, np.arange(c.train.rows))
        held = _ordered(holdout, c.held_out, np.flatnonzero(a.dealt != FRESH))
        least = max(FEWEST, c.policy.minimum)
        # The same share of either side: the hundred rarest of eight hundred people are rarer than the hundred rarest of two hundred, and
        # who is rarer is recognised more easily among rows that nobody was learned from, too.
        share = max(MOST / max(1, len(learned)), least / max(1, len(held)))
        learned, held = (side[: math.ceil(share * len(side) - 1e-9)] for side in (learned, held))
        if min(len(learned), len(held)) < least:
            raise Incomputable(f"fewer than {least} people to attack")
        self.learned = ChosenRows(c.train, learned, "train", c.people[learned])
        self.held = ChosenRows(c.holdout, held, "holdout", c.held_out[held])
        self._points = tuple(a.gower.of(rows) for rows in (self.learned, self.held))

    def away(self, rows: Rows) -> tuple[Distances, Distances]:
        """How far the nearest of `rows` is from each person attacked: of those learned from, of those held out."""
        placed = self.a.gower.of(rows)
        first, second = (nearest(points, placed)[0][:, 0] for points in self._points)
        return first, second

    def others(self) -> ChosenRows:
        """Rows of everybody else the generator learned from. Raises Incomputable where there is nobody."""
        c = self.c
        rest = np.flatnonzero(~np.isin(c.people, self.learned.who))
        if not len(rest):
            raise Incomputable("there is nobody else to compare with")
        rest = np.sort(np.random.default_rng([c.seed, MOST]).permutation(rest)[:SEARCHED])
        return ChosenRows(c.train, rest, "train", c.people[rest])


def surprise(coded: Coded, c: Comparison) -> tuple[Floats, Floats]:
    """How rare the values of each row of train, and of the holdout, are: the mean over columns of −log of their share of real rows.

    Shares are those of both sides together, so that a row counts itself on either.
    """
    train, holdout = coded.of(c.train), coded.of(c.holdout)
    found = np.zeros(train.rows), np.zeros(holdout.rows)
    for coder in coded.coders:
        ours, theirs = train.codes[coder.column.name], holdout.codes[coder.column.name]
        counts = np.bincount(ours, minlength=coder.size) + np.bincount(theirs, minlength=coder.size)
        rarity = -np.log(np.maximum(counts, 1) / counts.sum()) / len(coded.coders)
        for total, codes in zip(found, (ours, theirs), strict=True):
            total += rarity[codes]
    return found


def _ordered(surprising: Floats, people: npt.NDArray[np.int32], places: Ints) -> Ints:
    """Of the rows at `places`, the most surprising row of each person, most surprising first."""
    order = places[np.argsort(-surprising[places], kind="stable")]
    return order[np.sort(np.unique(people[order], return_index=True)[1])]


def recognised(w: Work) -> list[MetricResult]:
    """How many of the most exposed could be recognised by who knows everybody else."""
    exposed = Exposed(w)
    c, a = exposed.c, exposed.a
    rest = exposed.others()
    others = exposed.away(rest)
    made: dict[str, tuple[float, tuple[float, float]]] = {}

    def share(rows: Rows) -> float:
        released = a.fresh if rows is c.holdout else SampledRows(rows, SEARCHED, c.seed)
        scores = [membership.ratio(mine, known) for mine, known in zip(exposed.away(released), others, strict=True)]
        # of fewer than a hundred there is no hundredth part: the threshold is the most striking of them
        made[rows.name] = membership.caught(scores[0], scores[1], max(membership.FALSE_POSITIVES, 1 / (len(scores[1]) + 1)))
        return made[rows.name][0]

    attacked, controls = len(exposed.learned.who), len(exposed.held.who)
    searched = max(c.synthetic.rows, rest.rows) >= SEARCHED
    found = c.twins(
        "exposed_recognised",
        c.scope(),
        share,
        n=attacked,
        n_ceiling=controls,
        subsampled=f"at most {SEARCHED:,} released and real rows, drawn at random" if searched else None,
    )
    mine = made.get(c.synthetic.name)
    if mine is None or found.value is None:
        return [found]
    return [replace(found, interval=rounded(mine[1]), remark=told(found.value, attacked, controls))]


def told(share: float, attacked: int, controls: int) -> str:
    """The result in words."""
    accused = int(controls * membership.FALSE_POSITIVES + 1e-9)
    alarms = "none" if not accused else f"{accused}"
    by_chance = wilson(accused + 1, controls + 1)[1] * attacked
    beyond = "" if share * attacked > by_chance else ": no more than chance explains"
    return (
        f"about {share * attacked:.0f} of the {attacked} most exposed people learned from could be recognised, at a threshold that wrongly "
        f"accuses {alarms} of the {controls} most exposed people never seen{beyond}"
    )
