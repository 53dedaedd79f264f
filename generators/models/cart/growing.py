"""Finding the questions of one tree, from a sample of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, Part, applies
from generators.models.cart.leaves import Branches
from generators.models.cart.tree import Floats, Ints

CLASSES = 32
"""Codes of an unordered part beyond so many are taken together, by their place, to find splits; leaves count all of them."""


@dataclass(frozen=True)
class Growth:
    """How trees are grown. leaf: least persons of a leaf; depth: questions to a leaf at most; sample: rows that splits are found with.

    seen: least rows of a leaf among those.
    """

    leaf: int
    depth: int
    sample: int
    seen: int = 1


def grow(rows: CodedRows, number: int, orders: tuple[npt.NDArray[np.int32], ...], growth: Growth, seed: int) -> Branches:
    """The tree of part `number` over the parts before it. orders: by part its codes in the order in which neighbours are alike."""
    part = rows.parts[number]
    used = np.flatnonzero(applies(rows.codes, rows.parts, number))
    mine = rows.codes[used, number].astype(np.int64)
    allowed = [j for j in range(number) if (j, number) not in rows.apart and part.size > 1 and rows.parts[j].size > 1]
    base = np.concatenate([[0], np.cumsum(rows.sizes[:number])]).astype(np.int64)
    ranks = np.concatenate([np.zeros(0, dtype=np.int64), *(np.argsort(orders[j], kind="stable") for j in range(number))]).astype(np.int32)
    if not allowed or growth.depth < 1 or len(used) < 2 * growth.leaf or mine.min(initial=0) == mine.max(initial=0):
        return Branches.root(part.size, mine, rows.persons[used], ranks)
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
    least = max(growth.seen, round(growth.leaf * len(seen) / len(used)))
    asked = dict(min_samples_leaf=least, min_samples_split=2 * least, max_depth=growth.depth, random_state=seed % 2**31)
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # here alone: two seconds and 130 MB that drawing does not need

    if part.ordered:
        fitted = DecisionTreeRegressor(**asked).fit(looks[seen], _columns(part, mine[seen]))
    else:
        fitted = DecisionTreeClassifier(**asked).fit(looks[seen], target[seen])
    grown = fitted.tree_
    left, right = grown.children_left.astype(np.int64), grown.children_right.astype(np.int64)
    leaves = fitted.apply(looks).astype(np.int64)
    feature = np.array(allowed)[np.maximum(grown.feature, 0)]
    return Branches(part.size, mine, rows.persons[used], leaves, left, right, feature, grown.threshold, ranks)


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
