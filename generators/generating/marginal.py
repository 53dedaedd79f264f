"""The marginal generator: from a metadata summary alone, each column by itself (`generators.generating.column_samplers`).

The person key repeats by the released rows per person. Where the summary has patterns of missing values, which columns a row lacks is
drawn for all of them together (`generators.summarising.missing_patterns`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.generating.column_samplers import column_sampler, whole_numbers
from generators.generating.issuing import issued_as
from generators.generating.skeleton import blocks
from generators.generating.structural import Sampler
from generators.schema import ColumnSchema, TableSchema
from generators.summarising import missing_patterns
from generators.summarising.concealment import estimated
from generators.summary import Distribution, TableSummary

VERSION = "2"


def filler(
    table: TableSchema, summary: TableSummary, given: frozenset[str] = frozenset()
) -> Callable[[int, int, np.random.Generator], pa.Table]:
    """The function that makes the columns of `table` that are not `given`; see `generators.generating.partition.Fill`."""
    summary = estimated(summary)
    samplers: list[tuple[str, Sampler]] = []
    lacking = missing_patterns.sampler(summary)
    for column in table.columns:
        if column.name in given:
            continue
        if column.name == table.person_key:
            samplers.append((column.name, persons(column, summary.rows_per_person)))
        else:
            shape = summary.column(column.name)
            samplers.append((column.name, column_sampler(column, shape if lacking is None else replace(shape, nulls=None))))

    def fill(first: int, rows: int, rng: np.random.Generator) -> pa.Table:
        gaps = {} if lacking is None else lacking(rows, rng)
        columns = {name: sample(first, rows, rng) for name, sample in samplers}
        return pa.table({n: pc.if_else(pa.array(~gaps[n]), c, pa.scalar(None, c.type)) if n in gaps else c for n, c in columns.items()})

    return fill


def persons(column: ColumnSchema, shape: Distribution | None) -> Sampler:
    """The person key: each new person has rows in one block; blocks never cross a partition, so that partitions can be made apart."""
    draw = whole_numbers(shape)
    if draw is None:
        return lambda first, rows, rng: issued_as(column, np.arange(first + 1, first + rows + 1))

    def sample(first: int, rows: int, rng: np.random.Generator) -> pa.Array:
        owner = blocks(draw, rows, rng)
        return pc.take(issued_as(column, np.arange(first + 1, first + 2 + int(owner.max()))), pa.array(owner))

    return sample
