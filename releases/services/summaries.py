"""Metadata summaries: the aggregates of one snapshot under one disclosure policy."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.summarising.cross_tabulation import CrossTab, checked
from releases import audit, budget, selection, stored
from releases.models import Account, Run, SourceDataset
from releases.permissions import Refused
from releases.services import runs
from releases.services.recorded import locked, permit, recorded


@recorded("request_summary")
def request_summary(
    actor: Account, source: SourceDataset, *, policy: str, without: Collection[tuple[str, str]] = (), cross_tabulations: Sequence[str] = ()
) -> Run:
    """Have the current snapshot's train part summarised under the named policy.

    without: (table, column) to leave out, because their figures would conflict with those of an earlier summary, or are not needed.
    cross_tabulations: columns to count together, each as `CrossTab.parse` reads it. InputError for what cannot be left out or counted.
    """
    if policy not in POLICIES:
        raise InputError(f"there is no such disclosure policy; the policies are: {', '.join(POLICIES)}")
    chosen, left_out = POLICIES[policy], [list(pair) for pair in sorted(set(without))]
    crossed = sorted(set(cross_tabulations))
    with transaction.atomic():
        source = locked(source)
        steward = permit(actor, "request_summary", source)
        snapshot = source.current_snapshot
        if snapshot is not None:
            schema = selection.lessened(stored.working_schema(snapshot), without)
            checked([CrossTab.parse(text, schema) for text in crossed], schema, chosen)
        same = {"policy": chosen.as_dict(), "without": left_out, "cross_tabulations": crossed}
        if source.summaries.filter(snapshot=snapshot, **same).exists():
            raise Refused(f"There is a summary of this snapshot under the “{policy}” policy already.")
        going = source.runs.filter(kind=Run.Kind.SUMMARISE, state__in=(Run.State.QUEUED, Run.State.RUNNING))
        if going.filter(snapshot=snapshot, parameters__policy=chosen.as_dict()).exists():
            raise Refused(f"A summary of this snapshot under the “{policy}” policy is being made already.")
        if going.exists():
            raise Refused("Another summary of this dataset is being made, which this one must be compared with; wait until it is done.")
        sentence = budget.refusal(source, chosen)
        if sentence is not None:
            raise Refused(sentence)
        run = runs.begin(steward, Run.Kind.SUMMARISE, source, snapshot=snapshot, parameters=same)
        told = {"policy": policy, "without": left_out, "cross_tabulations": crossed}
        audit.record(steward, "request_summary", source, snapshot=snapshot.pk if snapshot else None, run=run.pk, **told)
    return run
