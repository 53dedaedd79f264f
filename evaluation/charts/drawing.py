"""Charts as Plotly JSON of aggregates that passed disclosure control, one message each, with the same numbers in a table.

Only scatter and bar traces (plotly's basic bundle), plain lists (no typed arrays), real in grey and synthetic in NHS blue, told apart by
shape or pattern too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.charts.cells import cells
from evaluation.comparison import Comparison
from evaluation.fidelity.association import Associations
from evaluation.fidelity.discriminator import Discrimination
from evaluation.results import Chart, ChartTable, MetricResult
from evaluation.tables.columns import SampledRows
from generators.schema import ColumnSchema

REAL, SYNTHETIC = "#768692", "#005eb8"
SHOWN_PAIRS = 20
SCORE_BINS = 20
LONGEST = 26
"""Characters of a name on an axis; the table has the whole."""


def distribution(c: Comparison, column: ColumnSchema, place: int) -> Chart | None:
    """Shares of real and synthetic rows by the column's cells; None when disclosure control leaves nothing to show."""
    found = cells(c, column)
    if found is None:
        return None
    gaps = [abs(r - s) for r, s in zip(found.real, found.synthetic, strict=True)]
    worst = int(np.argmax(gaps))
    points = f"{100 * gaps[worst]:.1f} percentage points"
    title = f"{column.name}: real and synthetic shares differ by at most {points}"
    labels = _shortened(found.labels)
    long = max(len(x) for x in found.labels) > 8 or len(labels) > 12
    traces = [
        _bars("Real", labels, [round(100 * x, 1) for x in found.real], REAL, long),
        _bars("Synthetic", labels, [round(100 * x, 1) for x in found.synthetic], SYNTHETIC, long),
    ]
    rows = tuple(
        (label, round(100 * r, 1), round(100 * s, 1)) for label, r, s in zip(found.labels, found.real, found.synthetic, strict=True)
    )
    return Chart(
        f"distribution-{place}",
        title,
        _figure(traces, "% of rows", labels if long else None, long, 34 * len(labels)),
        ChartTable((column.name, "Real, % of rows", "Synthetic, % of rows"), rows),
        f"Bars of {column.name} for {len(labels)} groups. The largest difference, {points}, "
        f"is in “{found.labels[worst]}”. {found.notes}".strip(),
    )


def association_differences(c: Comparison, sides: Mapping[str, Associations]) -> Chart | None:
    """The pairs whose association differs most; columns about too few persons left out. None without a pair or a synthetic row."""
    real, made = sides["train"], sides.get("synthetic")
    if made is None:
        return None
    kept = [i for i, name in enumerate(real.names) if name not in c.thin]
    first, second = np.triu_indices(len(kept), 1)
    if not len(first) or not all(c.crowd):
        return None
    pairs = [(kept[a], kept[b]) for a, b in zip(first, second, strict=True)]
    gaps = np.array([abs(real.strength[i, j] - made.strength[i, j]) for i, j in pairs])
    order = np.argsort(-gaps, kind="stable")[:SHOWN_PAIRS]
    chosen = [pairs[k] for k in order]
    rows = tuple(
        (f"{real.names[i]} and {real.names[j]}", round(float(real.strength[i, j]), 2), round(float(made.strength[i, j]), 2))
        for i, j in chosen
    )
    # two lines: a telephone's screen has no room for both names beside each other
    labels = _distinct([f"{_short(real.names[i], 18)} ×<br>{_short(real.names[j], 18)}" for i, j in chosen])
    traces = [
        _dots("Real", [r[1] for r in rows], labels, REAL, "diamond"),
        _dots("Synthetic", [r[2] for r in rows], labels, SYNTHETIC, "circle"),
    ]
    top = rows[0]
    return Chart(
        "association-differences",
        f"The association that differs most is {top[0]}: real {top[1]:.2f}, synthetic {top[2]:.2f}",
        _figure(traces, "strength", labels, True, 40 * len(labels)),
        ChartTable(("Pair of columns", "Real", "Synthetic"), rows),
        f"For the {len(rows)} pairs of columns with the largest differences, the strength of association in real and in synthetic rows.",
    )


