"""Metadata summaries: the aggregates of one snapshot under one disclosure policy."""

from __future__ import annotations

from django.db import transaction

from generators.disclosure import POLICIES
from generators.errors import InputError
from releases import audit
from releases.models import Account, Run, SourceDataset
from releases.permissions import Refused
from releases.services import runs
from releases.services.recorded import locked, permit, recorded


@recorded("request_summary")
def request_summary(actor: Account, source: SourceDataset, *, policy: str) -> Run:
    """Have the current snapshot's train part summarised under the named policy ("public", "internal")."""
    if policy not in POLICIES:
        raise InputError(f"there is no such disclosure policy; the policies are: {', '.join(POLICIES)}")
    with transaction.atomic():
        source = locked(source)
        steward = permit(actor, "request_summary", source)
        snapshot = source.current_snapshot
        if source.summaries.filter(snapshot=snapshot, policy=POLICIES[policy].as_dict()).exists():
            raise Refused(f"There is a summary of this snapshot under the “{policy}” policy already.")
        going = source.runs.filter(kind=Run.Kind.SUMMARISE, snapshot=snapshot, state__in=(Run.State.QUEUED, Run.State.RUNNING))
        if going.filter(parameters__policy=POLICIES[policy].as_dict()).exists():
            raise Refused(f"A summary of this snapshot under the “{policy}” policy is being made already.")
        run = runs.begin(steward, Run.Kind.SUMMARISE, source, snapshot=snapshot, parameters={"policy": POLICIES[policy].as_dict()})
        audit.record(steward, "request_summary", source, snapshot=snapshot.pk if snapshot else None, policy=policy, run=run.pk)
    return run
