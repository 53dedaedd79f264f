"""Where a submitted request stands in the queue: its place, how long it has waited, by when a decision is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from releases import deadlines, guards
from releases.models import ReleaseRequest


@dataclass(frozen=True)
class Waiting:
    """place: 1 is the one that has waited longest, of `of` that wait for the same people; days: working days waited."""

    place: int
    of: int
    days: int
    due: date | None
    late: bool


def waiting(request: ReleaseRequest, now: datetime | None = None) -> Waiting | None:
    """How a submitted request waits; None when it does not. Drills wait like any other request: a gap in the queue would tell of them."""
    if request.state != ReleaseRequest.State.SUBMITTED or request.submitted_at is None:
        return None
    today = timezone.localdate(now or timezone.now())
    mine = set(guards.outstanding(request))
    queue = ReleaseRequest.objects.filter(state=ReleaseRequest.State.SUBMITTED).order_by("submitted_at", "pk")
    same = [other.pk for other in queue if other.pk == request.pk or mine & set(guards.outstanding(other))]
    due = deadlines.decision_due(request)
    days = deadlines.working_days(timezone.localdate(request.submitted_at), today)
    return Waiting(same.index(request.pk) + 1, len(same), days, due, due is not None and due < today)
