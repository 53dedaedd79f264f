"""The two networks that are set against each other: what is trained. Loads torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.encoding.coded import Part
from generators.models.following import Following, Shared
from generators.models.gan.settings import PACK

TEMPERATURE = 0.3
"""Of the softened draws (E. Jang, S. Gu, B. Poole, ICLR 2017): the lower, the nearer to whole codes."""
ALIKE, OWN_READ = 0.3, 0.5
"""What the critic reads of codes begins with what neighbouring ones share, and so much of their own."""


class Segmented(nn.Module):
    """What both know of parts: `first` is where the codes of generated parts begin among all, `own` how many there are."""

    def __init__(self, parts: Sequence[Part], given: int) -> None:
        super().__init__()
        self.parts, self.given = tuple(parts), given
        self.sizes = [part.size for part in parts[given:]]
        self.starts = [0, *np.cumsum([part.size for part in parts]).tolist()]
        self.first, self.own = self.starts[given], sum(self.sizes)

    def _begin(self, rng: np.random.Generator, silent: tuple[str, ...]) -> None:
        """Layers of its own begin with random weights, but for those named; those within others have begun."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if name.startswith(("following.", "shared.")):
                    continue
                if weight.ndim < 2 or name in silent:
                    weight.zero_()
                    continue
                # Tables are read at one row for each of their parts, layers at all their inputs.
                spread = 0.3 if "read" in name else np.sqrt(2 / weight.shape[1])
                weight.copy_(torch.from_numpy(rng.standard_normal(tuple(weight.shape), dtype=np.float32) * np.float32(spread)))


class Generator(Segmented):
    """Noise, a condition and a context → codes; with `following` each part also in the light of those before it.

    tables: by number of a generated part the earlier part it also hangs on, and the scores that adds; they are not learned here, and at the
    start all that is known.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        given: int,
        *,
        width: int,
        noise: int,
        tables: Mapping[int, tuple[int, npt.NDArray[np.float32]]],
        following: Following | None,
        seed: int,
    ) -> None:
        super().__init__(parts, given)
        self.noise = noise
        self.unfold = nn.Linear(noise, width)
        self.read_condition = nn.Embedding(self.own + 1, width)
        self.read_context = nn.Embedding(self.first + 1, width) if given else None
        self.outer = nn.Linear(width, width)
        self.write = nn.Linear(width, self.own)
        self.following = following
        self.leaders = {number: leader for number, (leader, _) in tables.items()}
        for number, (_, table) in tables.items():
            self.register_buffer(f"led{number}", torch.from_numpy(table), persistent=False)
        self._begin(np.random.default_rng([seed, 1]), ("write.weight",))

    def unfolded(self, noise: Tensor, condition: Tensor, context: Tensor) -> Tensor:
        """(rows, noise), (rows,) place of the code asked for, (rows, given) places of the context's → (rows, width)."""
        h = self.unfold(noise) + self.read_condition(condition)
        if self.read_context is not None:
            h = h + self.read_context(context).sum(1)
        h = functional.relu(h)
        return h + functional.relu(self.outer(h))

    def forward(self, unfolded: Tensor, given: Tensor, gumbel: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(rows, width), given: (rows, given) codes; gumbel: (rows, own) Gumbel noise. → (rows, own) draws, and by part the scores.

        A draw is a whole code, its gradient that of the softened one (Y. Bengio, N. Léonard, A. Courville 2013; E. Jang et al.): what the
        critic sees, and later parts read, is what rows are made of.
        """
        following, write = self.following, self.write.weight
        says = write
        if following is not None:
            says, write = following.said.joined(following.says), following.wrote.joined(write)
        cut, bias, chance = torch.split(write, self.sizes), torch.split(self.write.bias, self.sizes), torch.split(gumbel, self.sizes, 1)
        said = torch.split(says[: self.own], self.sizes)
        codes = list(given.unbind(1))
        rows: list[Tensor] = []
        scores: list[Tensor] = []
        told = unfolded
        for at, number in enumerate(range(self.given, len(self.parts))):
            seen = told
            if following is not None:
                seen = torch.addmm(following.bias[at], told * (1 + at) ** -0.5, following.inward[at]).relu()
            own = torch.addmm(bias[at], seen, cut[at].T)
            if number in self.leaders:
                own = own + self.get_buffer(f"led{number}")[codes[self.leaders[number]]]
            scored = own + chance[at]
            drawn = functional.softmax(scored / TEMPERATURE, dim=1)
            code = scored.detach().argmax(1)
            drawn = drawn + (torch.zeros_like(drawn).scatter_(1, code[:, None], 1.0) - drawn).detach()
            if self.parts[number].of is not None:
                applies = self._says(number, rows, codes)
                drawn = drawn * applies
                code = torch.where(applies[:, 0] > 0.5, code, 0)
                if following is not None:
                    told = told + (1 - applies) * says[self.own]
            codes.append(code)
            rows.append(drawn)
            scores.append(own)
            if following is not None:
                told = torch.addmm(told, drawn, said[at])
        return torch.cat(rows, dim=1), scores

    def _says(self, number: int, rows: list[Tensor], codes: list[Tensor]) -> Tensor:
        """(rows, 1): how far a part says anything."""
        part = self.parts[number]
        if part.of is None or part.within is None:
            return torch.ones(1, 1, device=codes[-1].device)
        if part.of >= self.given:
            return rows[part.of - self.given][:, part.within[0] : part.within[1]].sum(1, keepdim=True)
        return ((codes[part.of] >= part.within[0]) & (codes[part.of] < part.within[1])).float()[:, None]


class Critic(Segmented):
    """Several rows, with what was asked for and their context → one number, the higher the more they look like records."""

    def __init__(self, parts: Sequence[Part], given: int, *, width: int, seed: int) -> None:
        super().__init__(parts, given)
        rng = np.random.default_rng([seed, 2])
        self.read = nn.Linear(self.own, width)
        self.shared = Shared(parts[given:], width, ALIKE, rng)
        self.read_condition = nn.Embedding(self.own + 1, width)
        self.read_context = nn.Embedding(self.first + 1, width) if given else None
        self.inner = nn.Linear(width, width)
        self.packed = nn.Linear(PACK * width, width)
        self.judged = nn.Linear(width, 1)
        self._begin(rng, ())
        self.shared.lessened(self.read.weight.T, OWN_READ)

    def forward(self, rows: Tensor, condition: Tensor, context: Tensor) -> Tensor:
        """(rows, own), (rows,), (rows, given) → (rows / PACK,)."""
        h = torch.addmm(self.read.bias, rows, self.shared.joined(self.read.weight.T)) + self.read_condition(condition)
        if self.read_context is not None:
            h = h + self.read_context(context).sum(1)
        h = functional.leaky_relu(self.inner(functional.leaky_relu(h, 0.2)), 0.2).reshape(len(rows) // PACK, -1)
        judged: Tensor = self.judged(functional.leaky_relu(self.packed(h), 0.2))
        return judged[:, 0]
