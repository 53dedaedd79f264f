"""A decoder that reads, for each part, the parts before it too: synthvae's, and gan's. Loads torch.

Each part's scores come from what the hidden point unfolds to, plus the running sum of what the codes before it say (H. Larochelle,
I. Murray, The neural autoregressive distribution estimator, AISTATS 2011), so that the hidden numbers need not tell what those already do.
Loss and gradient are written out by hand, for all parts of like size together: small steps cost much more where each part is on its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from generators.encoding.coded import Part
from generators.models.leading import Tables
from generators.models.segments import Floats
from generators.models.sharing import sharing

CLOSED = -1e9
"""The score of codes there are not, where parts of unlike size are reckoned together."""
OWN_SAID, OWN_HEARD = 0.1, 0.3
"""What codes that share begin with of their own, of what others begin with."""


class Heads:
    """How the generated parts are reckoned together: by batches of like size, each with the lines of its counted tables, padded."""

    def __init__(self, parts: Sequence[Part], given: int, tables: Tables) -> None:
        sizes = [part.size for part in parts[given:]]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        widths = [max(4, 1 << (size - 1).bit_length()) for size in sizes]
        self.given, self.count, self.own = given, len(sizes), int(starts[-1])
        self.leaders = torch.tensor([tables[given + i][0] if given + i in tables else 0 for i in range(len(sizes))])
        self.led = torch.tensor([given + i in tables for i in range(len(sizes))])
        self.scales = torch.tensor([1 / np.sqrt(1 + i) for i in range(len(sizes))], dtype=torch.float32)[:, None, None]
        self.batches: list[tuple[Tensor, Tensor, Tensor]] = []
        self.lines_from = torch.zeros(len(sizes), dtype=torch.int64)
        for width in sorted(set(widths)):
            batch = [i for i, each in enumerate(widths) if each == width]
            # Padding reads the place after the last code, whose score is closed.
            places = np.full((len(batch), width), self.own)
            lines: list[npt.NDArray[np.float32]] = []
            for row, i in enumerate(batch):
                places[row, : sizes[i]] = np.arange(starts[i], starts[i + 1])
                table = tables[given + i][1] if given + i in tables else np.zeros((1, sizes[i]), dtype=np.float32)
                self.lines_from[i] = sum(map(len, lines))
                lines.append(np.pad(table, ((0, 0), (0, width - sizes[i]))))
            self.batches.append((torch.tensor(batch), torch.from_numpy(places), torch.from_numpy(np.concatenate(lines))))

    def on(self, device: torch.device) -> Heads:
        """The same on that device."""
        if self.leaders.device != device:
            self.leaders, self.led, self.lines_from, self.scales = (
                each.to(device) for each in (self.leaders, self.led, self.lines_from, self.scales)
            )
            self.batches = [(batch.to(device), at.to(device), table.to(device)) for batch, at, table in self.batches]
        return self

    def lines(self, codes: Tensor) -> Tensor:
        """(rows, parts) → (generated parts, rows): the line of the batch's tables that holds for each."""
        own = codes[:, self.leaders] * self.led
        return (own + self.lines_from).T.contiguous()


class Shared(nn.Module):
    """What the lines of a table, one for each code of these parts, have in common with those of neighbouring codes."""

    def __init__(self, parts: Sequence[Part], width: int, spread: float, rng: np.random.Generator) -> None:
        """spread: of what is shared before anything is learned."""
        super().__init__()
        starts = [0, *np.cumsum([part.size for part in parts]).tolist()]
        found = sharing(parts, starts, starts[-1] + 1, {})
        self.register_buffer("places", torch.from_numpy(found.places), persistent=False)
        self.register_buffer("weights", torch.from_numpy(found.weights)[:, :, None], persistent=False)
        self.features = nn.Parameter(_drawn(rng, (found.size, width), spread))

    def lessened(self, own: Tensor, share: float) -> None:
        """Makes that share of the lines that have something in common: they are to begin with that."""
        with torch.no_grad():
            own.mul_(torch.where(self.get_buffer("weights").sum(0) > 0, share, 1.0)[: len(own)])

    def joined(self, own: Tensor) -> Tensor:
        """(codes, or one more for nothing said; width) what each line is by itself → the same and what it shares."""
        places, weights = (self.get_buffer(name)[:, : len(own)] for name in ("places", "weights"))
        for place, weight in zip(places, weights, strict=True):
            own = own + self.features.index_select(0, place) * weight
        return own


