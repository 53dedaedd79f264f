"""Aggregates for charts, under disclosure control: no cell is about fewer persons than the minimum, in train or in the holdout.

Numeric cells have round edges (multiples of 1, 2 or 5 times a power of ten) and dates calendar units, so that no edge is a record's value.
Cells that are too small are joined with a neighbour (numbers, dates) or pooled (categories); counts of real rows are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison
from evaluation.tables.columns import ORDERED, Floats, Ints, Rows, categories, numbers, persons_per_code
from generators.disclosure import DisclosurePolicy
from generators.schema import ColumnSchema, Kind

MOST_BINS = 24
MOST_CATEGORIES = 24
UNITS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
OTHER = "all other values"
MISSING = "missing"


@dataclass(frozen=True)
class Cells:
    """Shares of real (train, from rounded counts) and synthetic rows by cell; each sums to 1 but for rounding. notes: what was left out."""

    labels: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    notes: str


def cells(c: Comparison, column: ColumnSchema) -> Cells | None:
    """The cells of one measured column, or None when fewer than two pass disclosure control."""
    return _numeric(c, column) if column.kind in ORDERED else _named(c, column)


def _named(c: Comparison, column: ColumnSchema) -> Cells | None:
    codes, values = categories(c.train.column(column))
    held, held_values = categories(c.holdout.column(column))
    made, made_values = categories(c.synthetic.column(column))
    # missing is one more category, told apart from a value by being None
    known: list[object] = [*values, None]
    place = {v: i for i, v in enumerate(known)}
    other = len(known)

    def aligned(coded: Ints, names: list[object]) -> Ints:
        return np.array([place.get(v, other) for v in [*names, None]], np.int64)[coded]

    held, made = aligned(held, held_values), aligned(made, made_values)
    real_persons = persons_per_code(codes, c.people, other + 1)
    held_persons = persons_per_code(held, c.held_out, other + 1)
    minimum = c.policy.minimum
    passing = [i for i in range(other) if real_persons[i] >= minimum and held_persons[i] >= minimum]
    kept = sorted(passing, key=lambda i: (-int(real_persons[i]), str(known[i])))[:MOST_CATEGORIES]
    # the pool obeys the minimum too: it takes the smallest shown category until it does
    while kept:
        pooled = np.ones(other + 1, np.bool_)
        pooled[kept] = False
        behind = len(np.unique(c.people[pooled[codes]])), len(np.unique(c.held_out[pooled[held]]))
        empty = behind == (0, 0) and not pooled[made].any()
        if empty or min(behind) >= minimum:
            break
        kept = kept[:-1]
    if len(kept) < 1 or (len(kept) == 1 and empty):
        return None
    cell = np.full(other + 1, len(kept))
    cell[kept] = np.arange(len(kept))
    labels = [MISSING if known[i] is None else str(known[i]) for i in kept] + ([] if empty else [OTHER])
    note = "" if empty else "Values of few people, and values beyond the most frequent, are pooled."
    return _shares(c, labels, cell[codes], cell[made], note)


def _numeric(c: Comparison, column: ColumnSchema) -> Cells | None:
    real, held, made = (_positions(c, column, side) for side in (c.train, c.holdout, c.synthetic))
    present = np.isfinite(real)
    finite = real[present]
    if not len(finite):
        return None
    # one value a person: somebody with many rows does not stretch the axis
    once = finite[np.unique(c.people[present], return_index=True)[1]]
    edges, label = _edges(column, once, c.policy)
    coded = [np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="right")) for x in (real, held, made)]
    size = len(edges) + 2
    behind = np.minimum(persons_per_code(coded[0], c.people, size), persons_per_code(coded[1], c.held_out, size))
    bins = _joined(behind[:-1], c.policy.minimum, (coded[0], c.people), (coded[1], c.held_out))
    if not bins:
        return None
    missing = behind[-1] >= c.policy.minimum
    cell = np.full(size, -1)
    for place, (first, last) in enumerate(bins):
        cell[first : last + 1] = place
    labels = [label(edges[first - 1] if first else None, edges[last] if last < len(edges) else None) for first, last in bins]
    if missing:
        cell[-1] = len(bins)
        labels.append(MISSING)
    if len(labels) < 2:
        return None
    note = "" if missing or not np.isnan(real).any() else "Missing values are not shown: too few people."
    return _shares(c, labels, cell[coded[0]], cell[coded[2]], note)


def _joined(behind: Ints, minimum: int, *sides: tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]) -> list[tuple[int, int]]:
    """Runs of neighbouring bins (first, last), each about the minimum of persons on every side; empty when all together are not."""
    runs: list[tuple[int, int]] = []
    first = 0

    def enough(start: int, stop: int) -> bool:
        if behind[start : stop + 1].max() >= minimum:
            return True
        return all(len(np.unique(who[(codes >= start) & (codes <= stop)])) >= minimum for codes, who in sides)

    for last in range(len(behind)):
        if enough(first, last):
            runs.append((first, last))
            first = last + 1
    if first < len(behind) and runs:
        runs[-1] = (runs[-1][0], len(behind) - 1)
    return runs


def _positions(c: Comparison, column: ColumnSchema, rows: Rows) -> Floats:
    """Values on the axis they are cut on: months since 1970 for dates and datetimes, hours for times, else as they are."""
    values = numbers(column, rows.column(column))
    if column.kind is Kind.TIME:
        return values / 3600
    if column.kind not in (Kind.DATE, Kind.DATETIME):
        return values
    unit = "datetime64[D]" if column.kind is Kind.DATE else "datetime64[us]"
    present = ~np.isnan(values)
    months = np.full(len(values), np.nan)
    months[present] = values[present].astype(np.int64).astype(unit).astype("datetime64[M]").astype(np.int64)
    return months


def _edges(column: ColumnSchema, finite: Floats, policy: DisclosurePolicy) -> tuple[Floats, Callable[[float | None, float | None], str]]:
    """Inner edges of the cells, and what a cell between two of them is called."""
    low, high = (float(x) for x in np.quantile(finite, [0.02, 0.98]))
    if column.kind is Kind.TIME:
        return np.arange(1.0, 24.0), lambda a, b: f"{int(a or 0):02d}–{int(b or 24):02d} h"
    if column.kind in (Kind.DATE, Kind.DATETIME):
        fitting = [u for u in list(UNITS.values()) if u >= UNITS[policy.date_unit] and (high - low) / u <= MOST_BINS]
        unit = fitting[0] if fitting else max(UNITS.values())
        return _multiples(low, high, unit, 1970 * 12), _calendar
    step = _round_step((high - low) / MOST_BINS)
    whole = column.kind is Kind.INTEGER
    step = max(step, 1.0) if whole else step
    return _multiples(low, high, step, 0), (_whole_label if whole else _real_label)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 × 10^k that is at least `least`; 1 when there is no spread."""
    if least <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9)))


