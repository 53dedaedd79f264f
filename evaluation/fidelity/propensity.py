"""Propensity: how far a classifier's out-of-fold belief that a row is synthetic strays from not knowing (pMSE), beside its null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from evaluation.fidelity.crossing import thinned
from evaluation.results import Incomputable
from evaluation.tables.coding import CodedTable, Coder
from evaluation.tables.columns import Floats

LIMIT = 10_000
FOLDS = 3


@dataclass(frozen=True)
class Propensity:
    """pmse: mean (p̂ − ½)², 0 … ¼. ratio: to the same with labels drawn at random, near 1 where nothing tells the tables apart. auc: of
    p̂. rows: per side. real, synthetic: the beliefs p̂ themselves; the rows of train are those of `SampledRows(train, rows, seed)`.
    """

    pmse: float
    ratio: float
    auc: float
    rows: int
    real: Floats
    synthetic: Floats


def indicators(table: CodedTable, coders: tuple[Coder, ...]) -> Any:
    """Columns as indicators of their coarse codes but the first, which are at most 32 a column; a sparse matrix (rows, indicators), since
    each row has at most one of each column.
    """
    if not coders:
        raise Incomputable("no column can be compared")
    rows, columns, start = [], [], 0
    for coder in coders:
        coarse = coder.coarse[table.codes[coder.column.name]].astype(np.int64)
        set_ = np.flatnonzero(coarse)
        rows.append(set_)
        columns.append(start + coarse[set_] - 1)
        start += coder.coarse_size - 1
    at = np.concatenate(rows), np.concatenate(columns)
    return csr_matrix((np.ones(len(at[0])), at), shape=(table.rows, start))


def logistic(real: CodedTable, other: CodedTable, coders: tuple[Coder, ...], *, seed: int, limit: int = LIMIT) -> Propensity:
    """pMSE of a logistic regression on the indicators of every column, out of fold, between equally many rows of both.

    Source: J. Snoke and others, General and specific utility measures for synthetic data (JRSS A 2018), with cross-fitting in place of
    their in-sample fit; the null by one random labelling instead of their formula, which holds in sample only. Raises Incomputable for
    few rows.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    size = min(limit, real.rows, other.rows)
    if size < 2 * FOLDS:
        raise Incomputable("too few rows")
    draw = np.random.default_rng(seed + 2)
    x = vstack([indicators(thinned(side, size, seed + place), coders) for place, side in enumerate((real, other))], format="csr")
    labels = np.repeat([0, 1], size)

    def beliefs(y: npt.NDArray[np.int64]) -> Floats:
        found = np.empty(len(y))
        for fitted, scored in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y):
            model = LogisticRegression(C=1.0, max_iter=200)
            model.fit(x[fitted], y[fitted])
            found[scored] = model.predict_proba(x[scored])[:, 1]
        return found

    with threadpool_limits(1):
        found, null = beliefs(labels), beliefs(draw.permutation(labels))
    value, expected = pmse(found), pmse(null)
    return Propensity(value, ratio(value, expected), float(roc_auc_score(labels, found)), size, found[:size], found[size:])


def pmse(beliefs: Floats) -> float:
    """Mean (p̂ − ½)² of as many real as synthetic rows: 0 not knowing … ¼ knowing."""
    return float(np.mean((beliefs - 0.5) ** 2))


def ratio(value: float, null: float) -> float:
    """A pMSE over its null; 1 where neither strays at all, as with columns that are constant."""
    return 1.0 if value == null else value / max(null, 1e-12)
