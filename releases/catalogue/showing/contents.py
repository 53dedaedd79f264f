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

LARGEST = 32 * 1024**2
"""Bytes of a JSON file that a page still reads."""
MOST_BARS = 40
NHS_BLUE = "#005eb8"

METRIC_NAMES = {
    "tvd_mean": "Difference of columns, on average",
    "ks_complement_mean": "Agreement of numeric columns, on average",
    "kl_mean": "Divergence of columns, on average",
    "pairwise_accuracy": "Agreement of pairs of columns",
    "association_rmse": "Error of associations between columns",
    "pearson_rmse": "Error of correlations",
    "discriminator_auc": "Can a classifier tell real from synthetic?",
    "sdmetrics_quality": "SDMetrics quality score",
    "sdmetrics_diagnostic": "SDMetrics diagnostic score",
    "collisions": "Rows copied from real people",
    "rare_row_collisions": "Rows copied from rare people",
    "rare_values": "Rare real values that appear",
    "rare_extremes": "Real extremes that appear",
    "rule_violations": "Rows that break a rule",
    "structure": "Structure",
    "target_auc": "Use for prediction (trained here, tested on real people)",
}
SAFETY = ("collisions", "rare_row_collisions", "rare_values", "rare_extremes", "membership", "singling_out", "linkability", "inference")


@dataclass(frozen=True)
class Column:
    """One column for the page: its dictionary entry, and a chart of its released aggregate where there is one."""

    name: str
    kind: str
    description: str
    format: str
    codes: tuple[str, ...]
    nullable: bool
    chart: dict[str, Any] | None = None
    absent: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the release and its columns."""

    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Measured:
    """The public report: figures for the whole table by what they tell, charts, and what a reader must know."""

    good: tuple[tuple[str, str, str, str, str], ...] = ()
    safe: tuple[tuple[str, str, str, str, str], ...] = ()
    charts: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)


def tables(version: ReleaseVersion) -> tuple[Table, ...]:
    """The dictionary by table, with charts from the summary of a publicly-sourced release."""
    stored = {each.path: each for each in version.files.all()}
    entries = _json(stored.get(layout.DICTIONARY_JSON))
    shapes = _shapes(_json(stored.get(layout.SUMMARY)))
    found: dict[str, list[Column]] = {}
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            table, name = str(entry["table"]), str(entry["column"])
            shape = shapes.get((table, name), {})
            column = Column(
                name=name,
                kind=str(entry["kind"]),
                description=str(entry["description"]),
                format=str(entry["format"] or ""),
                codes=tuple(str(code) for code in entry["codes"] or ()),
                nullable=bool(entry["nullable"]),
                chart=_column_chart(f"column-{number}", name, shape),
                absent=str(shape.get("absent") or ""),
            )
        except (KeyError, TypeError, AttributeError):
            continue
        found.setdefault(table, []).append(column)
    return tuple(Table(name, tuple(columns)) for name, columns in found.items())


def minimum(version: ReleaseVersion) -> int | None:
    """Fewest persons any figure of the release's summary is about; None where there is no summary."""
    summary = _json(version.files.filter(path=layout.SUMMARY).first())
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
    report = _json(version.files.filter(path=layout.REPORT_JSON).first())
    good: list[tuple[str, str, str, str, str]] = []
    safe: list[tuple[str, str, str, str, str]] = []
    charts: list[dict[str, Any]] = []
    notes: list[str] = []
    values: dict[str, float] = {}
    for evaluation in _evaluations(report):
        for result in _list(evaluation, "results"):
            line = _line(result)
            if line is None:
                continue
            metric = str(result["metric"])
            (safe if metric.startswith(SAFETY) else good).append(line)
            if isinstance(result["value"], int | float):
                values.setdefault(metric, float(result["value"]))
        for chart in _list(evaluation, "charts"):
            shown = _chart(chart, f"report-{len(charts)}")
            if shown is not None:
                charts.append(shown)
        notes += [str(note) for note in _list(evaluation, "notes")]
    return Measured(tuple(good), tuple(safe), tuple(charts), tuple(dict.fromkeys(notes)), values)


def _evaluations(report: Any) -> list[Mapping[str, Any]]:
    found = report.get("evaluations", [report]) if isinstance(report, Mapping) else report
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _list(raw: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = raw.get(name)
    return value if isinstance(value, list) else []


def _line(result: Any) -> tuple[str, str, str, str, str] | None:
    """Name, value, naive shuffle, real holdout, meaning: of a public figure about the whole table; None for others."""
    try:
        if result["audience"] != "public" or result["scope"]["kind"] not in ("dataset", "table"):
            return None
        metric = str(result["metric"])
        name = METRIC_NAMES.get(metric, metric.replace("_", " ").capitalize())
        value = _figure(result["value"])
        if result["value"] is None:
            value = str(result.get("remark") or result.get("failed") or "not measured")
        return name, value, _figure(result["floor"]), _figure(result["ceiling"]), str(result["meaning"])
    except (KeyError, TypeError):
        return None


def _figure(value: Any) -> str:
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


def _column_chart(identity: str, name: str, shape: Mapping[str, Any]) -> dict[str, Any] | None:
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
    most = max(bars, key=lambda bar: bar[1])
    trace = {
        "type": "bar",
        "x": [label for label, _ in drawn],
        "y": [count for _, count in drawn],
        "marker": {"color": NHS_BLUE},
        "hovertemplate": "%{x}: %{y:,}<extra></extra>",
    }
    return {
        "id": identity,
        "title": f"What was released about {name}",
        "figure": {
            "data": [trace],
            "layout": {"xaxis": {"type": "category"}, "yaxis": {"title": {"text": "rows (rounded)"}, "rangemode": "tozero"}},
        },
        "alternative": f"{len(bars):,} figures; the most common is {most[0]}, with about {most[1]:,} rows.{more}",
        "table": {"columns": ["Value or range", "Rows (rounded)"], "rows": [[label, f"{count:,}"] for label, count in bars]},
    }


def _text(value: Any) -> str:
    return f"{value:,g}" if isinstance(value, float) else str(value)


def _count(cell: Mapping[str, Any]) -> int:
    rows = cell["rows"] if cell["rows"] is not None else cell["persons"]
    return int(rows or 0)


def _json(stored: StoredFile | None) -> Any:
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
