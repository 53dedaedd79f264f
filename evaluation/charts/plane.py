"""A chart of both tables on the two axes along which real rows differ most, as densities of enough people, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.charts.figure import cell_map, checked, key_to_shades
from evaluation.comparison import Comparison
from evaluation.fidelity.projection import LIMIT, Axes
from evaluation.results import Chart, ChartTable
from evaluation.tables.coded import Coded
from evaluation.tables.coding import CodedTable
from evaluation.tables.columns import Ints, Rows, SampledRows, persons_per_code

SIDES = (10, 5, 4, 3, 2)
"""Cells of each axis: the most of which half are about enough people."""


def density(c: Comparison, coded: Coded, axes: Axes) -> Chart | None:
    """Shares of real and synthetic rows by cell; cells about too few people, in train or holdout, are shown of neither table.

    The cells are cut at quantiles of train, which are told nowhere; real counts are rounded, and shares are of what is shown. None where
    hardly a cell is about enough people. Never public: which cells are shown could tell one person more or less.
    """
    if not all(c.crowd):
        return None
    places = {rows.name: axes.placed(_rows(coded.of(rows), chosen), coded.coders) for rows, chosen in _chosen(c)}
    people = {
        rows.name: who[chosen] for (rows, chosen), who in zip(_chosen(c), (c.people, c.held_out, None), strict=True) if who is not None
    }
    for side in SIDES:
        edges = [np.unique(np.quantile(places["train"][:, k], np.linspace(0, 1, side + 1)[1:-1])) for k in (0, 1)]
        cells = {name: _cell(placed, edges, side) for name, placed in places.items()}
        about = [persons_per_code(cells[name], who, side * side) for name, who in people.items()]
        shown = np.minimum(*about) >= c.policy.minimum
        if shown.sum() * 2 >= side * side:
            return _drawn(c, cells, shown, side, axes.explained)
    return None


def _chosen(c: Comparison) -> list[tuple[Rows, Ints]]:
    return [(rows, SampledRows(rows, LIMIT, c.seed).chosen) for rows in (c.train, c.holdout, c.synthetic)]


def _rows(table: CodedTable, chosen: Ints) -> CodedTable:
    return CodedTable(len(chosen), {name: codes[chosen] for name, codes in table.codes.items()})


def _cell(placed: npt.NDArray[np.float64], edges: list[npt.NDArray[np.float64]], side: int) -> Ints:
    across, up = (np.searchsorted(edges[k], placed[:, k], side="right") for k in (0, 1))
    found: Ints = up * side + across
    return found


def _drawn(c: Comparison, cells: dict[str, Ints], shown: npt.NDArray[np.bool_], side: int, explained: float) -> Chart:
    real, made = (np.bincount(cells[name], minlength=side * side) for name in ("train", "synthetic"))
    left = np.array([c.policy.rounded(int(n)) for n in real], np.float64) * shown
    right = made * shown.astype(np.float64)
    shares = [np.round(100 * x / max(x.sum(), 1), 1) for x in (left, right)]
    grids = [[[float(v) if s else None for v, s in zip(vs, ss, strict=True)] for vs, ss in _square(x, shown, side)] for x in shares]
    elsewhere = float(np.abs(shares[0] - shares[1]).sum() / 2)
    most = float(max(x.max() for x in shares))
    layout: dict[str, Any] = {"barmode": "stack", "bargap": 0, "height": 440, "legend": {"title": {"text": "% of rows: "}}}
    for place, (name, domain) in enumerate((("Real", [0.0, 0.48]), ("Synthetic", [0.52, 1.0])), 1):
        number = "" if place == 1 else str(place)
        plain = {"showticklabels": False, "showgrid": False, "zeroline": False, "fixedrange": True}
        layout[f"xaxis{number}"] = {**plain, "domain": domain, "title": {"text": name}, "anchor": f"y{number}"}
        layout[f"yaxis{number}"] = {**plain, "range": [0, side], "anchor": f"x{number}"}
    traces = [*cell_map(grids[0], most), *cell_map(grids[1], most, 2), *key_to_shades(most)]
    rows = tuple(
        (f"{up + 1}", *(("few people" if a is None else f"{a:g} / {b:g}") for a, b in zip(grids[0][up], grids[1][up], strict=True)))
        for up in reversed(range(side))
    )
    hidden = int((~shown).sum())
    note = f" {hidden} of {side * side} cells are about too few people and shown of neither." if hidden else ""
    return Chart(
        "plane",
        f"On the two axes along which real rows differ most, {elsewhere:.0f}% of the synthetic rows would have to move",
        checked(traces, layout),
        ChartTable(("Up, real / synthetic, % of rows", *(f"Across {k + 1}" for k in range(side))), rows),
        f"Two maps, of real and of synthetic rows, darker where more rows lie; alike where both are dark in the same places. The axes are "
        f"principal components of the real rows and hold {explained:.0%} of their differences.{note}",
    )


def _square(values: npt.NDArray[Any], shown: npt.NDArray[np.bool_], side: int) -> list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
    return list(zip(values.reshape(side, side), shown.reshape(side, side), strict=True))
