"""Drawing rows, in NumPy alone: one small step a head for each row that is unlike the others so far.

A draw inverts the cumulative shares. Rows that agree in all codes so far are drawn together, by multinomial counts; there are few such
kinds of row at first, and when there are too many each row goes on by itself. Arrays of shares are (codes, rows): sums over codes are then
sums of whole lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes
from generators.learning.model import Allowed
from generators.models.autoregressive.layout import GROUP, MEMBER, WHOLE, Layout, code_of
from generators.models.autoregressive.tables import Table

TOGETHER = 4096
"""Rows that are drawn in one step: what they need stays in the processor's cache."""
BELOW_ALL = np.float32(1 - 2**-22)
"""Keeps a draw from rounding up to the whole sum, which codes of no share at the end have too."""
KIND = 8
"""Rows of a kind, on average, from which on they are drawn together."""
NOTHING = np.float32(0)
LARGEST_LOGIT = 60.0
"""Above this, exponentials are taken relative to the largest."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """What was learned. embedding: (input codes and groups, width), as `Layout.starts` says.

    inward: by head (width + 1, units), the last line the bias; None where the table alone says it. outward: by head (codes, units).
    straight: by head how many of its units, the last, pass on what they are given, and not its positive part alone.
    tables: by head. apart: by head the parts it may not look at.
    """

    embedding: Floats
    inward: Sequence[Floats | None]
    outward: Sequence[Floats | None]
    tables: Sequence[Table]
    apart: Sequence[tuple[int, ...]]
    straight: Sequence[int]


@dataclass
class _Rows:
    """Kinds of rows under way. context: (kinds, width + 1), its last column 1; inputs, groups: by part its codes so far; count: of each."""

    context: Floats
    inputs: dict[int, Ints]
    groups: dict[int, Ints]
    count: npt.NDArray[np.int64]

    def take(self, which: Ints, into: Floats | None = None) -> _Rows:
        inputs = {part: codes[which] for part, codes in self.inputs.items()}
        groups = {part: codes[which] for part, codes in self.groups.items()}
        context = self.context.take(which, axis=0, out=into, mode="clip")
        return _Rows(context, inputs, groups, np.ones(len(which), dtype=np.int64))

    def part(self, first: int, last: int) -> _Rows:
        inputs = {part: codes[first:last] for part, codes in self.inputs.items()}
        groups = {part: codes[first:last] for part, codes in self.groups.items()}
        return _Rows(self.context[first:last], inputs, groups, self.count[first:last])


class _Memory:
    """Memory that the steps of one drawing share: fresh memory costs more than what is computed in it."""

    def __init__(self, layout: Layout, width: int, units: int) -> None:
        most = max(head.size for head in layout.heads)
        self._context, self._embedded = (np.empty((TOGETHER, width), dtype=np.float32) for _ in range(2))
        self._hidden = np.empty(units * TOGETHER, dtype=np.float32)
        self._codes, self._products = (np.empty(TOGETHER * most, dtype=np.float32) for _ in range(2))
        self._under = np.empty(TOGETHER * most, dtype=np.bool_)

    def context(self, rows: int) -> Floats:
        return self._context[:rows]

    def embedded(self, rows: int) -> Floats:
        return self._embedded[:rows]

    def hidden(self, units: int, rows: int) -> Floats:
        return self._hidden[: units * rows].reshape(units, rows)

    def codes(self, codes: int, rows: int) -> Floats:
        return self._codes[: codes * rows].reshape(codes, rows)

    def products(self, codes: int, rows: int) -> Floats:
        return self._products[: codes * rows].reshape(codes, rows)

    def under(self, codes: int, rows: int) -> npt.NDArray[np.bool_]:
        return self._under[: codes * rows].reshape(codes, rows)


class Drawing:
    """A model's ways of drawing and of telling how likely rows are."""

    def __init__(self, layout: Layout, weights: Weights) -> None:
        self.layout, self.weights, self.heads = layout, weights, layout.heads
        self._logits = [np.ascontiguousarray(table.log_shares.T) for table in weights.tables]
        self._shares = [np.exp(logits) if inward is None else None for logits, inward in zip(self._logits, weights.inward, strict=True)]
        self._inward = [None if inward is None else np.ascontiguousarray(inward.T) for inward in weights.inward]
        width = weights.embedding.shape[1]
        embedding = np.concatenate([weights.embedding, np.zeros((len(weights.embedding), 1), dtype=np.float32)], axis=1)
        self._empty = np.zeros(width + 1, dtype=np.float32)
        self._empty[-1] = 1
        active = [i for i, inward in enumerate(weights.inward) if inward is not None]
        self._last = active[-1] if active else -1
        starts, end = layout.starts
        ends = [*list(starts.values())[1:], end]
        self._embedding = {part: embedding[first:last] for (part, first), last in zip(starts.items(), ends, strict=True)}
        self._codes_of = {part: code_of(places) for part, places in layout.groups.items()}
        self._group_of = {part: layout.group(part, np.arange(layout.input_size(part), dtype=np.int32)) for part in layout.groups}

    def rows(self, given: Codes, random: np.random.Generator, allowed: Allowed | None) -> Codes:
        """One row for each row of `given`: int32 (rows, generated parts)."""
        result = np.empty((len(given), len(self.layout.parts) - self.layout.given), dtype=np.int32, order="F")
        masks, memory = self._masks(allowed), self.memory()
        kinds, head, which = None, 0, np.zeros(0, dtype=np.int64)
        if not self.layout.given:
            kinds, head = self._kinds(len(given), random, masks, memory)
            which = random.permutation(np.repeat(np.arange(len(kinds.count)), kinds.count))
        for at in range(0, len(given), TOGETHER):
            if kinds is None:
                rows = self._context(given[at : at + TOGETHER], memory)
            else:
                rows = kinds.take(which[at : at + TOGETHER], memory.context(min(TOGETHER, len(given) - at)))
            for number in range(head, len(self.heads)):
                shares = self._shares_of(number, rows, masks, memory)
                self._drawn(number, rows, _inverted(shares, random, memory), memory)
            for part in range(self.layout.given, len(self.layout.parts)):
                drawn = rows.inputs[part]
                size = self.layout.parts[part].size
                result[at : at + TOGETHER, part - self.layout.given] = (
                    drawn if self.layout.parts[part].of is None else np.where(drawn < size, drawn, 0)
                )
        return result

    def memory(self) -> _Memory:
        """What the steps of one drawing need; of one at a time."""
        units = max((inward.shape[1] for inward in self.weights.inward if inward is not None), default=1)
        return _Memory(self.layout, len(self._empty), units)

    def starts(self, codes: Codes) -> npt.NDArray[np.float64]:
        """(rows, given parts and the first generated ones, none of which refines another) → log-likelihood of these given those."""
        rest = np.zeros((len(codes), len(self.layout.parts) - codes.shape[1]), dtype=np.int32)
        return -self.surprise(np.concatenate((codes, rest), axis=1), codes.shape[1])

    def surprise(self, codes: Codes, parts: int | None = None) -> npt.NDArray[np.float64]:
        """The negative log-likelihood of each row in nats. parts: of so many parts alone, the first; those that refine come later."""
        result, memory = np.zeros(len(codes)), self.memory()
        for at in range(0, len(codes), TOGETHER):
            here = codes[at : at + TOGETHER]
            for number, rows, target in self.walk(here, memory):
                if parts is not None and self.heads[number].part >= parts:
                    break
                logits = self._logits_of(number, rows, memory).astype(np.float64)
                top = logits.max(axis=0)
                total = top + np.log(np.exp(logits - top).sum(axis=0))
                said = target >= 0
                picked = logits[np.maximum(target, 0), np.arange(len(here))] - total
                result[at : at + TOGETHER] -= np.where(said, picked, 0.0)
        return result

    def walk(self, codes: Codes, memory: _Memory) -> Iterator[tuple[int, _Rows, npt.NDArray[np.int32]]]:
        """Goes with at most `TOGETHER` known rows from head to head: its number, what is before it, what it would have drawn (or −1)."""
        rows = self._context(codes[:, : self.layout.given], memory)
        columns = self.layout.inputs(codes)
        for number, head in enumerate(self.heads):
            target = self.layout.target(head, columns[head.part])
            yield number, rows, target
            self._drawn(number, rows, np.maximum(target, 0), memory)

    def begun(self, given: Codes, memory: _Memory) -> _Rows:
        """Rows that are given, at most `TOGETHER`, to be drawn head after head by `shares` and `draw`."""
        return self._context(given, memory).take(np.arange(len(given)))

    def shares(self, number: int, rows: _Rows, memory: _Memory) -> Floats:
        """(codes, rows): shares, not yet summing to one."""
        return self._shares_of(number, rows, {}, memory).copy()

    def draw(self, number: int, rows: _Rows, shares: Floats, random: np.random.Generator, memory: _Memory) -> None:
        """A head's codes are drawn by their shares, which are not themselves afterwards, and become part of the rows."""
        self._drawn(number, rows, _inverted(shares, random, memory), memory)

    def spoken(self, number: int, rows: _Rows) -> npt.NDArray[np.bool_]:
        """Of which rows the part of a head says anything."""
        part = self.layout.parts[self.heads[number].part]
        if part.of is None or part.within is None:
            return np.ones(len(rows.count), dtype=np.bool_)
        above = rows.inputs[part.of]
        return np.asarray((above >= part.within[0]) & (above < part.within[1]))

    def _context(self, given: Codes, memory: _Memory) -> _Rows:
        """At most `TOGETHER` rows that are given."""
        context = memory.context(len(given))
        context[:] = self._empty
        rows = _Rows(context, {}, {}, np.ones(len(given), dtype=np.int64))
        for part in range(self.layout.given):
            self._added(rows, part, given[:, part].astype(np.intp), memory)
        return rows

    def _kinds(
        self, count: int, random: np.random.Generator, masks: dict[int, npt.NDArray[np.bool_]], memory: _Memory
    ) -> tuple[_Rows, int]:
        """As many heads as pay are drawn for kinds of rows; also the first head that is not."""
        rows = _Rows(self._empty[None].copy(), {}, {}, np.array([count], dtype=np.int64))
        for number in range(len(self.heads)):
            if KIND * len(rows.count) > count:
                return rows, number
            kinds, codes, counts = [], [], []
            for at in range(0, len(rows.count), TOGETHER):
                here = rows.part(at, at + TOGETHER)
                shares = self._shares_of(number, here, masks, memory).T.astype(np.float64)
                drawn = random.multinomial(here.count, shares / shares.sum(axis=1, keepdims=True))
                kind, code = np.nonzero(drawn)
                kinds.append(kind + at)
                codes.append(code)
                counts.append(drawn[kind, code])
            rows = rows.take(np.concatenate(kinds))
            rows.count = np.concatenate(counts)
            code = np.concatenate(codes)
            for at in range(0, len(code), TOGETHER):
                self._drawn(number, rows.part(at, at + TOGETHER), code[at : at + TOGETHER], memory)
            self._drawn(number, rows, code, None)
        return rows, len(self.heads)

    def _drawn(self, number: int, rows: _Rows, code: Ints, memory: _Memory | None) -> None:
        """A head's codes become part of the rows; of their context too, where there is memory for it (for `TOGETHER` rows)."""
        head = self.heads[number]
        if head.what == GROUP:
            rows.groups[head.part] = code
            return
        if head.what == MEMBER:
            codes = self._codes_of[head.part]
            code = codes.ravel().take(rows.groups[head.part] * codes.shape[1] + code)
        part = self.layout.parts[head.part]
        if part.of is not None and part.within is not None:
            above = rows.inputs[part.of]
            code[(above < part.within[0]) | (above >= part.within[1])] = part.size
        self._added(rows, head.part, code, memory if number < self._last else None)

    def _added(self, rows: _Rows, part: int, code: Ints, memory: _Memory | None) -> None:
        rows.inputs[part] = code
        if part in self.layout.groups:
            rows.groups[part] = self._group_of[part].take(code)
        if memory is not None:
            rows.context += self._embedding[part].take(code, axis=0, out=memory.embedded(len(code)), mode="clip")

    def _logits_of(self, number: int, rows: _Rows, memory: _Memory) -> Floats:
        """(codes, rows): the logarithms of shares, up to what is the same for all codes; in shared memory."""
        logits = self.of_table(number, rows, memory)
        outward = self.weights.outward[number]
        if outward is not None:
            hidden = self.hidden(number, self.seen(number, rows, memory), memory)
            logits += np.matmul(outward, hidden, out=memory.products(len(outward), len(rows.count)))
        return logits

    def of_table(self, number: int, rows: _Rows, memory: _Memory) -> Floats:
        """(codes, rows): what the counted table of a head says of rows; in shared memory."""
        logits = memory.codes(self.heads[number].size, len(rows.count))
        return self._logits[number].take(self._lines(self.weights.tables[number], rows), axis=1, out=logits, mode="clip")

    def hidden(self, number: int, context: Floats, memory: _Memory) -> Floats:
        """(units, rows): what the units of a head make of what it sees; in shared memory."""
        inward = self._inward[number]
        if inward is None:
            return np.empty((0, len(context)), dtype=np.float32)
        hidden = np.matmul(inward, context.T, out=memory.hidden(len(inward), len(context)))
        bent = hidden[: len(inward) - self.weights.straight[number]]
        np.maximum(bent, NOTHING, out=bent)
        return hidden

    def seen(self, number: int, rows: _Rows, memory: _Memory) -> Floats:
        """(rows, width + 1): the context a head looks at; in shared memory."""
        head, count = self.heads[number], len(rows.count)
        context, embedded = rows.context, memory.embedded(count)
        if self.weights.apart[number]:
            context = np.repeat(self._empty[None], count, axis=0)
            for part in self.layout.order[: self.layout.order.index(head.part)]:
                if part not in self.weights.apart[number]:
                    context += self._embedding[part].take(rows.inputs[part], axis=0)
        if head.what == MEMBER:
            self._embedding[-1 - head.part].take(rows.groups[head.part], axis=0, out=embedded, mode="clip")
            embedded += context
            context = embedded
        return context

    def _lines(self, table: Table, rows: _Rows) -> Ints:
        if not table.parents:
            return np.zeros(len(rows.count), dtype=np.intp)
        return table.row([(rows.groups if parent.group else rows.inputs)[parent.part] for parent in table.parents])

    def _shares_of(self, number: int, rows: _Rows, masks: dict[int, npt.NDArray[np.bool_]], memory: _Memory) -> Floats:
        """(codes, rows): shares, not yet summing to one; in shared memory."""
        ready = self._shares[number]
        if ready is not None:
            shares = memory.codes(self.heads[number].size, len(rows.count))
            ready.take(self._lines(self.weights.tables[number], rows), axis=1, out=shares, mode="clip")
        else:
            shares = self._logits_of(number, rows, memory)
            if shares.max(initial=0.0) > LARGEST_LOGIT:
                shares -= shares.max(axis=0)
            np.exp(shares, out=shares)
        part = self.heads[number].part
        return self._restricted(number, rows, shares, masks[part], memory) if part in masks else shares

    def _restricted(self, number: int, rows: _Rows, shares: Floats, mask: npt.NDArray[np.bool_], memory: _Memory) -> Floats:
        """Shares of the codes that are allowed. A group counts with what of it is allowed."""
        head = self.heads[number]
        if head.what == WHOLE:
            open_ = mask[:, None]
        else:
            codes = self._codes_of[head.part]
            members: npt.NDArray[np.bool_] = np.append(mask, False)[codes]
            if head.what == MEMBER:
                open_ = members[rows.groups[head.part]].T
            else:
                open_ = np.asarray(members.any(axis=1))[:, None]
                shares = shares.copy() * self._allowed_of_group(number, rows, members, memory)
        shares = np.where(open_, shares, np.float32(0))
        none = shares.sum(axis=0) <= 0
        if none.any():
            shares[:, none] = np.broadcast_to(open_, shares.shape)[:, none]
        return shares

    def _allowed_of_group(self, number: int, rows: _Rows, members: npt.NDArray[np.bool_], memory: _Memory) -> Floats:
        """(groups, rows): of each group the share of its members that are allowed."""
        part = self.heads[number].part
        result = np.zeros((len(members), len(rows.count)), dtype=np.float32)
        for group in np.flatnonzero(members.any(axis=1)):
            rows.groups[part] = np.full(len(rows.count), group)
            logits = self._logits_of(number + 1, rows, memory)
            shares = np.exp(logits - logits.max(axis=0))
            result[group] = shares[members[group]].sum(axis=0) / shares.sum(axis=0)
        return result

    def _masks(self, allowed: Allowed | None) -> dict[int, npt.NDArray[np.bool_]]:
        found = {}
        for part, mask in (allowed or {}).items():
            if not self.layout.given <= part < len(self.layout.parts) or mask.shape != (self.layout.parts[part].size,) or not mask.any():
                raise ValueError(f"codes allowed of part {part}: one truth value for each code of a part that is drawn, at least one true")
            found[part] = mask.astype(np.bool_)
        return found


def _inverted(shares: Floats, random: np.random.Generator, memory: _Memory) -> npt.NDArray[np.intp]:
    """(codes, rows) → by row a code, each with its share: how many cumulative shares lie under a random part of their sum."""
    codes, rows = shares.shape
    if codes == 1:
        return np.zeros(rows, dtype=np.intp)
    for line, before in zip(shares[1:], shares[:-1], strict=True):
        line += before
    least = random.random(rows, dtype=np.float32)
    least *= shares[-1]
    least *= BELOW_ALL
    under = np.less_equal(shares[:-1], least, out=memory.under(codes - 1, rows))
    return np.asarray(np.add.reduce(under.view(np.uint8), axis=0, dtype=np.uint8), dtype=np.intp)
