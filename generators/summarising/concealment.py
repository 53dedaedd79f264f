"""Secondary suppression: what else must stay, so that the released figures of a total do not give a suppressed one away.

Released figures of one total (a column's values, pools, roll-ups, ranges, sentinels and missing values add up to the rows of the table)
tell a suppressed remainder to an interval: the total less all released ones, each known to its rounding. Rounding by itself nearly
always makes that interval wide enough, but not where several figures happen to be rounded the same way. Where the interval is tighter
than the policy allows (`DisclosurePolicy.concealed`), another figure is suppressed too: the smallest of a single value with which it
is wide enough, whose value still leaves, since enough persons have it, but no number (`Cell` with neither persons nor rows). Where none
is large enough for that, the smallest figure is left out with its value: what is suppressed is then more than the minimum together, and
nobody can tell its parts from each other.

Only figures of rows are considered, since only rows add up; where nobody has two rows, rows are persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from generators.disclosure import DisclosurePolicy
from generators.summary_parts import Cell, ColumnSummary, CrossCell, Distribution, MissingPattern, Rollup, Step, TableSummary

Figure = Cell | Step | Rollup | MissingPattern | CrossCell


Span = tuple[int, int]
"""(least, most) that a count can be, as far as the released figures tell."""


def total_span(total: int, complete: Sequence[Sequence[Figure]], parts: Sequence[Sequence[Figure]], policy: DisclosurePolicy) -> Span:
    """What the released `total` and the figures of all columns together tell of the rows of a table.

    complete: figures of columns that leave nothing out, as a reader may know from the schema; parts: of all other columns.
    """
    least, most = policy.span(total)
    for figures in (*complete, *parts):
        least = max(least, sum(_span(f, policy)[0] for f in figures))
    for figures in complete:
        if figures and all(f.rows is not None for f in figures):
            most = min(most, sum(_span(f, policy)[1] for f in figures))
    return least, max(least, most)


def _span(figure: Figure, policy: DisclosurePolicy) -> Span:
    """Of a figure without rows it is known that it has at least its persons, or at least the minimum of them."""
    if figure.rows is not None:
        return policy.span(figure.rows)
    return (policy.minimum if figure.persons is None else policy.span(figure.persons)[0]), 1 << 62


def remainder(total: Span, figures: Sequence[Figure], policy: DisclosurePolicy) -> Span:
    """What is told of the rows that are in none of `figures` but in the total."""
    spans = [_span(f, policy) for f in figures]
    return max(0, total[0] - sum(s[1] for s in spans)), max(0, total[1] - sum(s[0] for s in spans))


def hidden(
    shape: Distribution, left: int, total: Span | None, policy: DisclosurePolicy, *, beside: Sequence[Cell] = (), repeats: int | None = None
) -> Distribution:
    """`shape`, less one figure where its figures would tell how much was left out of it.

    left: true rows that no figure is about; where it is 0 there is nothing to conceal. total: what is told of the rows of which all
    figures are part, None where they may not leave. beside: further released figures of the same total. repeats: where the values of
    `shape` are numbers of rows, the released sum of these, which is a second total.
    """
    if not left or total is None or shape.empty or _concealed(shape, total, policy, beside, repeats):
        return shape
    for place in sorted(range(len(shape.values)), key=lambda i: (shape.values[i].weight, str(shape.values[i].value))):
        values = list(shape.values)
        values[place] = Cell(values[place].value, None, None)
        without = replace(shape, values=tuple(values))
        if _concealed(without, total, policy, beside, repeats):
            return without
    return _less(shape)


def _concealed(shape: Distribution, total: Span, policy: DisclosurePolicy, beside: Sequence[Cell], repeats: int | None) -> bool:
    least, most = remainder(total, (*figures_of(shape), *beside), policy)
    if repeats is not None and not shape.steps and all(isinstance(c.value, int) and c.rows is not None for c in shape.values):
        spans = [(int(c.value), *policy.span(c.rows or 0)) for c in shape.values]
        low, high = policy.span(repeats)
        low, high = low - sum(n * s[1] for n, *s in spans), high - sum(n * s[0] for n, *s in spans)
        least, most = max(least, int(low > 0)), min(most, max(0, high))
    return policy.concealed(least, most)


def figures_of(shape: Distribution) -> tuple[Cell | Step | Rollup, ...]:
    """All figures of a distribution."""
    return (*shape.values, *shape.rolled, *shape.steps, *((shape.other,) if shape.other else ()))


def _less(shape: Distribution) -> Distribution:
    """Without the pool, or else without the smallest figure; single values go before ranges."""
    if shape.other is not None:
        return replace(shape, other=None, pooled=None)
    if shape.values:
        smallest = min(range(len(shape.values)), key=lambda i: (shape.values[i].weight, str(shape.values[i].value)))
        return replace(shape, values=shape.values[:smallest] + shape.values[smallest + 1 :], pooled=None)
    if shape.rolled:
        smallest = min(range(len(shape.rolled)), key=lambda i: (shape.rolled[i].weight, shape.rolled[i].code))
        return replace(shape, rolled=shape.rolled[:smallest] + shape.rolled[smallest + 1 :], pooled=None)
    smallest = min(range(len(shape.steps)), key=lambda i: shape.steps[i].weight)
    return replace(shape, steps=shape.steps[:smallest] + shape.steps[smallest + 1 :])


def estimated(table: TableSummary) -> TableSummary:
    """The summary with a figure for each value whose own was suppressed: what the others leave of the table's rows. For generators,
    which learn nothing by it: anybody can work it out.
    """
    columns = []
    for column in table.columns:
        beside = sum(c.weight for c in _beside(column))
        columns.append(replace(column, distribution=estimated_shape(column.distribution, (table.rows or table.persons) - beside)))
    per_person = table.rows_per_person
    if per_person is not None:
        per_person = estimated_shape(per_person, table.persons)
    return replace(table, columns=tuple(columns), rows_per_person=per_person)


def estimated_shape(shape: Distribution, total: int | None) -> Distribution:
    """As `estimated`, for one distribution whose figures add up to `total`."""
    if all(c.weight for c in shape.values):
        return shape
    left = (total or 0) - shape.weight
    return replace(shape, values=tuple(c if c.weight else Cell(c.value, None, max(1, left)) for c in shape.values))


@dataclass(frozen=True)
class Column:
    """A column on its way to a summary. withheld: what stands for it when nothing leaves; left, hours_left: true rows that are in no
    figure of it, or of its hours, never to be shown.
    """

    summary: ColumnSummary
    withheld: ColumnSummary
    left: int = 0
    hours_left: int = 0


def concealed(columns: Sequence[Column], rows: int | None, policy: DisclosurePolicy) -> tuple[ColumnSummary, ...]:
    """The columns of a table of so many released `rows`, without what would give a suppressed figure away; one whose values or hours
    cannot leave is withheld.
    """
    named = [(c.summary, part, left) for c in columns for part, left in _parts(c)]
    figures = [((*figures_of(part), *_beside(summary)), left) for summary, part, left in named]
    total = None
    if rows is not None:
        total = total_span(rows, [f for f, left in figures if not left], [f for f, left in figures if left], policy)
    return tuple(_concealed_column(c, total, policy) for c in columns)


def _parts(column: Column) -> list[tuple[Distribution, int]]:
    """The distributions of a column that add up to the rows of its table, with what is left out of each."""
    summary = column.summary
    if summary.absent:
        return []
    return [(summary.distribution, column.left), *([(summary.hours, column.hours_left)] if summary.hours is not None else [])]


def _beside(summary: ColumnSummary) -> tuple[Cell, ...]:
    return (*summary.sentinels, *((summary.nulls,) if summary.nulls else ()))


def _concealed_column(column: Column, total: Span | None, policy: DisclosurePolicy) -> ColumnSummary:
    summary = column.summary
    shapes = [hidden(part, left, total, policy, beside=_beside(summary)) for part, left in _parts(column)]
    if any(shape.empty for shape in shapes):
        return column.withheld
    if not shapes:
        return summary
    return replace(summary, distribution=shapes[0], hours=shapes[1] if len(shapes) > 1 else None)
