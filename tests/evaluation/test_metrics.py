"""Definitions: against scipy, scikit-learn and SDMetrics, and against numbers worked by hand."""

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from evaluation.fidelity.association import correlation_ratio, correlations, cramers_v, ranked, rmse
from evaluation.fidelity.crossing import Coarse, agreement
from evaluation.fidelity.discriminator import one_against_rest
from evaluation.fidelity.shares import kl, ks_complement, tvd
from evaluation.intervals import area, wilson
from evaluation.privacy.collisions import TrainRows, row_hashes
from evaluation.results import Incomputable
from evaluation.tables.coding import code, fit
from evaluation.tables.columns import ParquetRows, SampledRows, ShuffledRows, numbers, persons_per_code
from generators.schema import ColumnSchema, Kind, TableSchema

NUMBER = ColumnSchema("x", Kind.REAL, "float64")
NAME = ColumnSchema("c", Kind.CATEGORICAL, "string")
RNG = np.random.default_rng(0)


def rows(folder: Path, schema: TableSchema, **columns: object) -> ParquetRows:
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    pq.write_table(pa.table(columns), path)
    return ParquetRows("synthetic", path, schema)


@pytest.mark.promise("evaluate.2")
def test_tvd_is_half_the_summed_differences_of_shares() -> None:
    assert tvd(np.array([5, 5, 0]), np.array([2, 2, 4])) == pytest.approx(0.5)
    assert tvd(np.array([1, 0]), np.array([0, 9])) == 1
    with pytest.raises(Incomputable):
        tvd(np.zeros(2), np.ones(2))


@pytest.mark.promise("evaluate.2")
def test_tvd_and_ks_agree_with_sdmetrics() -> None:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sdmetrics.single_column import KSComplement, TVComplement
    real, made = RNG.choice(list("abcd"), 500), RNG.choice(list("abcd"), 300, p=[0.4, 0.3, 0.2, 0.1])
    coder = fit(NAME, pa.array(real))
    tables = [np.bincount(coder.codes(pa.array(x)), minlength=coder.size) for x in (real, made)]
    assert 1 - tvd(*tables) == pytest.approx(TVComplement.compute(pd.Series(real), pd.Series(made)), abs=1e-9)
    x, y = RNG.normal(size=400), RNG.normal(0.3, 2, size=250).round(1)
    assert ks_complement(x, y) == pytest.approx(KSComplement.compute(pd.Series(x), pd.Series(y)), abs=1e-9)


@pytest.mark.promise("evaluate.2")
def test_ks_agrees_with_scipy_and_leaves_missing_out() -> None:
    for _ in range(5):
        x, y = RNG.normal(size=200).round(1), RNG.exponential(size=170).round(1)
        assert ks_complement(x, y) == pytest.approx(1 - stats.ks_2samp(x, y).statistic, abs=1e-12)
        assert ks_complement(np.append(x, np.nan), y) == ks_complement(x, y)
    assert ks_complement(np.array([1.0, np.inf]), np.array([1.0, np.inf])) == 1
    with pytest.raises(Incomputable):
        ks_complement(np.array([np.nan]), y)


@pytest.mark.promise("evaluate.2")
def test_kl_agrees_with_scipy_after_the_stated_smoothing() -> None:
    p, q = np.array([30, 10, 0, 5]), np.array([10, 20, 7, 0])
    assert kl(p, q) == pytest.approx(stats.entropy(p + 0.5, q + 0.5), abs=1e-12)
    assert np.isfinite(kl(p, q))
    assert kl(p, p) == 0


@pytest.mark.promise("evaluate.4")
def test_pearson_and_spearman_agree_with_scipy_also_with_missing_values() -> None:
    x = RNG.normal(size=300)
    y = x + RNG.normal(size=300)
    table = np.column_stack([x, y, np.full(300, 4.2)])
    assert correlations(table)[0, 1] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert correlations(np.column_stack([ranked(x), ranked(y.round())]))[0, 1] == pytest.approx(
        stats.spearmanr(x, y.round()).statistic, abs=1e-9
    )
    assert not correlations(table)[2, :2].any()  # a constant goes with nothing
    holes = table.copy()
    holes[:50, 0] = np.nan
    holes[20:80, 1] = np.inf
    assert correlations(holes)[0, 1] == pytest.approx(stats.pearsonr(x[80:], y[80:]).statistic, abs=1e-9)
    # microseconds since 1970 keep their digits
    moved = np.column_stack([1.7e15 + 1e6 * x, y])
    assert correlations(moved)[0, 1] == pytest.approx(correlations(table)[0, 1], abs=1e-6)


