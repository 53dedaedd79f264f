"""Numeric columns of a place: in whole units of their last decimal where that is exact, else as they are; as
`generators.counts.column_codes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis  # type: ignore[import-untyped]
import ibis.expr.types as ir  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from generators.counts.column_codes import EXACT, WIDEST, ranked_numbers, whole_numbers
from generators.in_place.relation import number
from generators.schema import ColumnSchema, Kind
from generators.summarising.steps import Edges


@dataclass(frozen=True)
class Numbers:
    """How a column's numbers are counted. places: decimals of the unit, None: no unit, the numbers themselves; least, highest: in units,
    where codes are what a number exceeds the least by; no least: codes are ranks. whole: the column holds integers.
    """

    places: int | None
    least: int | None
    highest: int
    whole: bool

    def coded(self, value: ir.Value) -> ir.Value:
        """What is grouped by: units, or numbers."""
        if self.whole or self.places is None:
            return value
        scaled = value * ibis.literal(10**self.places, "int64").cast("float64")
        below = scaled.floor().cast("float64")
        over = scaled - below
        units = below.cast("int64")
        # Halves to even, by hand: dialects round them differently.
        up = ibis.cases(
            (over > number(0.5), ibis.literal(1, "int64")), (over < number(0.5), ibis.literal(0, "int64")), else_=units.abs() % 2
        )
        return units + up

    def edges(self, values: npt.NDArray[Any] | None = None) -> Edges:
        """values: what ranks stand for, in units where there are such."""
        if self.least is not None:
            return whole_numbers(self.least, self.places or 0)
        assert values is not None  # noqa: S101 - ranks are of values
        if self.whole or self.places is None:
            return ranked_numbers(values)
        return ranked_numbers(values if self.places == 0 else values / 10**self.places)


def numbers_of(column: ColumnSchema, low: Any, high: Any) -> Numbers:
    """From the least and greatest value, None where there is none."""
    whole = column.storage == "int64"
    places = 0 if whole or column.kind is Kind.INTEGER else column.decimals
    if whole:
        first, last = int(low or 0), int(high or 0)
    elif places is None or not 0 <= places <= 12:
        return Numbers(None, None, 0, False)
    else:
        with np.errstate(over="ignore"):
            ends = np.rint(np.array([low or 0.0, high or 0.0]) * 10.0**places)
        if not np.abs(ends).max() < EXACT:
            return Numbers(None, None, 0, False)
        first, last = int(ends[0]), int(ends[1])
    if last - first >= WIDEST:
        return Numbers(places, None, 0, whole)
    return Numbers(places, first, last, whole)
