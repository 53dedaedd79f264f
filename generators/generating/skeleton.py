"""Which row hangs on which, in one partition: whole numbers only, no values. Counting the rows of a partition needs no more than this.

How many rows hang on a row is drawn from the released `RelationshipSummary.children`; other references lead to a row of the same
person (or other root row), missing at their released share; references into another tree lead evenly to any row of it; references of
a table to itself lead to an earlier row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
import numpy.typing as npt

from generators.generating.column_samplers import whole_numbers
from generators.generating.layout import PERSONS, Layout, Place
from generators.schema import ForeignKey
from generators.summarising.concealment import estimated_shape
from generators.summary import MetadataSummary, RelationshipSummary

Ints = npt.NDArray[np.int64]
Draw = Callable[[int, np.random.Generator], Ints]

NOTHING_KNOWN = (0, 1, 2, 3)
"""Rows that hang on a row where nothing observed is used: each as often."""
WITHHELD = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
"""The same where a summary withheld how many there are, which it does when they are few."""

FILLING, HANGING, REFERRING, KEEPING_RULES = range(4)
"""What a random stream is for."""


def stream(seed: int, position: int, purpose: int, number: int, *more: int) -> np.random.Generator:
    """The random stream of the table at `position` in partition `number` of its tree, for one purpose."""
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence((seed, position, purpose, number, *more))))


@dataclass(frozen=True)
class Rows:
    """The rows of one table in one partition.

    owner: by row, the number of its person (or root row) in the partition, −1 for none. within: number of the row among those of its
    driver's parent. parents: by foreign key, the referred row: its number in this partition, or, in another tree, in its table; −1 for
    none. codes: of key columns, numbers that are equal where the values are.
    """

    count: int
    owner: Ints
    within: Ints
    parents: Mapping[ForeignKey, Ints]
    codes: Mapping[str, Ints]

    def keep(self, which: npt.NDArray[np.bool_]) -> Rows:
        """Only the chosen rows."""
        owner, parents = self.owner[which], {k: v[which] for k, v in self.parents.items()}
        return Rows(len(owner), owner, self.within[which], parents, {k: v[which] for k, v in self.codes.items()})


class Skeleton:
    """Draws the skeleton of any partition of `layout`. totals: rows of the tables of other trees, as far as they are known."""

    def __init__(self, layout: Layout, summary: MetadataSummary | None, seed: int, totals: Mapping[str, int]) -> None:
        self.layout, self.summary, self.seed, self.totals = layout, summary, seed, totals
        self.hanging = {name: self._hanging(place) for name, place in layout.places.items() if place.driver is not None}

    def rows_of_one(self, root: str) -> float:
        """Rows, of all tables of the tree, that one row of `root` is expected to bring."""
        expected = {PERSONS: 1.0}
        for place in self.layout.under(root):
            if place.driver is None:
                expected[place.name] = 1.0
            else:
                each = self.hanging[place.name](4096, np.random.default_rng(0))
                expected[place.name] = expected[place.driver.parent] * float(each.mean())
        return sum(expected[p.name] for p in self.layout.under(root))

    def partition(self, root: str, rows: int, number: int, firsts: Mapping[str, int]) -> dict[str, Rows]:
        """The rows of every table that hangs on `rows` rows of `root`. firsts: how many rows of each table come before."""
        made: dict[str, Rows] = {}
        if root == PERSONS:
            made[PERSONS] = Rows(rows, np.arange(rows), np.arange(rows), {}, {})
        for place in self.layout.under(root):
            begun = self._root(place, rows, number) if place.driver is None else self._hung(place, made, number)
            made[place.name] = self._referred(place, begun, made, number, firsts)
        return made

    def _hanging(self, place: Place) -> Draw:
        driver = place.driver
        relation = self._relation(place.name, driver) if driver else None
        draw = None if relation is None else whole_numbers(estimated_shape(relation.children, relation.parents))
        shape = np.array(NOTHING_KNOWN if self.summary is None else WITHHELD, dtype=np.int64)
        most = 1 if driver is not None and place.unique(driver.columns) else None

        def children(parents: int, rng: np.random.Generator) -> Ints:
            counts = shape[rng.integers(0, len(shape), parents)] if draw is None else np.maximum(0, draw(parents, rng))
            return counts if most is None else np.minimum(counts, most)

        return children

    def _relation(self, child: str, key: ForeignKey) -> RelationshipSummary | None:
        relations = self.summary.relationships if self.summary else ()
        wanted = (child, key.columns, key.parent)
        return next((r for r in relations if (r.child, r.columns, r.parent) == wanted), None)

    def _missing(self, place: Place, key: ForeignKey) -> float:
        """The released share of rows without this key; a tenth, as in any column that may be missing, where nothing is known."""
        if not place.optional(key):
            return 0.0
        relation = self._relation(place.name, key)
        if self.summary is None:
            return 0.1
        if relation is None or relation.nulls is None:
            return 0.0
        return min(1.0, relation.nulls.weight / max(1, relation.nulls.weight, self.summary.table(place.name).rows or 0))

    def _root(self, place: Place, rows: int, number: int) -> Rows:
        owner = np.arange(rows) if self.layout.alone(place.name) else self.owners(place, rows, number)
        return Rows(rows, owner, np.arange(rows), {}, {})

    def owners(self, place: Place, rows: int, number: int) -> Ints:
        """For each row of a root the number of its person, in the partition."""
        if self.layout.blocks(place.name) and self.summary is not None:
            draw = whole_numbers(self.summary.table(place.name).rows_per_person)
            if draw is not None:
                return blocks(draw, rows, stream(self.seed, place.position, HANGING, number))
        return np.arange(rows)

    def _hung(self, place: Place, made: Mapping[str, Rows], number: int) -> Rows:
        driver, rng = place.driver, stream(self.seed, place.position, HANGING, number)
        if driver is None:
            raise TypeError("a root hangs on nothing")
        parent = made[driver.parent]
        counts = self.hanging[place.name](parent.count, rng)
        index = np.repeat(np.arange(parent.count), counts)
        within = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = self._missing(place, driver)
        if 0 < share < 1:
            loose = int(len(index) * share / (1 - share) + rng.random())
            index = np.concatenate((index, np.full(loose, -1)))
            within = np.concatenate((within, np.arange(loose)))
        owner = np.where(index < 0, -1, parent.owner[index]) if parent.count else index
        codes = {}
        if driver.parent != PERSONS:
            codes = {c: np.where(index < 0, -1, parent.codes[p][index]) for c, p in zip(driver.columns, driver.parent_columns, strict=True)}
        return Rows(len(index), owner, within, {driver: index}, codes)

    def _referred(self, place: Place, rows: Rows, made: Mapping[str, Rows], number: int, firsts: Mapping[str, int]) -> Rows:
        """Choose what the other foreign keys refer to, leave out rows that must refer and cannot, and number what the table issues."""
        others = [k for k in place.references if k.parent != place.name]
        # Keys that lead to another tree one to one count rows on from the partition before: nothing may be left out after them.
        others.sort(key=lambda k: k.parent not in made and place.unique(k.columns))
        for key in others:
            rng = stream(self.seed, place.position, REFERRING, number, place.table.foreign_keys.index(key))
            if key.parent in made:
                chosen = self._same_tree(place, key, rows, made[key.parent], rng)
            else:
                chosen = self._other_tree(place, key, rows, firsts.get(place.name, 0), rng)
            if place.optional(key):
                chosen = _thinned(chosen, self._missing(place, key), rng)
            elif (chosen < 0).any():
                there = chosen >= 0
                rows, chosen = rows.keep(there), chosen[there]
            rows = self._with(rows, key, chosen, made.get(key.parent))
        rows = _distinct(place, rows)
        codes = {name: rows.codes.get(name, np.arange(rows.count)) for name in place.table.names if name not in place.copied}
        rows = replace(rows, codes={**rows.codes, **codes})
        for key in (k for k in place.references if k.parent == place.name):
            rng = stream(self.seed, place.position, REFERRING, number, place.table.foreign_keys.index(key))
            rows = self._with(rows, key, self._earlier(place, key, rows, rng), rows)
        return rows

    def _with(self, rows: Rows, key: ForeignKey, chosen: Ints, parent: Rows | None) -> Rows:
        codes = dict(rows.codes)
        for name, theirs in zip(key.columns, key.parent_columns, strict=True):
            if name not in codes:
                known = chosen if parent is None or not parent.count else parent.codes.get(theirs, np.arange(parent.count))[chosen]
                codes[name] = np.where(chosen < 0, -1, known)
        return replace(rows, parents={**rows.parents, key: chosen}, codes=codes)

    def _same_tree(self, place: Place, key: ForeignKey, rows: Rows, parent: Rows, rng: np.random.Generator) -> Ints:
        shared = [(mine, theirs) for mine, theirs in zip(key.columns, key.parent_columns, strict=True) if mine in rows.codes]
        mine, theirs = rows.owner, parent.owner
        if shared:
            columns = [np.concatenate((rows.codes[a], parent.codes[b])) for a, b in shared] + [np.concatenate((mine, theirs))]
            _, joint = np.unique(np.stack(columns), axis=1, return_inverse=True)
            joint = joint.reshape(-1)
            mine, theirs = np.where(rows.owner < 0, -1, joint[: rows.count]), joint[rows.count :]
        rank = None
        if place.unique(key.columns):
            rank = ranks(mine)
        elif self._paired(place, key):
            rank = rows.within
        return _among(mine, theirs, rng, rank)

    def _other_tree(self, place: Place, key: ForeignKey, rows: Rows, first: int, rng: np.random.Generator) -> Ints:
        there = self.totals.get(key.parent, 0)
        if there == 0:
            return np.full(rows.count, -1)
        if place.unique(key.columns):
            step = _coprime(there, there * 5 // 8)
            numbers = first + np.arange(rows.count)
            return np.where(numbers < there, numbers % there * step % there, -1)
        if self._paired(place, key):
            driven = rows.parents[place.driver] if place.driver else rows.owner
            start = rng.integers(0, there, int(driven.max(initial=0)) + 1)
            step = _coprime(there, there * 5 // 8)
            return np.where(rows.within < there, (start[driven] + rows.within * step) % there, -1)
        return rng.integers(0, there, rows.count)

    def _paired(self, place: Place, key: ForeignKey) -> bool:
        """Whether the driver and this key together are the table's primary key: a link table, where no pair may come twice."""
        if place.driver is None or not place.table.primary_key:
            return False
        return set(place.table.primary_key) <= {*place.driver.columns, *key.columns}

    def _earlier(self, place: Place, key: ForeignKey, rows: Rows, rng: np.random.Generator) -> Ints:
        """For each row an earlier one of the same person, or of the partition where every row is another person; itself if it must."""
        group = rows.owner
        if place.driver is None and not self.layout.blocks(place.name):
            group = np.zeros(rows.count, dtype=np.int64)
        order = np.argsort(group, kind="stable")
        rank = ranks(group)
        relation = self._relation(place.name, key)
        most = [] if relation is None else [c.value for c in relation.children.values] + [s.high for s in relation.children.steps]
        branching = any(float(n) > 1 for n in most)
        back = 1 + (rng.random(rows.count) * rank).astype(np.int64) if branching and not place.unique(key.columns) else np.ones_like(rank)
        places = np.empty(rows.count, dtype=np.int64)
        places[order] = np.arange(rows.count)
        chosen = np.where(rank > 0, order[np.maximum(0, places - back)], -1) if rows.count else rank
        if place.optional(key):
            return _thinned(chosen, self._missing(place, key), rng)
        return np.where(chosen < 0, np.arange(rows.count), chosen)


