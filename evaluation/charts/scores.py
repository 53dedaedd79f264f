"""A chart of how a machine scored real and synthetic rows."""

from __future__ import annotations

import numpy as np

from evaluation.charts.figure import REAL, SYNTHETIC, bars, figure
from evaluation.comparison import Comparison
from evaluation.results import Chart, ChartTable
from evaluation.tables.columns import Floats, Ints

BINS = 20


def scores(c: Comparison, real: Floats, made: Floats, chosen: Ints, machine: str, name: str) -> Chart | None:
    """Shares of rows by score (0 real … 1 synthetic); bins of too few persons are joined with their neighbour.

    real, made: scores of rows of train and of synthetic rows. chosen: which rows of train. machine: what scored them. None about too few
    people.
    """
    if not all(c.crowd):
        return None
    edges = np.linspace(0, 1, BINS + 1)[1:-1]
    left, right = (np.searchsorted(edges, side, side="right") for side in (real, made))
    people = c.people[chosen]
    runs: list[tuple[int, int]] = []
    start = 0
    for last in range(BINS):
        if len(np.unique(people[(left >= start) & (left <= last)])) >= c.policy.minimum:
            runs.append((start, last))
            start = last + 1
    if not runs:
        return None
    # too few people at the upper end: they join the last run
    runs[-1] = (runs[-1][0], BINS - 1)
    labels = [f"{a / BINS:.2f}–{(b + 1) / BINS:.2f}" for a, b in runs]
    counts = np.array([c.policy.rounded(int(((left >= a) & (left <= b)).sum())) for a, b in runs], np.float64)
    reals = counts / max(counts.sum(), 1)
    synthetics = np.array([((right >= a) & (right <= b)).sum() for a, b in runs]) / len(right)
    overlap = 100 * (1 - np.abs(reals - synthetics).sum() / 2)
    rows = tuple((label, round(100 * float(x), 1), round(100 * float(y), 1)) for label, x, y in zip(labels, reals, synthetics, strict=True))
    drawn = figure(
        [bars("Real", labels, [r[1] for r in rows], REAL, False), bars("Synthetic", labels, [r[2] for r in rows], SYNTHETIC, False)],
        "% of rows",
        None,
        False,
        0,
    )
    drawn["layout"]["xaxis"]["title"] = {"text": "score (0 real, 1 synthetic)"}
    return Chart(
        name,
        f"The scores {machine} gave to real and to synthetic rows overlap by {overlap:.0f}%",
        drawn,
        ChartTable(("Score", "Real, % of rows", "Synthetic, % of rows"), rows),
        f"Bars of the scores of {machine}, which lie over one another when it cannot tell real rows from synthetic ones. "
        "Scores of few people are joined with their neighbours.",
    )
