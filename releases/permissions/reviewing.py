"""Permissions over what others ask for: who may sign for a request, and who watches over releases."""

from __future__ import annotations

from typing import Any

from releases import policy
from releases.models import Account, ReleaseRequest, Run
from releases.permissions.sources import steward_of

THREE = "Requester, Synthetic Data Audit Team and Information Governance are three people."


def may_sign(
    actor: Account, request: ReleaseRequest, *, capacity: str | None = None, decision: str = "approve", **context: Any
) -> str | None:
    """Who may sign: role, not one's own, once, and (privately-sourced) SDAT and IG by different people; then the state."""
    if capacity is None:
        wanted = [c for c in policy.capacities(request) if c in actor.roles]
        answers = [may_sign(actor, request, capacity=c, decision=decision) for c in wanted]
        if not answers:
            return "Only a reviewer can decide on this request, in the capacity the release policy asks for."
        return None if None in answers else answers[0]
    who = _reviews(actor, request, capacity)
    if who is not None:
        return who
    state = policy.refusal(request, decision, capacity=capacity, reviewer=actor)
    if state is not None:
        return state
    earlier = request.signoffs.filter(round=request.round)
    if earlier.filter(capacity=capacity, decision="approve").count() >= policy.needed(request)[capacity]:
        return f"{capacity.upper()} has signed this round already."
    if own := earlier.filter(reviewer=actor).first():
        another = own.capacity != capacity
        where = "You signed this round in another capacity" if another else "You signed this round; it takes another signature"
        return f"{where}; somebody else must sign in this one." if another else f"{where}, by somebody else."
    return None


def may_mark(actor: Account, request: ReleaseRequest, *, capacity: str | None = None) -> str | None:
    """Who may mark the items of a round: whoever may decide on it, until they, or all whom their capacity needs, have decided."""
    if capacity is None:
        wanted = [c for c in policy.capacities(request) if c in actor.roles]
        answers = [may_mark(actor, request, capacity=c) for c in wanted]
        if not answers:
            return "Only a reviewer marks what is released, in the capacity the release policy asks for."
        return None if None in answers else answers[0]
    refusal = _reviews(actor, request, capacity) or policy.refusal(request, "mark_items")
    if refusal is not None:
        return refusal
    given = request.signoffs.filter(round=request.round)
    if given.filter(reviewer=actor).exists():
        return "You have decided in this round; what you marked before stands."
    if given.filter(capacity=capacity, decision="approve").count() >= policy.needed(request)[capacity]:
        return f"{capacity.upper()} has decided in this round; there is nothing left to mark."
    return None


def _reviews(actor: Account, request: ReleaseRequest, capacity: str) -> str | None:
    """Whether somebody reviews this request in this capacity at all: the role, nothing of their own, SDAT and IG by different people."""
    if capacity not in actor.roles:
        return f"Only somebody with the role {capacity.upper()} can sign in that capacity."
    if actor.pk in made_by(request):
        return "Nobody reviews what they requested or generated themselves; another reviewer must decide."
    if steward_of(actor, request.source) is None:
        return "Nobody reviews a release of a dataset they are a steward of; another reviewer must decide."
    if capacity == "ig" and worked_for_sdat(actor, request):
        return f"You worked on this request for the Synthetic Data Audit Team. {THREE}"
    if capacity not in policy.capacities(request):
        return f"The release policy asks for no {capacity.upper()} signature on this request."
    return None


_BY_IG = {
    "suspend": "Only Information Governance suspends a release or releases it again.",
    "resume": "Only Information Governance suspends a release or releases it again.",
    "withdraw": "Only Information Governance withdraws a release.",
    "rereview": "Only Information Governance says that a release may stay.",
}
_NOT_THEIR_OWN = {
    "resume": "Nobody releases again what they requested or generated, or of a dataset they are a steward of; another reviewer must.",
    "withdraw": "Nobody withdraws what they requested or generated, or of a dataset they are a steward of; another reviewer must.",
    "rereview": "Nobody reviews again what they requested or generated, or of a dataset they are a steward of; another reviewer must.",
}


def worked_for_sdat(actor: Account, request: ReleaseRequest) -> bool:
    """Whether somebody agreed the use case, wrote a DPIA or assessed: they do not sign the same request as IG."""
    written = (
        request.agreements.filter(reviewer=actor),
        request.dpias.filter(writer=actor),
        request.assessments.filter(assessor=actor),
    )
    return any(rows.exists() for rows in written)


def keeps_releases(actor: Account, request: ReleaseRequest, action: str) -> str | None:
    """SDAT re-audits; IG suspends, and releases again, withdraws and looks again at what they had no part in."""
    if action == "reaudit":
        return None if "sdat" in actor.roles else "Only the Synthetic Data Audit Team starts a re-audit."
    if "ig" not in actor.roles:
        return _BY_IG[action]
    if action in _NOT_THEIR_OWN and (actor.pk in made_by(request) or steward_of(actor, request.source) is None):
        return _NOT_THEIR_OWN[action]
    return None


def release_open(request: ReleaseRequest, action: str) -> str | None:
    """What the release itself must be ready for."""
    if action == "rereview":
        if request.state == ReleaseRequest.State.PUBLISHED:
            return None
        return f"This request is {request.get_state_display()}; only what is published is looked at again."
    if action != "reaudit":
        return policy.refusal(request, action)
    if request.state not in (ReleaseRequest.State.PUBLISHED, ReleaseRequest.State.SUSPENDED):
        return f"This request is {request.get_state_display()}; only what is published or suspended is re-audited."
    if request.runs.filter(kind=Run.Kind.REAUDIT, state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
        return "This release is being re-audited already; wait until that is done."
    return None


def made_by(request: ReleaseRequest) -> set[Any]:
    makers = {request.author_id, request.submitted_by_id}
    if request.version:
        makers.add(request.version.made_by_id)
        if request.version.summary:
            makers.add(request.version.summary.requested_by_id)
        if request.version.trained:
            makers.add(request.version.trained.requested_by_id)
    if hasattr(request, "drill"):
        makers.add(request.drill.started_by_id)
    return makers
