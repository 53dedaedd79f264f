"""The network: for each head, from the running sum of the embeddings of the codes drawn before it, what its counted table lacks.

The gradient is written out by hand (it is short) into memory that is used again in every step: half of what such small steps cost
otherwise goes into fresh memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from generators.models.autoregressive.layout import MEMBER, Layout
from generators.models.autoregressive.tables import Table
from generators.models.sharing import sharing

CLOSED = -1e9
"""The logit of codes there are not, where heads of unlike size are computed together."""


@dataclass(frozen=True)
class Learned:
    """What a network learns from. inputs: int32 (parts in the order drawn, rows) places in the embedding.

    By head, int32 (heads, rows): lines of the tables, targets (−1 where a part says nothing), groups: the place in the embedding of the
    target's group, for a member's head. corrections: float32 (heads, rows) to add to the logarithm of the target's share
    (`TableChooser.table`); None for rows held out.
    """

    inputs: torch.Tensor
    lines: torch.Tensor
    targets: torch.Tensor
    groups: torch.Tensor
    corrections: torch.Tensor | None = None

    @property
    def rows(self) -> int:
        return self.inputs.shape[1]

    def take(self, which: torch.Tensor) -> Learned:
        corrections = None if self.corrections is None else self.corrections.index_select(1, which)
        inputs, lines, targets, groups = (each.index_select(1, which) for each in (self.inputs, self.lines, self.targets, self.groups))
        return Learned(inputs, lines, targets, groups, corrections)

    def part(self, first: int, last: int) -> Learned:
        corrections = None if self.corrections is None else self.corrections[:, first:last]
        inputs, lines, targets, groups = (each[:, first:last] for each in (self.inputs, self.lines, self.targets, self.groups))
        return Learned(inputs, lines, targets, groups, corrections)


class Network:
    """parameters: the own embedding of each code (input codes of all parts, then the groups of large parts), by head the first layer and
    its bias, for each batch of heads of like size the second layer and its bias, and the embedding of what codes share. embedding: the sum,
    as `join` leaves it. slots: by head its place among all heads as they are computed.
    """

    def __init__(
        self,
        layout: Layout,
        tables: Sequence[Table],
        embedding: int,
        hidden: int,
        apart: frozenset[tuple[int, int]],
        random: np.random.Generator,
        device: torch.device,
    ) -> None:
        self.layout, self.heads, self.device = layout, layout.heads, device
        widths = [max(4, 1 << (head.size - 1).bit_length()) for head in self.heads]
        self.computed = sorted(range(len(widths)), key=lambda i: (widths[i], i))
        self.slots = [self.computed.index(i) for i in range(len(widths))]
        self.batches = [[i for i in self.computed if widths[i] == width] for width in sorted(set(widths))]
        count = len(self.heads)
        shares = sharing(layout.parts, *layout.starts, layout.groups)
        self._places = torch.from_numpy(shares.places).to(device)
        self._weights = torch.from_numpy(shares.weights).to(device)[:, :, None]
        self._own, self._shared = (torch.from_numpy(each).to(device) for each in shares.begun(embedding, random))
        self.embedding = torch.empty_like(self._own)
        self.inward = _drawn(random, (count, embedding, hidden), math.sqrt(1 / embedding), device)
        self.inward_bias = torch.zeros(count, 1, hidden, device=device)
        self.outward = [torch.zeros(len(batch), hidden, widths[batch[0]], device=device) for batch in self.batches]
        self.outward_bias = [torch.zeros(len(batch), 1, widths[batch[0]], device=device) for batch in self.batches]
        self.parameters = [self._own, self.inward, self.inward_bias, *self.outward, *self.outward_bias, self._shared]
        self.gradients = [torch.zeros_like(each) for each in self.parameters]
        places = {part: place for place, part in enumerate(layout.order)}
        self.at = [places[head.part] for head in self.heads]
        self.scales = [1 / math.sqrt(max(1, place)) for place in self.at]
        self.seen = [_seen(layout, i, apart) for i in range(count)]
        self._join(tables, widths)
        self._memory: dict[str, torch.Tensor] = {}

    def _join(self, tables: Sequence[Table], widths: Sequence[int]) -> None:
        """The tables of each batch in one, padded."""
        self.tables: list[torch.Tensor] = []
        self.table_starts = [0] * len(widths)
        for batch in self.batches:
            lines = sum(len(tables[i].log_shares) for i in batch)
            joined = np.full((lines, widths[batch[0]]), CLOSED, dtype=np.float32)
            at = 0
            for i in batch:
                shares = tables[i].log_shares
                joined[at : at + len(shares), : shares.shape[1]] = shares
                self.table_starts[i] = at
                at += len(shares)
            self.tables.append(torch.from_numpy(joined).to(self.device))

    def learn(self, rows: Learned, drop: float, random: torch.Generator) -> float:
        """The mean loss a row, in nats; its gradient is left in `gradients`. drop: the share of hidden units left out."""
        hidden, context = self._hidden(rows)
        kept = None
        if drop:
            kept = torch.rand(hidden.shape, generator=random, device=self.device).ge_(drop).div_(1 - drop)
            hidden.mul_(kept)
        back = self._buffer("back", hidden.shape)
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        first = 0
        for number, batch in enumerate(self.batches):
            here = slice(first, first + len(batch))
            first += len(batch)
            shares, each = self._losses(number, here, hidden, rows, 1.0)
            loss += each.sum(dtype=torch.float64)
            targets = rows.targets[here, :, None].long()
            shares.scatter_add_(2, targets.clamp_min(0), torch.full(targets.shape, -1.0, device=self.device))
            shares.mul_((targets >= 0).float().div_(rows.rows))
            torch.bmm(hidden[here].transpose(1, 2), shares, out=self.gradients[3 + number])
            torch.sum(shares, 1, keepdim=True, out=self.gradients[3 + len(self.batches) + number])
            torch.bmm(shares, self.outward[number].transpose(1, 2), out=back[here])
        back.mul_(hidden.sign())
        if kept is not None:
            back.mul_(kept)
        torch.bmm(context.transpose(1, 2), back, out=self.gradients[1])
        torch.sum(back, 1, keepdim=True, out=self.gradients[2])
        self._embedded(torch.bmm(back, self.inward.transpose(1, 2), out=context), rows)
        return float(loss) / rows.rows

    def losses(self, rows: Learned, shares: Sequence[float] = (1.0,)) -> torch.Tensor:
        """float64 (shares, heads): the summed loss if only that share of what the network says were added to the tables."""
        hidden, _ = self._hidden(rows)
        found = torch.zeros(len(shares), len(self.heads), dtype=torch.float64)
        first = 0
        for number, batch in enumerate(self.batches):
            here = slice(first, first + len(batch))
            first += len(batch)
            for place, share in enumerate(shares):
                found[place, batch] = self._losses(number, here, hidden, rows, share)[1].sum(1, dtype=torch.float64).cpu()
        return found

    def _losses(self, number: int, here: slice, hidden: torch.Tensor, rows: Learned, share: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Of a batch of heads the shares (heads, rows, codes) and the losses (heads, rows), 0 where a part says nothing."""
        table = self.tables[number]
        shape = (here.stop - here.start, rows.rows, table.shape[1])
        logits = self._buffer("logits", shape)
        torch.baddbmm(self.outward_bias[number], hidden[here], self.outward[number], out=logits)
        if share != 1.0:
            logits.mul_(share)
        lines = self._buffer("table", shape)
        torch.index_select(table, 0, rows.lines[here].reshape(-1), out=lines.view(-1, table.shape[1]))
        logits.add_(lines)
        targets = rows.targets[here, :, None].long().clamp_min_(0)
        if rows.corrections is not None:
            logits.scatter_add_(2, targets, rows.corrections[here, :, None])
        logits.sub_(logits.amax(2, keepdim=True))
        own = logits.gather(2, targets).squeeze(2)
        total = logits.exp_().sum(2, keepdim=True)
        each = total.squeeze(2).log().sub_(own)
        each.mul_(rows.targets[here] >= 0)
        return logits.div_(total), each

    def join(self) -> None:
        """Makes the embeddings of codes from their own and from what they share."""
        self.embedding.copy_(self._own)
        for places, weights in zip(self._places, self._weights, strict=True):
            self.embedding.addcmul_(self._shared.index_select(0, places), weights)

    def _hidden(self, rows: Learned) -> tuple[torch.Tensor, torch.Tensor]:
        """(heads, rows, units) and what it was computed from, (heads, rows, width)."""
        self.join()
        parts = self._parts(rows)
        running = torch.zeros_like(parts[0])
        context = self._buffer("context", (len(self.heads), rows.rows, parts.shape[2]))
        done = 0
        for head, slot in enumerate(self.slots):
            while done < self.at[head]:
                running.add_(parts[done])
                done += 1
            into = context[slot]
            seen = self.seen[head]
            if seen is None:
                into.copy_(running)
            else:
                into.zero_()
                for place in seen:
                    into.add_(parts[place])
            if self.heads[head].what == MEMBER:
                into.add_(self.embedding.index_select(0, rows.groups[slot]))
            into.mul_(self.scales[head])
        hidden = self._buffer("hidden", (len(self.heads), rows.rows, self.inward.shape[2]))
        torch.baddbmm(self.inward_bias, context, self.inward, out=hidden)
        return hidden.clamp_min_(0), context

    def _parts(self, rows: Learned) -> torch.Tensor:
        """(parts in the order drawn, rows, width): embeddings."""
        parts = self._buffer("parts", (*rows.inputs.shape, self.embedding.shape[1]))
        torch.index_select(self.embedding, 0, rows.inputs.reshape(-1), out=parts.view(-1, parts.shape[2]))
        return parts

    def _embedded(self, context: torch.Tensor, rows: Learned) -> None:
        """The gradients of the own and the shared embeddings, from that of the context of each head."""
        gradient = self.gradients[0].zero_()
        parts = self._buffer("parts", (*rows.inputs.shape, self.embedding.shape[1])).zero_()
        running = torch.zeros_like(parts[0])
        done = len(parts)
        for head in reversed(range(len(self.heads))):
            while done > self.at[head]:
                done -= 1
                parts[done].add_(running)
            back = context[self.slots[head]].mul_(self.scales[head])
            if self.heads[head].what == MEMBER:
                gradient.index_add_(0, rows.groups[self.slots[head]], back)
            seen = self.seen[head]
            if seen is None:
                running.add_(back)
            else:
                for place in seen:
                    parts[place].add_(back)
        for place in range(done):
            parts[place].add_(running)
        gradient.index_add_(0, rows.inputs.reshape(-1), parts.view(-1, parts.shape[2]))
        shared = self.gradients[-1].zero_()
        for places, weights in zip(self._places, self._weights, strict=True):
            shared.index_add_(0, places, gradient * weights)

    def _buffer(self, name: str, shape: Sequence[int]) -> torch.Tensor:
        size = math.prod(shape)
        if name not in self._memory or self._memory[name].numel() < size:
            self._memory[name] = torch.empty(size, device=self.device)
        return self._memory[name][:size].view(*shape)

    def forget(self) -> None:
        """Gives the memory back that steps share."""
        self._memory.clear()


def _drawn(random: np.random.Generator, shape: tuple[int, ...], scale: float, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(random.standard_normal(shape, dtype=np.float32) * np.float32(scale)).to(device)


def _seen(layout: Layout, number: int, apart: frozenset[tuple[int, int]]) -> tuple[int, ...] | None:
    """Which places in the order a head may look at; None: all before it."""
    part = layout.heads[number].part
    before = range(layout.order.index(part))
    seen = tuple(place for place in before if (min(layout.order[place], part), max(layout.order[place], part)) not in apart)
    return None if len(seen) == len(before) else seen
