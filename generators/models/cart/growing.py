"""Growing one tree: splits from a sample of rows, leaves counted over all of them, none about fewer persons than are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from generators.encoding.coded import CodedRows, Part, applies
from generators.models.cart.tree import Floats, Ints, Tree

CLASSES = 32
"""Codes of an unordered part beyond so many are taken together, by their place, to find splits; leaves count all of them."""
WIDER = 8
"""The wider table of a leaf has at least so many times its rows."""


@dataclass(frozen=True)
class Growth:
    """How trees are grown. leaf: least persons of a leaf; depth: questions to a leaf at most; sample: rows that splits are found with."""

    leaf: int
    depth: int
    sample: int


def grow(rows: CodedRows, number: int, orders: tuple[npt.NDArray[np.int32], ...], growth: Growth, seed: int) -> Tree:
    """The tree of part `number` over the parts before it. orders: by part its codes in the order in which neighbours are alike."""
    part = rows.parts[number]
    used = np.flatnonzero(applies(rows.codes, rows.parts, number))
    mine = rows.codes[used, number].astype(np.int64)
    allowed = [j for j in range(number) if (j, number) not in rows.apart and part.size > 1 and rows.parts[j].size > 1]
    base = np.concatenate([[0], np.cumsum(rows.sizes[:number])]).astype(np.int64)
    ranks = np.concatenate([np.zeros(0, dtype=np.int64), *(np.argsort(orders[j], kind="stable") for j in range(number))]).astype(np.int32)
    if not allowed or growth.depth < 1 or len(used) < 2 * growth.leaf or mine.min(initial=0) == mine.max(initial=0):
        return _rooted(part, mine, ranks)
    rng = np.random.default_rng([seed, number])
    seen = np.sort(rng.choice(len(used), growth.sample, replace=False)) if len(used) > growth.sample else np.arange(len(used))
    target, classes = _target(part, mine, orders[number])
    for j in allowed:
        if not rows.parts[j].ordered and rows.parts[j].size > 2:
            place = _places(rows.codes[used[seen], j], rows.parts[j].size, target[seen], part.ordered, classes)
            ranks[base[j] : base[j + 1]] = np.argsort(np.argsort(place, kind="stable"), kind="stable")
    looks = np.empty((len(used), len(allowed)), dtype=np.float32)
    for at, j in enumerate(allowed):
        looks[:, at] = ranks[base[j] + rows.codes[used, j]]
    least = max(1, round(growth.leaf * len(seen) / len(used)))
    asked = dict(min_samples_leaf=least, min_samples_split=2 * least, max_depth=growth.depth, random_state=seed % 2**31)
    if part.ordered:
        fitted = DecisionTreeRegressor(**asked).fit(looks[seen], _columns(part, mine[seen]))
    else:
        fitted = DecisionTreeClassifier(**asked).fit(looks[seen], target[seen])
    grown = fitted.tree_
    left, right = grown.children_left.astype(np.int64), grown.children_right.astype(np.int64)
    leaves = fitted.apply(looks).astype(np.int64)
    end = _pruned(leaves, left, right, rows.persons[used], growth.leaf)
    feature = np.array(allowed)[np.maximum(grown.feature, 0)]
    return _tree(part, mine, leaves, end, left, right, feature, grown.threshold, ranks)


def _rooted(part: Part, mine: Ints, ranks: npt.NDArray[np.int32]) -> Tree:
    """A tree that asks nothing."""
    counts = np.bincount(mine, minlength=part.size) if len(mine) else np.ones(part.size, dtype=np.int64)
    code = np.flatnonzero(counts)
    none = np.full(1, -1, dtype=np.int32)
    zero = np.zeros(1, dtype=np.int32)
    chance = counts[code] / counts.sum()
    return Tree(part.size, none, zero, none, none, ranks, zero, zero, np.array([0, len(code)]), code.astype(np.int32), chance, 0.0)


def _target(part: Part, mine: Ints, order: npt.NDArray[np.int32]) -> tuple[Ints, int]:
    """What splits are found for: the codes, those of large unordered parts taken together with their neighbours; how many there are."""
    if part.ordered or part.size <= CLASSES:
        return mine, part.size
    share = np.bincount(mine, minlength=part.size)[order] / len(mine)
    group = np.minimum((np.cumsum(share) - share / 2) * CLASSES, CLASSES - 1).astype(np.int64)
    by_code = np.empty(part.size, dtype=np.int64)
    by_code[order] = group
    return by_code[mine], CLASSES


def _columns(part: Part, mine: Ints) -> Floats:
    """An ordered part as numbers: its place among the values, and for each code that is no value (missing) whether it is that."""
    first, last = part.ordered_codes or (0, part.size)
    inside = (mine >= first) & (mine < last)
    place = np.cumsum(np.bincount(mine[inside], minlength=part.size)).astype(np.float64)
    middle = (place - np.diff(place, prepend=0) / 2) / max(1.0, place[-1])
    columns = [np.where(inside, middle[mine] - 0.5, 0.0) * np.sqrt(12)]
    for code in range(part.size):
        if not first <= code < last and (share := float((mine == code).mean())) > 0:
            columns.append(((mine == code) - share) / np.sqrt(max(share * (1 - share), 1e-9)))
    return np.stack(columns, axis=1)


def _places(codes: npt.NDArray[np.int32], size: int, target: Ints, ordered: bool, classes: int) -> Floats:
    """(size,): where the codes of an unordered part lie with regard to a target, so that a limit on it parts those that differ.

    For two classes or numbers the mean is best (L. Breiman et al., CART, 1984, 4.2.2), for more classes the first axis of their table.
    """
    seen = np.bincount(codes, minlength=size).astype(np.float64)
    if ordered:
        mean = np.bincount(codes, weights=target, minlength=size)
        by_mean: Floats = (mean + 5 * target.mean()) / (seen + 5)
        return by_mean
    table = np.bincount(codes.astype(np.int64) * classes + target, minlength=size * classes).reshape(size, classes).astype(np.float64)
    share = table.sum(axis=0) / table.sum()
    lean = (table + 5 * share) / (seen[:, None] + 5) - share
    lean /= np.sqrt(np.maximum(share, 1e-9))
    axis = lean[np.argmax(seen)] + 1e-6 * np.arange(classes)
    for _ in range(8):
        axis = lean.T @ (seen * (lean @ axis))
        axis /= max(1e-12, float(np.linalg.norm(axis)))
    by_axis: Floats = np.round(lean @ axis, 9)
    return by_axis


def _pruned(leaves: Ints, left: Ints, right: Ints, persons: npt.NDArray[np.int64], least: int) -> Ints:
    """(nodes,): the node at which a row ends once every leaf with fewer than `least` persons was taken back into the node above it."""
    end, parent, levels = np.arange(len(left)), np.full(len(left), -1, dtype=np.int64), _levels(left, right)
    inner = np.flatnonzero(left >= 0)
    parent[left[inner]] = parent[right[inner]] = inner
    people = int(persons.max()) + 1
    pairs = np.unique(leaves * people + persons)
    while True:
        held = np.bincount(pairs // people, minlength=len(left))
        few = np.flatnonzero((held > 0) & (held < least) & (parent >= 0))
        if not len(few):
            return end
        end[parent[few]] = -1
        for level in levels[1:]:
            above = end[parent[level]]
            end[level] = np.where(above == -1, parent[level], np.where(above != parent[level], above, end[level]))
        closed = np.flatnonzero(end == -1)
        end[closed] = closed
        pairs = np.unique(end[pairs // people] * people + pairs % people)


def _levels(left: Ints, right: Ints) -> list[Ints]:
    """The numbers of the nodes, level after level from the root."""
    found = [np.zeros(1, dtype=np.int64)]
    while len(inner := found[-1][left[found[-1]] >= 0]):
        found.append(np.concatenate([left[inner], right[inner]]))
    return found


def _tree(
    part: Part, mine: Ints, leaves: Ints, end: Ints, left: Ints, right: Ints, feature: Ints, limit: Floats, ranks: npt.NDArray[np.int32]
) -> Tree:
    """The tree of the nodes that are left, numbered anew, with what its leaves count."""
    kept = np.flatnonzero(end == np.arange(len(end)))
    number = np.zeros(len(end), dtype=np.int64)
    number[kept] = np.arange(len(kept))
    ends = np.zeros(len(end), dtype=np.bool_)
    ends[end[np.unique(leaves)]] = True
    inner = ~ends[kept]
    own_left, own_right = np.where(inner, number[left[kept]], -1), np.where(inner, number[right[kept]], -1)
    at = number[end[leaves]]
    cells, counts = np.unique(at * part.size + mine, return_counts=True)
    holder, code = np.divmod(cells, part.size)
    rows = np.bincount(holder, weights=counts, minlength=len(kept))
    last, parent = np.arange(len(kept)), np.full(len(kept), -1, dtype=np.int64)
    levels = _levels(own_left, own_right)
    for level in reversed(levels):
        within = level[inner[level]]
        rows[within] = rows[own_left[within]] + rows[own_right[within]]
        last[within] = last[own_right[within]]  # nodes are numbered branch after branch
        parent[own_left[within]] = parent[own_right[within]] = within
    pool = np.arange(len(kept))
    for level in levels[1:]:
        pool[level] = parent[level]
    finals = np.flatnonzero(~inner)
    wide = pool[finals]
    while (narrow := (rows[wide] < WIDER * rows[finals]) & (wide > 0)).any():
        wide = np.where(narrow, pool[wide], wide)
    tables = np.unique(np.concatenate([[0], finals, wide]))
    starts, codes, chances = [0], [], []
    for node in tables:
        a, b = np.searchsorted(holder, [node, last[node] + 1])
        if inner[node]:
            total = np.bincount(code[a:b], weights=counts[a:b], minlength=part.size)
            mine_code = np.flatnonzero(total)
            share = total[mine_code]
        else:
            mine_code, share = code[a:b], counts[a:b].astype(np.float64)
        codes.append(mine_code)
        chances.append(share / share.sum())
        starts.append(starts[-1] + len(mine_code))
    leaf, wider = np.full(len(kept), -1, dtype=np.int32), np.full(len(kept), -1, dtype=np.int32)
    leaf[finals], wider[finals] = np.searchsorted(tables, finals), np.searchsorted(tables, wide)
    return Tree(
        part.size,
        np.where(inner, feature[kept], -1).astype(np.int32),
        np.where(inner, np.floor(limit[kept]), 0).astype(np.int32),
        own_left.astype(np.int32),
        own_right.astype(np.int32),
        ranks,
        leaf,
        wider,
        np.array(starts),
        np.concatenate(codes).astype(np.int32),
        np.concatenate(chances),
        0.0,
    )
