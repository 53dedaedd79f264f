"""Failed attempts: each further one in a row costs a longer wait, whether or not the account exists.

Counted apart for one e-mail address from one network address (somebody guessing, or mistyping), for one e-mail address from anywhere
(many machines guessing at one person) and for one network address (one machine guessing at many people). Only keyed hashes are kept.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from releases import audit, files
from releases.models import Account, FailedAttempts
from releases.models.accounts import person_key
from releases.services.recorded import recorded

FORGOTTEN = timedelta(days=1)
"""After so long without another failure the row of failures is at an end."""
ROWS = {  # kind: (failures that cost nothing, longest wait)
    "together": (4, timedelta(hours=1)),
    "account": (19, timedelta(minutes=15)),
    "place": (99, timedelta(hours=1)),
}
ASKING = {"asked by account": (3, timedelta(hours=1)), "asked from place": (20, timedelta(hours=1))}


def waiting(email: str, place: str) -> timedelta | None:
    """How long this e-mail address, from this network address, must wait before it may try again; None when it need not."""
    return _longest(_keys(ROWS, email, place))


def too_often(email: str, place: str) -> timedelta | None:
    """The same for asking for a link to set a password."""
    return _longest(_keys(ASKING, email, place))


@recorded("fail_sign_in", by_system=True)
def failed(email: str, place: str, *, step: str) -> None:
    """One more failure. step: "password", "second step" or "provider"; it is told in the trail, with the account when there is one."""
    until = [_count(key, *ROWS[kind]) for kind, key in _keys(ROWS, email, place).items()]
    account = Account.objects.filter(email__iexact=email).first()
    locked = any(moment is not None for moment in until)
    if account is not None or locked:
        audit.record_refusal(None, "sign_in", account, f"A wrong {step}" + ("; further attempts must wait." if locked else "."))


@recorded("count_asking", by_system=True)
def asked(email: str, place: str) -> None:
    """One more request for a link to set a password."""
    for kind, key in _keys(ASKING, email, place).items():
        _count(key, *ASKING[kind])


@recorded("forget_failures", by_system=True)
def succeeded(email: str, place: str) -> None:
    """Signed in: the person's failures are forgotten. Not the place's: whoever guesses at others there may have an account too."""
    keys = _keys(ROWS, email, place)
    FailedAttempts.objects.filter(key__in=[keys["together"], keys["account"]]).delete()
    FailedAttempts.objects.filter(last_at__lt=timezone.now() - FORGOTTEN).delete()  # anybody's: nobody can fill the disk for long


def _keys(kinds: dict[str, tuple[int, timedelta]], email: str, place: str) -> dict[str, str]:
    person, zone = person_key(email), files.key("failed attempts")
    parts = {kind: (person if "account" in kind else place if "place" in kind else f"{person} {place}") for kind in kinds}
    return {kind: hmac.new(zone, f"{kind} {part}".encode(), hashlib.sha256).hexdigest() for kind, part in parts.items()}


def _longest(keys: dict[str, str]) -> timedelta | None:
    now = timezone.now()
    until = [row.locked_until for row in FailedAttempts.objects.filter(key__in=keys.values(), locked_until__gt=now)]
    return max(until) - now if until else None


def _count(key: str, free: int, longest: timedelta) -> object:
    now = timezone.now()
    with transaction.atomic():
        FailedAttempts.objects.get_or_create(key=key, defaults={"failures": 0, "last_at": now})
        row = FailedAttempts.objects.select_for_update().get(key=key)
        row.failures = 1 if abs(now - row.last_at) > FORGOTTEN else row.failures + 1
        row.last_at = now
        beyond = row.failures - free
        row.locked_until = now + min(longest, timedelta(minutes=2 ** min(beyond - 1, 10))) if beyond > 0 else None
        row.save()
    return row.locked_until
