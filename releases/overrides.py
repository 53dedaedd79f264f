"""Soft gates that the chosen version does not meet, and what the steward answered: a code and a sentence, both published."""

from __future__ import annotations

from typing import Any

from evaluation.gates import OVERRIDE_CODES, Verdict
from releases.capsule.manifest import Override
from releases.models import ReleaseRequest

Outcome = dict[str, Any]
"""One outcome of a stored verdict: gate, level, passed, sentence, public."""


def unmet(request: ReleaseRequest, level: str = "soft") -> tuple[Outcome, ...]:
    """The gates of that level which the chosen version does not meet, in the order of the gate set."""
    evaluation = getattr(request.version, "evaluation", None)
    outcomes = evaluation.verdict["outcomes"] if evaluation is not None else ()
    return tuple(o for o in outcomes if o["level"] == level and not o["passed"])


def unanswered(request: ReleaseRequest) -> tuple[Outcome, ...]:
    """The soft gates among them that nobody has answered."""
    return tuple(o for o in unmet(request) if o["gate"] not in request.gate_answers)


def answered(request: ReleaseRequest) -> tuple[Override, ...]:
    """What would be published: each soft gate that is not met, with its answer."""
    found = []
    for outcome in unmet(request):
        answer = request.gate_answers.get(outcome["gate"])
        if answer is not None:
            meaning = OVERRIDE_CODES[answer["code"]]
            found.append(Override(outcome["gate"], outcome["public"], answer["code"], meaning, answer["reason"]))
    return tuple(found)


def verdict(request: ReleaseRequest) -> Verdict:
    """The verdict on the chosen version as it stands with these answers. ValueError when no evaluated version is chosen."""
    evaluation = getattr(request.version, "evaluation", None)
    if evaluation is None:
        raise ValueError("no evaluated version is chosen")
    return Verdict.from_dict(evaluation.verdict).overridden_by({o.gate: o.code for o in answered(request)})
