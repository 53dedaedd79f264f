"""Train on synthetic, test on real: the same model learned from each side and scored on the same people who were held out.

Trained on train it is the ceiling (TRTR), on the shuffle the floor. (C. Esteban and others 2017: TSTR.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.comparison import reason
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats, Rows, SampledRows
from evaluation.tables.features import Features, splittable
from evaluation.utility import scores
from evaluation.utility.outcomes import Outcome, known, outcome_of
from evaluation.utility.regression import Design, proportional_hazards
from evaluation.utility.scores import Score
from evaluation.utility.tasks import CLASSIFICATION, REGRESSION, SURVIVAL, Task
from evaluation.work import Work

LIMIT, PROPOSED, SURVIVORS = 20_000, 5_000, 4_000
"""Rows to train and to test on: of a chosen target, of one that was proposed, of survival (pairs of rows are compared)."""
TREES, ROUNDS, LEAF = 30, 40, 5
"""Trees of a forest, rounds of boosting, rows in a leaf of a forest at least."""
HALVES = ("one half of train", "the other half")
"""Sides of the bias audit alone: how much two models differ that learned from different real people."""
WEIGHT = 1.0
"""The penalty of proportional hazards that predict."""


@dataclass(frozen=True)
class Trial:
    """One task tried. truth: the outcome of the rows tested on (shape as `Outcome.of`, none unknown). people: whom they are about.

    rows: their places in the holdout. predictions: by side learned from, and `HALVES`; (rows, classes), else (rows,).
    priors: of a classification, shares of the classes learned from. failed: why a side has no predictions. learned: rows learned from.
    limit: rows of a side at most.
    """

    outcome: Outcome
    truth: Floats
    people: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    predictions: dict[str, Floats]
    priors: dict[str, Floats]
    failed: dict[str, str]
    learned: dict[str, int]
    limit: int
    sampled: bool

    @property
    def task(self) -> Task:
        return self.outcome.task

    def score(self, side: str, counted: npt.NDArray[np.bool_] | None = None) -> Score:
        """The task's score of the model learned from `side`, over the counted rows: AUC, R² or C. Raises Incomputable."""
        found = self.predicted(side)
        if self.task.kind == CLASSIFICATION:
            return scores.areas(self.truth.astype(np.int64), found, counted)
        if self.task.kind == REGRESSION:
            return scores.r_squared(self.truth, found, counted)
        return scores.concordance(self.truth[:, 0], self.truth[:, 1] == 1, found, counted)

    def accuracy(self, side: str) -> Score:
        """Balanced accuracy of a classification."""
        found = self.predicted(side)
        return scores.balanced_accuracy(self.truth.astype(np.int64), found, self.priors[side])

    def predicted(self, side: str) -> Floats:
        if side in self.failed:
            raise Incomputable(self.failed[side])
        return self.predictions[side]

    @property
    def teachable(self) -> bool:
        """Whether real rows clearly teach more than guessing: where they do not, models differ by chance alone."""
        try:
            low, _ = self.score("train").interval(self.people)
        except Incomputable:
            return False
        return low > (0.0 if self.task.kind == REGRESSION else 0.5)

    @property
    def subsampled(self) -> str | None:
        return f"at most {self.limit:,} rows to train on and to test on, drawn at random" if self.sampled else None


