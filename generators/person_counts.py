"""Counting distinct persons exactly, a column at a time.

Each row's code and person are packed into one 64-bit key; one vectorised sort of the keys puts equal codes together and equal
persons together within them. Everything else reads off the boundaries. Nothing depends on the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Persons:
    """Who each row is about. codes: int64 array, one a row, 0 … count − 1; most: the rows of the person who has most."""

    codes: Ints
    count: int
    most: int

    @staticmethod
    def of(codes: Ints) -> Persons:
        """From codes ≥ 0; codes that nobody has are closed up, so that they are not counted as persons."""
        if len(codes) == 0:
            return Persons(codes, 0, 0)
        rows = np.bincount(codes)
        used = rows > 0
        if not used.all():
            codes = (np.cumsum(used) - 1)[codes]
        return Persons(codes, int(np.count_nonzero(used)), int(rows.max()))

    @property
    def bits(self) -> int:
        return max(1, (self.count - 1).bit_length())

    def among(self, people: Ints) -> tuple[int, int]:
        """Distinct persons in `people` (codes, any order), and the most rows any one of them has there."""
        if len(people) == 0:
            return 0, 0
        if self.most == 1:
            return len(people), 1
        if len(people) * 8 < self.count:
            counts = np.unique(people, return_counts=True)[1]
            return len(counts), int(counts.max())
        counts = np.bincount(people, minlength=self.count)
        return int(np.count_nonzero(counts)), int(counts.max())


@dataclass(frozen=True)
class Groups:
    """Rows grouped by code, the codes ascending.

    codes, persons, rows, largest: one a distinct code; `largest` is the most rows one person has there.
    starts: len(codes) + 1 positions into `people`, the person of each row in the order of (code, person).
    """

    codes: Ints
    persons: Ints
    rows: Ints
    largest: Ints
    starts: Ints
    people: Ints

    def people_of(self, chosen: npt.NDArray[np.bool_]) -> Ints:
        """The persons of all rows whose code is `chosen` (one truth a distinct code), in the order of (code, person)."""
        return self.people[np.repeat(chosen, self.rows)]


def grouped(codes: Ints, people: Ints, persons: Persons) -> Groups:
    """Group rows by `codes` (int64 ≥ 0, less than 2^(63 − persons.bits)); `people` are the persons of the same rows."""
    if len(codes) == 0:
        none = np.zeros(0, dtype=np.int64)
        return Groups(none, none, none, none, np.zeros(1, dtype=np.int64), none)
    bits = persons.bits
    keys = (codes << bits) | people
    keys.sort()
    ordered = keys >> bits
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    distinct = ordered[starts]
    del ordered
    ends = np.append(starts[1:], len(keys))
    rows = ends - starts
    if persons.most == 1:
        counts, largest = rows, np.ones_like(rows)
    else:
        pairs = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        first = np.searchsorted(pairs, starts)
        counts = np.diff(np.append(first, len(pairs)))
        largest = np.maximum.reduceat(np.diff(np.append(pairs, len(keys))), first)
    keys &= (1 << bits) - 1
    return Groups(distinct, counts, rows, largest, np.append(starts, len(keys)), keys)
