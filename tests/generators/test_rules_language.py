"""Every form of the language of rules, and its reference page."""

import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation.fidelity.rule_breaks import broken as broken_in
from evaluation.tables.columns import ParquetRows
from generators.errors import InputError
from generators.rules.meaning import check, parse, violations
from generators.schema import CodeGroup, ColumnSchema, DatasetSchema, Kind, Role, Rule, TableSchema

TEXT = {"kind": Kind.CATEGORICAL, "storage": "string"}
SCHEMA = TableSchema(
    "visits",
    (
        ColumnSchema("sex", **TEXT),
        ColumnSchema("pregnant", **TEXT),
        ColumnSchema("code", **TEXT),
        ColumnSchema("n", Kind.INTEGER, "int64"),
        ColumnSchema("born", Kind.DATE, "date32"),
        ColumnSchema("came", Kind.DATETIME, "timestamp[us]"),
    ),
    code_groups=(CodeGroup("HEART", ("I20-I25", "R07.4", "Z95%")),),
)
ROWS = pa.table(
    {
        "sex": ["M", "F", "F", None],
        "pregnant": ["no", "yes", None, "yes"],
        "code": ["I21.9", "O20.0", "z95.1", None],
        "n": pa.array([0, 3, 40, 3]),
        "born": pa.array([date(2000, 2, 29), date(2000, 2, 29), date(1960, 5, 5), date(2024, 1, 31)], pa.date32()),
        "came": pa.array([datetime(2001, 2, 28, 23), datetime(2001, 3, 1), datetime(2000, 5, 5), None], pa.timestamp("us")),
    }
)


@pytest.mark.promise("rules.1")
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sex = 'M' implies code not in OBSTETRIC", [0, 0, 0, 0]),
        ("sex = 'F' implies code not in OBSTETRIC", [0, 1, 0, 0]),
        ("sex = 'F' implies pregnant = 'yes' where n > 10", [0, 0, 0, 0]),
        ("code in HEART", [0, 1, 1, 0]),  # z95.1: patterns tell capitals from small letters, ranges do not
        ("code in group HEART", [0, 1, 1, 0]),
        ("code in ('i20'-'I25', 'O20.0')", [0, 0, 1, 0]),
        ("code not in ('O00'-'O99')", [0, 1, 0, 0]),
        ("code in ('O20.0'-'O20.9')", [1, 0, 1, 0]),
        ("code like 'O%'", [1, 0, 1, 0]),
        ("code not like '_2%'", [1, 1, 0, 0]),
        ("n in (0-3, 39)", [0, 0, 1, 0]),
        ("n not in (-1-0)", [1, 0, 0, 0]),
        ("(sex, pregnant) in (('M', 'no'), ('F', 'yes'))", [0, 0, 0, 0]),
        ("(sex, pregnant) in (('M', 'no'), ('F', 'no'))", [0, 1, 0, 0]),
        ("(sex, pregnant) in (('M', null), ('F', null))", [1, 1, 0, 0]),
        ("(sex, pregnant) not in (('M', 'no'))", [1, 0, 0, 0]),
        ("n = years between born and came", [0, 1, 0, 0]),
        ("n = months between born and came", [1, 1, 1, 0]),
        ("days between born and came >= 366", [1, 0, 0, 0]),
        ("years between came and born <= 0", [0, 0, 0, 0]),
        ("years between born and '2030-01-31' = 6 where sex is null", [0, 0, 0, 0]),
        ("unique (sex)", [0, 1, 1, 0]),
        ("unique (sex, pregnant)", [0, 0, 0, 0]),
        ("unique (n, pregnant)", [0, 1, 0, 1]),
    ],
)
def test_a_row_breaks_a_rule_only_where_it_is_false(text, rows):
    assert violations(text, ROWS, SCHEMA).astype(int).tolist() == rows
    encoded = pa.table({n: ROWS[n].dictionary_encode() if pa.types.is_string(ROWS[n].type) else ROWS[n] for n in ROWS.column_names})
    assert violations(text, encoded, SCHEMA).astype(int).tolist() == rows


@pytest.mark.promise("rules.1")
def test_years_months_and_days_agree_with_counting_on_a_calendar():
    rng = np.random.default_rng(5)
    days = rng.integers(-20_000, 30_000, (2, 2000))
    start, end = (pa.array(d.astype(np.int32)).cast(pa.date32()) for d in days)
    columns = (ColumnSchema("a", Kind.DATE, "date32"), ColumnSchema("b", Kind.DATE, "date32"), ColumnSchema("n", Kind.INTEGER, "int64"))

    def years(a, b):
        return b.year - a.year - ((b.month, b.day) < (a.month, a.day)) if a <= b else -years(b, a)

    expected = pa.array([years(a, b) for a, b in zip(start.to_pylist(), end.to_pylist(), strict=True)])
    rows = pa.table({"a": start, "b": end, "n": expected})
    assert not violations("n = years between a and b", rows, TableSchema("t", columns)).any()
    rows = pa.table({"a": start, "b": end, "n": pa.array(days[1] - days[0])})
    assert not violations("n = days between a and b", rows, TableSchema("t", columns)).any()


