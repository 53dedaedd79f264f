"""Metrics against those who define them: SDMetrics, scipy and scikit-learn to 1e-9 on generated cases, and examples worked by hand.

Each case is drawn from a seed: ties, missing values, constants, sides of unequal size, categories that one side lacks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from evaluation.comparison import compare
from evaluation.fidelity import joint, likeness
from evaluation.fidelity.association import Amounts, Names, alone, correlation_ratio, correlations, cramers_v, ranked, strength
from evaluation.fidelity.crossing import Coarse, agreement, coarser, some
from evaluation.fidelity.relationships import numbers_of_children
from evaluation.fidelity.shares import jensen_shannon, kl, ks_complement, tvd, voas_williamson
from evaluation.results import Incomputable
from evaluation.tables.coded import Coded
from evaluation.tables.coding import CodedTable, Coder, code, fit
from evaluation.tables.columns import Floats, Ints, ParquetRows
from generators.disclosure import POLICIES
from generators.schema import ColumnSchema, ForeignKey, Kind, TableSchema

TABLE = TableSchema(
    "t",
    (
        ColumnSchema("a", Kind.REAL, "float64"),
        ColumnSchema("b", Kind.INTEGER, "int64"),
        ColumnSchema("c", Kind.CATEGORICAL, "string"),
        ColumnSchema("d", Kind.BOOLEAN, "bool"),
        ColumnSchema("e", Kind.CATEGORICAL, "string"),
    ),
)
SEEDS = range(8)
EXACT = {"abs": 1e-9, "rel": 1e-9}


def values(draw: np.random.Generator) -> Floats:
    """Numbers of one side: rounded so that many are equal, or few different ones, or constant; with holes or without."""
    n = int(draw.integers(3, 400))
    found = draw.choice([draw.normal(0, 1, n).round(1), draw.exponential(1, n), draw.integers(0, 4, n) * 1.0, np.full(n, 2.5)])
    return np.where(draw.random(n) < draw.choice([0, 0.3]), np.nan, found) if n > 10 else found


def counts(draw: np.random.Generator, size: int) -> Ints:
    """Counts of `size` cells, some of them empty."""
    found = np.bincount(draw.integers(0, size, int(draw.integers(1, 300))), minlength=size)
    return np.where(draw.random(size) < 0.2, 0, found) + np.eye(size, dtype=np.int64)[0]


def side(seed: int, rows: int, shift: float = 0.0) -> pa.Table:
    """A table of `TABLE` whose columns hang together, with missing values and a category that other seeds lack."""
    draw = np.random.default_rng(seed)
    a = draw.normal(shift, 1, rows).round(2)
    c = np.where(draw.random(rows) < 0.5, "x", np.where(a > 0, "y", "z")).astype(object)
    c[draw.random(rows) < 0.05] = None
    c[0] = f"only {seed}"
    b = (3 * a + draw.normal(0, 1, rows)).astype(np.int64)
    holes = draw.random(rows) < 0.1
    e = draw.choice(list("pqrstuvw"), rows)
    return pa.table({"a": pa.array(a, mask=holes), "b": b, "c": pa.array(c, pa.string()), "d": a + draw.normal(0, 1, rows) > 0, "e": e})


def opened(folder: Path, name: str, table: pa.Table) -> ParquetRows:
    pq.write_table(table, folder / f"{name}.parquet")
    return ParquetRows(name, folder / f"{name}.parquet", TABLE)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ParquetRows, ParquetRows]:
    """Train, and rows a little different from it."""
    return opened(tmp_path, "train", side(1, 300)), opened(tmp_path, "synthetic", side(2, 260, 0.3))


@pytest.fixture(scope="module")
def sdmetrics() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.promise("likeness.1")
@pytest.mark.parametrize("seed", SEEDS)
def test_ks_is_that_of_sdmetrics_and_scipy(seed: int, sdmetrics: None) -> None:
    from sdmetrics.single_column import KSComplement

    draw = np.random.default_rng(seed)
    x, y = values(draw), values(draw)
    found = ks_complement(x, y)
    assert found == pytest.approx(1 - stats.ks_2samp(x[~np.isnan(x)], y[~np.isnan(y)]).statistic, **EXACT)
    assert found == pytest.approx(KSComplement.compute(pd.Series(x), pd.Series(y)), **EXACT)


@pytest.mark.promise("likeness.1")
@pytest.mark.parametrize("seed", SEEDS)
def test_tvd_is_that_of_sdmetrics_on_the_same_categories(seed: int, sdmetrics: None) -> None:
    from sdmetrics.single_column import TVComplement

    draw = np.random.default_rng(seed)
    size = int(draw.integers(1, 9))
    real, made = (np.repeat([f"v{i}" for i in range(size)], counts(draw, size)) for _ in range(2))
    coder = fit(TABLE.columns[2], pa.array(real))
    tables = [np.bincount(coder.codes(pa.array(x)), minlength=coder.size) for x in (real, made)]
    if set(made) <= set(real):  # what train lacks is one "other" category here
        assert 1 - tvd(*tables) == pytest.approx(TVComplement.compute(pd.Series(real), pd.Series(made)), abs=1e-9)
    shares = [pd.Series(x).value_counts(normalize=True) for x in (real, made)]
    assert tvd(*tables) == pytest.approx(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2, **EXACT)


@pytest.mark.promise("likeness.1")
@pytest.mark.parametrize("seed", SEEDS)
def test_divergences_are_those_of_scipy(seed: int) -> None:
    draw = np.random.default_rng(seed)
    size = int(draw.integers(1, 50))
    p, q = counts(draw, size), counts(draw, size)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2, **EXACT)
    assert kl(p, q) == pytest.approx(stats.entropy(p + 0.5, q + 0.5), **EXACT)
    assert (jensen_shannon(p, p), kl(p, p), tvd(p, p)) == (0, 0, 0)
    assert jensen_shannon(p, p * 7) == pytest.approx(0, abs=1e-15)
    assert jensen_shannon(np.append(p, 0 * q), np.append(0 * p, q)) == pytest.approx(1, **EXACT)


@pytest.mark.promise("likeness.3")
@pytest.mark.parametrize("seed", SEEDS)
def test_correlations_are_those_of_scipy_and_sdmetrics(seed: int, sdmetrics: None) -> None:
    from sdmetrics.column_pairs import CorrelationSimilarity

    draw = np.random.default_rng(seed)
    tables = []
    for _ in range(2):
        n = int(draw.integers(20, 300))
        x = draw.normal(0, 1, n).round(1)
        y = (x * draw.normal() + draw.normal(0, 1, n)).round(1)
        tables.append(np.column_stack([x, y, np.full(n, 3.0)]))
    for coefficient, known, ours in (("Pearson", stats.pearsonr, lambda v: v), ("Spearman", stats.spearmanr, ranked)):
        found = [correlations(np.column_stack([ours(t[:, i]) for i in range(3)])) for t in tables]
        for r, t in zip(found, tables, strict=True):
            assert r[0, 1] == pytest.approx(known(t[:, 0], t[:, 1]).statistic, **EXACT)
            assert not r[2, :2].any()
        frames = [pd.DataFrame(t[:, :2], columns=["x", "y"]) for t in tables]
        similar = CorrelationSimilarity.compute(*frames, coefficient=coefficient)
        assert 1 - abs(found[0][0, 1] - found[1][0, 1]) / 2 == pytest.approx(similar, **EXACT)
    # missing values: over the rows where both are there
    holes = tables[0].copy()
    holes[draw.random(len(holes)) < 0.3, 0] = np.nan
    there = ~np.isnan(holes[:, 0])
    assert correlations(holes)[0, 1] == pytest.approx(stats.pearsonr(holes[there, 0], holes[there, 1]).statistic, **EXACT)


@pytest.mark.promise("likeness.3")
@pytest.mark.parametrize("seed", SEEDS)
def test_cramers_v_follows_from_scipys_chi_square(seed: int) -> None:
    draw = np.random.default_rng(seed)
    r, k = (int(x) for x in draw.integers(2, 7, 2))
    table = draw.integers(0, 9, (r, k)) + np.eye(r, k, dtype=np.int64) * int(draw.integers(0, 30)) + 1
    n = table.sum()
    phi = max(0.0, stats.chi2_contingency(table, correction=False).statistic / n - (r - 1) * (k - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    assert cramers_v(table) == pytest.approx(np.sqrt(phi / smaller), **EXACT)
    padded = np.zeros((r + 2, k + 1), np.int64)
    padded[1:-1, :-1] = table
    assert cramers_v(padded) == pytest.approx(cramers_v(table), **EXACT)  # empty rows and columns do not count


@pytest.mark.promise("likeness.3")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_correlation_ratio_follows_from_scipys_analysis_of_variance(seed: int) -> None:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, int(draw.integers(2, 6)), 200)
    numbers = draw.normal(codes * draw.normal(), 1).round(1)
    groups = [numbers[codes == k] for k in np.unique(codes)]
    n, k = len(codes), len(groups)
    f = stats.f_oneway(*groups).statistic
    eta = f * (k - 1) / (f * (k - 1) + n - k)
    expected = np.sqrt(max(0.0, 1 - (1 - eta) * (n - 1) / (n - k)))
    assert correlation_ratio(codes, numbers) == pytest.approx(expected, **EXACT)
    assert correlation_ratio(np.append(codes, 0), np.append(numbers, np.nan)) == pytest.approx(expected, **EXACT)
    assert strength(Names(codes, 6), Amounts.of(numbers)) == strength(Amounts.of(numbers), Names(codes, 6))


@pytest.mark.promise("likeness.8")
@pytest.mark.parametrize("seed", range(3))
def test_numbers_of_children_are_those_sdmetrics_compares(seed: int, tmp_path: Path, sdmetrics: None) -> None:
    from sdmetrics.multi_table import CardinalityShapeSimilarity

    draw = np.random.default_rng(seed)
    link = ForeignKey(("p",), "parent", ("p",))
    frames, found = [], []
    for name in ("real", "made"):
        parents = np.array([f"{name}{i}" for i in range(int(draw.integers(20, 90)))])
        frame = {"parent": pd.DataFrame({"p": parents}), "child": pd.DataFrame({"p": draw.choice(parents, 80)})}
        for table, data in frame.items():
            data.to_parquet(tmp_path / f"{name}-{table}.parquet")
        frames.append(frame)
        found.append(numbers_of_children(tmp_path / f"{name}-child.parquet", tmp_path / f"{name}-parent.parquet", link).astype(float))
    described = {
        "tables": {"parent": {"columns": {"p": {"sdtype": "id"}}, "primary_key": "p"}, "child": {"columns": {"p": {"sdtype": "id"}}}},
        "relationships": [
            {"parent_table_name": "parent", "parent_primary_key": "p", "child_table_name": "child", "child_foreign_key": "p"}
        ],
    }
    assert ks_complement(*found) == pytest.approx(CardinalityShapeSimilarity.compute(*frames, described), **EXACT)


def coded(*sides: ParquetRows) -> tuple[tuple[Coder, ...], list[CodedTable]]:
    coders = tuple(fit(c, sides[0].column(c)) for c in TABLE.columns)
    return coders, [code(rows, coders) for rows in sides]


@pytest.mark.promise("likeness.2")
@pytest.mark.parametrize("fine", [None, 5])
def test_tables_of_two_and_three_columns_are_those_of_a_plain_count(pair, fine: int | None) -> None:
    coders, tables = coded(*pair)
    real, made = (Coarse.of(t, coders, fine) for t in tables)
    for together in (2, 3):
        chosen = some(len(coders), together, 1000, 0)
        assert chosen == list(combinations(range(len(coders)), together))
        for columns, found in zip(chosen, agreement(real, [made], chosen)[0], strict=True):
            shares = []
            for table in tables:
                frame = pd.DataFrame({i: coarser(coders[i], fine)[0][table.codes[coders[i].column.name]] for i in columns})
                shares.append(frame.value_counts(normalize=True))
            assert found == pytest.approx(1 - shares[0].sub(shares[1], fill_value=0).abs().sum() / 2, **EXACT)


@pytest.mark.promise("likeness.2")
def test_the_agreement_of_three_columns_is_worked_by_hand() -> None:
    """Real: 000, 001, 110, 111, a quarter each. Synthetic: 000 twice, 110, 011. Differences: ¼ at 000, ¼ at 001, 0 at 110, ¼ at 111, ¼ at
    011; half their sum is ½, and 1 − ½ = ½.
    """
    real, made = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]]), np.array([[0, 0, 0], [0, 0, 0], [1, 1, 0], [0, 1, 1]])
    tables = [Coarse(4, tuple(x.T.astype(np.intp)), (2, 2, 2)) for x in (real, made)]
    assert agreement(tables[0], tables[1:], [(0, 1, 2)]).tolist() == [[0.5]]
    # of the first two columns: 00 ½ and ½, 11 ½ and ¼, 01 0 and ¼
    assert agreement(tables[0], tables[1:], [(0, 1)]).tolist() == [[0.75]]


@pytest.mark.promise("likeness.2")
def test_more_combinations_than_the_stated_number_are_drawn_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(some(40, 3, 100, 0))) == 100
    assert some(40, 3, 100, 0) == some(40, 3, 100, 0) != some(40, 3, 100, 1)
    sides = [opened(tmp_path, name, side(seed, rows)).path for name, seed, rows in (("train", 1, 90), ("holdout", 2, 60), ("made", 3, 80))]
    c = compare(*sides, TABLE, POLICIES["internal"], 0)
    (whole,) = joint.triples(c, Coded(c))
    assert whole.subsampled == "60 rows of each side, drawn at random"
    assert whole.n == whole.n_ceiling == 60
    monkeypatch.setattr(joint, "TRIPLES", 4)
    (part,) = joint.triples(c, Coded(c))
    assert part.subsampled.startswith("4 of 10 triples of columns, drawn at random")
    monkeypatch.setattr(joint, "PAIRS", 3)
    assert joint.voas(c, Coded(c))[0].subsampled == "3 of 10 pairs of columns, drawn at random"


@pytest.mark.promise("likeness.3")
def test_a_column_that_few_people_have_a_value_in_has_no_association(tmp_path: Path) -> None:
    sides = []
    for name, seed in (("train", 1), ("holdout", 2), ("made", 3)):
        table = side(seed, 120)
        a = table["a"].to_numpy(zero_copy_only=False).copy()
        a[4:] = np.nan
        sides.append(opened(tmp_path, name, table.set_column(0, "a", pa.array(a, from_pandas=True))).path)
    c = compare(*sides, TABLE, POLICIES["internal"], 0)
    found, shown = likeness.associations(c, Coded(c))
    assert not shown["train"].strength[0, 1:].any()  # nor is it drawn
    assert found[0].remark == "without 4 pairs of columns that too few people have values in"
    assert found[0].value < 0.3  # four values of a would agree or disagree with everything
    assert found[1].failed == "there is no pair of such columns"


@pytest.mark.promise("likeness.3")
@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_that_few_people_have_both_values_of_are_those_of_a_plain_count(seed: int) -> None:
    draw = np.random.default_rng(seed)
    present = draw.random((300, 5)) < draw.random(5)
    who = draw.integers(0, int(draw.integers(2, 60)), 300).astype(np.int32)
    expected = [[len(set(who[present[:, i] & present[:, j]])) < 5 for j in range(5)] for i in range(5)]
    assert alone(present, who, 5).tolist() == expected


@pytest.mark.promise("likeness.7")
def test_voas_and_williamsons_statistic_is_worked_by_hand() -> None:
    # as many rows: 10² / 25 + 10² / 25 + 0 = 8, of 2 degrees of freedom 4, over 1 + 100 / 100
    assert voas_williamson(np.array([20, 30, 50]), np.array([30, 20, 50])) == pytest.approx(2)
    # twice as many real rows, halved: the same 4, over 1 + 100 / 200
    assert voas_williamson(np.array([40, 60, 100]), np.array([30, 20, 50])) == pytest.approx(8 / 3)
    # cells of 3 and 4 on average count together: 6² / 93 + 6² / 7, one degree of freedom, over 2
    assert voas_williamson(np.array([96, 2, 2]), np.array([90, 4, 6])) == pytest.approx((36 / 93 + 36 / 7) / 2)
    assert voas_williamson(np.array([[9, 0], [0, 9]]), np.array([[9, 0], [0, 9]])) == 0
    with pytest.raises(Incomputable, match="one cell only"):
        voas_williamson(np.array([5, 0]), np.array([7, 0]))


@pytest.mark.promise("likeness.7")
@pytest.mark.parametrize(("n", "m"), [(1000, 1000), (4000, 500), (300, 2000)])
def test_voas_and_williamsons_statistic_is_one_by_chance_whatever_the_numbers_of_rows(n: int, m: int) -> None:
    draw = np.random.default_rng(n)
    shares = draw.dirichlet(np.ones(12))
    found = [voas_williamson(draw.multinomial(n, shares), draw.multinomial(m, shares)) for _ in range(400)]
    # the standard error of the mean is √(2 / 11 / 400) = .021
    assert abs(np.mean(found) - 1) < 0.08
