"""Standing approvals: given by IG to a way of making data, used by later submissions, taken back with what leaned on them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, dpias, evidence, overrides, policy, standing_approvals
from releases.models import Account, ReleaseRequest, StandingApproval
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

STALE = "The evidence changed since you opened the page; read it again before you give a standing approval."
LONGEST = 2_000


@recorded("grant_standing_approval")
def grant_standing_approval(
    actor: Account, request: ReleaseRequest, *, uses: Collection[str], days: int, comment: str, evidence_digest: str
) -> StandingApproval:
    """Approve the way the chosen version was made, for these uses, so many days: what is made so later needs no signature.

    evidence_digest: of the page that was read. InputError for an unknown use, too many days, or a missing comment.
    """
    comment = _text(comment, "say why this way of making data may stand approved")
    if strange := sorted(set(uses) - set(ReleaseRequest.Purpose.values)):
        raise InputError(f"there is no use {strange[0]}")
    if not uses:
        raise InputError("choose at least one use the data may be made for")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "grant_standing_approval", request)
        tier, version = policy.release_policy().tier(request.tier), request.version
        if tier is None or tier.standing_approval_days is None or version is None:
            raise Refused("The release policy allows no standing approval here.")
        if not 1 <= days <= tier.standing_approval_days:
            raise InputError(f"a standing approval of {request.tier} data lasts from 1 to {tier.standing_approval_days} days")
        if evidence_digest != request.evidence_digest or not evidence.intact(request):
            raise Refused(STALE)
        mechanism, now = standing_approvals.approved_form(version, tuple(uses)), timezone.now()
        approval = StandingApproval.objects.create(
            request=request,
            source=request.source,
            version=version,
            tier=request.tier,
            access_level=request.access_level,
            licence=request.licence,
            mechanism=mechanism.as_dict(),
            mechanism_digest=mechanism.digest,
            accepted_gates=sorted(outcome["gate"] for outcome in overrides.unmet(request)),
            dpia_digest=dpias.digest(request) or "",
            evidence_digest=evidence_digest,
            release_policy=policy.in_force(),
            comment=comment,
            author=request.author,
            granted_by=reviewer,
            granted_at=now,
            expires_at=now + timedelta(days=days),
        )
        audit.record(
            reviewer,
            "grant_standing_approval",
            approval,
            request=request.pk,
            mechanism=approval.mechanism_digest,
            uses=list(approval.allowed_uses),
            expires=approval.expires_at,
            evidence=evidence_digest,
            release_policy=approval.release_policy,
        )
    return approval


@recorded("approve_by_standing", by_system=True)
def approve_by_standing(request: ReleaseRequest) -> StandingApproval | None:
    """Within a submission's transaction: approve the request, locked by the caller, if a standing approval covers it; else None.

    The approval stays locked until that transaction ends, so that a revocation comes before it or finds what leaned on it.
    """
    found = standing_approvals.covering(request, timezone.now())
    if found is None or isinstance(policy.transition(request, "approve_by_standing"), str):
        return None
    found = locked(found)
    if not found.valid(timezone.now()):
        return None
    step = policy.transition(request, "approve_by_standing")
    if isinstance(step, str):
        return None
    before, request.state, request.changed_at = request.state, step.target, timezone.now()
    request.standing_approval = found
    request.save()
    audit.record(
        None,
        "approve_by_standing",
        request,
        standing_approval=found.pk,
        mechanism=found.mechanism_digest,
        evidence=request.evidence_digest,
        release_policy=request.release_policy,
        attempts=request.versions.count(),
        before=before,
        after=request.state,
    )
    return found


@recorded("revoke_standing_approval")
def revoke_standing_approval(actor: Account, approval: StandingApproval, *, reason: str) -> StandingApproval:
    """Take it back: nothing leans on it from now on, and what it approved and is not published yet goes back to its author."""
    reason = _text(reason, "say why the standing approval is revoked")
    with transaction.atomic():
        approval = locked(approval)
        reviewer = permit(actor, "revoke_standing_approval", approval)
        approval.revoked_by, approval.revoked_at, approval.revoked_because = reviewer, timezone.now(), reason
        approval.save()
        returned = [str(request.pk) for request in standing_approvals.unpublished(approval) if _returned(request)]
        audit.record(reviewer, "revoke_standing_approval", approval, mechanism=approval.mechanism_digest, returned=returned)
    return approval


def _returned(request: ReleaseRequest) -> bool:
    request = locked(request)
    step = policy.transition(request, "return_leaning")
    if isinstance(step, str):
        return False  # its publication began a moment ago
    before, request.state, request.changed_at = request.state, step.target, timezone.now()
    request.save()
    audit.record(
        None,
        "return_leaning",
        request,
        standing_approval=request.standing_approval_id,
        round=request.round,
        before=before,
        after=step.target,
    )
    return True


def _text(text: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise InputError(missing)
    if len(text) > LONGEST:
        raise InputError(f"at most {LONGEST:,} characters")
    return text
