import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError


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
def test_the_named_policies_are_the_ones_for_inside_and_for_the_public():
    assert (POLICIES["public"].minimum, POLICIES["public"].rounding) == (100, 100)
    assert (POLICIES["internal"].minimum, POLICIES["internal"].rounding) == (5, 5)
    assert POLICIES["public"].digest != POLICIES["internal"].digest
    assert DisclosurePolicy.from_dict(POLICIES["public"].as_dict()) == POLICIES["public"]


@pytest.mark.parametrize("raw", [[], {"name": "x"}, {"nome": "x"}, {**POLICIES["public"].as_dict(), "minimum": "many"}])
def test_a_policy_that_is_not_one_is_refused_with_a_sentence(raw):
    with pytest.raises(InputError, match="disclosure policy"):
        DisclosurePolicy.from_dict(raw)
