"""The flagship: what it learns of coded rows, and that it can be given, restricted, kept apart, stopped, resumed, stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from generators.encoding.coded import CodedRows, Part
from generators.errors import Cancelled, InputError
from generators.learning.ledger import PrivacyLedger
from generators.learning.model import Saved
from generators.learning.options import chosen
from generators.learning.watch import Watch
from generators.models.autoregressive.drawing import Weights
from generators.models.autoregressive.layout import Layout, alike
from generators.models.autoregressive.learner import Autoregressive
from generators.models.autoregressive.model import AutoregressiveModel
from generators.models.autoregressive.raking import raked
from generators.models.autoregressive.slimming import PRICE, PRICE_OF_MANY, slimmed
from generators.models.autoregressive.straight import straight
from generators.models.autoregressive.tables import Table, TableChooser
from generators.models.sharing import sharing
from tests.generators.coded_rows import PARTS, coded

ROWS = coded(3000)
HELD_OUT = coded(600, seed=1)


def fitted(rows: CodedRows = ROWS, watch: Watch | None = None, held_out: CodedRows | None = None, **options: str) -> AutoregressiveModel:
    given = chosen(Autoregressive.OPTIONS, {"rounds": "4", **options})
    return Autoregressive.fit(rows, seed=1, options=given, watch=watch or Watch(), held_out=held_out)


def nothing(rows: int) -> npt.NDArray[np.int32]:
    return np.zeros((rows, 0), dtype=np.int32)


def drawn(model: AutoregressiveModel, rows: int = 20_000, **more: object) -> npt.NDArray[np.int32]:
    return model.sample(nothing(rows), np.random.default_rng(3), **more)  # type: ignore[arg-type]


def of_two(dependent: float = 0.9, rows: int = 3000, apart: frozenset[tuple[int, int]] = frozenset()) -> CodedRows:
    """Two columns that are equal in a share of the rows."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 2, rows)
    two = np.where(rng.random(rows) < dependent, one, 1 - one)
    parts = (Part("a", "value", 2), Part("b", "value", 2))
    return CodedRows(np.stack([one, two], axis=1).astype(np.int32), parts, np.arange(rows), apart=apart)


def of_many(rows: int = 4000) -> CodedRows:
    """A kind, one of 300 codes that hang on it, and one of 40 ordered codes that hangs on it too."""
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 3, rows)
    many = np.minimum(299, kind * 100 + rng.geometric(0.05, rows))
    ordered = np.clip(rng.normal(12 + 8 * kind, 4, rows).round(), 0, 39).astype(int)
    parts = (Part("kind", "value", 3), Part("many", "value", 300), Part("ordered", "value", 40, ordered=True, ordered_codes=(0, 40)))
    return CodedRows(np.stack([kind, many, ordered], axis=1).astype(np.int32), parts, np.arange(rows))


def distance(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32], size: int) -> float:
    """Total variation between two samples of codes."""
    first, second = (np.bincount(codes, minlength=size) / len(codes) for codes in (one, other))
    return float(np.abs(first - second).sum() / 2)


@pytest.fixture(scope="module")
def model() -> AutoregressiveModel:
    return fitted(held_out=HELD_OUT)


@pytest.fixture(scope="module")
def many() -> AutoregressiveModel:
    return fitted(of_many())


@pytest.mark.promise("flagship.1")
def test_how_columns_go_together_is_learned(model: AutoregressiveModel) -> None:
    codes = drawn(model)
    for i, j in combinations(range(len(PARTS)), 2):
        size = PARTS[i].size * PARTS[j].size
        real, made = (table[:, i] * PARTS[j].size + table[:, j] for table in (ROWS.codes, codes))
        assert distance(real, made, size) < 0.05
    refined = (codes[:, 1] >= 0) & (codes[:, 1] < 8)
    assert not codes[~refined, 2].any()


