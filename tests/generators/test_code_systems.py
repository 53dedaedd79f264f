from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.code_systems import CODE_SYSTEMS, detected
from generators.disclosure import POLICIES
from generators.generating.column_samplers import column_sampler
from generators.profiling.profile import propose
from generators.reading.tables import read_dataset
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary
from generators.summary_words import describe, describe_tables

FIVE = POLICIES["internal"]


def summarised(tmp_path, codes, system="ICD-10", who=None):
    """The summary of one column of codes: its distribution."""
    columns = [ColumnSchema("code", Kind.CATEGORICAL, "string", code_system=system)]
    data = {"code": pa.array(codes, pa.string())}
    if who is not None:
        columns.append(ColumnSchema("who", Kind.IDENTIFIER, "string"))
        data["who"] = pa.array(who, pa.string())
    schema = DatasetSchema((TableSchema("t", tuple(columns), person_key="who" if who else None),))
    pq.write_table(pa.table(data), tmp_path / "t.parquet")
    summary = summarise({"t": tmp_path / "t.parquet"}, schema, FIVE)
    assert MetadataSummary.from_json(summary.to_json(), summary.digest) == summary
    return columns[0], summary.tables[0].columns[0]


COMMON = ["J18.9"] * 40 + ["R07.4"] * 40


@pytest.mark.promise("disclosure.23")
def test_rare_codes_are_rolled_up_to_the_lowest_level_at_which_enough_persons_meet(tmp_path):
    rare = ["I21.0"] * 3 + ["I21.4"] * 4 + ["I48.0"] * 2 + ["I50.9"] * 4 + ["C34.1"] * 4 + ["E10.1"] * 3
    shape = summarised(tmp_path, COMMON + rare)[1].distribution
    assert [(r.level, r.code, r.persons) for r in shape.rolled] == [("category", "I21", 5), ("chapter", "IX", 5)]
    assert shape.other is not None
    assert shape.other.persons == 5
    assert {c.value for c in shape.values} == {"J18.9", "R07.4"}


@pytest.mark.promise("disclosure.23")
def test_a_roll_up_counts_distinct_persons_not_rows(tmp_path):
    codes = COMMON + ["I21.0"] * 10 + ["I21.4"] * 10
    who = [f"p{n}" for n in range(80)] + [f"q{n % 2}" for n in range(20)]
    assert summarised(tmp_path, codes, who=who)[1].distribution.rolled == ()


@pytest.mark.promise("disclosure.23")
def test_no_rare_code_is_generated_even_where_it_is_the_name_of_what_was_rolled_up(tmp_path):
    rare = ["I21"] * 2 + ["I21.4"] * 4 + ["I00"] * 1 + ["SW1"] * 2 + ["B20.1"] * 3 + ["A41.9"] * 4
    column, summary = summarised(tmp_path, COMMON + rare)
    made = set(column_sampler(column, summary)(0, 5000, np.random.default_rng(1)).to_pylist())
    assert made.isdisjoint(set(rare))
    assert "A00" in made  # stands for chapter I, whose rare codes met there
    assert all(CODE_SYSTEMS["ICD-10"].valid(code) or code == "Other" for code in made)


@pytest.mark.promise("disclosure.23")
def test_rare_postcode_districts_meet_in_their_area(tmp_path):
    codes = ["N1"] * 50 + ["SW10"] * 3 + ["SW3"] * 4 + ["EH1"] * 50
    column, summary = summarised(tmp_path, codes, "UK postcode district")
    assert [(r.level, r.code) for r in summary.distribution.rolled] == [("area", "SW")]
    made = Counter(column_sampler(column, summary)(0, 4000, np.random.default_rng(1)).to_pylist())
    assert set(made) == {"N1", "EH1", "SW1"}


@pytest.mark.promise("kinds.4")
@pytest.mark.parametrize(
    ("values", "name", "system"),
    [
        (["I21.0", "J18.9", "E10.1", "Z99", "A41.9"], "diagnosis", "ICD-10"),
        (["H01.1", "W40.1", "K40", "E85.2", "X50.1"], "opcs4_code", "OPCS-4"),
        (["N1", "SW10", "EH1", "W1T", "NW3"], "home", "UK postcode district"),
        (["22298006", "38341003", "73211009", "44054006", "195967001"], "problem", "SNOMED CT"),
        (["22298007", "38341004", "73211001", "44054007", "195967002"], "problem", None),
        (["0212000B0AAAAAA", "0501013B0AAABAB", "0601023A0AAACAC", "0407010H0", "0103050P0"], "bnf", "BNF"),
        (["red", "green", "blue", "I21.0", "J18.9"], "diagnosis", None),
        (["I21.0"], "diagnosis", None),
        (["N10156", "N102UW", "N103US", "N104UW", "N10575"], "tailnum", None),
    ],
)
def test_a_code_system_is_known_by_pattern_check_digit_and_name(values, name, system):
    assert detected(values, name) == system


@pytest.mark.promise("kinds.4")
def test_a_code_system_is_proposed_with_a_warning_for_the_steward(tmp_path):
    rows = "\n".join(f"{c},{n}" for n, c in enumerate(["I21.0", "J18.9", "E10.1", "Z99", "A41.9", "N39.0"] * 10))
    (tmp_path / "t.csv").write_text("diagnosis,n\n" + rows + "\n")
    profile = propose(read_dataset(tmp_path / "t.csv", tmp_path / "work"))
    assert profile.schema.tables[0].column("diagnosis").code_system == "ICD-10"
    assert any(f.column == "diagnosis" and "ICD-10" in f.message and f.level == "warning" for f in profile.findings)


@pytest.mark.promise("disclosure.11")
def test_what_was_rolled_up_and_what_was_kept_apart_is_said_in_words(tmp_path):
    codes = COMMON + ["I21.0"] * 3 + ["I21.4"] * 4
    schema = DatasetSchema(
        (
            TableSchema(
                "t",
                (
                    ColumnSchema("code", Kind.CATEGORICAL, "string", code_system="ICD-10"),
                    ColumnSchema("cost", Kind.INTEGER, "int64", sentinels=("-999",)),
                    ColumnSchema("gap", Kind.INTEGER, "int64"),
                ),
            ),
        )
    )
    cost = [None] * 10 + [-999] * 10 + [5] * 67
    pq.write_table(pa.table({"code": codes, "cost": cost, "gap": [None] * 10 + [1] * 77}), tmp_path / "t.parquet")
    summary = summarise({"t": tmp_path / "t.parquet"}, schema, POLICIES["sub-national"])
    words = {d.column: " ".join(d.leaves + d.suppressed) for d in describe(summary)}
    assert "stands for 'not known'" in words["cost"]
    assert "Sum and mean" in words["cost"]
    table = describe_tables(summary)[0]
    assert any("missing together" in sentence for sentence in table.leaves)
    five = describe(summarise({"t": tmp_path / "t.parquet"}, schema, FIVE))[0]
    assert any("rare codes with the same category" in sentence for sentence in five.leaves)
