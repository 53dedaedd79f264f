"""Plotly figures as plain JSON: the kinds of drawing all charts are made of.

Only scatter and bar traces (plotly's basic bundle, which is a quarter of the whole and needs no eval), plain lists (no typed arrays), real
in grey and synthetic in NHS blue, told apart by shape or pattern too. A map of cells is drawn as stacked bars, one stack a column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

REAL, SYNTHETIC, GUESSING = "#768692", "#005eb8", "#231f20"
PALETTE = (SYNTHETIC, "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Okabe and Ito's colours, safe for colour-blind readers, after NHS blue."""
SHADES = ("#ffffff", "#cfe0f2", "#8fb9e0", "#3f88c5", "#005eb8", "#00305f")
"""From little to much."""
HIDDEN = "#e8edee"
LONGEST = 26
"""Characters of a name on an axis; the table has the whole."""


def bars(name: str, labels: list[str], values: Sequence[Any], colour: str, across: bool) -> dict[str, Any]:
    """A trace of bars; `across`: lying, so that long labels can be read."""
    marker: dict[str, Any] = {"color": colour}
    if colour == REAL:
        marker["pattern"] = {"shape": "/", "fillmode": "overlay", "fgcolor": "#ffffff", "size": 6, "solidity": 0.2}
    sides = {"x": list(values), "y": labels, "orientation": "h"} if across else {"x": labels, "y": list(values)}
    return {"type": "bar", "name": name, "marker": marker, **sides}


def dots(name: str, values: Sequence[Any], labels: list[str], colour: str, symbol: str) -> dict[str, Any]:
    """A trace of dots, a row each."""
    marker = {"color": colour, "size": 11, "symbol": symbol}
    return {"type": "scatter", "mode": "markers", "name": name, "x": list(values), "y": labels, "marker": marker}


def line(name: str, across: Sequence[float], up: Sequence[float], colour: str, dash: str = "solid") -> dict[str, Any]:
    """A trace of one line."""
    look = {"color": colour, "width": 3 if dash != "dot" else 2, "dash": dash}
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(across), "y": list(up), "line": look}


def cell_map(values: Sequence[Sequence[float | None]], most: float, place: int = 1) -> list[dict[str, Any]]:
    """Traces of a map: `values` by row from below, each coloured by its share of `most`; None: hidden. place: which pair of axes."""
    columns = len(values[0])
    axes = {} if place == 1 else {"xaxis": f"x{place}", "yaxis": f"y{place}"}
    return [
        {
            "type": "bar",
            "x": list(range(1, columns + 1)),
            "y": [1] * columns,
            "marker": {"color": [shade(v, most) for v in row], "line": {"color": "#ffffff", "width": 1}},
            "text": ["" if v is None else f"{v:g}" for v in row],
            "hoverinfo": "text",
            "textposition": "none",
            "showlegend": False,
            **axes,
        }
        for row in values
    ]


def shade(value: float | None, most: float) -> str:
    """The colour of a cell; darker is more."""
    if value is None:
        return HIDDEN
    at = min(1.0, value / most if most > 0 else 0.0) * (len(SHADES) - 1)
    lower = min(int(at), len(SHADES) - 2)
    mixed = (
        round(int(a, 16) + (int(b, 16) - int(a, 16)) * (at - lower))
        for a, b in zip(_parts(SHADES[lower]), _parts(SHADES[lower + 1]), strict=True)
    )
    return "#" + "".join(f"{x:02x}" for x in mixed)


def _parts(colour: str) -> tuple[str, str, str]:
    return colour[1:3], colour[3:5], colour[5:7]


def key_to_shades(most: float) -> list[dict[str, Any]]:
    """Traces without height that put the shades of a map into the legend: a colour bar would need inline styles."""
    steps = [round(most * k / 4, 2) for k in range(5)]
    line = {"color": REAL, "width": 1}
    return [
        {"type": "bar", "name": f"{v:g}", "x": [1], "y": [0], "marker": {"color": shade(v, most), "line": line}, "hoverinfo": "skip"}
        for v in steps
    ]


def figure(
    traces: list[dict[str, Any]], axis: str, labels: list[str] | None, across: bool, height: int, *, places: str = ""
) -> dict[str, Any]:
    """A figure of bars or dots over named places. axis: what the values are; labels: of the places, first on top; places: their unit."""
    value, name = ("xaxis", "yaxis") if across else ("yaxis", "xaxis")
    layout: dict[str, Any] = {
        "barmode": "group",
        "height": max(320, height + 110),
        "showlegend": len(traces) > 1,
        value: {"title": {"text": axis}, "gridcolor": "#d8dde0", "zerolinecolor": "#aeb7bd", "automargin": True},
        name: {"type": "category", "automargin": True, **({"title": {"text": places}} if places else {})},
    }
    if across:
        # the first row on top, as in the table
        layout[name] |= {"autorange": "reversed", "categoryorder": "array", "categoryarray": labels or []}
    return checked(traces, layout)


def checked(traces: list[dict[str, Any]], layout: dict[str, Any]) -> dict[str, Any]:
    """The figure as plain JSON, every name of it one that Plotly knows."""
    # imported late: it takes a second
    import plotly.graph_objects as go

    plain = {"paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff", **layout}
    found = go.Figure({"data": traces, "layout": plain}).to_plotly_json()
    found["layout"].pop("template", None)
    made: dict[str, Any] = json.loads(json.dumps({"data": found["data"], "layout": found["layout"]}, allow_nan=False))
    return made


def short(text: str, longest: int = LONGEST) -> str:
    """Plotly reads a little HTML in labels: < and & are written so that it shows them."""
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(labels: Sequence[str]) -> list[str]:
    """Labels for an axis, still distinct after shortening."""
    return distinct([short(label) for label in labels])


def distinct(labels: Sequence[str]) -> list[str]:
    """Plotly takes equal labels for one category: a space without width tells them apart."""
    found: list[str] = []
    for label in labels:
        while label in found:
            label = label + "\u200b"
        found.append(label)
    return found
