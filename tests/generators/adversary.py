"""An adversary who has a summary, knows how its figures were rounded, and solves for the counts that are not in it.

Every true count is an unknown of a linear program; every released figure says that a sum of unknowns lies in its rounding interval.
The least and the most an unknown can be is what the adversary learns of it (scipy's HiGHS).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from generators.disclosure import DisclosurePolicy
from generators.summary import ColumnSummary, TableSummary


@dataclass
class Adversary:
    """Sums of unknown whole numbers ≥ 0, each sum known to an interval."""

    policy: DisclosurePolicy
    unknowns: dict[Hashable, int] = field(default_factory=dict)
    sums: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def unknown(self, name: Hashable) -> int:
        """The place of an unknown, which may be new."""
        return self.unknowns.setdefault(name, len(self.unknowns))

    def within(self, parts: Iterable[Hashable] | Mapping[Hashable, float], least: float, most: float) -> None:
        """Note that the sum of these unknowns (times their factors) is from `least` to `most`."""
        factors = parts if isinstance(parts, Mapping) else dict.fromkeys(parts, 1.0)
        self.sums.append(({self.unknown(n): f for n, f in factors.items()}, least, most))

    def released(self, parts: Iterable[Hashable] | Mapping[Hashable, float], figure: int) -> None:
        """Note a released, rounded figure of the sum of these unknowns."""
        self.within(parts, *self.policy.span(figure))

    def learns(self, name: Hashable) -> tuple[float, float]:
        """(least, most) that one unknown can be."""
        size = len(self.unknowns)
        rows, columns, values, bounds = [], [], [], []
        for factors, least, most in self.sums:
            for sign, bound in ((1, most), (-1, -least)):
                rows += [len(bounds)] * len(factors)
                columns += list(factors)
                values += [sign * f for f in factors.values()]
                bounds.append(bound)
        matrix = csr_matrix((values, (rows, columns)), shape=(len(bounds), size))
        found = []
        for sign in (1, -1):
            goal = np.zeros(size)
            goal[self.unknown(name)] = sign
            solved = linprog(goal, A_ub=matrix, b_ub=bounds, bounds=(0, None), method="highs")
            assert solved.status in (0, 3), solved.message  # 3: without bound
            found.append(float(sign * solved.fun) if solved.status == 0 else float("inf"))
        return found[0], found[1]

    def exposed(self, truth: Mapping[Hashable, int]) -> list[tuple[Hashable, int, tuple[float, float]]]:
        """(name, true count, what is learnt) of every count of 1 … minimum − 1 that is told more closely than the policy allows."""
        found = []
        for name, count in truth.items():
            if 0 < count < self.policy.minimum and name in self.unknowns:
                least, most = self.learns(name)
                if not self.policy.concealed(int(np.ceil(least - 1e-6)), int(min(most, 1e12) + 1e-6)):
                    found.append((name, count, (least, most)))
        return found


def of_table(summary: TableSummary, cells: Mapping[str, Mapping[Hashable, int]], policy: DisclosurePolicy, system=None) -> Adversary:
    """The adversary who knows every figure of rows of a table, every value that there is, and under which figure each one falls.

    cells: of each column the true count of every value, None for missing, by the names the summary uses; system: of rolled-up columns.
    Counts are used only to be fair: a figure is never said to be about values it is not about.
    """
    adversary = Adversary(policy)
    if summary.rows is not None:
        adversary.released(["rows"], summary.rows)
    for column in summary.columns:
        if not column.absent and column.name in cells:
            own = cells[column.name]
            adversary.within({**{(column.name, value): 1.0 for value in own}, "rows": -1.0}, 0, 0)
            _of_column(adversary, column, own, system)
    for pattern in summary.missing:
        if pattern.rows is not None:
            adversary.released([("missing", pattern.columns)], pattern.rows)
    return adversary


def of_missing(adversary: Adversary, patterns: Mapping[tuple[str, ...], int], columns: Iterable[str]) -> None:
    """What is missing in a column is what is missing in the patterns that name it."""
    for name in columns:
        parts: dict[Hashable, float] = {("missing", pattern): 1.0 for pattern in patterns if name in pattern}
        adversary.within({**parts, (name, None): -1.0}, 0, 0)


def _of_column(adversary: Adversary, column: ColumnSummary, cells: Mapping[Hashable, int], system) -> None:
    shape, name, minimum = column.distribution, column.name, adversary.policy.minimum
    single = {str(c.value): c for c in (*shape.values, *column.sentinels)}
    for value in cells:
        if str(value) in single:
            rows = single[str(value)].rows
            adversary.within([(name, value)], *((minimum, 1e9) if rows is None else adversary.policy.span(rows)))
    if column.nulls is not None and column.nulls.rows is not None:
        adversary.released([(name, None)], column.nulls.rows)
    rest = {v: n for v, n in cells.items() if v is not None and str(v) not in single}
    rolled = {(r.level, r.code): r.rows for r in shape.rolled}
    levels = system.levels if system is not None else ()
    pool: dict[Hashable, int] = {}
    groups: dict[tuple[str, str], dict[Hashable, int]] = {}
    for value, count in rest.items():
        under = next(((level.name, level.of(value)) for level in levels if (level.name, level.of(value)) in rolled), None)
        (pool if under is None or count >= minimum else groups.setdefault(under, {}))[value] = count
    for under, members in groups.items():
        _about(adversary, name, members, rolled[under])
    if shape.other is not None:
        _about(adversary, name, pool, shape.other.rows)


def _about(adversary: Adversary, name: str, members: Mapping[Hashable, int], figure: int | None) -> None:
    """A figure about these values, or, where a value among them was suppressed for others' sake, about some of them."""
    if figure is None:
        return
    least, most = adversary.policy.span(figure)
    true = sum(members.values())
    if least <= true:
        adversary.within([(name, value) for value in members], least, max(most, true))
