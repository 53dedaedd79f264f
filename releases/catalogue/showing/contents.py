"""What a page shows of a version's dictionary, summary and report, read from the store.

These files were signed, but by a program of another zone and perhaps another version: a part that is not as expected is left out, and
the page says where the file itself is. Nothing here is computed from data; every figure was released.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from releases.capsule import layout, texts
from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from releases.catalogue.showing import metrics

LARGEST = 32 * 1024**2
"""Bytes of a JSON file that a page still reads."""
MOST_BARS = 40
MOST_FIGURES = 500
"""Rows of a table of released figures; summary.json has all."""
NHS_BLUE = "#005eb8"

Line = tuple[str, str, str, str, str]
"""Name, value, naive shuffle, real holdout, meaning."""


@dataclass(frozen=True)
class Measured:
    """The public report: figures for whole tables by the question they answer, charts, and what a reader must know."""

    good: tuple[Line, ...] = ()
    useful: tuple[Line, ...] = ()
    safe: tuple[Line, ...] = ()
    fair: tuple[Line, ...] = ()
    charts: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)


def released(version: ReleaseVersion, table: str, column: str, unit: str = "") -> dict[str, Any] | None:
    """A chart of the aggregate that the summary of a publicly-sourced release holds about one column; None where there is none.

    unit: of the column, as people read it.
    """
    shapes = _shapes(parsed(version.files.filter(path=layout.SUMMARY).first()))
    return _column_chart("released", column, shapes.get((table, column), {}), unit)


def minimum(version: ReleaseVersion) -> int | None:
    """Fewest persons any figure of the release's summary is about; None where there is no summary."""
    summary = parsed(version.files.filter(path=layout.SUMMARY).first())
    try:
        return int(summary["policy"]["minimum"])
    except (KeyError, TypeError, ValueError):
        return None


