"""Personal tokens: made, shown once, revoked, recognised."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, deadlines
from releases.models import Account, PersonalToken
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

PREFIX = "synthportal_"
"""What every token begins with: tools that search code for secrets find one that was left there."""
MOST_DAYS = 365
_SEEN_AGAIN = timedelta(hours=1)


@recorded("make_token")
def make_token(actor: Account, *, name: str, scopes: Collection[str], days: int) -> tuple[PersonalToken, str]:
    """A new token and its text, which is not kept. InputError names what cannot be chosen."""
    name = " ".join(name.split())
    if not name or len(name) > 60 or not name.isprintable():
        raise InputError("name the token in at most 60 characters, for example after the program that will use it")
    if not scopes or set(scopes) - set(PersonalToken.Scope.values):
        raise InputError(f"a token may do at least one of: {', '.join(PersonalToken.Scope.values)}")
    if not 1 <= days <= MOST_DAYS:
        raise InputError(f"a token lasts from 1 to {MOST_DAYS} days")
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        account = permit(actor, "make_token")
        now = timezone.now()
        if account.tokens.filter(name=name, revoked_at__isnull=True).exists():
            raise Refused("You have a token of that name already; revoke it first, or name this one otherwise.")
        made = PersonalToken.objects.create(
            account=account,
            name=name,
            digest=_digest(text),
            scopes=sorted(set(scopes)),
            made_at=now,
            expires_at=now + timedelta(days=days),
        )
        audit.record(account, "make_token", made, scopes=made.scopes, days=days)
    return made, text


@recorded("revoke_token")
def revoke_token(actor: Account, token: PersonalToken) -> PersonalToken:
    """End a token. It counts from that moment."""
    with transaction.atomic():
        token = locked(token)
        account = permit(actor, "revoke_token", token)
        token.revoked_at = timezone.now()
        token.save()
        audit.record(account, "revoke_token", token)
    return token


def recognised(text: str) -> PersonalToken | None:
    """The token of that text, whatever became of it; None when there is none. That it was used is noted once an hour."""
    found = PersonalToken.objects.select_related("account").filter(digest=_digest(text)).first() if text.startswith(PREFIX) else None
    now = timezone.now()
    if found is not None and unusable(found) is None and (found.used_at is None or found.used_at < now - _SEEN_AGAIN):
        PersonalToken.objects.filter(pk=found.pk).update(used_at=now)
    return found


def unusable(token: PersonalToken) -> str | None:
    """Why the token opens nothing, as one sentence, or None."""
    if not token.account.is_active:
        return "The account of this token was closed."
    if token.revoked_at is not None:
        return "This token was revoked; make another one."
    if deadlines.behind(token.used_at or token.made_at):
        return "The clock of this site was set back, so nobody can say how old this token is; make another one."
    return "This token is too old; make another one." if token.expires_at <= timezone.now() else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
