"""How old is what this site knows? A catalogue that has not heard from the publisher may have missed a withdrawal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from releases.catalogue.models import FeedPosition


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
    known = FeedPosition.objects.filter(pk=1).values_list("sequence", "heartbeat_at").first()
    return freshness_of(*(known or (0, None)), now)


def freshness_of(sequence: int, heard_at: datetime | None, now: datetime | None = None) -> Freshness:
    """The same of a position that was read already."""
    if heard_at is None:
        # A position without a heartbeat: notices were read, but nobody says how old they are.
        return Freshness(None, sequence > 0, sequence > 0)
    age = (now or timezone.now()) - heard_at
    return Freshness(
        heard_at,
        stale=age > timedelta(seconds=settings.SYNTHPORTAL_STALE_AFTER),
        refusing=age > timedelta(seconds=settings.SYNTHPORTAL_REFUSE_AFTER),
    )
