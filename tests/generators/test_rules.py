import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from generators.errors import InputError
from generators.rules.meaning import check, parse, violations
from generators.schema import ColumnSchema, Kind, Rule, TableSchema

SCHEMA = TableSchema(
    "stays",
    (
        ColumnSchema("a", Kind.INTEGER, "int64"),
        ColumnSchema("b", Kind.REAL, "float64", decimals=1),
        ColumnSchema("day", Kind.DATE, "date32"),
        ColumnSchema("clock", Kind.TIME, "string", format="%H:%M"),
        ColumnSchema("end", Kind.DATETIME, "timestamp[us]"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("dead", Kind.BOOLEAN, "bool"),
        ColumnSchema("odd name", Kind.CATEGORICAL, "string"),
    ),
)
ROWS = pa.table(
    {
        "a": pa.array([1, 2, None, 90], pa.int64()),
        "b": pa.array([1.0, 1.5, 3.0, float("nan")]),
        "day": pa.array([dt.date(1700, 1, 1), dt.date(2024, 2, 29), None, dt.date(2999, 12, 31)], pa.date32()),
        "clock": ["23:59", "00:00", "12:00", "not a time"],
        "end": pa.array(
            [dt.datetime(1700, 1, 2), dt.datetime(2024, 2, 29, 0, 3), dt.datetime(2020, 1, 1), dt.datetime(2999, 12, 31)],
            pa.timestamp("us"),
        ),
        "ward": ["A", None, "B's", "A"],
        "dead": [True, False, None, False],
        "odd name": ["x", "y", None, None],
    }
)


def broken(text):
    return violations(text, ROWS, SCHEMA).tolist()


@pytest.mark.promise("generate.2")
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a <= b", [False, True, False, False]),  # a null or NaN makes it unknown, which violates nothing
        ("a = 1 where ward = 'A'", [False, False, False, True]),
        ("end = day + clock + a minutes", [False, True, False, False]),
        ("end = day + clock + 3 minutes or a = 1", [False, False, False, False]),
        ("end - day <= 1 day", [False, False, False, False]),
        ("end >= '2000-01-01 00:00'", [True, False, False, False]),
        ("clock < '12:00'", [True, False, True, False]),
        ("ward is not null iff a >= 1", [False, True, False, False]),
        ("ward in ('A', 'B''s')", [False, False, False, False]),
        ("ward not in ('A')", [True, False, False, True]),
        ("ward != 'A'", [True, False, False, True]),
        ("a is null where ward = 'A'", [True, False, False, True]),
        ('ward, "odd name" null together', [False, True, True, True]),
        ("not dead", [True, False, False, False]),
        ("dead = false", [True, False, False, False]),
        ("(a > 1 and b > 1) or dead", [False, False, False, False]),
        ("a - 1 = -0", [False, True, False, True]),
        ("b + 0.2 = 1.2", [False, True, True, False]),
        ("A <= 5", None),
    ],
)
def test_a_rule_is_broken_exactly_where_it_is_false(text, rows):
    if rows is None:
        with pytest.raises(InputError, match='names column "A", which table "stays" lacks'):
            broken(text)
    else:
        assert broken(text) == rows


@pytest.mark.promise("generate.2")
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("a <=", 5),
        ("a <= <", 6),
        ("a ? b", 3),
        ("a, b null", 10),
        ("a in (1", 8),
        ("a <= b c", 8),
        ("a is maybe", 6),
        ("1 + 1", 6),
        ("'x' minutes = a", 5),
        ("(" * 60 + "a", 41),
    ],
)
def test_a_rule_that_does_not_parse_says_which_and_where(text, at):
    with pytest.raises(InputError, match=rf'rule "stay", character {at}:'):
        parse(text, "stay")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 'x'", "cannot compare a number with a text"),
        ("day + day = end", "cannot add a moment and a moment"),
        ("ward minutes = a", "cannot be counted in units of time"),
        ("end > 'yesterday'", "a date is written"),
    ],
)
def test_a_rule_between_unlike_things_is_refused_before_any_data(text, message):
    with pytest.raises(InputError, match=message):
        check(Rule("odd", text), SCHEMA)


def test_a_rule_longer_than_the_limit_is_refused():
    with pytest.raises(InputError, match="longer than"):
        parse("a = 1 or " * 400 + "a = 1", "long")


def test_data_without_the_column_are_refused():
    with pytest.raises(InputError, match='the data of table "stays" lack'):
        violations("a <= b", ROWS.drop_columns(["b"]), SCHEMA)


def test_huge_integers_do_not_wrap_round():
    table = pa.table({"a": pa.array([2**62, -(2**62)], pa.int64())})
    assert violations("a + a > 0", table, TableSchema("t", SCHEMA.columns[:1])).tolist() == [False, True]
    assert violations("a days > 0 days", table, TableSchema("t", SCHEMA.columns[:1])).tolist() == [False, True]


def test_an_empty_table_breaks_nothing():
    assert violations("end = day + clock + a minutes", ROWS.slice(0, 0), SCHEMA).shape == (0,)


def test_rules_are_checked_a_column_at_a_time_quickly():
    rng = np.random.default_rng(1)
    table = pa.table({"a": rng.integers(0, 9, 1_000_000), "b": rng.random(1_000_000)})
    assert violations("a <= b", table, SCHEMA).sum() > 0