@pytest.mark.promise("evaluate.4")
def test_cramers_v_is_bergsmas() -> None:
    table = np.array([[30, 10], [10, 30]])
    # worked by hand: φ² = .25; corrected .25 − 1/79; r̃ = c̃ = 2 − 1/79
    assert cramers_v(table) == pytest.approx(np.sqrt((0.25 - 1 / 79) / (2 - 1 / 79 - 1)), abs=1e-12)
    phi = stats.contingency.association(table, "cramer", correction=False) ** 2
    assert phi == pytest.approx(0.25)
    assert cramers_v(np.eye(4) * 50) == pytest.approx(1, abs=1e-9)
    assert cramers_v(np.array([[5, 5], [5, 5]])) == 0
    assert cramers_v(np.array([[5, 0], [7, 0]])) == 0


@pytest.mark.promise("evaluate.4")
def test_the_correlation_ratio_is_kelleys() -> None:
    codes, values = np.array([0, 0, 0, 1, 1, 1]), np.array([1.0, 2, 3, 5, 6, 7])
    # worked by hand: between 24, total 28, η² = 6/7; 1 − (1/7)(5/4) = 23/28
    assert correlation_ratio(codes, values) == pytest.approx(np.sqrt(23 / 28), abs=1e-12)
    f = stats.f_oneway(values[:3], values[3:]).statistic
    assert 24 / 28 == pytest.approx(f / (f + 4))
    assert correlation_ratio(codes, np.ones(6)) == 0
    assert correlation_ratio(np.zeros(6, int), values) == 0


@pytest.mark.promise("evaluate.4")
def test_the_error_of_associations_is_over_each_pair_once() -> None:
    real, made = np.eye(3), np.eye(3)
    made[0, 1] = made[1, 0] = 0.6
    assert rmse(real, made) == pytest.approx(np.sqrt(0.36 / 3))
    with pytest.raises(Incomputable):
        rmse(np.eye(1), np.eye(1))


@pytest.mark.promise("evaluate.3")
def test_the_agreement_of_a_pair_is_worked_by_hand(tmp_path: Path) -> None:
    schema = TableSchema("t", (NAME, ColumnSchema("d", Kind.CATEGORICAL, "string")))
    real = rows(tmp_path, schema, c=["a", "a", "b", "b"], d=["x", "x", "y", "y"])
    made = rows(tmp_path, schema, c=["a", "a", "b", "b"], d=["x", "y", "x", "unseen"])
    coders = [fit(c, real.column(c)) for c in schema.columns]
    tables = [Coarse.of(code(side, coders), coders) for side in (real, made, real)]
    found = agreement(tables[0], tables[1:], [(0, 1)])
    assert found.tolist() == [[0.25], [1.0]]


def test_bins_are_fitted_on_train_and_every_value_has_a_code() -> None:
    values = pa.array([*range(1000), None], pa.float64())
    coder = fit(NUMBER, values)
    assert coder.size == 51
    assert np.ptp(np.bincount(coder.codes(values))[:-1]) <= 2
    assert coder.codes(pa.array([-1e300, 1e300, float("inf"), None])).tolist() == [0, 49, 49, 50]
    few = fit(NUMBER, pa.array([1.0, 2.0, 5.0]))
    assert few.codes(pa.array([1.0, 2.0, 5.0, None])).tolist() == [0, 1, 2, 3]
    names = fit(NAME, pa.array([f"v{i}" for i in range(200)] * 2))
    assert names.size == 51
    assert names.codes(pa.array(["never seen", None])).tolist() == [49, 50]
    assert fit(NUMBER, pa.array([None, None], pa.float64())).codes(pa.array([3.0, None])).tolist() == [0, 1]


