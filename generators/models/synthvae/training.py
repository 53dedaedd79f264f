"""Learning an autoencoder by batches, until rows held out are told no better. Loads torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generators.encoding.coded import CodedRows
from generators.learning.watch import Watch
from generators.models.segments import Floats
from generators.models.synthvae.network import Autoencoder
from generators.models.synthvae.settings import Settings
from generators.models.training_state import Adam, State, copied, put, state_arrays, taken_up

PATIENCE = 3
"""Rounds without better that end a fit."""
WARMING = 0.5
"""Share of the steps over which the divergence comes to count in full: counted in full at once, nothing would go through the hidden
numbers (S. Bowman et al., Generating sentences from a continuous space, 2016)."""
EVALUATED = 8_000
"""Rows held out that are looked at after each round, at most."""


class Training:
    """One fit. `watch` keeps its state after every round."""

    def __init__(
        self, network: Autoencoder, rows: CodedRows, held_out: CodedRows | None, settings: Settings, seed: int, watch: Watch
    ) -> None:
        self.network, self.settings, self.seed, self.watch = network, settings, seed, watch
        self.device = next(network.parameters()).device
        self.codes = self._codes(rows.codes)
        self.held_out = None if held_out is None else self._codes(held_out.codes[:EVALUATED])
        self.adam = Adam(network, decay=settings.decay)
        self.best: State = copied(network)
        self.lowest = math.inf
        self.round = self.worse = 0

    def run(self) -> None:
        """Until nothing gets better, or rounds or time are over; the network is then the best there was."""
        self._take_up()
        going = True
        while going and self.round < self.settings.rounds and self.worse < PATIENCE:
            going = self._one_round()
        put(self.network, self.best)

    def _codes(self, codes: npt.NDArray[np.int32]) -> Tensor:
        return torch.from_numpy(codes.astype(np.int64)).to(self.device)

    def _one_round(self) -> bool:
        settings, steps = self.settings, max(1, len(self.codes) // self.settings.batch)
        random = torch.Generator(device=self.device).manual_seed(_mixed(self.seed, self.round))
        order = torch.randperm(len(self.codes), generator=random, device=self.device)
        total, going = 0.0, True
        self._learning(random)
        for step in range(steps):
            done = (self.round * steps + step) / (settings.rounds * steps)
            codes = self.codes[order[step * settings.batch : (step + 1) * settings.batch]]
            noise = torch.randn(len(codes), settings.latent, generator=random, device=self.device)
            loss, whole = settings.losses(self.network, codes, noise, settings.divergence * 0.1 ** max(0.0, 1 - done / WARMING))
            loss.mean().backward()  # type: ignore[no-untyped-call]
            self.adam.step(settings.rate * min(1.0, (self.round * steps + step + 1) / 40) * (0.51 + 0.49 * math.cos(math.pi * done)))
            total += float(whole.detach().mean())
            going = self.watch.tick((self.round + step / steps) / settings.rounds)
            if not going:
                break
        self.round += 1
        self._learning(None)
        held_out = self._told()
        judged = total / steps if held_out is None else held_out
        going = (
            self.watch.epoch(self.round, settings.rounds, _or_infinite(total / steps), math.nan if held_out is None else held_out) and going
        )
        # Without rows held out the last state is the one that is kept.
        if held_out is None or judged < self.lowest - 1e-4:
            self.lowest, self.best, self.worse = judged, copied(self.network), 0
        elif self.round > WARMING * settings.rounds:
            self.worse += 1
        if going:
            self._keep()
        return going

    def _learning(self, random: torch.Generator | None) -> None:
        if self.network.following is not None:
            self.network.following.learning = random

    @torch.no_grad()
    def _told(self) -> float | None:
        """Mean loss of rows held out, with the same noise every time."""
        if self.held_out is None or not len(self.held_out):
            return None
        random = torch.Generator(device=self.device).manual_seed(_mixed(self.seed, -1))
        total = 0.0
        for codes in torch.split(self.held_out, 1024):
            noise = torch.randn(len(codes), self.settings.latent, generator=random, device=self.device)
            total += float(self.settings.losses(self.network, codes, noise, self.settings.divergence)[1].sum())
        return _or_infinite(total / len(self.held_out))

    def _keep(self) -> None:
        if self.watch.folder is None:
            return
        arrays = state_arrays(now=copied(self.network), best=self.best, means=self.adam.means, squares=self.adam.squares)
        facts = {
            "round": self.round,
            "steps": self.adam.steps,
            "worse": self.worse,
            "lowest": self.lowest,
            "settings": asdict(self.settings),
        }
        self.watch.keep(arrays, facts)

    def _take_up(self) -> None:
        kept = self.watch.kept()
        if kept is None or kept[1].get("settings") != asdict(self.settings):
            return
        arrays, facts = kept
        now, best, means, squares = (taken_up(arrays, group, self.best) for group in ("now", "best", "means", "squares"))
        if now is None or best is None or means is None or squares is None:
            return
        put(self.network, now)
        self.best, self.adam.means, self.adam.squares, self.adam.steps = best, means, squares, int(facts["steps"])
        self.round, self.worse, self.lowest = int(facts["round"]), int(facts["worse"]), float(facts["lowest"])


def weights(network: Autoencoder) -> tuple[dict[str, Floats], dict[int, tuple[int, Floats]]]:
    """What a `VaeModel` holds of the network: its layers, with what codes share in them, and the learned tables of parts within others."""
    held: dict[str, Floats] = {"read": _array(network.read.weight)}
    # A part that says nothing reads as nothing.
    for name in ("inner", "code", "unfold", "outer", "write"):
        layer = network.get_submodule(name)
        held[name], held[f"{name} bias"] = _array(layer.get_parameter("weight")), _array(layer.get_parameter("bias"))
    if network.context is not None:
        held["context"] = _array(network.context.weight)
    following = network.following
    if following is not None:
        held |= following.held(network.write.weight)
    if network.heard is not None:
        held["read"] = _array(network.heard.joined(network.read.weight))
    tables = {}
    for name, table in network.within.items():
        of = network.parts[int(name)].of
        if of is not None:
            tables[int(name)] = (of, _array(table.get_parameter("weight")))
    return held, tables


def begun(network: Autoencoder, shares: Mapping[int, npt.NDArray[np.float64]]) -> None:
    """Parts without a counted table begin with the shares of their codes."""
    with torch.no_grad():
        for number, share in shares.items():
            begin, end = (network.starts[i] - network.first for i in (number, number + 1))
            network.write.bias[begin:end] = torch.from_numpy(np.log(share).astype(np.float32))


def _array(weight: Tensor) -> Floats:
    return np.array(weight.detach().cpu().numpy(), dtype=np.float32)


def _mixed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number + 1, 0x766165]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _or_infinite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf
