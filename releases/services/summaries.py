"""Metadata summaries: the aggregates of one snapshot under one disclosure policy."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from generators.disclosure import POLICIES
from generators.errors import InputError
from releases import audit, budget, selection, stored
from releases.models import Account, Run, SourceDataset
from releases.permissions import Refused
from releases.services import runs
from releases.services.recorded import locked, permit, recorded


@recorded("request_summary")
def request_summary(actor: Account, source: SourceDataset, *, policy: str, without: Collection[tuple[str, str]] = ()) -> Run:
    """Have the current snapshot's train part summarised under the named policy.

    without: (table, column) to leave out, because their figures would conflict with those of an earlier summary, or are not needed.
    """
    if policy not in POLICIES:
        raise InputError(f"there is no such disclosure policy; the policies are: {', '.join(POLICIES)}")
    chosen, left_out = POLICIES[policy], [list(pair) for pair in sorted(set(without))]
    with transaction.atomic():
        source = locked(source)
        steward = permit(actor, "request_summary", source)
        snapshot = source.current_snapshot
        if snapshot is not None:
            selection.lessened(stored.working_schema(snapshot), without)  # InputError for what cannot be left out
        if source.summaries.filter(snapshot=snapshot, policy=chosen.as_dict(), without=left_out).exists():
            raise Refused(f"There is a summary of this snapshot under the “{policy}” policy already.")
        going = source.runs.filter(kind=Run.Kind.SUMMARISE, state__in=(Run.State.QUEUED, Run.State.RUNNING))
        if going.filter(snapshot=snapshot, parameters__policy=chosen.as_dict()).exists():
            raise Refused(f"A summary of this snapshot under the “{policy}” policy is being made already.")
        if going.exists():
            raise Refused("Another summary of this dataset is being made, which this one must be compared with; wait until it is done.")
        sentence = budget.refusal(source, chosen)
        if sentence is not None:
            raise Refused(sentence)
        parameters = {"policy": chosen.as_dict(), "without": left_out}
        run = runs.begin(steward, Run.Kind.SUMMARISE, source, snapshot=snapshot, parameters=parameters)
        audit.record(
            steward, "request_summary", source, snapshot=snapshot.pk if snapshot else None, policy=policy, without=left_out, run=run.pk
        )
    return run
