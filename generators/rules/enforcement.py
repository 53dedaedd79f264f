"""Keeps rules in generated rows: a partition goes in, the same number of rows in which no rule is broken comes out.

How, with the marginals disturbed as little as can be:

1. Columns that an equation gives are computed from the others.
2. Rows that break a rule *exchange* the value of one column with rows that can spare it: the column's values stay the very same ones.
3. Where nobody can, the value is copied from a row that fits, taken from the rule itself or a public code list, or left out.
4. Rows that still break a rule get all columns of the rules concerned from one row that breaks none.

Every step is tried a fixed number of times; nothing is drawn until it fits. Keys and identifiers never change. Values that come out are
values that went in, values of the rules or of public code lists, or computed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa

from generators.errors import InputError
from generators.rules.clauses import Clause, Plan, plan
from generators.rules.rows import Rows
from generators.rules.values import Ints, same, values_of
from generators.schema import TableSchema

ROUNDS = 10
"""How often rows are paired anew to mend one rule."""

SWEEPS = 3
"""How often all rules are gone through: mending one may break another."""

UNIQUE_ROUNDS = 60

HARD = 64
"""What a broken rule weighs beside a computed value outside the range of those generated."""

Enforce = Callable[[pa.Table, np.random.Generator], pa.Table]


def enforcer(table: TableSchema) -> Enforce:
    """The function that mends a generated partition of `table` (canonical Arrow, all columns of the schema).

    It keeps the number of rows, types, keys, code lists and what may not be missing; the same rows and random generator give the same
    result. Raises InputError, here for rules that cannot be evaluated, contradict each other or cannot be kept part by part, and from the
    function where no generated row keeps them; the message names the rules.
    """
    if not table.rules:
        return lambda rows, rng: rows
    ready = plan(table)

    def enforce(rows: pa.Table, rng: np.random.Generator) -> pa.Table:
        return _Repair(ready, rows, rng).done() if rows.num_rows else rows

    return enforce


class _Repair:
    """One partition."""

    def __init__(self, ready: Plan, rows: pa.Table, rng: np.random.Generator) -> None:
        self.plan, self.rng = ready, rng
        self.rows = Rows(ready, rows)
        self.count = rows.num_rows
        self.clauses: list[Clause] = [*self.rows.bounds(), *ready.clauses]
        self.soft = len(self.clauses) - len(ready.clauses)
        self.spoken = [ready.sources(c.columns) for c in self.clauses]

    def done(self) -> pa.Table:
        pending = list(range(len(self.clauses)))
        for _ in range(SWEEPS):
            touched = set().union(*(self.mend(place) for place in pending))
            pending = [p for p in range(len(self.clauses)) if touched & self.spoken[p]]
            if not touched:
                break
        self.from_whole_rows()
        for rule, names in self.plan.unique:
            self.separate(rule.name, names)
        return self.rows.table()

    def score(self, rows: Ints | None, among: Iterable[int]) -> Ints:
        """How badly each row (None: of all) breaks these clauses."""
        some = self.rows.all() if rows is None else self.rows.some(rows)
        total = np.zeros(some.num_rows, dtype=np.int64)
        for place in among:
            weight = 1 if place < self.soft else HARD
            total += weight * some.broken(self.clauses[place])
        return total

    def affected(self, column: str) -> list[int]:
        return [p for p, spoken in enumerate(self.spoken) if column in spoken]

    def mend(self, place: int) -> set[str]:
        """Mend one clause as far as possible; returns the columns that changed."""
        clause = self.clauses[place]
        bad = np.flatnonzero(self.rows.all().broken(clause))
        if not len(bad):
            return set()
        changed: set[str] = set()
        if clause.target is not None:
            bad = self.exchange_fitting(clause, clause.target, bad, changed)
        columns = self.plan.movable(clause.columns)
        for turn in range(ROUNDS if columns else 0):
            if not len(bad):
                return changed
            column = columns[turn % len(columns)]
            if self.exchange(column, bad, self.others(bad)):
                changed.add(column)
                bad = bad[self.rows.some(bad).broken(clause)]
        if clause.target is not None:
            bad = self.copy_fitting(clause, clause.target, bad, changed)
        if place >= self.soft:
            self.last_resorts(clause, bad, changed)
        return changed

    def others(self, bad: Ints) -> Ints:
        """Rows that are not among `bad`, at random: as many, or fewer."""
        free = np.ones(self.count, dtype=np.bool_)
        free[bad] = False
        drawn = np.unique(self.rng.integers(0, self.count, 2 * len(bad) + 16))
        return self.rng.permutation(drawn[free[drawn]])[: len(bad)]

    def exchange_fitting(self, clause: Clause, column: str, bad: Ints, changed: set[str]) -> Ints:
        """Exchange the target's values with rows whose value would do and that can spare it; the rows that are left."""
        for _ in range(3):
            everyone = self.rows.all()
            spare = everyone.true(clause.then)
            if clause.when is not None:
                spare = spare & ~everyone.true(clause.when)
            if not self.exchange(column, self.rng.permutation(bad), self.rng.permutation(np.flatnonzero(spare))):
                break
            changed.add(column)
            bad = bad[self.rows.some(bad).broken(clause)]
        return bad

    def copy_fitting(self, clause: Clause, column: str, bad: Ints, changed: set[str]) -> Ints:
        """Copy the target's values from rows whose value would do; the rows that are left."""
        for _ in range(2):
            able = np.flatnonzero(self.rows.all().true(clause.then)) if len(bad) else bad
            if not len(able) or not self.put(column, bad, self.rows.source(column)[self.rng.choice(able, len(bad))]):
                break
            changed.add(column)
            bad = bad[self.rows.some(bad).broken(clause)]
        return bad

    def exchange(self, column: str, ours: Ints, theirs: Ints) -> bool:
        """Exchange the values of a column between rows, pair by pair, where that breaks less than before. Whether any pair did."""
        pairs = min(len(ours), len(theirs))
        if not pairs:
            return False
        ours, theirs = ours[:pairs], theirs[:pairs]
        both = np.concatenate([ours, theirs])
        affected = self.affected(column)
        before = self.score(both, affected)
        source = self.rows.source(column)
        kept = source[both].copy()
        source[both] = np.concatenate([kept[pairs:], kept[:pairs]])
        self.rows.moved(column)
        after = self.score(both, affected)
        worse = before[:pairs] + before[pairs:] <= after[:pairs] + after[pairs:]
        undo = np.concatenate([worse, worse])
        source[both[undo]] = kept[undo]
        self.rows.moved(column)
        return not bool(worse.all())

    def put(self, column: str, rows: Ints, sources: Ints) -> bool:
        """Give rows other values of a column where that breaks less than before. Whether any got one."""
        affected = self.affected(column)
        before = self.score(rows, affected)
        source = self.rows.source(column)
        kept = source[rows].copy()
        source[rows] = sources
        self.rows.moved(column)
        worse = before <= self.score(rows, affected)
        source[rows[worse]] = kept[worse]
        self.rows.moved(column)
        return not bool(worse.all())

    def last_resorts(self, clause: Clause, bad: Ints, changed: set[str]) -> None:
        """Values the rule or a code list names; or none."""
        for column in self.plan.movable(clause.columns, computed=True) if len(bad) else ():
            offered = list(self.rows.named(column))
            if self.plan.table.column(column).nullable:
                offered.append(-1)
            for source in offered:
                bad = bad[self.rows.some(bad).broken(clause)]
                if not len(bad):
                    return
                if self.put(column, bad, np.full(len(bad), source, dtype=np.int64)):
                    changed.add(column)

    def from_whole_rows(self) -> None:
        """Rows that still break a rule get the columns of all rules linked with it from one row that breaks none."""
        for group in self.linked():
            score = self.score(None, group)
            bad, good = np.flatnonzero(score), np.flatnonzero(score == 0)
            if len(bad) and not len(good):
                bad, good = np.flatnonzero(score >= HARD), np.flatnonzero(score < HARD)
            if not len(bad):
                continue
            if len(good):
                donors = self.rng.choice(good, len(bad))
                for column in self.plan.movable((n for p in group for n in self.clauses[p].columns), computed=True):
                    source = self.rows.source(column)
                    source[bad] = source[donors]
                    self.rows.moved(column)
                bad = bad[self.score(bad, group) >= HARD]
            if len(bad):
                self.refuse(bad, group)

    def refuse(self, bad: Ints, group: Sequence[int]) -> None:
        some = self.rows.some(bad)
        broken = {self.clauses[p].rule.name: None for p in group if p >= self.soft and some.broken(self.clauses[p]).any()}
        names = ", ".join(f'"{name}"' for name in broken)
        raise InputError(
            f'table "{self.plan.table.name}": the rule {names} cannot be kept in the generated rows, by itself or beside the rules '
            f"that speak of the same columns; look whether they contradict each other, or leave one out"
        )

    def linked(self) -> list[list[int]]:
        """The clauses in groups that share no column that may change."""
        groups: list[tuple[set[str], list[int]]] = []
        for place, spoken in enumerate(self.spoken):
            columns, places = spoken - self.plan.fixed, [place]
            apart = []
            for others, known in groups:
                if others & columns:
                    columns, places = columns | others, known + places
                else:
                    apart.append((others, known))
            groups = [*apart, (columns, places)]
        return [places for _, places in groups]

    def separate(self, rule: str, names: tuple[str, ...]) -> None:
        """Give rows that are alike in columns that must be unique together other values in one that may change."""
        columns = self.plan.movable(names)
        again = self.alike(names)
        for turn in range(UNIQUE_ROUNDS if columns else 0):
            if not len(again):
                return
            self.redraw(columns[turn % len(columns)], again)
            again = self.alike(names)
        for column in columns:
            if len(again) and self.plan.table.column(column).nullable:
                self.redraw(column, again, missing=True)
                again = self.alike(names)
        if len(again):
            raise InputError(
                f'rule "{rule}" of table "{self.plan.table.name}" cannot be kept: there are too few different values of '
                f"{' and '.join(columns) or ', '.join(names)} for so many rows; leave it out, or add a column to it"
            )

    def redraw(self, column: str, rows: Ints, *, missing: bool = False) -> None:
        """Another row's value of a column (or none), where no other rule is broken by it."""
        affected = self.affected(column)
        source = self.rows.source(column)
        kept = source[rows].copy()
        source[rows] = -1 if missing else source[self.rng.integers(0, self.count, len(rows))]
        self.rows.moved(column)
        worse = self.score(rows, affected) >= HARD
        source[rows[worse]] = kept[worse]
        self.rows.moved(column)

    def alike(self, names: tuple[str, ...]) -> Ints:
        """Of rows that are alike in these columns, all but one of each kind."""
        view = self.rows.all()
        group = same(tuple(values_of(view[n], self.plan.table.column(n)) for n in names), self.count)
        order = self.rng.permutation(np.flatnonzero(group >= 0))
        _, first = np.unique(group[order], return_index=True)
        later = np.ones(len(order), dtype=np.bool_)
        later[first] = False
        return order[later]
