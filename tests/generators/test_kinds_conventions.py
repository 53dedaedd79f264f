"""Conventions of hospital data: sentinels, dates as numbers, times with fractions, what is missing together."""

import datetime as dt
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.generating.column_samplers import column_sampler
from generators.generating.marginal import filler
from generators.profiling.profile import propose
from generators.reading.canonical import canonicalise
from generators.reading.tables import read_dataset
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising import missing_patterns
from generators.summarising.summarise import summarise

FIVE = POLICIES["internal"]
DAY = dt.date(2020, 1, 1)


def read(tmp_path, columns):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    dataset = read_dataset(tmp_path / "t.parquet", tmp_path / "work")
    return dataset, propose(dataset)


def summarised(tmp_path, columns, schema):
    pq.write_table(pa.table(columns), tmp_path / "s.parquet")
    return summarise({"t": tmp_path / "s.parquet"}, DatasetSchema((TableSchema("t", tuple(schema)),)), FIVE).tables[0]


@pytest.mark.promise("kinds.1")
def test_whole_numbers_that_are_dates_are_read_as_dates(tmp_path):
    days = [DAY + dt.timedelta(days=n) for n in range(60)]
    numbers = [int(d.strftime("%Y%m%d")) for d in days]
    columns = {
        "admitted": numbers,
        "gaps": pa.array([None, *(float(n) for n in numbers[1:])]),
        "amount": [*numbers[1:], 20201345],
        "n": list(range(60)),
    }
    dataset, _ = read(tmp_path, columns)
    kinds = {c.name: (c.kind, c.storage) for c in dataset.schema.tables[0].columns}
    assert kinds["admitted"] == kinds["gaps"] == (Kind.DATE, "date32")
    assert kinds["amount"][0] is kinds["n"][0] is Kind.INTEGER
    assert pq.read_table(dataset.tables[0].path).column("admitted").to_pylist() == days


@pytest.mark.promise("kinds.2")
def test_sentinels_that_stand_apart_are_proposed_and_measured_values_are_not(tmp_path):
    r = random.Random(1)  # noqa: S311 - nothing secret
    n = 400
    columns = {
        "systolic": [-999 if i < 20 else r.randint(80, 200) for i in range(n)],
        "weight": [999.0 if i < 20 else r.randint(400, 1200) / 10 for i in range(n)],
        "nines": [r.choice([7, 8, 9, 10, 11]) for _ in range(n)],
        "wide": [r.choice([99, r.randint(0, 5000)]) for _ in range(n)],
        "born": [dt.date(1900, 1, 1) if i < 20 else dt.date(1950, 1, 1) + dt.timedelta(days=r.randint(0, 9000)) for i in range(n)],
        "seen": [DAY + dt.timedelta(days=r.randint(0, 300)) for _ in range(n)],
    }
    _, profile = read(tmp_path, columns)
    found = {c.name: c.sentinels for c in profile.schema.tables[0].columns}
    assert found["systolic"] == ("-999",)
    assert found["weight"] == ("999",)
    assert found["born"] in (("1900-01-01",), ())  # a date of birth is a direct identifier and leaves no sentinel
    assert found["nines"] == found["wide"] == found["seen"] == ()
    finding = next(f for f in profile.findings if f.column == "systolic" and "sentinel" in f.message)
    assert finding.level == "warning"
    assert "999" not in finding.message + finding.reason


@pytest.mark.promise("kinds.3")
def test_sentinels_are_counted_apart_and_generated_as_such(tmp_path):
    n = 300
    values = [-999] * 30 + [999] * 3 + [None] * 20 + [80 + i % 60 for i in range(n - 53)]
    dates = [dt.date(1900, 1, 1)] * 30 + [DAY + dt.timedelta(days=i % 200) for i in range(n - 30)]
    schema = [
        ColumnSchema("value", Kind.INTEGER, "int64", sentinels=("-999", "999")),
        ColumnSchema("day", Kind.DATE, "date32", sentinels=("1900-01-01",)),
    ]
    table = summarised(tmp_path, {"value": values, "day": dates}, schema)
    value, day = table.columns
    assert [(c.value, c.persons) for c in value.sentinels] == [("-999", 30)]
    assert value.nulls is not None
    assert value.nulls.persons == 20
    assert all(80 <= c.value <= 139 for c in value.distribution.values)
    assert all(s.low >= 80 and s.high <= 139 for s in value.distribution.steps)
    assert not any(str(c.value).startswith("19") for c in day.distribution.values)
    made = column_sampler(schema[0], value)(0, 6000, np.random.default_rng(0)).to_pylist()
    share = Counter(made)
    assert 450 < share[-999] < 750
    assert share[999] == 0
    days = column_sampler(schema[1], day)(0, 3000, np.random.default_rng(0)).to_pylist()
    assert 200 < days.count(dt.date(1900, 1, 1)) < 400


