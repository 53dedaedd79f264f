"""Permissions over a dataset: its stewards, its files and schema, its disclosure budget."""

from __future__ import annotations

from typing import Any

from releases import budget, retention
from releases.models import Account, Run, Snapshot, SourceDataset

STEWARD = "Only a data steward of this dataset can do that; a steward of it can add others."


def steward_of(actor: Account, source: SourceDataset) -> str | None:
    if "steward" in actor.roles and source.stewards.filter(pk=actor.pk).exists():
        return None
    return STEWARD


def source_ready(source: SourceDataset, action: str, *, person: Account | None = None, **context: Any) -> str | None:
    """What the dataset itself must be ready for."""
    if action in ("receive_upload", "point_at_file"):
        if _preparing(source.latest_snapshot):
            return "The last snapshot is still being prepared; wait until that is done."
    elif action in ("request_summary", "create_request"):
        if source.current_snapshot is None:
            return "The dataset has no prepared snapshot yet; upload a file and confirm its schema first."
    elif person is not None and "steward" not in person.roles:
        return "That person does not hold the role of data steward; ask an administrator to give it first."
    return None


def may_set_budget(actor: Account, source: SourceDataset) -> str | None:
    """IG sets what a steward proposed; nobody sets their own proposal or a budget of a dataset they look after."""
    if "ig" not in actor.roles:
        return "Only Information Governance sets a disclosure budget."
    if steward_of(actor, source) is None:
        return "Nobody sets the budget of a dataset they are a steward of; another reviewer must."
    waiting = budget.standing(source).waiting
    if waiting is None:
        return "No budget waits to be set; a steward of the dataset proposes one."
    return "Nobody sets a budget they proposed; another reviewer must." if waiting.actor_id == actor.pk else None


def schema_waits(snapshot: Snapshot) -> str | None:
    if snapshot.state == Snapshot.State.RECEIVED:
        return "The file is still being read; its schema can be confirmed when that is done."
    if snapshot.state == Snapshot.State.READY or _preparing(snapshot):
        return "The schema of this snapshot is confirmed already; upload a new file to change it."
    if retention.raw_gone(snapshot):
        return "Its file was kept for so long without a confirmed schema that it was destroyed; give it again."
    if snapshot.source.snapshots.filter(number__gt=snapshot.number).exists():
        return "A newer file was given for this dataset; confirm the schema of that one."
    return None


def _preparing(snapshot: Snapshot | None) -> bool:
    """Whether a confirmed snapshot is on its way. One whose preparation failed can be confirmed again, with another schema."""
    if snapshot is None or snapshot.state != Snapshot.State.CONFIRMED:
        return False
    return snapshot.runs.filter(kind=Run.Kind.PREPARE, state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists()
