"""The same partitions under Spark: a table of a plan as a distributed data frame, row for row what is generated here.

Needs the extra `spark` and Java 17. Timestamps are in microseconds without a zone: set the session's time zone to UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from generators.errors import InputError
from generators.generating.issuing import written
from generators.generating.partition import Learned, Maker, partition_numbers, refuse_other_model
from generators.generating.plan import Plan
from generators.generating.workers import learned_from

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TYPES = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp_ntz",
}


def frame(session: SparkSession, plan: Plan, table: str, model: Learned | None = None) -> DataFrame:
    """The rows of `table`, one task for each of its partitions, in no promised order.

    What is sent to the executors is the plan, which holds no record, and, of a generator that learns, its model, whose weights are personal
    data: the cluster must be within the secure zone then. InputError for a table the plan does not make.
    """
    if table not in plan.totals:
        raise InputError(f'the plan makes no table "{table}"; it makes: {", ".join(plan.totals)}')
    refuse_other_model(plan, model)
    columns = plan.schema.table(table).columns
    numbers = partition_numbers(plan, table)
    described = ", ".join(f"`{c.name.replace('`', '``')}` {_TYPES[written(c)]}" for c in columns)
    asked = session.range(numbers[0], numbers[-1] + 1, 1, len(numbers))
    return asked.mapInArrow(_Partitions(json.dumps(plan.as_dict()), table, b"" if model is None else model.to_bytes()), described)


class _Partitions:
    """What an executor runs: numbers of partitions in, their rows out."""

    def __init__(self, plan: str, table: str, model: bytes) -> None:
        self.plan, self.table, self.model = plan, table, model
        self._maker: Maker | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"plan": self.plan, "table": self.table, "model": self.model, "_maker": None}

    def __call__(self, asked: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in asked:
            for number in batch.column(0).to_pylist():
                if self._maker is None:
                    self._maker = Maker(Plan.from_dict(json.loads(self.plan)), learned_from(self.model))
                made = self._maker.partition(number, frozenset((self.table,)))[self.table]
                yield from made.cast(self._maker.arrow_schema(self.table)).to_batches(max_chunksize=65_536)
