"""Re-auditing published releases: started by hand or by the night's look, and what each one leaves."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from evaluation.gates import Verdict
from releases import audit, standing
from releases.models import Account, ReauditRecord, ReleaseRequest, Run
from releases.permissions import release_open
from releases.release_policies import release_policy
from releases.services import runs, suspensions
from releases.services.recorded import locked, permit, recorded

Outcome = ReauditRecord.Outcome
OUT = (ReleaseRequest.State.PUBLISHED, ReleaseRequest.State.SUSPENDED)


@recorded("reaudit")
def request_reaudit(actor: Account, request: ReleaseRequest) -> Run:
    """Evaluate a release again, now, under the gates in force."""
    with transaction.atomic():
        request = locked(request)
        member = permit(actor, "reaudit", request)
        run = _begun(member, request)
        audit.record(member, "reaudit", request, run=run.pk)
    return run


@recorded("start_due_reaudits", by_system=True)
def start_due() -> list[Run] | None:
    """Start a re-audit of every published release that is due; None when none is. Twice at once starts each once."""
    now, started = timezone.now(), []
    for request in ReleaseRequest.objects.filter(state=ReleaseRequest.State.PUBLISHED).order_by("changed_at", "pk"):
        if standing.due(request, now) is None:
            continue
        with transaction.atomic():
            request = locked(request)
            why = standing.due(request, now)
            if request.state != ReleaseRequest.State.PUBLISHED or why is None or release_open(request, "reaudit") is not None:
                continue
            run = _begun(None, request)
            audit.record(None, "start_due_reaudits", request, run=run.pk, why=why)
            started.append(run)
    return started or None


@recorded("finish_reaudit", by_system=True)
def reaudited(run: Run, token: str, *, verdict: Verdict, path: str, sha256: str) -> ReauditRecord:
    """Store a re-audit. One that failed suspends the release in the same transaction; one that passed is announced."""
    with transaction.atomic():
        run = runs.finish(run, token)
        record = _recorded(run, Outcome.PASSED if verdict.passed else Outcome.FAILED, verdict=verdict.as_dict(), path=path, sha256=sha256)
        if not verdict.passed:
            suspensions.suspend_after(record)
        elif locked(record.request).state in OUT:
            suspensions.announce_reaudit(record)
    return record


@recorded("finish_reaudit", by_system=True)
def not_reaudited(run: Run, token: str, *, reason: str) -> ReauditRecord:
    """Store that a release could not be re-audited, and why. Not a pass: SDAT hears of it."""
    with transaction.atomic():
        run = runs.finish(run, token)
        record = _recorded(run, Outcome.IMPOSSIBLE, reason=reason)
    return record


def _begun(actor: Account | None, request: ReleaseRequest) -> Run:
    version = request.version
    if version is None:
        raise ValueError("a release without a version")
    return runs.begin_on(version, Run.Kind.REAUDIT, actor)


def _recorded(run: Run, outcome: str, **values: object) -> ReauditRecord:
    in_force = release_policy()
    record = ReauditRecord.objects.create(
        request=run.request,
        version=run.version,
        run=run,
        outcome=outcome,
        gates_version=in_force.tiers[run.version.tier].gates,
        release_policy=in_force.id,
        made_at=timezone.now(),
        **values,
    )
    audit.record(None, "finish_reaudit", record.request, record=record.pk, outcome=outcome, gates=record.gates_version, policy=in_force.id)
    return record
