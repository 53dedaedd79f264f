"""Rules that hold in every record: found in train under disclosure control, and kept in every generated row.

A model makes a row that breaks one now and then. Such rows are drawn anew, so that what is left is the model's own distribution of rows
that keep the rules; the few that never fit are mended by `generators.rules.enforcement`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.disclosure import DisclosurePolicy
from generators.encoding.derived import Derived
from generators.rules import tree
from generators.rules.meaning import Evaluation, check
from generators.rules.tree import ParsedRule
from generators.schema import Kind, Rule, TableSchema

Bools = npt.NDArray[np.bool_]


def found(
    path: Path,
    table: TableSchema,
    policy: DisclosurePolicy,
    derived: Sequence[Derived] = (),
    *,
    apart: Collection[frozenset[str]] = (),
) -> tuple[Rule, ...]:
    """Rules that no record of the canonical file at `path` breaks, each of whose conditions at least the minimum of persons meet.

    Without those about keys, those that hold by the way a column is computed, and those that say something of columns that are to be kept
    `apart`.
    """
    # Here alone: these load the local engine, and whoever draws rows from a model is confined to what needs none.
    from generators.fitting.limits import limits
    from generators.rules.discovery import candidates

    rules = [c.rule for c in candidates(path, table, policy, further=limits) if c.holds == "always"]
    computed = [frozenset((d.column, *d.inputs)) for d in derived if not d.auxiliaries]
    kept = []
    for rule in rules:
        parsed = check(rule, table)
        if any(set(parsed.columns) <= names for names in computed) or any(pair <= set(parsed.columns) for pair in apart):
            continue
        if _by_row(parsed, table):
            kept.append(rule)
    return tuple(kept)


def _by_row(rule: ParsedRule, table: TableSchema) -> bool:
    """Whether the columns of one row, keys aside, say if it is kept."""
    keys = {table.person_key, *table.primary_key, *(n for k in table.foreign_keys for n in k.columns)}
    keys |= {c.name for c in table.columns if c.kind is Kind.IDENTIFIER or c.unique}
    return not isinstance(rule.condition, tree.Unique) and not set(rule.columns) & keys


class Keeper:
    """Says which rows break a rule. rules: confirmed ones and ones found; those that a row alone cannot break are left out."""

    def __init__(self, table: TableSchema, rules: Iterable[Rule]) -> None:
        self.table = table
        parsed = (check(rule, table) for rule in rules)
        self.rules = tuple(rule for rule in parsed if _by_row(rule, table))

    def __bool__(self) -> bool:
        return bool(self.rules)

    def broken(self, rows: pa.Table) -> Bools:
        """(rows,) Whether a row breaks one of the rules. Rules about columns that `rows` lacks are not looked at."""
        bad = np.zeros(rows.num_rows, dtype=np.bool_)
        for _, broken in self.broken_by(rows):
            bad |= broken
        return bad

    def broken_by(self, rows: pa.Table) -> Iterator[tuple[tuple[str, ...], Bools]]:
        """(columns, which rows break it) of each rule."""
        there = set(rows.column_names)
        rules = [rule for rule in self.rules if there.issuperset(rule.columns)]
        if not rules or not rows.num_rows:
            return
        whole = Evaluation(rules[0], rows, self.table)
        for rule in rules:
            broken = whole.condition(rule.condition).false
            yield rule.columns, broken if rule.where is None else broken & whole.condition(rule.where).true
