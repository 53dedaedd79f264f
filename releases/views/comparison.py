"""The versions of a request side by side: which one should I release? Likeness against risk, one dot a version, gates as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from evaluation.definitions import DEFINITIONS
from evaluation.gates import Gate, load, written
from generators.errors import InputError
from releases import conditions, permissions, policy, visibility
from releases.models import MetricRecord, ReleaseRequest, SyntheticVersion
from releases.views.gate_lines import gate_lines
from releases.views.pages import SignedInRequest, page, visible
from releases.views.words import most_recognised

LIKENESS = "pairwise_accuracy"
SHOWN = (LIKENESS, "association_rmse", "tvd_mean")
"""The figures of the table, each with its twins."""
BETTER_THAN_GUESSING = ("singling_out", "linkability", "inference")
"""Attacks of which the value is already what they gain over people held out."""
AREAS = tuple(m for m in DEFINITIONS if m.startswith("membership_") and m.endswith("_auc"))
CAUGHT = ("exposed_recognised", *(m for m in DEFINITIONS if m.startswith("membership_") and m.endswith("_caught")))
BESIDE = ("collisions", "matching_uniques")
"""Shares that are held against those of people held out."""
ATTACKS = (*BETTER_THAN_GUESSING, *AREAS, *CAUGHT, *BESIDE)
GUESSING, ALARMS = 0.5, 0.01
READERS = ("steward", "sdat", "ig", "ppi", "auditor")
BLUE, RED, GREY = "#005eb8", "#d5281b", "#4c6272"


@dataclass(frozen=True)
class Compared:
    """One version: what it shows, and whether it may be chosen.

    likeness, risk: where its dot is, None where that was not measured; attack: the attack that gains most, in words.
    """

    version: SyntheticVersion
    likeness: float | None
    risk: float | None
    attack: str
    figures: tuple[tuple[str, str], ...]  # value, and its twins
    which: str  # rows it holds, in words; empty where they are of every kind
    learned: str  # what was learned from records, in words; empty where nothing was
    gates: str
    unmet: tuple[str, ...]
    passed: bool | None
    chosen: bool
    refusal: str | None

    @property
    def percent(self) -> str:
        """The risk for a table."""
        return f"{_percent(self.risk):g}"


@page(role=READERS)
def compare(request: SignedInRequest, key: str) -> HttpResponse:
    """Every version of a request, likeness against risk, with its gates and main figures."""
    asked: ReleaseRequest = visible(visibility.visible_requests(request.user).select_related("source"), key)
    versions = list(asked.versions.select_related("evaluation", "trained").order_by("number"))
    measured = _measured(asked)
    compared = [_compared(request, asked, version, measured.get(version.pk, [])) for version in versions]
    drawn = [c for c in compared if c.likeness is not None and c.risk is not None]
    context = {
        "asked": asked,
        "compared": compared,
        "any_learned": any(c.learned for c in compared),
        "columns": [DEFINITIONS[metric].title for metric in SHOWN],
        "attempts": len(versions),
        "waiting": [c for c in compared if c.passed is None],
        "undrawn": [c for c in compared if c.passed is not None and c not in drawn],
        "chart": _chart(drawn, asked) if drawn else None,
        "steward": permissions.steward_of(request.user, asked.source) is None,
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/compare.html", context)


def advantage(metric: str, value: float, ceiling: float | None) -> float:
    """What an attack gains over guessing, or over people whose records were not used: from 0 to 1."""
    if metric in AREAS:
        gained = 2 * (value - GUESSING)
    elif metric in CAUGHT:
        gained = (value - ALARMS) / (1 - ALARMS)
    elif metric in BESIDE:
        gained = value - (ceiling or 0.0)
    else:
        gained = value
    return min(1.0, max(0.0, gained))


def _measured(asked: ReleaseRequest) -> dict[Any, list[MetricRecord]]:
    """The figures that are compared, by version."""
    rows = MetricRecord.objects.filter(
        evaluation__version__request=asked,
        metric__in=(*SHOWN, *ATTACKS),
        scope_kind__in=("table", "dataset", "column"),
        value__isnull=False,
    ).select_related("evaluation")
    found: dict[Any, list[MetricRecord]] = {}
    for row in rows.order_by("pk"):
        found.setdefault(row.evaluation.version_id, []).append(row)
    return found


def _compared(request: SignedInRequest, asked: ReleaseRequest, version: SyntheticVersion, rows: Sequence[MetricRecord]) -> Compared:
    record = getattr(version, "evaluation", None)
    risks = [(advantage(r.metric, r.value or 0.0, r.ceiling), DEFINITIONS[r.metric].title) for r in rows if r.metric in ATTACKS]
    worst = max(risks, key=lambda each: each[0], default=None)
    likeness = _worst(rows, LIKENESS)
    lines = gate_lines(record.verdict) if record else []
    must = [line for line in lines if line["level"] == "must pass"]
    unmet = [line for line in lines if not line["passed"] and line["level"] != "for information"]
    return Compared(
        version=version,
        likeness=None if likeness is None else likeness.value,
        risk=None if worst is None else worst[0],
        attack="" if worst is None else worst[1] if worst[0] else "none gains anything",
        figures=tuple(_figure(_worst(rows, metric)) for metric in SHOWN),
        which=conditions.told(conditions.of_version(version)),
        learned=most_recognised(version.trained) if version.trained else "",
        gates=f"{sum(line['passed'] for line in must)} of {len(must)} that must pass" if record else "not evaluated",
        unmet=tuple(line["sentence"] for line in unmet),
        passed=record.passed if record else None,
        chosen=asked.version_id == version.pk,
        refusal=permissions.explain(request.user, "choose_version", asked, version=version),
    )


def _worst(rows: Sequence[MetricRecord], metric: str) -> MetricRecord | None:
    """The figure of the whole table; of several tables the worst."""
    found = [r for r in rows if r.metric == metric and r.scope_kind != "column"]
    return min(found, key=lambda r: (r.value or 0.0) * (1 if DEFINITIONS[metric].direction == "higher" else -1), default=None)


def _figure(row: MetricRecord | None) -> tuple[str, str]:
    if row is None or row.value is None:
        return "not measured", ""
    twins = [
        f"{name} {written(row.metric, twin)}" for name, twin in (("shuffle", row.floor), ("held out", row.ceiling)) if twin is not None
    ]
    return written(row.metric, row.value), ", ".join(twins)


def _chart(drawn: Sequence[Compared], asked: ReleaseRequest) -> dict[str, Any]:
    """Likeness (up) against what the best attack gains (right), in per cent."""
    kinds = (
        ("Meets every gate that must pass", BLUE, "circle", [c for c in drawn if c.passed and not c.chosen]),
        ("Fails a gate that must pass", RED, "x", [c for c in drawn if not c.passed and not c.chosen]),
        ("Chosen", BLUE if all(c.passed for c in drawn if c.chosen) else RED, "diamond", [c for c in drawn if c.chosen]),
    )
    traces = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": name,
            "x": [_percent(c.risk) for c in dots],
            "y": [_percent(c.likeness) for c in dots],
            "text": [str(c.version.number) for c in dots],
            "textposition": "top center",
            "marker": {"color": colour, "symbol": symbol, "size": 13},
            "hovertemplate": "Version %{text}: likeness %{y} %, best attack gains %{x} %<extra></extra>",
        }
        for name, colour, symbol, dots in kinds
        if dots
    ]
    most = max(_percent(c.risk) for c in drawn)
    low = min(_percent(c.likeness) for c in drawn)
    across, up = _lines(asked, {c.version.tier for c in drawn})
    shapes = [_line(x0=x, x1=x, y0=0, y1=1, yref="paper") for x, _ in across] + [_line(x0=0, x1=1, y0=y, y1=y, xref="paper") for y, _ in up]
    notes = [_note(x=x, y=1, yref="paper", text=words, xanchor="left") for x, words in across]
    notes += [_note(x=1, y=y, xref="paper", text=words, xanchor="right", yanchor="bottom") for y, words in up]
    best = min(drawn, key=lambda c: (c.risk or 0.0, -(c.likeness or 0.0)))
    return {
        "id": "versions",
        "title": f"Of {len(drawn)} versions, version {best.version.number} gives an attacker least"
        if len(drawn) > 1
        else f"Likeness and risk of version {best.version.number}",
        "figure": {
            "data": traces,
            "layout": {
                "height": 420,
                "showlegend": True,
                "xaxis": {
                    "title": {"text": "risk: best attack gains, %"},
                    "range": [-2, max([most, *(x for x, _ in across)]) * 1.15 + 3],
                },
                "yaxis": {
                    "title": {"text": "likeness: agreement of pairs, %"},
                    "range": [min([low, *(y for y, _ in up)]) - 6, 104],
                },
                "shapes": shapes,
                "annotations": notes,
            },
        },
        "alternative": "One dot a version. Up is more alike, right is more risk: the best place is top left. "
        + " ".join(
            [f"Right of the line at {value:g} % an attack's gate fails where the gain is certain, too." for value, _ in across]
            + [f"The line at {value:g} % is a gate: {words}." for value, words in up]
        ),
        "table": {
            "columns": ["Version", "Likeness, %", "Best attack gains, %", "Which attack"],
            "rows": [[f"Version {c.version.number}", _percent(c.likeness), _percent(c.risk), c.attack] for c in drawn],
        },
    }


def _lines(asked: ReleaseRequest, tiers: set[str]) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """The gates that are a line in this picture: (per cent, words), those of risk and those of likeness.

    Of the request's kind of data; of the only kind there is, where the request names none. An attack's gate counts from where what it
    gains is material; the strictest of them is drawn.
    """
    tier = asked.tier or (next(iter(tiers)) if len(tiers) == 1 else "")
    limits = policy.policy_of(asked).tier(tier)
    if limits is None:
        return [], []
    try:
        gates = load(int(limits.gates)).of(tier)
    except InputError:
        return [], []
    risks = [(100 * _material(gate), gate) for gate in gates if gate.metric in ATTACKS and gate.compare == "no_better_than_guessing"]
    strictest = min(risks, key=lambda each: each[0], default=None)
    across = [] if strictest is None else [(round(strictest[0], 1), "gains that matter")]
    alike = [g for g in gates if g.metric == LIKENESS and g.compare.startswith("at_least") and g.constant]
    return across, [(round(100 * g.constant, 1), f"{_level(g)}: likeness") for g in alike[:1]]


def _material(gate: Gate) -> float:
    """From which gain on the gate of an attack can fail."""
    return advantage(gate.metric, gate.constant + gate.tolerance, None)


def _level(gate: Gate) -> str:
    return {"hard": "must pass", "soft": "should pass", "advisory": "for information"}[gate.level]


def _line(**place: Any) -> dict[str, Any]:
    return {"type": "line", "line": {"color": GREY, "width": 2, "dash": "dash"}, **place}


def _note(**place: Any) -> dict[str, Any]:
    return {"showarrow": False, "font": {"color": GREY, "size": 12}, **place}


def _percent(value: float | None) -> float:
    return round(100 * (value or 0.0), 1)
