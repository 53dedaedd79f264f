"""Charts of attacks on the release, for reviewers alone: who is told from whom, and by how much more often than by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import numpy as np

from evaluation.charts.figure import GUESSING, PALETTE, SYNTHETIC, checked, dots, figure, line, shortened
from evaluation.comparison import Comparison
from evaluation.definitions import DEFINITIONS
from evaluation.results import Chart, ChartTable, MetricResult
from evaluation.tables.columns import Floats

ALARMS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Where curves are read: each step of the whole curve would be about one person."""
RISKS = ("singling_out", "linkability", "inference")
DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot", "solid")


def roc(c: Comparison, curves: Mapping[str, tuple[Floats, Floats]]) -> Chart | None:
    """Share of the people learned from who are found, by the share of others wrongly accused: a curve for each level of knowledge.

    curves: by the level in words, false- and true-positive rates, both rising. None about too few people or without a curve.
    """
    if not curves or not all(c.crowd):
        return None
    read = {level: [round(float(x), 2) for x in np.interp(ALARMS, *_upper(*rates))] for level, rates in curves.items()}
    caught = {level: values[ALARMS.index(0.01)] for level, values in read.items()}
    best = max(caught, key=lambda level: caught[level])
    traces = [
        # in short lines: a telephone has no room for long ones
        line("<br>".join(wrap(level, 28)), ALARMS, values, colour, dash)
        for (level, values), colour, dash in zip(read.items(), PALETTE * 2, DASHES * 2, strict=False)
    ]
    traces.append(line("guessing", (0, 1), (0, 1), GUESSING, "dot"))
    axis = {"gridcolor": "#d8dde0", "zerolinecolor": "#aeb7bd", "automargin": True}
    layout = {
        "height": 440,
        "showlegend": True,
        "xaxis": {**axis, "title": {"text": "others wrongly accused"}, "range": [-0.01, 1.01]},
        "yaxis": {**axis, "title": {"text": "people found"}, "range": [-0.01, 1.03]},
    }
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (f"{alarm:g}", *(values[k] for values in read.values())) for k, alarm in enumerate(ALARMS)
    )
    return Chart(
        "attack-roc",
        f"Accusing 1 in 100 wrongly, the best attack finds {caught[best]:.0%} of the people whose records were used; guessing finds 1%",
        checked(traces, layout),
        ChartTable(("Others wrongly accused", *(f"Found with {level}" for level in read)), rows),
        f"A curve for each of {len(read)} attackers: the share of people found by the share of others accused. On the dotted line an "
        "attacker guesses; the further above it a curve is, the more it finds.",
    )


def _upper(alarms: Floats, found: Floats) -> tuple[Floats, Floats]:
    """A curve with one value, the highest, at each rate of false alarms."""
    alarms, found = np.asarray(alarms, np.float64), np.asarray(found, np.float64)
    last = np.append(alarms[1:] != alarms[:-1], True)
    return alarms[last], found[last]


def risks(results: Sequence[MetricResult]) -> Chart | None:
    """Singling out, linkability and inference beyond what succeeds on people held out, with their intervals."""
    found = [r for r in results if r.metric in RISKS and r.value is not None and r.interval is not None]
    if not found:
        return None
    names = [DEFINITIONS[r.metric].title + (f": {r.scope.names[1]}" if r.scope.kind == "column" else "") for r in found]
    labels = shortened(
        [name.removeprefix("Attribute ") if r.scope.kind == "column" else name for name, r in zip(names, found, strict=True)]
    )
    values = [(round(float(r.value or 0), 3), *(round(x, 3) for x in (r.interval or (0, 0)))) for r in found]
    trace = dots("Risk", [v[0] for v in values], labels, SYNTHETIC, "circle")
    trace["error_x"] = {
        "type": "data",
        "symmetric": False,
        "array": [round(high - value, 3) for value, _, high in values],
        "arrayminus": [round(value - low, 3) for value, low, _ in values],
        "color": SYNTHETIC,
        "thickness": 2,
        "width": 6,
    }
    beyond = [name for name, (_, low, _) in zip(names, values, strict=True) if low > 0]
    title = (
        f"No attack does better than guessing ({len(names)} tried)"
        if not beyond
        else f"{len(beyond)} of {len(names)} attacks do better than guessing, {beyond[0]} among them"
        if len(beyond) > 1
        else f"One of {len(names)} attacks does better than guessing: {beyond[0]}"
    )
    drawn = figure([trace], "risk (0: no better than on people held out)", labels, True, 46 * len(labels))
    rows = tuple(
        (name, value, f"{low:.3f} to {high:.3f}", r.remark or "") for name, (value, low, high), r in zip(names, values, found, strict=True)
    )
    return Chart(
        "attack-risks",
        title,
        drawn,
        ChartTable(("Attack", "Risk", "95% interval", "What it rests on"), rows),
        "A dot for each attack with its 95% interval: the share of attempts on people learned from that succeed and would not on people "
        "held out. An interval that holds 0 is no better than guessing.",
    )
