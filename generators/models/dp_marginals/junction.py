"""A distribution over coded columns as a tree of cliques: calibration, exact sampling, probability of a row.

Source: S. Lauritzen and D. Spiegelhalter, Local Computations with Probabilities on Graphical Structures, 1988; R. Cowell and others,
Probabilistic Networks and Expert Systems, 1999, chapter 6.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Clique = tuple[int, ...]
_LEAST = 1e-300


def cliques(sizes: Sequence[int], pairs: Iterable[tuple[int, ...]]) -> list[Clique]:
    """Sets of parts that hold every one of `pairs` and can stand in a tree, by elimination: parts that join none anew first, then of the
    smallest table.
    """
    graph: list[set[int]] = [set() for _ in sizes]
    for pair in pairs:
        for a, b in itertools.permutations(pair, 2):
            graph[a].add(b)

    def burden(v: int) -> tuple[bool, int, int]:
        filled = any(b not in graph[a] for a, b in itertools.combinations(graph[v], 2))
        return filled, math.prod(sizes[u] for u in graph[v]) * sizes[v], v

    burdens, found = {v: burden(v) for v in range(len(sizes))}, list[Clique]()
    while burdens:
        first = min(burdens.values())[2]
        del burdens[first]
        near = graph[first]
        clique = tuple(sorted({first, *near}))
        joined = {v for a, b in itertools.combinations(near, 2) if b not in graph[a] for v in (a, b)}
        for a, b in itertools.permutations(near, 2):
            graph[a].add(b)
        for other in near:
            graph[other].discard(first)
        # Only of parts beside what changed can the burden be another.
        for other in near.union(*(graph[v] for v in joined)) & burdens.keys():
            burdens[other] = burden(other)
        if not any(set(clique) <= set(c) for c in found):
            found.append(clique)
    return found


def cells(sizes: Sequence[int], tables: Iterable[Clique]) -> int:
    """How many cells these tables have."""
    return sum(math.prod(sizes[v] for v in c) for c in tables)


@dataclass(frozen=True)
class JunctionTree:
    """Cliques (sorted numbers of parts) in an order in which each shares with those before it only what it shares with its parent.

    sizes: codes of each part; parents: by clique the place of its parent, −1 for the first of each connected group.
    """

    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]

    @staticmethod
    def of(sizes: Sequence[int], pairs: Iterable[tuple[int, ...]]) -> JunctionTree:
        """The tree whose cliques hold every one of `pairs`, by elimination: parts that join none anew first, then of the smallest table."""
        return JunctionTree._ordered(tuple(sizes), cliques(sizes, pairs))

    @staticmethod
    def _ordered(sizes: tuple[int, ...], cliques: list[Clique]) -> JunctionTree:
        """A spanning tree of the largest shared parts (F. Jensen and F. Jensen, Optimal Junction Trees, 1994), roots first."""
        members = [set(c) for c in cliques]
        order, parents = list[int](), dict[int, int]()
        # By clique that waits: how many parts it shares with the one that is placed and shares most, and which that is.
        waiting = dict.fromkeys(range(len(cliques)), (0, -1))
        while waiting:
            at = min(waiting, key=lambda b: (-waiting[b][0], b))
            parents[at] = waiting.pop(at)[1]
            order.append(at)
            for other, (shared, parent) in waiting.items():
                here = len(members[at] & members[other])
                if here > shared or (here == shared > 0 and at < parent):
                    waiting[other] = here, at
        place = {clique: n for n, clique in enumerate(order)}
        return JunctionTree(sizes, tuple(cliques[n] for n in order), tuple(place.get(parents[n], -1) for n in order))

    @property
    def cells(self) -> int:
        """How many cells the tables of all cliques have."""
        return cells(self.sizes, self.cliques)

    def enlarged(self) -> Callable[[tuple[int, int]], int]:
        """How many cells there need be when a pair of parts is counted too: one of them joins every clique on the way to the other.

        `cliques` finds about as few, seldom a few more.
        """
        own = [math.prod(self.shape(n)) for n in range(len(self.cliques))]
        beside: list[list[int]] = [[] for _ in own]
        for n, parent in enumerate(self.parents):
            if parent >= 0:
                beside[n].append(parent)
                beside[parent].append(n)
        holding: list[list[int]] = [[] for _ in self.sizes]
        for n, clique in enumerate(self.cliques):
            for part in clique:
                holding[part].append(n)
        total = sum(own)

        @cache
        def added(part: int) -> dict[int, int]:
            """By clique the cells that are added when the part joins all on the way there."""
            cost = dict.fromkeys(holding[part], 0)
            waiting = list(cost)
            for here in waiting:
                for there in beside[here]:
                    if there not in cost:
                        cost[there] = cost[here] + own[there] * (self.sizes[part] - 1)
                        waiting.append(there)
            return cost

        def way(one: int, other: int) -> int:
            apart = self.sizes[one] * self.sizes[other]  # in two trees that nothing joins: a clique of their own
            return min((added(one).get(n, apart) for n in holding[other]), default=apart)

        return lambda pair: total + min(way(*pair), way(*pair[::-1]))

    def shape(self, number: int) -> tuple[int, ...]:
        """Of the table of a clique."""
        return tuple(self.sizes[v] for v in self.cliques[number])

    def shared(self, number: int) -> Clique:
        """What a clique shares with its parent."""
        parent = self.parents[number]
        return () if parent < 0 else tuple(sorted(set(self.cliques[number]) & set(self.cliques[parent])))

    def holding(self, parts: tuple[int, ...]) -> int:
        """The smallest clique with all of these parts."""
        with_all = [n for n, c in enumerate(self.cliques) if set(parts) <= set(c)]
        return min(with_all, key=lambda n: math.prod(self.shape(n)))

    def calibrated(self, potentials: Sequence[Floats]) -> list[Floats]:
        """The probabilities of each clique's cells under the product of exp(potentials)."""
        weights = [np.exp(p - p.max()) for p in potentials]
        up: list[Floats] = [np.ones(())] * len(weights)
        for n in range(len(weights) - 1, -1, -1):
            parent = self.parents[n]
            if parent < 0:
                continue
            message = _summed(weights[n], self.cliques[n], self.shared(n))
            up[n] = message / max(message.max(), _LEAST)
            weights[parent] = weights[parent] * spread(up[n], self.shared(n), self.cliques[parent])
        for n, parent in enumerate(self.parents):
            if parent < 0:
                weights[n] = weights[n] / max(weights[n].sum(), _LEAST)
                continue
            above = _summed(weights[parent], self.cliques[parent], self.shared(n))
            ratio = above / np.maximum(_summed(weights[n], self.cliques[n], self.shared(n)), _LEAST)
            weights[n] = weights[n] * spread(ratio, self.shared(n), self.cliques[n])
        return weights


