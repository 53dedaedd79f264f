"""Can a classifier tell synthetic rows from real ones? Scored out of fold: in-sample scores always can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evaluation.columns import ORDERED, Floats, Rows, SampledRows, categories, numbers
from evaluation.results import Incomputable
from generators.schema import ColumnSchema, Kind

LIMIT = 10_000
"""Rows per side: the interval of the AUC is then ± .01, and three fits take seconds."""
FOLDS = 3
DAY = 86_400_000_000


@dataclass(frozen=True)
class Discrimination:
    """auc: with its 95 % `interval`. scores: out-of-fold probability of being synthetic, of `real` and `synthetic` rows. rows: per side."""

    auc: float
    interval: tuple[float, float]
    rows: int
    real: Floats
    synthetic: Floats


class Features:
    """Columns as the numbers a tree can split on; the ranking of categories (by frequency) is fitted on train."""

    def __init__(self, columns: Sequence[ColumnSchema], train: Rows) -> None:
        self.columns = tuple(columns)
        self._ranks: dict[str, dict[object, int]] = {}
        for column in self.columns:
            if column.kind not in ORDERED:
                codes, values = categories(train.column(column))
                counts = np.bincount(codes, minlength=len(values) + 1)
                order = sorted(range(len(values)), key=lambda i: (-int(counts[i]), str(values[i])))
                self._ranks[column.name] = {values[i]: rank for rank, i in enumerate(order)}

    def of(self, rows: Rows) -> Floats:
        """Shape (rows, features); NaN where missing. Infinite numbers count as missing here."""
        found: list[Floats] = []
        for column in self.columns:
            array = rows.column(column)
            if column.kind in ORDERED:
                values = numbers(column, array)
                values[np.isinf(values)] = np.nan
                found.append(values)
                if column.kind is Kind.DATETIME:
                    found += [values % DAY, values // DAY % 7]
                elif column.kind is Kind.DATE:
                    found.append(values % 7)
            else:
                found.append(self._ranked(column.name, array))
        return np.column_stack(found)

    def _ranked(self, name: str, array: pa.Array) -> Floats:
        codes, values = categories(array)
        ranks = self._ranks[name]
        table = np.array([float(ranks.get(v, len(ranks))) for v in values] + [np.nan])
        return np.asarray(table[codes], np.float64)


def discriminate(features: Features, train: Rows, other: Rows, *, seed: int, limit: int = LIMIT) -> Discrimination:
    """Out-of-fold AUC of gradient-boosted trees between equally many rows of train (0) and of `other` (1). 0.5 is best, 1 worst.

    Raises Incomputable when either side has fewer than two rows a fold.
    """
    # imported late: a second that reading a report should not pay for
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    size = min(limit, train.rows, other.rows)
    if size < 2 * FOLDS:
        raise Incomputable("too few rows")
    x = np.vstack([features.of(SampledRows(train, size, seed)), features.of(SampledRows(other, size, seed + 1))])
    y = np.repeat([0, 1], size)
    scores = np.empty(len(y))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1):  # sums of floats depend on how threads share them
        for fitted, scored in folds.split(x, y):
            model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, early_stopping=False, random_state=seed)
            model.fit(x[fitted], y[fitted])
            scores[scored] = model.predict_proba(x[scored])[:, 1]
    auc = float(roc_auc_score(y, scores))
    return Discrimination(auc, auc_interval(auc, size, size), size, scores[:size], scores[size:])


def auc_interval(auc: float, negatives: int, positives: int) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve: Hanley and McNeil (1982), Radiology 143, eq. 2."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    half = 1.96 * float(np.sqrt(max(0.0, variance) / (negatives * positives)))
    return max(0.0, auc - half), min(1.0, auc + half)


def one_against_rest(classes: npt.NDArray[np.int64], probabilities: Floats) -> float:
    """Mean area under the ROC curve of each class against the rest; shape (n,), (n, classes). Classes absent or alone are left out.

    Raises Incomputable when no class can be scored.
    """
    from sklearn.metrics import roc_auc_score

    areas = [
        roc_auc_score(classes == k, probabilities[:, k])
        for k in range(probabilities.shape[1])
        if 0 < int((classes == k).sum()) < len(classes)
    ]
    if not areas:
        raise Incomputable("one class only")
    return float(np.mean(areas))
