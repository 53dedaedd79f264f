"""Sequential trees: what they learn of coded rows, and that they can be conditioned, restricted, stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from generators.encoding.coded import CodedRows, applies
from generators.errors import InputError
from generators.learning.model import Saved
from generators.learning.options import chosen
from generators.learning.watch import Watch
from generators.models.cart import Cart
from generators.models.cart.learner import CartModel
from tests.generators.coded_rows import PARTS, coded

ROWS, OTHERS = coded(3000), coded(3000, 9)


def fitted(rows: CodedRows = ROWS, held_out: CodedRows | None = None, watch: Watch | None = None, **options: str) -> CartModel:
    return Cart.fit(rows, seed=1, options=chosen(Cart.OPTIONS, options), watch=watch or Watch(), held_out=held_out)


@pytest.fixture(scope="module")
def model() -> CartModel:
    return fitted()


def nothing(rows: int) -> np.ndarray:
    return np.zeros((rows, 0), dtype=np.int32)


def pair(codes: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.bincount(codes[:, a] * 9 + codes[:, b], minlength=81) / len(codes)


@pytest.mark.promise("family.2")
def test_pairs_are_drawn_as_near_to_the_records_as_other_records_are(model: CartModel) -> None:
    drawn = model.sample(nothing(20_000), np.random.default_rng(3))
    for a in range(5):
        for b in range(a):
            far = np.abs(pair(OTHERS.codes, a, b) - pair(ROWS.codes, a, b)).sum()
            assert np.abs(pair(drawn, a, b) - pair(ROWS.codes, a, b)).sum() < max(0.02, far)
    assert not drawn[~applies(drawn, PARTS, 2), 2].any()


@pytest.mark.promise("family.2")
def test_leaves_are_as_wide_as_serves_persons_who_were_not_learned_from() -> None:
    held_out, strangers = OTHERS.take(np.arange(500)), OTHERS.take(np.arange(500, 3000))
    chosen_leaves, tiny = fitted(ROWS, held_out), fitted(ROWS, held_out, leaf="1")
    assert chosen_leaves.surprise(strangers.codes).mean() < tiny.surprise(strangers.codes).mean() - 0.1
    assert sum(len(tree.feature) for tree in chosen_leaves.trees) < sum(len(tree.feature) for tree in tiny.trees) / 3
    smooth = fitted(ROWS, held_out, leaf="1", smoothing="0.2")
    assert smooth.surprise(strangers.codes).mean() < tiny.surprise(strangers.codes).mean()


@pytest.mark.promise("family.3")
def test_the_same_fit_gives_the_same_bytes_and_stored_trees_the_same_rows(model: CartModel) -> None:
    again = fitted()
    for name, array in model.saved().arrays.items():
        assert array.tobytes() == again.saved().arrays[name].tobytes()
    loaded = Cart.load(model.saved(), PARTS, 0)
    rows = [m.sample(nothing(500), np.random.default_rng(7)) for m in (model, again, loaded)]
    assert rows[0].tobytes() == rows[1].tobytes() == rows[2].tobytes()
    assert np.array_equal(loaded.surprise(ROWS.codes), model.surprise(ROWS.codes))


@pytest.mark.promise("family.4")
def test_given_and_allowed_codes_are_kept_and_the_others_follow_from_them(model: CartModel) -> None:
    given = ROWS.codes[:, :2]
    drawn = fitted(replace(ROWS, given=2)).sample(given, np.random.default_rng(2))
    whole = np.concatenate([given, drawn], axis=1)
    assert np.abs(pair(whole, 1, 3) - pair(ROWS.codes, 1, 3)).sum() / 2 < 0.06
    allowed = {0: np.array([False, True, False]), 1: np.arange(9) >= 6, 2: np.arange(4) < 2}
    old = model.sample(nothing(4000), np.random.default_rng(2), allowed)
    assert set(old[:, 0]) == {1}
    assert set(old[:, 1]) <= {6, 7, 8}
    assert set(old[:, 2]) == {0, 1}
    real = ROWS.codes[(ROWS.codes[:, 0] == 1) & (ROWS.codes[:, 1] >= 6)]
    share = [np.bincount(codes[:, 1], minlength=9)[6:] / len(codes) for codes in (real, old)]
    assert np.abs(share[0] - share[1]).max() < 0.06
    assert old[:, 4].mean() == pytest.approx(real[:, 4].mean(), abs=0.07)


@pytest.mark.promise("family.4")
def test_a_code_nobody_has_can_still_be_asked_for() -> None:
    women = ROWS.take(ROWS.codes[:, 0] == 0)
    drawn = fitted(women).sample(nothing(50), np.random.default_rng(0), {0: np.array([False, True, False])})
    assert set(drawn[:, 0]) == {1}


@pytest.mark.promise("family.5")
def test_no_tree_asks_about_a_part_that_is_kept_apart() -> None:
    trees = fitted(replace(ROWS, apart=frozenset({(1, 3), (0, 4)}))).trees
    assert 1 not in trees[3].feature
    assert 0 in trees[3].feature
    assert 0 not in trees[4].feature


@pytest.mark.promise("family.6")
@pytest.mark.parametrize("least", [10, 40])
def test_a_leaf_speaks_for_so_many_persons_however_many_rows_they_have(least: int) -> None:
    rows = replace(ROWS, persons=ROWS.persons // 8)
    model = fitted(rows, leaf=str(least))
    for i, tree in enumerate(model.trees):
        said = applies(rows.codes, PARTS, i)
        leaves = tree.nodes(rows.codes[said], model.base)
        persons = [len(np.unique(rows.persons[said][leaves == leaf])) for leaf in np.unique(leaves)]
        assert min(persons) >= least
    assert len(model.trees[3].feature) > 3


@pytest.mark.promise("family.6")
def test_leaves_as_small_as_asked_for_also_where_splits_of_others_are_found_with_some_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fitted(leaf="1")
    monkeypatch.setattr("generators.models.cart.learner.SAMPLE", 500)
    assert [len(tree.feature) for tree in fitted(leaf="1").trees] == [len(tree.feature) for tree in asked.trees]
    assert len(fitted(leaf="50").trees[3].feature) < len(asked.trees[3].feature)


@pytest.mark.promise("family.7")
def test_damaged_trees_are_refused(model: CartModel) -> None:
    arrays = dict(model.saved().arrays)
    loops = arrays["3.left"].copy()
    loops[1:] = 0
    for name, damaged in (
        ("3.left", loops),
        ("3.feature", arrays["3.feature"] + 9),
        ("3.chance", arrays["3.chance"] * 2),
        ("3.code", arrays["3.code"] + 100),
        ("3.start", arrays["3.start"][:-1]),
        ("3.leaf", arrays["3.leaf"].astype(np.int64)),
    ):
        with pytest.raises(InputError, match='of column "ward" are missing or damaged'):
            Cart.load(Saved({}, arrays | {name: damaged}), PARTS, 0)
    with pytest.raises(InputError, match='"died"'):
        Cart.load(Saved({}, {k: v for k, v in arrays.items() if k != "4.code"}), PARTS, 0)


@pytest.mark.promise("family.8")
def test_too_few_persons_are_refused_and_constant_columns_are_not() -> None:
    with pytest.raises(InputError, match="fewer than 10 persons"):
        fitted(ROWS.take(np.isin(ROWS.persons, np.arange(9))))
    dull = replace(ROWS, codes=np.where(np.array([False, True, False, True, False]), [0, 8, 0, 2, 0], ROWS.codes).astype(np.int32))
    drawn = fitted(dull).sample(nothing(300), np.random.default_rng(0))
    assert set(drawn[:, 1]) == {8}
    assert set(drawn[:, 3]) == {2}
    assert not drawn[:, 2].any()


@pytest.mark.promise("family.9")
def test_once_time_is_up_the_columns_that_are_left_are_drawn_by_themselves() -> None:
    moments = iter([0.0, 0.0, 0.0, 0.0, *[99.0] * 50])
    watch = Watch(seconds=10, clock=lambda: next(moments))
    trees = fitted(watch=watch).trees
    assert watch.out_of_time
    assert len(trees[1].feature) > 1
    assert [len(tree.feature) for tree in trees[2:]] == [1, 1, 1]
