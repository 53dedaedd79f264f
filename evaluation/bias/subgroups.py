"""Sub-groups a bias audit looks at: sexes, age bands, ethnicities, deprivation; none about too few people on either real side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evaluation.tables.columns import NAMED, Rows, categories, numbers
from generators.schema import ColumnSchema, Kind, Role

MOST = 12
"""Groups a column may have."""
AGE_BANDS = (18.0, 40.0, 65.0, 80.0)
_AGE = re.compile(r"(^|_)age(_|$|\d)", re.IGNORECASE)
_GROUPING = re.compile(r"(^|_)(sex|gender|ethnic\w*|race|imd\w*|deprivation\w*|quintile|decile)(_|$)", re.IGNORECASE)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Grouping:
    """The groups of one column. names: shown to people; of: which group each row is in, −1 for none."""

    column: ColumnSchema
    names: tuple[str, ...]
    values: tuple[object, ...] = ()

    def of(self, rows: Rows) -> npt.NDArray[np.int64]:
        array = rows.column(self.column)
        if self.values:
            codes, labels = categories(array)
            places = {value: place for place, value in enumerate(self.values)}
            return np.array([places.get(v, -1) for v in labels] + [-1], np.int64)[codes]
        ages = numbers(self.column, array)
        return np.where(np.isfinite(ages), np.searchsorted(AGE_BANDS, ages, side="right"), -1)


def is_grouping(column: ColumnSchema) -> bool:
    """Whether people may be grouped by it: an age, a quasi-identifying category, or one so named."""
    if column.kind in (Kind.INTEGER, Kind.REAL):
        return bool(_AGE.search(column.name))
    return column.kind in NAMED and bool(_GROUPING.search(column.name) or column.role is Role.QUASI_IDENTIFIER)


def groupings(columns: Sequence[ColumnSchema], train: Rows) -> tuple[Grouping, ...]:
    """The columns by which people are grouped: quasi-identifying or so named, with at most twelve values; ages in bands."""
    found = []
    for column in (c for c in columns if is_grouping(c)):
        if column.kind not in NAMED:
            edges = (0, *(int(e) for e in AGE_BANDS))
            bands = (f"{a}–{b - 1}" for a, b in pairwise(edges))
            found.append(Grouping(column, (*bands, f"{edges[-1]} and over")))
        else:
            values = sorted(categories(train.column(column))[1], key=_in_order)
            if 2 <= len(values) <= MOST:
                found.append(Grouping(column, tuple(str(v) for v in values), tuple(values)))
    return tuple(found)


def _in_order(value: object) -> tuple[int, float, str]:
    """Numbers by size, though they are written as text, before words by name."""
    text = str(value)
    return (0, float(text), "") if text.isdecimal() else (1, 0.0, text)


def enough(groups: npt.NDArray[np.int64], people: npt.NDArray[np.int32], size: int, minimum: int) -> Bools:
    """Which groups are about at least `minimum` persons."""
    return np.array([len(np.unique(people[groups == place])) >= minimum for place in range(size)], bool)
