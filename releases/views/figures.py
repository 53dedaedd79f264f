"""Charts of a summary's columns: Plotly figures as plain JSON, each with the same numbers as a table and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generators.summary import Cell, ColumnSummary, Distribution, Step

REAL = "#768692"
"""Real aggregates are grey, synthetic ones NHS blue, on every page."""

MOST_BARS = 60
"""Bars drawn; the table beside the chart holds all."""


@dataclass(frozen=True)
class SummaryChart:
    """As `shared/components/chart.html` takes it."""

    id: str
    title: str
    figure: dict[str, Any] | None
    alternative: str
    table: dict[str, list[Any]]


def summary_chart(column: ColumnSummary, anchor: str) -> SummaryChart | None:
    """The released figures of one column; None when none leaves."""
    shape = column.distribution
    if column.absent or shape.empty:
        return None
    bars = _bars(shape)
    rows = [[label, _figure(persons), _figure(count)] for label, persons, count in bars]
    if column.nulls is not None:
        rows.append(["(missing)", _figure(column.nulls.persons), _figure(column.nulls.rows)])
    drawn = sorted(bars, key=_weight, reverse=True)[:MOST_BARS] if _unordered(column) else bars[:MOST_BARS]
    counted = "people" if all(persons is not None for _, persons, _ in drawn) else "rows"
    heights = [persons if counted == "people" else (count if count is not None else persons) for _, persons, count in drawn]
    labels = [label for label, _, _ in drawn]
    figure = {
        "data": [{"type": "bar", "x": labels, "y": heights, "marker": {"color": REAL}, "hovertemplate": "%{x}: %{y:,}<extra></extra>"}],
        "layout": {
            "xaxis": {"type": "category"},
            "yaxis": {"title": {"text": counted}, "rangemode": "tozero"},
            "showlegend": False,
            "bargap": 0.1,
        },
    }
    return SummaryChart(
        id=anchor,
        title=_title(column, bars),
        figure=figure,
        alternative=_words(bars, len(drawn)),
        table={"columns": ["Value", "People", "Rows"], "rows": rows},
    )


Bar = tuple[str, int | None, int | None]


def _bars(shape: Distribution) -> list[Bar]:
    """(label, people, rows) of everything released: single values, ranges, then the pooled rest."""
    bars = [_cell(cell) for cell in shape.values] + [_step(step) for step in shape.steps]
    if shape.steps and shape.values:
        numbers = [c.value for c in shape.values] + [s.low for s in shape.steps]
        if all(isinstance(value, int | float) for value in numbers):
            bars = [bar for _, bar in sorted(zip(numbers, bars, strict=True), key=lambda pair: float(pair[0]))]
    if shape.other is not None:
        bars.append(("Other (rare values together)", shape.other.persons, shape.other.rows))
    return bars


def _cell(cell: Cell) -> Bar:
    return _shown(cell.value), cell.persons, cell.rows


def _step(step: Step) -> Bar:
    return f"{_shown(step.low)} to {_shown(step.high)}", step.persons, step.rows


def _shown(value: str | int | float) -> str:
    return value if isinstance(value, str) else f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


def _weight(bar: Bar) -> int:
    return bar[1] if bar[1] is not None else bar[2] or 0


def _figure(value: int | None) -> str:
    return "not told" if value is None else f"{value:,}"


def _unordered(column: ColumnSummary) -> bool:
    return column.kind in ("categorical", "boolean")


def _title(column: ColumnSummary, bars: list[Bar]) -> str:
    largest = max(bars, key=_weight)
    if column.distribution.steps:
        return f"{column.name}: {len(bars):,} ranges and values would leave"
    return f"{column.name}: “{largest[0]}” is most frequent of {len(bars):,}"


def _words(bars: list[Bar], drawn: int) -> str:
    largest = max(bars, key=_weight)
    words = f"The largest bar is {largest[0]}, about {_weight(largest):,}."
    return words if drawn == len(bars) else f"{words} The {drawn} largest of {len(bars):,} are drawn; the table holds all."
