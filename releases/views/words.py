"""Sentences that several pages say about the same thing."""

from __future__ import annotations

from django.utils import timezone

from releases.models import ReleaseRequest, Run
from releases.templatetags.plain_words import duration, number

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
    left = time_left(run)
    return ". ".join(part for part in (": ".join(parts), left) if part)


def time_left(run: Run) -> str:
    """`about 4 minutes left`; empty while nothing can be told."""
    if run.state != Run.State.RUNNING or run.claimed_at is None or run.fraction < 0.05:
        return ""
    gone = (timezone.now() - run.claimed_at).total_seconds()
    return f"about {duration(gone / run.fraction * (1 - run.fraction))} left"
