"""Counted tables beside the network: the logarithm of a head's shares given one or two earlier parts.

Which parts, and how strongly shares of few rows are drawn towards those of more, is chosen by the likelihood of rows held out in turn,
by person. Shares back off as in interpolated smoothing (Jelinek & Mercer 1980): given two parts to given one, to given none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.models.autoregressive.layout import MEMBER, Head, Layout, code_of

FOLDS = 4
STRENGTHS = (2.0, 8.0, 32.0, 128.0, 512.0)
"""Of the smoothing, in rows."""
CELLS = 1_500_000
"""The most a table may have,"""
CELLS_A_ROW = 12
"""and the most for each row there is to count, of more nearly all would hold fewer than the least persons;"""
CELLS_ANYWAY = 60_000
"""but so many in any case: they cost little, and what columns of many codes have to do with each other may lie in few of them."""
LOOKED_AT = 30_000
"""Rows by which parents are compared first."""
PROMISING = 8
"""Parts that are tried as a second parent: those that told most as the first."""
LEAST_GAIN = 2e-4
"""Nats a row another parent must bring."""

NEVER = -1e9
"""The logarithm of the share of a code there is not."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """What a table can hang on. part: its number; group: its group alone (of the head's own part); size: how many codes."""

    part: int
    group: bool
    size: int


@dataclass(frozen=True)
class Table:
    """log_shares: float32 (product of the sizes of `parents`, codes of the head), by the parents' codes, the first the slowest."""

    parents: tuple[Source, ...]
    log_shares: npt.NDArray[np.float32]

    def row(self, codes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
        """Which row of `log_shares` holds. codes: by parent."""
        if not codes:
            return np.zeros(0, dtype=np.int64)
        row = codes[0].astype(np.int64)
        for parent, column in zip(self.parents[1:], codes[1:], strict=True):
            row *= parent.size
            row += column
        return row


@dataclass
class _Counts:
    """Cells of one table counted by fold. row: which row of the table each record falls in."""

    row: Ints
    cell: Ints
    fold: Ints
    rows: int
    size: int
    least: int

    def __post_init__(self) -> None:
        cells = np.bincount(self.cell * FOLDS + self.fold, minlength=self.rows * self.size * FOLDS).reshape(-1, FOLDS)
        others = cells.sum(axis=1, keepdims=True) - cells
        others[others < self.least] = 0
        rows = np.bincount(self.row * FOLDS + self.fold, minlength=self.rows * FOLDS).reshape(-1, FOLDS)
        kept = others.reshape(self.rows, self.size, FOLDS).sum(axis=1)
        self.of_cell = others[self.cell, self.fold].astype(np.float64)
        self.of_row = (rows.sum(axis=1)[self.row] - rows[self.row, self.fold]).astype(np.float64)
        self.kept = kept[self.row, self.fold].astype(np.float64)

    def shares(self, behind: Floats, strength: float) -> Floats:
        """By record the share of its code among records of other folds, drawn towards `behind`."""
        return np.asarray((self.of_cell + (self.of_row - self.kept + strength) * behind) / (self.of_row + strength))

    def best(self, behind: Floats) -> tuple[float, float, Floats]:
        """The mean likelihood a record, the strength that gives the highest, and the shares with it."""
        tried = []
        for strength in STRENGTHS:
            shares = self.shares(behind, strength)
            tried.append((float(np.log(shares).mean()), strength, shares))
        return max(tried, key=lambda each: each[0])


@dataclass
class TableChooser:
    """Chooses the tables of all heads. columns: by part, of `Layout.inputs`; persons: by row; apart: pairs no table may join.

    least: a count of fewer persons is not kept: its rows count towards the shares behind.
    """

    layout: Layout
    columns: Sequence[npt.NDArray[np.int32]]
    persons: npt.NDArray[np.int64]
    apart: frozenset[tuple[int, int]]
    least: int
    seed: int

    def __post_init__(self) -> None:
        random = np.random.default_rng([self.seed, 71])
        folds = random.integers(0, FOLDS, int(self.persons.max()) + 1)
        self._fold = folds[self.persons]
        rows = len(self.persons)
        self._few = np.sort(random.choice(rows, LOOKED_AT, replace=False)) if rows > 2 * LOOKED_AT else np.arange(rows)
        self._groups = {part: self.layout.group(part, self.columns[part]) for part in self.layout.groups}
        self._most_cells = min(CELLS, max(CELLS_ANYWAY, CELLS_A_ROW * rows))
        self._alone = len(np.unique(self.persons)) == rows

    def table(self, head: Head, most: int) -> tuple[Table, npt.NDArray[np.float32]]:
        """The table of one head, hanging on at most `most` parents (beside the group of its own code).

        Also by row what the logarithm of its own code's share would change if the records of its person were not counted: a network that
        learned beside a table which has seen the very record would learn too little.
        """
        target = self.layout.target(head, self.columns[head.part])
        counts_all = np.flatnonzero(target >= 0)
        few = self._few[target[self._few] >= 0]
        if not len(few):
            return Table((), np.full((1, head.size), -np.log(head.size), dtype=np.float32)), np.zeros(len(target), dtype=np.float32)
        parents: list[Source] = []
        strengths = [1.0]
        own = self._own(head)
        uniform = np.full(len(few), 1 / head.size)
        score, strengths[0], behind = self._counts(target, few, [], head.size).best(uniform)
        for forced in own:
            score, strength, behind = self._counts(target, few, [forced], head.size).best(behind)
            parents, strengths = [forced], [*strengths, strength]
        candidates = self._candidates(head)
        for _ in range(most):
            tried: list[tuple[float, float, Floats, Source]] = []
            for source in candidates:
                if source in parents or np.prod([s.size for s in (*parents, source)], dtype=float) * head.size > self._most_cells:
                    continue
                tried.append((*self._counts(target, few, [*parents, source], head.size).best(behind), source))
            if not tried:
                break
            better = max(tried, key=lambda each: each[0])
            if better[0] < score + LEAST_GAIN:
                break
            score, behind = better[0], better[2]
            candidates = [each[3] for each in sorted(tried, key=lambda each: -each[0])[:PROMISING]]
            parents, strengths = [*parents, better[3]], [*strengths, better[1]]
        return self._final(head, target, counts_all, parents, strengths)

    def counted(self, head: Head) -> Floats:
        """Records of each code of a head, of a member (groups, members): 0 where they are of fewer than `least` persons."""
        target = self.layout.target(head, self.columns[head.part])
        rows = np.flatnonzero(target >= 0)
        shape = (int(self.layout.groups[head.part][:, 0].max()) + 1, head.size) if head.what == MEMBER else (head.size,)
        group = self._groups[head.part][rows] if head.what == MEMBER else np.zeros(len(rows), dtype=np.int64)
        return self._counted(group.astype(np.int64) * head.size + target[rows], rows, int(np.prod(shape)))[0].reshape(shape)

    def _own(self, head: Head) -> list[Source]:
        """What a head hangs on by its nature: a member on its group, what refines on what it refines."""
        if head.what == MEMBER:
            return [self._group(head.part)]
        of = self.layout.parts[head.part].of
        return [] if of is None or not self._joined(head.part, of) else [Source(of, False, self.layout.input_size(of))]

    def _group(self, part: int) -> Source:
        return Source(part, True, self.layout.group_size(part))

    def _joined(self, one: int, other: int) -> bool:
        return (min(one, other), max(one, other)) not in self.apart

    def _candidates(self, head: Head) -> list[Source]:
        before = self.layout.order[: self.layout.order.index(head.part)]
        found = []
        for part in before:
            if not self._joined(part, head.part):
                continue
            found.append(Source(part, False, self.layout.input_size(part)))
            if part in self._groups:
                found.append(self._group(part))
        return found

    def codes(self, source: Source, rows: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        """What the rows hold of a source."""
        return np.asarray((self._groups[source.part] if source.group else self.columns[source.part])[rows], dtype=np.int32)

    def _row(self, parents: Sequence[Source], rows: npt.NDArray[Any]) -> Ints:
        found = np.zeros(len(rows), dtype=np.int64)
        for parent in parents:
            found = found * parent.size + self.codes(parent, rows)
        return found

    def _counts(self, target: npt.NDArray[np.int32], rows: npt.NDArray[Any], parents: Sequence[Source], size: int) -> _Counts:
        row = self._row(parents, rows)
        return _Counts(row, row * size + target[rows], self._fold[rows], int(np.prod([p.size for p in parents])), size, self.least)

    def _final(
        self, head: Head, target: npt.NDArray[np.int32], rows: npt.NDArray[Any], parents: list[Source], strengths: list[float]
    ) -> tuple[Table, npt.NDArray[np.float32]]:
        """Counted over all rows, cells of fewer than `least` persons left to the shares behind."""
        shares = np.full((1, head.size), 1 / head.size)
        without = np.full(len(rows), 1 / head.size)
        for depth in range(len(parents) + 1):
            row = self._row(parents[:depth], rows)
            count = int(np.prod([p.size for p in parents[:depth]]))
            cell = row * head.size + target[rows]
            cells, others, own = self._counted(cell, rows, count * head.size)
            total = np.bincount(row, minlength=count).astype(np.float64)
            behind = total - cells.reshape(count, head.size).sum(axis=1) + strengths[depth]
            left = np.maximum(cells[cell] - own, 0)
            kept = np.where(others < self.least, 0.0, left)
            without = (kept + (behind[row] + left - kept) * without) / (total + strengths[depth])[row]
            shares = cells.reshape(count, head.size) + behind[:, None] * np.repeat(shares, count // len(shares), axis=0)
            shares /= (total + strengths[depth])[:, None]
        correction = np.zeros(len(target), dtype=np.float32)
        correction[rows] = np.log(without) - np.log(shares.reshape(-1)[cell])
        with np.errstate(divide="ignore"):
            logarithms = np.log(shares * self._there(head, parents)).astype(np.float32)
        return Table(tuple(parents), np.maximum(logarithms, np.float32(NEVER))), correction

    def _there(self, head: Head, parents: list[Source]) -> npt.NDArray[np.bool_]:
        """(rows of the table, codes): which codes there are: groups of a large part are not all of one size."""
        if head.what != MEMBER:
            return np.ones((1, head.size), dtype=np.bool_)
        there = code_of(self.layout.groups[head.part]) >= 0
        there = np.concatenate([there, np.ones((parents[0].size - len(there), head.size), dtype=np.bool_)])
        return np.repeat(there, int(np.prod([p.size for p in parents[1:]])), axis=0)

    def _counted(self, cell: Ints, rows: npt.NDArray[Any], count: int) -> tuple[Floats, Ints, Floats]:
        """Rows by cell, none where fewer than `least` persons are; by row how many other persons its cell has, and rows of its own."""
        cells = np.bincount(cell, minlength=count)
        if self._alone:
            return np.where(cells < self.least, 0.0, cells), cells[cell] - 1, np.ones(len(rows))
        many = int(self.persons.max()) + 1
        pairs, place, times = np.unique(cell * many + self.persons[rows], return_inverse=True, return_counts=True)
        persons = np.bincount(pairs // many, minlength=count)
        return np.where(persons < self.least, 0.0, cells), persons[cell] - 1, times[place].astype(np.float64)
