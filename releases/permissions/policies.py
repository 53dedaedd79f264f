"""Permissions over what stands beyond one request: the release policy, and standing approvals of ways of making data."""

from __future__ import annotations

from releases import policy
from releases.models import Account, PolicyRecord, ReleaseRequest, StandingApproval
from releases.permissions.reviewing import made_by
from releases.permissions.sources import steward_of


def policy_change(actor: Account, action: str, draft: PolicyRecord | None) -> str | None:
    """IG writes a draft of the policy, and somebody else of IG puts it in force."""
    if "ig" not in actor.roles:
        return "Only Information Governance changes the release policy."
    if action == "draft_policy":
        waiting = PolicyRecord.objects.filter(in_force_at__isnull=True, discarded_at__isnull=True).exists()
        return "There is a draft of the release policy already; put it in force or discard it first." if waiting else None
    if draft is None or not draft.open:
        return "This policy was decided on already; begin a new draft."
    if action == "put_policy_in_force":
        if draft.author_id == actor.pk:
            return "Nobody puts in force a policy they wrote; somebody else of Information Governance must."
        if draft.based_on != policy.in_force():
            return "Another policy was put in force since this draft was begun; discard it and begin again."
        return None
    if action == "change_policy" and draft.author_id != actor.pk:
        return "Only who began a draft changes it; you can put it in force or discard it."
    return None


def may_grant(actor: Account, request: ReleaseRequest) -> str | None:
    """IG gives a standing approval to a way of making data that it had no part in."""
    if "ig" not in actor.roles:
        return "Only Information Governance gives a standing approval."
    if actor.pk in made_by(request):
        return "Nobody gives a standing approval to what they requested or generated themselves; another reviewer must decide."
    if steward_of(actor, request.source) is None:
        return "Nobody gives a standing approval to a dataset they are a steward of; another reviewer must decide."
    return policy.refusal(request, "grant_standing_approval")


def may_revoke(actor: Account, approval: StandingApproval) -> str | None:
    """Anybody of IG takes one back: that is always the safer side."""
    if "ig" not in actor.roles:
        return "Only Information Governance revokes a standing approval."
    return "This standing approval is revoked already." if approval.revoked_at is not None else None
