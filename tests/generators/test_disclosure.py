import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.summarise import summarise
from generators.summary import Magnitude


def policy(**changes):
    return DisclosurePolicy(**{"name": "t", "version": 1, "minimum": 5, "rounding": 5, "minimum_table": 50, **changes})


@pytest.mark.promise("disclosure.1")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimum": 1}, "at least 2 persons"),
        ({"minimum": 11, "rounding": 5}, "rounding must be at least half of the minimum, 11"),
        ({"dominance_n": 2}, "dominance needs both"),
        ({"dominance_k": 80}, "dominance needs both"),
        ({"p_percent": 101}, "p_percent must be from 0 to 100"),
        ({"minimum_table": 9}, "at least twice the minimum"),
        ({"date_unit": "day"}, "month, quarter or year"),
        ({"maximum_steps": 1}, "from 2 to 1000"),
    ],
)
def test_a_policy_that_could_not_protect_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        policy(**changes)


@pytest.mark.promise("disclosure.4")
@pytest.mark.parametrize(
    ("persons", "count", "released"), [(4, None, None), (4, 900, None), (5, None, 5), (7, None, 5), (8, None, 10), (5, 13, 15)]
)
def test_the_true_count_is_judged_and_then_rounded(persons, count, released):
    assert policy().released(persons, count) == released


@pytest.mark.promise("disclosure.1")
@pytest.mark.promise("disclosure.20")
def test_the_named_policies_are_the_ones_for_inside_and_for_the_public():
    assert (POLICIES["public"].minimum, POLICIES["public"].rounding) == (100, 100)
    assert (POLICIES["internal"].minimum, POLICIES["internal"].rounding) == (5, 5)
    assert (POLICIES["sub-national"].minimum, POLICIES["sub-national"].rounding) == (8, 5)
    assert POLICIES["public"].digest != POLICIES["internal"].digest
    assert DisclosurePolicy.from_dict(POLICIES["sub-national"].as_dict()) == POLICIES["sub-national"]
    assert "p_percent" not in POLICIES["public"].as_dict()  # fields of later are not written where they are not used
    assert DisclosurePolicy.from_dict(POLICIES["public"].as_dict()) == POLICIES["public"]


@pytest.mark.parametrize("raw", [[], {"name": "x"}, {"nome": "x"}, {**POLICIES["public"].as_dict(), "minimum": "many"}])
def test_a_policy_that_is_not_one_is_refused_with_a_sentence(raw):
    with pytest.raises(InputError, match="disclosure policy"):
        DisclosurePolicy.from_dict(raw)


def numbers(tmp_path, values, who=None, decimals=None, sentinels=(), **changes):
    """What leaves of the sum and mean of a column."""
    kind, storage = (Kind.INTEGER, "int64") if decimals is None else (Kind.REAL, "float64")
    columns = [ColumnSchema("cost", kind, storage, decimals=decimals, sentinels=sentinels)]
    data = {"cost": values}
    if who:
        columns.append(ColumnSchema("who", Kind.IDENTIFIER, "string"))
        data["who"] = who
    pq.write_table(pa.table(data), tmp_path / "t.parquet")
    schema = DatasetSchema((TableSchema("t", tuple(columns), person_key="who" if who else None),))
    return summarise({"t": tmp_path / "t.parquet"}, schema, policy(**changes)).tables[0].columns[0].magnitude


RULES = {"dominance_n": 2, "dominance_k": 60, "p_percent": 10}


@pytest.mark.promise("disclosure.21")
def test_a_sum_leaves_only_under_a_rule_of_dominance(tmp_path):
    assert numbers(tmp_path, list(range(100))) is None
    assert numbers(tmp_path, list(range(100)), **RULES) == Magnitude(total=5000.0, mean=50.0)


@pytest.mark.promise("disclosure.21")
@pytest.mark.parametrize(
    ("values", "rules", "leaves"),
    [
        ([10] * 98 + [700, 700], {"dominance_n": 2, "dominance_k": 60}, True),
        ([10] * 98 + [750, 750], {"dominance_n": 2, "dominance_k": 60}, False),
        ([10] * 98 + [-750, -750], {"dominance_n": 2, "dominance_k": 60}, False),
        ([1] * 98 + [980, 980], {"p_percent": 10}, True),
        ([1] * 98 + [980, 1], {"p_percent": 10}, True),
        ([1] * 98 + [990, 1], {"p_percent": 10}, False),
        ([0] * 100, {"dominance_n": 1, "dominance_k": 50}, False),
    ],
)
def test_few_contributors_dominate_a_sum_by_either_rule(values, rules, leaves, tmp_path):
    found = numbers(tmp_path, values, **rules)
    assert found is not None
    assert (found.total is not None) == (found.mean is not None) == leaves


@pytest.mark.promise("disclosure.21")
def test_contributions_are_added_up_by_person_before_they_are_judged(tmp_path):
    values, spread = [10] * 200, [f"p{n}" for n in range(200)]
    one = ["p0"] * 80 + [f"p{n}" for n in range(120)]
    assert numbers(tmp_path, values, spread, dominance_n=1, dominance_k=40) == Magnitude(2000.0, 10.0)
    assert numbers(tmp_path, values, one, dominance_n=1, dominance_k=40) == Magnitude(None, None)


@pytest.mark.promise("disclosure.22")
def test_means_are_rounded_so_that_they_do_not_tell_the_count_and_sentinels_are_not_in_them(tmp_path):
    values = [1.11] * 66 + [2.22] * 57 + [-999.0] * 20
    found = numbers(tmp_path, values, decimals=2, sentinels=("-999",), **RULES)
    assert found == Magnitude(total=1.6 * 125, mean=1.6)  # 123 values leave as 125, hence two digits
