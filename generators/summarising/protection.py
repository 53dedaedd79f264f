"""From exact person counts to figures that may leave: suppression, rounding, pooling, roll-up, protected steps.

Why nothing suppressed can be worked out from what leaves. (1) A cell leaves only when at least `minimum` distinct persons are behind
it, by its true count; then it is rounded. (2) Rare codes of a public hierarchy are rolled up to the lowest level at which the minimum
meets; other rare values are pooled; the pool itself must reach the minimum and hold two values, else it takes in a roll-up or the next
most common value, else it is left out. (3) What is left out is told by the total less all that is released, to an interval that the
rounding makes wide: with a rounding of at least the minimum one released cell is enough for it to be wider than what suppression
leaves open, with one of at least half the minimum one cell is enough for as many counts as the minimum. Where the interval is
narrower still, since several figures were rounded the same way, the smallest released figure is suppressed too:
`generators.summarising.concealment`. An adversary in the tests solves for every suppressed cell by linear programming. (4) Rows leave
only where no person makes up half of them or more (the dominance rule with one respondent and 50 %). (5) Step edges are means over
windows of at least `minimum` persons, inside the outermost `minimum` persons at either end: top and bottom coding by persons, not by
values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.code_systems import CodeSystem
from generators.counts.grouped import Grouped
from generators.disclosure import DisclosurePolicy
from generators.summarising.steps import Edges, figures, protected_steps
from generators.summary_parts import OTHER, Cell, Distribution, Rollup, Scalar

Bools = npt.NDArray[np.bool_]

DEMOTIONS = 5
"""How many single values may be given up so that the values between them can leave as steps."""


def cell(policy: DisclosurePolicy, value: Scalar, persons: int, rows: int, largest: int) -> Cell | None:
    """A cell that may leave, or None."""
    released, count = figures(policy, persons, rows, largest)
    return None if released is None else Cell(value, released, count)


@dataclass(frozen=True)
class Protected:
    """What may leave of a distribution, and, never to be shown, the rows that no figure of it is about."""

    shape: Distribution
    left: int


def protected_categories(
    groups: Grouped,
    labels: Sequence[str],
    policy: DisclosurePolicy,
    *,
    grow: bool = True,
    unit: str = "value",
    system: CodeSystem | None = None,
) -> Protected:
    """Values one by one where enough persons have them, rare codes rolled up, the rest pooled; values in the order of their labels.

    labels: of each code. grow: whether a pool that is too small takes in a roll-up or the next most common value; else it is left out.
    system: the code system whose levels rare codes are rolled up to. A real value called "Other" counts with the pool. Codes with a
    label twice must have been merged before.
    """
    names = np.array([labels[int(c)] for c in groups.codes], dtype=object)
    common = groups.persons >= policy.minimum
    named_other = names == OTHER if grow else np.zeros(len(names), dtype=np.bool_)
    rolled = {} if system is None or common.all() else _rolled_up(groups, names, ~common & ~named_other, system, policy)
    within = np.logical_or.reduce([members for _, members in rolled.values()]) if rolled else np.zeros(len(names), dtype=np.bool_)
    pool = (~common | named_other) & ~within
    rare = int(np.count_nonzero(~common & ~within))
    grown = False
    other = None
    if pool.any():
        people, largest = groups.among(pool)
        alone = pool.sum() == 1 and rare > 0
        if (people < policy.minimum or alone) and rolled:
            fewest = min(rolled, key=lambda at: (rolled[at][0].persons, at))
            pool |= rolled.pop(fewest)[1]
            grown = True
        elif (people < policy.minimum or alone) and grow and np.count_nonzero(~pool) > 1:
            candidates = np.flatnonzero(~pool)
            pool[min(candidates, key=lambda i: (groups.persons[i], names[i]))] = True
            grown = True
        if grown:
            people, largest = groups.among(pool)
        other = cell(policy, OTHER, people, int(groups.rows[pool].sum()), largest)
    kept = sorted(np.flatnonzero(common & ~pool), key=lambda i: str(names[i]))
    values = [cell(policy, names[i], int(groups.persons[i]), int(groups.rows[i]), int(groups.largest[i])) for i in kept]
    if not kept and not rolled and not (named_other & common).any():
        other = None  # a pool of everything says nothing but the total
    told = rare if other is not None and not grown and rare > 2 and not named_other.any() and _many_ways(rare, other, policy) else None
    parts = tuple(rolled[at][0] for at in sorted(rolled))
    shape = Distribution(values=tuple(v for v in values if v is not None), other=other, pooled=told, unit=unit, rolled=parts)
    return Protected(shape, int(groups.rows[pool].sum()) if other is None else 0)


def _many_ways(rare: int, other: Cell, policy: DisclosurePolicy) -> bool:
    """Whether `rare` values, each of 1 … minimum − 1 persons, that have the pool's persons together, need not all have nearly the most."""
    return other.persons is not None and policy.span(other.persons)[0] <= 1 + (rare - 1) * (policy.minimum - 1)


def _rolled_up(
    groups: Grouped, names: npt.NDArray[np.object_], rare: Bools, system: CodeSystem, policy: DisclosurePolicy
) -> dict[tuple[int, str], tuple[Rollup, Bools]]:
    """Rare codes under the lowest level of `system` at which enough persons meet, by (place of the level, group); with their members.

    A group whose stand-in is itself one of the rare codes is passed over: generating it would show that code.
    """
    left, few = rare.copy(), set(names[rare])
    found: dict[tuple[int, str], tuple[Rollup, Bools]] = {}
    for place, level in enumerate(system.levels):
        groups_of = [level.of(names[i]) if left[i] and system.valid(names[i]) else None for i in range(len(names))]
        codes = sorted({g for g in groups_of if g is not None and level.stand_in(g) not in few})
        at = {code: n for n, code in enumerate(codes)}
        chosen = np.array([g in at for g in groups_of], dtype=np.bool_)
        if not chosen.any():
            continue
        labels = np.array([at[g] for g in groups_of if g in at], dtype=np.int64)
        merged = groups.only(chosen).merged(labels, len(codes))
        for n, persons, rows, largest in zip(merged.codes, merged.persons, merged.rows, merged.largest, strict=True):
            people, count = figures(policy, int(persons), int(rows), int(largest))
            if people is not None:
                code = codes[int(n)]
                members = np.array([g == code for g in groups_of], dtype=np.bool_)
                found[place, code] = Rollup(level.name, code, people, count), members
                left &= ~members
    return found


def protected_numbers(groups: Grouped, edges: Edges, policy: DisclosurePolicy, unit: str = "value") -> Protected:
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
    shape = Distribution(values=tuple(c for c in cells if c is not None), steps=steps, unit=unit)
    return Protected(shape, 0 if steps else int(groups.rows[~points].sum()))
