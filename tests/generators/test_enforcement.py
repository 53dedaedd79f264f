"""Rules are kept in generated rows, whatever the rules."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from generators.errors import InputError
from generators.generating.structural import filler
from generators.rules.enforcement import enforcer
from generators.rules.meaning import violations
from generators.schema import CodeGroup, ColumnSchema, ForeignKey, Kind, Rule, TableSchema
from generators.simulated import EMERGENCY_SCHEMA

COLUMNS = (
    ColumnSchema("person", Kind.IDENTIFIER, "string", nullable=False, format="P9999999"),
    ColumnSchema("visit", Kind.IDENTIFIER, "string", nullable=False, unique=True),
    ColumnSchema("born", Kind.DATE, "date32", nullable=False),
    ColumnSchema("came", Kind.DATE, "date32", nullable=False),
    ColumnSchema("left", Kind.DATETIME, "timestamp[us]"),
    ColumnSchema("clock", Kind.TIME, "string", nullable=False, format="%H:%M"),
    ColumnSchema("minutes", Kind.INTEGER, "int64", nullable=False),
    ColumnSchema("age", Kind.INTEGER, "int64", nullable=False),
    ColumnSchema("sex", Kind.CATEGORICAL, "string", nullable=False, codes=("F", "M")),
    ColumnSchema("pregnant", Kind.CATEGORICAL, "string", codes=("no", "yes")),
    ColumnSchema("diagnosis", Kind.CATEGORICAL, "string", codes=("I21", "O20.0", "O80", "N40", "Z48")),
    ColumnSchema("ward", Kind.CATEGORICAL, "string", codes=("Heart", "Birth", "Other")),
    ColumnSchema("a", Kind.REAL, "float64", decimals=1),
    ColumnSchema("b", Kind.REAL, "float64", decimals=1),
    ColumnSchema("c", Kind.REAL, "float64", decimals=1),
    ColumnSchema("dead", Kind.BOOLEAN, "bool"),
    ColumnSchema("level", Kind.CATEGORICAL, "int64", nullable=False, codes=("1", "2", "3")),
    ColumnSchema("level_again", Kind.CATEGORICAL, "int64", nullable=False, codes=("1", "2", "3")),
)
TABLE = TableSchema("visits", COLUMNS, person_key="person", primary_key=("visit",), code_groups=(CodeGroup("HEART", ("I20-I25",)),))


def table(*texts):
    return replace(TABLE, rules=tuple(Rule(f"rule {n}", text) for n, text in enumerate(texts, 1)))


def generated(schema, rows, seed=1):
    return filler(schema)(0, rows, np.random.default_rng(seed))


def broken(schema, rows):
    return {r.text: int(violations(r, rows, schema).sum()) for r in schema.rules}


RULES = (
    "came >= born",
    "left >= came",
    "left = came + clock + minutes minutes",
    "minutes = days between born and came",
    "age = years between born and came",
    "age = months between born and came",
    "c = a + b",
    "a + b <= c",
    "a <= b and b <= c",
    "a is not null iff dead",
    "a is null where age < 30",
    "a, b, c null together",
    "a, b, c, dead, left null together",
    "sex = 'M' implies diagnosis not in OBSTETRIC",
    "sex = 'M' implies diagnosis not like 'O%'",
    "diagnosis in HEART iff ward = 'Heart'",
    "diagnosis in ('O00'-'O99') implies sex = 'F' and pregnant = 'yes'",
    "(sex, pregnant) in (('M', 'no'), ('F', 'no'), ('F', 'yes'))",
    "(sex, pregnant) in (('M', null), ('F', 'no'), ('F', 'yes'), ('F', null))",
    "(level, sex, ward) in ((1, 'F', 'Heart'), (2, 'F', 'Birth'), (3, 'M', null))",
    "ward is null or dead = false",
    "not (dead and ward = 'Birth')",
    "level = level_again",
    "level = level_again where sex = 'F'",
    "level in (2-3) where age in (0-17, 65-100)",
    "clock < '12:00' where ward = 'Heart'",
    "came >= '2010-01-01'",
    "born = '2001-02-03' where level = 1",
    "a = 5 where sex = 'M'",
    "unique (person, came)",
    "unique (person, level)",
    "dead where age > 90",
)


@pytest.mark.promise("rules.5")
@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("rows", [1, 3, 2000])
def test_each_form_of_rule_is_kept_in_every_row(text, rows):
    schema = table(text)
    before = generated(schema, rows)
    after = enforcer(schema)(before, np.random.default_rng(2))
    assert broken(schema, after) == {text: 0}
    assert after.num_rows == rows
    assert after.schema == before.schema


@pytest.mark.promise("rules.5")
@pytest.mark.parametrize("seed", range(12))
def test_rules_are_kept_together(seed):
    rng = np.random.default_rng(seed)
    apart = [r for r in RULES if "=" not in r.split(" where ")[0].replace(">=", "").replace("<=", "") or " in " in r or "iff" in r]
    chosen = table(*rng.permutation(apart)[:4].tolist())
    before = generated(chosen, 2000, seed)
    try:
        after = enforcer(chosen)(before, rng)
    except InputError as error:
        assert "rule" in str(error)  # noqa: PT017 - some choices exclude each other; whatever comes out keeps all
        return
    assert set(broken(chosen, after).values()) == {0}


@pytest.mark.promise("rules.6")
def test_keys_codes_nulls_types_and_the_number_of_rows_stay():
    left_out = ("minutes = days between born and came", "age = months between born and came", "left = came + clock + minutes minutes")
    schema = table(*[r for r in RULES if r not in left_out][:12])
    before = generated(schema, 3000)
    after = enforcer(schema)(before, np.random.default_rng(3))
    assert after.schema == before.schema
    for name in ("person", "visit"):
        assert after[name].equals(before[name])
    for column in schema.columns:
        values = pc.cast(pc.drop_null(after[column.name].combine_chunks()), pa.string()) if column.codes else None
        assert values is None or set(values.unique().to_pylist()) <= set(column.codes)
        assert column.nullable or after[column.name].null_count == 0


@pytest.mark.promise("rules.6")
def test_the_same_rows_and_generator_give_the_same_result():
    schema = table("came >= born", "a, b, c null together", "unique (person, came)")
    one, two = (enforcer(schema)(generated(schema, 2000), np.random.default_rng(9)) for _ in range(2))
    assert one.equals(two)


@pytest.mark.promise("rules.7")
def test_the_rules_of_the_emergency_department_move_no_marginal_far():
    schema = EMERGENCY_SCHEMA.deidentified().tables[0]
    before = likely(schema)
    after = enforcer(schema)(before, np.random.default_rng(1))
    assert set(broken(schema, after).values()) == {0}
    for name in ("los_minutes", "wait_minutes", "age", "disposition", "admit_ward", "systolic_bp", "heart_rate", "temperature", "sex"):
        assert moved(before[name], after[name]) < 0.02, name


def likely(schema, rows=20_000):
    """Every column of the simulated department shuffled by itself: what a generator of marginals comes near to."""
    from generators.simulated import emergency_department

    rng = np.random.default_rng(7)
    real = emergency_department(rows).select(schema.names)
    return pa.table({name: real[name].combine_chunks().take(pa.array(rng.permutation(rows))) for name in schema.names})


def moved(before, after):
    """Total variation distance, over 20 bins where there are more values."""
    values, codes = np.unique(np.concatenate([_numbers(before), _numbers(after)]), return_inverse=True)
    codes = codes if len(values) <= 20 else codes * 20 // len(values)
    one, two = (np.bincount(part, minlength=codes.max() + 1) / len(part) for part in np.split(codes, 2))
    return 0.5 * np.abs(one - two).sum()


def _numbers(column):
    array = column.combine_chunks()
    if pa.types.is_string(array.type):
        return np.array([v or "" for v in array.to_pylist()])
    return pc.fill_null(pc.cast(array, pa.float64()), -1).to_numpy(zero_copy_only=False)


@pytest.mark.promise("rules.6")
def test_what_comes_out_went_in_or_was_computed_or_stands_in_a_rule():
    schema = table("ward is not null iff dead", "a <= b", "level in (1, 3) where sex = 'M'")
    before = generated(schema, 2000)
    after = enforcer(schema)(before, np.random.default_rng(3))
    for name in before.column_names:
        assert set(after[name].unique().to_pylist()) <= {*before[name].unique().to_pylist(), None}


@pytest.mark.promise("rules.8")
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("came > born", "born > came"), 'rules "rule 1", "rule 2" of table "visits" contradict'),
        (("a is null", "a is not null"), 'the rule "rule'),
        (("level = 1", "level = 2"), 'the rule "rule'),
        (("level = 9",), 'the rule "rule 1" cannot be kept'),
        (("sex = 'X'",), 'the rule "rule 1" cannot be kept'),
        (("unique (came)",), 'rule "rule 1" of table "visits" cannot be kept: rows are made in parts'),
        (("person = visit",), 'rule "rule 1" of table "visits" cannot be kept: each column'),
        (("c = a + b", "c = a + a + b", "a = c + b", "b = c + a"), "cannot be kept"),
        (("nothing > 1",), 'names column "nothing", which table "visits" lacks'),
        (("diagnosis in NOWHERE",), 'there is no code group "NOWHERE"; there are: FEMALE_GENITAL, HEART'),
    ],
)
def test_rules_that_cannot_be_kept_are_named(texts, message):
    schema = table(*texts)
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        enforcer(schema)(generated(schema, 200), np.random.default_rng(1))


@pytest.mark.promise("rules.8")
def test_uniqueness_with_too_few_values_is_refused_not_tried_for_ever():
    schema = table("unique (person, level)")
    rows = generated(schema, 50)
    one = rows.set_column(0, "person", pa.array(["P1"] * 50))
    with pytest.raises(InputError, match="too few different values of level"):
        enforcer(schema)(one, np.random.default_rng(1))


def test_a_key_of_another_table_makes_uniqueness_possible():
    key = ColumnSchema("stay", Kind.IDENTIFIER, "string")
    schema = TableSchema(
        "beds",
        (key, ColumnSchema("bed", Kind.INTEGER, "int64")),
        foreign_keys=(ForeignKey(("stay",), "stays", ("stay",)),),
        rules=(Rule("one", "unique (stay, bed)"),),
    )
    rows = pa.table({"stay": ["s"] * 40 + ["t"] * 40, "bed": pa.array([n % 50 for n in range(80)])})
    after = enforcer(schema)(rows, np.random.default_rng(1))
    assert len({*zip(after["stay"].to_pylist(), after["bed"].to_pylist(), strict=True)}) == 80


def test_a_table_without_rules_is_left_alone():
    rows = generated(TABLE, 10)
    assert enforcer(TABLE)(rows, np.random.default_rng(1)) is rows
    assert enforcer(table("came >= born"))(rows.slice(0, 0), np.random.default_rng(1)).num_rows == 0
