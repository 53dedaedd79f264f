"""Use cases: proposed by a steward, agreed or sent back by the Synthetic Data Audit Team, taken back to draft to be changed."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import agreements, audit, policy
from releases.models import Account, Agreement, ReleaseRequest
from releases.permissions import Refused
from releases.services import drills
from releases.services.recorded import locked, permit, recorded

LONGEST = 4_000
STALE = "The use case changed since you opened the page; read it again before you decide."


@recorded("propose")
def propose(actor: Account, request: ReleaseRequest) -> ReleaseRequest:
    """Put the use case before the Synthetic Data Audit Team."""
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "propose", request)
        _move(request, "propose")
        audit.record(steward, "propose", request, round=request.round, digest=agreements.digest(request), variables=len(request.variables))
    return request


@recorded("agree")
def agree(actor: Account, request: ReleaseRequest, *, digest: str, comment: str = "") -> Agreement:
    """Agree this very use case: from now on data may be generated for it, and it does not change. digest: of the page that was read."""
    return _decided(actor, request, Agreement.Decision.AGREE, "agree", digest, _text(comment))


@recorded("send_back")
def send_back(actor: Account, request: ReleaseRequest, *, digest: str, comment: str) -> Agreement:
    """Send the use case back with what must change. InputError without a comment."""
    comment = _text(comment)
    if not comment:
        raise InputError("say what must change before the use case can be agreed")
    return _decided(actor, request, Agreement.Decision.SEND_BACK, "send_back", digest, comment)


@recorded("reopen")
def reopen(actor: Account, request: ReleaseRequest) -> ReleaseRequest:
    """Take a proposed or agreed request back to draft, to change what is agreed. It must be proposed anew."""
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "reopen", request)
        before = request.state
        _move(request, "reopen")
        audit.record(steward, "reopen", request, round=request.round, before=before)
    return request


def _decided(actor: Account, request: ReleaseRequest, decision: str, action: str, digest: str, comment: str) -> Agreement:
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, action, request)
        if digest != agreements.digest(request):
            raise Refused(STALE)
        agreement = Agreement.objects.create(
            request=request,
            round=request.round,
            reviewer=reviewer,
            author=request.author,
            decision=decision,
            comment=comment,
            proposal=agreements.proposal(request),
            digest=digest,
            release_policy=policy.in_force(),
            decided_at=timezone.now(),
        )
        _move(request, action)
        audit.record(reviewer, action, request, agreement=agreement.pk, digest=digest, release_policy=agreement.release_policy)
        drills.agreement_decided(request, agreement)
    return agreement


def _move(request: ReleaseRequest, action: str) -> None:
    step = policy.transition(request, action)
    if isinstance(step, str):
        raise Refused(step)
    request.state, request.changed_at = step.target, timezone.now()
    request.save()


def _text(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST:
        raise InputError(f"that is longer than {LONGEST:,} characters")
    return text
