"""What the leaves of a grown tree count, over all rows, and taking back leaves that speak for too few persons."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from generators.models.cart.tree import Floats, Ints, Tree

WIDER = 8
"""The wider table of a leaf has at least so many times its rows."""


@dataclass
class Branches:
    """A grown tree and the rows in it. mine, persons, leaves: (rows,): code, person, and leaf each row ends at.

    left, right: (nodes,): the nodes below, −1 at leaves; numbers rise from root to leaf, branch by branch. feature, limit: the questions.
    `tree(least)` may be called again with a higher `least`, never a lower one.
    """

    size: int
    mine: Ints
    persons: npt.NDArray[np.int64]
    leaves: Ints
    left: Ints
    right: Ints
    feature: Ints
    limit: Floats
    ranks: npt.NDArray[np.int32]
    _end: Ints = field(init=False)
    _cells: tuple[Ints, Ints] = field(init=False)
    _pairs: tuple[Ints, Ints] | None = field(init=False)

    def __post_init__(self) -> None:
        self._end = np.arange(len(self.left))
        cells, counts = np.unique(self.leaves * self.size + self.mine, return_counts=True)
        self._cells = cells, counts
        people = int(self.persons.max(initial=0)) + 1
        alone = not len(self.persons) or int(np.bincount(self.persons).max()) == 1
        self._pairs = None if alone else _divided(np.unique(self.leaves * people + self.persons), people)
        self._levels = _levels(self.left, self.right)
        self._parent = np.full(len(self.left), -1, dtype=np.int64)
        inner = np.flatnonzero(self.left >= 0)
        self._parent[self.left[inner]] = self._parent[self.right[inner]] = inner

    @staticmethod
    def root(size: int, mine: Ints, persons: npt.NDArray[np.int64], ranks: npt.NDArray[np.int32]) -> Branches:
        """A tree that asks nothing; without any rows every code is as likely."""
        if not len(mine):
            mine, persons = np.arange(size), np.arange(size)
        none = np.full(1, -1, dtype=np.int64)
        return Branches(size, mine, persons, np.zeros(len(mine), dtype=np.int64), none, none, none, np.zeros(1), ranks)

    def tree(self, least: int) -> Tree:
        """The tree whose leaves speak for at least so many persons each."""
        self._prune(least)
        end = self._end
        kept = np.flatnonzero(end == np.arange(len(end)))
        number = np.zeros(len(end), dtype=np.int64)
        number[kept] = np.arange(len(kept))
        ends = np.zeros(len(end), dtype=np.bool_)
        ends[end[self._cells[0] // self.size]] = True
        inner = ~ends[kept]
        left, right = np.where(inner, number[self.left[kept]], -1), np.where(inner, number[self.right[kept]], -1)
        leaf, pool, start, code, chance = self._tables(number[end], inner, left, right)
        return Tree(
            self.size,
            np.where(inner, self.feature[kept], -1).astype(np.int32),
            np.where(inner, np.floor(self.limit[kept]), 0).astype(np.int32),
            left.astype(np.int32),
            right.astype(np.int32),
            self.ranks,
            leaf,
            pool,
            start,
            code,
            chance,
            0.0,
        )

    def _prune(self, least: int) -> None:
        """Take every leaf with fewer than `least` persons back into the node above it, until there is none."""
        end, nodes = self._end, len(self.left)
        while True:
            if self._pairs is None:
                held = np.bincount(end[self._cells[0] // self.size], weights=self._cells[1], minlength=nodes)
            else:
                people = int(self._pairs[1].max()) + 1
                self._pairs = _divided(np.unique(end[self._pairs[0]] * people + self._pairs[1]), people)
                held = np.bincount(self._pairs[0], minlength=nodes)
            few = np.flatnonzero((held > 0) & (held < least) & (self._parent >= 0))
            if not len(few):
                return
            end[self._parent[few]] = -1
            for level in self._levels[1:]:
                parent = self._parent[level]
                above = end[parent]
                end[level] = np.where(above == -1, parent, np.where(above != parent, above, end[level]))
            closed = np.flatnonzero(end == -1)
            end[closed] = closed

    def _tables(
        self, at: Ints, inner: npt.NDArray[np.bool_], left: Ints, right: Ints
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Ints, npt.NDArray[np.int32], Floats]:
        """Of the nodes that are left: leaf, pool, start, code and chance of `Tree`. at: (old nodes,): the new node each ends at."""
        cells, counts = self._cells
        cells, place = np.unique(at[cells // self.size] * self.size + cells % self.size, return_inverse=True)
        counts = np.bincount(place, weights=counts)
        holder, code = np.divmod(cells, self.size)
        nodes = len(inner)
        rows = np.bincount(holder, weights=counts, minlength=nodes)
        last, parent = np.arange(nodes), np.zeros(nodes, dtype=np.int64)
        for level in reversed(_levels(left, right)):
            within = level[inner[level]]
            rows[within] = rows[left[within]] + rows[right[within]]
            last[within] = last[right[within]]
            parent[left[within]] = parent[right[within]] = within
        finals = np.flatnonzero(~inner)
        wide = parent[finals]
        while (narrow := (rows[wide] < WIDER * rows[finals]) & (wide > 0)).any():
            wide = np.where(narrow, parent[wide], wide)
        pools = np.setdiff1d(np.unique(np.concatenate([[0], wide])), finals)
        codes, chances, sizes = [], [], []
        for node in pools:
            a, b = np.searchsorted(holder, [node, last[node] + 1])
            total = np.bincount(code[a:b], weights=counts[a:b], minlength=self.size)
            some = np.flatnonzero(total)
            codes.append(some)
            chances.append(total[some] / total.sum())
            sizes.append(len(some))
        own = np.bincount(holder, minlength=nodes)[finals]
        tables = np.concatenate([pools, finals])
        number = np.zeros(nodes, dtype=np.int32)
        number[tables] = np.arange(len(tables))
        leaf, pool = np.full(nodes, -1, dtype=np.int32), np.full(nodes, -1, dtype=np.int32)
        leaf[finals], pool[finals] = number[finals], number[wide]
        start = np.concatenate([[0], np.cumsum([*sizes, *own])]).astype(np.int64)
        chance = np.concatenate([*chances, counts / rows[holder]])
        return leaf, pool, start, np.concatenate([*codes, code]).astype(np.int32), chance


def _divided(pairs: Ints, by: int) -> tuple[Ints, Ints]:
    return pairs // by, pairs % by


def _levels(left: Ints, right: Ints) -> list[Ints]:
    """The numbers of the nodes, level after level from the root."""
    found = [np.zeros(1, dtype=np.int64)]
    while len(inner := found[-1][left[found[-1]] >= 0]):
        found.append(np.concatenate([left[inner], right[inner]]))
    return found
