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
Z = 2.2414
"""97.5 % of a normal variable lie within: the stronger of two attacks is told, so each gets half of the 5 % (C. Bonferroni 1936)."""


@dataclass(frozen=True)
class Membership:
    """How well those learned from are told from others. area: under the ROC curve, 0.5 is guessing, 1 certainty; low, high: 95 % interval.

    members, others: persons of either side. attack: "surprise", or "surprise beyond the usual" where that was stronger.
    """

    area: float
    low: float
    high: float
    members: int
    others: int
    attack: str = "surprise"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> Membership:
        """What `as_dict` gave."""
        return Membership(
            float(raw["area"]), float(raw["low"]), float(raw["high"]), int(raw["members"]), int(raw["others"]), str(raw["attack"])
        )


def membership(model: Model, learned: CodedRows, held_out: CodedRows, *, seed: int = 0) -> Membership | None:
    """The attack of somebody who has the model: those whose rows surprise it less were learned from.

    By person, over the mean of the person's rows (S. Yeom et al., Privacy risk in machine learning, 2018). A second attack takes off what
    the rows would surprise somebody who knows each column by itself (L. Watson et al., difficulty calibration, 2022): rare is not the same
    as not learned. The stronger is told. Persons drawn from `seed` where there are more than are needed. None where the model has no
    surprise, or fewer than 20 persons are on a side.
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
    usual_in, usual_out = _usual(inside, outside)
    attacks = {
        "surprise": (_by_person(sure, inside), _by_person(unsure, outside)),
        "surprise beyond the usual": (_by_person(sure - usual_in, inside), _by_person(unsure - usual_out, outside)),
    }
    areas = {name: area(low, high) for name, (low, high) in attacks.items()}
    best = max(areas, key=lambda name: areas[name])
    low, high = interval(areas[best], members, others)
    return Membership(areas[best], low, high, members, others, best)


def area(members: Floats, others: Floats) -> float:
    """How often a member surprises less than somebody else, ties halved (the statistic of Mann and Whitney): 0.5 is guessing.

    What is not a number surprises most.
    """
    ranks = rankdata(np.nan_to_num(np.concatenate([others, members]), nan=np.inf))
    n, m = len(others), len(members)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def interval(found: float, members: int, others: int) -> tuple[float, float]:
    """Interval of an area under the ROC curve: J. Hanley and B. McNeil, Radiology 143 (1982), eq. 2, at the level of `Z`."""
    q1, q2 = found / (2 - found), 2 * found**2 / (1 + found)
    variance = found * (1 - found) + (members - 1) * (q1 - found**2) + (others - 1) * (q2 - found**2)
    half = Z * math.sqrt(max(0.0, variance) / (members * others))
    return max(0.0, found - half), min(1.0, found + half)


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


def _usual(inside: CodedRows, outside: CodedRows) -> tuple[Floats, Floats]:
    """What the rows of both sides surprise somebody who knows how frequent each code of each generated part is, on both sides alike."""
    found = np.zeros(inside.rows), np.zeros(outside.rows)
    for i in range(inside.given, len(inside.parts)):
        said = [applies(rows.codes, rows.parts, i) for rows in (inside, outside)]
        share = np.full(inside.parts[i].size, 0.5)
        for rows, which in zip((inside, outside), said, strict=True):
            share += np.bincount(rows.codes[which, i], minlength=len(share)) / max(1, rows.rows) * outside.rows
        bits = -np.log(share / share.sum())
        for total, rows, which in zip(found, (inside, outside), said, strict=True):
            total += np.where(which, bits[rows.codes[:, i]], 0.0)
    return found
