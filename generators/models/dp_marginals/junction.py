"""A distribution over coded columns as a tree of cliques: calibration, exact sampling, probability of a row.

Source: S. Lauritzen and D. Spiegelhalter, Local Computations with Probabilities on Graphical Structures, 1988; R. Cowell and others,
Probabilistic Networks and Expert Systems, 1999, chapter 6.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Clique = tuple[int, ...]
_LEAST = 1e-300


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
        near: list[set[int]] = [set() for _ in sizes]
        for pair in pairs:
            for a, b in itertools.permutations(pair, 2):
                near[a].add(b)
        left, found = set(range(len(sizes))), list[Clique]()
        graph = [set(n) for n in near]

        def burden(v: int) -> tuple[bool, int, int]:
            filled = any(b not in graph[a] for a, b in itertools.combinations(graph[v], 2))
            return filled, math.prod(sizes[u] for u in graph[v]) * sizes[v], v

        while left:
            first = min(left, key=burden)
            clique = tuple(sorted({first, *graph[first]}))
            for a, b in itertools.permutations(graph[first], 2):
                graph[a].add(b)
            for other in graph[first]:
                graph[other].discard(first)
            left.discard(first)
            if not any(set(clique) <= set(c) for c in found):
                found.append(clique)
        return JunctionTree._ordered(tuple(sizes), found)

    @staticmethod
    def _ordered(sizes: tuple[int, ...], cliques: list[Clique]) -> JunctionTree:
        """A spanning tree of the largest shared parts (F. Jensen and F. Jensen, Optimal Junction Trees, 1994), roots first."""
        order, parents, waiting = list[int](), dict[int, int](), set(range(len(cliques)))
        while waiting:
            best = max(
                ((len(set(cliques[a]) & set(cliques[b])), -b, -a) for a in order for b in waiting),
                default=(0, 0, 0),
            )
            at = -best[1] if best[0] > 0 else min(waiting)
            parents[at] = -best[2] if best[0] > 0 else -1
            order.append(at)
            waiting.discard(at)
        place = {clique: n for n, clique in enumerate(order)}
        return JunctionTree(sizes, tuple(cliques[n] for n in order), tuple(place.get(parents[n], -1) for n in order))

    @property
    def cells(self) -> int:
        """How many cells the tables of all cliques have."""
        return sum(math.prod(self.sizes[v] for v in c) for c in self.cliques)

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
