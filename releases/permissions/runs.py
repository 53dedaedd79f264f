"""Permissions over runs, learned models and drills."""

from __future__ import annotations

from releases import policy, retention
from releases.models import Account, Drill, ReleaseRequest, Run, TrainedModel
from releases.permissions.sources import STEWARD, steward_of


def runs_keeper(actor: Account, run: Run) -> str | None:
    """Whose run it is: SDAT's when it re-audits, an administrator's when it makes a drill, else the stewards'."""
    if run.kind == Run.Kind.REAUDIT:
        return None if "sdat" in actor.roles else "Only the Synthetic Data Audit Team stops or repeats a re-audit."
    if run.request is not None and hasattr(run.request, "drill"):
        return None if "administrator" in actor.roles else STEWARD
    return steward_of(actor, run.source)


def run_open(run: Run, action: str) -> str | None:
    if action == "cancel_run":
        if run.finished:
            return f"This run is {run.get_state_display()}; there is nothing to cancel."
        return "This run is being cancelled already." if run.cancel_requested_at else None
    if run.kind == Run.Kind.REAUDIT:
        return "Start another re-audit from the page of the release."
    if run.state not in (Run.State.FAILED, Run.State.CANCELLED):
        return f"This run is {run.get_state_display()}; only a failed or cancelled one can be tried again."
    if run.snapshot is not None and run.request is None and run.snapshot.runs.filter(kind=run.kind, queued_at__gt=run.queued_at).exists():
        return "A newer run took this one's place; it cannot be tried again."
    return None if run.request is None else _request_open(run, run.request)


def _request_open(run: Run, request: ReleaseRequest) -> str | None:
    """What a run makes must still be allowed to be made for its request; an evaluation only in its place."""
    if request.state not in (ReleaseRequest.State.DRAFT, ReleaseRequest.State.AGREED):
        return f"The request is {request.get_state_display()}; nothing can be run for it now."
    if run.kind not in (Run.Kind.FIT, Run.Kind.GENERATE):
        return None
    generation = run.parameters.get("generation", run.parameters)
    return policy.refusal(request, "request_generation", generator=generation.get("generator"))


def model_kept(trained: TrainedModel) -> str | None:
    if trained.destroyed_at is not None:
        return "This model is destroyed already."
    return "Data are being generated from this model; wait until that is done, or stop it first." if retention.in_use(trained) else None


def drill_change(actor: Account, drill: Drill | None) -> str | None:
    if "administrator" not in actor.roles:
        return "Only an administrator starts or ends a drill."
    return "This drill is over already." if drill is not None and drill.revealed_at is not None else None
