"""What of an evaluation may be published: allow-listed metrics, rounded; attacks as bands; nothing about too few people.

Left out: everything about pairs of columns and single groups of people, figures of attacks and of rare values with their intervals, twins
that are facts about how often real people break a rule, reviewers' charts and notes, remarks, samples, exact numbers of real rows and
people. For the structural tier nothing measured on real data is published.

Figures are rounded so coarsely that one person more or less in the real table moves them by at most one step: what is counted to 0.01
(coarser about fewer than a thousand people); what a model fitted at random says to 0.05; multiples of chance, which stray in proportion, to
0.5, 5, 50 …; real rows and people to two digits. Public charts are drawn anew from those figures, so that they hold nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evaluation.charts.columns import column_agreement
from evaluation.charts.groups import predictions
from evaluation.definitions import DEFINITIONS
from evaluation.gates import CURRENT, Gate, load, met
from evaluation.results import REFERS, Chart, Evaluation, MetricResult
from generators.errors import InputError

SYNTHETIC_ONLY = ("structure", "rule_violations", "foreign_keys", "unique_keys")
"""Metrics of the synthetic table alone: no real row is read for their value."""
COUNTED = ("tvd", "tvd_mean", "ks_complement", "ks_complement_mean", "js", "js_mean", "pairwise_accuracy")
"""Sums over all rows in which no row weighs more than another: all else hangs on how rows were drawn, too. (Associations are none: a person
alone in two categories can decide Cramér's V.)"""
MULTIPLES = ("propensity_ratio", "boosted_ratio", "voas_williamson")
BY_COLUMN = ("tvd", "ks_complement", "js", "kl")
"""Told of every column by itself; of others it could be seen which columns were drawn. (What was predicted is told by target.)"""
FINE, COARSE, OF_CHANCE = 0.01, 0.05, 0.5
STEPS = (0.02, 0.05, 0.1)
INFLUENCE = 10
"""How many times the mean number of rows a single person is taken to have at most."""


def public(evaluation: Evaluation, tier: str = "publicly-sourced", *, version: int = CURRENT) -> Evaluation:
    """The public form of an evaluation for a release of `tier`; of a public form, itself. version: of the gates that bands are told by.

    Raises InputError for an unknown tier or version, and for a public form that was made for another tier.
    """
    if evaluation.audience == "public":
        if evaluation.tier != tier:
            raise InputError(f'this public report was made for the tier "{evaluation.tier}", not "{tier}"')
        return evaluation
    structural = tier == "structural"
    gates = load(version).of(tier)
    crowded = {
        name for name in evaluation.names if all(evaluation.figures(name).rows.get(side) is not None for side in ("train", "holdout"))
    }
    told = (None if structural and r.metric not in SYNTHETIC_ONLY else _told(r, evaluation, crowded, gates) for r in evaluation.results)
    results = tuple(r for r in told if r is not None)
    return replace(
        evaluation,
        results=results,
        charts=() if structural else _charts(evaluation, results),
        rows=_sides(evaluation.rows, structural, 100),
        persons=_sides(evaluation.persons, structural, 10),
        tables=tuple(
            replace(t, rows=_sides(t.rows, structural, 100), persons=_sides(t.persons, structural, 10)) for t in evaluation.tables
        ),
        audience="public",
        tier=tier,
        notes=(_note(structural, bool(crowded)),),
    )


def _told(r: MetricResult, evaluation: Evaluation, crowded: set[str], gates: Sequence[Gate]) -> MetricResult | None:
    """What may be told of one result; None when nothing may."""
    if r.scope.kind in ("pair", "subgroup"):
        return None
    if r.metric in SYNTHETIC_ONLY:
        return _rounded(r, evaluation, alone=True)
    if r.scope.kind == "column" and r.metric not in BY_COLUMN and DEFINITIONS[r.metric].group != "useful":
        return None
    if not crowded.issuperset(_tables(r, evaluation)):
        return None
    if DEFINITIONS[r.metric].told == "band":
        return _band(r, gates)
    return _rounded(r, evaluation) if r.audience == "public" and DEFINITIONS[r.metric].told == "figure" else None


def _tables(r: MetricResult, evaluation: Evaluation) -> set[str]:
    """The tables of which real rows were read for a figure."""
    names = {r.scope.names[0]} if r.scope.names else set(evaluation.names)
    if r.scope.kind == "relationship":
        names.add(r.scope.names[-1].removeprefix(REFERS))
    return names & set(evaluation.names)


def _sides(figures: dict[str, int | None], structural: bool, least: int) -> dict[str, int | None]:
    real = {} if structural else {side: _roughly(figures.get(side), least) for side in ("train", "holdout")}
    return {**real, "synthetic": figures.get("synthetic")}


def _roughly(count: int | None, least: int) -> int | None:
    """A number of real rows or people to two digits, and to a multiple of `least`; never nothing."""
    if count is None:
        return None
    unit = max(least, int(f"1{'0' * (len(str(count)) - 2)}"))
    return max(unit, (count + unit // 2) // unit * unit)


def _note(structural: bool, enough: bool) -> str:
    if structural:
        return "These data were made from names, kinds and keys alone. No figure about real data is published with them."
    if not enough:
        return "The real table is about too few people for any figure measured on it to be published."
    return (
        "Figures are rounded, the more coarsely the fewer people they are about, so that one person more or less hardly changes them; "
        "numbers of real rows and people to two digits. What attacks found is told as a band. Figures of attacks, of single groups of "
        "people and of pairs of columns were seen by the reviewers."
    )


def _rounded(r: MetricResult, evaluation: Evaluation, alone: bool = False) -> MetricResult:
    """A result with rounded figures. alone: of the synthetic table, without its twins."""
    people = _roughly(_people(r, evaluation), 10)

    def figure(x: float | None) -> float | None:
        return None if x is None else nearest(x, FINE if alone else step(r.metric, x, people))

    rows = {evaluation.figures(name).rows.get("synthetic") for name in evaluation.names if name in r.scope.names[:1]}
    return replace(
        r,
        value=figure(r.value),
        # a shuffle is another one with every row more, and what is not counted strays with it
        floor=figure(r.floor) if r.metric in COUNTED else None,
        ceiling=None if alone else figure(r.ceiling),
        interval=None if r.interval is None or not alone else (figure(r.interval[0]) or 0.0, figure(r.interval[1]) or 0.0),
        # a sample may be as large as the real table, whose exact size is not published
        n=r.n if alone or r.n in rows else None,
        n_ceiling=None,
        subsampled=None,
        failed=None if r.failed is None else "not available",
        remark=None,
        audience="public",
    )


def _people(r: MetricResult, evaluation: Evaluation) -> int | None:
    """Of how many real people a figure is, as far as that is released; of several tables, of the one about fewest."""
    found = [evaluation.figures(name).persons.get(side) for name in _tables(r, evaluation) for side in ("train", "holdout")]
    return min((n for n in found if n is not None), default=None)


def step(metric: str, value: float, people: int | None) -> float:
    """To what multiples a public figure about so many people is rounded."""
    weight = INFLUENCE / people if people else 1.0
    fine = next((s for s in (FINE, *STEPS) if s >= weight), STEPS[-1])
    if metric in COUNTED:
        return fine
    if metric not in MULTIPLES:
        return max(COARSE, fine)
    return OF_CHANCE * 10.0 ** max(0, math.floor(math.log10(max(abs(value), OF_CHANCE) / OF_CHANCE)))


def nearest(value: float, unit: float) -> float:
    """`value` to the nearest multiple of `unit`, halves away from zero; written without binary fractions."""
    multiple = math.floor(abs(value) / unit + 0.5 + 1e-9)
    return round(math.copysign(multiple * unit, value), 2) if multiple else 0.0


def _band(r: MetricResult, gates: Sequence[Gate]) -> MetricResult | None:
    """Whether the condition on it is met, in words; nothing where there is no condition: one person could tip a bare comparison."""
    gate = next((g for g in gates if g.metric == r.metric and g.scope == r.scope.kind), None)
    if r.value is None:
        band = "not available"
    elif DEFINITIONS[r.metric].form == "count":
        band = "none" if r.value == 0 else "some"
    elif gate is None:
        return None
    else:
        good, bad = _BANDS.get(r.metric) or _BANDS.get(gate.compare, ("as it should be", "not as it should be"))
        band = good if met(gate, r) else bad
    return replace(
        r,
        value=None,
        floor=None,
        ceiling=None,
        interval=None,
        n=None,
        n_ceiling=None,
        subsampled=None,
        failed=None,
        remark=band,
        audience="public",
    )


_BANDS = {
    "subgroup_worst": ("no group is served clearly worse than the others", "some group is served clearly worse than the others"),
    "at_most_ceiling": ("no more than among people the generator never saw", "more than among people the generator never saw"),
    "no_better_than_guessing": ("no better than guessing", "better than guessing"),
}


def _charts(evaluation: Evaluation, results: Sequence[MetricResult]) -> tuple[Chart, ...]:
    """Charts of the public figures alone."""
    found = []
    for place, name in enumerate(evaluation.names):
        mine = [r for r in results if r.scope.kind != "relationship" and r.scope.names[:1] == (name,)]
        for chart in (column_agreement(mine), predictions(mine)):
            if chart is not None and evaluation.tables:
                chart = replace(chart, id=f"t{place}-{chart.id}", title=f"{name}: {chart.title}", table_name=name)
            if chart is not None:
                found.append(replace(chart, audience="public"))
    return tuple(found)
