"""A task's outcome as it is predicted, the same on every side: fitted on train, and only what enough people share on both real sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats, Rows, categories, numbers, persons_per_code
from evaluation.utility.tasks import CLASSIFICATION, SURVIVAL, Task
from generators.schema import ColumnSchema

CLASSES = 20
"""Most classes of a target; the most frequent ones."""
_YES = ("true", "yes", "y", "1", "1.0", "dead", "died", "death", "event", "deceased")


@dataclass(frozen=True)
class Outcome:
    """What is predicted. names: code of each class. time: of survival, the column of times. event: of survival, the value of an event."""

    task: Task
    column: ColumnSchema
    names: dict[Any, int] = field(default_factory=dict)
    time: ColumnSchema | None = None
    event: object = None

    @property
    def classes(self) -> int:
        return len(self.names)

    def of(self, rows: Rows) -> Floats:
        """NaN where unknown. Shape (rows,): the class's code or the number; of survival (rows, 2): time, and 1 for an event."""
        if self.task.kind == CLASSIFICATION:
            return _coded(rows, self.column, self.names)
        if self.time is None:
            return _finite(self.column, rows)
        times = _finite(self.time, rows)
        times[times < 0] = np.nan
        found = np.column_stack([times, _coded(rows, self.column, self.names)])
        found[np.isnan(found).any(axis=1)] = np.nan
        return found


def known(values: Floats) -> npt.NDArray[np.bool_]:
    """Rows whose outcome is known."""
    return ~np.isnan(values if values.ndim == 1 else values[:, 0])


def outcome_of(c: Comparison, task: Task) -> Outcome:
    """The outcome of `task`. Raises Incomputable when the synthetic table lacks it, or when it says nothing about enough real people."""
    column = c.table.column(task.target)
    for name in task.columns:
        if name in c.synthetic.defects:
            raise Incomputable(c.synthetic.defects[name])
    if task.kind == CLASSIFICATION:
        return Outcome(task, column, _classes(c, column))
    if task.kind == SURVIVAL:
        return _survival(c, task, column)
    values = _finite(column, c.train)
    if len(np.unique(values[~np.isnan(values)])) < 2:
        raise Incomputable(f'the target "{column.name}" shows one value only in train')
    _crowded(c, column, Outcome(task, column))
    return Outcome(task, column)


def _classes(c: Comparison, column: ColumnSchema) -> dict[Any, int]:
    """Classes about the minimum of persons on both real sides, by frequency in train."""
    codes, names = categories(c.train.column(column))
    if len(names) < 2:
        raise Incomputable(f'the target "{column.name}" shows one class only in train')
    enough = {}
    for rows, people in ((c.train, c.people), (c.holdout, c.held_out)):
        here, values = categories(rows.column(column))
        about = persons_per_code(here, people, len(values) + 1)
        enough[rows.name] = {value for k, value in enumerate(values) if about[k] >= c.policy.minimum}
    counts = np.bincount(codes, minlength=len(names) + 1)
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i]), str(names[i])))
    kept = [names[i] for i in order if all(names[i] in side for side in enough.values())][:CLASSES]
    if len(kept) < 2:
        raise Incomputable(
            f'suppressed: fewer than two classes of the target "{column.name}" are about {c.policy.minimum} persons, in train and holdout'
        )
    return {value: code for code, value in enumerate(kept)}


def _survival(c: Comparison, task: Task, column: ColumnSchema) -> Outcome:
    codes, names = categories(c.train.column(column))
    if len(names) != 2:
        many = "more than two values" if len(names) > 2 else "one value only"
        raise Incomputable(f'"{column.name}" has {many} in train; an event is yes or no')
    said = [value for value in names if str(value).lower() in _YES]
    counts = np.bincount(codes, minlength=3)
    event = said[0] if len(said) == 1 else names[int(np.argmin(counts[:2]))]
    other = next(value for value in names if value != event)
    outcome = Outcome(task, column, {other: 0, event: 1}, c.table.column(str(task.time)), event)
    _crowded(c, column, outcome)
    return outcome


def _crowded(c: Comparison, column: ColumnSchema, outcome: Outcome) -> None:
    """Incomputable unless the outcome is known of (of survival, and has happened to) enough persons on both real sides."""
    for rows, people in ((c.train, c.people), (c.holdout, c.held_out)):
        values = outcome.of(rows)
        counted = known(values) if values.ndim == 1 else values[:, 1] == 1
        if len(np.unique(people[counted])) < c.policy.minimum:
            raise Incomputable(f'suppressed: in {rows.name}, "{column.name}" tells of fewer than {c.policy.minimum} persons')


def _coded(rows: Rows, column: ColumnSchema, names: dict[Any, int]) -> Floats:
    codes, values = categories(rows.column(column))
    return np.array([float(names.get(v, np.nan)) for v in values] + [np.nan])[codes]


def _finite(column: ColumnSchema, rows: Rows) -> Floats:
    values = numbers(column, rows.column(column))
    values[np.isinf(values)] = np.nan
    return values
