"""Attempts that cost longer and longer waits: wrong passwords, asking for mails. Only keyed hashes of who and where are kept.

Whether there is such an account makes no difference to anything here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from releases.catalogue.access.institutions import canonical
from releases.catalogue.access.keys import keyed_digest
from releases.catalogue.models import FailedAttempts

FORGOTTEN = timedelta(days=1)
Limits = Mapping[str, tuple[int, timedelta]]
"""What is counted (together: one address from one place) → attempts that cost nothing, longest wait."""
SIGNING_IN: Limits = {
    "together": (4, timedelta(hours=1)),
    "address": (19, timedelta(minutes=15)),
    "place": (99, timedelta(hours=1)),
}
ASKING: Limits = {"asking address": (3, timedelta(hours=1)), "asking place": (20, timedelta(hours=1))}
"""Registering, and asking for a new password: each sends a mail to somebody."""


def waiting(limits: Limits, email: str, place: str) -> timedelta | None:
    """How long this address, from this place, must wait; None when it need not."""
    now = timezone.now()
    until = FailedAttempts.objects.filter(key__in=_keys(limits, email, place).values(), locked_until__gt=now)
    longest = max((row.locked_until for row in until if row.locked_until), default=None)
    return longest - now if longest else None


def count(limits: Limits, email: str, place: str) -> None:
    """One more."""
    now = timezone.now()
    with transaction.atomic():
        for kind, key in _keys(limits, email, place).items():
            free, longest = limits[kind]
            FailedAttempts.objects.get_or_create(key=key, defaults={"last_at": now})
            row = FailedAttempts.objects.select_for_update().get(key=key)
            row.failures = 1 if abs(now - row.last_at) > FORGOTTEN else row.failures + 1
            beyond = row.failures - free
            row.last_at = now
            row.locked_until = now + min(longest, timedelta(minutes=2 ** min(beyond - 1, 10))) if beyond > 0 else None
            row.save()


def forgive(email: str, place: str) -> None:
    """Signed in: the person's failures are forgotten. Not the place's: whoever guesses at others there may have an account too."""
    keys = _keys(SIGNING_IN, email, place)
    FailedAttempts.objects.filter(key__in=[keys["together"], keys["address"]]).delete()
    FailedAttempts.objects.filter(last_at__lt=timezone.now() - FORGOTTEN).delete()


def place_of(request: HttpRequest) -> str:
    """The network address a request comes from, as the nearest of our own proxies saw it."""
    passed = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    proxies = settings.SYNTHPORTAL_PROXIES
    return passed[-proxies] if proxies and len(passed) >= proxies else str(request.META.get("REMOTE_ADDR", ""))


def _keys(limits: Limits, email: str, place: str) -> dict[str, str]:
    person = canonical(email)
    parts = {kind: f"{person} {place}" if kind == "together" else person if "address" in kind else place for kind in limits}
    return {kind: keyed_digest("failed attempts", f"{kind} {part}") for kind, part in parts.items()}
