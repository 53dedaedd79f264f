"""Whether the synthetic table is what its schema says."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from evaluation.comparison import Comparison
from evaluation.definitions import result
from evaluation.results import MetricResult
from evaluation.tables.columns import ORDERED, numbers
from generators.schema import ColumnSchema


def structure(c: Comparison) -> list[MetricResult]:
    """Per column whether it conforms to the schema; for the table the share that does, unknown columns counted as not conforming."""
    found = []
    for column in c.table.columns:
        defect = c.synthetic.defects.get(column.name) or _defect(c, column)
        found.append(
            result("structure", c.scope("column", column.name), 0.0 if defect else 1.0, n=c.synthetic.rows, seed=c.seed, remark=defect)
        )
    extra = c.synthetic.further
    wrong = [r.scope.label for r in found if r.value == 0]
    remarks = [f"not as the schema says: {', '.join(wrong)}"] if wrong else []
    if extra:
        remarks.append(f"unknown to the schema: {', '.join(extra)}")
    rows = c.synthetic.rows
    share = (len(found) - len(wrong)) / (len(found) + len(extra)) if rows else None
    whole = result(
        "structure",
        c.scope(),
        share,
        n=rows,
        seed=c.seed,
        remark="; ".join(remarks) or None,
        failed=None if rows else "the synthetic table has no rows",
    )
    return [whole, *found]


def _defect(c: Comparison, column: ColumnSchema) -> str | None:
    array = c.synthetic.column(column)
    if array.null_count and not column.nullable:
        return f'column "{column.name}": {array.null_count:,} of {len(array):,} values are missing where the schema allows none'
    if column.kind in ORDERED:
        infinite = int(np.isinf(numbers(column, array)).sum())
        if infinite:
            return f'column "{column.name}": {infinite:,} of {len(array):,} values are infinite'
    if column.unique and len(pc.unique(array.drop_null())) < len(array) - array.null_count:
        return f'column "{column.name}": values repeat where the schema says they are unique'
    return None
