"""Attacks on people the generator learned from: nothing is found where there is no leak, and what leaks is found."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from evaluation.fidelity import propensity
from evaluation.fidelity.shares import jensen_shannon, voas_williamson
from evaluation.privacy import anonymity, attacks, membership, risks, support
from evaluation.privacy.attacked import Attacked, by_person
from evaluation.results import Incomputable
from evaluation.tables import nearness
from evaluation.tables.columns import SampledRows
from evaluation.tables.nearness import Gower, Placed
from evaluation.work import Work
from generators.schema import ColumnSchema, Kind
from tests.evaluation.conftest import World

FOUND = (
    "nearer_to_train",
    "membership_quasi_auc",
    "membership_quasi_caught",
    "membership_distance_auc",
    "membership_distance_caught",
    "membership_density_auc",
    "membership_density_caught",
    "singling_out",
    "linkability",
    "matching_uniques",
)


def points(rows: list[list[float]], codes: list[list[int]] | None = None) -> Placed:
    scaled = np.array(rows, np.float32).reshape(len(rows), -1)
    return Placed(scaled, np.array(codes if codes is not None else np.empty((len(rows), 0)), np.int32).reshape(len(rows), -1))


def measured(world: World, name: str) -> dict[str, tuple[float, float]]:
    """(value, ceiling) of every attack on the table of that name."""
    w = Work(world.compare(name))
    found = [*risks.distances(w), *risks.memberships(w), *risks.risks(w), *risks.anonymous(w.c)]
    return {r.metric: (r.value, r.ceiling) for r in found if r.value is not None}


@pytest.fixture(scope="module")
def fresh(world: World) -> dict[str, tuple[float, float]]:
    return measured(world, "third")


@pytest.fixture(scope="module")
def copied(world: World) -> dict[str, tuple[float, float]]:
    return measured(world, "copy")


@pytest.mark.promise("attacks.3")
@pytest.mark.parametrize("metric", FOUND)
def test_fresh_rows_show_no_more_than_people_held_out(fresh, metric: str) -> None:
    value, ceiling = fresh[metric]
    assert abs(value - ceiling) < 0.06


@pytest.mark.promise("attacks.3")
@pytest.mark.parametrize("metric", FOUND)
def test_a_copy_of_train_is_found_by_every_attack(copied, metric: str) -> None:
    value, ceiling = copied[metric]
    assert value > ceiling + 0.04


def test_a_few_planted_people_are_found_with_few_false_alarms(world: World) -> None:
    third, train = world.table("third"), world.table("train")
    planted = pa.concat_tables([third.slice(0, 900), train.slice(0, 100)])
    world.write("planted", planted)
    found = measured(world, "planted")
    share = 100 / train.num_rows
    assert found["membership_distance_caught"][0] > share / 3
    assert found["linkability"][0] > found["linkability"][1]


@pytest.mark.promise("attacks.3")
def test_rows_with_one_part_in_a_hundred_of_noise_do_not_pass_as_new(world: World, fresh) -> None:
    a = Attacked(world.compare("train"))
    real = a.train
    noise = np.random.default_rng(1).normal(0, 0.01, real.scaled.shape).astype(np.float32)
    near = Placed(np.where(real.scaled <= 2, real.scaled + noise, real.scaled), real.codes)
    found, controls = nearness.both_ways(near, real, 2), nearness.both_ways(near, a.held)
    assert support.authentic(found, a.own).mean() < 0.1 < fresh["authenticity"][0]
    assert membership.scored(-found.back, -controls.back).auc > 0.95
    assert np.median(nearness.ratios(found.distances)) < 0.5


@pytest.mark.promise("attacks.4")
def test_gowers_distance_is_the_mean_over_columns_with_missing_apart_from_all_but_missing() -> None:
    one = points([[0.0, 0.5], [nearness._MISSING, 0.5]], [[1], [1]])
    other = points([[0.25, 0.5], [nearness._MISSING, 1.5]], [[2], [1]])
    distances, positions = nearness.nearest(one, other, 2)
    assert positions.tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(distances, [[(0.25 + 0 + 1) / 3, (1 + 1 + 0) / 3], [(0 + 1 + 0) / 3, (1 + 0 + 1) / 3]], rtol=1e-6)


@pytest.mark.promise("attacks.4")
def test_nearest_neighbours_agree_with_scikit_learn() -> None:
    from sklearn.neighbors import NearestNeighbors

    draw = np.random.default_rng(0)
    a, b = draw.random((300, 6), np.float32), draw.random((400, 6), np.float32)
    ours = nearness.nearest(points(a.tolist()), points(b.tolist()), 3)[0]
    theirs = NearestNeighbors(n_neighbors=3, metric="manhattan").fit(b).kneighbors(a)[0] / 6
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_ranges_are_trains_and_unknown_categories_differ_from_all(world: World) -> None:
    c = world.compare("third")
    gower = Gower(c.usable, c.train)
    placed = gower.of(SampledRows(c.train, 50, 0))
    assert placed.scaled[placed.scaled <= 2].max() <= 1
    assert nearness.nearest(placed, placed)[0].max() == 0


def test_a_membership_score_that_knows_nothing_finds_one_in_a_hundred() -> None:
    draw = np.random.default_rng(3)
    attack = membership.scored(draw.normal(size=20_000), draw.normal(size=20_000))
    assert attack.interval[0] <= 0.5 <= attack.interval[1]
    assert attack.caught == pytest.approx(0.01, abs=0.004)
    known = membership.scored(np.ones(100), np.zeros(100))
    assert (known.auc, known.caught) == (1, 1)


def test_too_few_people_are_not_attacked() -> None:
    with pytest.raises(Incomputable, match="fewer than 50 people"):
        membership.scored(np.zeros(49), np.zeros(60))


@pytest.mark.promise("attacks.14")
def test_the_risk_is_what_exceeds_the_control_over_what_it_leaves() -> None:
    hits, control = np.repeat([True, False], [60, 40]), np.repeat([True, False], [20, 80])
    found = attacks.risk(hits, control)
    assert found.value == pytest.approx((0.6 - 0.2) / 0.8)
    assert found.interval[0] < found.value < found.interval[1]
    assert attacks.risk(control, hits).value == 0


@pytest.mark.promise("attacks.14")
def test_intervals_of_the_risk_cover_no_leak_nineteen_times_in_twenty() -> None:
    draw = np.random.default_rng(5)
    pairs = [(draw.random(500) < 0.2, draw.random(500) < 0.2) for _ in range(400)]
    assert np.mean([attacks.risk(a, b).interval[0] > 0 for a, b in pairs]) < 0.05


def test_a_secret_that_is_only_in_the_released_rows_is_inferred() -> None:
    draw = np.random.default_rng(2)
    known, secret = draw.random((400, 4)), draw.integers(0, 5, (400, 1))
    train = points(known.tolist(), secret.tolist())
    holdout = points(draw.random((400, 4)).tolist(), draw.integers(0, 5, (400, 1)).tolist())
    assert attacks.inference(train, train, holdout, 4, seed=0).value > 0.9
    assert attacks.inference(holdout.only(np.arange(200)), train, holdout.only(np.arange(200, 400)), 4, seed=0).value < 0.15


@pytest.mark.promise("attacks.13")
def test_uniques_that_match_one_real_person_are_counted(world: World) -> None:
    c = world.compare("copy")
    columns = anonymity.quasi_identifiers(c.table, c.usable)
    found = anonymity.classes(c.train, c.train, c.people, columns, 5)
    assert found.matching > 0.9
    assert found.smallest == 1
    assert found.small >= found.alone >= found.matching
    with pytest.raises(Incomputable, match="no column"):
        anonymity.quasi_identifiers(c.table, ())


def test_precision_sees_rows_crowded_in_the_middle_and_recall_a_kind_that_is_missing() -> None:
    draw = np.random.default_rng(4)
    real = points(draw.random((600, 3)).tolist())
    same = points(draw.random((600, 3)).tolist())
    crowded = points((0.5 + 0.05 * draw.normal(size=(600, 3))).tolist())
    lacking = points((draw.random((600, 3)) * [0.5, 1, 1]).tolist())
    assert support.precision(same, real) > 0.9 > 0.4 > support.precision(crowded, real)
    assert support.recall(same, real) > 0.85 > 0.75 > support.recall(lacking, real)
    assert support.authentic(nearness.both_ways(real, real), support.among_themselves(real)).max() == 0


def test_voas_williamson_is_about_one_where_only_chance_differs_and_by_hand_where_it_does_not() -> None:
    draw = np.random.default_rng(6)
    shares = np.full(20, 0.05)
    by_chance = [voas_williamson(draw.multinomial(4000, shares), draw.multinomial(1000, shares)) for _ in range(200)]
    assert np.mean(by_chance) == pytest.approx(1, abs=0.1)
    # (60 − 40)² / 50 twice, one degree of freedom, equal sizes
    assert voas_williamson(np.array([40, 60]), np.array([60, 40])) == pytest.approx(16 / 2)
    with pytest.raises(Incomputable):
        voas_williamson(np.array([9, 0]), np.array([9, 0]))


def test_jensen_shannon_is_nought_for_the_same_and_one_bit_for_nothing_in_common() -> None:
    assert jensen_shannon(np.array([3, 1]), np.array([6, 2])) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon(np.array([3, 0]), np.array([0, 2])) == pytest.approx(1)


def test_beliefs_of_a_model_that_knows_nothing_have_no_variance() -> None:
    assert propensity.pmse(np.full(10, 0.5)) == 0
    assert propensity.pmse(np.array([0.0, 1.0])) == 0.25


@pytest.mark.promise("attacks.1")
def test_of_a_person_with_several_rows_the_most_telling_counts_and_counts_once() -> None:
    who = np.array([7, 7, 3, 9, 9, 9], np.int32)
    assert membership.by_person(np.array([0.1, 0.9, 0.5, 0.2, 0.3, 0.0]), who).tolist() == [0.5, 0.9, 0.3]
    side = Placed(np.zeros((6, 1), np.float32), np.empty((6, 0), np.int32), who)
    assert sorted(side.one_each(np.random.default_rng(0), 10).persons.tolist()) == [3, 7, 9]


@pytest.mark.promise("attacks.1")
def test_a_predicate_that_fits_two_rows_of_one_person_singles_that_person_out() -> None:
    draw = np.random.default_rng(8)
    codes = np.arange(100, dtype=np.int32)[:, None]
    released = points(draw.random((100, 2)).tolist(), codes.tolist())
    twice = np.repeat(np.arange(50, dtype=np.int32), 2)
    real = Placed(released.scaled, released.codes // 2 * 2, twice)
    other = Placed(released.scaled, released.codes // 2 * 2, None)
    held = Placed(released.scaled, np.full_like(released.codes, 1000), None)
    # of every even code there are two rows: of one person in the one table, of two in the other
    one_person = attacks.singling_out(released, real, held, seed=0, attacks=100)
    two_persons = attacks.singling_out(released, other, held, seed=0, attacks=100)
    assert one_person.attack > two_persons.attack


@pytest.mark.promise("attacks.1")
def test_persons_stay_whole_when_rows_are_drawn() -> None:
    people = np.repeat(np.arange(200, dtype=np.int32), 5)
    chosen = by_person(np.arange(1000), people, 300, np.random.default_rng(1))
    assert len(chosen) == 300
    assert set(np.bincount(people[chosen])) == {0, 5}


@pytest.mark.promise("attacks.2")
def test_each_level_of_knowledge_has_a_curve_of_coarse_steps_and_figures_with_intervals(world: World) -> None:
    w = Work(world.compare("copy"))
    found = {r.metric: r for r in risks.memberships(w)}
    assert set(w.details["roc"]) == set(risks.LEVELS.values())
    for rates, caught in w.details["roc"].values():
        assert len(rates) == len(caught) <= 50
        assert (rates[0], caught[0], rates[-1], caught[-1]) == (0, 0, 1, 1)
        assert (np.diff(rates) > 0).all()
        assert (np.diff(caught) >= 0).all()
    for level in risks.LEVELS:
        for what in ("auc", "caught"):
            r = found[f"membership_{level}_{what}"]
            assert r.interval[0] <= r.value <= r.interval[1]
            assert r.floor is not None
            assert r.ceiling is not None


def test_a_step_of_a_curve_is_about_the_minimum_of_persons() -> None:
    rates, _ = membership.curve(np.arange(60.0), np.arange(60.0), 10)
    assert len(rates) == 7


@pytest.mark.promise("attacks.4")
def test_both_directions_are_found_in_one_pass_and_equal_two() -> None:
    draw = np.random.default_rng(9)

    def some(rows: int) -> Placed:
        scaled = np.where(draw.random((rows, 3)) < 0.1, nearness._MISSING, draw.random((rows, 3)) * 1.4 - 0.2)
        return points(scaled.tolist(), draw.integers(-1, 400, (rows, 2)).tolist())

    one, other = some(900), some(500)
    both = nearness.both_ways(one, other, 3)
    distances, positions = nearness.nearest(one, other, 3)
    np.testing.assert_array_equal(both.distances, distances)
    np.testing.assert_array_equal(both.positions, positions)
    back, back_positions = nearness.nearest(other, one)
    np.testing.assert_array_equal(both.back, back[:, 0])
    np.testing.assert_array_equal(both.back_positions, back_positions[:, 0])


def test_a_category_train_does_not_have_is_itself_wherever_it_appears_and_nothing_else() -> None:
    column = ColumnSchema("ward", Kind.CATEGORICAL, "string")
    gower = Gower((column,), Listed({"ward": ["a", "b"]}))
    one, other = gower.of(Listed({"ward": ["x", "y", "a"]})), gower.of(Listed({"ward": ["y", "a", "z"]}))
    assert nearness.nearest(one, other)[0][:, 0].tolist() == [1.0, 0.0, 0.0]


class Listed:
    """Rows of lists."""

    name, further = "listed", ()

    def __init__(self, columns: dict[str, list[str]]) -> None:
        self.columns = columns
        self.rows = len(next(iter(columns.values())))

    def column(self, column: ColumnSchema) -> pa.Array:
        return pa.array(self.columns[column.name])
