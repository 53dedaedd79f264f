"""Drawing rows, in NumPy alone: one small step a head for each row that is unlike the others so far.

A draw inverts the cumulative shares. Rows that agree in all codes so far are drawn together, by multinomial counts; there are few such
kinds of row at first, and when there are too many each row goes on by itself. Arrays of shares are (codes, rows): sums over codes are then
sums of whole lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes
from generators.learning.model import Allowed
from generators.models.autoregressive.layout import GROUP, MEMBER, WHOLE, Layout, code_of
from generators.models.autoregressive.tables import Table

TOGETHER = 8192
"""Rows that are drawn in one step: what they need stays in the processor's cache."""
BELOW_ALL = np.float32(1 - 2**-22)
"""Keeps a draw from rounding up to the whole sum, which codes of no share at the end have too."""
LARGEST_LOGIT = 60.0
"""Above this, exponentials are taken relative to the largest."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """What was learned. embedding: (input codes and groups, width), as `Layout.starts` says.

    inward: by head (width + 1, units), the last line the bias; None where the table alone says it. outward: by head (codes, units).
    tables: by head. apart: by head the parts it may not look at.
    """

    embedding: Floats
    inward: Sequence[Floats | None]
    outward: Sequence[Floats | None]
    tables: Sequence[Table]
    apart: Sequence[tuple[int, ...]]


@dataclass
class _Rows:
    """Kinds of rows under way. context: (kinds, width + 1), its last column 1; inputs, groups: by part its codes so far; count: of each."""

    context: Floats
    inputs: dict[int, Ints]
    groups: dict[int, Ints]
    count: npt.NDArray[np.int64]

    def take(self, which: Ints) -> _Rows:
        inputs = {part: codes[which] for part, codes in self.inputs.items()}
        groups = {part: codes[which] for part, codes in self.groups.items()}
        return _Rows(self.context[which], inputs, groups, np.ones(len(which), dtype=np.int64))


class Drawing:
    """A model's ways of drawing and of telling how likely rows are."""

    def __init__(self, layout: Layout, weights: Weights) -> None:
        self.layout, self.weights, self.heads = layout, weights, layout.heads
        self._logits = [np.ascontiguousarray(table.log_shares.T) for table in weights.tables]
        self._shares = [np.exp(logits) if inward is None else None for logits, inward in zip(self._logits, weights.inward, strict=True)]
        width = weights.embedding.shape[1]
        self._embedding = np.concatenate([weights.embedding, np.zeros((len(weights.embedding), 1), dtype=np.float32)], axis=1)
        self._empty = np.zeros(width + 1, dtype=np.float32)
        self._empty[-1] = 1
        active = [i for i, inward in enumerate(weights.inward) if inward is not None]
        self._last = active[-1] if active else -1
        # As NumPy numbers: codes of small parts come as bytes, which a plain number beyond them does not fit.
        self._starts = {number: np.int64(at) for number, at in layout.starts[0].items()}
        self._codes_of = {part: code_of(places) for part, places in layout.groups.items()}

    def rows(self, given: Codes, random: np.random.Generator, allowed: Allowed | None) -> Codes:
        """One row for each row of `given`: int32 (rows, generated parts)."""
        result = np.empty((len(given), len(self.layout.parts) - self.layout.given), dtype=np.int32)
        masks = self._masks(allowed)
        if not self.layout.given:
            kinds, head = self._kinds(len(given), random, masks)
            which = random.permutation(np.repeat(np.arange(len(kinds.count)), kinds.count))
        else:
            kinds, head = self._context(given), 0
            which = np.arange(len(given))
        for at in range(0, len(given), TOGETHER):
            rows = kinds.take(which[at : at + TOGETHER])
            for number in range(head, len(self.heads)):
                shares = self._shares_of(number, rows, masks)
                self._drawn(number, rows, _inverted(shares, random))
            for part in range(self.layout.given, len(self.layout.parts)):
                drawn = rows.inputs[part]
                size = self.layout.parts[part].size
                result[at : at + TOGETHER, part - self.layout.given] = (
                    drawn if self.layout.parts[part].of is None else np.where(drawn < size, drawn, 0)
                )
        return result

    def starts(self, codes: Codes) -> npt.NDArray[np.float64]:
        """(rows, given parts and the first generated ones, none of which refines another) → log-likelihood of these given those."""
        rest = np.zeros((len(codes), len(self.layout.parts) - codes.shape[1]), dtype=np.int32)
        return -self.surprise(np.concatenate((codes, rest), axis=1), codes.shape[1])

    def surprise(self, codes: Codes, parts: int | None = None) -> npt.NDArray[np.float64]:
        """The negative log-likelihood of each row in nats. parts: of so many parts alone, the first; those that refine come later."""
        result = np.zeros(len(codes))
        for at in range(0, len(codes), TOGETHER):
            here = codes[at : at + TOGETHER]
            rows = self._context(here[:, : self.layout.given])
            columns = self.layout.inputs(here)
            for number, head in enumerate(self.heads):
                if parts is not None and head.part >= parts:
                    break
                target = self.layout.target(head, columns[head.part])
                logits = self._logits_of(number, rows).astype(np.float64)
                top = logits.max(axis=0)
                total = top + np.log(np.exp(logits - top).sum(axis=0))
                said = target >= 0
                picked = logits[np.maximum(target, 0), np.arange(len(here))] - total
                result[at : at + TOGETHER] -= np.where(said, picked, 0.0)
                self._drawn(number, rows, np.maximum(target, 0))
        return result

    def _context(self, given: Codes) -> _Rows:
        rows = _Rows(np.repeat(self._empty[None], len(given), axis=0), {}, {}, np.ones(len(given), dtype=np.int64))
        for part in range(self.layout.given):
            self._added(rows, part, given[:, part].astype(np.int32))
        return rows

    def _kinds(self, count: int, random: np.random.Generator, masks: dict[int, npt.NDArray[np.bool_]]) -> tuple[_Rows, int]:
        """As many heads as pay are drawn for kinds of rows; also the first head that is not."""
        rows = _Rows(self._empty[None].copy(), {}, {}, np.array([count], dtype=np.int64))
        for number, head in enumerate(self.heads):
            if len(rows.count) * head.size > count:
                return rows, number
            shares = self._shares_of(number, rows, masks).T.astype(np.float64)
            drawn = random.multinomial(rows.count, shares / shares.sum(axis=1, keepdims=True))
            kind, code = np.nonzero(drawn)
            counts = drawn[kind, code]
            rows = rows.take(kind)
            rows.count = counts
            self._drawn(number, rows, code)
        return rows, len(self.heads)

    def _drawn(self, number: int, rows: _Rows, code: Ints) -> None:
        """A head's codes become part of the rows."""
        head = self.heads[number]
        if head.what == GROUP:
            rows.groups[head.part] = code
            return
        if head.what == MEMBER:
            code = self._codes_of[head.part][rows.groups[head.part], code]
        part = self.layout.parts[head.part]
        if part.of is not None and part.within is not None:
            above = rows.inputs[part.of]
            code = np.where((above >= part.within[0]) & (above < part.within[1]), code, part.size)
        self._added(rows, head.part, code, number < self._last)

    def _added(self, rows: _Rows, part: int, code: Ints, seen: bool = True) -> None:
        rows.inputs[part] = code
        if part in self.layout.groups:
            rows.groups[part] = self.layout.group(part, code)
        if seen:
            rows.context += self._embedding.take(code + self._starts[part], axis=0)

    def _logits_of(self, number: int, rows: _Rows) -> Floats:
        """(codes, rows): the logarithms of shares, up to what is the same for all codes."""
        table = self.weights.tables[number]
        lines = self._lines(table, rows)
        logits = self._logits[number].take(lines, axis=1)
        inward, outward = self.weights.inward[number], self.weights.outward[number]
        if inward is None or outward is None:
            return logits
        head = self.heads[number]
        context = rows.context
        if self.weights.apart[number]:
            context = np.repeat(self._empty[None], len(rows.count), axis=0)
            for part in self.layout.order[: self.layout.order.index(head.part)]:
                if part not in self.weights.apart[number]:
                    context += self._embedding.take(rows.inputs[part] + self._starts[part], axis=0)
        if head.what == MEMBER:
            context = context + self._embedding.take(rows.groups[head.part] + self._starts[-1 - head.part], axis=0)
        hidden = context @ inward
        np.maximum(hidden, 0, out=hidden)
        logits += outward @ hidden.T
        return logits

    def _lines(self, table: Table, rows: _Rows) -> Ints:
        if not table.parents:
            return np.zeros(len(rows.count), dtype=np.intp)
        return table.row([(rows.groups if parent.group else rows.inputs)[parent.part] for parent in table.parents])

    def _shares_of(self, number: int, rows: _Rows, masks: dict[int, npt.NDArray[np.bool_]]) -> Floats:
        """(codes, rows): shares, not yet summing to one."""
        ready = self._shares[number]
        if ready is not None:
            shares = ready.take(self._lines(self.weights.tables[number], rows), axis=1)
        else:
            shares = self._logits_of(number, rows)
            if shares.max(initial=0.0) > LARGEST_LOGIT:
                shares -= shares.max(axis=0)
            np.exp(shares, out=shares)
        part = self.heads[number].part
        return self._restricted(number, rows, shares, masks[part]) if part in masks else shares

    def _restricted(self, number: int, rows: _Rows, shares: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
        """Shares of the codes that are allowed. A group counts with what of it is allowed."""
        head = self.heads[number]
        if head.what == WHOLE:
            open_ = mask[:, None]
        else:
            codes = self._codes_of[head.part]
            members: npt.NDArray[np.bool_] = np.asarray((codes >= 0) & mask[np.maximum(codes, 0)])
            if head.what == MEMBER:
                open_ = members[rows.groups[head.part]].T
            else:
                open_ = members.any(axis=1)[:, None]
                shares = shares * self._allowed_of_group(number, rows, members)
        shares = np.where(open_, shares, np.float32(0))
        none = shares.sum(axis=0) <= 0
        if none.any():
            shares[:, none] = np.broadcast_to(open_, shares.shape)[:, none]
        return shares

    def _allowed_of_group(self, number: int, rows: _Rows, members: npt.NDArray[np.bool_]) -> Floats:
        """(groups, rows): of each group the share of its members that are allowed."""
        part = self.heads[number].part
        result = np.zeros((len(members), len(rows.count)), dtype=np.float32)
        for group in np.flatnonzero(members.any(axis=1)):
            rows.groups[part] = np.full(len(rows.count), group)
            logits = self._logits_of(number + 1, rows)
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


def _inverted(shares: Floats, random: np.random.Generator) -> npt.NDArray[np.intp]:
    """(codes, rows) → by row a code, each with its share: how many cumulative shares lie under a random part of their sum."""
    drawn = np.zeros(shares.shape[1], dtype=np.uint8)
    if len(shares) == 1:
        return drawn.astype(np.intp)
    np.cumsum(shares, axis=0, out=shares)
    least = random.random(shares.shape[1], dtype=np.float32)
    least *= shares[-1] * BELOW_ALL
    under = np.empty(shares.shape[1], dtype=np.bool_)
    for line in shares[:-1]:
        np.less_equal(line, least, out=under)
        drawn += under.view(np.uint8)
    return drawn.astype(np.intp)
