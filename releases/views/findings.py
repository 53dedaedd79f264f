"""An evaluation in plain words: each figure beside its floor and its ceiling, and what an attacker would get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.results import Evaluation, MetricResult
from releases.models import ReleaseRequest, SyntheticVersion

HEADLINES = ("pairwise_accuracy", "association_rmse", "discriminator_auc", "tvd_mean", "rule_violations")
"""The figures of "is it good for this purpose", in this order, where they were measured."""


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
    """One of the questions an attacker would ask. status: "fine", "look" or "not measured"."""

    question: str
    answer: str
    figure: str
    status: str


def written(metric: str, value: float | None) -> str:
    """A figure the way its metric is written: a share as "1 in n", a count, or a score."""
    if value is None:
        return "–"
    form = DEFINITIONS[metric].form if metric in DEFINITIONS else "score"
    if form == "count":
        return f"{round(value):,}"
    return share(value) if form == "share" else f"{value:.3f}"


def share(value: float) -> str:
    """`none`, `about 1 in 400`, `about half`, `98 %`, `all`."""
    if value <= 0:
        return "none"
    if value >= 1:
        return "all"
    if value < 0.2:
        return f"about 1 in {round(1 / value):,}"
    return f"{value:.0%}".replace("%", " %")


def figure(result: MetricResult) -> Figure:
    """One result as a line."""
    definition = DEFINITIONS.get(result.metric)
    interval = (
        "" if result.interval is None else f"{written(result.metric, result.interval[0])} to {written(result.metric, result.interval[1])}"
    )
    remarks = [result.remark or "", result.subsampled or "", f"Could not be measured: {result.failed}" if result.failed else ""]
    return Figure(
        title=definition.title if definition else result.metric,
        scope=result.scope.label,
        value="not measured" if result.failed else written(result.metric, result.value),
        floor=written(result.metric, result.floor),
        ceiling=written(result.metric, result.ceiling),
        interval=interval,
        meaning=result.meaning,
        remark=" ".join(r for r in remarks if r),
        failed=result.failed is not None,
    )


def group(found: Evaluation, name: str) -> list[Figure]:
    """The whole-table figures of one group: "safe", "good" or "structure"."""
    return [
        figure(r)
        for r in found.results
        if r.scope.kind in ("dataset", "table") and r.metric in DEFINITIONS and DEFINITIONS[r.metric].group == name
    ]


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


def attacks(asked: ReleaseRequest, version: SyntheticVersion, found: Evaluation | None) -> list[Attack]:
    """What somebody who attacked the release would get, from the figures there are; what was not measured says so and why."""
    copied = found.find("collisions") if found else None
    rare = found.find("rare_values") if found else None
    return [
        Attack("Would they recognise a person by something rare?", *_rare(version, rare)),
        Attack("Would they find a row copied from a real person?", *_copied(version, copied)),
        Attack(
            "Could they link records of one person?",
            *_by_construction(version, "Nothing ties a made-up row, or two of its values, to a person."),
        ),
        Attack(
            "Could they learn a person's diagnosis?",
            *_by_construction(
                version,
                "No value was made with another in view, so knowing one tells nothing more about a person than the published totals do.",
            ),
        ),
    ]


def _rare(version: SyntheticVersion, result: MetricResult | None) -> tuple[str, str, str]:
    if version.tier == ReleaseRequest.Tier.STRUCTURAL and (result is None or not result.value):
        return "No: nothing observed went into it.", "", "fine"
    if result is None or result.value is None:
        return "This was not measured.", "", "not measured"
    if result.value == 0:
        return "No: no value that belongs to fewer people than the policy's minimum appears.", "0 rare values", "fine"
    return "Perhaps: values that belong to fewer people than the policy's minimum appear.", f"{round(result.value):,} rare values", "look"


def _copied(version: SyntheticVersion, result: MetricResult | None) -> tuple[str, str, str]:
    if result is None or result.value is None:
        return "This was not measured.", "", "not measured"
    twin = f"; of rows of people it never saw, {share(result.ceiling)}" if result.ceiling is not None else ""
    shown = f"{share(result.value)} of the synthetic rows equal a real one{twin}"
    if result.value == 0:
        return "No: no synthetic row equals a row of a real person.", shown, "fine"
    if result.ceiling is not None and result.value <= result.ceiling:
        return "No more than by chance: people who were held out coincide as often.", shown, "fine"
    return "Some rows equal a real row. Compare with the gate whether that is more than chance.", shown, "look"


def _by_construction(version: SyntheticVersion, words: str) -> tuple[str, str, str]:
    if version.tier == ReleaseRequest.Tier.STRUCTURAL:
        return "No: nothing observed went into it.", "", "fine"
    if version.tier == ReleaseRequest.Tier.PUBLICLY_SOURCED:
        return f"No, by the way it is made: each column by itself, from approved totals. {words}", "not an attack that was run", "fine"
    return "This was not measured.", "", "not measured"


def _value(result: MetricResult | None) -> str:
    if result is None:
        return "–"
    return "not measured" if result.value is None else written(result.metric, result.value)
