"""What the clock does to requests and releases: reminders, approvals that expire, and people's second look at a release."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, deadlines, policy
from releases.models import Account, Notification, ReleaseRequest, Rereview, StandingApproval
from releases.services.recorded import locked, permit, recorded

State = ReleaseRequest.State
BEFORE_EXPIRY = timedelta(days=7)
BEFORE_STANDING_EXPIRY = timedelta(days=30)
"""How long before an approval, or a standing approval, expires its people are told."""
LONGEST = 2_000


@recorded("expire", by_system=True)
def expire_approvals() -> list[ReleaseRequest] | None:
    """Return every approved request whose approval has expired before its publication began; None when there was none."""
    expired = []
    for key in list(ReleaseRequest.objects.filter(state=State.APPROVED).values_list("pk", flat=True)):
        with transaction.atomic():
            request = ReleaseRequest.objects.select_for_update(no_key=True).get(pk=key)
            step = policy.transition(request, "expire")
            if isinstance(step, str):
                continue
            request.state, request.changed_at = step.target, timezone.now()
            request.save()
            audit.record(None, "expire", request, round=request.round)
            expired.append(request)
    return expired or None


@recorded("remind", by_system=True)
def remind(now: datetime | None = None) -> int | None:
    """Remind people of what waits: reviews, approvals about to expire, releases to look at again. Each once; None when nothing is new."""
    now, reminded = now or timezone.now(), 0
    for row, what, key in _due(now):
        with transaction.atomic():
            row = locked(row)
            if not Notification.objects.filter(key=key).exists():
                audit.record(None, "remind", row, what=what, key=key)
                reminded += 1
    return reminded or None


@recorded("rereview")
def rereview(actor: Account, request: ReleaseRequest, *, why: str) -> Rereview:
    """IG looked at a published release again: it may stay. InputError when no reason is given."""
    why = why.strip()
    if not why:
        raise InputError("say why the release may stay")
    if len(why) > LONGEST:
        raise InputError(f"that is longer than {LONGEST:,} characters")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "rereview", request)
        made = Rereview.objects.create(request=request, by=reviewer, author=request.author, why=why, at=timezone.now())
        audit.record(reviewer, "rereview", request, rereview=made.pk)
    return made


def _due(now: datetime) -> Iterator[tuple[ReleaseRequest | StandingApproval, str, str]]:
    """(row, what, key): what people should be reminded of. The key says which reminder of its kind it is."""
    for request in ReleaseRequest.objects.filter(state=State.SUBMITTED).order_by("submitted_at", "pk"):
        if number := deadlines.reminders_due(request, now):
            yield request, "review", f"reminder:{request.pk}:{request.round}:{number}"
    for request in ReleaseRequest.objects.filter(state=State.APPROVED, drill__isnull=True).order_by("changed_at", "pk"):
        ends = deadlines.approval_ends(request)
        if ends is not None and ends - BEFORE_EXPIRY <= now and not hasattr(request, "publication"):
            yield request, "expiry", f"expiry:{request.pk}:{request.round}"
    for request in ReleaseRequest.objects.filter(state=State.PUBLISHED).select_related("publication").order_by("changed_at", "pk"):
        due = deadlines.rereview_due(request)
        if due is not None and due <= timezone.localdate(now):
            yield request, "rereview", f"rereview:{request.pk}:{due}"
    ending = StandingApproval.objects.filter(revoked_at__isnull=True, expires_at__gt=now, expires_at__lte=now + BEFORE_STANDING_EXPIRY)
    for approval in ending.order_by("expires_at", "pk"):
        yield approval, "standing approval", f"standing:{approval.pk}"
