"""What a row is given before it is generated: the row it hangs on, the row before it, its number among its siblings, how many hang on it.

Every one of these is a leading *given* part of the table's coded rows (`generators.encoding.coded`): a model learns a row given them, and
a generated row gets those of the generated rows around it. Which of them tell anything is found by held-out likelihood
(`generators.fitting.telling`); the others are left out.

Rows that belong together are those of one person, in order of time; in tables about nobody, those that hang on the same row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes, Part
from generators.errors import InputError
from generators.generating.layout import PERSONS, Layout, Place
from generators.generating.skeleton import ranks

Ints = npt.NDArray[np.int64]

EDGES = (1, 2, 3, 4, 6, 9, 13, 20, 30, 50, 100)
"""Numbers of rows are told in classes that begin here: none, one, two, three, four or five …"""
LEAP = 200
"""Rows of one person that are drawn one after the other; after so many the next is drawn as a first one."""
PLACE, SIZE, ROWS = "its place", "rows beside it", "rows of "
"""What a given number is: the row's own number among those it belongs to, how many these are, how many rows of a table hang on it."""


@dataclass(frozen=True)
class Context:
    """What the rows of a table are given. parent: parts of the row it hangs on; before: own parts of the row before; numbers: `PLACE`,
    `SIZE` or `ROWS` and a table; alike: own parts that are the same in all rows that belong together, drawn once for all of them; order:
    the other own parts, as they are generated.
    """

    order: tuple[int, ...]
    alike: tuple[int, ...] = ()
    parent: tuple[int, ...] = ()
    before: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(raw: Mapping[str, Any], own: int, above: int) -> Context:
        """What `as_dict` gave, of a table of `own` parts that hangs on one of `above`; InputError where it does not fit."""
        try:
            places = {name: tuple(int(n) for n in raw[name]) for name in ("order", "alike", "parent", "before")}
            made = Context(**places, numbers=tuple(raw["numbers"]))
        except (KeyError, TypeError, ValueError):
            raise InputError("the saved model: what rows are given lacks a piece") from None
        mine, theirs = [*made.order, *made.alike], [*made.parent]
        if sorted(mine) != list(range(own)) or any(not 0 <= n < above for n in theirs) or any(not 0 <= n < own for n in made.before):
            raise InputError("the saved model: what rows are given does not fit the columns")
        if any(not isinstance(name, str) for name in made.numbers):
            raise InputError("the saved model: what rows are given does not fit the columns")
        return made


@dataclass(frozen=True)
class Hanging:
    """How the rows of one table hang together. group: by row the number of those it belongs to, from 0 on, each number taken; rank: its
    number among them, from 0; before: the row before it, −1 for none; parents: by row all codes of the row it hangs on, −1 throughout for
    none; numbers: by name, by row.
    """

    count: int
    group: Ints
    rank: Ints
    before: Ints
    parents: Codes | None
    numbers: Mapping[str, Ints]

    @staticmethod
    def of(group: Ints | None, count: int, parents: Codes | None, numbers: Mapping[str, Ints], order: Ints | None = None) -> Hanging:
        """group: any numbers, None: every row by itself. order: the rows in order of time; as they stand when None."""
        if group is None:
            alone = np.arange(count)
            return Hanging(count, alone, np.zeros(count, dtype=np.int64), np.full(count, -1), parents, numbers)
        _, group = np.unique(group, return_inverse=True)
        group = group.reshape(-1).astype(np.int64)
        rows = np.arange(count) if order is None else order
        rank, before = np.empty(count, dtype=np.int64), np.full(count, -1)
        rank[rows] = ranks(group[rows])
        sorted_rows = rows[np.argsort(group[rows], kind="stable")]
        follows = rank[sorted_rows] > 0
        before[sorted_rows[follows]] = sorted_rows[np.flatnonzero(follows) - 1]
        return Hanging(count, group, rank, before, parents, {**numbers, PLACE: rank, SIZE: np.bincount(group)[group]})

    @property
    def together(self) -> bool:
        """Whether any rows belong together."""
        return bool((self.rank > 0).any())

    def take(self, rows: Ints) -> Hanging:
        """Some of the rows, for what they are given alone; `before` keeps the numbers of all rows."""
        parents = None if self.parents is None else self.parents[rows]
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        return Hanging(len(rows), self.group[rows], self.rank[rows], self.before[rows], parents, numbers)

    def steps(self, one_by_one: bool) -> list[Ints]:
        """The rows in the order they are drawn, as many at once as can be. one_by_one: each after the row before it."""
        if not self.together:
            return [np.arange(self.count)]
        turn = np.minimum(self.rank, 1)
        if one_by_one:
            turn = np.where(self.rank < LEAP, self.rank, LEAP + self.rank % LEAP)
        order = np.argsort(turn, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(turn[order])) + 1)


