"""Public grids: numbers by decimal magnitude and two leading digits, dates by decade, year and calendar unit.

Where nothing public bounds a column, its figures with noise are of these classes, which are the same whatever the data are. A grid is a
tree of three levels; only branches whose noisy count stands out from the noise are followed further down, so that noise in the thousands
of empty classes does not become values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.counts.grouped import Ints
from generators.schema import ColumnSchema, Kind
from generators.summary_parts import Cell, Distribution, Scalar, Step

Floats = npt.NDArray[np.float64]

FIRST_YEAR, LAST_YEAR = 1850, 2100
LARGEST = 12
"""Numbers from 10^13 on count with the greatest magnitude."""

STANDS_OUT = 3.0
"""Standard deviations of the noise that a count must reach to be followed further down."""

_UNITS = {"month": 12, "quarter": 4, "year": 1}


@dataclass(frozen=True)
class Grid:
    """A tree of classes. branches: how many there are at the top, and below each class of one level at the next; places: the class of every
    value at the lowest level (top × below × below …). part: (level, class) as a released value or range, less its figures.
    """

    branches: tuple[int, ...]
    part: Callable[[int, int], tuple[Scalar, Scalar]]
    unit: str = "value"

    def levels(self, leaves: Ints) -> list[Ints]:
        """Counts of each level, the top first, from those of the lowest."""
        counts = [leaves]
        for branch in reversed(self.branches[1:]):
            counts.append(counts[-1].reshape(-1, branch).sum(axis=1))
        return counts[::-1]

    @property
    def size(self) -> int:
        """How many classes the lowest level has."""
        return int(np.prod(self.branches))


def number_grid(column: ColumnSchema) -> tuple[Grid, Callable[[Floats], Ints]]:
    """The grid of a numeric column and what puts its numbers in classes."""
    places = 0 if column.kind is Kind.INTEGER else min(12, column.decimals if column.decimals is not None else 6)
    magnitudes = LARGEST + places + 1
    signs = 2 * magnitudes

    def classes(values: Floats) -> Ints:
        size = np.abs(values)
        zero = size < 0.5 * 10.0**-places
        with np.errstate(divide="ignore"):
            magnitude = np.clip(np.floor(np.log10(np.where(zero, 1.0, size)) + 1e-12), -places, LARGEST).astype(np.int64)
        digits = np.clip(np.floor(size / 10.0 ** (magnitude - 1) + 1e-9), 10, 99).astype(np.int64)
        top = (values < 0) * magnitudes + magnitude + places
        return np.where(zero, signs * 90, top * 90 + digits - 10)

    def part(level: int, number: int) -> tuple[Scalar, Scalar]:
        below = (90, 10, 1)[level]
        top, digits = divmod(number * below, 90)
        if top >= signs:
            return (0, 0) if places == 0 else (0.0, 0.0)
        negative, magnitude = divmod(top, magnitudes)
        unit = 10.0 ** (magnitude - places - 1)
        low, high = (digits + 10) * unit, (digits + 10 + below) * unit
        if level == 2 and high - low <= 10.0**-places * (1 + 1e-9):
            high = low
        if places == 0:
            whole = (round(low), max(round(low), round(high)))
            return (-whole[1] + (whole[1] > whole[0]), -whole[0] + (whole[1] > whole[0])) if negative else whole
        real = (round(low, places), round(high, places))
        return (-real[1], -real[0]) if negative else real

    return Grid((signs + 1, 9, 10), part), classes


def date_grid(unit: str) -> tuple[Grid, Callable[[Ints], Ints]]:
    """The grid of a column of dates and what puts months since January 1970 in classes."""
    each = _UNITS[unit]
    decades = (LAST_YEAR - FIRST_YEAR) // 10

    def classes(months: Ints) -> Ints:
        since = np.clip(months - (FIRST_YEAR - 1970) * 12, 0, decades * 120 - 1)
        return since // (12 // each)

    def label(number: int) -> str:
        year, within = divmod(number, each)
        text = f"{FIRST_YEAR + year:04d}"
        return text if each == 1 else f"{text}-Q{within + 1}" if each == 4 else f"{text}-{within + 1:02d}"

    def part(level: int, number: int) -> tuple[Scalar, Scalar]:
        below = (10 * each, each, 1)[level]
        return label(number * below), label((number + 1) * below - 1)

    return Grid((decades, 10, each), part, unit), classes


def released(grid: Grid, noisy: list[Ints], scale: float, rounded: Callable[[int], int], least: int, most_parts: int) -> Distribution:
    """Values and ranges from noisy counts of each level, all of it after the noise.

    scale: standard deviation of the noise; rounded: how counts are written; least: smaller ones are left out; most_parts: about how many
    values and ranges there may be.
    """
    edge = max(STANDS_OUT * scale, least)
    parts = [(0, int(i), float(noisy[0][i])) for i in np.flatnonzero(noisy[0] >= edge)]
    for level in range(1, len(grid.branches)):
        branch = grid.branches[level]
        following: list[tuple[int, int, float]] = []
        room = most_parts - len(parts)
        for at, number, count in sorted(parts, key=lambda p: -p[2]):
            children = np.maximum(noisy[level][number * branch : (number + 1) * branch], 0).astype(np.float64) if at == level - 1 else None
            if children is None or count < 2 * edge or children.sum() <= 0 or room < branch:
                following.append((at, number, count))
                continue
            children[children < 2 * scale] = 0  # what could be noise is left to its neighbours
            if not children.any():
                following.append((at, number, count))
                continue
            shares = children / children.sum() * count
            room -= int(np.count_nonzero(shares)) - 1
            following += [(level, number * branch + i, float(s)) for i, s in enumerate(shares) if s > 0]
        parts = following
    return _written(grid, parts, rounded, least)


def _written(grid: Grid, parts: list[tuple[int, int, float]], rounded: Callable[[int], int], least: int) -> Distribution:
    values: list[Cell] = []
    steps: list[Step] = []
    for level, number, count in parts:
        low, high = grid.part(level, number)
        rows = rounded(round(count))
        if count < least or rows <= 0:
            continue
        if low == high:
            values.append(Cell(low, None, rows))
        else:
            steps.append(Step(low, high, None, rows))
    ordered = sorted(values, key=lambda c: c.value)
    return Distribution(values=tuple(ordered), steps=tuple(sorted(steps, key=lambda s: s.low)), unit=grid.unit)
