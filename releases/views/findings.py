"""An evaluation in plain words: each figure beside its floor and its ceiling, and what an attacker would get."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.gates import Verdict
from evaluation.report.words import NOT_MEASURED, AttackLine, attack_lines, share
from evaluation.results import Chart, Evaluation, MetricResult

HEADLINES = ("pairwise_accuracy", "association_rmse", "discriminator_auc", "tvd_mean", "rule_violations")
"""The figures of "is it good for this purpose", in this order, where they were measured."""


FIRST_CHARTS = ("attack-risks", "attack-roc", "association-map", "association-differences", "predictions", "subgroups", "column-agreement")
"""Charts of the review page, those that matter most first."""
MOST_CHARTS = 4
CHART_SECTIONS = {
    "Attacks": ("attack-roc", "attack-risks"),
    "Likeness of the whole": (
        "column-agreement",
        "association-map",
        "association-differences",
        "plane",
        "propensity-scores",
        "discriminator-scores",
    ),
    "Use and groups of people": ("predictions", "subgroups"),
}
OTHER_CHARTS, COLUMN_CHARTS = "Other charts", "Column by column"
WHOLE = ("dataset", "table")
"""What figures of a whole release are about."""
LOOK = ("Perhaps", "Rarely", "Sometimes", "Mostly")
"""How an attack's answer begins when it got something."""


@dataclass(frozen=True)
class Figure:
    """One metric as a line: what it is, its value, beside the naive shuffle and the held-out people."""

    title: str
    scope: str
    value: str
    floor: str
    ceiling: str
    interval: str
    meaning: str
    remark: str
    failed: bool


@dataclass(frozen=True)
class Attack:
    """One of the questions an attacker would ask. gate: the same by its conditions; status: "fine", "look", "not measured".

    anchor: where on the page of the evidence its figures stand, the one that gave the answer first, and the lines of its gates with them.
    """

    anchor: str
    question: str
    answer: str
    figure: str
    gate: str
    status: str
    figures: tuple[Figure, ...]
    gates: tuple[dict[str, Any], ...]


def written(metric: str, value: float | None) -> str:
    """A figure the way its metric is written: a share as "1 in n", a count, or a score."""
    if value is None:
        return "–"
    form = DEFINITIONS[metric].form if metric in DEFINITIONS else "score"
    if form == "count":
        return f"{round(value):,}"
    return share(value) if form == "share" else f"{value:.3f}"


def figure(result: MetricResult) -> Figure:
    """One result as a line."""
    definition = DEFINITIONS.get(result.metric)
    interval = (
        "" if result.interval is None else f"{written(result.metric, result.interval[0])} to {written(result.metric, result.interval[1])}"
    )
    remarks = [result.remark or "", result.subsampled or "", f"Could not be measured: {result.failed}" if result.failed else ""]
    return Figure(
        title=(definition.title if definition else result.metric) + _about(result),
        scope=result.scope.label,
        value="not measured" if result.failed else written(result.metric, result.value),
        floor=written(result.metric, result.floor),
        ceiling=written(result.metric, result.ceiling),
        interval=interval,
        meaning=result.meaning,
        remark=" ".join(r for r in remarks if r),
        failed=result.failed is not None,
    )


def _about(result: MetricResult) -> str:
    """What a figure is about, where it is not a whole table."""
    return "" if result.scope.kind in WHOLE else f": {result.scope.label}"


def group(found: Evaluation, name: str, *scopes: str) -> list[Figure]:
    """The figures of one group ("safe", "good", "useful", "fair", "structure"), of whole tables where no `scopes` are named."""
    return [figure(r) for r in _of_group(found, name, *scopes)]


def _of_group(found: Evaluation, name: str, *scopes: str) -> list[MetricResult]:
    wanted = scopes or WHOLE
    return [r for r in found.results if r.scope.kind in wanted and r.metric in DEFINITIONS and DEFINITIONS[r.metric].group == name]


