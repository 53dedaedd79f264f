"""Real data against the rules of their schema: what breaks them, told under the disclosure policy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators.disclosure import DisclosurePolicy
from generators.progress import Progress, silent
from generators.reading.dataset import Finding
from generators.rules import tree
from generators.rules.meaning import check, violations
from generators.rules.values import Ints, same, values_of
from generators.schema import TableSchema

PART = 131_072
"""Rows looked at together."""


def check_data(path: Path, table: TableSchema, policy: DisclosurePolicy, *, progress: Progress = silent) -> tuple[Finding, ...]:
    """A warning for each rule that rows of a canonical Parquet file break: how many, where enough persons do (as the policy rounds).

    Where they are fewer than the minimum it says "a few", whether it is one or almost the minimum. Persons are counted by
    `table.counts_by`. Raises InputError for a rule that cannot be evaluated.
    """
    rules = [check(rule, table) for rule in table.rules]
    if not rules:
        return ()
    file = pq.ParquetFile(path)
    key = table.counts_by
    broken = [0] * len(rules)
    people: list[set[object]] = [set() for _ in rules]
    names = {n for r in rules if not isinstance(r.condition, tree.Unique) for n in r.columns}
    columns = [n for n in file.schema_arrow.names if n in names or n == key]
    first = 0
    for batch in file.iter_batches(batch_size=PART, columns=columns) if columns else ():
        part = pa.Table.from_batches([batch])
        keys = part[key].to_numpy(zero_copy_only=False) if key else np.arange(first, first + part.num_rows)
        for place, rule in enumerate(rules):
            if isinstance(rule.condition, tree.Unique):
                continue
            rows = violations(rule, part, table)
            broken[place] += int(rows.sum())
            if len(people[place]) < policy.minimum:
                people[place].update(keys[rows].tolist())
        first += part.num_rows
        progress(f"checking the rules of {table.name}", first / file.metadata.num_rows, first, file.metadata.num_rows)
    for place, rule in enumerate(rules):
        if isinstance(rule.condition, tree.Unique):
            rows_again, owners = _repeated(path, table, rule.columns)
            broken[place], people[place] = rows_again, set(owners.tolist())
    return tuple(_finding(table, r.name, r.text, n, len(p), policy) for r, n, p in zip(rules, broken, people, strict=True) if n)


def _repeated(path: Path, table: TableSchema, names: tuple[str, ...]) -> tuple[int, Ints]:
    """How many rows are like another in these columns, and numbers of the persons they are about."""
    key = table.counts_by
    rows = pq.read_table(path, columns=list(dict.fromkeys([*names, *((key,) if key else ())])))
    group = same(tuple(values_of(rows[n], table.column(n)) for n in names), rows.num_rows)
    again = (group >= 0) & (np.bincount(group + 1)[group + 1] > 1)
    owner = rows[key].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False) if key else np.arange(rows.num_rows)
    return int(again.sum()), np.unique(owner[again])


def _finding(table: TableSchema, name: str, text: str, rows: int, persons: int, policy: DisclosurePolicy) -> Finding:
    count = "a few" if persons < policy.minimum else f"about {policy.rounded(rows):,}"
    return Finding(table.name, None, "warning", f'{count} rows break the rule "{name}"', text)
