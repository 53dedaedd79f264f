"""What is compared: train with the synthetic table, and with its twins: the shuffle (floor) and the real holdout (ceiling)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evaluation.definitions import result
from evaluation.refusals import refuse_shared
from evaluation.results import Incomputable, MetricResult, Scope
from evaluation.tables.columns import ORDERED, ParquetRows, Rows, ShuffledRows, measured, numbers, persons
from generators.disclosure import DisclosurePolicy
from generators.errors import Cancelled, InputError
from generators.schema import ColumnSchema, TableSchema


@dataclass(frozen=True)
class Comparison:
    """One synthetic table, and what it is compared with.

    measured: columns with a distribution. usable: those of them that the synthetic table has in the right type. people, held_out: who each
    row of train and holdout is about. thin: ordered columns in which fewer persons than the minimum have a value, on either real side.
    crowd: whether train, and the holdout, are about the minimum of persons at all. public: by name of a column that refers to a vocabulary
    all that it may refer to, which is public as a list of codes is.
    """

    table: TableSchema
    policy: DisclosurePolicy
    seed: int
    train: ParquetRows
    holdout: ParquetRows
    synthetic: ParquetRows
    shuffle: Rows
    people: npt.NDArray[np.int32]
    held_out: npt.NDArray[np.int32]
    measured: tuple[ColumnSchema, ...]
    thin: frozenset[str]
    crowd: tuple[bool, bool]
    notes: list[str] = field(default_factory=list)
    public: Mapping[str, pa.Array] = field(default_factory=dict)

    @property
    def usable(self) -> tuple[ColumnSchema, ...]:
        return tuple(c for c in self.measured if c.name not in self.synthetic.defects)

    @property
    def left_out(self) -> str | None:
        """The remark of a figure that had to leave columns out, or None."""
        names = [c.name for c in self.measured if c.name in self.synthetic.defects]
        return f"without {', '.join(names)}, which could not be compared" if names else None

    def scope(self, kind: str = "table", *names: str) -> Scope:
        return Scope(kind, (self.table.name, *names))

    def twins(self, metric: str, scope: Scope, measure: Callable[[Rows], float], **more: Any) -> MetricResult:
        """`measure` of the synthetic table, the shuffle and the holdout, as one result; a failure is a result that says why."""
        value, failed = self.guarded(measure, self.synthetic)
        floor, _ = self.guarded(measure, self.shuffle)
        ceiling, _ = self.guarded(measure, self.holdout)
        more.setdefault("n", self.synthetic.rows)
        more.setdefault("n_ceiling", self.holdout.rows)
        return result(metric, scope, value, floor=floor, ceiling=ceiling, failed=failed, seed=self.seed, **more)

    def guarded(self, measure: Callable[[Rows], float], rows: Rows) -> tuple[float | None, str | None]:
        """The value, or why there is none. Nothing is told about too few persons."""
        if not self.crowd[0]:
            return None, f"suppressed: train is about fewer than {self.policy.minimum} persons"
        if rows is self.holdout and not self.crowd[1]:
            return None, f"suppressed: the holdout is about fewer than {self.policy.minimum} persons"
        if not rows.rows:
            return None, f"the {rows.name} table has no rows"
        try:
            return measure(rows), None
        except Exception as error:
            return None, reason(error)


def reason(error: Exception) -> str:
    """Why a metric failed, in one line. Only our own messages are passed on: those of libraries may quote a record's value."""
    if isinstance(error, Cancelled):
        raise error
    return str(error) if isinstance(error, (Incomputable, InputError)) else f"could not be computed ({type(error).__name__})"


def compare(
    train: Path, holdout: Path, synthetic: Path, table: TableSchema, policy: DisclosurePolicy, seed: int, *, kept_whole: bool = False
) -> Comparison:
    """Open the three files. Raises InputError when a file is no Parquet, train or holdout lack a column or all rows, or they share people.

    kept_whole: the table is about nobody and whole on both sides of the split.
    """
    real, held, made = (ParquetRows(n, p, table) for n, p in (("train", train), ("holdout", holdout), ("synthetic", synthetic)))
    for side in (real, held, made):
        side.check(table.columns)
    for side in (real, held):
        if side.defects:
            more = f" (and {len(side.defects) - 1} more)" if len(side.defects) > 1 else ""
            raise InputError(next(iter(side.defects.values())) + more + "; bring the file into the canonical form of this schema first")
        if not side.rows:
            raise InputError(f"the {side.name} table has no rows; without it nothing can be evaluated")
    refuse_shared(real, held, table, whole=kept_whole)
    people, held_out = persons(real, table), persons(held, table)
    columns = measured(table)
    thin: set[str] = set()
    for rows, who in ((real, people), (held, held_out)):
        for column in columns:
            if column.kind in ORDERED:
                present = ~np.isnan(numbers(column, rows.column(column)))
                if np.count_nonzero(np.bincount(who[present])) < policy.minimum:
                    thin.add(column.name)
    crowd = (int(people.max()) + 1 >= policy.minimum, int(held_out.max()) + 1 >= policy.minimum)
    return Comparison(table, policy, seed, real, held, made, ShuffledRows(real, seed), people, held_out, columns, frozenset(thin), crowd)
