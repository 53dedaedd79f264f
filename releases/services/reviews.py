"""Reviewing: one decision, by one person, in one capacity, on the evidence they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, automatic_answers, evidence, policy
from releases.automatic_answers import Automatic
from releases.models import Account, ReleaseRequest, SignOff
from releases.permissions import Refused, explain
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
    reasons: Mapping[str, str] | None = None,
    reason_code: str = "",
    comment: str = "",
    evidence_digest: str,
) -> SignOff:
    """Approve, return or reject. The last approval the tier asks for approves the request.

    evidence_digest: of the page the reviewer read; a stale one is Refused. checklist: item → "yes", "no" or "not applicable".
    reasons: item → why the site's own "no" is overruled. InputError when an answer, such a reason, the coded reason or the text of a return
    or rejection is missing.
    """
    comment = comment.strip()
    _check_decision(decision, reason_code, comment)
    permitted = explain(actor, "sign_off", request, capacity=capacity, decision=decision) is None
    # Reading every file takes a while: before the lock. What they say is of this evidence, or the decision is refused as stale.
    said = automatic_answers.automatic_answers(request) if permitted and evidence.intact(request) else {}
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "sign_off", request, capacity=capacity, decision=decision)
        if evidence_digest != request.evidence_digest or not evidence.intact(request):
            raise Refused(STALE)
        if not said and policy.policy_of(request).automatic:
            raise Refused(STALE)  # who may sign now could not a moment ago
        _check_answers(request, decision, checklist)
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
            automatic=_overruled(said, checklist, reasons or {}),
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


def _overruled(said: Mapping[str, Automatic], checklist: Mapping[str, str], reasons: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the site answered, and why the reviewer said otherwise; a "no" of the site is not turned without a reason."""
    found: dict[str, dict[str, Any]] = {}
    for item, automatic in said.items():
        found[item] = {"answer": automatic.answer, "because": automatic.because}
        if checklist[item] == automatic.answer:
            continue
        reason = reasons.get(item, "").strip()
        if automatic.answer == automatic_answers.NO and not reason:
            raise InputError(f"the site answered “{item}” with no ({automatic.because}): to answer otherwise, say why")
        found[item]["reason"] = reason
    return found
