"""Setting the two networks against each other. Loads torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from generators.encoding.coded import CodedRows, Codes
from generators.learning.watch import Watch
from generators.models.following import Following
from generators.models.gan.model import GanModel
from generators.models.gan.network import Critic, Generator
from generators.models.gan.settings import PACK, Settings
from generators.models.segments import Floats, positions
from generators.models.training_state import Adam, State, copied, put, state_arrays, taken_up

STEPS = 60
"""Of each network in a round."""
PENALTY = 10.0
"""Of the length of the critic's gradient (I. Gulrajani et al., NeurIPS 2017)."""
EVERY = 2
"""Steps for each of which the penalty, then that much heavier, is reckoned once (T. Karras et al., CVPR 2020, appendix B)."""
PATIENCE = 12
AS_NEAR = 0.04
"""Of the distance: as near as this is no worse, but for chance, and who learned longer knows more than pairs."""
SMOOTH = 0.99
"""Of the mean of the generator's weights over the steps, which draws better than the last (Y. Yazıcı et al., ICLR 2019)."""
COMPARED = 4_000
"""Rows drawn, and rows held out, that are compared after a round."""
PAIRS = 150
"""Pairs of parts that are compared."""


class Training:
    """One fit. `watch` keeps its state after every round.

    The generator kept is the one by which rows held out are likeliest, or where it has no likelihood nearest to them in pairs of parts.
    """

    def __init__(
        self,
        rows: CodedRows,
        held_out: CodedRows | None,
        tables: Mapping[int, tuple[int, Floats]],
        settings: Settings,
        seed: int,
        watch: Watch,
    ) -> None:
        self.rows, self.held_out, self.tables, self.settings, self.seed, self.watch = rows, held_out, dict(tables), settings, seed, watch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        following = None
        if settings.following:
            rng = np.random.default_rng([seed, 3])
            following = Following(rows.parts, rows.given, self.tables, width=settings.width, dropped=settings.dropped, rng=rng)
        self.generator = Generator(
            rows.parts, rows.given, width=settings.width, noise=settings.noise, tables=tables, following=following, seed=seed
        )
        self.critic = Critic(rows.parts, rows.given, width=settings.judging, seed=seed)
        self.asks = not rows.given and not settings.following
        self._start(rows)
        self.generator.to(self.device)
        self.critic.to(self.device)
        self.codes = torch.from_numpy(rows.codes.astype(np.int64)).to(self.device)
        self.placed = torch.from_numpy(positions(rows.codes, rows.parts)).to(self.device)
        self.adams = {"generator": Adam(self.generator, (0.5, 0.9), settings.decay), "critic": Adam(self.critic, (0.5, 0.9))}
        self.best: State = copied(self.generator)
        self.smooth: State = copied(self.generator)
        self.lowest = self._judged()
        self.round = self.worse = 0

    def _start(self, rows: CodedRows) -> None:
        """A part without a table begins with the shares of its codes."""
        from generators.models.leading import shares

        with torch.no_grad():
            for number in range(rows.given, len(rows.parts)):
                if number not in self.tables:
                    begin, end = (self.generator.starts[i] - self.generator.first for i in (number, number + 1))
                    self.generator.write.bias[begin:end] = torch.from_numpy(np.log(shares(rows, number)).astype(np.float32))

    def _batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (their numbers), the part asked about and the place of the code asked for, which the row has; nothing is with a context, nor
        where a part is told by those before it, which are then what it is asked for with.

        Rows are drawn evenly: rare codes are asked for as often as they are (L. Xu et al., NeurIPS 2019, 4.3, ask for them more often, and
        a network that does not heed what it is asked for then learns other shares than the records').
        """
        chosen = torch.from_numpy(rng.integers(0, self.rows.rows, self.settings.batch))
        if not self.asks:
            return chosen, torch.zeros(len(chosen), dtype=torch.int64), torch.full((len(chosen),), self.generator.own)
        part = torch.from_numpy(rng.integers(0, len(self.rows.parts), len(chosen)))
        return chosen, part, self.placed[chosen.to(self.device), part.to(self.device)].cpu()

    def run(self) -> None:
        """Until nothing gets nearer, or rounds or time are over."""
        self._take_up()
        going = True
        while going and self.round < self.settings.rounds and self.worse < PATIENCE:
            going = self._one_round()
        put(self.generator, self.best)

    def _one_round(self) -> bool:
        rng = np.random.default_rng([self.seed, self.round, 0x67616E])
        random = torch.Generator(device=self.device).manual_seed(int(rng.integers(1 << 62)))
        total, going = 0.0, True
        for step in range(STEPS):
            rate = self.settings.rate * (1 - (self.round + step / STEPS) / self.settings.rounds) + 1e-6
            total += self._critic_step(rng, random, rate, step % EVERY == 0)
            self._generator_step(rng, random, rate)
            going = self.watch.tick((self.round + step / STEPS) / self.settings.rounds)
            if not going:
                break
        self.round += 1
        loss = total / STEPS
        judged = self._judged() if math.isfinite(loss) else math.inf
        going = self.watch.epoch(self.round, self.settings.rounds, loss if math.isfinite(loss) else math.inf, judged) and going
        better = math.isnan(judged) or judged < self.lowest
        if better or (not self.settings.following and judged <= (1 + AS_NEAR) * self.lowest):
            self.best = {name: weight.clone() for name, weight in self.smooth.items()}
        if better:
            self.lowest, self.worse = judged, 0
        else:
            self.worse += 1
        if going:
            self._keep()
        return going

    def _fake(self, chosen: Tensor, place: Tensor, random: torch.Generator) -> tuple[Tensor, list[Tensor], Tensor, Tensor, Tensor]:
        """→ draws, by part the scores, what all came from, what was asked for, the places of the context."""
        given = self.rows.given
        size, own, first = len(chosen), self.generator.own, self.generator.first
        context = self.placed[chosen.to(self.device), :given]
        context = torch.where(context >= first, first, context)
        condition = place.to(self.device)
        noise = torch.randn(size, self.settings.noise, generator=random, device=self.device)
        chance = torch.rand(size, own, generator=random, device=self.device).clamp_(1e-7, 1 - 1e-7)
        gumbel = chance.log_().neg_().log_().neg_()
        unfolded = self.generator.unfolded(noise, condition, context)
        draws, scores = self.generator(unfolded, self.codes[chosen.to(self.device), :given], gumbel)
        return draws, scores, unfolded, condition, context

    def _real(self, chosen: Tensor) -> Tensor:
        placed = self.placed[chosen.to(self.device), self.rows.given :] - self.generator.first
        return torch.zeros(len(chosen), self.generator.own + 1, device=self.device).scatter_(1, placed, 1.0)[:, :-1]

    def _critic_step(self, rng: np.random.Generator, random: torch.Generator, rate: float, penalised: bool) -> float:
        chosen, _, place = self._batch(rng)
        with torch.no_grad():
            fake, _, _, condition, context = self._fake(chosen, place, random)
        real = self._real(chosen)
        loss = self.critic(fake, condition, context).mean() - self.critic(real, condition, context).mean()
        told = float(loss.detach())
        if penalised:
            share = torch.rand(len(real) // PACK, 1, 1, generator=random, device=self.device).expand(-1, PACK, 1).reshape(-1, 1)
            between = (share * real + (1 - share) * fake).requires_grad_(True)
            (slope,) = torch.autograd.grad(self.critic(between, condition, context).sum(), between, create_graph=True)
            length = slope.reshape(len(real) // PACK, -1).square().sum(1).add(1e-12).sqrt()
            loss = loss + EVERY * PENALTY * (length - 1).square().mean()
        loss.backward()
        self.adams["critic"].step(2 * rate)
        return told

    def _generator_step(self, rng: np.random.Generator, random: torch.Generator, rate: float) -> None:
        chosen, part, place = self._batch(rng)
        draws, scores, unfolded, condition, context = self._fake(chosen, place, random)
        loss = -self.critic(draws, condition, context).mean()
        if self.generator.following is not None:
            loss = loss + self._told(unfolded, chosen, random).mean()
        elif self.asks:
            for number, own in enumerate(scores):
                at = torch.nonzero((part == number) & (place < self.generator.own))[:, 0].to(self.device)
                if len(at):
                    code = condition[at] - self.generator.starts[number]
                    loss = loss + functional.cross_entropy(own[at], code, reduction="sum") / len(chosen)
        loss.backward()
        self.adams["generator"].step(rate)
        with torch.no_grad():
            for name, weight in self.generator.named_parameters():
                self.smooth[name].lerp_(weight, 1 - SMOOTH)
        # The critic's gradients are none of this step's.
        for weight in self.critic.parameters():
            weight.grad = None

    def _told(self, unfolded: Tensor, chosen: Tensor, random: torch.Generator) -> Tensor:
        """(rows,): nats of the chosen rows, each part given those before it.

        What a generator is asked for, and is to answer with the code of a record (L. Xu et al., 4.3), is here the whole record: with its
        critic alone it draws rows from which much less can be learned (docs/benchmarks.md).
        """
        at, following, write = chosen.to(self.device), self.generator.following, self.generator.write
        if following is None:
            raise ValueError("parts are not told by those before them")
        following.learning = random
        places = self.placed[at, self.rows.given :] - self.generator.first
        return following.surprises(unfolded, write.weight, write.bias, places, self.codes[at])

    def model(self) -> GanModel:
        """The generator as it is now."""
        weights: dict[str, npt.NDArray[np.float32]] = {}
        for name in ("unfold", "outer", "write"):
            layer = self.generator.get_submodule(name)
            weights[name], weights[f"{name} bias"] = _array(layer.get_parameter("weight")), _array(layer.get_parameter("bias"))
        if self.generator.following is not None:
            weights |= self.generator.following.held(self.generator.write.weight)
        if self.generator.read_context is not None:
            weights["context"] = _array(self.generator.read_context.weight)
        else:
            weights["condition"] = _array(self.generator.read_condition.weight)
        placed = positions(self.rows.codes, self.rows.parts)[:, self.rows.given :].reshape(-1) - self.generator.first
        if not self.asks:
            placed = np.full(1, self.generator.own)
        shares = (np.bincount(placed, minlength=self.generator.own + 1) / len(placed)).astype(np.float32)
        return GanModel(self.rows.parts, self.rows.given, weights, self.tables, shares)

    def _judged(self) -> float:
        """By the mean of the weights, nats of a row held out, or how far drawn rows are from those held out; NaN: nobody is held out."""
        if self.held_out is None or not self.held_out.rows:
            return math.nan
        now = copied(self.generator)
        put(self.generator, self.smooth)
        model = self.model()
        put(self.generator, now)
        surprise = model.surprise(self.held_out.codes[:COMPARED])
        return self._distance(model, self.held_out) if surprise is None else float(surprise.mean())

    def _distance(self, model: GanModel, held_out: CodedRows) -> float:
        real = held_out.codes[:COMPARED]
        rng = np.random.default_rng([self.seed, 0x70])
        given = (
            real[rng.integers(0, len(real), COMPARED), : self.rows.given] if self.rows.given else np.zeros((COMPARED, 0), dtype=np.int32)
        )
        drawn = np.concatenate([given, model.sample(given, rng)], axis=1)
        return pair_distance(drawn, real, self.rows.sizes, self.rows.given, rng)

    def _states(self) -> dict[str, Mapping[str, Tensor]]:
        states: dict[str, Mapping[str, Tensor]] = {
            "generator": copied(self.generator),
            "critic": copied(self.critic),
            "best": self.best,
            "smooth": self.smooth,
        }
        for name, adam in self.adams.items():
            states |= {f"{name}-means": adam.means, f"{name}-squares": adam.squares}
        return states

    def _keep(self) -> None:
        if self.watch.folder is None:
            return
        facts = {"round": self.round, "worse": self.worse, "settings": asdict(self.settings)}
        facts |= {
            "lowest": None if math.isnan(self.lowest) else self.lowest,
            "steps": {name: adam.steps for name, adam in self.adams.items()},
        }
        self.watch.keep(state_arrays(**self._states()), facts)

    def _take_up(self) -> None:
        kept = self.watch.kept()
        if kept is None or kept[1].get("settings") != asdict(self.settings):
            return
        arrays, facts = kept
        found = {name: taken_up(arrays, name, like) for name, like in self._states().items()}
        states = {name: state for name, state in found.items() if state is not None}
        if len(states) < len(found):
            return
        put(self.generator, states["generator"])
        put(self.critic, states["critic"])
        self.best, self.smooth = states["best"], states["smooth"]
        for name, adam in self.adams.items():
            adam.means, adam.squares, adam.steps = states[f"{name}-means"], states[f"{name}-squares"], int(facts["steps"][name])
        self.round, self.worse = int(facts["round"]), int(facts["worse"])
        self.lowest = math.nan if facts["lowest"] is None else float(facts["lowest"])


def pair_distance(one: Codes, other: Codes, sizes: tuple[int, ...], given: int, rng: np.random.Generator) -> float:
    """Mean over pairs of parts, of which at least the second is generated, of half the summed differences of their two-way tables."""
    pairs = [(i, j) for i, j in combinations(range(len(sizes)), 2) if j >= given and sizes[i] * sizes[j] <= 1_000_000]
    if len(pairs) > PAIRS:
        pairs = [pairs[i] for i in np.sort(rng.choice(len(pairs), PAIRS, replace=False))]
    if not pairs:
        pairs = [(j, j) for j in range(given, len(sizes))]
    total = 0.0
    for i, j in pairs:
        tables = [np.bincount(c[:, i].astype(np.int64) * sizes[j] + c[:, j], minlength=sizes[i] * sizes[j]) / len(c) for c in (one, other)]
        total += float(np.abs(tables[0] - tables[1]).sum()) / 2
    return total / len(pairs)


def _array(weight: Tensor) -> npt.NDArray[np.float32]:
    return np.array(weight.detach().cpu().numpy(), dtype=np.float32)
