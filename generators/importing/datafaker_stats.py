"""Results of datafaker's queries as released figures of a column.

The results count *rows*: which persons they are about, they do not say. A figure is kept where at least the policy's minimum of rows stand
behind it, and rounded as the policy rounds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from generators.disclosure import DisclosurePolicy
from generators.schema import ColumnSchema, Kind
from generators.summary import OTHER, Cell, Distribution, MissingPattern, Scalar, Step

STEPS = 20
"""Most steps in which a mean and a standard deviation are written."""

_LARGEST = 1e15


def kept_values(
    results: Sequence[Any], value: str, count: str, column: ColumnSchema, policy: DisclosurePolicy
) -> tuple[Distribution, int, int]:
    """The distribution of values with enough rows, how many values were dropped, and all rows counted.

    value, count: the names of the results' columns. Dates are counted by the policy's calendar unit, times by the hour. Results that are no
    value with a count are dropped, too.
    """
    counted: Counter[Scalar] = Counter()
    unusable = 0
    for row in results:
        given = row.get(value) if isinstance(row, Mapping) else None
        rows = row.get(count) if isinstance(row, Mapping) else None
        label = _label(given, column, policy.date_unit)
        if label is None or isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
            unusable += given is not None
        else:
            counted[label] += rows
    enough = {label: rows for label, rows in counted.items() if rows >= policy.minimum}
    few = sum(counted.values()) - sum(enough.values())
    cells = tuple(
        Cell(label, None, policy.rounded(rows)) for label, rows in sorted(enough.items(), key=lambda item: (-item[1], str(item[0])))
    )
    pooled = Cell(OTHER, None, policy.rounded(few)) if few >= policy.minimum and column.storage == "string" and cells else None
    dated = column.kind in (Kind.DATE, Kind.DATETIME)
    unit = policy.date_unit if dated else "hour" if column.kind is Kind.TIME else "value"
    dropped = len(counted) - len(enough) + unusable
    return Distribution(values=cells, other=pooled, unit=unit), dropped, sum(counted.values())


def _label(value: Any, column: ColumnSchema, unit: str) -> Scalar | None:
    """A value as a summary writes it; None where it is none of the column's kind."""
    if column.kind in (Kind.DATE, Kind.DATETIME):
        return _period(value, unit)
    if column.kind is Kind.TIME:
        hour = value.hour if isinstance(value, time | datetime) else _number(str(value).partition(":")[0])
        return f"{int(hour):02d}" if hour is not None and 0 <= hour < 24 else None
    if column.storage == "bool":
        return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(str(value).lower())
    if column.kind in (Kind.INTEGER, Kind.REAL) or column.storage == "int64":
        number = None if isinstance(value, bool) else _number(value)
        if number is None or (column.storage == "int64" and number != int(number)):
            return None
        whole = int(number) if column.storage == "int64" else number
        return str(whole) if column.kind is Kind.CATEGORICAL else whole
    return str(value) if isinstance(value, str | int | float) and str(value).strip() else None


def _period(value: Any, unit: str) -> str | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, date):
        return None
    if unit == "year":
        return f"{value.year:04d}"
    return f"{value.year:04d}-Q{(value.month + 2) // 3}" if unit == "quarter" else f"{value.year:04d}-{value.month:02d}"


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < _LARGEST else None


def spread(how: str, mean: Any, deviation: Any, rows: int, column: ColumnSchema, policy: DisclosurePolicy) -> Distribution:
    """Steps of equal numbers of rows for a mean and a standard deviation; empty where these cannot be used.

    how: "normal", "uniform_ms" (mean and standard deviation of a uniform distribution) or "lognormal" (of the logarithm).
    """
    centre, width = _number(mean), _number(deviation)
    count = min(STEPS, policy.maximum_steps, rows // policy.minimum)
    if centre is None or width is None or width <= 0 or count < 1:
        return Distribution()
    shares = [0.5 / count / 10, *(n / count for n in range(1, count)), 1 - 0.5 / count / 10]
    if how == "uniform_ms":
        edges = [centre + width * math.sqrt(3) * (2 * share - 1) for share in (0.0, *shares[1:-1], 1.0)]
    else:
        edges = [NormalDist(centre, width).inv_cdf(share) for share in shares]
    if how == "lognormal":
        if max(edges) > math.log(_LARGEST):
            return Distribution()
        edges = [math.exp(edge) for edge in edges]
    if any(abs(edge) > _LARGEST for edge in edges):
        return Distribution()
    places = column.decimals if column.decimals is not None else 6
    values = [round(edge) if column.storage == "int64" else round(edge, places) for edge in edges]
    each = policy.rounded(rows // count)
    return Distribution(steps=tuple(Step(low, high, None, each) for low, high in pairwise(values)))


def missing_patterns(
    results: Sequence[Any], columns: Iterable[str], policy: DisclosurePolicy
) -> tuple[tuple[MissingPattern, ...], dict[str, int], int, int]:
    """Joint patterns of enough rows; rows that lack each column; how many patterns were dropped; all rows counted.

    A result holds ``row_count`` and, for each column, whether ``<column>__is_null``.
    """
    names = list(columns)
    counted: Counter[tuple[str, ...]] = Counter()
    for row in results:
        rows = row.get("row_count") if isinstance(row, Mapping) else None
        if isinstance(row, Mapping) and isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0:
            counted[tuple(n for n in names if row.get(f"{n}__is_null") in (True, 1))] += rows
    enough = {c: n for c, n in counted.items() if n >= policy.minimum}
    nulls: Counter[str] = Counter()
    for pattern, rows in counted.items():
        nulls.update(dict.fromkeys(pattern, rows))
    patterns = tuple(
        MissingPattern(c, None, policy.rounded(n)) for c, n in sorted(enough.items(), key=lambda item: (-item[1], item[0])) if c
    )
    return patterns, dict(nulls), len(counted) - len(enough), sum(counted.values())