def chosen_charts(found: Evaluation) -> list[Chart]:
    """The few charts a reviewer needs first, where there are; all stand with the evidence."""
    by_kind: dict[str, Chart] = {}
    for chart in found.charts:
        by_kind.setdefault(_kind(chart), chart)
    first = [by_kind[name] for name in FIRST_CHARTS if name in by_kind]
    return (first or list(found.charts))[:MOST_CHARTS]


def chart_sections(found: Evaluation) -> list[tuple[str, list[Chart]]]:
    """Every chart under a heading; those of single columns last, since there are as many as columns."""
    sections: dict[str, list[Chart]] = {name: [] for name in (*CHART_SECTIONS, OTHER_CHARTS, COLUMN_CHARTS)}
    for chart in found.charts:
        kind = _kind(chart)
        name = next((n for n, kinds in CHART_SECTIONS.items() if kind in kinds), OTHER_CHARTS)
        sections[COLUMN_CHARTS if kind.startswith("distribution-") else name].append(chart)
    return [(name, charts) for name, charts in sections.items() if charts]


def _kind(chart: Chart) -> str:
    """The chart's id, without the number of its table where there are several."""
    return re.sub(r"^t\d+-", "", chart.id)


def headlines(found: Evaluation) -> list[Figure]:
    """The few figures a reviewer needs to judge usefulness."""
    return [figure(r) for r in (found.find(name) for name in HEADLINES) if r is not None]


def by_column(found: Evaluation) -> dict[str, list[Any]]:
    """A table: a row per column, its distances."""
    metrics = [m for m in ("tvd", "ks_complement", "kl") if found.of(m, "column")]
    names = list(dict.fromkeys(r.scope.label for m in metrics for r in found.of(m, "column")))
    values = {(m, r.scope.label): r for m in metrics for r in found.of(m, "column")}
    rows = [[name, *(_value(values.get((m, name))) for m in metrics)] for name in names]
    return {"columns": ["Column", *(DEFINITIONS[m].title for m in metrics)], "rows": rows}


def worst_pairs(found: Evaluation, most: int = 10) -> dict[str, list[Any]]:
    """A table of the pairs of columns that are kept worst."""
    pairs = sorted((r for r in found.of("pairwise_accuracy", "pair") if r.value is not None), key=lambda r: r.value or 0.0)[:most]
    return {
        "columns": ["Pair", "Agreement", "Held-out people"],
        "rows": [[r.scope.label, _value(r), written(r.metric, r.ceiling)] for r in pairs],
    }


def attacks(found: Evaluation, verdict: Verdict, gates: Sequence[dict[str, Any]] = ()) -> list[Attack]:
    """What somebody who attacked the release would get, in the report's own words. gates: the lines of `gate_lines`."""
    return [
        Attack(
            f"attack-{a.key}",
            a.question,
            a.answer,
            a.figure,
            a.gate,
            _status(a),
            tuple(figure(r) for r in _behind(found, a)),
            tuple(line for line in gates if line["gate"] in a.gates),
        )
        for a in attack_lines(found, verdict)
    ]


def other_risks(found: Evaluation, verdict: Verdict) -> list[Figure]:
    """The figures of safety that bear on none of these questions."""
    asked = {metric for a in attack_lines(found, verdict) for metric in a.metrics}
    return [figure(r) for r in _of_group(found, "safe") if r.metric not in asked]


def _behind(found: Evaluation, line: AttackLine) -> list[MetricResult]:
    """The measurements that bear on a question: the one that gave the answer, whatever it is about, then those of whole tables."""
    first = [] if line.result is None else [line.result]
    return first + [r for r in found.results if r.metric in line.metrics and r.scope.kind in WHOLE and r is not line.result]


def _status(line: AttackLine) -> str:
    if line.met is False or line.answer.startswith(LOOK):
        return "look"
    return "not measured" if line.answer.startswith(NOT_MEASURED) else "fine"


def _value(result: MetricResult | None) -> str:
    if result is None:
        return "–"
    return "not measured" if result.value is None else written(result.metric, result.value)
