"""Rules are found in data, and their discovery tells nothing about few persons."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.rules.checks import check_data
from generators.rules.discovery import candidates
from generators.rules.meaning import violations
from generators.schema import ColumnSchema, Kind, Role, Rule, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department

INTERNAL, PUBLIC = POLICIES["internal"], POLICIES["public"]
EMERGENCY = EMERGENCY_SCHEMA.tables[0]

KINDS = {
    "person": (Kind.IDENTIFIER, "string"),
    "sex": (Kind.CATEGORICAL, "string"),
    "pregnant": (Kind.CATEGORICAL, "string"),
    "ward": (Kind.CATEGORICAL, "string"),
    "stage": (Kind.CATEGORICAL, "string"),
    "born": (Kind.DATE, "date32"),
    "came": (Kind.DATETIME, "timestamp[us]"),
    "left": (Kind.DATETIME, "timestamp[us]"),
    "hours": (Kind.REAL, "float64"),
    "age": (Kind.INTEGER, "int64"),
    "cost_a": (Kind.INTEGER, "int64"),
    "cost_b": (Kind.INTEGER, "int64"),
    "total": (Kind.INTEGER, "int64"),
    "total_again": (Kind.INTEGER, "int64"),
    "bp_low": (Kind.INTEGER, "int64"),
    "bp_high": (Kind.INTEGER, "int64"),
}
TABLE = TableSchema("visits", tuple(ColumnSchema(n, *k) for n, k in KINDS.items()), person_key="person")


def visits(rows=3000, seed=3):
    """Columns by name; each person has one visit in the first half and one in the second."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], rows)
    born = [date(1930, 1, 1) + timedelta(int(d)) for d in rng.integers(0, 30_000, rows)]
    came = [datetime(2020, 1, 1) + timedelta(minutes=int(m)) for m in rng.integers(0, 500_000, rows)]
    hours = rng.integers(1, 200, rows) / 2
    low = rng.integers(50, 90, rows)
    a, b = rng.integers(1, 100, (2, rows))
    ward = rng.choice(["Heart", "Birth", "Other"], rows)
    return {
        "person": [f"P{i % (rows // 2)}" for i in range(rows)],
        "sex": sex.tolist(),
        "pregnant": np.where((sex == "F") & (rng.random(rows) < 0.3), "yes", "no").tolist(),
        "ward": ward.tolist(),
        "stage": [s if w == "Heart" else None for w, s in zip(ward, rng.choice(["1", "2"], rows), strict=True)],
        "born": born,
        "came": came,
        "left": [c + timedelta(hours=float(h)) for c, h in zip(came, hours, strict=True)],
        "hours": hours.tolist(),
        "age": [c.year - d.year - ((c.month, c.day) < (d.month, d.day)) for c, d in zip(came, born, strict=True)],
        "cost_a": a.tolist(),
        "cost_b": b.tolist(),
        "total": (a + b).tolist(),
        "total_again": (a + b).tolist(),
        "bp_low": low.tolist(),
        "bp_high": (low + rng.integers(1, 70, rows)).tolist(),
    }


def written(folder, columns, table=TABLE):
    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "date32": pa.date32(),
        "timestamp[us]": pa.timestamp("us"),
    }
    rows = pa.table({c.name: pa.array(columns[c.name], types[c.storage]) for c in table.columns})
    pq.write_table(rows, folder / "visits.parquet")
    return folder / "visits.parquet"


def texts(found):
    return {c.rule.text: c.holds for c in found}


@pytest.mark.promise("rules.3")
def test_the_rules_people_would_write_are_found(tmp_path):
    found = texts(candidates(written(tmp_path, visits()), TABLE, INTERNAL))
    for rule in (
        'left = came + "hours" hours',
        "age = years between born and came",
        "total = cost_a + cost_b",
        "total = total_again",
        "came <= left",
        "bp_low <= bp_high",
        "stage is not null iff ward = 'Heart'",
        "sex = 'M' implies pregnant = 'no'",
        "unique (person, came)",
    ):
        assert found[rule] == "always"
    assert "born <= left" not in found  # it follows from two others


@pytest.mark.promise("rules.3")
def test_the_rules_of_the_emergency_department_are_found_and_hold(tmp_path):
    path = tmp_path / "t.parquet"
    rows = emergency_department(8000)
    pq.write_table(rows, path, row_group_size=1500)
    found = candidates(path, replace(EMERGENCY, rules=()), INTERNAL)
    for rule in (
        "discharge_datetime = arrival_date + arrival_time + los_minutes minutes",
        "wait_minutes <= los_minutes",
        "heart_rate, spo2, temperature null together",
        "admit_ward is not null iff disposition = 'Admitted'",
    ):
        assert texts(found)[rule] == "always"
    assert not any(violations(c.rule, rows, EMERGENCY).any() for c in found if c.holds == "always")
    assert all(c.sentence for c in found)
    again = candidates(path, replace(EMERGENCY, rules=tuple(c.rule for c in found)), INTERNAL)
    assert again == ()


