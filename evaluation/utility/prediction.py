"""Is the synthetic table good for learning to predict? Trained on it, tested on real people who were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.fidelity.discriminator import one_against_rest
from evaluation.results import Incomputable
from evaluation.tables.columns import ORDERED, Floats, Rows, SampledRows, categories, numbers
from evaluation.tables.features import Features
from generators.schema import ColumnSchema

LIMIT = 20_000
CLASSES = 20


@dataclass(frozen=True)
class Target:
    """What is predicted: the categories of a column (fitted on train; at most 20), or whether a number lies above train's median."""

    column: ColumnSchema
    names: dict[Any, int] = field(default_factory=dict)
    median: float | None = None

    @property
    def classes(self) -> int:
        return 2 if self.median is not None else len(self.names)

    def of(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Class codes, −1 where missing or unknown to train; shape (rows,)."""
        array = rows.column(self.column)
        if self.median is not None:
            values = numbers(self.column, array)
            return np.where(np.isnan(values), -1, values > self.median).astype(np.int64)
        codes, values_ = categories(array)
        return np.array([self.names.get(v, -1) for v in values_] + [-1], np.int64)[codes]


def target_of(train: Rows, column: ColumnSchema) -> Target:
    """The target as it is predicted. Raises Incomputable when train shows one class only."""
    if column.kind in ORDERED:
        values = numbers(column, train.column(column))
        values = values[np.isfinite(values)]
        if len(values) and len(np.unique(values)) > 1:
            median = float(np.median(values))
            return Target(column, median=median if (values > median).any() else float(np.unique(values)[-2]))
        raise Incomputable(f'the target "{column.name}" shows one value only in train')
    codes, names = categories(train.column(column))
    counts = np.bincount(codes, minlength=len(names) + 1)
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i]), str(names[i])))[:CLASSES]
    if len(order) < 2:
        raise Incomputable(f'the target "{column.name}" shows one class only in train')
    return Target(column, names={names[i]: code for code, i in enumerate(order)})


def target_auc(features: Features, target: Target, fitted: Rows, holdout: Rows, *, seed: int, limit: int = LIMIT) -> float:
    """Mean one-against-rest AUC on the holdout of boosted trees trained on `fitted`: 0.5 guessing … 1. Higher is better.

    Raises Incomputable when `fitted` or the holdout has rows of fewer than two classes.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    sampled = SampledRows(fitted, limit, seed)
    y, tested = target.of(sampled), target.of(holdout)
    known, scored = y >= 0, tested >= 0
    if len(np.unique(y[known])) < 2:
        raise Incomputable(f'the target "{target.column.name}" shows one class only')
    model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, early_stopping=False, random_state=seed)
    with threadpool_limits(1):
        model.fit(features.of(sampled)[known], y[known])
        found = model.predict_proba(features.of(holdout)[scored])
    probabilities: Floats = np.zeros((int(scored.sum()), target.classes))
    probabilities[:, model.classes_.astype(int)] = found
    return one_against_rest(tested[scored], probabilities)


def predictors(columns: Sequence[ColumnSchema], target: ColumnSchema) -> tuple[ColumnSchema, ...]:
    """All measured columns but the target."""
    return tuple(c for c in columns if c.name != target.name)
