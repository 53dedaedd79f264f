"""What a fitted model remembers: how well somebody who has the model itself can tell who was learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from generators.encoding.coded import CodedRows, applies
from generators.learning.model import Model

Floats = npt.NDArray[np.float64]

FEWEST = 20
"""Persons on either side below which nothing is measured."""
MOST = 20_000
"""Persons of either side that are asked for their surprise."""
MEMBERS = 4
"""So many persons learned from for each held out: they cost nothing but time, and the interval narrows."""
Z = 1.96


@dataclass(frozen=True)
class Membership:
    """How well those learned from are told from others. area: under the ROC curve, 0.5 is guessing, 1 certainty; low, high: 95 % interval.

    members, others: persons of either side. informed: the area, low and high for somebody who knows besides how frequent each value is
    among other people of the same kind. In tables of many columns and few persons that tells something of everybody even from the bare
    frequencies of the columns (N. Homer et al. 2008), which are released as such: it says what a release can tell at all.
    """

    area: float
    low: float
    high: float
    members: int
    others: int
    informed: tuple[float, float, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Membership:
        """What `as_dict` gave."""
        area, low, high = (float(x) for x in raw["informed"])
        found = Membership(
            float(raw["area"]), float(raw["low"]), float(raw["high"]), int(raw["members"]), int(raw["others"]), (area, low, high)
        )
        return found


def membership(model: Model, learned: CodedRows, held_out: CodedRows, *, seed: int = 0) -> Membership | None:
    """The attack of somebody who has the model: those whose rows surprise it less were learned from.

    By person, over the mean of the person's rows (S. Yeom et al., Privacy risk in machine learning, 2018). The informed attack takes off
    what the rows would surprise somebody who knows each column by itself (L. Watson et al., difficulty calibration, 2022): rare is not the
    same as not learned. Persons are drawn from `seed` where there are more than are needed. None where the model has no surprise, or fewer
    than 20 persons are on a side.
    """
    rng = np.random.default_rng([seed, 0x6D656D])
    outside = drawn(held_out, MOST, rng)
    others = len(np.unique(outside.persons))
    inside = drawn(learned, min(MOST, MEMBERS * others), rng)
    members = len(np.unique(inside.persons))
    if min(members, others) < FEWEST:
        return None
    sure, unsure = model.surprise(inside.codes), model.surprise(outside.codes)
    if sure is None or unsure is None:
        return None
    usual_in, usual_out = _usual((inside, outside), rng)
    usual = _by_person(usual_in, inside), _by_person(usual_out, outside)
    alone = _measured((_by_person(sure, inside), _by_person(unsure, outside)), usual)
    informed = _measured((_by_person(sure - usual_in, inside), _by_person(unsure - usual_out, outside)), usual)
    return Membership(*alone, members, others, informed)


def area(members: Floats, others: Floats) -> float:
    """How often a member surprises less than somebody else, ties halved (the statistic of Mann and Whitney): 0.5 is guessing.

    What is not a number surprises most.
    """
    return float(_placed(members, others)[1].mean())


def _placed(members: Floats, others: Floats) -> tuple[Floats, Floats]:
    """By member the share of others that surprise more, by other the share of members that surprise less."""
    everybody = np.nan_to_num(np.concatenate([others, members]), nan=np.inf)
    ranks, n, m = rankdata(everybody), len(others), len(members)
    return 1 - (ranks[n:] - rankdata(everybody[n:])) / n, (ranks[:n] - rankdata(everybody[:n])) / m


def _measured(scores: tuple[Floats, Floats], usual: tuple[Floats, Floats]) -> tuple[float, float, float]:
    """Area and its 95 % interval, of members' and others' scores, freed of the luck of who was held out.

    How usual somebody is says nothing of having been learned from, so that its own area is 0.5 but for that luck: what the area of the
    scores shares with it is taken off (a control variate). Variances and covariance: E. DeLong et al., Biometrics 44 (1988), eq. 5 and 6.
    """
    (mine, theirs), (control, controls) = _placed(*scores), _placed(*usual)
    of_members, of_others = np.cov(mine, control) / len(mine), np.cov(theirs, controls) / len(theirs)
    spread = of_members + of_others
    share = spread[0, 1] / spread[1, 1] if spread[1, 1] > 0 else 0.0
    found = float(np.clip(theirs.mean() - share * (controls.mean() - 0.5), 0.0, 1.0))
    half = Z * math.sqrt(max(0.0, float(spread[0, 0] - share * spread[0, 1])))
    return found, max(0.0, found - half), min(1.0, found + half)


def bound(epsilon: float, delta: float) -> float:
    """The highest area under the ROC curve that anybody can reach against an (ε, δ)-differentially private fit: 1 − (1 − δ)² / (1 + e^ε).

    The area under the region of P. Kairouz, S. Oh and P. Viswanath, The composition theorem for differential privacy (2015), section 2.
    """
    return 1 - (1 - delta) ** 2 / (1 + math.exp(epsilon))


def epsilon_for(most: float, delta: float) -> float:
    """The ε at which `bound` is `most`; 0 or less: there is none."""
    within = (1 - delta) ** 2 / (1 - most) - 1 if most < 1 else math.inf
    return math.log(within) if within > 0 else 0.0


def drawn(rows: CodedRows, most: int, rng: np.random.Generator) -> CodedRows:
    """The rows of at most so many persons, drawn at random."""
    persons = np.unique(rows.persons)
    if len(persons) <= most:
        return rows
    return rows.take(np.isin(rows.persons, rng.choice(persons, most, replace=False)))


def _by_person(values: Floats, rows: CodedRows) -> Floats:
    _, person = np.unique(rows.persons, return_inverse=True)
    found: Floats = np.bincount(person, weights=np.nan_to_num(values, nan=1e9, posinf=1e9, neginf=-1e9)) / np.bincount(person)
    return found


def _usual(sides: tuple[CodedRows, CodedRows], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """What the rows of both sides surprise somebody who knows how frequent each code of each generated part is.

    Half of the persons of both sides say it of the other half: what is known must not come from the very persons it is used on, or it would
    give away the side with fewer of them.
    """
    halves = [rng.random(int(rows.persons.max()) + 1)[rows.persons] < 0.5 for rows in sides]
    found = np.zeros(sides[0].rows), np.zeros(sides[1].rows)
    for i in range(sides[0].given, len(sides[0].parts)):
        said = [applies(rows.codes, rows.parts, i) for rows in sides]
        for first in (True, False):
            share = np.full(sides[0].parts[i].size, 0.5)
            for rows, half, which in zip(sides, halves, said, strict=True):
                share += np.bincount(rows.codes[which & (half == first), i], minlength=len(share))
            nats = -np.log(share / share.sum())
            for total, rows, half, which in zip(found, sides, halves, said, strict=True):
                asked = which & (half != first)
                total[asked] += nats[rows.codes[asked, i]]
    return found
