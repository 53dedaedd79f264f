"""The ledger of private fits: nothing is looked at uncharged, nothing is spent beyond the budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from generators.encoding.coded import CodedRows
from generators.errors import InputError
from generators.learning.ledger import PrivacyLedger, UnchargedLook, ledger_of, table_of
from generators.learning.options import Budget
from generators.summarising.private_noise import converted
from tests.generators.coded_rows import PARTS, coded


@pytest.fixture
def ledger() -> PrivacyLedger:
    return PrivacyLedger(1.0, 1e-6, 2)


@pytest.mark.promise("private.1")
@pytest.mark.parametrize(
    "look",
    [
        lambda rows: np.asarray(rows.codes),
        lambda rows: rows.codes[0],
        lambda rows: rows.codes + 1,
        lambda rows: rows.codes == 1,
        lambda rows: rows.codes.sum(),
        lambda rows: np.unique(rows.persons),
        lambda rows: list(rows.persons),
        lambda rows: rows.take(np.array([0])),
        lambda rows: np.bincount(rows.persons),
        lambda rows: rows.codes.opened(PrivacyLedger(1.0, 1e-6, 2)),
    ],
)
def test_guarded_records_cannot_be_touched_without_a_charge(ledger: PrivacyLedger, look: Callable[[Any], Any]) -> None:
    guarded = ledger.guarded(coded(200), 190)
    assert guarded.rows == 190  # the size that was told, not the true one
    with pytest.raises(UnchargedLook):
        look(guarded)
    assert ledger.entries == ()


@pytest.mark.promise("private.1")
def test_a_look_is_open_only_while_it_lasts_and_stands_in_the_ledger(ledger: PrivacyLedger) -> None:
    guarded = ledger.guarded(coded(200), 200)
    with ledger.looking(guarded, "a look", 0.001) as raw:
        assert isinstance(raw.codes, np.ndarray)
    with pytest.raises(UnchargedLook):
        guarded.codes[0]
    assert [e.what for e in ledger.entries] == ["a look"]
    with pytest.raises(UnchargedLook), ledger.looking(coded(10), "of records nobody guards", 0.001):
        pass


@pytest.mark.promise("private.2")
def test_spending_beyond_the_budget_is_refused_before_looking(ledger: PrivacyLedger) -> None:
    guarded = ledger.guarded(coded(200), 200)
    counts, scale = ledger.counts(guarded, [0, 3], ledger.left)
    assert counts.shape == (3, 6)
    assert scale > 1
    assert ledger.spent() == pytest.approx(1.0, abs=1e-6)
    assert ledger.spent() <= 1.0 + 1e-9
    before = ledger.entries
    with pytest.raises(InputError, match="privacy budget of ε = 1"):
        ledger.counts(guarded, [0], 0.001)
    assert ledger.entries == before


@pytest.mark.promise("private.2")
def test_parts_of_a_ledger_are_bounded_and_add_up_to_it(ledger: PrivacyLedger) -> None:
    first, second = ledger.part(0.5, "visits"), None
    first.charge("a look", first.left)
    with pytest.raises(InputError):
        first.charge("one more", 0.001)
    second = ledger.part(1.0, "tests")
    second.charge("a look", second.left)
    assert ledger.left == pytest.approx(0, abs=1e-9)
    assert [e.what for e in ledger.entries] == ["visits: a look", "tests: a look"]
    told = ledger.as_dict()
    assert told["spent_epsilon"] == pytest.approx(converted(ledger.rho, 1e-6))
    assert "zero-concentrated" in told["accountant"]
    assert told["unit"] == "person"


@pytest.mark.promise("private.3")
def test_no_person_counts_with_more_rows_than_allowed() -> None:
    rows = coded(400)
    all_of_one = CodedRows(rows.codes, PARTS, np.zeros(400, dtype=np.int64))
    ledger = PrivacyLedger(1.0, 1e-6, 3)
    with ledger.looking(ledger.guarded(all_of_one, 400), "a look", 0.001) as raw:
        assert raw.rows == 3
    with ledger.looking(ledger.guarded(rows, 400), "a look", 0.001) as raw:
        assert np.bincount(raw.persons).max() == 3
    _, noise = ledger.counts(ledger.guarded(rows, 400), [0], 0.001)
    assert noise == pytest.approx(3 / np.sqrt(2 * 0.001))


@pytest.mark.promise("private.4")
@pytest.mark.parametrize(
    ("epsilon", "delta", "rows"), [(0, 1e-6, 1), (-1, 1e-6, 1), (1, 0, 1), (1, 0.5, 1), (1, 1e-6, 0), (float("nan"), 1e-6, 1)]
)
def test_budgets_out_of_range_are_refused(epsilon: float, delta: float, rows: int) -> None:
    with pytest.raises(InputError):
        PrivacyLedger(epsilon, delta, rows)


def test_no_budget_has_no_ledger() -> None:
    assert ledger_of(Budget()) is None
    assert ledger_of(Budget(epsilon=1.0, delta=1e-6, contributions=1)) is not None


def test_tables_of_groups_are_sums_of_tables_of_codes() -> None:
    codes = coded(300).codes
    groups = np.array([0, 0, 1, 1, 2, 2])
    fine = table_of(codes, [0, 3], [3, 6])
    assert (table_of(codes, [0, 3], [3, 6], [None, groups]) == fine.reshape(3, 3, 2).sum(axis=2)).all()