def discriminator_scores(c: Comparison, found: Discrimination) -> Chart | None:
    """How a machine scored real and synthetic rows; bins of too few persons joined with their neighbour. None about too few people."""
    if not all(c.crowd):
        return None
    edges = np.linspace(0, 1, SCORE_BINS + 1)[1:-1]
    real = np.searchsorted(edges, found.real, side="right")
    made = np.searchsorted(edges, found.synthetic, side="right")
    people = c.people[SampledRows(c.train, found.rows, c.seed).chosen]
    runs: list[tuple[int, int]] = []
    start = 0
    for last in range(SCORE_BINS):
        if len(np.unique(people[(real >= start) & (real <= last)])) >= c.policy.minimum:
            runs.append((start, last))
            start = last + 1
    if not runs:
        return None
    if start < SCORE_BINS:
        runs[-1] = (runs[-1][0], SCORE_BINS - 1)
    labels = [f"{a / SCORE_BINS:.2f}–{(b + 1) / SCORE_BINS:.2f}" for a, b in runs]
    counts = np.array([c.policy.rounded(int(((real >= a) & (real <= b)).sum())) for a, b in runs], np.float64)
    left = counts / max(counts.sum(), 1)
    right = np.array([((made >= a) & (made <= b)).sum() for a, b in runs]) / len(made)
    overlap = 100 * (1 - np.abs(left - right).sum() / 2)
    rows = tuple((label, round(100 * float(x), 1), round(100 * float(y), 1)) for label, x, y in zip(labels, left, right, strict=True))
    traces = [
        _bars("Real", labels, [r[1] for r in rows], REAL, False),
        _bars("Synthetic", labels, [r[2] for r in rows], SYNTHETIC, False),
    ]
    figure = _figure(traces, "% of rows", None, False, 0)
    figure["layout"]["xaxis"]["title"] = {"text": "score (0 real, 1 synthetic)"}
    return Chart(
        "discriminator-scores",
        f"The scores a machine gave to real and to synthetic rows overlap by {overlap:.0f}%",
        figure,
        ChartTable(("Score", "Real, % of rows", "Synthetic, % of rows"), rows),
        "Bars of a classifier's scores, which should lie over one another when it cannot tell real rows from synthetic ones.",
    )


def column_agreement(results: Sequence[MetricResult]) -> Chart | None:
    """1 − TVD of every column, from released results only; fit for the public. None without a column."""
    found = sorted(
        ((r.scope.label, round(1 - r.value, 2)) for r in results if r.metric == "tvd" and r.scope.kind == "column" and r.value is not None),
        key=lambda x: (x[1], x[0]),
    )
    if not found:
        return None
    good = sum(x[1] >= 0.95 for x in found)
    shown = found[:40]
    labels = _shortened([x[0] for x in shown])
    trace = _bars("Agreement", labels, [x[1] for x in shown], SYNTHETIC, True)
    more = f" The {len(shown)} lowest are drawn; the table has all." if len(shown) < len(found) else ""
    return Chart(
        "column-agreement",
        f"{good} of {len(found)} columns agree with the real ones to 0.95 or better",
        _figure([trace], "agreement (1 − TVD)", labels, True, 26 * len(labels)),
        ChartTable(("Column", "Agreement (1 − TVD)"), tuple(found)),
        f"Bars of agreement by column, from {found[0][1]:.2f} to {found[-1][1]:.2f}; 1 means the same shares.{more}",
        audience="public",
    )


def _bars(name: str, labels: list[str], values: Sequence[Any], colour: str, across: bool) -> dict[str, Any]:
    marker: dict[str, Any] = {"color": colour}
    if name == "Real":
        marker["pattern"] = {"shape": "/", "fillmode": "overlay", "fgcolor": "#ffffff", "size": 6, "solidity": 0.2}
    sides = {"x": list(values), "y": labels, "orientation": "h"} if across else {"x": labels, "y": list(values)}
    return {"type": "bar", "name": name, "marker": marker, **sides}


def _dots(name: str, values: Sequence[Any], labels: list[str], colour: str, symbol: str) -> dict[str, Any]:
    marker = {"color": colour, "size": 11, "symbol": symbol}
    return {"type": "scatter", "mode": "markers", "name": name, "x": list(values), "y": labels, "marker": marker}


def _figure(traces: list[dict[str, Any]], axis: str, labels: list[str] | None, across: bool, height: int) -> dict[str, Any]:
    # imported late: it takes a second
    import plotly.graph_objects as go

    value, name = ("xaxis", "yaxis") if across else ("yaxis", "xaxis")
    layout: dict[str, Any] = {
        "barmode": "group",
        "height": max(320, height + 110),
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "showlegend": len(traces) > 1,
        value: {"title": {"text": axis}, "gridcolor": "#d8dde0", "zerolinecolor": "#aeb7bd", "automargin": True},
        name: {"type": "category", "automargin": True},
    }
    if across:
        # the first row on top, as in the table
        layout[name] |= {"autorange": "reversed", "categoryorder": "array", "categoryarray": labels or []}
    checked = go.Figure({"data": traces, "layout": layout}).to_plotly_json()
    checked["layout"].pop("template", None)
    plain: dict[str, Any] = json.loads(json.dumps({"data": checked["data"], "layout": checked["layout"]}, allow_nan=False))
    return plain


def _short(text: str, longest: int = LONGEST) -> str:
    """Plotly reads a little HTML in labels: < and & are written so that it shows them."""
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shortened(labels: Sequence[str]) -> list[str]:
    """Labels for an axis, still distinct after shortening."""
    return _distinct([_short(label) for label in labels])


def _distinct(labels: Sequence[str]) -> list[str]:
    """Plotly takes equal labels for one category: a space without width tells them apart."""
    found: list[str] = []
    for label in labels:
        while label in found:
            label = label + "\u200b"
        found.append(label)
    return found