@pytest.mark.promise("kinds.3")
def test_a_sentinel_that_is_no_value_of_its_column_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match='column "value": a sentinel is no integer value'):
        summarised(tmp_path, {"value": [1] * 60}, [ColumnSchema("value", Kind.INTEGER, "int64", sentinels=("unknown",))])


@pytest.mark.promise("kinds.5")
def test_times_with_fractions_of_a_second_are_times(tmp_path):
    (tmp_path / "t.csv").write_text("clock,n\n" + "".join(f"0{i % 9}:15:30.{i:03d},{i}\n" for i in range(60)))
    dataset = read_dataset(tmp_path / "t.csv", tmp_path / "work")
    assert dataset.schema.tables[0].column("clock").format == "%H:%M:%S.%f"
    text = DatasetSchema((TableSchema("t", (ColumnSchema("clock", Kind.CATEGORICAL, "string"),)),))
    time = DatasetSchema((TableSchema("t", (ColumnSchema("clock", Kind.TIME, "string", format="%H:%M:%S.%f"),)),))
    (tmp_path / "again").mkdir()
    as_text = canonicalise(dataset, text, tmp_path / "again")
    (tmp_path / "third").mkdir()
    confirmed = canonicalise(as_text, time, tmp_path / "third")
    assert pq.read_table(confirmed.tables[0].path).column("clock").to_pylist()[1] == "01:15:30.001000"


def together(tmp_path, rows=2000, wide=3):
    """A table in which a and b are missing together, c by itself, the others never."""
    r = random.Random(3)  # noqa: S311 - nothing secret
    both = [r.random() < 0.3 for _ in range(rows)]
    columns = {
        "a": [None if x else 1 for x in both],
        "b": [None if x else 2 for x in both],
        "c": [None if r.random() < 0.1 else 3 for _ in range(rows)],
        **{f"full{n}": [1] * rows for n in range(wide)},
    }
    schema = [ColumnSchema(name, Kind.INTEGER, "int64") for name in columns]
    return columns, schema, summarised(tmp_path, columns, schema)


@pytest.mark.promise("kinds.6")
def test_columns_that_are_missing_together_stay_so(tmp_path):
    columns, schema, summary = together(tmp_path)
    assert {m.columns for m in summary.missing} == {("a", "b"), ("c",), ("a", "b", "c")}
    made = filler(TableSchema("t", tuple(schema)), summary)(0, 20_000, np.random.default_rng(0)).to_pydict()
    assert all((x is None) == (y is None) for x, y in zip(made["a"], made["b"], strict=True))
    for name in ("a", "c"):
        assert abs(made[name].count(None) / 20_000 - columns[name].count(None) / 2000) < 0.02
    assert made["full0"].count(None) == 0


@pytest.mark.promise("kinds.6")
def test_a_table_of_few_gaps_has_no_patterns_and_rare_patterns_stay_inside(tmp_path):
    columns = {"a": [None] * 20 + [1] * 80, "b": [None] * 17 + [1] * 63 + [None] * 20}
    schema = [ColumnSchema(name, Kind.INTEGER, "int64") for name in columns]
    assert [m.columns for m in summarised(tmp_path, columns, schema).missing] in ([("a", "b"), ("b",)], [("a", "b")], [("b",)])
    one = summarised(tmp_path, {"a": columns["a"], "b": [1] * 100}, schema)
    assert one.missing == ()
    assert missing_patterns.sampler(one) is None


def test_patterns_of_more_columns_than_a_word_has_bits_are_told_apart():
    names = [f"c{n}" for n in range(130)]
    rng = np.random.default_rng(0)
    lacking = rng.random((130, 1000)) < 0.01
    patterns, codes = missing_patterns.together(names, {n: np.packbits(row) for n, row in zip(names, lacking, strict=True)}, 1000)
    for row in range(1000):
        assert patterns[codes[row]] == tuple(n for n, bits in zip(names, lacking, strict=True) if bits[row])
    assert len(set(patterns)) == len(patterns)
