"""What of an evaluation may be published: allow-listed metrics, rounded; attacks as bands; nothing about too few people.

Left out: collision and rare-value counts, intervals of them, twins that are facts about how often real people break a rule, pairs,
reviewers' charts and notes, exact numbers of real rows and people. For the structural tier nothing measured on real data is published.
"""

from __future__ import annotations

from dataclasses import replace

from evaluation.definitions import DEFINITIONS
from evaluation.gates import allowed, load
from evaluation.results import REFERS, Evaluation, MetricResult
from generators.errors import InputError

DECIMALS = 2
SERVED_ALIKE = 0.05
"""Where no gate says more: by how much, at most, a group may be served worse and still be served alike."""
SYNTHETIC_ONLY = ("structure", "rule_violations", "foreign_keys", "unique_keys")
"""Metrics of the synthetic table alone: no real row is read for their value."""


def public(evaluation: Evaluation, tier: str = "publicly-sourced") -> Evaluation:
    """The public form of an evaluation for a release of `tier`; of a public form, itself.

    Raises InputError for an unknown tier, and for a public form that was made for another one.
    """
    if evaluation.audience == "public":
        if evaluation.tier != tier:
            raise InputError(f'this public report was made for the tier "{evaluation.tier}", not "{tier}"')
        return evaluation
    structural = tier == "structural"
    load().of(tier)
    crowded = {
        name for name in evaluation.names if all(evaluation.figures(name).rows.get(side) is not None for side in ("train", "holdout"))
    }
    enough = bool(crowded)
    results: list[MetricResult] = []
    for r in evaluation.results:
        if r.metric in SYNTHETIC_ONLY and r.scope.kind != "pair":
            results.append(_synthetic_only(r))
        elif structural or not crowded.issuperset(_tables(r, evaluation)):
            continue
        elif DEFINITIONS[r.metric].told == "band" and r.scope.kind == "table":
            results.append(_band(r, tier))
        elif r.audience == "public" and DEFINITIONS[r.metric].told == "figure":
            results.append(_rounded(r, evaluation))
    shown = set() if structural else crowded
    return replace(
        evaluation,
        results=tuple(results),
        charts=tuple(c for c in evaluation.charts if c.audience == "public" and (c.table_name or evaluation.names[0]) in shown),
        rows=_sides(evaluation.rows, structural),
        persons=_sides(evaluation.persons, structural),
        tables=tuple(replace(t, rows=_sides(t.rows, structural), persons=_sides(t.persons, structural)) for t in evaluation.tables),
        audience="public",
        tier=tier,
        notes=(_note(structural, enough),),
    )


def _tables(r: MetricResult, evaluation: Evaluation) -> set[str]:
    """The tables of which real rows were read for a figure."""
    names = {r.scope.names[0]} if r.scope.names else set(evaluation.names)
    if r.scope.kind == "relationship":
        names.add(r.scope.names[-1].removeprefix(REFERS))
    return names & set(evaluation.names)


def _sides(figures: dict[str, int | None], structural: bool) -> dict[str, int | None]:
    real = {} if structural else {side: figures.get(side) for side in ("train", "holdout")}
    return {**real, "synthetic": figures.get("synthetic")}


def _note(structural: bool, enough: bool) -> str:
    if structural:
        return "These data were made from names, kinds and keys alone. No figure about real data is published with them."
    if not enough:
        return "The real table is about too few people for any figure measured on it to be published."
    return f"Figures are rounded to {DECIMALS} decimals; what could be learnt about copied rows and rare values is told as a band."


def _synthetic_only(r: MetricResult) -> MetricResult:
    value = None if r.value is None else round(r.value, DECIMALS)
    failed = None if r.failed is None else "not available"
    interval = None if r.interval is None else (round(r.interval[0], DECIMALS), round(r.interval[1], DECIMALS))
    return replace(r, value=value, interval=interval, floor=None, ceiling=None, n_ceiling=None, audience="public", failed=failed)


def _rounded(r: MetricResult, evaluation: Evaluation) -> MetricResult:
    def figure(x: float | None) -> float | None:
        return None if x is None else round(x, DECIMALS)

    keep = r.metric.startswith("target_") or r.value is None
    return replace(
        r,
        value=figure(r.value),
        floor=figure(r.floor),
        ceiling=figure(r.ceiling),
        interval=None if r.interval is None else (round(r.interval[0], DECIMALS), round(r.interval[1], DECIMALS)),
        # a sample may be as large as the real table, whose exact size is not published
        n=r.n if r.n == evaluation.figures(r.scope.names[0]).rows.get("synthetic") else None,
        n_ceiling=None,
        subsampled=None if r.subsampled is None else "on a sample",
        failed=None if r.failed is None else "not available",
        remark=r.remark if keep else None,
    )


def _band(r: MetricResult, tier: str) -> MetricResult:
    if r.value is None:
        band = "not available"
    elif DEFINITIONS[r.metric].form == "count":
        band = "none" if r.value == 0 else "some"
    elif DEFINITIONS[r.metric].group == "fair":
        gate = next((g for g in load().of(tier) if g.metric == r.metric), None)
        even = r.value <= (SERVED_ALIKE if gate is None else gate.constant)
        band = "no group is served clearly worse than the others" if even else "some group is served clearly worse than the others"
    else:
        gate = next((g for g in load().of(tier) if g.metric == r.metric), None)
        within = r.ceiling is not None and r.value <= (r.ceiling if gate is None else allowed(gate, r))
        band = "no more than among people the generator never saw" if within else "more than among people the generator never saw"
    return replace(
        r, value=None, floor=None, ceiling=None, interval=None, n=None, n_ceiling=None, failed=None, remark=band, audience="public"
    )
