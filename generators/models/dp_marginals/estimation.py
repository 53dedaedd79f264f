"""The distribution that fits noisy tables best: least squares over all distributions of a junction tree, by mirror descent.

Source: R. McKenna, D. Sheldon and G. Miklau, Graphical-model based estimation and inference for differential privacy, ICML 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from generators.models.dp_marginals.junction import Distribution, Floats, JunctionTree, marginal, spread

if TYPE_CHECKING:
    from generators.learning.ledger import Groups


@dataclass(frozen=True)
class Measured:
    """A noisy table of the parts `parts` (sorted): counts, and the variance of the noise of each cell.

    groups: of each part the group of each code, where groups were counted; () for codes.
    """

    parts: tuple[int, ...]
    counts: Floats
    variances: Floats
    groups: tuple[Groups | None, ...] = ()

    def of(self, table: Floats) -> Floats:
        """A table of codes as the table of groups that was counted."""
        for axis, group in enumerate(self.groups):
            if group is not None:
                table = np.moveaxis(np.tensordot(_members(group), table, axes=(1, axis)), 0, axis)
        return table

    def to_codes(self, table: Floats) -> Floats:
        """A figure for each group as one for each code."""
        for axis, group in enumerate(self.groups):
            if group is not None:
                table = np.take(table, group, axis=axis)
        return table


def _members(group: Groups) -> Floats:
    return np.asarray(group[None, :] == np.arange(int(group.max()) + 1)[:, None], dtype=np.float64)


def total_of(tables: Sequence[Measured]) -> float:
    """How many rows there are, from the sums of all noisy tables, by precision."""
    precisions = [1 / float(m.variances.sum()) for m in tables]
    sums = [float(m.counts.sum()) * p for m, p in zip(tables, precisions, strict=True)]
    return max(1.0, sum(sums) / sum(precisions))


def fitted(
    tree: JunctionTree,
    tables: Sequence[Measured],
    *,
    rounds: int = 200,
    start: Distribution | None = None,
    tick: Callable[[float], object] = lambda done: None,
) -> Distribution:
    """The least-squares fit. start: a distribution whose tables are taken as the first guess. tick: hears how much is done, 0 … 1."""
    total = total_of(tables)
    homes = [tree.holding(m.parts) for m in tables]
    # In units of rows over their standard deviation the loss is of the order of the number of cells.
    weights = [total * total / m.variances for m in tables]
    wanted = [m.counts / total for m in tables]
    potentials = _first(tree, tables, homes, total, start)

    def loss(beliefs: Sequence[Floats]) -> tuple[float, list[Floats]]:
        value, slopes = 0.0, [np.zeros_like(b) for b in beliefs]
        for m, home, weight, want in zip(tables, homes, weights, wanted, strict=True):
            off = m.of(marginal(beliefs[home], tree.cliques[home], m.parts)) - want
            pull = weight * off
            value += 0.5 * float((pull * off).sum())
            slopes[home] += spread(m.to_codes(pull), m.parts, tree.cliques[home])
        return value, slopes

    beliefs = tree.calibrated(potentials)
    value, slopes = loss(beliefs)
    step = 1.0 / max(1.0, max(float(w.max()) for w in weights))
    settled = False
    for number in range(rounds):
        if number % 20 == 0:
            tick(number / rounds)
        tried = [p - step * s for p, s in zip(potentials, slopes, strict=True)]
        after = tree.calibrated(tried)
        new, more = loss(after)
        gained = sum(float((s * (b - a)).sum()) for s, a, b in zip(slopes, after, beliefs, strict=True))
        if new <= value + 0.5 * gained:
            done = settled and value - new <= 1e-5 * max(1.0, value)
            potentials, beliefs, slopes, value, step = tried, after, more, new, step * 1.6
            if done:
                break
        else:
            step *= 0.5
            settled = True
    return Distribution(tree, tuple(beliefs))


def _first(tree: JunctionTree, tables: Sequence[Measured], homes: Sequence[int], total: float, start: Distribution | None) -> list[Floats]:
    """First potentials: of the start, else of each part by itself as measured."""
    potentials = [np.zeros(tree.shape(n)) for n in range(len(tree.cliques))]
    done = set[int]()
    if start is not None:
        # The conditional tables of the start, each put where a clique holds it: their product is the start itself.
        placed = list[tuple[int, Floats]]()
        for n, clique in enumerate(start.tree.cliques):
            if not any(set(clique) <= set(c) for c in tree.cliques):
                break
            shared, home = start.tree.shared(n), tree.holding(clique)
            table = np.log(np.maximum(start.beliefs[n], 1e-12))
            if shared:
                table = table - spread(np.log(np.maximum(marginal(start.beliefs[n], clique, shared), 1e-12)), shared, clique)
            placed.append((home, spread(table, clique, tree.cliques[home])))
        else:
            for home, table in placed:
                potentials[home] = potentials[home] + table
            return potentials
    # Π single × Π pair ÷ its margins, of noisy tables cleaned one by one: on a tree that is near the answer already.
    for m, home in sorted(zip(tables, homes, strict=True), key=lambda each: len(each[0].parts)):
        if len(m.parts) == 1 and m.parts[0] in done:
            continue
        table = _cleaned(m)
        for part in set(m.parts) - done if len(m.parts) > 1 else ():
            alone = replace(m, groups=m.groups and (m.groups[m.parts.index(part)],))
            own = np.log(marginal(table, m.parts, (part,)))
            potentials[home] = potentials[home] + spread(alone.to_codes(own), (part,), tree.cliques[home])
        done.update(m.parts)
        ratio = np.log(table)
        for part in m.parts if len(m.parts) > 1 else ():
            ratio = ratio - spread(np.log(marginal(table, m.parts, (part,))), (part,), m.parts)
        potentials[home] = potentials[home] + spread(m.to_codes(ratio), m.parts, tree.cliques[home])
    return potentials


def _cleaned(table: Measured) -> Floats:
    """Shares of cells, none of them nothing: what is less than its noise has half a standard deviation of it, thinned to the same total."""
    total = max(1.0, float(table.counts.sum()))
    sd = np.sqrt(table.variances)
    kept = np.where(table.counts > sd, table.counts, 0.0)
    rest = np.where(table.counts > sd, 0.0, sd)
    left = max(total - float(kept.sum()), 0.005 * total)
    share = kept / max(1.0, float(kept.sum())) * (total - left) + rest / max(1.0, float(rest.sum())) * left
    share = np.maximum(share, 1e-6 * total)
    return np.asarray(share / share.sum())