def test_rows_are_equal_by_value_and_not_by_storage(tmp_path: Path) -> None:
    schema = TableSchema("t", (NUMBER, NAME))
    real = rows(tmp_path, schema, x=[0.0, 1.0, None, 2.0], c=["a", None, "b", "c"])
    made = rows(tmp_path, schema, x=pa.array([-0.0, 1.0, 2.0]), c=pa.array(["a", None, "b"]).dictionary_encode())
    whole = rows(tmp_path, schema, x=pa.array([0, 1], pa.int32()), c=pa.array(["a", None], pa.large_string()))
    known = TrainRows(real, schema.columns, np.array([0, 1, 1, 1], np.int32), 2)
    assert known.collisions(made).equal == 2
    assert known.collisions(whole).equal == 2
    assert known.collisions(whole).rare == 2
    assert len(np.unique(row_hashes(real, schema.columns))) == 4


def test_persons_are_counted_once_behind_each_code() -> None:
    codes, people = np.array([0, 0, 0, 2, 2]), np.array([7, 7, 8, 7, 9], np.int32)
    assert persons_per_code(codes, people, 4).tolist() == [2, 0, 2, 0]
    assert persons_per_code(np.array([], int), np.array([], np.int32), 2).tolist() == [0, 0]


def test_a_shuffle_keeps_columns_and_breaks_rows_and_a_sample_keeps_rows(tmp_path: Path) -> None:
    schema = TableSchema("t", (NUMBER, NAME))
    real = rows(tmp_path, schema, x=[float(i) for i in range(100)], c=[str(i) for i in range(100)])
    mixed = ShuffledRows(real, 1)
    x, c = mixed.column(NUMBER).to_pylist(), mixed.column(NAME).to_pylist()
    assert sorted(x) == list(range(100))
    assert sum(int(a) == int(b) for a, b in zip(x, c, strict=True)) < 10
    assert mixed.column(NUMBER).equals(ShuffledRows(real, 1).column(NUMBER))
    part = SampledRows(real, 10, 0)
    assert [int(v) for v in part.column(NUMBER).to_pylist()] == [int(v) for v in part.column(NAME).to_pylist()]


def test_times_and_instants_far_away_become_numbers() -> None:
    clock = ColumnSchema("t", Kind.TIME, "string", format="%H:%M")
    assert numbers(clock, pa.array(["00:01", "23:59:30", "no time", None])).tolist()[:2] == [60, 86_370]
    instants = pa.array([-8_520_336_000_000_000, 32_503_593_600_000_000], pa.timestamp("us"))
    assert numbers(ColumnSchema("i", Kind.DATETIME, "timestamp[us]"), instants).tolist() == [-8.520336e15, 3.25035936e16]
    huge = ColumnSchema("n", Kind.INTEGER, "string")
    assert numbers(huge, pa.array(["123456789012345678901234567890", "x"])).tolist()[0] == 1.2345678901234568e29


def test_intervals_are_wilsons_and_hanley_mcneils() -> None:
    low, high = wilson(10, 100)
    expected = stats.binomtest(10, 100).proportion_ci(method="wilson")
    assert (low, high) == (pytest.approx(expected.low, abs=1e-4), pytest.approx(expected.high, abs=1e-4))
    assert wilson(0, 0) == (0.0, 1.0)
    # the example of Hanley and McNeil 1982: area .893 with 51 and 58 images has standard error .032
    low, high = area(0.893, 58, 51)
    assert (high - low) / (2 * 1.96) == pytest.approx(0.032, abs=0.002)


def test_one_against_rest_is_the_mean_of_the_classes_there_are() -> None:
    classes = np.array([0, 0, 1, 1, 1])
    p = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.3, 0.7, 0], [0.6, 0.4, 0], [0.2, 0.8, 0]])
    expected = np.mean([roc_auc_score(classes == k, p[:, k]) for k in (0, 1)])
    assert one_against_rest(classes, p) == pytest.approx(expected)
    with pytest.raises(Incomputable):
        one_against_rest(np.zeros(3, int), p[:3])
