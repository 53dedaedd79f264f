"""Rows that break the rules of the schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evaluation.tables.columns import Rows
from generators.rules.meaning import ParsedRule, parsed, violations
from generators.rules.tree import Unique
from generators.schema import Rule, TableSchema

CHUNK = 250_000


@dataclass(frozen=True)
class Violations:
    """Of `rows` rows, how many break the rule."""

    rows: int
    broken: int


def broken(rows: Rows, rule: ParsedRule | Rule, table: TableSchema, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which rows break `rule`, which reads the columns `names`; shape (rows,). Raises InputError for a rule that cannot be evaluated."""
    data = pa.table({name: rows.column(table.column(name)) for name in names})
    if not rows.rows:
        return np.zeros(0, np.bool_)
    known = parsed(rule)
    step = rows.rows if isinstance(known.condition, Unique) else CHUNK  # doubles may stand far apart
    return np.concatenate([violations(known, data.slice(start, step), table) for start in range(0, rows.rows, step)])
