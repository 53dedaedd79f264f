"""Why requests of a kind come back: the coded reasons of the last year's returns and rejections, for who is about to submit one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from releases.models import SignOff

YEAR = timedelta(days=365)
MOST = 3


@dataclass(frozen=True)
class Common:
    """One reason and how many requests of the kind it sent back. No request and no person is named."""

    code: str
    words: str
    requests: int


def commonest(tier: str, now: datetime) -> tuple[Common, ...]:
    """The commonest coded reasons of this kind of data in the last year, most frequent first. Drills do not count, revealed or not."""
    given = SignOff.objects.filter(request__tier=tier, decided_at__gte=now - YEAR, decided_at__lte=now, request__drill__isnull=True)
    pairs = set(given.exclude(decision=SignOff.Decision.APPROVE).values_list("reason_code", "request"))
    counted = Counter(code for code, _ in pairs)
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:MOST]
    return tuple(Common(code, str(SignOff.Reason(code).label), number) for code, number in ordered)
