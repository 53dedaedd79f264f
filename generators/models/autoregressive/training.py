"""Learning by batches until rows held out are told no better; the same from the same seed, also after a resumption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from generators.learning.watch import LossLost, Watch
from generators.models.autoregressive.descent import Descent
from generators.models.autoregressive.layout import MEMBER, Layout
from generators.models.autoregressive.network import Learned, Network
from generators.models.autoregressive.settings import Settings
from generators.models.autoregressive.tables import Table, TableChooser

LEAST_GAIN = 1e-4
"""Nats a row a head's network must bring to be kept: each that is not makes drawing faster, and remembers nothing."""
WARMING = 40
"""Steps over which the rate of learning rises."""


def learned(
    network: Network,
    layout: Layout,
    tables: Sequence[Table],
    chooser: TableChooser,
    corrections: Sequence[npt.NDArray[np.float32]] | None = None,
) -> Learned:
    """Everything the network is given of the rows that `chooser` was made for."""
    starts, _ = layout.starts
    rows = np.arange(len(chooser.persons))
    inputs = np.stack([chooser.columns[part] + starts[part] for part in layout.order]).astype(np.int32)
    targets = np.empty((len(tables), len(rows)), dtype=np.int32)
    lines, groups = np.empty_like(targets), np.zeros_like(targets)
    for number, slot in enumerate(network.slots):
        head, table = layout.heads[number], tables[number]
        targets[slot] = layout.target(head, chooser.columns[head.part])
        lines[slot] = network.table_starts[number]
        if table.parents:
            lines[slot] += table.row([chooser.codes(parent, rows) for parent in table.parents]).astype(np.int32)
        if head.what == MEMBER:
            groups[slot] = layout.group(head.part, chooser.columns[head.part]) + starts[-1 - head.part]
    given = [inputs, lines, targets, groups]
    if corrections is not None:
        given.append(np.stack([corrections[number] for number in network.computed]))
    return Learned(*(torch.from_numpy(each).to(network.device) for each in given))


class Training:
    """One fit of a network. watch keeps its state after every round."""

    def __init__(self, network: Network, rows: Learned, held_out: Learned, settings: Settings, seed: int, watch: Watch) -> None:
        self.network, self.settings, self.seed, self.watch = network, settings, seed, watch
        self.rows, self.held_out = rows, held_out
        self.descent = Descent(network.parameters, network.gradients, settings.decay)
        self.best = self._state()
        self.lowest = self._held_out_loss()
        self.begun = self.lowest
        self.worse = 0
        self.round = 0

    def run(self) -> None:
        """Until rows held out are told no better, the rounds or the time are over; the network is then the best there was."""
        self._take_up()
        going = True
        while going and self.round < self.settings.rounds and self.worse < self.settings.patience:
            try:
                going = self._one_round()
            except LossLost:
                if not math.isfinite(self.lowest):
                    raise
                break
        for parameter, best in zip(self.network.parameters, self.best, strict=True):
            parameter.copy_(best)

    def _one_round(self) -> bool:
        self.round += 1
        random = np.random.default_rng([self.seed, 5, self.round])
        order = torch.from_numpy(random.permutation(self.rows.rows).astype(np.int64)).to(self.network.device)
        dropping = torch.Generator(device=self.network.device).manual_seed(int(random.integers(1 << 62)))
        size = min(self.settings.batch, len(order))
        steps = len(order) // size
        total = 0.0
        for step in range(steps):
            rows = self.rows.take(order[step * size : (step + 1) * size])
            rate = self._rate((self.round - 1) * steps + step, self.settings.rounds * steps)
            total += self.network.learn(rows, self.settings.drop, dropping)
            self.descent.step(rate)
            if not self.watch.tick((self.round - 1 + step / steps) / self.settings.rounds):
                break
        held_out = self._held_out_loss()
        going = self.watch.epoch(self.round, self.settings.rounds, total / steps, held_out)
        if held_out < self.lowest - 1e-4:
            self.lowest, self.best, self.worse = held_out, self._state(), 0
        else:
            self.worse += 1
        if going:
            self._keep()
        return going

    def _rate(self, step: int, steps: int) -> float:
        """Up over the first steps, then down along a cosine (Loshchilov & Hutter 2017)."""
        falling = 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))
        return self.settings.rate * min(1.0, (step + 1) / WARMING) * (0.02 + 0.98 * falling)

    def _held_out_loss(self) -> float:
        return float(self._held_out((1.0,)).sum()) / self.held_out.rows

    def _held_out(self, shares: Sequence[float]) -> torch.Tensor:
        """(shares, heads): summed losses."""
        total = torch.zeros(len(shares), len(self.network.heads), dtype=torch.float64)
        for at in range(0, self.held_out.rows, self.settings.batch):
            total += self.network.losses(self.held_out.part(at, at + self.settings.batch), shares)
        return total

    def shares(self, tried: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)) -> npt.NDArray[np.float32]:
        """By head how much of what the network says is best added to its table, by the rows held out; 0 where it brings next to nothing."""
        losses = self._held_out(tried) / self.held_out.rows
        best = [tried[i] for i in losses.argmin(0).tolist()]
        gains = (losses[0] - losses.min(0).values).tolist()
        return np.array([share if gain > LEAST_GAIN else 0.0 for share, gain in zip(best, gains, strict=True)], dtype=np.float32)

    def _state(self) -> list[torch.Tensor]:
        return [parameter.clone() for parameter in self.network.parameters]

    def _keep(self) -> None:
        if self.watch.folder is None:
            return
        arrays: dict[str, npt.NDArray[Any]] = {}
        for number, parameter in enumerate(self.network.parameters):
            mean, square = self.descent.means[number], self.descent.squares[number]
            pieces = {"now": parameter, "best": self.best[number], "mean": mean, "square": square}
            arrays |= {f"{name}.{number}": piece.cpu().numpy() for name, piece in pieces.items()}
        facts = {
            "round": self.round,
            "worse": self.worse,
            "lowest": self.lowest,
            "steps": self.descent.steps,
            "settings": vars(self.settings),
        }
        self.watch.keep(arrays, facts)

    def _take_up(self) -> None:
        """Go on where an earlier attempt at this fit stood."""
        kept = self.watch.kept()
        if kept is None or kept[1].get("settings") != vars(self.settings):
            return
        arrays, facts = kept
        parameters = self.network.parameters
        if any(f"now.{i}" not in arrays or arrays[f"now.{i}"].shape != tuple(each.shape) for i, each in enumerate(parameters)):
            return
        for number, parameter in enumerate(parameters):
            piece = {name: torch.from_numpy(arrays[f"{name}.{number}"].copy()) for name in ("now", "best", "mean", "square")}
            parameter.copy_(piece["now"])
            self.best[number] = piece["best"].to(parameter.device)
            self.descent.means[number].copy_(piece["mean"])
            self.descent.squares[number].copy_(piece["square"])
        self.round, self.worse, self.descent.steps = (int(facts[name]) for name in ("round", "worse", "steps"))
        self.lowest = float(facts["lowest"])
