"""Propensity and principal axes against scikit-learn, to 1e-9, and worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from evaluation.fidelity import projection, propensity
from evaluation.fidelity.crossing import thinned
from evaluation.fidelity.discriminator import FOLDS, discriminate
from evaluation.results import Incomputable
from evaluation.tables.coding import CodedTable
from evaluation.tables.columns import ORDERED, ParquetRows, SampledRows
from evaluation.tables.features import Features
from tests.evaluation.test_parity import EXACT, TABLE, coded, opened, side


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ParquetRows, ParquetRows]:
    """Train, and rows a little different from it."""
    return opened(tmp_path, "train", side(1, 300)), opened(tmp_path, "synthetic", side(2, 260, 0.3))


@pytest.mark.promise("likeness.5")
def test_pmse_and_its_ratio_are_worked_by_hand() -> None:
    # ¼² + ¼² + 0 + 0 over four rows
    assert propensity.pmse(np.array([0.25, 0.75, 0.5, 0.5])) == 0.03125
    assert propensity.pmse(np.array([0.0, 1.0])) == 0.25
    assert propensity.ratio(0.03, 0.01) == pytest.approx(3)
    assert propensity.ratio(0.0, 0.0) == 1


def folds() -> StratifiedKFold:
    return StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.mark.promise("likeness.5")
def test_the_simple_models_beliefs_are_scikit_learns_out_of_fold(pair) -> None:
    coders, tables = coded(*pair)
    found = propensity.logistic(*tables, coders, seed=0)
    size = min(t.rows for t in tables)
    parts = []
    for place, table in enumerate(tables):
        drawn = thinned(table, size, place)
        parts.append(np.column_stack([c.coarse[drawn.codes[c.column.name]] for c in coders]))
    frame = pd.DataFrame(np.vstack(parts))
    # every coarse code but the first has an indicator, whether a row has it or not
    x = np.column_stack([frame[i] == k for i, c in enumerate(coders) for k in range(1, c.coarse_size)]).astype(float)
    y = np.repeat([0, 1], size)
    beliefs = cross_val_predict(LogisticRegression(C=1.0, max_iter=200), x, y, cv=folds(), method="predict_proba")[:, 1]
    assert np.append(found.real, found.synthetic) == pytest.approx(beliefs, **EXACT)
    assert found.auc == pytest.approx(roc_auc_score(y, beliefs), **EXACT)
    assert found.pmse == pytest.approx(((beliefs - 0.5) ** 2).mean(), **EXACT)


@pytest.mark.promise("likeness.5")
def test_the_boosted_beliefs_are_scikit_learns_out_of_fold_and_their_null_is_fitted_anew(pair) -> None:
    features = Features(TABLE.columns, pair[0])
    found = discriminate(features, *pair, seed=0)
    assert (found.rows, FOLDS) == (260, 3)
    y = np.repeat([0, 1], 260)
    beliefs = np.append(found.real, found.synthetic)
    assert found.auc == pytest.approx(roc_auc_score(y, beliefs), **EXACT)
    assert found.pmse == pytest.approx(((beliefs - 0.5) ** 2).mean(), **EXACT)
    # nothing tells random labels, and yet the trees believe something: their null is not nought
    assert 0.01 < found.null < 0.2
    assert discriminate(features, *pair, seed=0, null=0.123).null == 0.123
    x = np.vstack([features.of(SampledRows(rows, 260, place)) for place, rows in enumerate(pair)])
    trees = HistGradientBoostingClassifier(max_iter=80, early_stopping=False, random_state=0)
    with threadpool_limits(1):
        assert beliefs == pytest.approx(cross_val_predict(trees, x, y, cv=folds(), method="predict_proba")[:, 1], **EXACT)


@pytest.mark.promise("likeness.5")
def test_both_ratios_are_about_one_for_other_real_rows_and_more_for_others(tmp_path: Path) -> None:
    train, fresh, far = (opened(tmp_path, str(k), side(k, 1500, shift)) for k, shift in ((1, 0.0), (2, 0.0), (3, 0.8)))
    features = Features(TABLE.columns, train)
    coders, tables = coded(train, fresh, far)
    for rows, table, low, high in ((fresh, tables[1], 0.7, 1.4), (far, tables[2], 2, np.inf)):
        boosted = discriminate(features, train, rows, seed=0)
        assert low < propensity.ratio(boosted.pmse, boosted.null) < high
        assert low < propensity.logistic(tables[0], table, coders, seed=0).ratio < high


@pytest.mark.promise("likeness.6")
def test_principal_axes_are_scikit_learns_of_standardised_columns(pair) -> None:
    coders, (real, made) = coded(*pair)
    axes = projection.fit(real, coders, 0)

    def standard(table: CodedTable) -> npt.NDArray[np.float64]:
        parts = []
        for coder in coders:
            ours, theirs = (t.codes[coder.column.name] for t in (table, real))
            if coder.column.kind in ORDERED:
                known = theirs[theirs != coder.size - 1].astype(float)
                there = np.where(ours == coder.size - 1, known.mean(), ours)
                spread = np.where(theirs == coder.size - 1, known.mean(), theirs).std()
                parts.append(((there - known.mean()) / spread)[:, None])
            else:
                hot, trained = (np.eye(coder.coarse_size)[coder.coarse[x]] for x in (ours, theirs))
                parts.append((hot - trained.mean(0)) / np.sqrt(trained.var(0).sum()))
        return np.column_stack(parts)

    known = PCA(n_components=2, svd_solver="full").fit(standard(real))
    assert axes.explained == pytest.approx(known.explained_variance_ratio_.sum(), **EXACT)
    for table in (real, made):
        expected = known.transform(standard(table))
        found = axes.placed(table, coders)
        turned = np.sign((expected * found).sum(axis=0))
        assert found == pytest.approx(expected * turned, abs=2e-9)
    # every column weighs as much: the variance of all coordinates is the number of columns that vary
    assert standard(real).var(axis=0).sum() == pytest.approx(len(coders), **EXACT)


@pytest.mark.promise("likeness.6")
def test_rows_that_are_equal_fall_into_one_bin_however_many_are_projected(pair) -> None:
    coders, (real, _) = coded(*pair)
    axes = projection.fit(real, coders, 0)
    one_by_one = sum(
        axes.density(CodedTable(1, {n: codes[i : i + 1] for n, codes in real.codes.items()}), coders, 0) for i in range(real.rows)
    )
    assert (one_by_one == axes.density(real, coders, 0)).all()
    assert projection.distance(axes.density(real, coders, 0), one_by_one) == 0
    constant = CodedTable(5, {c.column.name: np.zeros(5, np.uint8) for c in coders})
    with pytest.raises(Incomputable, match="nothing varies"):
        projection.fit(constant, coders, 0)
