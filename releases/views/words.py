"""Sentences that several pages say about the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from generators.learning.watch import round_told
from releases.models import ReleaseRequest, Run, TrainedModel
from releases.templatetags.plain_words import counted, duration, number

TIER_WORDS = {
    ReleaseRequest.Tier.STRUCTURAL: "Names, kinds and formats only: nothing in it was observed in any record.",
    ReleaseRequest.Tier.PUBLICLY_SOURCED: "Made from aggregate statistics that passed disclosure control, each column by itself.",
    ReleaseRequest.Tier.PRIVATELY_SOURCED: "Made by a model trained on real records: the risk is low, never zero.",
}


def risk_line(asked: ReleaseRequest) -> str:
    """One line on what a reviewer would be answering for."""
    words = TIER_WORDS.get(ReleaseRequest.Tier(asked.tier), "") if asked.tier else "The kind of data is not chosen yet."
    summary = asked.version.summary if asked.version else None
    if summary is not None:
        words += f" No figure is about fewer than {number(summary.policy['minimum'])} people."
    return words


def progress_words(run: Run) -> str:
    """What a run is doing now: stage, rows, and the time left where it can be told."""
    if run.state == Run.State.QUEUED:
        return "Waiting for its turn."
    if run.cancel_requested_at and run.active:
        return "Stopping, as asked."
    parts = [run.stage or run.get_kind_display()]
    if run.rows is not None:
        parts.append(f"{number(run.rows)} of {number(run.total)} rows" if run.total else f"{number(run.rows)} rows")
    left = "" if round_told(run.stage) else time_left(run)  # a round says it itself, and knows better
    return ". ".join(part for part in (": ".join(parts), left) if part)


def time_left(run: Run) -> str:
    """`about 4 minutes left`; empty while nothing can be told."""
    if run.state != Run.State.RUNNING or run.claimed_at is None or run.fraction < 0.05:
        return ""
    gone = (timezone.now() - run.claimed_at).total_seconds()
    words = duration(gone / run.fraction * (1 - run.fraction))
    return f"{words} left" if words.startswith("less") else f"about {words} left"


ROUNDS_SHOWN = 12
"""Of learning, on the page of a run: the newest."""
ALIKE = 0.005
"""So near to guessing, nobody would call it anything else."""


def rounds_shown(run: Run) -> list[list[str]]:
    """The newest rounds of learning as rows of a table: the round, what is learned, and how far off the rows held out still are."""
    return [[f"{number} of at most {most}", what, f"{loss:.2f}"] for what, number, most, loss in (run.rounds or [])[-ROUNDS_SHOWN:]]


def membership_words(membership: Mapping[str, Any] | None) -> str:
    """How well somebody who has the model could tell who it learned from: `no better than guessing (0.51, between 0.48 and 0.54)`."""
    if membership is None:
        return "not measured"
    area, low, high = (float(membership[name]) for name in ("area", "low", "high"))
    shown = f"({area:.2f}, between {low:.2f} and {high:.2f}; guessing is 0.50)"
    if low <= 0.5 + ALIKE:
        return f"no better than guessing {shown}"
    return f"{'a little' if area < 0.6 else 'clearly'} better than guessing {shown}"


def model_facts(trained: TrainedModel) -> list[tuple[str, str]]:
    """What a model says about itself: for each table who could be recognised, and the guarantee it was learned under."""
    if trained.private:
        contributions = f"{counted(trained.contributions or 0, 'row')} of each person"
        guarantee = f"ε {trained.epsilon:g}, δ {trained.delta:g} for each person, of whom at most {contributions} count"
    else:
        guarantee = "no differential privacy"
    facts = [("Guarantee", guarantee)]
    tables = trained.report.get("tables", {})
    for name, told in tables.items():
        whose = f" in {name}" if len(tables) > 1 else ""
        if told.get("bound") is not None:
            facts.append((f"Recognising people{whose}", f"at most {float(told['bound']):.2f}, by the guarantee; guessing is 0.50"))
        else:
            facts.append((f"Recognising people{whose}", membership_words(told.get("membership"))))
            if informed := (told.get("membership") or {}).get("informed"):
                area, low, high = (float(part) for part in informed)
                shown = f"{area:.2f}, between {low:.2f} and {high:.2f}"
                facts.append((f"… by somebody who also knows how frequent values are{whose}", shown))
        if told.get("epochs"):
            ended = f", until {told['stopped']}" if told.get("stopped") else ""
            facts.append((f"Rounds of learning{whose}", f"{len(told['epochs'])}{ended}"))
    return facts


def most_recognised(trained: TrainedModel) -> str:
    """The same in few words, of the table where people are recognised best."""
    if trained.private:
        return f"ε {trained.epsilon:g}"
    measured = [m for m in (told.get("membership") for told in trained.report.get("tables", {}).values()) if m is not None]
    return membership_words(max(measured, key=lambda m: float(m["area"]), default=None))
