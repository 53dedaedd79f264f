"""The marginal generator: from a metadata summary alone, each column by itself (`generators.column_samplers`).

The person key repeats by the released rows per person.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.column_samplers import column_sampler, whole_numbers
from generators.issuing import issued
from generators.schema import ColumnSchema, TableSchema
from generators.structural import Sampler
from generators.summary import Distribution, TableSummary

VERSION = "1"


def filler(table: TableSchema, summary: TableSummary) -> Callable[[int, int, np.random.Generator], pa.Table]:
    """The function that makes a partition of `table`; see `generators.registry.Fill`."""
    samplers: list[tuple[str, Sampler]] = []
    for column in table.columns:
        if column.name == table.person_key:
            samplers.append((column.name, _persons(column, summary.rows_per_person)))
        else:
            samplers.append((column.name, column_sampler(column, summary.column(column.name))))

    def fill(first: int, rows: int, rng: np.random.Generator) -> pa.Table:
        return pa.table({name: sample(first, rows, rng) for name, sample in samplers})

    return fill


def _persons(column: ColumnSchema, shape: Distribution | None) -> Sampler:
    """The person key: each new person has rows in one block; blocks never cross a partition, so that partitions can be made apart."""
    draw = whole_numbers(shape)
    if draw is None:
        return lambda first, rows, rng: issued(np.arange(first + 1, first + rows + 1), column.format)

    def persons(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        visits = np.maximum(1, draw(rows, rng))
        enough = int(np.searchsorted(np.cumsum(visits), rows)) + 1
        owner = np.repeat(np.arange(min(enough, rows)), np.minimum(visits[:enough], rows))[:rows]
        return pc.take(issued(np.arange(first + 1, first + 1 + int(owner[-1]) + 1), column.format), pa.array(rng.permutation(owner)))

    return persons
