"""The gates of a version as lines for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from releases.capsule.manifest import Override

LEVELS = {"hard": "must pass", "soft": "should pass", "advisory": "for information"}


def gate_lines(verdict: dict[str, Any], overrides: Sequence[Override] = ()) -> list[dict[str, Any]]:
    """The outcomes of a stored verdict with their level in words and the steward's answer; failures first, the gravest first."""
    order, answers = list(LEVELS), {o.gate: f"{o.meaning}. {o.because}" for o in overrides}
    outcomes = sorted(verdict["outcomes"], key=lambda o: (o["passed"], order.index(o["level"]) if o["level"] in order else len(order)))
    return [
        {
            "gate": o["gate"],
            "sentence": o["sentence"],
            "level": LEVELS.get(o["level"], o["level"]),
            "passed": o["passed"],
            "words": "met" if o["passed"] else "failed" if o["level"] == "hard" else "answered" if o["gate"] in answers else "not met",
            "colour": "green" if o["passed"] else "red" if o["level"] == "hard" else "orange",
            "answer": answers.get(o["gate"], ""),
        }
        for o in outcomes
    ]