@pytest.mark.promise("rules.2")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sex implies", r'rule "r", character 12: expected a column'),
        ("code in ('B'-'A')", r'rule "r", character 11: a range goes'),
        ("n in (3-1)", r'rule "r", character 7: a range goes'),
        ("n in ('a'-3)", r'rule "r", character 8: a range goes'),
        ("code like O", r'rule "r", character 11: expected a pattern in quotes'),
        ("n not 3", r'rule "r", character 7: expected "in" or "like"'),
        ("(sex, n) in ((1, 2, 3))", r'rule "r", character 14: a combination of 2 values'),
        ("unique (sex, sex)", r"a column is named twice"),
        ("unique (sex", r'expected "\)"'),
        ("code in NOWHERE", r'rule "r": there is no code group "NOWHERE"; there are: FEMALE_GENITAL, HEART'),
        ("n in HEART", r'rule "r": code groups hold texts, not a number'),
        ("n like 'a'", r'rule "r": "like" compares texts, not a number'),
        ("n = years between sex and came", r'"years between" needs two dates'),
        ("height > 3", r'rule "r" names column "height", which table "visits" lacks; it has: sex'),
        ("unique (sex, height)", r'names column "height"'),
        ("(sex, height) in (('M', 1))", r'names column "height"'),
        ("n = years between birth and came", r'names column "birth"'),
    ],
)
def test_what_cannot_be_used_is_refused_with_name_place_and_way_out(text, message):
    with pytest.raises(InputError, match=message):
        check(Rule("r", text), SCHEMA)


def test_words_of_the_language_that_are_no_reserved_words_still_name_columns():
    schema = TableSchema("t", tuple(ColumnSchema(n, Kind.INTEGER, "int64") for n in ("unique", "group", "years", "between", "days")))
    rows = pa.table({c.name: pa.array([1, 2]) for c in schema.columns})
    for text in ("unique = group", "years = between", "group in (1, 2)", "days + 0 = unique"):
        assert not violations(text, rows, schema).any()


@pytest.mark.promise("rules.1")
def test_code_groups_are_read_back_and_change_nothing_where_there_are_none():
    schema = DatasetSchema((SCHEMA,))
    assert DatasetSchema.from_json(schema.to_json()) == schema
    assert "code_groups" not in DatasetSchema((replace(SCHEMA, code_groups=()),)).to_json()
    with pytest.raises(InputError, match="code group lacks a part"):
        DatasetSchema.from_json(schema.to_json().replace('"codes": [\n      "I20', '"cods": [\n      "I20'))


@pytest.mark.promise("rules.2")
def test_a_rule_about_a_column_that_is_dropped_is_dropped_with_it():
    columns = (replace(SCHEMA.columns[4], role=Role.DIRECT_IDENTIFIER), SCHEMA.columns[5], SCHEMA.columns[3])
    table = TableSchema("t", columns, rules=(Rule("one", "n = years between born and came"), Rule("two", "n >= 0")))
    assert [r.name for r in table.deidentified().rules] == ["two"]


@pytest.mark.promise("rules.1")
def test_every_example_of_the_reference_page_is_a_rule():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    examples = [line for block in re.findall(r"```rule\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(examples) > 20
    kinds = {
        "time": (Kind.TIME, "string"),
        "date": (Kind.DATE, "date32"),
        "number": (Kind.INTEGER, "int64"),
        "text": (Kind.CATEGORICAL, "string"),
    }
    named = {
        "number": "wait_minutes los_minutes total cost_a cost_b age stay systolic_bp heart_rate spo2",
        "text": "sex pregnant diagnosis disposition admit_ward patient_id",
        "date": "arrival_date discharge_date birth_date",
        "time": "arrival_time",
    }
    columns = [ColumnSchema(n, *kinds[k]) for k, names in named.items() for n in names.split()]
    columns += [ColumnSchema(n, Kind.DATETIME, "timestamp[us]") for n in ("arrival", "discharge")]
    columns += [ColumnSchema("dead", Kind.BOOLEAN, "bool")]
    for example in examples:
        check(Rule("example", example), TableSchema("visits", tuple(columns), code_groups=SCHEMA.code_groups))


@pytest.mark.promise("rules.10")
def test_the_evaluation_counts_rows_that_are_alike_though_they_stand_far_apart(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr("evaluation.fidelity.rule_breaks.CHUNK", 10)
    columns = (ColumnSchema("person", Kind.IDENTIFIER, "string"), ColumnSchema("n", Kind.INTEGER, "int64"))
    table = TableSchema("t", columns, person_key="person")
    rows = pa.table({"person": [f"P{i % 40}" for i in range(41)], "n": pa.array([1] * 41)})
    pq.write_table(rows, tmp_path / "t.parquet")
    found = broken_in(ParquetRows("synthetic", tmp_path / "t.parquet", table), Rule("once", "unique (person, n)"), table, ("person", "n"))
    assert found.sum() == 2
    found = broken_in(ParquetRows("synthetic", tmp_path / "t.parquet", table), parse("n in (2-3)"), table, ("n",))
    assert found.sum() == 41
