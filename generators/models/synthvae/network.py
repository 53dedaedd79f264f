"""The network of the variational autoencoder: what is trained. Loads torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.encoding.coded import Part
from generators.models.following import OWN_HEARD, Following, Shared


class Autoencoder(nn.Module):
    """Row → a few hidden numbers → row (D. Kingma, M. Welling, ICLR 2014), over codes; only linear layers and embeddings.

    Rows are (rows, parts) codes, the first `given` parts a condition of encoder and decoder. tables: by number of a generated part the
    earlier part it also hangs on, and the scores that add to its own, (codes of that part, own codes); they are not learned here.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        given: int,
        *,
        width: int,
        latent: int,
        tables: Mapping[int, tuple[int, npt.NDArray[np.float32]]],
        seed: int,
    ) -> None:
        super().__init__()
        self.parts, self.given, self.latent = tuple(parts), given, latent
        sizes = [part.size for part in parts]
        self.starts = [0, *np.cumsum(sizes).tolist()]
        self.total, self.first = sum(sizes), sum(sizes[:given])
        self.read = nn.Embedding(self.total + 1, width)
        self.inner = nn.Linear(width, width)
        self.code = nn.Linear(width, 2 * latent)
        self.context = nn.Embedding(self.first + 1, width) if given else None
        self.unfold = nn.Linear(latent, width)
        self.outer = nn.Linear(width, width)
        self.write = nn.Linear(width, self.total - self.first)
        self.following: Following | None = None
        self.heard: Shared | None = None
        self.leaders = {number: leader for number, (leader, _) in tables.items()}
        self.register_buffer("begins", torch.tensor(self.starts[:-1]), persistent=False)
        for number, (_, table) in tables.items():
            self.register_buffer(f"led{number}", torch.from_numpy(table), persistent=False)
        # What a part within another is by its nature: learned, where no table was counted.
        self.within = nn.ModuleDict(
            {
                str(number): nn.Embedding(sizes[part.of], part.size)
                for number, part in enumerate(parts)
                if number >= given and number not in tables and part.of is not None
            }
        )
        self._begin(np.random.default_rng(seed))

    def _begin(self, rng: np.random.Generator) -> None:
        """Weights from `rng`: the process's own random state decides nothing."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim < 2 or name.startswith("within."):
                    weight.zero_()
                    continue
                table = name in ("read.weight", "context.weight")
                spread = math.sqrt(1 / len(self.parts)) if table else math.sqrt(1 / weight.shape[1]) * (0.3 if name == "code.weight" else 1)
                weight.copy_(torch.from_numpy(rng.standard_normal(tuple(weight.shape), dtype=np.float32) * np.float32(spread)))

    def follow(self, following: Following, heard: Shared) -> None:
        """From now on each part is also told by those before it, at the start as likely as its table has it; heard: what neighbouring codes
        share in the encoder."""
        self.following, self.heard, self.within = following, heard, nn.ModuleDict()
        heard.lessened(self.read.weight, OWN_HEARD)
        with torch.no_grad():
            self.write.weight.zero_()

    def positions(self, codes: Tensor) -> Tensor:
        """Of each code its place among the codes of all parts; the place after the last where its part says nothing."""
        placed = codes + self.get_buffer("begins")
        silent = {number: part for number, part in enumerate(self.parts) if part.of is not None}
        if not silent:
            return placed
        columns = list(placed.unbind(1))
        for number, part in silent.items():
            if part.of is not None and part.within is not None:
                outer = codes[:, part.of]
                columns[number] = torch.where((outer >= part.within[0]) & (outer < part.within[1]), columns[number], self.total)
        return torch.stack(columns, 1)

    def encode(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """→ mean and logarithm of the variance of the hidden numbers, (rows, latent) each."""
        h = functional.relu(self._summed(self.read, positions, self.heard))
        mean, spread = self.code(functional.relu(self.inner(h))).chunk(2, dim=1)
        return mean, 4 * torch.tanh(spread / 4) - 2

    def _summed(self, table: nn.Embedding, places: Tensor, shared: Shared | None = None) -> Tensor:
        # Private training hears what a layer reads only where the layer itself is called.
        if self.following is None:
            summed: Tensor = table(places).sum(1)
            return summed
        lines = table.weight if shared is None else shared.joined(table.weight)
        return functional.embedding_bag(places, lines, mode="sum")

    def unfolded(self, hidden: Tensor, positions: Tensor) -> Tensor:
        """(rows, latent) → (rows, width): what all scores come from."""
        h = self.unfold(hidden)
        if self.context is not None:
            said = positions[:, : self.given]
            h = h + self._summed(self.context, torch.where(said >= self.first, self.first, said))
        outer: Tensor = self.outer(functional.relu(h))
        return outer

    def surprises(self, unfolded: Tensor, codes: Tensor, positions: Tensor) -> Tensor:
        """(rows,): cross-entropy of all parts in nats, 0 where one says nothing."""
        if self.following is not None:
            places = positions[:, self.given :] - self.first
            return self.following.surprises(unfolded, self.write.weight, self.write.bias, places, codes)
        scores = self.write(functional.relu(unfolded))
        out = []
        # Cut at once: the gradient of every single cut would be as wide as all of them.
        cut = torch.split(scores, [part.size for part in self.parts[self.given :]], dim=1)
        for number, own in enumerate(cut, start=self.given):
            if number in self.leaders:
                own = own + self.get_buffer(f"led{number}")[codes[:, self.leaders[number]]]
            elif str(number) in self.within:
                own = own + self.within[str(number)](codes[:, self.parts[number].of])
            loss = functional.cross_entropy(own, codes[:, number], reduction="none")
            out.append(loss if self.parts[number].of is None else loss * (positions[:, number] < self.total))
        return torch.stack(out, 1).sum(1)

    def forward(self, codes: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """noise: (rows, latent) standard normal. → by row the reconstruction loss and the divergence from N(0, I), in nats."""
        positions = self.positions(codes)
        mean, log_variance = self.encode(positions)
        hidden = mean + noise * torch.exp(0.5 * log_variance)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return self.surprises(self.unfolded(hidden, positions), codes, positions), divergence