def _summed(table: Floats, clique: Clique, kept: Clique) -> Floats:
    away = tuple(at for at, v in enumerate(clique) if v not in kept)
    return table.sum(axis=away) if away else table


def marginal(table: Floats, clique: Clique, kept: Clique) -> Floats:
    """The table of the parts `kept` (sorted), summed over the others of the clique."""
    return _summed(table, clique, kept)


def spread(table: Floats, parts: Clique, clique: Clique) -> Floats:
    """A table of some parts of a clique with an axis for each of the clique's."""
    sizes = dict(zip(parts, table.shape, strict=True))
    return table.reshape([sizes.get(v, 1) for v in clique])


@dataclass(frozen=True)
class Distribution:
    """A calibrated tree. beliefs: by clique the probabilities of its cells."""

    tree: JunctionTree
    beliefs: tuple[Floats, ...]

    def sample(self, rows: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
        """(rows, parts): exact draws, clique after clique given what it shares with its parent."""
        codes = np.zeros((rows, len(self.tree.sizes)), dtype=np.int32)
        for n, clique in enumerate(self.tree.cliques):
            shared = self.tree.shared(n)
            new = tuple(v for v in clique if v not in shared)
            if not new:
                continue
            table = np.transpose(self.beliefs[n], [clique.index(v) for v in (*shared, *new)])
            given = math.prod(self.tree.sizes[v] for v in shared)
            table = table.reshape(given, -1)
            totals = table.sum(axis=1, keepdims=True)
            # Where nothing is known of what comes before, which has no probability either, all is as likely.
            sums = np.cumsum(np.where(totals > 0, table / np.where(totals > 0, totals, 1.0), 1.0 / table.shape[1]), axis=1)
            before = _places(codes, shared, self.tree.sizes)
            drawn = np.searchsorted((sums + np.arange(given)[:, None]).ravel(), before + rng.random(rows), side="right")
            drawn = np.clip(drawn - before * table.shape[1], 0, table.shape[1] - 1)
            for v, code in zip(new, np.unravel_index(drawn, [self.tree.sizes[v] for v in new]), strict=True):
                codes[:, v] = code
        return codes

    def surprise(self, codes: npt.NDArray[np.int32]) -> Floats:
        """By row the negative log-probability (nats)."""
        found = np.zeros(len(codes))
        for n, clique in enumerate(self.tree.cliques):
            shared, table = self.tree.shared(n), self.beliefs[n]
            found -= np.log(np.maximum(table.ravel()[_places(codes, clique, self.tree.sizes)], _LEAST))
            if shared:
                above = _summed(table, clique, shared).ravel()
                found += np.log(np.maximum(above[_places(codes, shared, self.tree.sizes)], _LEAST))
        return found

    def restricted(self, allowed: Mapping[int, npt.NDArray[np.bool_]]) -> Distribution:
        """The distribution given that each of these parts has one of its allowed codes."""
        with np.errstate(divide="ignore"):
            potentials = []
            done = set[int]()
            for n, clique in enumerate(self.tree.cliques):
                shared = self.tree.shared(n)
                above = _summed(self.beliefs[n], clique, shared) if shared else np.ones(())
                table = np.log(self.beliefs[n]) - np.log(np.maximum(spread(above, shared, clique), _LEAST))
                for v in clique:
                    if v in allowed and v not in done:
                        table = table + spread(np.log(allowed[v].astype(np.float64)), (v,), clique)
                        done.add(v)
                potentials.append(np.maximum(table, -600.0))
        return Distribution(self.tree, tuple(self.tree.calibrated(potentials)))


def _places(codes: npt.NDArray[np.int32], parts: Clique, sizes: tuple[int, ...]) -> npt.NDArray[np.int64]:
    at = np.zeros(len(codes), dtype=np.int64)
    for v in parts:
        at = at * sizes[v] + codes[:, v]
    return at
