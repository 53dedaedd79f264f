"""Bins and lists of categories from charged figures: where records are, nothing of one person, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.counts.capped import CappedTable
from generators.disclosure import POLICIES
from generators.encoding.table import from_summary
from generators.errors import DisclosureRefused
from generators.learning.ledger import PrivacyLedger
from generators.learning.private_bins import number_edges, private_bins
from generators.learning.private_coding import _not_below_zero, private_coding
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema

SCHEMA = DatasetSchema(
    (
        TableSchema(
            "visits",
            (
                ColumnSchema("person", Kind.IDENTIFIER, "string"),
                ColumnSchema("age", Kind.INTEGER, "int64"),
                ColumnSchema("cost", Kind.REAL, "float64", decimals=2),
                ColumnSchema("ward", Kind.CATEGORICAL, "string"),
                ColumnSchema("sex", Kind.CATEGORICAL, "string", codes=("F", "M", "X")),
                ColumnSchema("came", Kind.DATETIME, "timestamp[us]"),
            ),
            person_key="person",
        ),
    )
)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, rows = np.random.default_rng(0), 4000
    cost = np.round(rng.lognormal(4, 1, rows), 2)
    cost[0] = 8_765_432.1  # one person's
    ward = rng.choice(["North", "South", "East"], rows).astype(object)
    ward[1] = "Only hers"
    came = np.datetime64("2024-03-01T00:00:00", "us") + rng.integers(0, 200 * 86_400, rows) * np.timedelta64(1_000_000, "us")
    table = pa.table(
        {
            "person": [f"p{n // 2}" for n in range(rows)],
            "age": pa.array(rng.integers(20, 90, rows), mask=rng.random(rows) < 0.2),
            "cost": cost,
            "ward": pa.array(ward.tolist(), pa.string()),
            "sex": pa.array(rng.choice(["F", "M"], rows).tolist(), pa.string()),
            "came": pa.array(came, pa.timestamp("us")),
        }
    )
    path = tmp_path_factory.mktemp("visits") / "visits.parquet"
    pq.write_table(table, path)
    return path


@pytest.mark.promise("private.9")
def test_bins_follow_the_records_and_tell_nothing_of_one_person(visits: Path) -> None:
    ledger = PrivacyLedger(3.0, 1e-6, 2)
    summary = private_coding({"visits": visits}, SCHEMA, ledger, POLICIES["internal"])
    assert ledger.left > 0.6 * (ledger.rho + ledger.left)
    told = summary.table("visits")
    assert 1900 < told.persons < 2100
    age = told.column("age").distribution.steps
    assert len(age) > 3
    assert sum(s.weight for s in age if s.low < 10 or s.high > 100) < 0.1 * sum(s.weight for s in age)
    assert 700 < (told.column("age").nulls or told.column("age").distribution.steps[0]).weight < 900
    assert max(s.high for s in told.column("cost").distribution.steps) < 10_000
    assert {c.value for c in told.column("ward").distribution.values} == {"North", "South", "East"}
    assert [c.value for c in told.column("sex").distribution.values] == ["F", "M", "X"]
    # Noise makes a stretch where nobody is once in thirty times; two are as good as never.
    came = told.column("came").distribution.steps
    assert sum(s.weight for s in came if not str(s.low).startswith("2024")) < 0.1 * sum(s.weight for s in came)
    assert all(e.rho > 0 for e in ledger.entries)


@pytest.mark.promise("private.9")
def test_the_noisy_counts_of_codes_are_handed_on_in_the_order_of_the_codes(visits: Path) -> None:
    ledger = PrivacyLedger(20.0, 1e-6, 2)
    summary = private_coding({"visits": visits}, SCHEMA, ledger, POLICIES["internal"])
    encoding = from_summary(summary.table("visits"), SCHEMA.table("visits"))
    codes, part = encoding.encode(pq.read_table(visits)), ledger.part(1.0, "visits")
    for number, each in enumerate(encoding.parts):
        known = part.known(each.column)
        if known is None or each.of is not None:
            continue
        assert len(known.counts) == each.size
        assert np.abs(known.counts - np.bincount(codes[:, number], minlength=each.size)).max() < 100
    assert {p.column for p in encoding.parts if part.known(p.column) is not None} == {"age", "cost", "sex", "came"}


@pytest.mark.promise("private.4")
def test_too_few_persons_for_the_noise_are_refused(visits: Path, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(visits).slice(0, 30), tmp_path / "few.parquet")
    with pytest.raises(DisclosureRefused, match="fewer than 50 persons"):
        private_coding({"visits": tmp_path / "few.parquet"}, SCHEMA, PrivacyLedger(10.0, 1e-6, 1), POLICIES["internal"])


@pytest.mark.promise("private.9")
def test_values_many_have_stand_alone_and_far_empty_ranges_are_in_no_bin() -> None:
    values = np.sort(np.concatenate([np.zeros(3000), np.random.default_rng(1).integers(1950, 2000, 5000)]).astype(np.int64))
    rng = np.random.default_rng(2)

    def look(edges: np.ndarray, share: float) -> tuple[np.ndarray, float]:
        counts = np.diff(np.searchsorted(values, edges)).astype(float)
        return counts + rng.normal(0, 8 / np.sqrt(share), len(counts)), 8 / np.sqrt(share)

    bins = private_bins(look, number_edges(0), 16)
    assert (bins[0].low, bins[0].high) == (0, 1)
    assert min(b.low for b in bins[1:]) >= 1940
    assert max(b.high for b in bins) <= 2010
    assert sum(b.count for b in bins) == pytest.approx(8000, rel=0.03)


@pytest.mark.promise("private.11")
def test_a_table_that_few_persons_have_rows_in_does_not_come_out_empty(tmp_path: Path) -> None:
    rng, traits = np.random.default_rng(0), [f"trait_{n}" for n in range(60)]
    columns = tuple(ColumnSchema(name, Kind.CATEGORICAL, "string", codes=("no", "yes")) for name in traits)
    key = ColumnSchema("person", Kind.IDENTIFIER, "string")
    schema = DatasetSchema(
        (
            TableSchema("persons", (key, *columns), person_key="person", primary_key=("person",)),
            TableSchema("stays", (key,), person_key="person", foreign_keys=(ForeignKey(("person",), "persons", ("person",)),)),
        )
    )
    everybody = [f"p{n}" for n in range(2000)]
    pq.write_table(pa.table({"person": everybody} | {n: rng.choice(["no", "yes"], 2000) for n in traits}), tmp_path / "persons.parquet")
    pq.write_table(pa.table({"person": everybody[:700] + everybody[:100]}), tmp_path / "stays.parquet")
    files = {name: tmp_path / f"{name}.parquet" for name in ("persons", "stays")}
    summary = private_coding(files, schema, PrivacyLedger(1.0, 1e-7, 3), POLICIES["internal"])
    (relation,) = summary.relationships
    rows = sum(float(c.value) * c.weight for c in relation.children.values) / sum(c.weight for c in relation.children.values)
    assert 0.1 < rows < 1.1  # 0.4, and noise of some 120 persons in each of four figures
    assert 1200 < (relation.parents or 0) < 2800


@pytest.mark.promise("private.11")
def test_noisy_counts_keep_their_sum_when_none_may_be_below_zero() -> None:
    assert _not_below_zero(np.array([1400, 600, -60, -40])).tolist() == [1350.0, 550.0, 0.0, 0.0]
    assert _not_below_zero(np.array([500, -200, 40])).tolist() == [340.0, 0.0, 0.0]
    assert _not_below_zero(np.array([-5, 3])).tolist() == [0.0, 0.0]
    for seed in range(50):
        noisy = np.random.default_rng(seed).integers(-300, 1000, 6)
        made = _not_below_zero(noisy)
        assert (made >= 0).all()
        assert made.sum() == pytest.approx(max(0, noisy.sum()))


@pytest.mark.promise("private.3")
def test_where_the_keys_say_that_nobody_has_two_rows_one_counts_of_whoever_has(tmp_path: Path) -> None:
    table = TableSchema("persons", (ColumnSchema("person", Kind.IDENTIFIER, "string"),), person_key="person", primary_key=("person",))
    pq.write_table(pa.table({"person": ["a", "a", "b"]}), tmp_path / "persons.parquet")
    counted = CappedTable.of(table, tmp_path / "persons.parquet", 3, "k" * 16)
    assert counted.most == 1
    assert counted.kept.sum() == 2
