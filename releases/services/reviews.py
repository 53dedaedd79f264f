"""Reviewing: one decision, by one person, in one capacity, on the evidence they read."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, evidence, policy
from releases.models import Account, ReleaseRequest, SignOff
from releases.permissions import Refused
from releases.services import drills
from releases.services.recorded import locked, permit, recorded

STALE = "The evidence changed since you opened the page; read it again before you decide."
ANSWERS = ("yes", "no", "not applicable")


@recorded("sign_off")
def sign_off(
    actor: Account,
    request: ReleaseRequest,
    *,
    capacity: str,
    decision: str,
    checklist: dict[str, str],
    reason_code: str = "",
    comment: str = "",
    evidence_digest: str,
) -> SignOff:
    """Approve, return or reject. The last approval the tier asks for approves the request.

    evidence_digest: of the page the reviewer read; a stale one is Refused. checklist: item → "yes", "no" or "not applicable".
    InputError when an answer, the coded reason or the text of a return or rejection is missing.
    """
    comment = comment.strip()
    _check_decision(decision, reason_code, comment)
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "sign_off", request, capacity=capacity, decision=decision)
        _check_answers(request, decision, checklist)
        if evidence_digest != request.evidence_digest or not evidence.intact(request):
            raise Refused(STALE)
        step = policy.transition(request, decision, capacity=capacity, reviewer=reviewer)
        if isinstance(step, str):
            raise Refused(step)
        signoff = SignOff.objects.create(
            request=request,
            round=request.round,
            capacity=capacity,
            reviewer=reviewer,
            author=request.author,
            decision=decision,
            checklist=checklist,
            reason_code=reason_code if decision != "approve" else "",
            comment=comment,
            evidence_digest=evidence_digest,
            release_policy=request.release_policy,
            gates_version=request.version.evaluation.gates_version,
            decided_at=timezone.now(),
        )
        before, request.state, request.changed_at = request.state, step.target, timezone.now()
        request.save()
        audit.record(
            reviewer,
            "sign_off",
            request,
            capacity=capacity,
            decision=decision,
            reason_code=signoff.reason_code,
            round=request.round,
            evidence=evidence_digest,
            release_policy=request.release_policy,
            before=before,
            after=request.state,
        )
        drills.decided(request, signoff)
    return signoff


def _check_decision(decision: str, reason_code: str, comment: str) -> None:
    if decision not in policy.DECISIONS:
        raise InputError(f"a decision is one of: {', '.join(policy.DECISIONS)}")
    if decision != "approve":
        if reason_code not in SignOff.Reason.values:
            raise InputError(f"to {decision} a request, choose a reason: {', '.join(SignOff.Reason.values)}")
        if not comment:
            raise InputError(f"to {decision} a request, say in words what is wrong")


def _check_answers(request: ReleaseRequest, decision: str, checklist: dict[str, str]) -> None:
    items = [item for item, _ in policy.policy_of(request).checklist]
    if set(checklist) - set(items):
        raise InputError("the checklist has an answer to a question that is not on it")
    if missing := [item for item in items if checklist.get(item) not in ANSWERS]:
        raise InputError(f"answer the whole checklist; missing: {', '.join(missing)}")
    if decision == "approve" and "no" in checklist.values():
        raise InputError("a request cannot be approved with a checklist question answered no; return it instead")
