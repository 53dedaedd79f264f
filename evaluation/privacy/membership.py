"""Membership inference: can it be told of a real person whether the generator learned from them? Persons held out are the control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.intervals import area, wilson
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats, Rows
from evaluation.tables.features import Features
from evaluation.tables.nearness import Placed, nearest

FALSE_POSITIVES = 0.01
"""The attacker may accuse one in a hundred of those who were not there."""
_LEAST = 50


@dataclass(frozen=True)
class Attack:
    """auc: 0.5 guessing … 1, with its 95 % interval. caught: share of members found at one false alarm in a hundred, with its interval.

    members, others: rows attacked.
    """

    auc: float
    interval: tuple[float, float]
    caught: float
    caught_interval: tuple[float, float]
    members: int
    others: int


def scored(members: Floats, others: Floats) -> Attack:
    """The attack from a score for each member and each other row: higher means "was there".

    caught: with the threshold set on the others, ties counted as not caught. Source: N. Carlini and others, Membership Inference
    Attacks From First Principles (2022). Raises Incomputable for fewer than 50 rows on either side.
    """
    from sklearn.metrics import roc_auc_score

    if min(len(members), len(others)) < _LEAST:
        raise Incomputable(f"fewer than {_LEAST} people to attack")
    truth = np.repeat([1, 0], [len(members), len(others)])
    auc = float(roc_auc_score(truth, np.concatenate((members, others))))
    threshold = float(np.quantile(others, 1 - FALSE_POSITIVES, method="higher"))
    found = int((members > threshold).sum())
    interval = area(auc, len(others), len(members))
    return Attack(auc, interval, found / len(members), wilson(found, len(members)), len(members), len(others))


def by_distance(members: Placed, others: Placed, synthetic: Placed) -> Attack:
    """An attacker who has the released rows alone: whoever lies nearest to one of them was there."""
    return scored(*(-nearest(side, synthetic)[0][:, 0].astype(np.float64) for side in (members, others)))


def by_density(features: Features, members: Rows, others: Rows, synthetic: Rows, reference: Rows, *, seed: int) -> Attack:
    """An attacker who also has other real people (`reference`): whoever is likelier among released rows than among them was there.

    The ratio of densities is that of a classifier between released and reference rows (B. van Breugel and others, DOMIAS, 2023).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    size = min(synthetic.rows, reference.rows)
    if size < _LEAST:
        raise Incomputable(f"fewer than {_LEAST} rows to learn from")
    draw = np.random.default_rng(seed)
    sides = [features.of(side)[draw.choice(side.rows, size, replace=False)] for side in (synthetic, reference)]
    model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, early_stopping=False, random_state=seed)
    with threadpool_limits(1):
        model.fit(np.vstack(sides), np.repeat([1, 0], size))
        scores: list[npt.NDArray[np.float64]] = [model.decision_function(features.of(side)) for side in (members, others)]
    return scored(*scores)
