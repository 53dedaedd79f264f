"""Columns as the numbers a tree can split on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from evaluation.tables.columns import ORDERED, Floats, Rows, categories, encoded, numbers
from generators.schema import ColumnSchema, Kind

DAY = 86_400_000_000


class Features:
    """Columns as the numbers a tree can split on; the ranking of categories (by frequency) is fitted on train."""

    def __init__(self, columns: Sequence[ColumnSchema], train: Rows) -> None:
        self.columns = tuple(columns)
        self._ranks: dict[str, dict[object, int]] = {}
        for column in self.columns:
            if column.kind not in ORDERED:
                codes, values = categories(encoded(train, column))
                counts = np.bincount(codes, minlength=len(values) + 1)
                order = sorted(range(len(values)), key=lambda i: (-int(counts[i]), str(values[i])))
                self._ranks[column.name] = {values[i]: rank for rank, i in enumerate(order)}

    def of(self, rows: Rows) -> Floats:
        """Shape (rows, features); NaN where missing. Infinite numbers count as missing here."""
        found: list[Floats] = []
        for column in self.columns:
            array = encoded(rows, column)
            if column.kind in ORDERED:
                values = numbers(column, array)
                values[np.isinf(values)] = np.nan
                found.append(values)
                if column.kind is Kind.DATETIME:
                    found += [values % DAY, values // DAY % 7]
                elif column.kind is Kind.DATE:
                    found.append(values % 7)
            else:
                found.append(self._ranked(column.name, array))
        return np.column_stack(found)

    def _ranked(self, name: str, array: pa.Array) -> Floats:
        codes, values = categories(array)
        ranks = self._ranks[name]
        table = np.array([float(ranks.get(v, len(ranks))) for v in values] + [np.nan])
        return np.asarray(table[codes], np.float64)


def splittable(learned: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Both with 0 in the columns of which `learned` has no value at all: trees can do nothing with those, and boosted ones would fail."""
    empty = np.isnan(learned).all(axis=0)
    return (np.where(empty, 0.0, learned), np.where(empty, 0.0, asked)) if empty.any() else (learned, asked)