@pytest.mark.promise("flagship.1")
def test_columns_of_many_values_hang_on_others_too(many: AutoregressiveModel) -> None:
    rows, codes = of_many().codes, drawn(many)
    for column, least in ((1, 0.95), (2, 0.0)):
        size = int(rows[:, column].max()) + 1
        assert distance(rows[:, column], codes[:, column], size) < 0.1
        if least:
            assert (codes[:, column] // 100 == codes[:, 0]).mean() > least
    means = [codes[codes[:, 0] == kind, 2].mean() for kind in range(3)]
    assert means == pytest.approx([12, 20, 28], abs=1)


@pytest.mark.promise("flagship.2")
def test_how_likely_a_row_is_is_told_exactly(model: AutoregressiveModel) -> None:
    every = np.array(list(product(*(range(part.size) for part in PARTS))), dtype=np.int32)
    every = every[(every[:, 1] < 8) | (every[:, 2] == 0)]
    assert np.exp(-model.surprise(every)).sum() == pytest.approx(1, abs=1e-4)
    often = np.array([[0, 4, 1, 2, 0]], dtype=np.int32)
    share = (drawn(model, 200_000) == often).all(axis=1).mean()
    assert share == pytest.approx(float(np.exp(-model.surprise(often))[0]), rel=0.1)


@pytest.mark.promise("flagship.3")
def test_the_same_seed_gives_the_same_bytes(model: AutoregressiveModel) -> None:
    again = fitted(held_out=HELD_OUT).saved()
    assert again.facts == model.saved().facts
    assert {name: array.tobytes() for name, array in again.arrays.items()} == {n: a.tobytes() for n, a in model.saved().arrays.items()}
    assert drawn(model).tobytes() == drawn(model).tobytes()


@pytest.mark.promise("flagship.3")
def test_a_fit_that_was_stopped_goes_on_to_the_same_bytes(model: AutoregressiveModel, tmp_path: Path) -> None:
    def stop(stage: str, done: float) -> None:
        if "round 2" in stage:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        fitted(watch=Watch(stop, folder=tmp_path, key="k"), held_out=HELD_OUT)
    rounds: list[str] = []
    watch = Watch(lambda stage, done: rounds.append(stage), folder=tmp_path, key="k")
    again = fitted(watch=watch, held_out=HELD_OUT).saved()
    assert not any("round 1 " in stage for stage in rounds)
    assert {name: array.tobytes() for name, array in again.arrays.items()} == {n: a.tobytes() for n, a in model.saved().arrays.items()}


@pytest.mark.promise("flagship.4")
def test_restricted_columns_are_drawn_as_the_model_has_them_without_the_others(model: AutoregressiveModel) -> None:
    female = np.array([False, True, False])
    restricted, free = drawn(model, allowed={0: female}), drawn(model, 60_000)
    assert (restricted[:, 0] == 1).all()
    for column in range(1, len(PARTS)):
        assert distance(restricted[:, column], free[free[:, 0] == 1, column], PARTS[column].size) < 0.03


@pytest.mark.promise("flagship.4")
@pytest.mark.parametrize("column", [1, 2])
def test_columns_drawn_in_two_steps_are_restricted_exactly(many: AutoregressiveModel, column: int) -> None:
    mask = np.zeros(many.layout.parts[column].size, dtype=np.bool_)
    mask[[3, 11, 12, 17]] = True
    free = drawn(many, 100_000)
    free = free[mask[free[:, column]]]
    codes = many.sample(nothing(20_000), np.random.default_rng(5), {0: np.array([True, False, False]), column: mask})
    assert mask[codes[:, column]].all()
    assert distance(codes[:, column], free[free[:, 0] == 0, column], len(mask)) < 0.06


@pytest.mark.promise("flagship.4")
def test_rows_are_drawn_given_their_context() -> None:
    model = fitted(replace(of_two(), given=1))
    given = np.random.default_rng(0).integers(0, 2, (10_000, 1)).astype(np.int32)
    made = model.sample(given, np.random.default_rng(1))
    assert made.shape == (10_000, 1)
    assert (made == given).mean() == pytest.approx(0.9, abs=0.02)
    with pytest.raises(ValueError, match="is given 1 parts"):
        model.sample(nothing(5), np.random.default_rng(1))


@pytest.mark.promise("flagship.5")
def test_columns_kept_apart_are_not_learned_together() -> None:
    together, apart = fitted(of_two()), fitted(of_two(apart=frozenset({(0, 1)})))
    alike = [(codes[:, 0] == codes[:, 1]).mean() for codes in (drawn(together), drawn(apart))]
    assert alike == pytest.approx([0.9, 0.5], abs=0.03)
    assert not apart.weights.tables[1].parents


@pytest.mark.promise("flagship.6")
def test_a_stored_model_draws_the_same_rows(model: AutoregressiveModel, many: AutoregressiveModel) -> None:
    for each in (model, many):
        again = Autoregressive.load(each.saved(), each.layout.parts, each.layout.given)
        assert drawn(again).tobytes() == drawn(each).tobytes()
        assert again.surprise(drawn(each, 50)).tobytes() == each.surprise(drawn(each, 50)).tobytes()


def _without(saved: Saved) -> Saved:
    return Saved(saved.facts, {name: array for name, array in saved.arrays.items() if name != "table.1"})


def _not_a_number(saved: Saved) -> Saved:
    return Saved(saved.facts, {**saved.arrays, "embedding": np.full_like(saved.arrays["embedding"], np.nan)})


def _shorter(saved: Saved) -> Saved:
    return Saved(saved.facts, {**saved.arrays, "table.0": saved.arrays["table.0"][:, :-1]})


def _doubles(saved: Saved) -> Saved:
    return Saved(saved.facts, {name: array.astype(np.float64) for name, array in saved.arrays.items()})


def _later_parent(saved: Saved) -> Saved:
    return Saved({**saved.facts, "tables": [[[4, False, 2]], *saved.facts["tables"][1:]]}, saved.arrays)


def _no_facts(saved: Saved) -> Saved:
    return Saved({}, saved.arrays)


@pytest.mark.promise("flagship.6")
@pytest.mark.parametrize("edit", [_without, _not_a_number, _shorter, _doubles, _later_parent, _no_facts])
def test_a_model_that_was_edited_is_refused(model: AutoregressiveModel, edit: Callable[[Saved], Saved]) -> None:
    with pytest.raises(InputError, match="edited or damaged"):
        Autoregressive.load(edit(model.saved()), PARTS, 0)


@pytest.mark.promise("flagship.7")
def test_too_few_rows_are_refused_with_their_number() -> None:
    with pytest.raises(InputError, match=r"45 rows are too few .* at least 60"):
        fitted(ROWS.take(np.arange(45)), held_out=HELD_OUT)


@pytest.mark.promise("flagship.7")
def test_it_says_that_it_has_no_differential_privacy() -> None:
    given = chosen(Autoregressive.OPTIONS, {})
    with pytest.raises(InputError, match="no differential privacy"):
        Autoregressive.fit(ROWS, seed=0, options=given, watch=Watch(), ledger=PrivacyLedger(1.0, 1e-6, 1))


@pytest.mark.promise("flagship.8")
def test_it_stops_where_it_is_told_to_and_when_time_is_up() -> None:
    told: list[float] = []

    def stop(stage: str, done: float) -> None:
        told.append(done)
        if done > 0.2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        fitted(watch=Watch(stop), held_out=HELD_OUT)
    assert max(told) < 0.5
    late = Watch(seconds=1e-6)
    model = fitted(watch=late, held_out=HELD_OUT)
    assert late.out_of_time
    assert drawn(model, 10).shape == (10, len(PARTS))


@pytest.mark.promise("flagship.8")
def test_a_loss_that_is_lost_keeps_the_last_good_state(monkeypatch: pytest.MonkeyPatch) -> None:
    from generators.models.autoregressive import learner

    usual = learner._settings
    monkeypatch.setattr(learner, "_settings", lambda rows, options: replace(usual(rows, options), rate=1e30))
    codes = drawn(fitted(held_out=HELD_OUT))
    assert distance(codes[:, 3], ROWS.codes[:, 3], PARTS[3].size) < 0.05


@pytest.mark.promise("flagship.9")
def test_no_count_of_fewer_than_the_least_persons_is_kept() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 2, 1000)
    two = np.zeros(1000, dtype=int)
    persons = np.arange(1000)
    few = np.flatnonzero(one == 1)[:200]
    two[few], persons[few] = 1, np.arange(200) % 4
    parts = (Part("a", "value", 2), Part("b", "value", 2))
    rows = CodedRows(np.stack([one, two], axis=1).astype(np.int32), parts, np.unique(persons, return_inverse=True)[1])
    shares = [fitted(rows, size="none", least=least, held_out=rows).weights.tables[1].log_shares for least in ("5", "4")]
    assert np.exp(shares[0][-1, 1]) < 0.1
    assert np.exp(shares[1][-1, 1]) > 0.3