class Following(nn.Module):
    """What the decoder has besides: what each code says (the last: nothing said), and by part a layer from all said to its hidden units;
    and what neighbouring codes share of what they say (`said`) and are told by (`wrote`).

    learning: the randomness by which hidden units are left out while it learns; None: it does not, and leaves none out.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        given: int,
        tables: Tables,
        *,
        width: int,
        dropped: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.heads, self.dropped = Heads(parts, given, tables), dropped
        self.learning: torch.Generator | None = None
        self.says = nn.Parameter(_drawn(rng, (self.heads.own + 1, width), 0.3))
        self.inward = nn.Parameter(_drawn(rng, (self.heads.count, width, width), 1 / math.sqrt(width)))
        self.bias = nn.Parameter(torch.zeros(self.heads.count, width))
        self.said, self.wrote = (Shared(parts[given:], width, spread, rng) for spread in (0.2, 0.0))
        self.said.lessened(self.says, OWN_SAID)

    def held(self, write: Tensor) -> dict[str, Floats]:
        """The weights of a fitted model that reads earlier parts, with what codes share in them; write: the last layer, of codes alone."""
        tensors = {"says": self.said.joined(self.says), "inward": self.inward, "inward bias": self.bias, "write": self.wrote.joined(write)}
        return {name: np.array(tensor.detach().cpu().numpy(), dtype=np.float32) for name, tensor in tensors.items()}

    def surprises(self, unfolded: Tensor, write: Tensor, bias: Tensor, places: Tensor, codes: Tensor) -> Tensor:
        """(rows, width), the last layer and its bias, (rows, generated parts) places of codes, (rows, parts) codes → (rows,) in nats."""
        kept = None
        if self.learning is not None and self.dropped:
            shape = (self.heads.count, *unfolded.shape)
            kept = torch.rand(shape, generator=self.learning, device=unfolded.device).ge_(self.dropped).div_(1 - self.dropped)
        told: Tensor = _Surprises.apply(  # type: ignore[no-untyped-call]
            unfolded,
            self.said.joined(self.says),
            self.inward,
            self.bias,
            self.wrote.joined(write),
            bias,
            self.heads.on(unfolded.device),
            places.T.contiguous(),
            codes,
            kept,
        )
        return told


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32) * np.float32(spread))


class _Surprises(torch.autograd.Function):
    """(rows, width) unfolded, (codes + 1, width) what codes say, by part a layer and its bias, (codes, width) the scores and theirs
    → (rows,) summed cross-entropy of all parts."""

    @staticmethod
    def forward(
        ctx: Any,
        unfolded: Tensor,
        says: Tensor,
        inward: Tensor,
        inward_bias: Tensor,
        write: Tensor,
        bias: Tensor,
        heads: Heads,
        places: Tensor,
        codes: Tensor,
        drop: Tensor | None,
    ) -> Tensor:
        """places: (generated parts, rows) of codes in `says`; codes: (rows, parts); drop: (parts, rows, width) what is kept, or None."""
        count, (rows, width) = heads.count, unfolded.shape
        context = unfolded.new_empty((count, rows, width))
        context[0] = unfolded
        said = says.index_select(0, places[:-1].reshape(-1)).view(count - 1, rows, width)
        for i in range(1, count):
            torch.add(context[i - 1], said[i - 1], out=context[i])
        context *= heads.scales
        hidden = torch.baddbmm(inward_bias[:, None], context, inward).clamp_min_(0)
        if drop is not None:
            hidden.mul_(drop)
        lines, targets = heads.lines(codes), codes[:, heads.given :].T
        told = (places < heads.own).to(unfolded.dtype)
        padded = torch.cat([write, write.new_zeros((1, width))])
        biased = torch.cat([bias, bias.new_full((1,), CLOSED)])
        loss = unfolded.new_zeros(rows)
        kept = []
        for batch, at, tables in heads.batches:
            weight = padded[at]
            own = hidden.index_select(0, batch)
            scores = torch.baddbmm(biased[at][:, None], own, weight.transpose(1, 2))
            line = lines[batch].reshape(-1)
            scores += tables.index_select(0, line).view(scores.shape)
            target = targets[batch][:, :, None]
            scores -= scores.amax(2, keepdim=True)
            first = scores.gather(2, target)[:, :, 0]
            total = scores.exp_().sum(2, keepdim=True)
            loss += ((total[:, :, 0].log() - first) * told[batch]).sum(0)
            kept += [own, weight, scores, total]
        ctx.save_for_backward(context, hidden, inward, places, targets, told, drop, *kept)
        ctx.heads, ctx.sizes = heads, (says.shape, write.shape)
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        """slope: (rows,) of the loss."""
        context, hidden, inward, places, targets, told, drop, *kept = ctx.saved_tensors
        heads, (says_shape, write_shape) = ctx.heads, ctx.sizes
        back = torch.empty_like(hidden)
        write = hidden.new_zeros((write_shape[0] + 1, write_shape[1]))
        bias = hidden.new_zeros(write_shape[0] + 1)
        for number, (batch, at, _) in enumerate(heads.batches):
            own, weight, scores, total = kept[4 * number : 4 * number + 4]
            each = (told[batch] * slope)[:, :, None]
            scores *= each / total
            scores.scatter_add_(2, targets[batch][:, :, None], -each)
            write[at] = torch.bmm(scores.transpose(1, 2), own)
            bias[at] = scores.sum(1)
            back[batch] = torch.bmm(scores, weight)
        back.mul_(hidden.sign())
        if drop is not None:
            back.mul_(drop)
        inward_slope = torch.bmm(context.transpose(1, 2), back)
        bias_slope = back.sum(1)
        back = torch.bmm(back, inward.transpose(1, 2)).mul_(heads.scales)
        for i in range(heads.count - 1, 0, -1):
            back[i - 1] += back[i]
        says = hidden.new_zeros(says_shape).index_add_(0, places[:-1].reshape(-1), back[1:].reshape(-1, says_shape[1]))
        return back[0], says, inward_slope, bias_slope, write[:-1], bias[:-1], None, None, None, None
