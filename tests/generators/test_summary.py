"""Summaries of the simulated department and of small tables worked by hand."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import Cancelled, DisclosureRefused, InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary, without
from generators.summary_words import describe

SCHEMA = EMERGENCY_SCHEMA.deidentified()
FIVE = DisclosurePolicy("five", 1, minimum=5, rounding=5, minimum_table=10)


@pytest.fixture(scope="module")
def visits():
    return emergency_department(6000)


@pytest.fixture(scope="module")
def summary(visits, tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "visits.parquet"
    pq.write_table(visits, path)
    return summarise({"emergency_visits": path}, SCHEMA, POLICIES["public"])


def small(tmp_path, values, kind, storage, who=None, policy=FIVE, **more):
    """The summary of one column of a table made here; `who` are the persons (default: each row another)."""
    columns = [ColumnSchema("v", kind, storage, **more)]
    data = {"v": values if isinstance(values, pa.Array) else pa.array(values)}
    if who is not None:
        columns.append(ColumnSchema("who", Kind.IDENTIFIER, "string"))
        data["who"] = pa.array(who)
    schema = DatasetSchema((TableSchema("t", tuple(columns), person_key="who" if who is not None else None),))
    pq.write_table(pa.table(data), tmp_path / "t.parquet")
    return summarise({"t": tmp_path / "t.parquet"}, schema, policy).table("t").column("v")


@pytest.mark.promise("disclosure.8")
def test_identifiers_and_free_text_are_absent_but_for_kind_and_format(summary, visits):
    text = summary.to_json()
    for name, absent in (("visit_id", "identifier"), ("patient_id", "identifier"), ("chief_complaint", "free text")):
        column = summary.table("emergency_visits").column(name)
        assert (column.absent, column.distribution.empty, column.nulls) == (absent, True, None)
        assert not any(f'"{value}"' in text for value in set(visits[name].to_pylist()))


@pytest.mark.promise("disclosure.12")
def test_a_summary_survives_json_and_says_what_it_was_made_with(summary):
    again = MetadataSummary.from_json(summary.to_json(), summary.digest)
    assert again == summary
    assert again.digest == summary.digest
    assert (again.policy, again.schema_digest, again.counts) == (POLICIES["public"], SCHEMA.digest, "train only")


@pytest.mark.promise("disclosure.12")
def test_an_edited_newer_or_broken_summary_is_refused(summary):
    raw = json.loads(summary.to_json())
    raw["tables"][0]["persons"] += 100
    with pytest.raises(InputError, match="digest differs"):
        MetadataSummary.from_json(json.dumps(raw), summary.digest)
    with pytest.raises(InputError, match="format 2; this program reads format 1"):
        MetadataSummary.from_json(json.dumps({**raw, "format": 2}))
    with pytest.raises(InputError, match="not JSON"):
        MetadataSummary.from_json("{")
    for part in ("policy", "schema_digest", "made_by"):
        with pytest.raises(InputError, match=r"lacks a part|disclosure policy"):
            MetadataSummary.from_dict({k: v for k, v in raw.items() if k != part})
    raw["tables"][0]["columns"][5]["distribution"]["values"] = [{"value": True, "persons": 1.5, "rows": None}]
    with pytest.raises(InputError):
        MetadataSummary.from_dict(raw)


@pytest.mark.promise("disclosure.6")
def test_rare_categories_are_pooled_and_counted_where_that_is_safe(tmp_path):
    column = small(tmp_path, ["A"] * 20 + ["B"] * 10 + list("CCDDEE"), Kind.CATEGORICAL, "string")
    assert [(c.value, c.persons) for c in column.distribution.values] == [("A", 20), ("B", 10)]
    assert (column.distribution.other.persons, column.distribution.pooled) == (5, 3)


@pytest.mark.promise("disclosure.6")
def test_a_lone_rare_value_pools_with_the_next(tmp_path):
    column = small(tmp_path, ["A"] * 20 + ["B"] * 10 + ["C"], Kind.CATEGORICAL, "string")
    assert [c.value for c in column.distribution.values] == ["A"]
    assert column.distribution.other.persons == 10
    assert column.distribution.pooled is None


@pytest.mark.promise("disclosure.6")
def test_a_real_value_called_other_counts_with_the_pool(tmp_path):
    column = small(tmp_path, ["A"] * 20 + ["Other"] * 8 + ["C"], Kind.CATEGORICAL, "string")
    assert [c.value for c in column.distribution.values] == ["A"]
    assert column.distribution.other.persons == 10
    alone = small(tmp_path, ["Other"] * 20, Kind.CATEGORICAL, "string")
    assert alone.distribution.other.persons == 20


@pytest.mark.promise("disclosure.7")
@pytest.mark.parametrize(("missing", "released"), [(0, None), (4, None), (5, 5), (8, 10)])
def test_missing_values_obey_the_minimum_and_few_look_like_none(tmp_path, missing, released):
    column = small(tmp_path, ["A"] * 30 + [None] * missing, Kind.CATEGORICAL, "string")
    assert (column.nulls.persons if column.nulls else None) == released


@pytest.mark.promise("disclosure.7")
def test_too_few_present_values_are_withheld_with_their_null_count(tmp_path):
    for values in ([None] * 30, [None] * 27 + ["A"] * 3):
        column = small(tmp_path, pa.array(values, pa.string()), Kind.CATEGORICAL, "string")
        assert (column.absent, column.nulls) == ("withheld", None)


@pytest.mark.promise("disclosure.7")
def test_a_suppressed_count_cannot_be_worked_out_from_total_and_released_counts(tmp_path):
    schema = DatasetSchema((TableSchema("t", (ColumnSchema("v", Kind.BOOLEAN, "bool"),)),))
    behind = {}
    for usual in range(93, 108):
        for rare in range(5):
            pq.write_table(pa.table({"v": [True] * usual + [False] * rare}), tmp_path / "t.parquet")
            summary = summarise({"t": tmp_path / "t.parquet"}, schema, FIVE)
            behind.setdefault(summary.digest, set()).add((usual, rare))
    # Each summary that the counts in the middle give could have come from at least four of the five suppressed counts.
    middle = [cases for cases in behind.values() if any(98 <= usual <= 102 for usual, _ in cases)]
    assert len(middle) == 2
    assert all(len({rare for _, rare in cases}) >= 4 for cases in middle)


@pytest.mark.promise("disclosure.2")
def test_a_person_counts_once_however_many_rows(tmp_path):
    who = [f"p{n}" for n in range(20)] + ["p0"] * 500
    column = small(tmp_path, ["A"] * 20 + ["B"] * 500, Kind.CATEGORICAL, "string", who=who)
    assert [(c.value, c.persons) for c in column.distribution.values] == [("A", 20)]
    assert column.distribution.other is None  # 500 rows, one person


@pytest.mark.promise("disclosure.10")
def test_rows_leave_only_where_nobody_has_half_of_them(tmp_path):
    who = [f"p{n}" for n in range(20)]
    even = small(tmp_path, ["A"] * 40, Kind.CATEGORICAL, "string", who=who * 2)
    assert even.distribution.values[0].rows == 40
    uneven = small(tmp_path, ["A"] * 40, Kind.CATEGORICAL, "string", who=who + ["p0"] * 20)
    assert (uneven.distribution.values[0].persons, uneven.distribution.values[0].rows) == (20, None)


@pytest.mark.promise("disclosure.5")
def test_an_outlier_neither_leaves_nor_pulls_an_edge(tmp_path):
    values = [n / 10 for n in range(200)] + [1e9]
    column = small(tmp_path, values, Kind.REAL, "float64", decimals=1)
    steps = column.distribution.steps
    assert not column.distribution.values
    assert steps[0].low >= 0.5
    assert steps[-1].high <= 19.6


@pytest.mark.promise("disclosure.5")
def test_spiky_values_leave_exactly_where_enough_persons_share_them(tmp_path):
    column = small(tmp_path, [120] * 30 + [80] * 30 + list(range(1, 60)), Kind.INTEGER, "int64")
    assert [c.value for c in column.distribution.values] == [80, 120]
    assert column.distribution.steps


@pytest.mark.promise("disclosure.5")
def test_a_constant_column_and_integers_at_the_ends_of_64_bits_work(tmp_path):
    assert small(tmp_path, [7] * 30, Kind.INTEGER, "int64").distribution.values[0].value == 7
    wide = small(tmp_path, [2**63 - 1 - n * 10**16 for n in range(60)] + [-(2**63)] * 6, Kind.INTEGER, "int64")
    assert wide.distribution.values[0].value == -(2**63)
    assert all(-(2**63) <= s.low <= s.high < 2**63 - 1 for s in wide.distribution.steps)


@pytest.mark.promise("disclosure.9")
def test_a_table_of_too_few_persons_is_refused_and_the_message_tells_no_count(tmp_path):
    with pytest.raises(DisclosureRefused, match="fewer than 10 persons") as refusal:
        small(tmp_path, ["A"] * 7, Kind.CATEGORICAL, "string")
    assert "7" not in str(refusal.value)
    with pytest.raises(DisclosureRefused):
        small(tmp_path, ["A"] * 500, Kind.CATEGORICAL, "string", who=["p1"] * 500)


def test_data_that_are_not_what_the_schema_says_are_refused_without_a_value(tmp_path, visits):
    with pytest.raises(InputError, match='column "v": the file does not hold') as refusal:
        small(tmp_path, [f"secret {n}" for n in range(30)], Kind.DATE, "string")
    assert "secret" not in str(refusal.value)
    pq.write_table(visits.drop_columns(["age"]), tmp_path / "v.parquet")
    with pytest.raises(InputError, match='lacks the column "age"'):
        summarise({"emergency_visits": tmp_path / "v.parquet"}, SCHEMA, FIVE)
    with pytest.raises(InputError, match="no file was given"):
        summarise({}, SCHEMA, FIVE)
    with pytest.raises(InputError, match='person key "who" is missing in 3 rows'):
        small(tmp_path, ["A"] * 30, Kind.CATEGORICAL, "string", who=[None] * 3 + [f"p{n}" for n in range(27)])


def test_progress_is_told_from_the_calling_thread_and_can_cancel(tmp_path, visits):
    import threading

    pq.write_table(visits, tmp_path / "v.parquet")
    told = []

    def progress(stage, fraction, rows=None, total=None):
        told.append((threading.current_thread() is threading.main_thread(), fraction))
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        summarise({"emergency_visits": tmp_path / "v.parquet"}, SCHEMA, FIVE, progress=progress)
    assert all(main for main, _ in told)
    assert [f for _, f in told] == sorted(f for _, f in told)


@pytest.mark.promise("disclosure.11")
def test_every_column_is_described_and_no_description_tells_a_suppressed_count(summary, tmp_path):
    described = describe(summary)
    assert [d.column for d in described] == list(SCHEMA.tables[0].names)
    assert all(d.leaves and d.suppressed for d in described)
    words = {d.column: " ".join(d.leaves + d.suppressed) for d in described}
    assert "free text never leaves" in words["chief_complaint"]
    assert "coarsened to the month" in words["arrival_date"]
    assert "each fewer than 100 persons" in words["postcode_district"]
    assert "The number of missing values" in words["heart_rate"]
    assert "perhaps none" in words["age"]
    # With three missing values and with none the words are the same.
    schema = DatasetSchema((TableSchema("t", (ColumnSchema("v", Kind.CATEGORICAL, "string"),)),))
    sentences = []
    for missing in (0, 3):
        pq.write_table(pa.table({"v": ["A"] * 30 + [None] * missing}), tmp_path / "t.parquet")
        sentences.append(describe(summarise({"t": tmp_path / "t.parquet"}, schema, FIVE)))
    assert sentences[0] == sentences[1]


def test_columns_can_be_left_out_of_a_summary(summary):
    less = without(summary, ("emergency_visits", "age"))
    assert "age" not in [c.name for c in less.tables[0].columns]
    with pytest.raises(InputError, match='has no column "age"'):
        less.table("emergency_visits").column("age")
    with pytest.raises(InputError, match='has no table "x"'):
        less.table("x")
    assert less.digest != summary.digest == replace(summary).digest