@pytest.mark.promise("flagship.10")
def test_plainer_settings_are_ever_smaller_and_end() -> None:
    options = chosen(Autoregressive.OPTIONS, {})
    steps = []
    while (plainer := Autoregressive.plainer(options, len(steps) + 1)) is not None:
        assert chosen(Autoregressive.OPTIONS, plainer) == dict(plainer)
        steps.append(Autoregressive.cost(2000, PARTS, plainer).seconds)
    assert len(steps) >= 5
    assert steps == sorted(steps, reverse=True)


@pytest.mark.promise("flagship.11")
def test_codes_share_what_is_learned_with_their_neighbours_in_the_same_column_alone() -> None:
    parts = (Part("age", "value", 21, ordered=True, ordered_codes=(0, 20)), Part("sex", "value", 2), Part("ward", "value", 300))
    wards, sexes = np.arange(3000, dtype=np.int32) % 300, np.arange(3000, dtype=np.int32) % 2
    groups = alike(2, [sexes, sexes, wards], [21, 2, 300], [1])
    layout = Layout(parts, 0, (0, 1, 2), {2: groups})
    starts, total = layout.starts
    shared = sharing(parts, starts, total, layout.groups)
    told = np.zeros((shared.places.shape[1], shared.size))
    for places, weights in zip(shared.places, shared.weights, strict=True):
        np.add.at(told, (np.arange(len(places)), places), weights)
    ages, ward = told[:20], told[starts[2] : starts[2] + 300]
    assert ages.sum(axis=1) == pytest.approx(1)
    assert (ages[:-1] * ages[1:]).sum(axis=1).min() > 0.2, "neighbours share"
    assert not (ages[0] * ages[-1]).any(), "the youngest and the oldest do not"
    assert not told[20].any(), "nor does the code for missing"
    assert not told[starts[1] : starts[1] + 2].any(), "nor codes that have no kin"
    assert ((ward @ ward.T > 0) == (groups[:, :1] == groups[:, 0])).all()
    assert not (ages @ ward.T).any(), "nothing is shared across columns"


