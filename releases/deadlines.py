"""Until when: working days of England, by when a decision is due, how long an approval lives, when a release is looked at again.

The numbers are those of the release policy a request is judged by; where it sets none there is no deadline.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache

import holidays
from django.utils import timezone

from releases.models import ReleaseRequest
from releases.release_policies import TierPolicy, release_policy

CLOCKS = timedelta(minutes=5)
"""How far the clock may go back before what was done later than it says is no longer counted by it."""


def behind(moment: datetime | None) -> bool:
    """Whether the clock of this site was set back to before `moment`: then nobody can say how old what was done then is."""
    return moment is not None and moment > timezone.now() + CLOCKS


@cache
def _bank_holidays() -> holidays.HolidayBase:
    return holidays.country_holidays("GB", subdiv="ENG")


def working(day: date) -> bool:
    """Whether people work on that day: Monday to Friday, no bank holiday of England."""
    return day.weekday() < 5 and day not in _bank_holidays()


def after_working_days(start: date, days: int) -> date:
    """The last of `days` working days after `start`, which itself does not count."""
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= working(day)
    return day


def working_days(start: date, end: date) -> int:
    """How many working days lie after `start`, up to and with `end`; 0 when it is not later."""
    return sum(working(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))


def decision_due(request: ReleaseRequest) -> date | None:
    """The day by which a submitted request should be decided on; None where the policy states no turnaround."""
    tier = _tier(request)
    if request.submitted_at is None or tier is None or tier.turnaround_days is None:
        return None
    return after_working_days(timezone.localdate(request.submitted_at), tier.turnaround_days)


def reminders_due(request: ReleaseRequest, now: datetime) -> int:
    """How many reminders a submitted request should have caused by now: one every so many working days."""
    tier = _tier(request)
    if request.submitted_at is None or tier is None or not tier.reminder_days:
        return 0
    return working_days(timezone.localdate(request.submitted_at), timezone.localdate(now)) // tier.reminder_days


def approval_ends(request: ReleaseRequest) -> datetime | None:
    """When the approval of an approved request expires; None where it does not. (Only its publication changes it.)"""
    tier = _tier(request)
    if request.state != ReleaseRequest.State.APPROVED or tier is None or tier.approval_days is None:
        return None
    return request.changed_at + timedelta(days=tier.approval_days)


def rereview_due(request: ReleaseRequest) -> date | None:
    """The day on which people should look at a published release again: so long after its publication, or after they last did."""
    tier = release_policy().tier(request.tier)
    publication = getattr(request, "publication", None)
    if tier is None or tier.rereview_days is None or publication is None or publication.published_at is None:
        return None
    last = max((publication.published_at, *(each.at for each in request.rereviews.all())))
    return timezone.localdate(last) + timedelta(days=tier.rereview_days)


def _tier(request: ReleaseRequest) -> TierPolicy | None:
    return release_policy(request.release_policy or None).tier(request.tier)
