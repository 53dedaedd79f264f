"""One column drawn from its released summary: the samplers the generators share.

Values come out in the proportions the summary released; inside a step, evenly; decimals as the column has them; missing values at
their released share (none where the summary withheld it), sentinels likewise. Rare codes that were rolled up come out as the public
code that stands for what they have in common (`generators.code_systems`), pooled rare categories as the text ``Other``; where the
column has no such value (numbers as codes, truths, or a public code list without it) their share goes to the released values in
proportion. Dates are even within their period, times within their hour. Identifiers are issued anew. Free text is one fixed text.
A withheld column is missing throughout, or a structural placeholder where it may not be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.code_systems import CODE_SYSTEMS
from generators.counts.sentinels import sentinel_values
from generators.generating.issuing import ARROW, Lottery, clock, coded, stored
from generators.generating.structural import DAY, Sampler, placeholder
from generators.schema import ColumnSchema, Kind
from generators.summarising.missing_patterns import rows_of
from generators.summary import OTHER, Cell, ColumnSummary, Distribution, Scalar, Step

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Nulls = Callable[[int, np.random.Generator], npt.NDArray[np.bool_] | None]

_EPOCH = date(1970, 1, 1).toordinal()
_WIDEST = 1 << 62


def column_sampler(column: ColumnSchema, summary: ColumnSummary) -> Sampler:
    """The function that makes values of `column`: (first row, rows, random generator) → that many values in the column's storage."""
    if summary.absent in ("identifier", "free text"):
        return placeholder(column, may_miss=False)
    if summary.absent:
        if not column.nullable:
            return placeholder(column)
        return lambda first, rows, rng: pa.nulls(rows, ARROW[column.storage])
    null = _nulls(summary)
    if column.kind is Kind.TIME:
        return _times(column, summary.distribution, null)
    if column.kind in (Kind.DATE, Kind.DATETIME):
        return _with_sentinels(column, summary, _dates(column, summary, null))
    if column.kind in (Kind.INTEGER, Kind.REAL):
        return _with_sentinels(column, summary, _numbers(column, summary, null))
    return _categories(column, summary.distribution, null)


