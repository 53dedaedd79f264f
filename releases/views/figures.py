"""Charts of a summary's columns: Plotly figures as plain JSON, each with the same numbers as a table and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generators.summary import Cell, ColumnSummary, CrossTabulation, Distribution, RelationshipSummary, Rollup, Step, TableSummary
from generators.summary_difference import shown as _shown

REAL = "#768692"
"""Real aggregates are grey, synthetic ones NHS blue, on every page."""

MOST_BARS = 60
"""Bars drawn; the table beside the chart holds all."""


POOLED = "Other (rare values together)"

Bar = tuple[str, int | None, int | None]
"""(label, people, rows); None where the figure may not be told."""


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
    rows += [[f"{cell.value} (special value)", _figure(cell.persons), _figure(cell.rows)] for cell in column.sentinels]
    if column.nulls is not None:
        rows.append(["(missing)", _figure(column.nulls.persons), _figure(column.nulls.rows)])
    crowded = bool(shape.steps) and all(isinstance(edge, int | float) for step in shape.steps for edge in (step.low, step.high))
    if crowded:
        figure, drawn = _crowding(column), len(bars)
    else:
        chosen = sorted(bars, key=_weight, reverse=True)[:MOST_BARS] if _unordered(column) else bars[:MOST_BARS]
        figure, drawn = _bar_figure([label for label, _, _ in chosen], chosen), len(chosen)
    return SummaryChart(
        id=anchor,
        title=_title(column, bars),
        figure=figure,
        alternative=_words(bars, drawn, crowded),
        table={"columns": ["Value", "People", "Rows"], "rows": rows},
    )


def column_charts(column: ColumnSummary, anchor: str) -> list[SummaryChart]:
    """The released figures of one column: of its values, and of a date-time's hour of day by itself."""
    charts = [summary_chart(column, anchor)]
    if column.hours is not None:
        charts.append(summary_chart(ColumnSummary(f"{column.name}, hour of day", "time", distribution=column.hours), f"{anchor}-hours"))
    return [chart for chart in charts if chart is not None]


def rows_chart(table: TableSummary, anchor: str) -> SummaryChart | None:
    """How many rows each person has."""
    if table.rows_per_person is None:
        return None
    return summary_chart(ColumnSummary("Rows of each person", "integer", decimals=0, distribution=table.rows_per_person), anchor)


def relationship_chart(told: RelationshipSummary, anchor: str) -> SummaryChart | None:
    """How many rows of the child belong to each row of the parent; rows that belong to none as missing."""
    name = f"Rows of {told.child} for each of {told.parent or 'the persons'}"
    return summary_chart(ColumnSummary(name, "integer", decimals=0, nulls=told.nulls, distribution=told.children), anchor)


def missing_chart(table: TableSummary, anchor: str) -> SummaryChart | None:
    """Which columns are missing together."""
    bars: list[Bar] = [(" + ".join(pattern.columns), pattern.persons, pattern.rows) for pattern in table.missing]
    if not bars:
        return None
    drawn = sorted(bars, key=_weight, reverse=True)[:MOST_BARS]
    return SummaryChart(
        id=anchor,
        title="Columns that are missing together, and no others",
        figure=_bar_figure([label for label, _, _ in drawn], drawn),
        alternative=_words(bars, len(drawn), crowded=False),
        table={"columns": ["Missing together", "People", "Rows"], "rows": [[label, _figure(p), _figure(r)] for label, p, r in bars]},
    )


def crossing_chart(crossed: CrossTabulation, anchor: str) -> SummaryChart:
    """A cross-tabulation: bars by the first column, stacked by the others; each cell a row of the table. What is not told is not there."""
    cells = [([_shown(axis.labels[at]) for axis, at in zip(crossed.axes, cell.at, strict=True)], cell) for cell in crossed.cells]
    names = [axis.column for axis in crossed.axes]
    stacks: dict[str, tuple[list[str], list[int]]] = {}
    for labels, cell in cells:
        x, y = stacks.setdefault(", ".join(labels[1:]), ([], []))
        x.append(labels[0])
        y.append(cell.weight)
    shades = ("#768692", "#005eb8", "#41b6e6", "#330072", "#ae2573", "#00a499", "#ed8b00", "#8a1538")
    return SummaryChart(
        id=anchor,
        title=f"{' × '.join(names)}: {len(cells):,} cells would leave",
        figure={
            "data": [
                {"type": "bar", "name": name or names[0], "x": x, "y": y, "marker": {"color": shades[i % len(shades)]}}
                for i, (name, (x, y)) in enumerate(list(stacks.items())[:MOST_BARS])
            ],
            "layout": {"barmode": "stack", "xaxis": {"type": "category"}, "yaxis": {"rangemode": "tozero"}, "showlegend": True},
        },
        alternative="Each bar is a class of the first column. A cell that is not told is empty or suppressed; it is not said which.",
        table={"columns": [*names, "People", "Rows"], "rows": [[*labels, _figure(c.persons), _figure(c.rows)] for labels, c in cells]},
    )


