"""How old is what this site knows? A catalogue that has not heard from the publisher may have missed a withdrawal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from releases.catalogue.models import FeedPosition
from releases.catalogue.models.feed import Standing


@dataclass(frozen=True)
class Freshness:
    """heard_at: the publisher's newest heartbeat that counted, None before the first.

    stale: pages say so; refusing: nothing is handed out.
    """

    heard_at: datetime | None
    stale: bool
    refusing: bool


def freshness(now: datetime | None = None) -> Freshness:
    """Where the site stands by the settings SYNTHPORTAL_STALE_AFTER and SYNTHPORTAL_REFUSE_AFTER (seconds)."""
    return freshness_of(FeedPosition.standing(), now)


def freshness_of(position: Standing | None, now: datetime | None = None) -> Freshness:
    """The same of a position that was read already."""
    heard_at = position.heartbeat_at if position else None
    if heard_at is None:
        # A position without a heartbeat: notices were read, but nobody says how old they are.
        told = position is not None and position.sequence > 0
        return Freshness(None, told, told)
    age = (now or timezone.now()) - heard_at
    return Freshness(
        heard_at,
        stale=age > timedelta(seconds=settings.SYNTHPORTAL_STALE_AFTER),
        refusing=age > timedelta(seconds=settings.SYNTHPORTAL_REFUSE_AFTER),
    )