def account(version: ReleaseVersion) -> list[tuple[str, list[str]]]:
    """The plain-English account for patients as (heading, paragraphs); empty where a release has none, or one that cannot be read."""
    stored = version.files.filter(path=layout.ACCOUNT).first()
    if stored is None or stored.size > LARGEST:
        return []
    try:
        return texts.account_parts(store.place(Path(settings.SYNTHPORTAL_STORE), stored.sha256).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def measured(version: ReleaseVersion) -> Measured:
    """The public report of all tables."""
    report = parsed(version.files.filter(path=layout.REPORT_JSON).first())
    lines: dict[str, list[Line]] = {group: [] for group in metrics.GROUPS}
    charts: list[dict[str, Any]] = []
    notes: list[str] = []
    values: dict[str, float] = {}
    bands: dict[str, str] = {}
    for evaluation in _evaluations(report):
        for result in _list(evaluation, "results"):
            line = _line(result)
            if line is None:
                continue
            metric = str(result["metric"])
            lines[metrics.group(metric)].append(line)
            if isinstance(result["value"], int | float):
                values.setdefault(metric, float(result["value"]))
            elif result.get("remark"):
                bands.setdefault(metric, str(result["remark"]))
        for chart in _list(evaluation, "charts"):
            shown = _chart(chart, f"report-{len(charts)}")
            if shown is not None:
                charts.append(shown)
        notes += [str(note) for note in _list(evaluation, "notes")]
    found = {group: tuple(each) for group, each in lines.items()}
    return Measured(**found, charts=tuple(charts), notes=tuple(dict.fromkeys(notes)), values=values, bands=bands)


def _evaluations(report: Any) -> list[Mapping[str, Any]]:
    found = report.get("evaluations", [report]) if isinstance(report, Mapping) else report
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _list(raw: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = raw.get(name)
    return value if isinstance(value, list) else []


def _line(result: Any) -> Line | None:
    """Name, value, naive shuffle, real holdout, meaning: of a public figure about the whole table; None for others."""
    try:
        if result["audience"] != "public" or result["scope"]["kind"] not in ("dataset", "table"):
            return None
        metric = str(result["metric"])
        name = metrics.name(metric)
        value = figure(result["value"])
        if result["value"] is None:
            value = str(result.get("remark") or result.get("failed") or "not measured")
        return name, value, figure(result["floor"]), figure(result["ceiling"]), str(result["meaning"])
    except (KeyError, TypeError):
        return None


def figure(value: Any) -> str:
    """A figure as pages write it; – where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:,.2f}"


def _chart(raw: Any, identity: str) -> dict[str, Any] | None:
    try:
        if raw["audience"] != "public":
            return None
        figure = {"data": list(raw["figure"]["data"]), "layout": dict(raw["figure"].get("layout", {}))}
        table = {"columns": list(raw["table"]["columns"]), "rows": [list(row) for row in raw["table"]["rows"]]}
        return {"id": identity, "title": str(raw["title"]), "figure": figure, "alternative": str(raw["alternative"]), "table": table}
    except (KeyError, TypeError, ValueError):
        return None


def _shapes(summary: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    shapes: dict[tuple[str, str], Mapping[str, Any]] = {}
    if isinstance(summary, Mapping):
        for table in _list(summary, "tables"):
            for column in _list(table, "columns") if isinstance(table, Mapping) else []:
                if isinstance(column, Mapping):
                    shapes[str(table.get("name")), str(column.get("name"))] = column
    return shapes


def _column_chart(identity: str, name: str, shape: Mapping[str, Any], unit: str) -> dict[str, Any] | None:
    """Bars of what the summary releases about one column; None where nothing of it was released."""
    try:
        distribution = shape["distribution"]
        bars = [(_text(cell["value"]), _count(cell)) for cell in distribution["values"]]
        bars += [(f"{_text(step['low'])} to {_text(step['high'])}", _count(step)) for step in distribution["steps"]]
        if distribution["other"] is not None:
            bars.append(("Other (pooled)", _count(distribution["other"])))
        if shape["nulls"] is not None:
            bars.append(("Missing", _count(shape["nulls"])))
    except (KeyError, TypeError):
        return None
    if not bars:
        return None
    drawn = bars if len(bars) <= MOST_BARS else sorted(bars, key=lambda bar: -bar[1])[:MOST_BARS]
    more = "" if len(bars) <= MOST_BARS else f" The chart shows the {MOST_BARS} most common of {len(bars):,}; the table has all."
    many, most = len(bars), max(bars, key=lambda bar: bar[1])
    trace = {
        "type": "bar",
        "x": [label for label, _ in drawn],
        "y": [count for _, count in drawn],
        "marker": {"color": NHS_BLUE},
        "hovertemplate": "%{x}: %{y:,}<extra></extra>",
    }
    if len(bars) > MOST_FIGURES:
        bars = sorted(bars, key=lambda bar: -bar[1])[:MOST_FIGURES]
        more = f" The chart shows the {MOST_BARS} most common, the table {MOST_FIGURES}; summary.json has all."
    return {
        "id": identity,
        "title": f"What was released about {name}",
        "figure": {
            "data": [trace],
            "layout": {
                "xaxis": {"type": "category", **({"title": {"text": unit}} if unit else {})},
                "yaxis": {"title": {"text": "rows (rounded)"}, "rangemode": "tozero"},
            },
        },
        "alternative": f"{many:,} figures; the most common is {most[0]}, with about {most[1]:,} rows.{more}",
        "table": {
            "columns": [f"Value or range{f', {unit}' if unit else ''}", "Rows (rounded)"],
            "rows": [[label, f"{count:,}"] for label, count in bars],
        },
    }


def _text(value: Any) -> str:
    return f"{value:,g}" if isinstance(value, float) else str(value)


def _count(cell: Mapping[str, Any]) -> int:
    rows = cell["rows"] if cell["rows"] is not None else cell["persons"]
    return int(rows or 0)


def parsed(stored: StoredFile | None) -> Any:
    """The JSON of a stored file; None where there is none, it is too large for a page, or no JSON. Callers must not change it."""
    if stored is None or stored.size > LARGEST:
        return None
    return _parsed(store.place(Path(settings.SYNTHPORTAL_STORE), stored.sha256))


@lru_cache(maxsize=64)
def _parsed(place: Path) -> Any:
    """Parsed once: what lies under a SHA-256 never changes. Callers must not change it either."""
    try:
        return json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
