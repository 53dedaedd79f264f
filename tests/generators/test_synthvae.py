"""synthvae learns what hangs together, mended far better than as published, and comes out the same every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from generators.encoding.coded import CodedRows, Codes, Part
from generators.errors import Cancelled, InputError
from generators.learning.choosing import hold_out
from generators.learning.known import learner_of
from generators.learning.model import Saved
from generators.learning.options import chosen
from generators.learning.watch import LossLost, Watch
from generators.models.synthvae.learner import SynthVae
from generators.models.synthvae.mixture import Mixture, fitted, standard
from generators.models.synthvae.model import VaeModel
from tests.generators.coded_rows import PARTS, coded

ROWS = coded(1500)
NOTHING = np.zeros((1500, 0), dtype=np.int32)


def fit(rows: CodedRows = ROWS, seed: int = 1, watch: Watch | None = None, given: Mapping[str, str] | None = None) -> VaeModel:
    options = chosen(SynthVae.OPTIONS, {"width": "32", "numbers": "6", "rounds": "12", **(given or {})})
    learned, held_out = hold_out(rows, seed)
    return SynthVae.fit(learned, seed=seed, options=options, watch=watch or Watch(), held_out=held_out)


def pair_distance(codes: Codes, other: Codes) -> float:
    """Mean total-variation distance of all two-way tables."""
    found = []
    for i, j in combinations(range(codes.shape[1]), 2):
        size = max(codes[:, j].max(), other[:, j].max()) + 1
        a, b = (np.bincount(c[:, i].astype(np.int64) * size + c[:, j], minlength=10 * size) / len(c) for c in (codes, other))
        length = max(len(a), len(b))
        found.append(np.abs(np.pad(a, (0, length - len(a))) - np.pad(b, (0, length - len(b)))).sum() / 2)
    return float(np.mean(found))


@pytest.fixture(scope="module")
def mended() -> VaeModel:
    return fit()


@pytest.fixture(scope="module")
def drawn(mended: VaeModel) -> Codes:
    return mended.sample(NOTHING, np.random.default_rng(5))


def test_it_is_fitted_by_its_name() -> None:
    assert learner_of("synthvae") is SynthVae


@pytest.mark.promise("family.20")
def test_what_hangs_together_does_so_in_drawn_rows(drawn: Codes) -> None:
    fresh = coded(1500, seed=9).codes
    shuffled = np.stack([np.random.default_rng(i).permutation(ROWS.codes[:, i]) for i in range(5)], axis=1)
    assert drawn.shape == (1500, 5)
    assert pair_distance(drawn, fresh) < 0.6 * pair_distance(shuffled, fresh)
    assert (drawn[drawn[:, 1] == 8, 2] == 0).all()


@pytest.mark.promise("family.26")
def test_columns_before_it_tell_a_column_more_than_hidden_numbers_alone(mended: VaeModel) -> None:
    fresh = coded(1500, seed=9).codes
    alone = fit(given={"following": "no"})
    assert "says" not in alone.weights
    assert mended.surprise(fresh).mean() < alone.surprise(fresh).mean()


@pytest.mark.promise("family.26")
def test_what_is_trained_is_what_rows_are_drawn_from_and_its_gradient_is_its_slope() -> None:
    from generators.models.following import Following, Shared
    from generators.models.leading import tables
    from generators.models.synthvae import training

    counted = tables(ROWS, 0)
    network = training.Autoencoder(PARTS, 0, width=8, latent=2, tables=counted, seed=0)
    rng = np.random.default_rng(0)
    network.follow(Following(PARTS, 0, counted, width=8, dropped=0.0, rng=rng), Shared(PARTS, 8, 0.1, rng))
    random = training.torch.Generator().manual_seed(0)
    with training.torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.5 * training.torch.randn(weight.shape, generator=random))
    codes = training.torch.from_numpy(ROWS.codes[:60].astype(np.int64))
    noise = training.torch.zeros(60, 2)
    told, _ = network(codes, noise)
    held, _ = training.weights(network)
    model = VaeModel(PARTS, 0, held, counted, standard(2, 0), np.zeros((0, 0), dtype=np.float32))
    mean = network.encode(network.positions(codes))[0].detach().numpy()
    assert np.allclose(told.detach().numpy(), -model.log_likelihood(mean, ROWS.codes[:60]), atol=1e-3)
    told.mean().backward()
    for weight in network.parameters():
        way = training.torch.randn(weight.shape, generator=random)
        expected = 0.0 if weight.grad is None else float((weight.grad * way).sum())
        sides = []
        for step in (0.0005, -0.001):
            with training.torch.no_grad():
                weight.add_(step * way)
                sides.append(float(network(codes, noise)[0].double().mean()))
        with training.torch.no_grad():
            weight.add_(0.0005 * way)
        assert abs((sides[0] - sides[1]) / 0.001 - expected) < 0.05 * abs(expected) + 0.03


@pytest.mark.promise("family.21")
def test_the_published_loss_forgets_categories(drawn: Codes) -> None:
    fresh = coded(1500, seed=9).codes
    published = fit(given={"loss": "published"}).sample(NOTHING, np.random.default_rng(5))
    assert pair_distance(drawn, fresh) < 0.4 * pair_distance(published, fresh)


@pytest.mark.promise("family.22")
def test_the_same_rows_and_seed_give_the_same_bytes(mended: VaeModel, drawn: Codes) -> None:
    again = fit()
    assert all(array.tobytes() == again.saved().arrays[name].tobytes() for name, array in mended.saved().arrays.items())
    assert np.array_equal(drawn, again.sample(NOTHING, np.random.default_rng(5)))
    assert not np.array_equal(drawn, mended.sample(NOTHING, np.random.default_rng(6)))


@pytest.mark.promise("family.22")
def test_a_fit_that_was_cancelled_goes_on_to_the_same_bytes(mended: VaeModel, tmp_path: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if "round 5" in stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit(watch=Watch(stop, folder=tmp_path, key="a"))
    kept = Watch(folder=tmp_path, key="a").kept()
    assert kept is not None
    assert kept[1]["round"] == 4
    resumed = Watch(folder=tmp_path, key="a")
    again = fit(watch=resumed)
    assert resumed.epochs[0].number == 5
    assert all(array.tobytes() == again.saved().arrays[name].tobytes() for name, array in mended.saved().arrays.items())


@pytest.mark.promise("family.23")
def test_a_saved_model_draws_the_same_and_an_edited_one_is_refused(mended: VaeModel, drawn: Codes) -> None:
    saved = mended.saved()
    again = SynthVae.load(saved, PARTS, 0)
    assert np.array_equal(drawn, again.sample(NOTHING, np.random.default_rng(5)))
    assert np.array_equal(mended.surprise(ROWS.codes[:50]), again.surprise(ROWS.codes[:50]))
    for name in saved.arrays:
        without = {key: array for key, array in saved.arrays.items() if key != name}
        for arrays in (without, {**without, name: saved.arrays[name].astype(np.float64)}, {**without, name: saved.arrays[name][:0]}):
            if name == "features" and arrays.get(name) is not None and arrays[name].dtype == np.float32:
                continue
            with pytest.raises(InputError, match="fit it again"):
                SynthVae.load(Saved(saved.facts, arrays), PARTS, 0)
    with pytest.raises(InputError, match="fit it again"):
        SynthVae.load(Saved({**saved.facts, "leaders": [[1, 3]]}, saved.arrays), PARTS, 0)


@pytest.mark.promise("family.24")
def test_rows_follow_what_they_are_given() -> None:
    rows = replace(ROWS, given=2)
    model = fit(rows)
    given = coded(1500, seed=9).codes[:, :2]
    out = np.concatenate([given, model.sample(given, np.random.default_rng(3))], axis=1)
    other = np.concatenate([given, model.sample(np.random.default_rng(4).permutation(given), np.random.default_rng(3))], axis=1)
    fresh = coded(1500, seed=9).codes
    assert pair_distance(out, fresh) < 0.6 * pair_distance(other, fresh)
    assert np.array_equal(
        SynthVae.load(model.saved(), PARTS, 2).sample(given, np.random.default_rng(3)), model.sample(given, np.random.default_rng(3))
    )


def test_surprise_tells_likely_rows_from_unlikely_ones(mended: VaeModel) -> None:
    likely = coded(500, seed=9).codes
    unlikely = np.stack([np.random.default_rng(i).integers(0, part.size, 500) for i, part in enumerate(PARTS)], axis=1).astype(np.int32)
    surprise = mended.surprise(likely)
    assert surprise.mean() + 1 < mended.surprise(unlikely).mean()
    assert np.allclose(surprise[:20], mended.surprise(likely[:20]), atol=1e-4)


@pytest.mark.promise("family.25")
def test_it_says_what_it_cannot_do(mended: VaeModel) -> None:
    with pytest.raises(InputError, match="at least 50 rows"):
        fit(coded(30))
    with pytest.raises(InputError, match="cannot keep pairs of them apart"):
        fit(replace(ROWS, apart=frozenset({(0, 1)})))
    with pytest.raises(ValueError, match="all columns at once"):
        mended.sample(NOTHING, np.random.default_rng(0), {0: np.ones(3, dtype=np.bool_)})


@pytest.mark.promise("family.25")
def test_time_that_is_up_ends_a_fit_with_the_best_so_far() -> None:
    times = iter(range(10_000))
    watch = Watch(seconds=60, clock=lambda: float(next(times)))
    model = fit(watch=watch)
    assert watch.out_of_time
    assert 1 <= len(watch.epochs) < 12
    assert len(model.sample(NOTHING[:10], np.random.default_rng(0))) == 10


@pytest.mark.promise("family.25")
def test_a_lost_loss_stops_and_leaves_the_last_good_state(tmp_path: Path) -> None:
    from generators.models.synthvae import training

    rows = coded(300)
    network = training.Autoencoder(rows.parts, 0, width=8, latent=2, tables={}, seed=0)
    settings = training.Settings(width=8, latent=2, rounds=9, batch=64, divergence=1.0)
    training.Training(network, rows, None, replace(settings, rounds=2), 0, Watch(folder=tmp_path, key="a")).run()
    lost = training.Training(network, rows, None, replace(settings, rate=1e30), 0, Watch(folder=tmp_path, key="a"))
    with pytest.raises(LossLost):
        lost.run()
    kept = Watch(folder=tmp_path, key="a").kept()
    assert kept is not None
    assert all(np.isfinite(array).all() for array in kept[0].values())


def test_a_plainer_model_is_narrower_and_never_less_plain_than_asked() -> None:
    asked = chosen(SynthVae.OPTIONS, {"width": "24", "narrowness": "3"})
    steps = [SynthVae.plainer(asked, step) for step in range(1, 7)]
    assert steps[-1] is None
    for plain in steps[:-1]:
        assert plain is not None
        chosen(SynthVae.OPTIONS, plain)
        assert float(plain["width"]) <= 24
        assert float(plain["narrowness"]) >= 3


def test_a_mixture_gives_the_points_back_and_no_component_is_about_few_persons() -> None:
    rng = np.random.default_rng(0)
    near, far = rng.normal(0, 1, (800, 3)), rng.normal(6, 0.5, (400, 3))
    lonely = np.full((5, 3), -40.0)
    points = np.concatenate([near, far, lonely])
    mixture = fitted(points, np.arange(len(points)), 0, 6, rng)
    assert mixture.weights.min() * len(points) >= 15
    out = mixture.draw(np.zeros((4000, 0)), rng)
    assert abs((out[:, 0] > 3).mean() - 1 / 3) < 0.03
    assert mixture.log_density(points[:1200]).mean() > -4.6


def test_a_mixture_is_conditioned_on_its_context() -> None:
    rng = np.random.default_rng(0)
    context = rng.normal(0, 1, (3000, 1))
    mixture = fitted(np.concatenate([context, 2 * context + rng.normal(0, 0.1, (3000, 1))], axis=1), np.arange(3000), 1, 4, rng)
    told = rng.normal(0, 1, (2000, 1))
    assert np.corrcoef(mixture.draw(told, rng)[:, 0], told[:, 0])[0, 1] > 0.99
    assert isinstance(mixture, Mixture)
    joint = mixture.log_density(np.array([[1.0, 2.0]]))[0]
    assert 0.7 < joint < 1.8


@pytest.mark.promise("family.27")
def test_what_few_rows_say_of_a_value_is_learned_from_its_neighbours_too() -> None:
    rng = np.random.default_rng(3)
    ages = rng.permutation(np.arange(800) % 40).astype(np.int32)
    ill = (rng.random(800) < np.where(ages > 20, 0.9, 0.1)).astype(np.int32)
    # Nobody of 10 and of 30 is learned from.
    seen = (ages != 10) & (ages != 30)
    parts = (Part("age", "value", 40, ordered=True, ordered_codes=(0, 40)), Part("ill", "value", 2))
    rows = CodedRows(np.column_stack([ages, ill])[seen], parts, np.arange(int(seen.sum())))
    model = fit(rows, given={"tables": "no"})
    young, old = (model.surprise(np.array([[age, 1], [age, 0]], dtype=np.int32)) for age in (10, 30))
    assert young[0] - young[1] > 0.7, "at 10 more are well, as at 9 and 11"
    assert old[1] - old[0] > 0.7, "at 30 more are ill"
