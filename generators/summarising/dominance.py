"""Sums and means of numeric columns, and the rules of dominance under which they may leave.

(n, k): the n persons who contribute most have together less than k % of the total. p %: the total less its two largest contributions is
at least p % of the largest, so that the second largest contributor cannot work the largest out to within p % (A. Hundepool and others,
Statistical Disclosure Control, Wiley 2012, section 4.2). A person contributes the sum of the absolute values of their rows, so that
negative values do not hide a large share.

The mean leaves rounded to as many significant digits as the released number of rows has, less one (from 1 to 4): fewer than would tell
the number of rows it was divided by. The total that leaves is that mean times the released number of rows, and so tells nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from generators.counts.column_codes import ColumnCodes
from generators.counts.person_counts import PART, Persons
from generators.disclosure import DisclosurePolicy
from generators.summary_parts import Magnitude

EXACT = 1 << 53
"""Sums whose rows times their largest value reach this may be inexact and are not given."""

LARGEST = 10
"""How many of the largest contributions are asked for: the most n of an (n, k) rule."""


@dataclass(frozen=True)
class Contributions:
    """What persons contribute to the sum of a column, exactly, in whole units of its last decimal; never to be shown.

    total: of all values; absolute: of all absolute values; largest: the largest sums of absolute values of one person, descending,
    `LARGEST` of them or as many as there are persons; rows: that have a value; decimals: of the unit.
    """

    total: int
    absolute: int
    largest: tuple[int, ...]
    rows: int
    decimals: int


def contributions(read: ColumnCodes, persons: Persons) -> Contributions | None:
    """Of a column read as codes in units of its last decimal; None where it has no such unit or the sums would not be exact.

    Values that are missing and sentinels contribute nothing.
    """
    if read.edges is None or read.decimals is None or not len(read.codes):
        return None
    least = round(float(read.edges.value(0)) * 10**read.decimals)
    units = np.arange(read.size, dtype=np.int64) + least
    there = read.codes < read.size
    rows = int(np.count_nonzero(there))
    if rows == 0 or rows * max(abs(least), abs(least + read.size - 1)) >= EXACT:
        return None
    counts = np.bincount(read.codes[there], minlength=read.size)
    largest = np.zeros(0, dtype=np.int64)
    for each in _sums(read, np.append(np.abs(units), 0), persons):
        largest = np.sort(np.concatenate((largest, each)))[::-1][:LARGEST]
    return Contributions(
        int((counts * units).sum()), int((counts * np.abs(units)).sum()), tuple(int(v) for v in largest), rows, read.decimals
    )


def _sums(read: ColumnCodes, absolute: npt.NDArray[np.int64], persons: Persons) -> Iterator[npt.NDArray[np.int64]]:
    """The sums of absolute values of single persons, some persons at a time."""
    if persons.most <= 1:
        for first in range(0, len(read.codes), PART):
            yield _top(absolute[np.minimum(read.codes[first : first + PART], read.size)])
        return
    for _, codes, within in persons.parts(read.codes):
        values = absolute[np.minimum(codes, read.size)]
        yield _top(np.bincount(within, weights=values).astype(np.int64))  # sums below 2^53 are exact in floating point


def _top(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return values if len(values) <= LARGEST else np.partition(values, len(values) - LARGEST)[-LARGEST:]


def magnitude(found: Contributions | None, rows: int | None, policy: DisclosurePolicy) -> Magnitude | None:
    """What may leave of the sum and mean of a column. rows: the released number of rows that have a value, None where it may not leave.

    None where the policy lets no sums leave at all.
    """
    if not policy.sums:
        return None
    if found is None or not rows or dominated(found, policy):
        return Magnitude(None, None)
    mean = _significant(Fraction(found.total, found.rows * 10**found.decimals), min(4, max(1, len(str(rows)) - 1)))
    return Magnitude(float(mean * rows), float(mean))


def dominated(found: Contributions, policy: DisclosurePolicy) -> bool:
    """Whether few persons make up too much of the sum, by any rule of the policy."""
    first = found.largest[0]
    if policy.dominance_n and 100 * sum(found.largest[: policy.dominance_n]) >= policy.dominance_k * found.absolute:
        return True
    return bool(policy.p_percent) and 100 * (found.absolute - sum(found.largest[:2])) < policy.p_percent * max(first, 1)


def _significant(value: Fraction, digits: int) -> Decimal:
    """`value` rounded to so many significant digits, exactly; halves to even."""
    if value == 0:
        return Decimal(0)
    size = len(str(abs(int(value)))) - 1 if abs(value) >= 1 else -1
    while abs(value) < Fraction(10) ** size:
        size -= 1
    unit = size - digits + 1
    return Decimal(round(value / Fraction(10) ** unit)).scaleb(unit)
