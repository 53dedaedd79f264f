"""Which columns are missing together: counted without a cell for every set of columns, released by pattern, drawn again when generating.

A pattern is a set of columns of which exactly those are missing in a row. Only patterns that occur are counted, so that many columns
cost no more than their bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.counts.grouped import Grouped
from generators.counts.person_counts import PART
from generators.disclosure import DisclosurePolicy
from generators.generating.issuing import Lottery
from generators.summarising.steps import figures
from generators.summary_parts import Cell, ColumnSummary, MissingPattern, TableSummary

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[Any]

_WORD = 16
"""Columns whose bits are compared at once."""

_DENSE = 1 << 20
"""Numbers below this are told apart by counting, others by sorting."""


def together(columns: Sequence[str], lacking: Mapping[str, npt.NDArray[np.uint8]], rows: int) -> tuple[list[tuple[str, ...]], Codes]:
    """(the patterns that occur, the number of the pattern of each row); one of the patterns may be () : nothing is missing.

    lacking: of each of `columns`, one bit a row (`numpy.packbits`), set where the value is missing.
    """
    numbers: dict[tuple[int, ...], int] = {}
    codes = np.zeros(rows, dtype=np.uint32)
    for first in range(0, rows, PART):
        after = min(rows, first + PART)
        words = [_word([lacking[name] for name in columns[i : i + _WORD]], first, after) for i in range(0, len(columns), _WORD)]
        pattern = np.zeros(after - first, dtype=np.int64)
        for word in words:
            places, different = _numbered(word)
            pattern = _numbered(pattern * different + places)[0]
        sample = np.zeros(int(pattern.max()) + 1, dtype=np.int64)
        sample[pattern] = np.arange(len(pattern))
        found = [tuple(int(word[row]) for word in words) for row in sample]
        codes[first:after] = np.array([numbers.setdefault(f, len(numbers)) for f in found], dtype=np.uint32)[pattern]
    return [_names(columns, words) for words in numbers], codes


def _numbered(values: Codes) -> tuple[npt.NDArray[np.int64], int]:
    """(the rank of each value among the different ones, how many there are)."""
    most = int(values.max())
    if most >= _DENSE:
        distinct, places = np.unique(values, return_inverse=True)
        return places.astype(np.int64), len(distinct)
    there = np.bincount(values, minlength=most + 1) > 0
    ranks = np.cumsum(there) - 1
    return ranks[values], int(ranks[-1]) + 1


def _word(packed: Sequence[npt.NDArray[np.uint8]], first: int, after: int) -> npt.NDArray[np.int64]:
    """The bits of up to `_WORD` columns in the rows first … after − 1 (`first` a multiple of 8), one number a row."""
    word = np.zeros(after - first, dtype=np.int64)
    for place, bits in enumerate(packed):
        word |= np.unpackbits(bits[first // 8 : (after + 7) // 8], count=after - first).astype(np.int64) << place
    return word


def _names(columns: Sequence[str], words: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(name for i, name in enumerate(columns) if words[i // _WORD] >> (i % _WORD) & 1)


def protected_patterns(
    patterns: Sequence[tuple[str, ...]], groups: Grouped, nulls: Mapping[str, Cell], policy: DisclosurePolicy
) -> tuple[MissingPattern, ...]:
    """The patterns of enough persons, by the order of their columns.

    nulls: the released missing values of each column, of which a pattern is a part. Where the released patterns of a column would tell
    how many rows are in its suppressed ones, the smallest of them is suppressed too, until they no longer do.
    """
    order = {name: i for i, name in enumerate(nulls)}
    sets = [patterns[int(code)] for code in groups.codes]
    rows = {columns: int(n) for columns, n in zip(sets, groups.rows, strict=True) if columns}
    released: dict[tuple[str, ...], MissingPattern] = {}
    for columns, persons, count, largest in zip(sets, groups.persons, groups.rows, groups.largest, strict=True):
        people, told = figures(policy, int(persons), int(count), int(largest))
        if columns and people is not None:
            released[columns] = MissingPattern(columns, people, told)
    for name, cell in nulls.items():
        _conceal(name, cell, rows, released, policy)
    return tuple(released[c] for c in sorted(released, key=lambda c: [order[name] for name in c]))


def _conceal(
    name: str, nulls: Cell, rows: Mapping[tuple[str, ...], int], released: dict[tuple[str, ...], MissingPattern], policy: DisclosurePolicy
) -> None:
    """Take patterns of column `name` away until those suppressed cannot be worked out from its missing values."""
    while nulls.rows is not None and any(name in c and c not in released for c in rows):
        mine = [p for c, p in released.items() if name in c]
        spans = [policy.span(p.rows) for p in mine if p.rows is not None]
        least, most = policy.span(nulls.rows)
        low, high = max(0, least - sum(s[1] for s in spans)), most - sum(s[0] for s in spans)
        if not mine or len(spans) < len(mine) or policy.concealed(low, high):
            return
        del released[min(mine, key=lambda p: (rows[p.columns], p.columns)).columns]


def sampler(summary: TableSummary) -> Callable[[int, np.random.Generator], dict[str, Bools]] | None:
    """(rows, random generator) → which rows lack each column that is ever missing; None where the summary has no patterns.

    A pattern is drawn for each row with its released share; what a column's missing values have beyond those of its patterns is spread
    over the rows without a pattern, so that its own share is kept.
    """
    if not summary.missing:
        return None
    whole = max(1, max(summary.rows or 0, *(rows_of(c) for c in summary.columns)))
    shares = np.array([p.weight / whole for p in summary.missing])
    if shares.sum() > 1:
        shares /= shares.sum()
    free = 1 - shares.sum()
    lottery = Lottery(np.append(shares, free))
    columns = [c for c in summary.columns if c.nulls is not None]
    member = {c.name: np.array([c.name in p.columns for p in summary.missing] + [False]) for c in columns}
    extra: dict[str, float] = {}
    for column in columns:
        own = column.nulls.weight / max(1, rows_of(column)) if column.nulls else 0.0
        left = own - float(shares[member[column.name][:-1]].sum())
        extra[column.name] = min(1.0, max(0.0, left / free)) if free > 1e-9 else 0.0

    def draw(rows: int, rng: np.random.Generator) -> dict[str, Bools]:
        chosen = lottery.draw(rows, rng)
        alone = chosen == len(summary.missing)
        masks: dict[str, Bools] = {}
        for name, bits in member.items():
            masks[name] = bits[chosen]
            if extra[name]:
                masks[name] |= alone & (rng.random(rows, dtype=np.float32) < extra[name])
        return masks

    return draw


def rows_of(column: ColumnSummary) -> int:
    """Rows of a column by its own released figures."""
    cells = (*column.sentinels, *((column.nulls,) if column.nulls else ()))
    return int(column.distribution.weight + sum(c.weight for c in cells))
