"""Secondary suppression: what else must stay, so that the released figures of a total do not give a suppressed one away.

Released figures of one total (a column's values, pools, roll-ups, ranges, sentinels and missing values add up to the rows of the table)
tell a suppressed remainder to an interval: the total less all released ones, each known to its rounding. Rounding by itself nearly
always makes that interval wide enough, but not where several figures happen to be rounded the same way. Where the interval is tighter
than the policy allows (`DisclosurePolicy.concealed`), the smallest released figure is suppressed too: what is then suppressed is at
least the minimum by itself, and nobody can tell its parts from each other.

Only figures of rows are considered, since only rows add up; where nobody has two rows, rows are persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from generators.disclosure import DisclosurePolicy
from generators.summary_parts import Cell, CrossCell, Distribution, MissingPattern, Rollup, Step

Figure = Cell | Step | Rollup | MissingPattern | CrossCell


def remainder(total: int, figures: Sequence[Figure], policy: DisclosurePolicy) -> tuple[int, int]:
    """(least, most) rows that are in none of `figures` but in the released `total`, as far as these tell.

    Of a figure without rows at least its persons are known, and nothing else.
    """
    least, most = policy.span(total)
    for figure in figures:
        if figure.rows is None:
            least, most = 0, most - (policy.span(figure.persons)[0] if figure.persons is not None else 0)
        else:
            low, high = policy.span(figure.rows)
            least, most = least - high, most - low
    return max(0, least), max(0, most)


def hidden(
    shape: Distribution, left: int, total: int | None, policy: DisclosurePolicy, *, beside: Sequence[Cell] = (), repeats: int | None = None
) -> Distribution:
    """`shape`, less its smallest figure where its figures would tell how much was left out of it.

    One is enough: what is then suppressed together is more than the minimum, and of none of its parts anything is told but that sum.

    left: true rows that no figure is about; where it is 0 there is nothing to conceal. total: the released rows of which all figures are
    part, None where that may not leave. beside: further released figures of the same total. repeats: where the values of `shape` are
    numbers of rows, the released sum of these, which is a second total.
    """
    if not left or total is None or shape.empty or _concealed(shape, total, policy, beside, repeats):
        return shape
    return _less(shape)


def _concealed(shape: Distribution, total: int, policy: DisclosurePolicy, beside: Sequence[Cell], repeats: int | None) -> bool:
    figures = (*figures_of(shape), *beside)
    least, most = remainder(total, figures, policy)
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
    """Without the smallest figure; single values go first, ranges last."""
    if shape.values:
        smallest = min(range(len(shape.values)), key=lambda i: (shape.values[i].weight, str(shape.values[i].value)))
        return replace(shape, values=shape.values[:smallest] + shape.values[smallest + 1 :], pooled=None)
    if shape.rolled:
        smallest = min(range(len(shape.rolled)), key=lambda i: (shape.rolled[i].weight, shape.rolled[i].code))
        return replace(shape, rolled=shape.rolled[:smallest] + shape.rolled[smallest + 1 :], pooled=None)
    if shape.other is not None:
        return replace(shape, other=None, pooled=None)
    smallest = min(range(len(shape.steps)), key=lambda i: shape.steps[i].weight)
    return replace(shape, steps=shape.steps[:smallest] + shape.steps[smallest + 1 :])
