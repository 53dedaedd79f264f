"""The two networks that are set against each other: what is trained. Loads torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.encoding.coded import Part

PACK = 8
"""Rows a critic judges together: rows that are all alike give themselves away (Z. Lin et al., PacGAN, NeurIPS 2018)."""
TEMPERATURE = 0.3
"""Of the softened draws (E. Jang, S. Gu, B. Poole, ICLR 2017): the lower, the nearer to whole codes."""


class Segmented(nn.Module):
    """What both know of parts: `first` is where the codes of generated parts begin among all, `own` how many there are."""

    def __init__(self, parts: Sequence[Part], given: int) -> None:
        super().__init__()
        self.parts, self.given = tuple(parts), given
        self.sizes = [part.size for part in parts[given:]]
        self.starts = [0, *np.cumsum([part.size for part in parts]).tolist()]
        self.first, self.own = self.starts[given], sum(self.sizes)

    def _begin(self, rng: np.random.Generator, silent: tuple[str, ...]) -> None:
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim < 2 or name in silent:
                    weight.zero_()
                    continue
                # Tables are read at one row for each of their parts, layers at all their inputs.
                spread = 0.3 if "read" in name else np.sqrt(2 / weight.shape[1])
                weight.copy_(torch.from_numpy(rng.standard_normal(tuple(weight.shape), dtype=np.float32) * np.float32(spread)))


class Generator(Segmented):
    """Noise, a condition and a context → the scores of all codes.

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
        seed: int,
    ) -> None:
        super().__init__(parts, given)
        self.noise = noise
        self.unfold = nn.Linear(noise, width)
        self.read_condition = nn.Embedding(self.own + 1, width)
        self.read_context = nn.Embedding(self.first + 1, width) if given else None
        self.outer = nn.Linear(width, width)
        self.write = nn.Linear(width, self.own)
        self.leaders = {number: leader for number, (leader, _) in tables.items()}
        for number, (_, table) in tables.items():
            self.register_buffer(f"led{number}", torch.from_numpy(table), persistent=False)
        self._begin(np.random.default_rng([seed, 1]), ("write.weight",))

    def scores(self, noise: Tensor, condition: Tensor, context: Tensor) -> Tensor:
        """(rows, noise), (rows,) place of the code asked for, (rows, given) places of the context's → (rows, own) before tables."""
        h = self.unfold(noise) + self.read_condition(condition)
        if self.read_context is not None:
            h = h + self.read_context(context).sum(1)
        h = functional.relu(h)
        h = h + functional.relu(self.outer(h))
        scores: Tensor = self.write(h)
        return scores

    def forward(self, noise: Tensor, condition: Tensor, given: Tensor, context: Tensor, gumbel: Tensor) -> tuple[Tensor, list[Tensor]]:
        """given: (rows, given) codes; gumbel: (rows, own) Gumbel noise. → (rows, own) softened draws, and by part the scores."""
        cut = torch.split(self.scores(noise, condition, context), self.sizes, dim=1)
        chance = torch.split(gumbel, self.sizes, dim=1)
        codes = list(given.unbind(1))
        soft: list[Tensor] = []
        scores: list[Tensor] = []
        for number, own in enumerate(cut, start=self.given):
            if number in self.leaders:
                own = own + self.get_buffer(f"led{number}")[codes[self.leaders[number]]]
            scored = own + chance[number - self.given]
            drawn = functional.softmax(scored / TEMPERATURE, dim=1)
            codes.append(scored.detach().argmax(1))
            drawn = drawn * self._says(number, soft, codes)
            soft.append(drawn)
            scores.append(own)
        return torch.cat(soft, dim=1), scores

    def _says(self, number: int, soft: list[Tensor], codes: list[Tensor]) -> Tensor:
        """(rows, 1): how far a part says anything."""
        part = self.parts[number]
        if part.of is None or part.within is None:
            return torch.ones(1, 1, device=codes[-1].device)
        if part.of >= self.given:
            return soft[part.of - self.given][:, part.within[0] : part.within[1]].sum(1, keepdim=True)
        return ((codes[part.of] >= part.within[0]) & (codes[part.of] < part.within[1])).float()[:, None]


class Critic(Segmented):
    """Several rows, with what was asked for and their context → one number, the higher the more they look like records."""

    def __init__(self, parts: Sequence[Part], given: int, *, width: int, seed: int) -> None:
        super().__init__(parts, given)
        self.rows = nn.Linear(self.own, width)
        self.read_condition = nn.Embedding(self.own + 1, width)
        self.read_context = nn.Embedding(self.first + 1, width) if given else None
        self.packed = nn.Linear(PACK * width, width)
        self.judged = nn.Linear(width, 1)
        self._begin(np.random.default_rng([seed, 2]), ())

    def forward(self, rows: Tensor, condition: Tensor, context: Tensor) -> Tensor:
        """(rows, own), (rows,), (rows, given) → (rows / PACK,)."""
        h = self.rows(rows) + self.read_condition(condition)
        if self.read_context is not None:
            h = h + self.read_context(context).sum(1)
        h = functional.leaky_relu(h, 0.2).reshape(len(rows) // PACK, -1)
        judged: Tensor = self.judged(functional.leaky_relu(self.packed(h), 0.2))
        return judged[:, 0]