def trial(work: Work, task: Task, done: float = 0.0) -> Trial:
    """The task tried from all three sides. done: how much of the step is behind us. Raises Incomputable when it cannot be tested at all."""
    c = work.c
    if not c.crowd[0]:
        raise Incomputable(f"suppressed: train is about fewer than {c.policy.minimum} persons")
    if not c.crowd[1]:
        raise Incomputable(f"suppressed: the holdout is about fewer than {c.policy.minimum} persons")
    outcome = outcome_of(c, task)
    limit = SURVIVORS if task.kind == SURVIVAL else LIMIT if task.chosen else PROPOSED
    columns = [column for column in c.usable if column.name not in task.columns]
    if not columns:
        raise Incomputable("there is no other column to predict it with")
    tested = SampledRows(c.holdout, limit, c.seed)
    truth = outcome.of(tested)
    rows = known(truth)
    predictions, priors, failed, learned = dict[str, Floats](), dict[str, Floats](), dict[str, str](), dict[str, int]()
    model: _Trees | _Hazards
    if task.kind == SURVIVAL:
        real = SampledRows(c.train, limit, c.seed)
        shown = [column for column in columns if column.name not in c.thin]
        model = _Hazards(Design(shown, real, tested, c.people, c.held_out, c.policy.minimum))
    else:
        model = _Trees(outcome, Features(columns, c.train), c.seed)
    x = model.of(tested)[rows]
    for side in (c.synthetic, c.shuffle, c.train):
        sampled = SampledRows(side, limit, c.seed)
        parts = {side.name: np.ones(sampled.rows, bool)}
        if side is c.train:
            about = c.people[sampled.chosen]
            first = np.random.default_rng(c.seed).random(int(about.max()) + 1)[about] < 0.5
            parts |= dict(zip(HALVES, (first, ~first), strict=True))
        values, features = outcome.of(sampled), None
        for name, part in parts.items():
            work.tick(done)
            try:
                if not side.rows:
                    raise Incomputable(f"the {side.name} table has no rows")
                if features is None:
                    features = model.of(sampled)
                chosen = part & known(values)
                priors[name] = _priors(outcome, values[chosen], name)
                predictions[name], learned[name] = model.predict(features[chosen], values[chosen], x), int(chosen.sum())
            except Exception as error:
                failed[name] = reason(error)
    _, people = np.unique(c.held_out[tested.chosen[rows]], return_inverse=True)
    cut = max(c.train.rows, c.holdout.rows, c.synthetic.rows) > limit
    return Trial(outcome, truth[rows], people.astype(np.int32), tested.chosen[rows], predictions, priors, failed, learned, limit, cut)


def _priors(outcome: Outcome, values: Floats, name: str) -> Floats:
    """The shares of the classes to learn from, empty for a number. Raises Incomputable when there is nothing to learn from them."""
    if not len(values):
        raise Incomputable(f'the {name} table has no value of "{outcome.column.name}" to learn from')
    if not outcome.classes:
        return np.empty(0)
    classes = values if values.ndim == 1 else values[:, 1]
    counts = np.bincount(classes.astype(np.int64), minlength=outcome.classes)
    if np.count_nonzero(counts) < 2:
        raise Incomputable(f'the target "{outcome.column.name}" shows one class only in the {name} table')
    return np.asarray(counts / counts.sum(), np.float64)


@dataclass(frozen=True)
class _Trees:
    """A forest for classes: it learns rare ones too. Gradient-boosted trees for numbers."""

    outcome: Outcome
    features: Features
    seed: int

    def of(self, rows: Rows) -> Floats:
        return self.features.of(rows)

    def predict(self, x: Floats, y: Floats, asked: Floats) -> Floats:
        # imported late: a second that reading a report should not pay for
        from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
        from threadpoolctl import threadpool_limits

        x, asked = splittable(x, asked)
        with threadpool_limits(1):  # sums of floats depend on how threads share them
            if not self.outcome.classes:
                boosted = HistGradientBoostingRegressor(max_iter=ROUNDS, learning_rate=0.2, early_stopping=False, random_state=self.seed)
                return np.asarray(boosted.fit(x, y).predict(asked), np.float64)
            model = RandomForestClassifier(TREES, min_samples_leaf=LEAF, max_features=0.4, random_state=self.seed)
            model.fit(x, y.astype(np.int64))
            found = np.zeros((len(asked), self.outcome.classes))
            found[:, model.classes_.astype(int)] = model.predict_proba(asked)
        return found


@dataclass(frozen=True)
class _Hazards:
    """Proportional hazards: what they predict is a risk."""

    design: Design

    def of(self, rows: Rows) -> Floats:
        return self.design.of(rows)

    def predict(self, x: Floats, y: Floats, asked: Floats) -> Floats:
        if not x.shape[1]:
            raise Incomputable("there is no other column to predict it with")
        return np.asarray(asked @ proportional_hazards(x, y[:, 0], y[:, 1] == 1, WEIGHT).coefficients, np.float64)
