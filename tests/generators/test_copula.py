"""The rank copula: what it learns of coded rows, and that it can be conditioned, restricted, stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from generators.encoding.coded import CodedRows, Part
from generators.errors import Cancelled, InputError
from generators.learning.model import Saved
from generators.learning.options import chosen
from generators.learning.watch import Watch
from generators.models.copula import Copula
from generators.models.copula.model import CopulaModel
from tests.generators.coded_rows import PARTS, coded

ROWS = coded(3000)


def fitted(rows: CodedRows = ROWS, **options: str) -> CopulaModel:
    return Copula.fit(rows, seed=1, options=chosen(Copula.OPTIONS, options), watch=Watch())


@pytest.fixture(scope="module")
def model() -> CopulaModel:
    return fitted()


def nothing(rows: int) -> np.ndarray:
    return np.zeros((rows, 0), dtype=np.int32)


@pytest.mark.promise("family.1")
def test_each_column_and_how_strongly_pairs_go_together_are_learned(model: CopulaModel) -> None:
    drawn = model.sample(nothing(20_000), np.random.default_rng(3))
    for i, part in enumerate(PARTS):
        real, made = (np.bincount(codes[:, i], minlength=part.size) / len(codes) for codes in (ROWS.codes, drawn))
        assert np.abs(real - made).sum() / 2 < 0.02
    ranks = [np.corrcoef(codes[:, [1, 3, 4]][codes[:, 1] < 8].T) for codes in (ROWS.codes, drawn)]
    assert np.abs(ranks[0] - ranks[1]).max() < 0.08
    assert ranks[0][1, 2] > 0.3


@pytest.mark.promise("family.1")
def test_strong_dependence_of_coarse_codes_is_not_weakened() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 2, 4000)
    two = np.where(rng.random(4000) < 0.9, one, 1 - one)
    rows = CodedRows(np.stack([one, two], axis=1).astype(np.int32), (Part("a", "value", 2), Part("b", "value", 2)), np.arange(4000))
    drawn = fitted(rows, shrink="0").sample(nothing(20_000), rng)
    assert (drawn[:, 0] == drawn[:, 1]).mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.promise("family.3")
def test_the_same_fit_gives_the_same_bytes_and_a_stored_copula_the_same_rows(model: CopulaModel) -> None:
    again = fitted()
    for name, array in model.saved().arrays.items():
        assert array.tobytes() == again.saved().arrays[name].tobytes()
    loaded = Copula.load(model.saved(), PARTS, 0)
    rows = [m.sample(nothing(500), np.random.default_rng(7)) for m in (model, again, loaded)]
    assert rows[0].tobytes() == rows[1].tobytes() == rows[2].tobytes()


@pytest.mark.promise("family.4")
def test_given_and_allowed_codes_are_kept_and_the_others_follow_from_them() -> None:
    model = fitted(replace(ROWS, given=2))
    given = ROWS.codes[:, :2]
    drawn = model.sample(given, np.random.default_rng(2))
    assert drawn.shape == (3000, 3)
    real, made = (np.corrcoef(given[given[:, 1] < 8, 1], codes[given[:, 1] < 8])[0, 1] for codes in (ROWS.codes[:, 3], drawn[:, 1]))
    assert made == pytest.approx(real, abs=0.08)
    assert not drawn[given[:, 1] == 8, 0].any()
    allowed = {0: np.array([False, True, False]), 1: np.arange(9) >= 6}
    old = fitted().sample(nothing(4000), np.random.default_rng(2), allowed)
    assert set(old[:, 0]) == {1}
    assert set(old[:, 1]) <= {6, 7, 8}
    real_old = ROWS.codes[(ROWS.codes[:, 0] == 1) & (ROWS.codes[:, 1] >= 6)]
    assert old[:, 3].mean() > ROWS.codes[:, 3].mean() + 0.5
    assert old[:, 4].mean() == pytest.approx(real_old[:, 4].mean(), abs=0.1)


@pytest.mark.promise("family.5")
def test_pairs_kept_apart_are_independent_given_the_others() -> None:
    precision = np.linalg.inv(fitted(replace(ROWS, apart=frozenset({(1, 3), (0, 4)}))).latent)
    assert abs(precision[1, 3]) < 1e-4
    assert abs(precision[0, 4]) < 1e-4
    assert abs(precision[3, 4]) > 0.1


@pytest.mark.promise("family.7")
def test_a_damaged_copula_is_refused(model: CopulaModel) -> None:
    arrays = dict(model.saved().arrays)
    for name, damaged in (
        ("latent", arrays["latent"] * 2),
        ("latent", arrays["latent"][:2]),
        ("frequency.1", -arrays["frequency.1"]),
        ("order.3", np.zeros_like(arrays["order.3"])),
        ("spread", arrays["spread"] * np.nan),
    ):
        with pytest.raises(InputError, match=name):
            Copula.load(Saved({}, arrays | {name: damaged}), PARTS, 0)
    with pytest.raises(InputError, match="hermite"):
        Copula.load(Saved({}, {k: v for k, v in arrays.items() if k != "hermite"}), PARTS, 0)


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
def test_a_cancelled_fit_of_the_copula_stops() -> None:
    def cancel(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Copula.fit(ROWS, seed=0, options=chosen(Copula.OPTIONS, {}), watch=Watch(cancel))