@pytest.mark.promise("flagship.12")
def test_a_network_made_slimmer_gives_rows_the_same_likelihood(model: AutoregressiveModel) -> None:
    rng, layout = np.random.default_rng(4), model.layout
    width, units = model.weights.embedding.shape[1], 40
    # A network of which only a straight line and two bent units say anything, as one that learned little may be.
    inward = [rng.normal(0, 0.2, (width + 1, units)).astype(np.float32) for _ in layout.heads]
    outward = [rng.normal(0, 1, (head.size, units)).astype(np.float32) for head in layout.heads]
    for into, out in zip(inward, outward, strict=True):
        out[:, 10:] = 0
        into[-1, 2:10] = 50  # never bent
        out[:, 2:10] *= 0.1
    wide = replace(model.weights, inward=inward, outward=outward, straight=[0] * len(layout.heads))
    full = AutoregressiveModel(layout, wide, {})
    slim = AutoregressiveModel(layout, slimmed(layout, wide, nothing(1), seed=0), {})
    codes = drawn(full, 4000)
    assert all(each is None or each.shape[1] < 16 for each in slim.weights.inward)
    assert abs(float((slim.surprise(codes) - full.surprise(codes)).mean())) < 0.01
    again = slimmed(layout, wide, nothing(1), seed=0)
    for one, other in zip(slim.weights.outward, again.outward, strict=True):
        assert (one is None and other is None) or np.array_equal(one, other)


@pytest.mark.promise("flagship.12")
def test_where_rows_must_come_fast_a_network_keeps_fewer_units_and_most_of_what_they_told(model: AutoregressiveModel) -> None:
    rng, layout = np.random.default_rng(4), model.layout
    embedding = rng.normal(0, 0.3, model.weights.embedding.shape).astype(np.float32)
    inward = [rng.normal(0, 0.3, (embedding.shape[1] + 1, 40)).astype(np.float32) for _ in layout.heads]
    outward = [rng.normal(0, 0.3, (head.size, 40)).astype(np.float32) for head in layout.heads]
    wide = replace(model.weights, embedding=embedding, inward=inward, outward=outward, straight=[0] * len(layout.heads))
    mute = AutoregressiveModel(layout, replace(wide, inward=[None] * len(layout.heads), outward=[None] * len(layout.heads)), {})
    full = AutoregressiveModel(layout, wide, {})
    slim, slimmer = (AutoregressiveModel(layout, slimmed(layout, wide, nothing(1), 0, price), {}) for price in (PRICE, PRICE_OF_MANY))
    codes = drawn(full, 4000)
    units = [sum(0 if each is None else each.shape[1] for each in some.weights.inward) for some in (slimmer, slim)]
    lost = [float((some.surprise(codes) - full.surprise(codes)).mean()) for some in (slimmer, mute)]
    assert units[0] < 0.8 * units[1]
    assert lost[0] < 0.2 * lost[1]