def _distinct(place: Place, rows: Rows) -> Rows:
    """Without rows that repeat an earlier one's primary key, where that is made of other rows' keys alone: chance drew them twice."""
    primary = place.table.primary_key
    person = place.table.person_key
    parts = [rows.owner if name == person and name not in rows.codes else rows.codes.get(name) for name in primary]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return rows
    _, first = np.unique(np.stack(known), axis=1, return_index=True)
    if len(first) == rows.count:
        return rows
    chosen = np.zeros(rows.count, dtype=np.bool_)
    chosen[first] = True
    return rows.keep(chosen)


def blocks(draw: Draw, rows: int, rng: np.random.Generator) -> Ints:
    """For each of `rows` rows the number of its person, from 0: persons have `draw` rows each, at least one, in no order."""
    visits = np.maximum(1, draw(rows, rng))
    enough = int(np.searchsorted(np.cumsum(visits), rows)) + 1
    owner = np.repeat(np.arange(min(enough, rows)), np.minimum(visits[:enough], rows))[:rows]
    return rng.permutation(owner)


def ranks(group: Ints) -> Ints:
    """For each row how many rows before it are of its group."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(group) else np.empty(0, dtype=np.int64)
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(first, np.diff(np.concatenate((first, [len(group)]))))
    return rank


def _among(mine: Ints, theirs: Ints, rng: np.random.Generator, rank: Ints | None) -> Ints:
    """For each of `mine` a place in `theirs` where the same number stands, −1 for none. rank: different ranks get different places."""
    size = int(max(mine.max(initial=-1), theirs.max(initial=-1))) + 1
    there = theirs >= 0
    counts = np.bincount(theirs[there], minlength=size + 1)
    starts = np.cumsum(counts) - counts
    order = np.flatnonzero(there)[np.argsort(theirs[there], kind="stable")]
    room = np.where(mine < 0, 0, counts[mine])
    if rank is None:
        pick = (rng.random(len(mine)) * room).astype(np.int64)
    else:
        turn = rng.integers(0, 1 << 31, size + 1)[mine]
        pick = (rank + turn) % np.maximum(room, 1)
        room = np.where(rank < room, room, 0)
    return np.where(room > 0, order[np.minimum(starts[mine] + pick, len(order) - 1)], -1) if len(order) else np.full(len(mine), -1)


def _thinned(chosen: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Some references left out, so that in all a `share` of rows has none, counting those that cannot have one."""
    possible = float((chosen >= 0).mean()) if len(chosen) else 0.0
    kept = min(1.0, (1 - share) / possible) if possible else 0.0
    return np.where(rng.random(len(chosen)) < kept, chosen, -1)


def _coprime(number: int, near: int) -> int:
    """The first whole number from `near` on that has no factor in common with `number`: multiples of it reach every remainder."""
    step = max(1, near)
    while gcd(step, number) != 1:
        step += 1
    return step
