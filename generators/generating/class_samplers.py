"""The values within one class of a cross-tabulation's side, drawn as the column's own summary has them there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.generating.column_samplers import column_sampler, period_days
from generators.generating.issuing import ARROW
from generators.generating.structural import Sampler
from generators.schema import ColumnSchema, Kind
from generators.summary import OTHER, Axis, Cell, ColumnSummary, Distribution, Scalar, Step

ClassSampler = Sampler | None
"""None: nothing can be drawn from this class."""

Floats = npt.NDArray[np.float64]

_HOURS = tuple(f"{h:02d}" for h in range(24))


def class_samplers(column: ColumnSchema, summary: ColumnSummary, axis: Axis) -> tuple[ClassSampler, ...]:
    """What draws the values of each class of `axis`, the two further classes last."""
    parts = _parts(column, summary, axis)
    missing: Sampler | None = (lambda first, rows, rng: pa.nulls(rows, ARROW[column.storage])) if column.nullable else None
    return (*(None if part is None else column_sampler(column, part) for part in parts), missing)


def class_weights(summary: ColumnSummary, axis: Axis, samplers: tuple[ClassSampler, ...]) -> Floats:
    """How often each class is drawn as far as the column's own summary tells; 0 for classes nothing can be drawn from."""
    shape = summary.distribution
    if axis.edges:
        weights = [_inside(shape, low, high, summary.kind).weight for low, high in pairwise(axis.edges)]
        weights.append(max(0, shape.weight - sum(weights)))
    else:
        by_value = {c.value: c.weight for c in shape.values}
        weights = [by_value.get(v, 0) for v in axis.labels[:-2]]
        weights.append(shape.weight - sum(weights))
    weights[-1] += sum(c.weight for c in summary.sentinels)
    weights.append(summary.nulls.weight if summary.nulls else 0)
    return np.array([w if s is not None else 0 for w, s in zip(weights, samplers, strict=True)], dtype=np.float64)


def _parts(column: ColumnSchema, summary: ColumnSummary, axis: Axis) -> list[ColumnSummary | None]:
    """The column's summary restricted to each class but the missing one; None where nothing can be drawn."""
    shape, plain = summary.distribution, replace(summary, nulls=None, sentinels=())

    def only(part: Distribution) -> ColumnSummary:
        return replace(plain, distribution=replace(part, pooled=None))

    if axis.edges:
        bands = [_inside(shape, low, high, summary.kind) for low, high in pairwise(axis.edges)]
        drawn: list[ColumnSummary | None] = [only(b if b.weight else _anywhere(axis, i, shape.unit)) for i, b in enumerate(bands)]
        first, last = axis.edges[0], axis.edges[-1]
        rest = _outside(shape, first, last, summary.kind)
    else:
        drawn = [only(Distribution(values=(Cell(v, 1, 1),), unit=shape.unit)) for v in axis.labels[:-2]]
        if column.kind is Kind.TIME:
            rest = Distribution(values=tuple(Cell(h, 1, 1) for h in _HOURS if h not in axis.labels), unit=shape.unit)
        else:
            may_be_other = column.storage == "string" and (column.codes is None or OTHER in column.codes)
            rest = replace(shape, values=(), other=shape.other if may_be_other else None)
    return [*drawn, _remaining(only(rest), summary)]


def _remaining(rest: ColumnSummary, summary: ColumnSummary) -> ColumnSummary | None:
    """The class of all other values: `rest` and the column's sentinels; None where there is neither."""
    if rest.distribution.weight:
        return replace(rest, sentinels=summary.sentinels)
    if not summary.sentinels:
        return None
    # A value that is drawn never stands beside the sentinels, since samplers of sentinels need another value.
    shape = summary.distribution
    never = tuple(replace(c, persons=0, rows=0) for c in shape.values[:1])
    steps = () if never else tuple(replace(s, persons=0, rows=0) for s in shape.steps[:1])
    return replace(rest, distribution=Distribution(values=never, steps=steps, unit=shape.unit), sentinels=summary.sentinels)


def _inside(shape: Distribution, low: Scalar, high: Scalar, kind: str) -> Distribution:
    """What lies in the band low ≤ value < high: values, and the steps' parts, with their share of the weight."""
    place = _place(kind)
    bottom, top = place(low, after=False), place(high, after=False)
    values = tuple(c for c in shape.values if bottom <= place(c.value, after=False) < top)
    steps = tuple(s for s in (_part(s, low, high, kind) for s in shape.steps) if s is not None)
    return Distribution(values=values, steps=steps, unit=shape.unit)


def _part(step: Step, low: Scalar, high: Scalar, kind: str) -> Step | None:
    """The part of a step that lies in low … high; None where there is none."""
    place, periods = _place(kind), kind in (Kind.DATE, Kind.DATETIME)
    begin, end = place(step.low, after=False), place(step.high, after=True)
    bottom, top = place(low, after=False), place(high, after=False)
    if end <= begin:
        return step if bottom <= begin < top else None
    share = (min(end, top) - max(begin, bottom)) / (end - begin)
    if share <= 0:
        return None
    upper = step.high if end <= top else _before(str(high)) if periods else high
    weight = round(step.weight * share)
    return Step(step.low if begin >= bottom else low, upper, weight, weight) if weight else None


def _outside(shape: Distribution, low: Scalar, high: Scalar, kind: str) -> Distribution:
    """What lies outside all bands."""
    if kind == Kind.TIME:
        hours = {c.value for c in _inside(shape, low, high, kind).values}
        hours |= {h for h in _HOURS if float(low) <= int(h) < float(high)}
        return Distribution(values=tuple(Cell(h, 1, 1) for h in _HOURS if h not in hours), unit=shape.unit)
    place = _place(kind)
    bottom, top = place(low, after=False), place(high, after=False)
    values = tuple(c for c in shape.values if not bottom <= place(c.value, after=False) < top)
    steps = []
    for step in shape.steps:
        # A step that reaches over an end of the bands is left to them: what it holds beyond is not known apart.
        begin, end = place(step.low, after=False), place(step.high, after=True)
        if end <= bottom or begin >= top:
            steps.append(step)
    return Distribution(values=values, steps=tuple(steps), unit=shape.unit)


def _anywhere(axis: Axis, band: int, unit: str) -> Distribution:
    """A band of which the column's summary tells nothing: evenly between its public edges."""
    low, high = axis.edges[band], axis.edges[band + 1]
    if unit == "hour":
        return Distribution(values=tuple(Cell(h, 1, 1) for h in _HOURS[int(low) : int(high)]), unit=unit)
    return Distribution(steps=(Step(low, _before(str(high)) if isinstance(high, str) else high, 1, 1),), unit=unit)


def _place(kind: str) -> Callable[..., float]:
    """Where a value as summaries write it lies on a line; `after`: where it ends, which matters for periods."""

    def number(value: Scalar, *, after: bool) -> float:
        return float(value)

    def period(value: Scalar, *, after: bool) -> float:
        return float(period_days(str(value))[1 if after else 0])

    return period if kind in (Kind.DATE, Kind.DATETIME) else number


def _before(label: str) -> str:
    """The period before one."""
    year, _, part = label.partition("-")
    if not part:
        return f"{int(year) - 1:04d}"
    quarter = part.startswith("Q")
    number = int(part.removeprefix("Q"))
    if number > 1:
        return f"{year}-Q{number - 1}" if quarter else f"{year}-{number - 1:02d}"
    return f"{int(year) - 1:04d}-" + ("Q4" if quarter else "12")
