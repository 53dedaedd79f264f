"""Differentially private training of a whole network: every parameter, persons sampled by lot, gradients clipped, noise added.

Source: M. Abadi and others, Deep Learning with Differential Privacy, CCS 2016; clipping without a gradient for each row: X. Li and others,
Large Language Models Can Be Strong Differentially Private Learners, ICLR 2022, by Opacus' ghost clipping. At each step every
person takes part by an independent lot. Each row's gradient is clipped to the norm divided by how many rows a person may have, so that all
rows of a person together stay within the norm, whoever is left out. Accounted for by Opacus' Rényi accountant of the sampled Gaussian
mechanism (I. Mironov, K. Talwar and L. Zhang, 2019), together with all the ledger has seen.

The Gaussian noise is in floating point, drawn by a generator that the system's secure source seeds: it does not withstand attacks on the
last bits of weights (I. Mironov, On Significance of the Least Significant Bits for Differential Privacy, 2012). Loads torch and opacus.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from opacus.accountants.analysis.rdp import compute_rdp, get_privacy_spent
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from torch import Tensor, nn

from generators.encoding.coded import CodedRows
from generators.errors import InputError
from generators.learning.ledger import ORDERS, Curve, PrivacyLedger
from generators.learning.watch import Watch

ACCOUNTANT = "Rényi accountant of the sampled Gaussian mechanism (Opacus 1.6)"

Losses = Callable[[nn.Module, Tensor, torch.Generator], Tensor]
"""(network, codes (rows, parts), generator for the network's own randomness) → loss of each row, which hangs on no other row."""

LEAST_NOISE, MOST_NOISE = 0.3, 1000.0


@dataclass(frozen=True)
class PrivateSettings:
    """rounds: how often each person takes part, on average; batch: persons that take part in a step, on average; rate: of learning;
    clip: the norm to which a person's gradient is clipped.
    """

    rounds: float = 10.0
    batch: int = 256
    rate: float = 2e-3
    clip: float = 1.0


class PrivateTraining:
    """One private training of `network` in place, on guarded rows. It spends all that is left in the ledger."""

    def __init__(self, network: nn.Module, losses: Losses, settings: PrivateSettings) -> None:
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()):
            raise ValueError("a network with batch normalisation mixes rows: it cannot be trained privately")
        self.network, self.losses, self.settings = network, losses, settings

    def run(self, rows: CodedRows, ledger: PrivacyLedger, *, seed: int, watch: Watch) -> None:
        """Train. InputError when the budget allows no noise that would leave anything to learn, or there are too few rows for it."""
        settings = self.settings
        persons = max(1.0, rows.rows / ledger.contributions)
        share = min(1.0, settings.batch / persons)
        steps = max(1, math.ceil(settings.rounds / share))
        noise = noise_for(ledger, share, steps)
        told = f"{steps} steps of private training, persons sampled at {share:.4g}, noise multiplier {noise:.4g}"
        with ledger.looking_by(rows, told, spent_by(share, noise, steps).tolist(), epsilon_of, ACCOUNTANT) as raw:
            self._steps(raw, persons, steps, noise, ledger, seed, watch)

    def noisy(self, parameter: str) -> bool:
        """Whether the gradient of this parameter gets noise: of every one. (An audit shows what happens when some get none.)"""
        return bool(parameter)

    def _steps(self, raw: CodedRows, persons: float, steps: int, noise: float, ledger: PrivacyLedger, seed: int, watch: Watch) -> None:
        settings, most = self.settings, ledger.contributions
        share = min(1.0, settings.batch / persons)
        secret = np.random.default_rng(ledger.mechanisms.seed())
        gaussian = torch.Generator().manual_seed(int(secret.integers(0, 2**62)))
        own = torch.Generator().manual_seed(seed)
        order = np.argsort(raw.persons, kind="stable")
        _, starts, lengths = np.unique(raw.persons[order], return_index=True, return_counts=True)
        codes = torch.from_numpy(raw.codes[order].astype(np.int64))
        wrapped = GradSampleModuleFastGradientClipping(
            self.network, max_grad_norm=settings.clip / most, use_ghost_clipping=True, loss_reduction="sum", strict=False
        )
        named = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        optimiser = torch.optim.Adam([p for _, p in named], lr=settings.rate, betas=(0.9, 0.99))
        # A constant, told already: it only scales the rate of learning.
        expected = max(1.0, share * persons)
        self.network.train()
        try:
            for step in range(steps):
                if step % 5 == 0:
                    watch.tick(step / steps)
                chosen = np.flatnonzero(secret.random(len(starts)) < share)
                optimiser.zero_grad(set_to_none=False)
                self._clipped(wrapped, codes, _rows_of(chosen, starts, lengths), own)
                for name, parameter in named:
                    summed = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                    if self.noisy(name):
                        summed = summed + noise * settings.clip * torch.randn(parameter.shape, generator=gaussian)
                    parameter.grad = summed / expected
                optimiser.step()
        finally:
            wrapped.to_standard_module()
        watch.tick(1.0)

    def _clipped(self, wrapped: Any, codes: Tensor, at: npt.NDArray[np.int64], own: torch.Generator) -> None:
        """Leaves in `.grad` the sum of the clipped gradients of the rows `at`: two passes, one for the norms, one for the sum."""
        if not len(at):
            return
        with warnings.catch_warnings():
            # Codes are whole numbers and have no gradient, which torch remarks on at every layer that reads them.
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            losses = self.losses(wrapped, codes[torch.from_numpy(at)], own)
            losses.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
            coefficients = wrapped.get_clipping_coef().detach()
            for parameter in self.network.parameters():
                parameter.grad = None
            wrapped.disable_hooks()
            (coefficients * losses).sum().backward()
            wrapped.enable_hooks()


@lru_cache(maxsize=256)
def spent_by(share: float, noise: float, steps: int) -> Curve:
    """By order of `ORDERS`: Rényi differential privacy of so many steps."""
    return np.asarray(compute_rdp(q=share, noise_multiplier=noise, steps=steps, orders=list(ORDERS)), dtype=np.float64)


def epsilon_of(orders: Sequence[float], spent: Curve, delta: float) -> float:
    """ε at δ of what has been spent, by Opacus."""
    with warnings.catch_warnings():
        # Opacus warns when the best order is the first or last: the bound holds all the same.
        warnings.simplefilter("ignore")
        return float(get_privacy_spent(orders=list(orders), rdp=spent, delta=delta)[0])


def noise_for(ledger: PrivacyLedger, share: float, steps: int) -> float:
    """The least noise multiplier with which so many steps spend no more than is left."""

    def enough(noise: float) -> bool:
        return ledger.epsilon_with(spent_by(share, noise, steps), epsilon_of) <= ledger.epsilon

    low, high = LEAST_NOISE, MOST_NOISE
    if not enough(high):
        raise InputError("nothing is left of the privacy budget for training: set a larger epsilon, or delta")
    if enough(low):
        return low
    for _ in range(14):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _rows_of(chosen: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows of the chosen persons, of rows in order of persons."""
    each = lengths[chosen]
    if not each.sum():
        return np.zeros(0, dtype=np.int64)
    before = np.cumsum(each) - each
    return np.asarray(np.arange(each.sum()) + np.repeat(starts[chosen] - before, each))
