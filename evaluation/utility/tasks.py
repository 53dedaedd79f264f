"""What somebody would predict with the release: a class, a number, or how long until something happens.

A target is written "column" (a class for categories and booleans, a number for everything that has an order) or "time~event" (survival).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.bias.subgroups import is_grouping
from evaluation.comparison import Comparison
from evaluation.tables.columns import NAMED, Rows, categories, persons_per_code
from generators.errors import InputError
from generators.schema import ColumnSchema, Kind, Role, TableSchema

CLASSIFICATION, REGRESSION, SURVIVAL = "classification", "regression", "survival"
CLASSES = 6
"""Most classes of a target that nobody chose: more take long, and say little more."""
_NUMBERS = (Kind.INTEGER, Kind.REAL)
_OUTCOME = re.compile(
    r"(^|_)(outcome|died|dead|death|deceased|mortal\w*|surviv\w*|admit\w*|admission|readmi\w*|dispos\w*|discharged?|status|event|relapse\w*|"
    r"response|result|severity|inj\w*|complicat\w*|target|label|late)(_|$)",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(^|_)(los|stay|wait\w*|cost\w*|charges?|score|delay|duration|minutes|days|dose|count)(_|$)", re.IGNORECASE)
_TIME = re.compile(r"(^|_)(fu_?time|surv\w*_?time|follow_?up\w*|survival\w*|tte|(time|days|months|years)_to_\w+)(_|$)", re.IGNORECASE)
_EVENT = re.compile(r"(^|_)(event|status|died|dead|death|deceased|relapsed?|censor\w*)(_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Task:
    """kind: classification, regression or survival. target: the column predicted; of survival the event, and `time` how long until then.

    chosen: somebody asked for it; else `why` says why it was proposed.
    """

    kind: str
    target: str
    time: str | None = None
    chosen: bool = True
    why: str = ""

    @property
    def text(self) -> str:
        """As a target is written."""
        return f"{self.time}~{self.target}" if self.time else self.target

    @property
    def columns(self) -> tuple[str, ...]:
        """What must not be among the predictors."""
        return (self.time, self.target) if self.time else (self.target,)


def parse(text: str, table: TableSchema) -> Task:
    """The task a target names. InputError when it is no column of the table, or one that cannot be predicted."""
    if text in table.names:
        return Task(_kind(_column(table, text)), text)
    if "~" not in text:
        table.column(text)  # says which columns there are
    time, event = (part.strip() for part in text.split("~", 1))
    if _column(table, time).kind not in _NUMBERS:
        raise InputError(f'target "{text}": "{time}" is no number, so it cannot be the time until an event')
    if _column(table, event).kind not in (*NAMED, Kind.INTEGER):
        raise InputError(f'target "{text}": "{event}" does not say yes or no, so it cannot be an event')
    return Task(SURVIVAL, event, time)


def known(text: str, table: TableSchema) -> bool:
    """Whether the table has the column, or both columns, a target names."""
    return text in table.names or ("~" in text and all(part.strip() in table.names for part in text.split("~", 1)))


def _column(table: TableSchema, name: str) -> ColumnSchema:
    column = table.column(name)
    if column.kind in (Kind.IDENTIFIER, Kind.FREE_TEXT) or name == table.person_key:
        raise InputError(f'target "{name}": keys, identifiers and free text cannot be predicted; name another column')
    return column


def _kind(column: ColumnSchema) -> str:
    return CLASSIFICATION if column.kind in NAMED else REGRESSION


def proposed(table: TableSchema, c: Comparison) -> tuple[Task, ...]:
    """What is predicted when nobody chose: at most one of each kind, from the schema and train alone, the same each time.

    A time and an event whose names say so; a category of two to six classes, each about the minimum of persons; a number. Columns named
    like an outcome come first, then sensitive ones, then others; the sub-groups of the bias audit, ages and dates never.
    """
    usable = [column for column in c.usable if column.name in table.names]
    survival = _survival([column for column in usable if _classes(c, column) == 2 or column.kind in _NUMBERS])
    taken = {name for task in survival for name in task.columns}
    free = [column for column in usable if column.name not in taken]
    named = [column for column in free if column.kind in NAMED and 2 <= _classes(c, column) <= CLASSES]
    amounts = [column for column in free if column.kind in _NUMBERS and column.name not in c.thin and _varies(c.train, column)]
    return (*survival, *_first(named), *_first(amounts))


def of_schema(table: TableSchema) -> Task | None:
    """A class or a number that the schema alone suggests; None when it has no column to predict."""
    named = [column for column in table.columns if column.kind in NAMED and len(column.codes or ()) <= CLASSES]
    amounts = [column for column in table.columns if column.kind in _NUMBERS]
    several = len(named) + len(amounts) > 1
    return next(iter((*_first(named), *_first(amounts))), None) if several else None


def _survival(columns: Sequence[ColumnSchema]) -> tuple[Task, ...]:
    time = next((column.name for column in columns if column.kind in _NUMBERS and _TIME.search(column.name)), None)
    event = next((column.name for column in columns if column.kind in NAMED and _EVENT.search(column.name)), None)
    return (Task(SURVIVAL, event, time, False, "the columns are named like a time and an event"),) if time and event else ()


def _first(columns: Sequence[ColumnSchema]) -> tuple[Task, ...]:
    """The column that looks most like something to predict, as a task."""
    best, why = None, ""
    for column in columns:
        if is_grouping(column):
            continue
        name = _OUTCOME if column.kind in NAMED else _AMOUNT
        worth = (bool(name.search(column.name)), column.role is Role.SENSITIVE, column.role is Role.OTHER, column.kind is Kind.BOOLEAN)
        if best is None or worth > best[0]:
            best = (worth, column)
            why = "named like an outcome" if worth[0] else "a sensitive column" if worth[1] else "the first that could be predicted"
    return () if best is None else (Task(_kind(best[1]), best[1].name, None, False, why),)


def _classes(c: Comparison, column: ColumnSchema) -> int:
    """Classes about the minimum of persons in train, if all values are in such; else more than can be proposed."""
    if column.kind not in NAMED:
        return 0
    codes, names = categories(c.train.column(column))
    enough = persons_per_code(codes, c.people, len(names) + 1)[: len(names)] >= c.policy.minimum
    return int(enough.sum()) if len(names) <= 2 * CLASSES else len(names)


def _varies(train: Rows, column: ColumnSchema) -> bool:
    array = train.column(column)
    return len(np.unique(array.drop_null().to_numpy(zero_copy_only=False))) > CLASSES
