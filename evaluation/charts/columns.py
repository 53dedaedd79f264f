"""Charts of single columns: their shares side by side, and how well each agrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation.charts.cells import cells
from evaluation.charts.figure import REAL, SYNTHETIC, bars, figure, shortened
from evaluation.comparison import Comparison
from evaluation.results import Chart, ChartTable, MetricResult
from generators.schema import ColumnSchema

DRAWN = 40
"""Most columns drawn; the table has all."""


def distribution(c: Comparison, column: ColumnSchema, place: int) -> Chart | None:
    """Shares of real and synthetic rows by the column's cells; None when disclosure control leaves nothing to show."""
    found = cells(c, column)
    if found is None:
        return None
    gaps = [abs(r - s) for r, s in zip(found.real, found.synthetic, strict=True)]
    worst = int(np.argmax(gaps))
    points = f"{100 * gaps[worst]:.1f} percentage points"
    title = f"{column.name}: real and synthetic shares differ by at most {points}"
    labels = shortened(found.labels)
    measured = f"{column.name}, {column.unit_words}" if column.unit else column.name
    long = max(len(x) for x in found.labels) > 8 or len(labels) > 12
    traces = [
        bars("Real", labels, [round(100 * x, 1) for x in found.real], REAL, long),
        bars("Synthetic", labels, [round(100 * x, 1) for x in found.synthetic], SYNTHETIC, long),
    ]
    rows = tuple(
        (label, round(100 * r, 1), round(100 * s, 1)) for label, r, s in zip(found.labels, found.real, found.synthetic, strict=True)
    )
    return Chart(
        f"distribution-{place}",
        title,
        figure(traces, "% of rows", labels if long else None, long, 34 * len(labels), places=column.unit_words),
        ChartTable((measured, "Real, % of rows", "Synthetic, % of rows"), rows),
        f"Bars of {column.name} for {len(labels)} groups. The largest difference, {points}, "
        f"is in “{found.labels[worst]}”. {found.notes}".strip(),
    )


def column_agreement(results: Sequence[MetricResult]) -> Chart | None:
    """1 − TVD of every column, from released results only; fit for the public. None without a column."""
    found = sorted(
        ((r.scope.label, round(1 - r.value, 2)) for r in results if r.metric == "tvd" and r.scope.kind == "column" and r.value is not None),
        key=lambda x: (x[1], x[0]),
    )
    if not found:
        return None
    shown = found[:DRAWN]
    labels = shortened([x[0] for x in shown])
    trace = bars("Agreement", labels, [x[1] for x in shown], SYNTHETIC, True)
    more = f" The {len(shown)} lowest are drawn; the table has all." if len(shown) < len(found) else ""
    return Chart(
        "column-agreement",
        f"Each column by itself agrees with the real one to {found[0][1]:.2f} or better, where 1 is the same",
        figure([trace], "agreement (1 − TVD)", labels, True, 26 * len(labels)),
        ChartTable(("Column", "Agreement (1 − TVD)"), tuple(found)),
        f"Bars of agreement by column, from {found[0][1]:.2f} to {found[-1][1]:.2f}; 1 means the same shares.{more}",
        audience="public",
    )
