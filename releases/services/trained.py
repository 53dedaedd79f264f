"""Models that learned from records: stored when their fit succeeds; destroyed, with a record of each, when they are no longer needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from releases import audit, budget, files
from releases.learning import Learning
from releases.models import Account, DestructionRecord, LedgerEntry, Run, TrainedModel
from releases.permissions import Refused
from releases.retention import due, in_use
from releases.services import ledger, runs
from releases.services.checkpoints import destroy_checkpoints
from releases.services.recorded import locked, permit, recorded


@recorded("learn", by_system=True)
def fitted(
    run: Run,
    token: str,
    *,
    version: str,
    tier: str,
    schema: Mapping[str, Any],
    digest: str,
    report: Mapping[str, Any],
    produced: Sequence[Mapping[str, Any]],
) -> TrainedModel:
    """Store a model, enter it in the ledger with what it spent, and have generated from it what was asked for.

    produced: [{path, size, sha256}] of its files. Refused when the budget no longer suffices.
    """
    wanted = run.parameters
    learning = Learning.from_dict(wanted["learning"])
    with transaction.atomic():
        run = runs.finish(run, token)
        source, request = locked(run.source), locked(run.request)
        sentence = budget.refusal_to_learn(source, learning.budget, besides=run)
        if sentence is not None:
            raise Refused(sentence)
        trained = TrainedModel.objects.create(
            source=source,
            snapshot=run.snapshot,
            request=request,
            generator=wanted["generation"]["generator"],
            generator_version=version,
            tier=tier,
            schema=dict(schema),
            choices=wanted["choices"],
            choices_digest=wanted["choices_digest"],
            epsilon=learning.budget.epsilon,
            delta=learning.budget.delta,
            contributions=learning.budget.contributions,
            digest=digest,
            files=[dict(each) for each in produced],
            report=dict(report),
            requested_by=run.started_by,
            made_at=timezone.now(),
            run=run,
        )
        entry = ledger.enter(
            source,
            LedgerEntry.What.LEARNED,
            run.started_by,
            run=run,
            digest=digest,
            epsilon=learning.budget.epsilon,
            delta=learning.budget.delta,
            composition=budget.COMPOSITION if learning.budget.private else "",
            detail={"generator": trained.generator, "snapshot": run.snapshot.number, "title": request.title},
        )
        generating = runs.begin(
            run.started_by,
            Run.Kind.GENERATE,
            source,
            request=request,
            snapshot=run.snapshot,
            trained=trained,
            parameters=wanted["generation"],
        )
        audit.record(None, "learn", trained, run=run.pk, digest=digest, entry=entry.number, next=generating.pk)
    return trained


@recorded("destroy_model")
def destroy_model(actor: Account, trained: TrainedModel) -> TrainedModel:
    """Destroy a model's files at once. Versions made from it stay."""
    with transaction.atomic():
        permit(actor, "destroy_model", locked(trained))
    return _destroyed(trained, "A steward of the dataset asked for it.", actor)


@recorded("destroy_models", by_system=True)
def destroy_due() -> int | None:
    """Destroy models whose time has come and checkpoints nobody takes up; how many, or None when there were none. The worker does it."""
    done = 0
    for trained in TrainedModel.objects.filter(destroyed_at__isnull=True).select_related("request"):
        because = due(trained)
        if because and not in_use(trained):
            _destroyed(trained, because, None)
            done += 1
    for folder in files.folder("checkpoints").iterdir():
        run = Run.objects.filter(pk=folder.name).first()
        if run is not None and run.finished and destroy_checkpoints(run):
            done += 1
    return done or None


def _destroyed(trained: TrainedModel, because: str, actor: Account | None) -> TrainedModel:
    """The files first: a row that says they are gone is never wrong, and one that says they are there is put right the next time."""
    for place in {(files.folder("models") / each["path"]).parent for each in trained.files}:
        files.discard(place)
    with transaction.atomic():
        trained = locked(trained)
        if trained.destroyed_at is not None:
            return trained
        now = timezone.now()
        for number, each in enumerate(trained.files, 1):
            DestructionRecord.objects.create(
                snapshot=trained.snapshot,
                what=f"model {trained.pk}, file {number} of {len(trained.files)}",
                sha256=each["sha256"],
                size=each["size"],
                reason=because,
                destroyed_at=now,
                run=trained.run,
            )
        trained.destroyed_at, trained.destroyed_because = now, because
        trained.save()
        action = "destroy_models" if actor is None else "destroy_model"
        audit.record(actor, action, trained, because=because, digest=trained.digest)
    return trained
