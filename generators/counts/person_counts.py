"""Counting distinct persons exactly, a column at a time, in memory that hardly grows with the table.

Persons are dealt into parts, all rows of one person in the same part, so that what is counted within the parts adds up. In a part each
row's code and person are packed into one key; one vectorised sort of so few keys stays in the processor's cache, and everything
else reads off the boundaries. Nothing depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from generators.counts.grouped import Bools, Codes, Ints, Range

__all__ = ["PART", "Bools", "Codes", "Groups", "Ints", "Persons", "grouped", "narrowest"]

PART = 1 << 17
"""About how many rows a part has."""

_DENSE = 1 << 20
"""Codes below this are added up in an array of all codes, others by sorting."""

_TABLE = 1 << 25
"""Codes below this are looked up in an array of all codes, others by bisection."""


def narrowest(size: int) -> np.dtype[Any]:
    """The unsigned type of fewest bytes that holds 0 … size − 1."""
    return np.min_scalar_type(max(size - 1, 0))


@dataclass(frozen=True)
class Persons:
    """Who each row is about. rows: of the table; count: distinct persons; most: the rows of the person who has most.

    order: the rows of part 0, of part 1, …; None when there is one part. within: the person of each of them, numbered within the part,
    below 2^bits. starts: where parts begin in both, and the end. Where nobody has two rows there are no parts: rows are persons.
    """

    rows: int
    count: int
    most: int
    order: Codes | None
    within: Codes
    starts: Ints
    bits: int

    @staticmethod
    def one_row_each(rows: int) -> Persons:
        """Every row is another person."""
        none = np.zeros(0, dtype=np.uint32)
        return Persons(rows, rows, 1 if rows else 0, None, none, np.zeros(1, dtype=np.int64), 0)

    @staticmethod
    def of(codes: Codes) -> Persons:
        """From codes ≥ 0 of persons, one a row; codes that nobody has are not counted as persons."""
        parts = number_of_parts(len(codes))
        span = max(1, -(-(int(codes.max()) + 1) // parts)) if len(codes) else 1
        order, starts = in_parts(codes // span, parts)
        within = (codes if order is None else codes[order]) % span
        return Persons.dealt(order, within.astype(np.uint32), starts)

    @staticmethod
    def dealt(order: Codes | None, within: Codes, starts: Ints) -> Persons:
        """From rows in parts and persons numbered within each part; numbers may be skipped."""
        each = [np.bincount(within[a:b]) for a, b in pairwise(starts) if a < b]
        most = max((int(e.max()) for e in each), default=0)
        if most <= 1:
            return Persons.one_row_each(len(within))
        bits = max(1, max(len(e) - 1 for e in each).bit_length())
        return Persons(len(within), sum(int(np.count_nonzero(e)) for e in each), most, order, within, starts, bits)

    def rows_each(self) -> Codes:
        """How many rows each person has, in no order that means anything."""
        if self.most <= 1:
            return np.ones(self.count, dtype=np.uint8)
        counts = (np.bincount(self.within[a:b]) for a, b in pairwise(self.starts))
        return np.concatenate([c[c > 0].astype(narrowest(self.most + 1)) for c in counts])

    def parts(self, codes: Codes) -> Iterator[tuple[int, Codes, Codes]]:
        """(part, codes of its rows, persons of its rows), part by part."""
        for part, (a, b) in enumerate(pairwise(self.starts)):
            if a < b:
                yield part, codes[a:b] if self.order is None else codes[self.order[a:b]], self.within[a:b]


def number_of_parts(rows: int) -> int:
    """How many parts a table is dealt into: a power of two."""
    return 1 << min(16, max(0, rows // PART).bit_length())


def in_parts(parts_of_rows: Codes, parts: int) -> tuple[Codes | None, Ints]:
    """(rows in the order of their parts, where each part begins, and the end), from the part of each row."""
    rows = len(parts_of_rows)
    if parts == 1:
        return None, np.array([0, rows], dtype=np.int64)
    # Piece by piece, so that no index of 64 bits a row is ever held.
    pieces = range(0, rows, 8 * PART)
    counts = np.array([np.bincount(parts_of_rows[p : p + 8 * PART], minlength=parts) for p in pieces], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(counts.sum(axis=0))))
    at = starts[:-1] + np.cumsum(counts, axis=0) - counts
    order = np.empty(rows, dtype=narrowest(max(rows, 1 << 32)))
    for piece, first in enumerate(pieces):
        sequence = np.argsort(parts_of_rows[first : first + 8 * PART].astype(np.uint16), kind="stable")
        places = np.repeat(at[piece] - (np.cumsum(counts[piece]) - counts[piece]), counts[piece]) + np.arange(len(sequence))
        order[places] = sequence + first
    return order, starts


@dataclass(frozen=True)
class Groups:
    """Rows grouped by code, the codes ascending.

    codes, persons, rows, largest: one a distinct code; `largest` is the most rows one person has there.
    of_rows: the code of each row of the table, all less than `size`; everyone: who the rows are about.
    """

    codes: Ints
    persons: Ints
    rows: Ints
    largest: Ints
    of_rows: Codes
    size: int
    everyone: Persons

    @property
    def most(self) -> int:
        return self.everyone.most

    def only(self, chosen: Bools) -> Groups:
        """Without the codes that are not `chosen` (one truth a distinct code)."""
        return replace(self, codes=self.codes[chosen], persons=self.persons[chosen], rows=self.rows[chosen], largest=self.largest[chosen])

    def merged(self, labels: Codes, size: int) -> Groups:
        """Grouped anew by `labels` (one a distinct code, 0 … size − 2); codes that are not in `self.codes` are left out."""
        looked_up = self._table(labels.astype(np.int64) + 1, narrowest(size + 1))
        coarse = np.empty(len(self.of_rows), dtype=narrowest(size + 1))
        for first in range(0, len(coarse), PART):
            coarse[first : first + PART] = looked_up(self.of_rows[first : first + PART])
        groups = grouped(coarse, size + 1, self.everyone)
        groups = groups.only(groups.codes > 0)
        return replace(groups, codes=groups.codes - 1)

    def among(self, chosen: Bools) -> tuple[int, int]:
        """Distinct persons who have any of the `chosen` codes (one truth a distinct code), and the most such rows one of them has."""
        if np.count_nonzero(chosen) == 1:
            return int(self.persons[chosen][0]), int(self.largest[chosen][0])
        if self.everyone.most <= 1:
            rows = int(self.rows[chosen].sum())
            return rows, min(rows, 1)
        one = self.only(chosen).merged(np.zeros(np.count_nonzero(chosen), dtype=np.uint8), 1)
        return (int(one.persons[0]), int(one.largest[0])) if len(one.codes) else (0, 0)

    def at_least(self, least: int, chosen: Bools) -> bool:
        """Whether `least` distinct persons or more have any of the `chosen` codes."""
        rows = int(self.rows[chosen].sum())
        if rows < least:
            return False
        if rows >= least * self.everyone.most or self.persons[chosen].max() >= least:
            return True  # nobody has more than `most` rows
        return self.among(chosen)[0] >= least

    def people_of(self, chosen: Bools) -> Ints:
        """The person of each row whose code is `chosen` (one truth a distinct code), in the order of the codes."""
        wanted = self._table(chosen, np.dtype(np.bool_))
        codes, people = [], []
        for part, code, person in self.everyone.parts(self.of_rows):
            here = wanted(code)
            codes.append(code[here])
            people.append(person[here] + np.int64(part << self.everyone.bits))
        if not codes:
            return np.zeros(0, dtype=np.int64)
        return np.concatenate(people)[np.argsort(np.concatenate(codes), kind="stable")]

    def windows(self, least: int, middles: Ints) -> RangesOfCodes:
        """See `generators.counts.grouped.Grouped`."""
        return RangesOfCodes(self, least, middles)

    def _table(self, values: Codes, kind: np.dtype[Any]) -> _Lookup:
        return _Lookup(self.codes, values.astype(kind), self.size)


class RangesOfCodes:
    """Whether ranges of codes have `least` persons. Of codes near the rows numbered `middles` the persons are looked up once for all."""

    def __init__(self, groups: Groups, least: int, middles: Ints) -> None:
        self.groups, self.least, self.middles = groups, least, middles

    def have(self, ranges: Sequence[Range]) -> list[bool]:
        return [self._has(first, after) for first, after in ranges]

    def _has(self, first: int, after: int) -> bool:
        far, at, people = self.near
        until = min(after, int(np.searchsorted(far, far[first], side="right")) - 1)
        if len(np.unique(people[at[first] : at[until]])) >= self.least:
            return True
        if until >= after:
            return False
        chosen = np.zeros(len(self.groups.codes), dtype=np.bool_)
        chosen[first:after] = True
        return self.groups.at_least(self.least, chosen)

    @cached_property
    def near(self) -> tuple[Ints, Ints, Ints]:
        """Of codes near the middles: (how many codes before each are not, how many rows before each are of such, their persons).

        Where enough persons have a code nobody asks who they are: such codes count as not near.
        """
        rows, codes = self.groups.rows, len(self.groups.codes)
        starts = running(rows)
        begin = np.searchsorted(starts, self.middles - 8 * self.least, side="right") - 1
        after = np.searchsorted(starts, self.middles + 8 * self.least)
        covered = np.zeros(codes + 1, dtype=np.int64)
        np.add.at(covered, np.maximum(begin, 0), 1)
        np.add.at(covered, np.minimum(after, codes), -1)
        near = (np.cumsum(covered[:-1]) > 0) & (self.groups.persons < self.least)
        return running(~near), running(np.where(near, rows, 0)), self.groups.people_of(near)


def running(values: Bools | Ints) -> Ints:
    """Sums of the values before each, and of all."""
    return np.concatenate(([0], np.cumsum(values, dtype=np.int64)))


class _Lookup:
    """From codes to one value each; 0 for codes that have none."""

    def __init__(self, codes: Ints, values: Codes, size: int) -> None:
        self.codes, self.values, self.dense = codes, values, None
        if size <= _TABLE:
            self.dense = np.zeros(size, dtype=values.dtype)
            self.dense[codes] = values

    def __call__(self, codes: Codes) -> Codes:
        if self.dense is not None:
            return self.dense[codes]
        if not len(self.codes):
            return np.zeros(len(codes), dtype=self.values.dtype)
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[at] == codes, self.values[at], np.zeros((), dtype=self.values.dtype))


def grouped(codes: Codes, size: int, persons: Persons) -> Groups:
    """Group rows by `codes`, one a row of the table, all less than `size` ≤ 2^32."""
    total = _Total(size, len(codes))
    if persons.most > 1:
        key = np.dtype(np.uint32 if max(size - 1, 0).bit_length() + persons.bits <= 32 else np.uint64)
        for _, code, person in persons.parts(codes):
            total.add(*_counted(code.astype(key), person, persons.bits))
    else:
        for first in range(0, len(codes), 8 * PART):
            distinct, rows = np.unique(codes[first : first + 8 * PART], return_counts=True)
            total.add(distinct.astype(np.int64), rows, rows, np.ones_like(rows))
    return Groups(*total.sums(), codes, size, persons)


def _counted(keys: Codes, people: Codes, bits: int) -> tuple[Ints, Ints, Ints, Ints]:
    """(codes, persons, rows, largest) of one part; `keys` are its codes and are overwritten."""
    keys <<= keys.dtype.type(bits)
    keys |= people
    keys.sort()
    pairs = _beginnings(keys)
    code = keys[pairs[:-1]] >> keys.dtype.type(bits)
    starts = _beginnings(code)
    largest = np.maximum.reduceat(np.diff(pairs), starts[:-1])
    return code[starts[:-1]].astype(np.int64), np.diff(starts), np.diff(pairs[starts]), largest


def _beginnings(ordered: Codes) -> Ints:
    """Where each run of equal values begins, and the end."""
    inner = np.flatnonzero(ordered[1:] != ordered[:-1])
    inner += 1
    return np.concatenate(([0], inner, [len(ordered)]))


class _Total:
    """Sums over the parts of a table of so many `rows`, code by code."""

    def __init__(self, size: int, rows: int) -> None:
        self.dense = np.zeros((3, size), dtype=np.int64) if size <= _DENSE else None
        self.kind = narrowest(max(rows + 1, size, 1 << 32))
        self.pending: list[list[Codes]] = [[np.zeros(0, dtype=self.kind)] for _ in range(4)]
        self.waiting = 0

    def add(self, codes: Ints, persons: Ints, rows: Ints, largest: Ints) -> None:
        """Of one part, each code once."""
        if self.dense is not None:
            self.dense[0, codes] += persons
            self.dense[1, codes] += rows
            self.dense[2, codes] = np.maximum(self.dense[2, codes], largest)
            return
        for waiting, values in zip(self.pending, (codes, persons, rows, largest), strict=True):
            waiting.append(values.astype(self.kind))
        self.waiting += len(codes)
        if self.waiting > max(_DENSE, len(self.pending[0][0])):
            self._merge()

    def _merge(self) -> None:
        codes = np.concatenate(self.pending[0])
        if not len(codes):
            return
        order = np.argsort(codes, kind="stable")  # quick on the ascending runs that the parts are
        codes = codes[order]
        starts = _beginnings(codes)[:-1]
        self.pending[0] = [codes[starts]]
        for i, sums in ((1, np.add), (2, np.add), (3, np.maximum)):
            self.pending[i] = [sums.reduceat(np.concatenate(self.pending[i])[order], starts, dtype=self.kind)]
        self.waiting = 0

    def sums(self) -> tuple[Ints, Ints, Ints, Ints]:
        """(codes, persons, rows, largest) of all codes that were added, ascending."""
        if self.dense is None:
            self._merge()
            codes, persons, rows, largest = (p[0].astype(np.int64) for p in self.pending)
        else:
            codes = np.flatnonzero(self.dense[1])
            persons, rows, largest = self.dense[:, codes]
        return codes, persons, rows, largest
