"""Tables as codes and back, kind by kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.disclosure import POLICIES
from generators.encoding.table import TableEncoding, learn
from generators.errors import InputError
from generators.generating.issuing import ARROW
from generators.schema import ColumnSchema, Kind, TableSchema
from tests.generators.encoding_rows import TABLE, one_column, visits

POLICY = POLICIES["internal"]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return visits()[0]


@pytest.fixture(scope="module")
def encoding() -> TableEncoding:
    table, persons = visits()
    return learn(table, TABLE, POLICY, persons)


def there_and_back(values: Any, kind: Kind, storage: str, **facts: Any) -> tuple[list[Any], TableEncoding]:
    """The values of one column, every row another person, decoded from their codes."""
    table, schema = one_column(values, kind, storage, **facts)
    encoding = learn(table, schema, POLICY, np.arange(table.num_rows))
    return encoding.decode(encoding.encode(table), np.random.default_rng(0))["x"].to_pylist(), encoding


@pytest.mark.promise("coding.1")
def test_rows_of_every_kind_come_back_from_their_codes(rows: pa.Table, encoding: TableEncoding) -> None:
    codes = encoding.encode(rows)
    assert codes.shape == (rows.num_rows, len(encoding.parts))
    assert codes.min() >= 0
    assert (codes < np.array([part.size for part in encoding.parts])).all()
    back = encoding.decode(codes, np.random.default_rng(1))
    assert back.column_names == [name for name in TABLE.names if name != "person"]
    for name in ("ward", "priority", "emergency", "complaint", "clock"):
        assert back[name].to_pylist() == rows[name].to_pylist()
    for name in ("age", "waited"):
        assert pc.mean(pc.equal(back[name], rows[name])).as_py() > 0.5
        assert abs(np.asarray(back[name]) - np.asarray(rows[name])).max() <= 60
    assert (encoding.encode(back) == codes).mean() > 0.99


@pytest.mark.promise("coding.1")
def test_the_same_table_gives_the_same_codes_and_the_same_seed_the_same_values(rows: pa.Table, encoding: TableEncoding) -> None:
    codes = encoding.encode(rows)
    assert np.array_equal(codes, encoding.encode(rows))
    assert encoding.decode(codes, np.random.default_rng(3)).equals(encoding.decode(codes, np.random.default_rng(3)))
    assert learn(rows, TABLE, POLICY, visits()[1]) == encoding


def test_keys_and_columns_left_out_have_no_codes(rows: pa.Table) -> None:
    encoding = learn(rows, TABLE, POLICY, visits()[1], leave_out=("age", "seen"))
    assert {part.column for part in encoding.parts}.isdisjoint({"person", "age", "seen"})


def test_columns_whose_values_are_known_stand_in_for_what_would_be_drawn(rows: pa.Table, encoding: TableEncoding) -> None:
    known = pa.array(np.full(rows.num_rows, 33))
    back = encoding.decode(encoding.encode(rows), np.random.default_rng(0), fixed={"age": known})
    assert back["age"].to_pylist() == known.to_pylist()


@pytest.mark.promise("coding.3")
def test_numbers_end_at_the_mean_of_the_outermost_persons() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(0, 1, 995), [50.0, 60.0, 70.0, 1e6, 2e6])
    back, encoding = there_and_back(values, Kind.REAL, "float64")
    assert max(back) <= values[-5:].mean()
    assert min(back) >= np.sort(values)[:5].mean()
    stored = encoding.as_dict()["columns"][0]["numbers"]
    assert min(stored["weight"]) >= POLICY.minimum / 2
    assert all(sum(stored["weight"][a:b]) >= POLICY.minimum for a, b in zip(stored["fine"], stored["fine"][1:], strict=False))


@pytest.mark.promise("coding.4")
def test_decimals_and_grids_are_kept() -> None:
    rng = np.random.default_rng(0)
    tenths, _ = there_and_back(np.round(rng.normal(37, 0.6, 4000), 1), Kind.REAL, "float64", decimals=1)
    assert all(round(value, 1) == value for value in tenths)
    fives, _ = there_and_back(rng.integers(0, 3000, 2000) * 5, Kind.INTEGER, "int64")
    assert all(isinstance(value, int) and value % 5 == 0 for value in fives)
    pounds = 0.45359237
    weights, _ = there_and_back(np.rint(rng.normal(160, 30, 1500)) * pounds, Kind.REAL, "float64")
    assert np.allclose(np.array(weights) / pounds, np.rint(np.array(weights) / pounds), atol=1e-6)


@pytest.mark.promise("coding.4")
def test_values_that_some_people_round_more_than_others_stay_so() -> None:
    rng = np.random.default_rng(0)
    exact = rng.gamma(4, 600, 1500)
    values = np.where(rng.random(1500) < 0.5, np.rint(exact / 100) * 100, np.rint(exact)).astype(np.int64)
    values = values[values > 0]
    back, _ = there_and_back(values, Kind.INTEGER, "int64")
    assert (np.array(back) % 100 == 0).mean() == pytest.approx((values % 100 == 0).mean(), abs=0.05)


@pytest.mark.promise("coding.5")
def test_many_zeros_and_heavy_tails_keep_their_shares_and_quantiles() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(10_000) < 0.6, 0.0, rng.pareto(1.5, 10_000) * 100)
    back, _ = there_and_back(values, Kind.REAL, "float64")
    made = np.array(back)
    assert (made == 0).mean() == (values == 0).mean()
    asked = [0.7, 0.9, 0.99, 0.999]
    assert np.allclose(np.quantile(made, asked), np.quantile(values, asked), rtol=0.05)


@pytest.mark.promise("coding.6")
def test_what_is_missing_together_comes_back_missing_together(rows: pa.Table, encoding: TableEncoding) -> None:
    back = encoding.decode(encoding.encode(rows), np.random.default_rng(0))
    for name in ("ward", "cost", "seen"):
        assert back[name].is_null().to_pylist() == rows["ward"].is_null().to_pylist()


@pytest.mark.promise("coding.6")
def test_what_too_few_lack_is_not_missing_in_what_is_made() -> None:
    back, _ = there_and_back([None] * 4 + [1, 2] * 100, Kind.INTEGER, "int64")
    assert None not in back


@pytest.mark.promise("coding.7")
def test_sentinels_have_codes_of_their_own(rows: pa.Table, encoding: TableEncoding) -> None:
    back = np.asarray(encoding.decode(encoding.encode(rows), np.random.default_rng(0))["waited"])
    assert ((back == -999) == (np.asarray(rows["waited"]) == -999)).all()
    assert back[back != -999].min() > 0
    dates, _ = there_and_back(
        pa.array(["1900-01-01"] * 50 + ["2023-05-01", "2023-05-02", "2023-05-03"] * 50).cast(pa.date32()),
        Kind.DATE,
        "date32",
        sentinels=("1900-01-01",),
    )
    assert {day.year for day in dates} == {1900, 2023}


@pytest.mark.promise("coding.8")
def test_rare_categories_are_pooled_and_come_out_as_frequent_values() -> None:
    back, encoding = there_and_back(["a"] * 60 + ["b"] * 30 + [f"rare {n}" for n in range(10)], Kind.CATEGORICAL, "string")
    assert set(back) == {"a", "b"}
    assert encoding.parts[0].size == 3
    assert encoding.as_dict()["columns"][0]["kept_out"] == 10


@pytest.mark.promise("coding.8")
def test_rare_codes_are_rolled_up_to_the_public_code_of_their_group() -> None:
    values = ["J18.9"] * 40 + [f"I21.{n}" for n in range(4)] * 2 + ["K35.8"] * 3
    back, _ = there_and_back(values, Kind.CATEGORICAL, "string", code_system="ICD-10")
    assert back.count("I21") == 8
    assert set(back) <= {"J18.9", "I21"}


@pytest.mark.promise("coding.10")
@pytest.mark.parametrize(
    ("values", "kind", "storage"),
    [
        ([None] * 30, Kind.INTEGER, "int64"),
        ([None] * 30, Kind.CATEGORICAL, "string"),
        ([None] * 30, Kind.FREE_TEXT, "string"),
        ([None] * 30, Kind.DATETIME, "timestamp[us]"),
        ([None] * 30, Kind.TIME, "string"),
        ([7] * 30, Kind.INTEGER, "int64"),
        ([1.5, 2.5], Kind.REAL, "float64"),
        (["x", "y"], Kind.CATEGORICAL, "string"),
        (["one note", "another"], Kind.FREE_TEXT, "string"),
        ([float("inf"), float("-inf"), float("nan"), -0.0, 1e308, -1e308] * 20, Kind.REAL, "float64"),
        ((np.linspace(-1.7, 1.7, 300) * 1e308).tolist(), Kind.REAL, "float64"),
        ([1.5, float("nan"), float("inf")] * 20, Kind.CATEGORICAL, "float64"),
        ([2**63 - 1, -(2**63), 0] * 20, Kind.INTEGER, "int64"),
        (list(range(2**62, 2**62 + 600)), Kind.INTEGER, "int64"),
    ],
)
def test_strange_columns_are_coded_without_an_error(values: list[Any], kind: Kind, storage: str) -> None:
    table, schema = one_column(pa.array(values, ARROW[storage]), kind, storage)
    encoding = learn(table, schema, POLICY, np.arange(len(values)))
    codes = encoding.encode(table)
    back = encoding.decode(codes, np.random.default_rng(0))["x"]
    assert len(back) == len(values)
    assert storage != "float64" or np.isfinite(np.asarray(back.drop_null())).all()
    assert all(part.size >= 1 for part in encoding.parts)
    if values.count(values[0]) == len(values):
        assert back.to_pylist() == values


@pytest.mark.promise("coding.10")
def test_one_person_with_all_the_rows_tells_nothing(rows: pa.Table) -> None:
    encoding = learn(rows, TABLE, POLICY, np.zeros(rows.num_rows, np.int64))
    assert all(part.size == 1 for part in encoding.parts)
    assert encoding.decode(encoding.encode(rows), np.random.default_rng(0)).num_rows == rows.num_rows


@pytest.mark.promise("coding.10")
def test_no_rows_are_refused(rows: pa.Table) -> None:
    with pytest.raises(InputError, match='table "visits" has no rows'):
        learn(rows.slice(0, 0), TABLE, POLICY, np.zeros(0, np.int64))
    with pytest.raises(InputError, match='no column "age"'):
        learn(rows, TABLE, POLICY, visits()[1]).encode(rows.drop_columns(["age"]))


def test_a_table_that_is_not_in_its_schema_is_refused_without_a_value(rows: pa.Table, encoding: TableEncoding) -> None:
    wrong = rows.set_column(rows.column_names.index("age"), "age", pa.array(["forty-two"] * rows.num_rows))
    for use in (encoding.encode, lambda table: learn(table, TABLE, POLICY, visits()[1])):
        with pytest.raises(InputError, match='column "age": it does not hold what the schema says') as refusal:
            use(wrong)
        assert "forty" not in str(refusal.value)


@pytest.mark.promise("coding.12")
@pytest.mark.parametrize(
    ("condition", "meets"),
    [
        ({"ward": "Stroke|Medical"}, lambda row: row["ward"] in ("Stroke", "Medical")),
        ({"ward": ""}, lambda row: row["ward"] is None),
        ({"emergency": "true"}, lambda row: row["emergency"]),
        ({"priority": "2..3"}, lambda row: 2 <= row["priority"] <= 3),
        ({"age": "65..80"}, lambda row: 65 <= row["age"] <= 80),
        ({"cost": "0"}, lambda row: row["cost"] == 0),
        ({"arrived": "2023-03-01..2023-03-31"}, lambda row: str(row["arrived"])[:7] == "2023-03"),
        ({"clock": "..11:45"}, lambda row: row["clock"] <= "11:45"),
        ({"complaint": "chest pain"}, lambda row: row["complaint"] == "chest pain"),
    ],
)
def test_a_condition_leaves_the_codes_that_may_meet_it(
    rows: pa.Table, encoding: TableEncoding, condition: dict[str, str], meets: Any
) -> None:
    codes = encoding.encode(rows)
    ((part, allowed),) = encoding.allowed(condition).items()
    (restriction,) = encoding.restrictions(condition).values()
    wanted = np.array([bool(meets(row)) for row in rows.to_pylist()])
    held = allowed[codes[:, part]]
    assert held[wanted].all()
    within = {} if restriction.bounds is None else {next(iter(condition)): restriction.bounds}
    drawn = encoding.decode(codes[held], np.random.default_rng(0), within=within)
    assert all(meets(row) for row in drawn.to_pylist())
    if restriction.exact:
        assert held.sum() <= wanted.sum() * 1.02


@pytest.mark.promise("coding.12")
@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"ward": "Nowhere"}, "ward=Nowhere: this value is not generated"),
        ({"ward": "a..b"}, "a range needs a column of numbers"),
        ({"age": "old"}, "no value of the column's kind"),
        ({"age": "80..65"}, "begins after its end"),
        ({"age": "1000..2000"}, "no row can meet it"),
        ({"age": ""}, "no row can meet it"),
        ({"arrived": "31/01/2023"}, "no value of the column's kind"),
        ({"clock": "25:00"}, "no value of the column's kind"),
        ({"person": "P1"}, 'no column "person" to set a condition on'),
    ],
)
def test_conditions_that_no_row_can_meet_are_refused(encoding: TableEncoding, condition: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        encoding.allowed(condition)
    assert "Medical" not in str(refusal.value)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=60), st.integers(1, 4))
@pytest.mark.promise("coding.10")
def test_any_numbers_can_be_coded(values: list[float | None], times: int) -> None:
    table, schema = one_column(pa.array(values * times * 5, pa.float64()), Kind.REAL, "float64")
    encoding = learn(table, schema, POLICY, np.arange(table.num_rows))
    assert TableEncoding.from_dict(encoding.as_dict()) == encoding
    back = encoding.decode(encoding.encode(table), np.random.default_rng(0))["x"]
    known = [v for v in values if v is not None]
    for value in back.to_pylist():
        assert value is None or (known and min(known) <= value <= max(known))


def test_a_name_of_a_column_may_be_anything() -> None:
    odd = 'größe [cm] "=|'
    table = pa.table({odd: pa.array([1, 2] * 50)})
    encoding = learn(table, TableSchema("t", (ColumnSchema(odd, Kind.INTEGER, "int64"),)), POLICY, np.arange(100))
    assert encoding.decode(encoding.encode(table), np.random.default_rng(0)).equals(table)
