"""The structural and the marginal generator, the mechanism and the register."""

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from generators import registry
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import Cancelled, InputError
from generators.generating.column_samplers import period_days
from generators.generating.issuing import Lottery, issued
from generators.mechanism import Mechanism
from generators.registry import GENERATORS, generate, mechanism_for
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.summarise import summarise
from generators.summary import OTHER

SCHEMA = EMERGENCY_SCHEMA.deidentified()
TABLE = SCHEMA.tables[0]
FIVE = DisclosurePolicy("five", 1, minimum=5, rounding=5, minimum_table=10)


FROM_SUMMARIES = [name for name, info in GENERATORS.items() if info.needs != "data"]


@pytest.fixture(scope="module")
def visits():
    return emergency_department(9000)


@pytest.fixture(scope="module")
def summary(visits, tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "visits.parquet"
    pq.write_table(visits, path)
    return summarise({"emergency_visits": path}, SCHEMA, POLICIES["internal"])


@pytest.fixture(scope="module")
def made(summary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    tables = {}
    for name in FROM_SUMMARIES:
        (file,) = generate(mechanism_for(name, SCHEMA, summary), SCHEMA, summary, 9000, 5, folder / name)
        tables[name] = pq.read_table(file.path)
    return tables


@pytest.mark.parametrize("name", FROM_SUMMARIES)
def test_every_generator_writes_the_columns_and_types_of_the_schema(made, name):
    storage = {"double": "float64", "date32[day]": "date32"}
    kinds = {f.name: storage.get(str(f.type), str(f.type)) for f in made[name].schema}
    assert kinds == {c.name: c.storage for c in TABLE.columns}
    for column in TABLE.columns:
        if not column.nullable:
            assert made[name][column.name].null_count == 0
        if column.codes:
            assert set(pc.cast(made[name][column.name], pa.string()).unique().to_pylist()) <= set(column.codes)


@pytest.mark.promise("generate.6")
def test_the_structural_generator_holds_nothing_observed(made, visits):
    structural = made["structural"]
    assert structural["admit_ward"].null_count == 9000  # a rule: only the admitted have a ward, and no placeholder says that anybody was
    for name in ("ethnicity", "postcode_district", "diagnosis_code", "disposition"):
        assert set(structural[name].unique().to_pylist()) - {None} == {f"category-{n}" for n in range(1, 6)}
    assert set(structural["sex"].unique().to_pylist()) == {"F", "M"}  # typed by the steward
    assert pc.max(structural["age"]).as_py() == 100
    assert 2000 <= pc.min(pc.year(structural["arrival_date"])).as_py() <= pc.max(pc.year(structural["arrival_date"])).as_py() <= 2029
    assert mechanism_for("structural", SCHEMA).summary_digest is None


@pytest.mark.promise("generate.7")
def test_the_marginal_generator_reproduces_each_column_by_itself(made, visits):
    marginal = made["marginal"]
    for name in ("sex", "ethnicity", "arrival_mode", "triage_category", "disposition", "diagnosis_code", "admit_ward"):
        real, synthetic = (pc.value_counts(t[name]).to_pylist() for t in (visits, marginal))
        shares = [{str(v["values"]): v["counts"] / 9000 for v in counts} for counts in (real, synthetic)]
        distance = sum(abs(shares[0].get(k, 0) - shares[1].get(k, 0)) for k in set(shares[0]) | set(shares[1])) / 2
        assert distance < 0.04, name
    for name in ("age", "heart_rate", "systolic_bp", "temperature", "los_minutes", "wait_minutes"):
        real, synthetic = (np.asarray(t[name].drop_null()) for t in (visits, marginal))
        quantiles = np.linspace(0.05, 0.95, 19)
        assert np.abs(np.quantile(real, quantiles) - np.quantile(synthetic, quantiles)).max() < 0.06 * (real.max() - real.min()), name
        assert abs(visits[name].null_count - marginal[name].null_count) / 9000 < 0.03
    tenths = np.asarray(marginal["temperature"].drop_null()) * 10
    assert np.abs(tenths - np.round(tenths)).max() < 1e-9
    hours = [np.bincount([int(v[:2]) for v in t["arrival_time"].to_pylist()], minlength=24) / 9000 for t in (visits, marginal)]
    assert np.abs(hours[0] - hours[1]).max() < 0.02
    assert all(re.fullmatch(r"\d\d:\d\d", v) for v in marginal["arrival_time"].to_pylist())
    assert pc.min(marginal["arrival_date"]).as_py() >= dt.date(2022, 1, 1)


@pytest.mark.promise("generate.8")
def test_identifiers_are_issued_anew_and_free_text_is_fixed(made):
    for table in made.values():
        assert pc.count_distinct(table["visit_id"]).as_py() == 9000
        assert all(re.fullmatch(r"[A-Z]\d{6}", v) for v in table["visit_id"].slice(0, 50).to_pylist())
        assert table["chief_complaint"].unique().to_pylist() == ["[synthetic text]"]
    assert 5000 < pc.count_distinct(made["marginal"]["patient_id"]).as_py() < 8000


@pytest.mark.promise("generate.5")
def test_the_same_seed_gives_the_same_bytes_and_partitions_do_not_depend_on_each_other(summary, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "PARTITION", 1000)
    mechanism = mechanism_for("marginal", SCHEMA, summary)
    digests = [generate(mechanism, SCHEMA, summary, 2500, seed, tmp_path / str(n))[0].sha256 for n, seed in enumerate((1, 1, 2))]
    assert digests[0] == digests[1] != digests[2]
    generate(mechanism, SCHEMA, summary, 3000, 1, tmp_path / "longer")
    first, longer = (pq.read_table(tmp_path / n / "emergency_visits.parquet") for n in ("0", "longer"))
    assert longer.slice(0, 2000).equals(first.slice(0, 2000))
    assert pc.count_distinct(longer["visit_id"]).as_py() == 3000


@pytest.mark.promise("generate.5")
def test_a_mechanism_given_something_else_is_refused(summary, tmp_path):
    mechanism = mechanism_for("marginal", SCHEMA, summary, ("teaching",))
    assert Mechanism.from_dict(mechanism.as_dict()) == mechanism
    assert mechanism.disclosure_policy == POLICIES["internal"]
    assert [r.name for r in mechanism.rules] == [r.name for r in TABLE.rules]
    other = DatasetSchema((TableSchema("emergency_visits", TABLE.columns),))
    for bad, message in (
        (lambda: generate(mechanism, other, summary, 5, 1, tmp_path), "another schema"),
        (lambda: generate(mechanism, SCHEMA, None, 5, 1, tmp_path), "needs a metadata summary"),
        (lambda: mechanism_for("marginal", SCHEMA), "needs a metadata summary"),
        (lambda: mechanism_for("marginal", other, summary), "another schema"),
        (lambda: mechanism_for("magic", SCHEMA), "there are: structural, marginal"),
        (lambda: generate(mechanism, SCHEMA, summary, 0, 1, tmp_path), "at least 1"),
        (lambda: generate(mechanism, SCHEMA, summary, 5, -1, tmp_path), "the seed must be"),
        (lambda: Mechanism.from_dict({**mechanism.as_dict(), "format": 2}), "format 1"),
    ):
        with pytest.raises(InputError, match=message):
            bad()
    assert list(tmp_path.iterdir()) == []
    assert mechanism_for("marginal", SCHEMA, summary).digest != mechanism.digest


@pytest.mark.promise("generate.4")
def test_progress_counts_rows_and_cancelling_leaves_no_file(summary, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "PARTITION", 1000)
    told = []

    def progress(stage, fraction, rows=None, total=None):
        told.append((stage, rows, total))
        if rows >= 2000:
            raise Cancelled

    with pytest.raises(Cancelled):
        generate(mechanism_for("marginal", SCHEMA, summary), SCHEMA, summary, 5000, 1, tmp_path, progress)
    assert told == [("generating emergency_visits", n, 5000) for n in (0, 1000, 2000)]
    assert list(tmp_path.iterdir()) == []


def odd(tmp_path, values, kind, storage, **more):
    """500 marginal rows of a one-column table."""
    schema = DatasetSchema((TableSchema("t", (ColumnSchema("v", kind, storage, **more),)),))
    pq.write_table(pa.table({"v": values}), tmp_path / "t.parquet")
    summary = summarise({"t": tmp_path / "t.parquet"}, schema, FIVE)
    (file,) = generate(mechanism_for("marginal", schema, summary), schema, summary, 500, 3, tmp_path / "out")
    return pq.read_table(file.path)["v"], summary.table("t").column("v")


@pytest.mark.promise("generate.7")
def test_pooled_values_come_out_as_other_only_where_the_column_can_hold_it(tmp_path):
    text = pa.array(["A"] * 50 + list("BCDEFG"))
    assert set(odd(tmp_path, text, Kind.CATEGORICAL, "string")[0].to_pylist()) == {"A", OTHER}
    assert set(odd(tmp_path, text, Kind.CATEGORICAL, "string", codes=tuple("ABCDEFG"))[0].to_pylist()) == {"A"}
    numbers = pa.array([1] * 50 + [2, 3, 4, 5, 6, 7])
    assert set(odd(tmp_path, numbers, Kind.CATEGORICAL, "int64")[0].to_pylist()) == {1}


@pytest.mark.promise("control.12")
def test_placeholders_of_numeric_codes_are_none_that_records_could_have(tmp_path):
    schema = DatasetSchema((TableSchema("t", (ColumnSchema("v", Kind.CATEGORICAL, "int64", nullable=False),)),))
    (file,) = generate(mechanism_for("structural", schema), schema, None, 500, 3, tmp_path / "out")
    assert min(pq.read_table(file.path)["v"].to_pylist()) > 900_000_000


@pytest.mark.promise("generate.7")
def test_odd_columns_come_through(tmp_path):
    assert odd(tmp_path, pa.nulls(50, pa.float64()), Kind.REAL, "float64", decimals=1)[0].null_count == 500
    withheld, column = odd(tmp_path, pa.array([f"x{n}" for n in range(50)]), Kind.CATEGORICAL, "string", nullable=False)
    assert column.absent == "withheld"
    assert withheld.null_count == 0
    assert set(odd(tmp_path, pa.array([True, False] * 25), Kind.BOOLEAN, "bool")[0].to_pylist()) == {True, False}
    wide = pa.array([2**63 - 1 - n * 10**17 for n in range(184)], pa.int64())
    values, column = odd(tmp_path, wide, Kind.INTEGER, "int64")
    assert min(values.to_pylist()) < -(2**62) < 2**62 < max(values.to_pylist())
    huge, _ = odd(tmp_path, pa.array([(-1.0) ** n * 1e300 * n for n in range(200)]), Kind.REAL, "float64")
    assert np.isfinite(np.asarray(huge)).all()
    days = pa.array([dt.date(1700, 1, 1)] * 6 + [dt.date(2999, 12, 31)] * 6, pa.date32())
    years = set(pc.year(odd(tmp_path, days, Kind.DATE, "date32")[0]).to_pylist())
    assert years == {1700, 2999}
    clock = pa.array(["08:15:30"] * 20 + ["23:59:59"] * 20)
    seconds = odd(tmp_path, clock, Kind.TIME, "string", format="%H:%M:%S")[0].to_pylist()
    assert {v[:2] for v in seconds} == {"08", "23"}
    assert len({v[6:] for v in seconds}) > 20


@pytest.mark.parametrize(
    ("label", "first", "after"), [("1970", 0, 365), ("1970-Q2", 90, 181), ("1970-12", 334, 365), ("9999-12", 2932866, 2932897)]
)
def test_a_period_is_its_days(label, first, after):
    assert period_days(label) == (first, after)


def test_identifiers_fit_their_pattern_and_stay_different_when_it_is_too_narrow():
    assert issued(np.array([0, 13]), "éA9").to_pylist() == ["éA0", "éB3"]
    many = issued(np.arange(300), "A9").to_pylist()
    assert len(set(many)) == 300
    assert issued(np.array([7]), None).to_pylist() == ["SYN-000000007"]


def test_the_lottery_draws_in_proportion_and_evenly_without_weights():
    rng = np.random.default_rng(1)
    shares = np.bincount(Lottery(np.array([1.0, 0.0, 6.0, 3.0])).draw(200_000, rng), minlength=4) / 200_000
    assert np.abs(shares - [0.1, 0, 0.6, 0.3]).max() < 0.005
    assert shares[1] == 0
    assert len(set(Lottery(np.zeros(5)).draw(1000, rng).tolist())) == 5
