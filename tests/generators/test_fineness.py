"""How fine the cells of a column are: as fine as they tell something of persons they were not counted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from generators.disclosure import POLICIES
from generators.encoding.fineness import Counted, Fineness, chosen
from generators.encoding.people import People
from generators.encoding.quantiles import Cells

POLICY = POLICIES["internal"]
FINEST = Fineness(POLICY.minimum)


def counted(values: Any, persons: People | None = None, unit: float | None = 1.0) -> Counted:
    """Rows of a column, every row another person's where none are named."""
    return Counted.of(np.asarray(values), People(np.arange(len(values))) if persons is None else persons, unit)


def surprise(made: Cells, values: Any) -> float:
    """Mean nats of the values on their grid of 1, where one row in a thousand lies anywhere in the range."""
    values = np.asarray(values, np.float64)
    within = (made.before(values + 0.5) - made.before(values - 0.5)) / made.total[-1]
    return float(-np.log(0.999 * within + 0.001 / (np.ptp(values) + 1)).mean())


@pytest.mark.promise("coding.15")
@pytest.mark.parametrize("seed", range(3))
def test_cells_of_a_smooth_column_tell_nothing_of_who_was_learned_from(seed: int) -> None:
    rng = np.random.default_rng(seed)
    learned, others = (np.rint(rng.normal(15_000, 4_000, 4_000)).astype(np.int64) for _ in range(2))
    here = counted(learned)
    fineness = chosen(here, POLICY)
    made, finest = here.cells(fineness, POLICY), here.cells(FINEST, POLICY)
    assert fineness.rows >= 8 * POLICY.minimum
    assert surprise(made, others) < surprise(finest, others)
    assert surprise(made, others) - surprise(made, learned) < 0.05
    assert surprise(finest, others) - surprise(finest, learned) > 0.1  # what this is for: the finest tell it


@pytest.mark.promise("coding.15")
def test_values_that_are_met_on_some_days_by_chance_are_not_told_by_themselves() -> None:
    days = np.random.default_rng(0).integers(0, 1_000, 5_000)  # five persons a day, on half of the days more
    here = counted(days)
    made = here.cells(chosen(here, POLICY), POLICY)
    assert not (made.low == made.high).any()
    assert ((finest := here.cells(FINEST, POLICY)).low == finest.high).sum() > 400


@pytest.mark.promise("coding.15")
def test_values_that_stand_out_stay_although_others_beside_them_are_smooth() -> None:
    rng = np.random.default_rng(0)
    heaps = rng.integers(0, 30, 3_000) * 100
    here = counted(np.concatenate([rng.integers(0, 3_000, 6_000), heaps]))
    made = here.cells(chosen(here, POLICY), POLICY)
    atoms = made.low[made.low == made.high]
    assert set(np.unique(heaps).tolist()) <= set(atoms.tolist())
    assert len(atoms) < 60


@pytest.mark.promise("coding.15")
def test_days_that_differ_are_told_one_by_one() -> None:
    rng = np.random.default_rng(0)
    often = rng.gamma(0.5, size=400)
    here = counted(rng.choice(400, 12_000, p=often / often.sum()))
    made = here.cells(chosen(here, POLICY), POLICY)
    assert (made.low == made.high).sum() > 150


def test_that_rows_of_one_person_lie_together_is_no_reason_for_fine_cells() -> None:
    rng = np.random.default_rng(0)
    persons = np.repeat(np.arange(1_000), 6)
    values = np.rint(rng.uniform(0, 1_000_000, 1_000)[persons] + rng.normal(0, 20, len(persons))).astype(np.int64)
    assert chosen(counted(values, People(persons)), POLICY).rows > 4 * chosen(counted(values), POLICY).rows


def test_few_rows_and_one_person_keep_the_finest_cells() -> None:
    assert chosen(counted(np.arange(100)), POLICY) == FINEST
    assert chosen(counted(np.arange(1_000), People(np.zeros(1_000, np.int64))), POLICY) == FINEST


def test_the_same_rows_give_the_same_fineness_in_large_tables_by_some_of_their_persons() -> None:
    values = np.rint(np.random.default_rng(0).normal(0, 50_000, 200_000)).astype(np.int64)
    fineness = chosen(counted(values), POLICY)
    assert fineness == chosen(counted(values), POLICY)
    assert fineness.rows > 100


def test_stretches_in_parts_give_the_same_values_and_the_weight_before_a_value_is_its_place() -> None:
    values = np.append(np.random.default_rng(0).normal(0, 1_000, 3_000), [0.0] * 50)
    here = counted(values, unit=None)
    made = here.cells(Fineness(200), POLICY)
    parts = made.parted(8.0)
    places = np.random.default_rng(1).random(5_000) * made.total[-1]
    drawn, inside = made.at(places)
    assert len(parts) > 2 * len(made)
    assert np.allclose(parts.at(places)[0], drawn)
    assert np.allclose(made.before(drawn[inside]), places[inside])
    assert np.allclose(parts.before(drawn[inside]), places[inside])
    assert parts.total[-1] == pytest.approx(made.total[-1])