@pytest.mark.promise("rules.4")
@pytest.mark.parametrize(("people", "holds"), [(0, "always"), (1, None), (4, None), (5, "nearly"), (9, "nearly")])
def test_a_rule_broken_by_few_persons_is_not_offered_and_no_number_is_told(tmp_path, people, holds):
    columns = visits()
    for i in range(people):
        columns["bp_high"][100 + i] = 10
    found = candidates(written(tmp_path, columns), TABLE, INTERNAL)
    assert texts(found).get("bp_low <= bp_high") == holds
    assert not any(str(people) in c.sentence for c in found if people > 2)


@pytest.mark.promise("rules.4")
def test_one_person_who_breaks_a_rule_often_is_one_person(tmp_path):
    columns = visits()
    for i in range(20):
        columns["bp_high"][i] = 10
        columns["person"][i] = "P7"
    assert "bp_low <= bp_high" not in texts(candidates(written(tmp_path, columns), TABLE, INTERNAL))


@pytest.mark.promise("rules.4")
def test_no_rule_names_a_value_of_fewer_persons_than_the_minimum(tmp_path):
    columns = visits()
    for i in range(4):
        columns["ward"][i], columns["stage"][i] = "Secret", "3"
    found = texts(candidates(written(tmp_path, columns), TABLE, INTERNAL))
    assert not any("Secret" in rule or "'3'" in rule for rule in found)
    one_person = visits()
    for i in range(60):
        one_person["ward"][i], one_person["stage"][i], one_person["person"][i] = "Secret", "1", "P9"
    found = texts(candidates(written(tmp_path, one_person), TABLE, INTERNAL))
    assert not any("Secret" in rule for rule in found)


@pytest.mark.promise("rules.4")
def test_a_stricter_policy_offers_no_more(tmp_path):
    path = written(tmp_path, visits(600))
    assert set(texts(candidates(path, TABLE, PUBLIC))) <= set(texts(candidates(path, TABLE, INTERNAL)))
    assert candidates(written(tmp_path, {n: v[:90] for n, v in visits().items()}), TABLE, PUBLIC) == ()


@pytest.mark.promise("rules.4")
def test_columns_of_direct_identifiers_and_free_text_are_in_no_rule(tmp_path):
    columns = tuple(replace(c, role=Role.DIRECT_IDENTIFIER) if c.name == "born" else c for c in TABLE.columns)
    table = replace(TABLE, columns=tuple(replace(c, kind=Kind.FREE_TEXT) if c.name == "ward" else c for c in columns))
    found = texts(candidates(written(tmp_path, visits(), table), table, INTERNAL))
    assert found
    assert not any("born" in rule or "ward" in rule for rule in found)


def test_an_empty_file_has_no_rules_and_a_file_of_other_columns_is_refused(tmp_path):
    assert candidates(written(tmp_path, {n: [] for n in KINDS}), TABLE, INTERNAL) == ()
    with pytest.raises(InputError, match='the file lacks the column "person"'):
        candidates(written(tmp_path, visits(100), replace(TABLE, columns=TABLE.columns[1:])), TABLE, INTERNAL)


@pytest.mark.promise("rules.9")
@pytest.mark.parametrize(("people", "words"), [(0, None), (1, "a few rows"), (4, "a few rows"), (6, "about 5 rows"), (23, "about 25 rows")])
def test_data_are_checked_against_their_rules(tmp_path, people, words):
    columns = visits()
    for i in range(people):
        columns["bp_high"][i] = 10
    table = replace(TABLE, rules=(Rule("pressure in order", "bp_low <= bp_high"), Rule("sexes", "sex in ('F', 'M')")))
    found = check_data(written(tmp_path, columns), table, INTERNAL)
    assert [f.message for f in found] == ([] if words is None else [f'{words} break the rule "pressure in order"'])


@pytest.mark.promise("rules.9")
def test_rows_that_should_be_unique_are_found_though_far_apart(tmp_path):
    columns = visits()
    for i in range(8):
        columns["came"][i] = columns["came"][1500 + i]
    table = replace(TABLE, rules=(Rule("once", "unique (person, came)"),))
    (found,) = check_data(written(tmp_path, columns), table, INTERNAL)
    assert found.message == 'about 15 rows break the rule "once"'
    assert check_data(written(tmp_path, visits()), table, INTERNAL) == ()


@pytest.mark.promise("rules.2")
def test_a_confirmed_rule_that_names_a_missing_column_is_refused(tmp_path):
    table = replace(TABLE, rules=(Rule("height", "height > 0"),))
    with pytest.raises(InputError, match='rule "height" names column "height", which table "visits" lacks'):
        check_data(written(tmp_path, visits(50)), table, INTERNAL)