def _multiples(low: float, high: float, step: float, origin: int) -> Floats:
    """Multiples of `step` (counted from −origin) from above `low` to `high`. Decimals are those of the step, not of binary fractions."""
    first, last = np.ceil((low + origin) / step), np.floor((high + origin) / step)
    edges = np.arange(first, last + 1) * step - origin
    decimals = max(0, -int(np.floor(np.log10(step)))) if step < 1 else 0
    return np.round(edges, decimals)


def _whole_label(a: float | None, b: float | None) -> str:
    if a is None:
        return "all values" if b is None else f"under {b:,.0f}"
    if b is None:
        return f"{a:,.0f} and over"
    return f"{a:,.0f}" if b - a == 1 else f"{a:,.0f}–{b - 1:,.0f}"


def _real_label(a: float | None, b: float | None) -> str:
    if a is None:
        return "all values" if b is None else f"under {b:,.10g}"
    return f"{a:,.10g} and over" if b is None else f"{a:,.10g} to <{b:,.10g}"


def _calendar(a: float | None, b: float | None) -> str:
    def month(x: float) -> str:
        year, at = divmod(int(x), 12)
        return f"{MONTHS[at]} {1970 + year}"

    if a is None:
        return "all dates" if b is None else f"before {month(b)}"
    if b is None:
        return f"from {month(a)}"
    if b - a == 12 and int(a) % 12 == 0:
        return str(1970 + int(a) // 12)
    return month(a) if b - a == 1 else f"{month(a)} – {month(b - 1)}"


def _shares(c: Comparison, labels: list[str], real: Ints, made: Ints, note: str) -> Cells:
    """Cells coded −1 are left out of both sides."""
    counted = np.bincount(real[real >= 0], minlength=len(labels))
    rounded = np.array([c.policy.rounded(int(n)) for n in counted], np.float64)
    synthetic = np.bincount(made[made >= 0], minlength=len(labels)).astype(np.float64)
    return Cells(
        tuple(labels),
        tuple(round(float(x), 4) for x in rounded / max(rounded.sum(), 1)),
        tuple(round(float(x), 4) for x in synthetic / max(synthetic.sum(), 1)),
        note,
    )