def _with_sentinels(column: ColumnSchema, summary: ColumnSummary, values: Sampler) -> Sampler:
    if not summary.sentinels:
        return values
    own = sentinel_values(replace(column, sentinels=tuple(str(c.value) for c in summary.sentinels)), "")
    lottery = Lottery(np.array([summary.distribution.weight, *(c.weight for c in summary.sentinels)], dtype=np.float64))

    def sample(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        drawn = values(first, rows, rng)
        chosen = lottery.draw(rows, rng)
        sentinels = pc.take(pc.cast(own, drawn.type), pa.array(np.maximum(chosen - 1, 0)))
        return pc.if_else(pc.and_(pa.array(chosen > 0), pc.is_valid(drawn)), sentinels, drawn)

    return sample


def _nulls(summary: ColumnSummary) -> Nulls:
    if summary.nulls is None:
        return lambda rows, rng: None
    share = summary.nulls.weight / max(1, rows_of(summary))
    return lambda rows, rng: rng.random(rows, dtype=np.float32) < share


def weights_of(cells: Sequence[Cell | Step]) -> Floats:
    """The released weights of `cells`, in their order."""
    return np.array([c.weight for c in cells], dtype=np.float64)


def _categories(column: ColumnSchema, shape: Distribution, null: Nulls) -> Sampler:
    cells = list(shape.values)
    if shape.other is not None and column.storage == "string" and (column.codes is None or OTHER in column.codes or not cells):
        cells.append(shape.other)
    weights = {str(c.value): c.weight for c in cells}
    for code, weight in _stand_ins(column, shape):
        weights[code] = weights.get(code, 0) + weight
    if not weights:
        return placeholder(column)
    labels, lottery = list(weights), Lottery(np.array(list(weights.values()), dtype=np.float64))
    return lambda first, rows, rng: coded(labels, lottery.draw(rows, rng), column.storage, null(rows, rng))


def _stand_ins(column: ColumnSchema, shape: Distribution) -> Iterator[tuple[str, int]]:
    """The codes that are generated for rolled-up ones, and how often."""
    system = CODE_SYSTEMS.get(column.code_system or "")
    for rollup in shape.rolled:
        level = None if system is None else system.level(rollup.level)
        if level is not None:
            code = level.stand_in(rollup.code)
            if column.codes is None or code in column.codes:
                yield code, rollup.weight


def _numbers(column: ColumnSchema, summary: ColumnSummary, null: Nulls) -> Sampler:
    cells: tuple[Cell | Step, ...] = (*summary.distribution.values, *summary.distribution.steps)
    lottery = Lottery(weights_of(cells))
    places = summary.decimals if column.kind is Kind.REAL else 0
    if places is not None and (
        column.storage == "int64" or all(abs(float(_edge(c)) * 10**places) < _WIDEST for c in cells for _edge in (_low, _high))
    ):
        low, width = _grid([_low(c) for c in cells], [_high(c) for c in cells], places)
        unit = 10.0**places

        def on_grid(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
            chosen = lottery.draw(rows, rng)
            values = low[chosen] + _spread(width[chosen], rng.random(rows))
            return stored(values / unit if places else values, column, null(rows, rng))

        return on_grid
    start = np.array([_low(c) for c in cells], dtype=np.float64)
    end = np.array([_high(c) for c in cells], dtype=np.float64)

    def anywhere(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        chosen = lottery.draw(rows, rng)
        u = rng.random(rows)
        return stored(start[chosen] * (1 - u) + end[chosen] * u, column, null(rows, rng))

    return anywhere


def _low(cell: Cell | Step) -> Scalar:
    return cell.value if isinstance(cell, Cell) else cell.low


def _high(cell: Cell | Step) -> Scalar:
    return cell.value if isinstance(cell, Cell) else cell.high


def _grid(low: Sequence[Scalar], high: Sequence[Scalar], places: int) -> tuple[Ints, Floats]:
    """Lower ends in whole units of 10^−places, and widths in the same units."""

    def whole(value: Scalar) -> int:
        return int(value) if places == 0 else round(float(value) * 10**places)

    lows, highs = [whole(v) for v in low], [whole(v) for v in high]
    return np.array(lows, dtype=np.int64), np.array([h - a for a, h in zip(lows, highs, strict=True)], dtype=np.float64)


def _spread(width: Floats, u: Floats) -> Ints:
    """Whole numbers 0 … width − 1, evenly (0 where width is 0). Beyond 2^62 in twos, since the difference of two int64 may not fit one."""
    if width.max(initial=0.0) < _WIDEST:
        return (u * width).astype(np.int64)
    return (u * width / 2).astype(np.int64) * np.int64(2)


def _times(column: ColumnSchema, shape: Distribution, null: Nulls) -> Sampler:
    labels, hourly = clock(column.format)
    lottery = Lottery(_hours(shape))

    def times(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        ticks = lottery.draw(rows, rng) * hourly + rng.integers(0, hourly, rows)
        return coded(labels, ticks, column.storage, null(rows, rng))

    return times


def _hours(shape: Distribution) -> Floats:
    """Weights of the 24 hours; pooled hours share theirs evenly among those not released."""
    weights = np.zeros(24)
    for cell in shape.values:
        weights[int(cell.value)] = cell.weight
    hidden = [h for h in range(24) if h not in {int(c.value) for c in shape.values}]
    if shape.other is not None and hidden:
        weights[hidden] = shape.other.weight / len(hidden)
    return weights


def _dates(column: ColumnSchema, summary: ColumnSummary, null: Nulls) -> Sampler:
    shape = summary.distribution
    cells: tuple[Cell | Step, ...] = (*shape.values, *shape.steps)
    lottery = Lottery(weights_of(cells))
    start = np.array([period_days(str(_low(c)))[0] for c in cells], dtype=np.int64)
    days = np.array([period_days(str(_high(c)))[1] for c in cells], dtype=np.int64) - start
    hours = None if summary.hours is None else Lottery(_hours(summary.hours))
    _, hourly = clock(column.format) if column.kind is Kind.DATETIME else ([], 60)

    def dates(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        chosen = lottery.draw(rows, rng)
        values = start[chosen] + (rng.random(rows) * days[chosen]).astype(np.int64)
        if hours is not None:
            ticks = hours.draw(rows, rng) * hourly + rng.integers(0, hourly, rows)
            values = values * DAY + ticks * (3_600_000_000 // hourly)
        elif column.storage == "timestamp[us]":
            values = values * DAY
        return stored(values, column, null(rows, rng))

    return dates


def period_days(label: str) -> tuple[int, int]:
    """First day of a period and the day after its last, in days since 1970. Labels: ``2024``, ``2024-Q1``, ``2024-02``."""
    year, _, part = label.partition("-")
    first = 1 if not part else int(part[1:]) * 3 - 2 if part.startswith("Q") else int(part)
    months = 12 if not part else 3 if part.startswith("Q") else 1
    begins = date(int(year), first, 1).toordinal() - _EPOCH
    after = int(year) * 12 + first - 1 + months
    if after // 12 > 9999:
        return begins, date.max.toordinal() + 1 - _EPOCH
    return begins, date(after // 12, after % 12 + 1, 1).toordinal() - _EPOCH


def whole_numbers(shape: Distribution | None) -> Callable[[int, np.random.Generator], Ints] | None:
    """Draws whole numbers in the released proportions, inside a step evenly; None where nothing was released."""
    cells: tuple[Cell | Step, ...] = () if shape is None else (*shape.values, *shape.steps)
    if not cells:
        return None
    lottery = Lottery(weights_of(cells))
    low, width = _grid([_low(c) for c in cells], [_high(c) for c in cells], 0)

    def draw(rows: int, rng: np.random.Generator) -> Ints:
        chosen = lottery.draw(rows, rng)
        return low[chosen] + _spread(width[chosen], rng.random(rows))

    return draw
