"""gan learns what hangs together, with counted tables and without, and comes out the same every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generators.encoding.coded import CodedRows, Codes, applies
from generators.errors import Cancelled, InputError
from generators.learning.choosing import choose, hold_out
from generators.learning.known import learner_of
from generators.learning.model import Saved
from generators.learning.options import chosen
from generators.learning.watch import Watch
from generators.models.gan.learner import Gan, settings_of
from generators.models.gan.model import GanModel
from generators.models.leading import tables
from generators.models.segments import in_turn
from tests.generators.coded_rows import PARTS, coded

ROWS = coded(1200)
NOTHING = np.zeros((1200, 0), dtype=np.int32)


def fit(rows: CodedRows = ROWS, watch: Watch | None = None, given: Mapping[str, str] | None = None) -> GanModel:
    options = chosen(Gan.OPTIONS, {"width": "24", "noise": "8", "rounds": "3", **(given or {})})
    learned, held_out = hold_out(rows, 1)
    return Gan.fit(learned, seed=1, options=options, watch=watch or Watch(), held_out=held_out)


def together(codes: Codes, a: int, b: int) -> float:
    """Mutual information of two parts, in nats."""
    joint = np.bincount(codes[:, a] * 10 + codes[:, b], minlength=100).reshape(10, 10) / len(codes)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    return float((joint[joint > 0] * np.log(joint[joint > 0] / apart[joint > 0])).sum())


@pytest.fixture(scope="module")
def model() -> GanModel:
    return fit()


@pytest.fixture(scope="module")
def drawn(model: GanModel) -> Codes:
    return model.sample(NOTHING, np.random.default_rng(5))


@pytest.mark.promise("family.30")
def test_what_hangs_together_does_so_in_drawn_rows(drawn: Codes) -> None:
    assert learner_of("gan") is Gan
    for pair in ((1, 3), (3, 4)):
        assert together(drawn, *pair) > 0.6 * together(ROWS.codes, *pair)
    assert (drawn[drawn[:, 1] == 8, 2] == 0).all()
    for number, part in enumerate(PARTS):
        shares = [np.bincount(codes[:, number], minlength=part.size) / len(codes) for codes in (drawn, ROWS.codes)]
        assert np.abs(shares[0] - shares[1]).sum() / 2 < 0.15


@pytest.mark.promise("family.30")
def test_the_networks_alone_learn_it_too() -> None:
    begun, later = (fit(given={"tables": "no", "rounds": rounds, "rate": "0.003"}) for rounds in ("1", "20"))
    learned = [together(m.sample(NOTHING, np.random.default_rng(5)), 3, 4) for m in (begun, later)]
    assert learned[1] > 0.4 * together(ROWS.codes, 3, 4)
    assert learned[1] > learned[0]


@pytest.mark.promise("family.30")
def test_all_columns_at_once_hang_together_too() -> None:
    at_once = fit(given={"following": "no", "rounds": "7", "rate": "0.003"})
    drawn = at_once.sample(NOTHING, np.random.default_rng(5))
    for pair in ((1, 3), (3, 4)):
        assert together(drawn, *pair) > 0.6 * together(ROWS.codes, *pair)
    # Models of before columns were told by those before them say nothing of it.
    before = Saved({"leaders": at_once.saved().facts["leaders"]}, at_once.saved().arrays)
    assert np.array_equal(drawn, Gan.load(before, PARTS, 0).sample(NOTHING, np.random.default_rng(5)))


@pytest.mark.promise("family.34")
def test_the_likelihood_it_gives_is_one_and_says_what_is_remembered(model: GanModel) -> None:
    rows = np.array([row for row in np.ndindex(*(part.size for part in PARTS)) if row[1] < 8 or row[2] == 0], dtype=np.int32)
    likely = model.surprise(rows)
    assert likely is not None
    assert abs(np.exp(-likely).sum() - 1) < 1e-3
    fresh = coded(1200, seed=9).codes
    told, shuffled = (
        model.surprise(fresh),
        model.surprise(np.stack([np.random.default_rng(i).permutation(fresh[:, i]) for i in range(5)], 1)),
    )
    assert told is not None
    assert shuffled is not None
    assert told.mean() < shuffled.mean()
    options = chosen(Gan.OPTIONS, {"width": "24", "noise": "8", "rounds": "3"})
    found = choose(Gan, ROWS, seed=1, options=options, watch=Watch(), max_membership=0.9)
    assert found.membership is not None
    assert found.membership.area <= 0.9


@pytest.mark.promise("family.34")
@pytest.mark.parametrize("following", ["yes", "no"])
def test_what_the_critic_judges_is_what_rows_are_drawn_from(following: str) -> None:
    from generators.models.gan.training import Training, torch

    rows = replace(ROWS, given=1)
    options = chosen(Gan.OPTIONS, {"width": "8", "noise": "4", "following": following})
    training = Training(rows, None, tables(rows, 0), settings_of(rows.rows, options), 0, Watch())
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in training.generator.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=random))
        places = training.placed[:, :1]
        condition = torch.full((1200,), training.generator.own)
        unfolded = training.generator.unfolded(torch.zeros(1200, 4), condition, places)
        draws, scores = training.generator(unfolded, training.codes[:, :1], torch.zeros(1200, training.generator.own))
    codes = np.concatenate([rows.codes[:, :1], *(score.argmax(1, keepdim=True).numpy() for score in scores)], axis=1).astype(np.int32)
    codes[codes[:, 1] == 8, 2] = 0
    model = training.model()
    told = in_turn(unfolded.numpy().copy(), codes, PARTS, 1, model.weights, model.tables)
    for (_, own), score in zip(told, scores, strict=True):
        assert np.allclose(own, score.numpy(), atol=1e-4)
    at = 0
    for number, part in enumerate(PARTS[1:], start=1):
        drawn = draws[:, at : at + part.size].numpy()
        says = applies(codes, PARTS, number)
        assert np.allclose(drawn[says], np.eye(part.size)[codes[says, number]], atol=1e-6)
        assert not drawn[~says].any()
        at += part.size


@pytest.mark.promise("family.31")
def test_the_same_bytes_twice_and_after_a_cancelled_fit_goes_on(model: GanModel, tmp_path: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if "round 2" in stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(watch=Watch(stop, folder=tmp_path, key="a"))
    resumed = Watch(folder=tmp_path, key="a")
    again = fit(watch=resumed)
    assert resumed.epochs[0].number == 2
    for other in (again, fit()):
        assert all(array.tobytes() == other.saved().arrays[name].tobytes() for name, array in model.saved().arrays.items())


@pytest.mark.promise("family.31")
def test_a_saved_model_draws_the_same_and_an_edited_one_is_refused(model: GanModel, drawn: Codes) -> None:
    saved = model.saved()
    assert np.array_equal(drawn, Gan.load(saved, PARTS, 0).sample(NOTHING, np.random.default_rng(5)))
    for name in saved.arrays:
        without = {key: array for key, array in saved.arrays.items() if key != name}
        for arrays in (without, {**without, name: saved.arrays[name].astype(np.float64)}, {**without, name: saved.arrays[name] * np.nan}):
            with pytest.raises(InputError, match="fit it again"):
                Gan.load(Saved(saved.facts, arrays), PARTS, 0)


@pytest.mark.promise("family.32")
def test_rows_follow_what_they_are_given() -> None:
    model = fit(replace(ROWS, given=2))
    given = coded(1200, seed=9).codes[:, :2]
    out = np.concatenate([given, model.sample(given, np.random.default_rng(3))], axis=1)
    assert together(out, 1, 3) > 0.5 * together(ROWS.codes, 1, 3)
    again = Gan.load(model.saved(), PARTS, 2).sample(given, np.random.default_rng(3))
    assert np.array_equal(again, out[:, 2:])


@pytest.mark.promise("family.33")
def test_it_says_what_it_cannot_do(model: GanModel) -> None:
    with pytest.raises(InputError, match="at least 100 rows"):
        fit(coded(60))
    with pytest.raises(InputError, match="cannot keep pairs of them apart"):
        fit(replace(ROWS, apart=frozenset({(0, 1)})))
    with pytest.raises(ValueError, match="which codes columns may have"):
        model.sample(NOTHING, np.random.default_rng(0), {0: np.ones(3, dtype=np.bool_)})
    at_once = fit(given={"following": "no", "rounds": "1"})
    assert at_once.surprise(ROWS.codes) is None
    assert Gan.plainer(chosen(Gan.OPTIONS, {}), 1) is not None
    assert Gan.plainer(chosen(Gan.OPTIONS, {}), 9) is None
