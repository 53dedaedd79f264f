"""Cross-tabulations of coded tables: two and three columns at a time, counted over and over on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from evaluation.tables.coding import CodedTable, Coder
from evaluation.tables.columns import Floats, Ints

LIMIT = 250_000
"""Most rows a side: what chance does to a share is then below a thousandth."""
FINE = 5
"""Codes of a column in tables of three: 5 and missing."""

Tick = Callable[[float], None]


def silent(fraction: float) -> None:
    """A `Tick` nobody listens to."""


def thinned(table: CodedTable, size: int, seed: int) -> CodedTable:
    """At most `size` rows of a coded table, drawn at random, in their order: those of `SampledRows` with the same seed."""
    if table.rows <= size:
        return table
    chosen = np.sort(np.random.default_rng(seed).choice(table.rows, size, replace=False))
    return CodedTable(size, {name: codes[chosen] for name, codes in table.codes.items()})


def some(columns: int, together: int, most: int, seed: int) -> list[tuple[int, ...]]:
    """All combinations of so many columns, or `most` of them drawn at random; in order."""
    if comb(columns, together) <= most:
        return list(combinations(range(columns), together))
    draw = np.random.default_rng(seed)
    found: set[tuple[int, ...]] = set()
    while len(found) < most:
        found.add(tuple(int(i) for i in np.sort(draw.choice(columns, together, replace=False))))
    return sorted(found)


def sampling(columns: int, together: int, most: int) -> str | None:
    """What `some` did, in words: None when every combination is there."""
    every = comb(columns, together)
    word = "pairs" if together == 2 else "triples"
    return None if every <= most else f"{most:,} of {every:,} {word} of columns, drawn at random"


def coarser(coder: Coder, codes: int | None = None) -> tuple[npt.NDArray[np.intp], int]:
    """(coarse code of each code of the column, how many there are): as in pair tables, or `codes` and missing, where that is fewer."""
    coarse, width = coder.coarse.astype(np.intp), coder.coarse_size
    if codes is None or width <= codes + 1:
        return coarse, width
    present = np.arange(width - 1) * codes // (width - 1)
    if coder.names is not None:  # categories are in order of frequency: the commonest stay by themselves
        present = np.minimum(np.arange(width - 1), codes - 1)
    return np.append(present, codes)[coarse], codes + 1


@dataclass(frozen=True)
class Coarse:
    """A table's columns as coarse codes, ready to be crossed. codes: one array a column, of shape (rows,); widths: codes of each."""

    rows: int
    codes: tuple[npt.NDArray[np.intp], ...]
    widths: tuple[int, ...]

    @staticmethod
    def of(table: CodedTable, coders: Sequence[Coder], codes: int | None = None) -> Coarse:
        """The columns of `coders`; see `coarser`."""
        found = [(*coarser(coder, codes), coder.column.name) for coder in coders]
        return Coarse(table.rows, tuple(to[table.codes[name]] for to, _, name in found), tuple(width for _, width, _ in found))

    def crossed(self, chosen: Sequence[tuple[int, ...]]) -> Iterator[Ints]:
        """The counts of each combination of columns, flat, the last column fastest. Combinations that begin alike, side by side, share
        what they begin with.
        """
        begun: tuple[int, ...] = ()
        index = np.zeros(self.rows, np.intp)
        for columns in chosen:
            if columns[:-1] != begun:
                begun = columns[:-1]
                index = self.codes[begun[0]]
                for column in begun[1:]:
                    index = index * self.widths[column] + self.codes[column]
            last = columns[-1]
            size = int(np.prod([self.widths[i] for i in columns]))
            yield np.bincount(index * self.widths[last] + self.codes[last], minlength=size)


def agreement(real: Coarse, others: Sequence[Coarse], chosen: Sequence[tuple[int, ...]], tick: Tick = silent) -> Floats:
    """1 − TVD of each cross-tabulation, ½ Σ |p − q| over its cells; shape (len(others), len(chosen)). Tables without rows give NaN."""
    found = np.full((len(others), len(chosen)), np.nan)
    sides = [real.crossed(chosen), *(other.crossed(chosen) for other in others)]
    for place, tables in enumerate(zip(*sides, strict=True)):
        if place % 50 == 0:
            tick(place / len(chosen))
        if real.rows:
            shares = tables[0] / real.rows
            for k, (other, table) in enumerate(zip(others, tables[1:], strict=True)):
                if other.rows:
                    found[k, place] = 1 - np.abs(shares - table / other.rows).sum() / 2
    return found
