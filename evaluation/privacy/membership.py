"""Membership inference: can it be told of a real person whether the generator learned from them? Persons held out are the control.

Persons are attacked, not rows: of a person with several rows the most telling one counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.intervals import area, wilson
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats
from evaluation.tables.nearness import Distances

FALSE_POSITIVES = 0.01
"""The attacker may accuse one in a hundred of those who were not there."""
SMALLEST = 1e-3
"""Distances much smaller than this are equally small."""
POINTS = 50
"""Points of a curve that is drawn."""
_LEAST = 50


@dataclass(frozen=True)
class Attack:
    """auc: 0.5 guessing … 1, with its 95 % interval. caught: share of members found at one false alarm in a hundred, with its interval.

    members, others: persons attacked. curve: (false positive rates, true positive rates), 0 … 1, each step about several persons.
    """

    auc: float
    interval: tuple[float, float]
    caught: float
    caught_interval: tuple[float, float]
    members: int
    others: int
    curve: tuple[Floats, Floats]


def by_person(scores: Floats, who: npt.NDArray[np.int32]) -> Floats:
    """The highest score of each person."""
    people, inverse = np.unique(who, return_inverse=True)
    found = np.full(len(people), -np.inf)
    np.maximum.at(found, inverse, scores)
    return found


def scored(members: Floats, others: Floats, *, minimum: int = 1) -> Attack:
    """The attack from a score for each member and each other person: higher means "was there".

    minimum: persons behind each step of the curve. Raises Incomputable for fewer than 50 persons on either side.
    """
    from sklearn.metrics import roc_auc_score

    if min(len(members), len(others)) < _LEAST:
        raise Incomputable(f"fewer than {_LEAST} people to attack")
    truth = np.repeat([1, 0], [len(members), len(others)])
    auc = float(roc_auc_score(truth, np.concatenate((members, others))))
    found, interval = caught(members, others)
    return Attack(auc, area(auc, len(others), len(members)), found, interval, len(members), len(others), curve(members, others, minimum))


def caught(members: Floats, others: Floats, rate: float = FALSE_POSITIVES) -> tuple[float, tuple[float, float]]:
    """Share of members that are accused where that share of people who were not there would be, with its 95 % interval; ties count as not
    accused. Without a leak it is `rate` on average.

    Source: N. Carlini and others, Membership Inference Attacks From First Principles (2022). The threshold lies at the place rate × (others
    + 1) among the others' scores, between two of them in proportion. The interval joins two uncertainties, of the share of members (Wilson)
    and of the threshold, which is known from the others only: what share it truly accuses follows a beta distribution (G. Y. Zou and
    A. Donner 2008).
    """
    from scipy.stats import beta

    ordered, mine = np.sort(others)[::-1], np.sort(members)
    above = np.append(0.0, (len(mine) - np.searchsorted(mine, ordered, side="right")) / len(mine))

    def accused(place: float) -> float:
        """Share of members above the threshold that lets so many of the others through."""
        return float(np.interp(place, np.arange(len(above)), above))

    place = rate * (len(others) + 1)
    share = accused(place)
    low, high = wilson(share * len(members), len(members))
    most = float(beta.ppf(0.975, place, len(others) + 1 - place))
    # below, as a difference of two shares (Newcombe 1998, method 10): no threshold stricter than the most suspicious of the others is known
    down, up = float(np.hypot(share - low, most - rate)), float(np.hypot(high - share, accused(place * most / rate) - share))
    return share, (max(0.0, share - down), min(1.0, share + up))


def curve(members: Floats, others: Floats, minimum: int) -> tuple[Floats, Floats]:
    """The ROC curve in at most 50 even steps of the false positive rate, each about `minimum` persons or more."""
    steps = max(1, min(POINTS - 1, len(others) // max(1, minimum)))
    rates = np.linspace(0, 1, steps + 1)
    thresholds = np.quantile(others, 1 - rates[1:-1], method="higher")
    inner = [float((members > threshold).mean()) for threshold in thresholds]
    return rates, np.array([0.0, *inner, 1.0])


def ratio(released: Distances, others: Distances) -> Floats:
    """How much nearer a released row is than other real people are: the logarithm of a ratio of densities, each from the distance to the
    nearest row (D. O. Loftsgaarden and C. P. Quesenberry 1965), as B. van Breugel and others score membership (DOMIAS, 2023).
    """
    return np.log((others.astype(np.float64) + SMALLEST) / (released.astype(np.float64) + SMALLEST))