def _bar_figure(labels: list[str], bars: list[Bar]) -> dict[str, Any]:
    counted = "people" if all(persons is not None for _, persons, _ in bars) else "rows"
    heights = [persons if counted == "people" else (count if count is not None else persons) for _, persons, count in bars]
    return {
        "data": [{"type": "bar", "x": labels, "y": heights, "marker": {"color": REAL}, "hovertemplate": "%{x}: %{y:,}<extra></extra>"}],
        "layout": {
            "xaxis": {"type": "category"},
            "yaxis": {"title": {"text": counted}, "rangemode": "tozero"},
            "showlegend": False,
            "bargap": 0.1,
        },
    }


def _crowding(column: ColumnSummary) -> dict[str, Any]:
    """Ranges hold about as many people each, so their counts show nothing: a bar is as wide as its range and as high as it is crowded."""
    grain = 10.0 ** -(column.decimals or 0)
    spans = [(float(s.low), float(s.high), s.weight) for s in column.distribution.steps]
    spans += [(float(c.value), float(c.value), c.weight) for c in column.distribution.values if isinstance(c.value, int | float)]
    widths = [max(high - low, grain) for low, high, _ in spans]
    return {
        "data": [
            {
                "type": "bar",
                "x": [(low + high) / 2 for low, high, _ in spans],
                "width": widths,
                "y": [weight / width for (_, _, weight), width in zip(spans, widths, strict=True)],
                "marker": {"color": REAL},
                "hovertemplate": "%{x}: %{y:,.3s} a unit<extra></extra>",
            }
        ],
        "layout": {"yaxis": {"title": {"text": "rows in each unit"}, "rangemode": "tozero"}, "showlegend": False, "bargap": 0},
    }


def _bars(shape: Distribution) -> list[Bar]:
    """(label, people, rows) of everything released: single values, ranges, then the pooled rest."""
    bars = [_cell(cell) for cell in shape.values] + [_step(step) for step in shape.steps]
    if shape.steps and shape.values:
        starts = [c.value for c in shape.values] + [s.low for s in shape.steps]
        # Numbers by size; months, quarters and years are written so that their text sorts.
        numbers = all(isinstance(start, int | float) for start in starts)
        bars = [bar for _, bar in sorted(zip(starts, bars, strict=True), key=lambda pair: float(pair[0]) if numbers else str(pair[0]))]
    bars += [_rolled(rolled) for rolled in shape.rolled]
    if shape.other is not None:
        bars.append((POOLED, shape.other.persons, shape.other.rows))
    return bars


def _cell(cell: Cell) -> Bar:
    return _shown(cell.value), cell.persons, cell.rows


def _rolled(rolled: Rollup) -> Bar:
    return f"{rolled.level} {rolled.code} (rare codes together)", rolled.persons, rolled.rows


def _step(step: Step) -> Bar:
    return f"{_shown(step.low)} to {_shown(step.high)}", step.persons, step.rows


def _weight(bar: Bar) -> int:
    return bar[1] if bar[1] is not None else bar[2] or 0


def _figure(value: int | None) -> str:
    return "not told" if value is None else f"{value:,}"


def _unordered(column: ColumnSummary) -> bool:
    return column.kind in ("categorical", "boolean")


def _largest(bars: list[Bar]) -> Bar:
    """The largest single value or range; the pooled rest only when there is nothing else."""
    return max([bar for bar in bars if bar[0] != POOLED] or bars, key=_weight)


def _title(column: ColumnSummary, bars: list[Bar]) -> str:
    if column.distribution.steps:
        return f"{column.name}: {len(bars):,} ranges and values would leave"
    largest = _largest(bars)
    if sum(_weight(bar) == _weight(largest) for bar in bars) > 1:
        return f"{column.name}: {len(bars):,} figures would leave"
    return f"{column.name}: “{largest[0]}” is most frequent of {len(bars):,}"


def _words(bars: list[Bar], drawn: int, crowded: bool) -> str:
    if crowded:
        return "Each bar is as wide as its range; the higher it is, the more crowded."
    largest = _largest(bars)
    words = f"The largest is {largest[0]}, about {_weight(largest):,}."
    return words if drawn == len(bars) else f"{words} The {drawn} largest of {len(bars):,} are drawn; the table holds all."
