"""Can a classifier tell synthetic rows from real ones? Scored out of fold: in-sample scores always can."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation import intervals
from evaluation.fidelity.propensity import pmse
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats, Rows, SampledRows
from evaluation.tables.features import Features, splittable

LIMIT = 10_000
"""Rows per side: the interval of the AUC is then ± .01, and three fits take seconds."""
FOLDS = 3


@dataclass(frozen=True)
class Discrimination:
    """auc: with its 95 % `interval`. real, synthetic: out-of-fold probabilities of being synthetic. rows: per side. pmse: mean (p̂ − ½)²
    of them. null: the same where labels are drawn at random.
    """

    auc: float
    interval: tuple[float, float]
    rows: int
    real: Floats
    synthetic: Floats
    pmse: float
    null: float


def discriminate(
    features: Features, train: Rows, other: Rows, *, seed: int, limit: int = LIMIT, null: float | None = None
) -> Discrimination:
    """Out-of-fold AUC of gradient-boosted trees between equally many rows of train (0) and of `other` (1). 0.5 is best, 1 worst.

    null: of the propensity, when it is known for as many rows. Else it is measured: labels are permuted, one fold's model is fitted to them
    anew and believes the rows of that fold. To permute the labels of beliefs that are there would change nothing, since the pMSE does not
    look at them; and one fold in three has the same expectation as all, at a third of the cost.
    Raises Incomputable when either side has fewer than two rows a fold.
    """
    # imported late: a second that reading a report should not pay for
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    size = min(limit, train.rows, other.rows)
    if size < 2 * FOLDS:
        raise Incomputable("too few rows")
    x = np.vstack([features.of(SampledRows(train, size, seed)), features.of(SampledRows(other, size, seed + 1))])
    y = np.repeat([0, 1], size)
    scores = np.empty(len(y))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)

    def beliefs(labels: npt.NDArray[np.int64], fitted: npt.NDArray[np.intp], scored: npt.NDArray[np.intp]) -> Floats:
        model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, early_stopping=False, random_state=seed)
        learned, asked = splittable(x[fitted], x[scored])
        found: Floats = model.fit(learned, labels[fitted]).predict_proba(asked)[:, 1]
        return found

    with threadpool_limits(1):  # sums of floats depend on how threads share them
        for fitted, scored in folds.split(x, y):
            scores[scored] = beliefs(y, fitted, scored)
        if null is None:
            labels = np.random.default_rng(seed).permutation(y)
            null = pmse(beliefs(labels, *next(folds.split(x, labels))))
    auc = float(roc_auc_score(y, scores))
    return Discrimination(auc, intervals.area(auc, size, size), size, scores[:size], scores[size:], pmse(scores), null)


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
