"""The most exposed people, attacked one by one: found where they leaked, no more than by chance where they did not, shown never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.comparison import compare
from evaluation.privacy import exposure, membership, shadows
from evaluation.privacy.attacked import FRESH
from evaluation.results import Incomputable, MetricResult
from evaluation.work import Asked, Fit, Work
from generators.errors import Cancelled, InputError
from generators.simulated import emergency_department
from tests.evaluation.conftest import INTERNAL, World


def recognised(world: World, name: str) -> MetricResult:
    (found,) = exposure.recognised(Work(world.compare(name)))
    return found


@pytest.fixture(scope="module")
def exposed(world: World) -> exposure.Exposed:
    return exposure.Exposed(Work(world.compare("third")))


@pytest.mark.promise("attacks.5")
def test_everybody_attacked_is_recognised_in_a_copy_and_hardly_anybody_in_other_people(world: World) -> None:
    copied, other = recognised(world, "copy"), recognised(world, "third")
    assert copied.value == 1
    assert copied.remark.startswith(f"about {copied.n} of the {copied.n} most exposed people")
    assert other.value <= 0.06
    assert other.interval[0] <= 0.02
    assert other.remark.endswith("no more than chance explains")
    assert copied.n >= exposure.MOST
    assert copied.n_ceiling >= exposure.FEWEST


@pytest.mark.promise("attacks.5")
def test_a_few_exposed_people_among_a_thousand_others_are_found(world: World, exposed: exposure.Exposed) -> None:
    planted = world.table("train").take(pa.array(exposed.learned.chosen[:12]))
    world.write("exposed", pa.concat_tables([world.table("third").slice(0, 1000), planted]))
    found = recognised(world, "exposed")
    assert 12 <= round(found.value * found.n) <= 24
    assert found.interval[0] > 0.02


@pytest.mark.promise("attacks.5")
def test_those_attacked_are_the_people_with_the_rarest_values_one_row_each(world: World, exposed: exposure.Exposed) -> None:
    assert len(np.unique(exposed.learned.who)) == len(exposed.learned.who) >= exposure.MOST
    assert len(np.unique(exposed.held.who)) == len(exposed.held.who) >= exposure.FEWEST
    people, held = len(np.unique(exposed.c.people)), len(np.unique(exposed.c.held_out[exposed.a.dealt != FRESH]))
    assert abs(len(exposed.learned.who) / people - len(exposed.held.who) / held) < 1 / held  # as rare on either side
    from evaluation.tables.coded import Coded

    train, _ = exposure.surprise(Coded(exposed.c), exposed.c)
    rest = np.setdiff1d(np.arange(len(train)), np.flatnonzero(np.isin(exposed.c.people, exposed.learned.who)))
    assert train[exposed.learned.chosen].min() >= train[rest].max()


@pytest.mark.promise("attacks.5")
def test_rarer_people_on_the_larger_side_are_not_accused_for_being_rare(world: World, tmp_path: Path) -> None:
    """A tenth of the people held out, four tenths learned from: of a shuffle, nobody was learned from as a person."""
    kept = [
        c
        for c in world.schema.columns
        if c.name in ("patient_id", "sex", "age", "arrival_mode", "disposition", "triage_category", "wait_minutes")
    ]
    schema = replace(world.schema, columns=tuple(kept), rules=())
    table = emergency_department(rows=6000, seed=5).select([c.name for c in kept])
    codes = np.asarray(table["patient_id"].combine_chunks().dictionary_encode().indices)
    shares = []
    for seed in range(12):
        draw = np.random.default_rng(seed)
        side = draw.random(int(codes.max()) + 1)[codes]
        train, holdout = (table.filter(pa.array((side >= a) & (side < b))) for a, b in ((0.0, 0.4), (0.4, 0.5)))
        mixed = pa.table({n: train[n].take(pa.array(draw.permutation(len(train)))) for n in train.column_names})
        for name, rows in (("train", train), ("holdout", holdout), ("mixed", mixed)):
            pq.write_table(rows, tmp_path / f"{name}.parquet")
        c = compare(tmp_path / "train.parquet", tmp_path / "holdout.parquet", tmp_path / "mixed.parquet", schema, INTERNAL, seed)
        (found,) = exposure.recognised(Work(c))
        shares.append(found.value)
    assert np.mean(shares) < 0.03


@pytest.mark.promise("attacks.6")
def test_no_key_place_or_value_of_anybody_attacked_is_told(world: World, exposed: exposure.Exposed) -> None:
    found = repr(recognised(world, "copy"))
    keys = world.table("train")["patient_id"].take(pa.array(exposed.learned.chosen)).to_pylist()
    assert not [key for key in keys if key in found]


def test_too_few_people_are_not_attacked(world: World) -> None:
    few = world.table("holdout").slice(0, 60)
    pq.write_table(few, world.path("few"))
    c = compare(world.path("train"), world.path("few"), world.path("third"), world.schema, INTERNAL, 3)
    with pytest.raises(Incomputable, match="fewer than 50 people"):
        exposure.Exposed(Work(c))


@pytest.mark.promise("attacks.2")
def test_one_false_alarm_in_a_hundred_and_an_interval_that_knows_the_threshold_is_uncertain() -> None:
    draw = np.random.default_rng(4)
    covered = []
    for _ in range(200):
        share, (low, high) = membership.caught(draw.normal(size=400), draw.normal(size=400))
        covered.append(low <= 0.01 <= high)
        assert low <= share <= high
    assert np.mean(covered) >= 0.94
    assert membership.caught(np.ones(100), np.zeros(100))[0] == 1
    assert membership.caught(np.zeros(100), np.zeros(100))[0] == 0


def memorising(train: Mapping[str, Path], folder: Path, seed: int) -> Mapping[str, Path]:
    """A generator that draws real rows anew: whoever it learned from is in what it makes, or not, by chance."""
    ((name, path),) = train.items()
    table = pq.read_table(path)
    pq.write_table(table.take(pa.array(np.random.default_rng(seed).integers(0, len(table), len(table)))), folder / "made.parquet")
    return {name: folder / "made.parquet"}


def shadowed(world: World, name: str, fit: Fit) -> tuple[dict[str, MetricResult], Work]:
    work = Work(world.compare(name), Asked((), fit))
    return {r.metric: r for r in shadows.shadowed(work)}, work


@pytest.mark.promise("attacks.7")
def test_shadow_models_find_who_a_memorising_generator_learned_from(world: World, tmp_path: Path) -> None:
    found, work = shadowed(world, "copy", Fit(memorising, tmp_path))
    auc, caught = found["membership_shadow_auc"], found["membership_shadow_caught"]
    assert auc.value > 0.7
    assert auc.interval[0] > 0.6
    assert caught.value > 0.2
    assert "could be recognised" in caught.remark
    assert not list(tmp_path.iterdir())
    rates, found_rates = work.details["roc"][shadows.LEVEL]
    assert len(rates) == len(found_rates) <= 50
    again, _ = shadowed(world, "copy", Fit(memorising, tmp_path))
    assert again == found


@pytest.mark.promise("attacks.7")
def test_shadow_models_of_a_generator_that_learns_nothing_find_nobody(world: World, tmp_path: Path) -> None:
    def ignorant(train: Mapping[str, Path], folder: Path, seed: int) -> Mapping[str, Path]:
        ((name, _),) = train.items()
        return {name: world.path("third")}

    found, _ = shadowed(world, "third", Fit(ignorant, tmp_path, 4))
    low, high = found["membership_shadow_auc"].interval
    assert low <= 0.5 <= high
    assert found["membership_shadow_caught"].value <= 0.06


@pytest.mark.promise("attacks.7")
def test_each_person_is_in_half_of_the_shadow_models_and_no_model_has_all_rows(exposed: exposure.Exposed) -> None:
    halves = shadows.Halves.draw(exposed, 8, np.random.default_rng(0))
    assert halves.known.shape == (8, len(exposed.learned.who) + len(exposed.held.who))
    assert (halves.known.sum(axis=0) == 4).all()
    others = exposed.others().rows
    assert all(0.3 * others < len(rows) < 0.7 * others for rows in halves.rows)


def test_tables_of_real_people_are_gone_when_a_shadow_model_fails_or_is_cancelled(world: World, tmp_path: Path) -> None:
    for error in (Cancelled("stopped"), InputError("the half is too small")):

        def failing(train: Mapping[str, Path], folder: Path, seed: int, error: Exception = error) -> Mapping[str, Path]:
            raise error

        with pytest.raises(type(error)):
            shadowed(world, "third", Fit(failing, tmp_path))
        assert not list(tmp_path.iterdir())


def test_an_odd_number_of_shadow_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="even number"):
        Fit(memorising, tmp_path, 7)
