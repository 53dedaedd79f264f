"""Private training of a network, and the audit that finds training which only says it is private."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.canaries import Audit, audit
from generators.learning.ledger import PrivacyLedger
from generators.learning.mechanisms import OpenDp
from generators.learning.watch import Watch
from generators.models.dp_marginals.learner import DpMarginals
from generators.models.synthvae.learner import SynthVae
from tests.generators.coded_rows import coded

torch = pytest.importorskip("torch")
pytest.importorskip("opacus")

from generators.models.private_training import PrivateSettings, PrivateTraining  # noqa: E402
from generators.models.synthvae.network import Autoencoder  # noqa: E402

SMALL = (Part("a", "value", 4), Part("b", "value", 3))
CANARY = 3
"""The code of part a that nobody but the canary has."""


def small_rows(canary: bool) -> CodedRows:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (119, 2)).astype(np.int32)
    codes = np.concatenate([codes, [[CANARY, 1]]]).astype(np.int32) if canary else codes
    return CodedRows(codes, SMALL, np.arange(len(codes)))


def network(seed: int = 0) -> Autoencoder:
    return Autoencoder(SMALL, 0, width=6, latent=2, tables={}, seed=seed)


def losses(net: torch.nn.Module, codes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    told, apart = net(codes, torch.randn(len(codes), 2, generator=generator))
    return told + 0.5 * apart


class DecoderOnly(PrivateTraining):
    """Noise for the decoder alone, as in a published autoencoder whose stated ε does not hold."""

    def noisy(self, parameter: str) -> bool:
        return parameter.startswith(("unfold", "outer", "write"))


def scores_of(kind: type[PrivateTraining], canary: bool, fits: int) -> list[float]:
    """How far the encoder's numbers for the canary's code moved."""
    found = []
    for seed in range(fits):
        ledger, net = PrivacyLedger(1.0, 1e-5, 1), network()
        before = net.read.weight[CANARY].detach().clone()
        settings = PrivateSettings(rounds=3, batch=60, rate=0.02)
        kind(net, losses, settings).run(ledger.guarded(small_rows(canary), 120), ledger, seed=seed, watch=Watch())
        found.append(float((net.read.weight[CANARY].detach() - before).norm()))
    return found


@pytest.mark.promise("private.10")
def test_the_audit_stays_below_the_claim_and_exceeds_it_for_decoder_only_noise() -> None:
    sound, broken = (
        audit(scores_of(kind, True, 16), scores_of(kind, False, 16), 1e-5, threshold=level)
        for kind, level in ((PrivateTraining, None), (DecoderOnly, 1e-6))
    )
    assert sound.lower < 1.0 < broken.lower
    assert broken.accused == 0


class Understated(OpenDp):
    """A fortieth of the noise that it charges for."""

    def counts(self, true: np.ndarray, scale: float) -> np.ndarray:
        return super().counts(true, scale / 40)


def surprises(mechanisms: OpenDp, canary: bool, fits: int) -> list[float]:
    found = []
    for _ in range(fits):
        ledger = PrivacyLedger(1.0, 1e-5, 1, mechanisms=mechanisms)
        rows = small_rows(canary)
        model = DpMarginals.fit(ledger.guarded(rows, 120), seed=0, options={"selection": "mst"}, watch=Watch(), ledger=ledger)
        found.append(-float(model.surprise(np.array([[CANARY, 1]], dtype=np.int32))[0]))
    return found


@pytest.mark.promise("private.10")
def test_the_audit_of_noisy_tables_stays_below_the_claim_and_exceeds_it_for_too_little_noise() -> None:
    sound, broken = (audit(surprises(m, True, 32), surprises(m, False, 32), 1e-5) for m in (OpenDp(), Understated()))
    assert sound.lower < 1.0 < broken.lower


def test_an_audit_counts_as_it_should() -> None:
    nothing = audit([0.0, 1.0] * 10, [1.0, 0.0] * 10, 0.0, threshold=0.5)
    assert nothing.lower == 0.0
    everything = audit([1.0] * 100, [0.0] * 100, 0.0, threshold=0.5)
    # Clopper and Pearson: 0 of 100 is at most 3.62 %, 100 of 100 at least 96.38 %, with 97.5 % confidence each.
    assert everything.lower == pytest.approx(np.log(0.96378 / 0.03622), abs=1e-3)
    assert isinstance(everything, Audit)
    assert everything.fits == 100
    with pytest.raises(ValueError, match="as many fits"):
        audit([1.0], [0.0, 1.0], 0.0)


@pytest.mark.promise("private.8")
def test_every_rows_gradient_is_clipped_as_a_whole() -> None:
    rows = coded(30)
    net = Autoencoder(rows.parts, 0, width=8, latent=2, tables={}, seed=3)
    training = PrivateTraining(net, lambda n, c, g: n(c, torch.zeros(len(c), 2))[0], PrivateSettings(clip=0.5))
    codes = torch.from_numpy(rows.codes.astype(np.int64))
    wanted: dict[str, torch.Tensor] = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    for row in codes:
        net.zero_grad()
        net(row[None], torch.zeros(1, 2))[0].sum().backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in net.parameters() if p.grad is not None))
        for name, p in net.named_parameters():
            wanted[name] += p.grad * min(1.0, 0.5 / float(norm)) if p.grad is not None else 0.0
    net.zero_grad()
    seen: list[dict[str, torch.Tensor]] = []

    class Watching(Watch):
        def tick(self, fraction: float, stage: str = "") -> bool:
            return True

    class Noiseless(PrivateTraining):
        def noisy(self, parameter: str) -> bool:
            return False

        def _clipped(self, wrapped, codes, at, own):  # type: ignore[no-untyped-def]
            super()._clipped(wrapped, codes, np.arange(30), own)
            seen.append({name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None})

    ledger = PrivacyLedger(8.0, 1e-5, 1)
    quiet = Noiseless(training.network, training.losses, PrivateSettings(clip=0.5, rounds=0.01, batch=15))
    quiet.run(ledger.guarded(replace(rows, persons=np.arange(30)), 30), ledger, seed=0, watch=Watching())
    for name, grad in seen[0].items():
        assert torch.allclose(grad, wanted[name], atol=1e-4), name


@pytest.mark.promise("private.8")
def test_training_spends_what_is_left_names_its_accountant_and_learns() -> None:
    rows = replace(coded(600), persons=np.arange(600))
    ledger = PrivacyLedger(8.0, 1e-5, 1)
    options = {o.name: o.default for o in SynthVae.OPTIONS} | {"width": "16", "numbers": "4"}
    model = SynthVae.fit(ledger.guarded(rows, 600), seed=1, options=options, watch=Watch(), ledger=ledger)
    assert 7.5 < ledger.spent() <= 8.0 * (1 + 1e-8)
    told = ledger.as_dict()
    assert "Rényi" in told["accountant"]
    assert any("private training" in e["what"] for e in told["entries"])
    drawn = model.sample(np.zeros((400, 0), dtype=np.int32), np.random.default_rng(0))
    assert (drawn == model.sample(np.zeros((400, 0), dtype=np.int32), np.random.default_rng(0))).all()
    died = [drawn[drawn[:, 3] < 2, 4].mean(), drawn[drawn[:, 3] > 3, 4].mean()]
    assert died[0] < died[1]
    spent = PrivacyLedger(1.0, 1e-5, 1)
    spent.charge("all of it", spent.left)
    with pytest.raises(InputError, match="privacy budget"):
        PrivateTraining(network(), losses, PrivateSettings()).run(spent.guarded(small_rows(False), 119), spent, seed=0, watch=Watch())


@pytest.mark.promise("private.8")
def test_batch_normalisation_and_the_published_loss_are_refused() -> None:
    with pytest.raises(ValueError, match="batch normalisation"):
        PrivateTraining(torch.nn.Sequential(torch.nn.BatchNorm1d(3)), losses, PrivateSettings())
    ledger = PrivacyLedger(1.0, 1e-5, 1)
    options = {o.name: o.default for o in SynthVae.OPTIONS} | {"loss": "published"}
    with pytest.raises(InputError, match="mended"):
        SynthVae.fit(ledger.guarded(coded(200), 200), seed=1, options=options, watch=Watch(), ledger=ledger)
