"""Charts of how columns go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.charts.figure import REAL, SYNTHETIC, cell_map, checked, distinct, dots, figure, key_to_shades, short
from evaluation.comparison import Comparison
from evaluation.fidelity.association import Associations
from evaluation.results import Chart, ChartTable
from evaluation.tables.columns import ORDERED, Rows, numbers

SHOWN_PAIRS = 20
MAPPED = 16
"""Most columns of the map: more cells cannot be told apart on a telephone."""
MATERIAL = 0.1

Pair = tuple[int, int]


def told(c: Comparison, names: Sequence[str]) -> list[Pair]:
    """Pairs of columns in whose rows with both values there are the minimum of persons, on either real side; places in `names`, i < j."""
    if not all(c.crowd):
        return []
    kept = [i for i, name in enumerate(names) if name not in c.thin]
    pairs = list(combinations(kept, 2))
    gaps = {(real.name, i): _present(c, real, names[i]) for real in (c.train, c.holdout) for i in kept}
    few = set()
    for real, who in ((c.train, c.people), (c.holdout, c.held_out)):
        most = int(np.bincount(who).max())
        for i, j in pairs:
            first, second = gaps[real.name, i], gaps[real.name, j]
            if first is None or second is None:
                continue  # the other alone is about enough people, or its column would be thin
            both = first & second
            # so many rows cannot be about fewer people: no need to count them
            if both.sum() < most * c.policy.minimum and len(np.unique(who[both])) < c.policy.minimum:
                few.add((i, j))
    return [pair for pair in pairs if pair not in few]


def _present(c: Comparison, rows: Rows, name: str) -> npt.NDArray[np.bool_] | None:
    """Which rows have a number; None for a category, of which missing is one, and where no row lacks it."""
    column = c.table.column(name)
    if column.kind not in ORDERED:
        return None
    present = ~np.isnan(numbers(column, rows.column(column)))
    return None if present.all() else present


def difference_map(c: Comparison, sides: Mapping[str, Associations]) -> Chart | None:
    """By how much the strength of each pair of columns differs, as a map of the columns that differ most. None without a pair."""
    real, made = sides["train"], sides.get("synthetic")
    pairs = told(c, real.names) if made is not None else []
    if made is None or not pairs:
        return None
    gaps = {pair: round(abs(float(real.strength[pair] - made.strength[pair])), 2) for pair in pairs}
    material = sum(gap > MATERIAL for gap in gaps.values())
    worst = {i: max(gap for pair, gap in gaps.items() if i in pair) for i in dict.fromkeys(i for pair in pairs for i in pair)}
    shown = sorted(sorted(worst, key=lambda i: (-worst[i], i))[:MAPPED])
    drawn = [pair for pair in pairs if pair[0] in shown and pair[1] in shown]
    # the first column has no row, and the last no column: of each pair one half of the square is enough
    values = [[gaps.get((i, j)) for i in shown[:-1]] for j in shown[:0:-1]]
    most = max(0.2, *(gaps[pair] for pair in drawn))
    rows = tuple(
        (f"{real.names[i]} and {real.names[j]}", _told(real.strength[i, j]), _told(made.strength[i, j]), gaps[i, j])
        for i, j in sorted(drawn, key=lambda pair: (-gaps[pair], pair))
    )
    layout: dict[str, Any] = {
        "barmode": "stack",
        "bargap": 0,
        "height": 190 + 30 * len(values),
        "legend": {"title": {"text": "difference: "}},
        "xaxis": _names_of([f"{k + 1}" for k in range(len(shown) - 1)], 1.0),
        "yaxis": _names_of([f"{short(real.names[j], 16)} {k + 1}" for k, j in reversed(list(enumerate(shown))) if k], 0.5),
    }
    layout["xaxis"]["title"] = {"text": f"1 {short(real.names[shown[0]])}; the others as numbered beside the rows"}
    more = "" if len(shown) == len(worst) else f" The {len(shown)} columns that differ most are drawn."
    count = "No pair" if not material else f"{material:,} of {len(pairs):,} pairs"
    return Chart(
        "association-map",
        f"{count} of columns {'differs' if material <= 1 else 'differ'} by more than {MATERIAL:g} in how strongly they go together",
        checked([*cell_map(values, most), *key_to_shades(most)], layout),
        ChartTable(("Pair of columns", "Real", "Synthetic", "Difference"), rows),
        f"A map of pairs of columns, darker where the strength of association differs more between real and synthetic rows. The largest "
        f"difference, {rows[0][3]:.2f}, is between {rows[0][0]}.{more}",
    )


def _told(strength: float) -> float:
    """To two decimals, and never minus nothing."""
    return round(float(strength), 2) + 0.0


def _names_of(labels: list[str], start: float) -> dict[str, Any]:
    """An axis of a map: a name in the middle of each cell; the first cell's is at `start`."""
    ticks = [start + k for k in range(len(labels))]
    return {
        "tickvals": ticks,
        "ticktext": labels,
        "range": [start - 0.5, start + len(labels) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }


def association_differences(c: Comparison, sides: Mapping[str, Associations]) -> Chart | None:
    """The pairs whose association differs most; columns about too few persons left out. None without a pair or a synthetic row."""
    real, made = sides["train"], sides.get("synthetic")
    if made is None:
        return None
    pairs = told(c, real.names)
    if not pairs:
        return None
    gaps = np.array([abs(real.strength[i, j] - made.strength[i, j]) for i, j in pairs])
    order = np.argsort(-gaps, kind="stable")[:SHOWN_PAIRS]
    chosen = [pairs[k] for k in order]
    rows = tuple((f"{real.names[i]} and {real.names[j]}", _told(real.strength[i, j]), _told(made.strength[i, j])) for i, j in chosen)
    # two lines: a telephone's screen has no room for both names beside each other
    labels = distinct([f"{short(real.names[i], 18)} ×<br>{short(real.names[j], 18)}" for i, j in chosen])
    traces = [
        dots("Real", [r[1] for r in rows], labels, REAL, "diamond"),
        dots("Synthetic", [r[2] for r in rows], labels, SYNTHETIC, "circle"),
    ]
    top = rows[0]
    return Chart(
        "association-differences",
        f"The association that differs most is {top[0]}: real {top[1]:.2f}, synthetic {top[2]:.2f}",
        figure(traces, "strength", labels, True, 40 * len(labels)),
        ChartTable(("Pair of columns", "Real", "Synthetic"), rows),
        f"For the {len(rows)} pairs of columns with the largest differences, the strength of association in real and in synthetic rows.",
    )
