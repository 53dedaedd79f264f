"""From exact person counts to figures that may leave: suppression, rounding, pooling, protected steps.

Why nothing suppressed can be worked out from what leaves. (1) A cell leaves only when at least `minimum` distinct persons are behind
it, by its true count; then it is rounded, and the policy's rounding is at least its minimum. (2) Rare values are pooled; the pool
itself must reach the minimum and hold two values, else it takes in the next most common, else it is left out. (3) What is left out
is thus always fewer than `minimum` ≤ `rounding` persons, and whoever subtracts the released cells from the released total knows
each of them only to ± rounding / 2: the difference cannot tell such a remainder exactly. Zero and "fewer than the minimum" look the
same. (4) Rows leave only where no person makes up half of them or more (the dominance rule with one respondent and 50 %).
(5) Step edges are means over windows of at least `minimum` persons, inside the outermost `minimum` persons at either end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generators.disclosure import DisclosurePolicy
from generators.grouped import Grouped
from generators.steps import Edges, figures, protected_steps
from generators.summary_parts import OTHER, Cell, Distribution, Scalar

Bools = npt.NDArray[np.bool_]

DEMOTIONS = 5
"""How many single values may be given up so that the values between them can leave as steps."""


def cell(policy: DisclosurePolicy, value: Scalar, persons: int, rows: int, largest: int) -> Cell | None:
    """A cell that may leave, or None."""
    released, count = figures(policy, persons, rows, largest)
    return None if released is None else Cell(value, released, count)


def protected_categories(
    groups: Grouped, labels: Sequence[str], policy: DisclosurePolicy, *, grow: bool = True, unit: str = "value"
) -> Distribution:
    """Values one by one where enough persons have them, the rest pooled; values in the order of their labels.

    labels: of each code. grow: whether a pool that is too small takes in the next most common value; else it is left out. A real
    value called "Other" counts with the pool. Codes with a label twice must have been merged before.
    """
    names = np.array([labels[int(c)] for c in groups.codes], dtype=object)
    common = groups.persons >= policy.minimum
    named_other = names == OTHER if grow else np.zeros(len(names), dtype=np.bool_)
    pool = ~common | named_other
    rare = int(np.count_nonzero(~common))
    grown = False
    other = None
    if pool.any():
        people, largest = groups.among(pool)
        alone = pool.sum() == 1 and rare > 0
        if (people < policy.minimum or alone) and grow and np.count_nonzero(~pool) > 1:
            candidates = np.flatnonzero(~pool)
            pool[min(candidates, key=lambda i: (groups.persons[i], names[i]))] = True
            grown = True
            people, largest = groups.among(pool)
        other = cell(policy, OTHER, people, int(groups.rows[pool].sum()), largest)
    kept = sorted(np.flatnonzero(~pool), key=lambda i: str(names[i]))
    values = [cell(policy, names[i], int(groups.persons[i]), int(groups.rows[i]), int(groups.largest[i])) for i in kept]
    if not kept and not (named_other & common).any():
        other = None  # a pool of everything says nothing but the total
    told = rare if other is not None and not grown and rare > 2 and not named_other.any() else None
    return Distribution(values=tuple(v for v in values if v is not None), other=other, pooled=told, unit=unit)


def protected_numbers(groups: Grouped, edges: Edges, policy: DisclosurePolicy, unit: str = "value") -> Distribution:
    """Exact values where enough persons share them ("spiky" ones), steps for all between.

    When more than twice `maximum_steps` values have enough persons, only those with at least 1 / `maximum_steps` of the rows stand by
    themselves. What is left of fewer persons than the minimum is left out.
    """
    single = groups.persons >= policy.minimum
    if np.count_nonzero(single) > 2 * policy.maximum_steps:
        single &= groups.rows * policy.maximum_steps >= int(groups.rows.sum())
    points, steps = single.copy(), protected_steps(groups, ~single, edges, policy)
    for _ in range(DEMOTIONS):
        if steps is not None or np.count_nonzero(points) < 2 or not groups.at_least(policy.minimum, ~points):
            break
        fewest = min(np.flatnonzero(points), key=lambda i: (groups.persons[i], groups.codes[i]))
        points[fewest] = False
        steps = protected_steps(groups, ~points, edges, policy)
    if steps is None:
        points, steps = single, ()
    numbers = edges.of(groups.codes)
    cells = [
        cell(policy, edges.value(numbers[i].item()), int(groups.persons[i]), int(groups.rows[i]), int(groups.largest[i]))
        for i in np.flatnonzero(points)
    ]
    return Distribution(values=tuple(c for c in cells if c is not None), steps=steps, unit=unit)
