"""Agreement of inference: would an analyst who fits the same regression to the release conclude the same?

Each task's regression (linear, logistic, proportional hazards) is fitted to train and to each other side with the same `Design`; its
coefficients are compared with train's. Rows of one person count as if they were of several: intervals are what an analyst would see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.comparison import Comparison
from evaluation.intervals import Z
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats, Rows, SampledRows
from evaluation.utility.outcomes import known, outcome_of
from evaluation.utility.regression import Design, Estimates, linear, logistic, proportional_hazards
from evaluation.utility.tasks import CLASSIFICATION, REGRESSION, Task

LIMIT = 10_000
"""Rows of each side."""


@dataclass(frozen=True)
class Agreement:
    """overlap: mean overlap of the 95 % intervals, 0 … 1. signs: share of train's clear coefficients with the same sign, None without one.

    size: mean difference of coefficients in train's standard errors. coefficients: how many were compared.
    """

    overlap: float
    signs: float | None
    size: float
    coefficients: int


def agreement(real: Estimates, made: Estimates) -> Agreement:
    """How far the coefficients of `made` are those of `real`; shapes (terms,). Incomputable without a coefficient.

    Overlap of two intervals: the mean of the shares of both that they have in common, 0 when they have nothing (A. F. Karr and others,
    The American Statistician 2006). Size: mean |b′ − b| / se(b) (G. M. Raab and others 2017). A coefficient is clear when its 95 %
    interval leaves out 0.
    """
    if not len(real.coefficients):
        raise Incomputable("no column can explain it")
    low, high = (real.coefficients + sign * Z * real.errors for sign in (-1, 1))
    low_made, high_made = (made.coefficients + sign * Z * made.errors for sign in (-1, 1))
    common = np.maximum(np.minimum(high, high_made) - np.maximum(low, low_made), 0)
    tiny = np.finfo(float).tiny
    overlap = (common / np.maximum(high - low, tiny) + common / np.maximum(high_made - low_made, tiny)) / 2
    clear = (low > 0) | (high < 0)
    signs = float((np.sign(made.coefficients) == np.sign(real.coefficients))[clear].mean()) if clear.any() else None
    size = float((np.abs(made.coefficients - real.coefficients) / np.maximum(real.errors, tiny)).mean())
    return Agreement(float(overlap.mean()), signs, size, len(real.coefficients))


class Inference:
    """The regression of one task, fitted to train. Raises Incomputable when it cannot be."""

    def __init__(self, c: Comparison, task: Task) -> None:
        if not all(c.crowd):
            side = "the holdout" if c.crowd[0] else "train"
            raise Incomputable(f"suppressed: {side} is about fewer than {c.policy.minimum} persons")
        self.outcome, self.seed = outcome_of(c, task), c.seed
        columns = [column for column in c.usable if column.name not in {*task.columns, *c.thin}]
        train, holdout = SampledRows(c.train, LIMIT, c.seed), SampledRows(c.holdout, LIMIT, c.seed)
        self.design = Design(columns, train, holdout, c.people, c.held_out, c.policy.minimum)
        truth = self.outcome.of(train)
        self._centre, self._scale = 0.0, 1.0
        if task.kind == REGRESSION:
            self._centre, self._scale = float(np.nanmean(truth)), float(np.nanstd(truth))
        self.real = self._fitted(train)

    @property
    def words(self) -> str:
        """What was fitted."""
        task = self.outcome.task
        if task.kind == CLASSIFICATION:
            return f"logistic regression of {task.target} being {next(iter(self.outcome.names))}"
        return f"linear regression of {task.target}" if task.kind == REGRESSION else f"proportional hazards of {task.text}"

    def agreement(self, rows: Rows) -> Agreement:
        """Of the same regression of `rows` with train's."""
        return agreement(self.real, self._fitted(SampledRows(rows, LIMIT, self.seed)))

    def _fitted(self, rows: SampledRows) -> Estimates:
        truth = self.outcome.of(rows)
        there = known(truth)
        x = self.design.of(rows)[there]
        y: Floats = truth[there]
        if self.outcome.task.kind == CLASSIFICATION:
            return logistic(x, y == 0)  # the most frequent class
        if self.outcome.task.kind == REGRESSION:
            return linear(x, (y - self._centre) / self._scale)
        return proportional_hazards(x, y[:, 0], y[:, 1] == 1)
