"""Charts of results side by side: groups of people, and models learned from synthetic and from real rows."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.charts.figure import REAL, SYNTHETIC, bars, figure, shortened
from evaluation.definitions import DEFINITIONS
from evaluation.results import Chart, ChartTable, MetricResult

DRAWN = 30
MATERIAL = 0.05
"""How much further than held-out people a group's columns are before it is called served worse."""
PREDICTED = ("target_auc", "target_r2", "target_concordance")


def subgroups(results: Sequence[MetricResult]) -> Chart | None:
    """How far the columns of each group of people are from the real ones, beside held-out people of the same group. For reviewers."""
    found = [r for r in results if r.metric == "subgroup_tvd" and r.scope.kind == "subgroup" and r.value is not None]
    if not found:
        return None
    names = [": ".join(r.scope.names[1:]) for r in found]
    values = [(round(float(r.value or 0), 3), None if r.ceiling is None else round(r.ceiling, 3)) for r in found]
    # a small group is far from anything by chance: only beyond held-out people of the same group is it served worse
    worst = max(range(len(found)), key=lambda k: values[k][0] - (values[k][1] or 0.0))
    labels = shortened(names[:DRAWN])
    traces = [
        bars("Held-out people", labels, [v[1] for v in values[:DRAWN]], REAL, True),
        bars("Synthetic", labels, [v[0] for v in values[:DRAWN]], SYNTHETIC, True),
    ]
    apart = f"{names[worst]}: its columns differ by {values[worst][0]:.2f}"
    apart += "" if values[worst][1] is None else f", those of held-out people by {values[worst][1]:.2f}"
    further = values[worst][0] - (values[worst][1] or 0.0)
    title = (
        f"The group served worst is {apart}"
        if further > MATERIAL
        else f"No group is served clearly worse than others; the least is {apart}"
    )
    more = f" The first {DRAWN} are drawn; the table has all." if len(found) > DRAWN else ""
    return Chart(
        "subgroups",
        title,
        figure(traces, "mean difference of columns", labels, True, 40 * len(labels)),
        ChartTable(("Group", "Synthetic", "Held-out people"), tuple((name, *value) for name, value in zip(names, values, strict=True))),
        f"For {len(found)} groups of people, how far their columns are from the real ones; shorter bars are better. Groups of few people "
        f"are not shown.{more}",
    )


def predictions(results: Sequence[MetricResult]) -> Chart | None:
    """Models learned from synthetic rows beside models learned from real ones, both tested on real people held out."""
    found = [r for r in results if r.metric in PREDICTED and r.value is not None and r.ceiling is not None]
    if not found:
        return None
    names = [r.scope.label if r.scope.kind == "column" else (r.remark or r.scope.label) for r in found]
    names = [f"{name} ({_short_title(r)})" for name, r in zip(names, found, strict=True)]
    values = [(round(float(r.value or 0), 2), round(float(r.ceiling or 0), 2)) for r in found]
    labels = shortened(names[:DRAWN])
    traces = [
        bars("Learned from real rows", labels, [v[1] for v in values[:DRAWN]], REAL, True),
        bars("Learned from synthetic rows", labels, [v[0] for v in values[:DRAWN]], SYNTHETIC, True),
    ]
    worst = max(range(len(found)), key=lambda k: values[k][1] - values[k][0])
    real = f"{values[worst][0]:.2f}, from real rows {values[worst][1]:.2f}"
    title = (
        f"Models learned from synthetic rows predict real people about as well as models learned from real rows (at worst {real})"
        if values[worst][1] - values[worst][0] <= 0.05
        else f"Models learned from synthetic rows lose most at {names[worst]}: {real}"
    )
    return Chart(
        "predictions",
        title,
        figure(traces, "score (1: perfect)", labels, True, 46 * len(labels)),
        ChartTable(
            ("Target", "Learned from synthetic rows", "Learned from real rows"),
            tuple((name, *value) for name, value in zip(names, values, strict=True)),
        ),
        f"For {len(found)} targets, how well models predict real people who were held out. The nearer both bars, the more useful the data.",
        audience="public" if all(r.audience == "public" for r in found) else "reviewers",
    )


def _short_title(r: MetricResult) -> str:
    return {"target_auc": "AUC", "target_r2": "R²", "target_concordance": "concordance"}.get(r.metric, DEFINITIONS[r.metric].title)