def number_code(numbers: Ints) -> npt.NDArray[np.int32]:
    """The class of a number of rows."""
    return np.searchsorted(EDGES, numbers, side="right").astype(np.int32)


def belonging(arranged: Layout, place: Place) -> str:
    """Whose rows belong together: "person", "parent" or "" (every row is by itself)."""
    about = place.root == PERSONS or arranged.places[place.root].table.person_key is not None
    if place.driver is None:
        return "person" if arranged.blocks(place.root) else ""
    if about and place.table.counts_by is not None:
        return "person"
    return "" if place.unique(place.driver.columns) else "parent"


def parent_of(place: Place) -> str:
    """The table whose row a row hangs on; "" where there is none."""
    return PERSONS if place.driver is None else place.driver.parent


def hanging_on(arranged: Layout, place: Place) -> tuple[Place, ...]:
    """The tables whose rows hang on those of `place`."""
    return tuple(p for p in arranged.under(place.root) if parent_of(p) == place.name)


def given_parts(context: Context, own: Sequence[Part], above: Sequence[Part]) -> tuple[Part, ...]:
    """The parts a row is given, without those that are alike: what it hangs on, the row before, numbers."""
    parent = _shifted(above, context.parent, "parent·", 0)
    before = _shifted(own, context.before, "before·", len(parent))
    return (*parent, *before, *(Part(name, "number", len(EDGES) + 1, True, (0, len(EDGES) + 1)) for name in context.numbers))


def row_parts(context: Context, own: Sequence[Part], above: Sequence[Part]) -> tuple[tuple[Part, ...], int]:
    """All parts of the model of rows, and how many of them are given."""
    given = given_parts(context, own, above)
    return (*given, *_moved(own, (*context.alike, *context.order), len(given))), len(given) + len(context.alike)


def alike_parts(context: Context, own: Sequence[Part], above: Sequence[Part]) -> tuple[tuple[Part, ...], int]:
    """The same of the model of what is alike, which is given what the first row hangs on and how many rows there are."""
    given = given_parts(of_alike(context), own, above)
    return (*given, *_moved(own, context.alike, len(given))), len(given)


def of_alike(context: Context) -> Context:
    """What is given to that which is drawn once for all rows that belong together."""
    return replace(context, before=(), numbers=tuple(n for n in context.numbers if n == SIZE))


def given_codes(context: Context, own: Sequence[Part], above: Sequence[Part], hanging: Hanging, codes: Codes) -> Codes:
    """The codes of `given_parts`. codes: of all rows, as far as they are drawn; `hanging` may be of some of them."""
    columns: list[npt.NDArray[Any]] = []
    if context.parent:
        if hanging.parents is None:
            raise ValueError("rows that are given the row they hang on need its codes")
        there = hanging.parents[:, 0] >= 0
        columns += [_shift(above[n], hanging.parents[:, n], there) for n in context.parent]
    if context.before:
        there = (hanging.before >= 0) & ((hanging.rank < LEAP) | (hanging.rank % LEAP > 0))
        at = np.where(there, hanging.before, 0)
        columns += [_shift(own[n], codes[at, n], there) for n in context.before]
    columns += [number_code(hanging.numbers[name]) for name in context.numbers]
    return np.stack(columns, axis=1).astype(np.int32) if columns else np.zeros((hanging.count, 0), dtype=np.int32)


def _shift(part: Part, codes: npt.NDArray[Any], there: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Codes of somebody else's part: 0 for none; parts that say nothing anyway where there is none keep theirs."""
    return np.where(there, codes if part.of is not None else codes + 1, 0)


def _shifted(parts: Sequence[Part], chosen: Sequence[int], mark: str, first: int) -> tuple[Part, ...]:
    made = []
    for number, part in zip(chosen, _moved(parts, chosen, first), strict=True):
        span = None if part.ordered_codes is None else (part.ordered_codes[0] + 1, part.ordered_codes[1] + 1)
        if parts[number].of is None:
            span = (1, part.size + 1) if part.ordered and span is None else span
            made.append(replace(part, column=mark + part.column, size=part.size + 1, ordered_codes=span))
        else:
            within = None if part.within is None else (part.within[0] + 1, part.within[1] + 1)
            made.append(replace(part, column=mark + part.column, within=within))
    return tuple(made)


def _moved(parts: Sequence[Part], chosen: Sequence[int], first: int) -> tuple[Part, ...]:
    """The chosen parts, numbered from `first` on. A part that hangs on one that is not chosen before it stands for itself."""
    at = {number: first + i for i, number in enumerate(chosen)}
    made = []
    for number in chosen:
        part = parts[number]
        if part.of is not None:
            there = at.get(part.of)
            part = replace(part, of=there) if there is not None and there < at[number] else replace(part, of=None, within=None)
        made.append(part)
    return tuple(made)