@pytest.mark.promise("flagship.13")
@pytest.mark.parametrize("which", ["model", "many"])
def test_shares_of_a_network_that_is_held_back_are_raked_to_those_counted(which: str, request: pytest.FixtureRequest) -> None:
    model: AutoregressiveModel = request.getfixturevalue(which)
    rows, layout, rng = ROWS if which == "model" else of_many(), model.layout, np.random.default_rng(6)
    off = [Table(t.parents, t.log_shares + rng.normal(0, 0.4, t.log_shares.shape[1]).astype(np.float32)) for t in model.weights.tables]
    weights = replace(model.weights, tables=off)
    chooser = TableChooser(layout, layout.inputs(rows.codes), rows.persons, rows.apart, 5, 0)
    counted = [chooser.counted(head) for head in layout.heads]
    made = raked(layout, weights, nothing(rows.rows), counted, seed=0)
    before, after = (drawn(AutoregressiveModel(layout, each, {})) for each in (weights, made))
    for number, part in enumerate(layout.parts):
        wrong, right = (distance(rows.codes[:, number], codes[:, number], part.size) for codes in (before, after))
        assert right < max(0.02, 0.35 * wrong)
    again = raked(layout, weights, nothing(rows.rows), counted, seed=0)
    assert all(np.array_equal(one.log_shares, two.log_shares) for one, two in zip(made.tables, again.tables, strict=True))


@pytest.mark.promise("flagship.13")
def test_codes_of_too_few_persons_are_not_raked() -> None:
    codes = np.repeat([[0], [1]], [400, 100], axis=0).astype(np.int32)
    persons = np.concatenate([np.arange(400), np.full(100, 400)])  # one person has all rows of the second code
    layout = Layout((Part("a", "value", 2),), 0, (0,), {})
    chooser = TableChooser(layout, layout.inputs(codes), persons, frozenset(), 5, 0)
    assert chooser.counted(layout.heads[0]).tolist() == [400, 0]
    even = Table((), np.zeros((1, 2), dtype=np.float32))
    weights = Weights(np.zeros((2, 1), dtype=np.float32), [None], [None], [even], [()], [0])
    made = raked(layout, weights, nothing(500), [chooser.counted(layout.heads[0])], seed=0)
    assert np.allclose(made.tables[0].log_shares, 0)


def measured(rows: int, seed: int, apart: frozenset[tuple[int, int]] = frozenset()) -> CodedRows:
    """Six measured numbers that go closely together, in twenty steps each."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (rows, 1)) + 0.3 * rng.normal(0, 1, (rows, 6))
    codes = np.clip((values + 2.5) * 4, 0, 19).astype(np.int32)
    parts = tuple(Part(name, "value", 20, ordered=True, ordered_codes=(0, 20)) for name in "abcdef")
    return CodedRows(codes, parts, np.arange(rows), apart=apart)


@pytest.mark.promise("flagship.14")
def test_few_measured_numbers_are_told_by_a_straight_model_and_others_by_the_network(model: AutoregressiveModel) -> None:
    rows = measured(300, 0)
    small = fitted(rows, held_out=measured(100, 1))
    assert small.record["straight"]
    assert not model.record["straight"]  # its codes hang on each other in other ways
    real, codes = (np.corrcoef(each.T)[0, 1:] for each in (measured(5000, 2).codes, drawn(small)))
    assert codes == pytest.approx(real, abs=0.06)
    again = Autoregressive.load(small.saved(), rows.parts, rows.given)
    assert np.array_equal(drawn(again, 500), drawn(small, 500))


@pytest.mark.promise("flagship.5")
def test_the_straight_model_keeps_columns_apart_too() -> None:
    rows = measured(300, 0, frozenset({(0, 1)}))
    found = straight(rows, measured(100, 1), least=5, restraint=0, seed=0)
    assert found is not None
    _, weights = found
    assert weights.apart[1] == (0,)
    first, second = weights.inward[1:3]
    assert first is None or first[0, 0] == 0
    assert second is not None
    assert second[0, 0] != 0
