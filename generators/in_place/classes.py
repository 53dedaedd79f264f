"""Classes along the side of a cross-tabulation, as expressions: the same classes as `generators.counts.axes` gives the rows of a file."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import ibis  # type: ignore[import-untyped]
import ibis.expr.types as ir  # type: ignore[import-untyped]

from generators.counts.axes import Classes, band_of_hour, bands
from generators.counts.column_codes import HOURS, periods_from
from generators.in_place.numbers import numbers_of
from generators.in_place.relation import class_among, class_of, number
from generators.schema import Kind
from generators.summary_parts import Scalar


def class_on(axis: Classes, value: ir.Value, low: Any, high: Any, date_unit: str) -> ir.Value:
    """The class of each row. value: hours of times, periods of dates, else as stored; low, high: the least and greatest, of numbers and
    periods. Numbers without a unit are put between bands by comparison.
    """
    if axis.column.kind is Kind.TIME:
        found = _by_hour(axis, value)
    elif axis.column.kind in (Kind.DATE, Kind.DATETIME):
        least = int(low or 0)
        starts, classes = bands(axis, periods_from(least, date_unit), int(high or 0) - least + 1)
        found = class_of(value, [0, *(int(s) + least for s in starts)], classes)
    elif axis.column.kind in (Kind.INTEGER, Kind.REAL):
        found = _by_number(axis, value, low, high)
    else:
        found = _by_name(axis, value)
    return ibis.ifelse(value.isnull(), ibis.literal(axis.count + 1, "int64"), found)


def _by_hour(axis: Classes, value: ir.Value) -> ir.Value:
    places = {str(v): place for place, v in enumerate(axis.values)}
    classes = [band_of_hour(h, axis) if axis.edges else places.get(h, axis.count) for h in HOURS]
    return class_of(value, list(range(len(HOURS))), classes)


def _by_number(axis: Classes, value: ir.Value, low: Any, high: Any) -> ir.Value:
    numbers = numbers_of(axis.column, low, high)
    if numbers.least is not None:
        starts, classes = bands(axis, numbers.edges(), numbers.highest - numbers.least + 1)
        return class_of(numbers.coded(value), [0, *(int(s) + numbers.least for s in starts)], classes)
    if not axis.edges:
        found: ir.Value = ibis.literal(axis.count, "int64")
        for place, each in enumerate(axis.values):
            found = ibis.ifelse(value == number(each), ibis.literal(place, "int64"), found)
        return found
    return class_of(value, [0, *axis.edges], [axis.count, *range(axis.count), axis.count])


def _by_name(axis: Classes, value: ir.Value) -> ir.Value:
    storage = axis.column.storage
    if storage == "bool":
        value = ibis.ifelse(value, "true", "false")
    if storage == "float64":
        found: ir.Value = ibis.literal(axis.count, "int64")
        for place, each in enumerate(axis.values):
            found = ibis.ifelse(value == number(float(each)), ibis.literal(place, "int64"), found)
        return found
    listed = {place: [_stored(each, storage)] for place, each in enumerate(axis.values)}
    return class_among(value, listed, axis.count)


def _stored(value: Scalar, storage: str) -> Any:
    """The value that a label stands for."""
    if storage == "int64":
        return int(value)
    if storage == "date32":
        return date.fromisoformat(str(value))
    return datetime.fromisoformat(str(value)) if storage == "timestamp[us]" else str(value)
