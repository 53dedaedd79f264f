"""Personal tokens: made, shown once, revoked, recognised."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import grants, journal, permissions
from releases.catalogue.access.permissions import InputRefused, permit
from releases.catalogue.models import AccessToken, CatalogueAccount, Release

PREFIX = "synthcatalogue_"
"""What every token begins with: tools that search code for secrets find one that was left there."""
MOST_DAYS = 365
MOST_TOKENS = 20
_SEEN_AGAIN = timedelta(hours=1)


def choices(account: CatalogueAccount) -> list[Release]:
    """Releases a token may be made for: those a grant opens now."""
    found = Release.objects.filter(grants__account=account).distinct().order_by("slug")
    return [release for release in found if grants.live(account, release) is not None]


def make_token(actor: CatalogueAccount, *, name: str, releases: Sequence[Release], days: int) -> tuple[AccessToken, str]:
    """A new token for these releases, and its text, which is not kept. InputRefused names what cannot be chosen."""
    name = " ".join(name.split())
    if not name or len(name) > 60 or not name.isprintable():
        raise InputRefused("Name the token in at most 60 characters, for example after the program that will use it.", "name")
    if not 1 <= days <= MOST_DAYS:
        raise InputRefused(f"A token lasts from 1 to {MOST_DAYS} days.", "days")
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        account = permit(permissions.make_token, actor)
        open_tokens = account.tokens.filter(revoked_at__isnull=True)
        if open_tokens.filter(name=name).exists():
            raise InputRefused("You have a token of that name already; revoke it first, or name this one otherwise.", "name")
        if open_tokens.filter(expires_at__gt=timezone.now()).count() >= MOST_TOKENS:
            raise InputRefused(f"You have {MOST_TOKENS} tokens; revoke one first.")
        if not releases or {each.pk for each in releases} - {each.pk for each in choices(account)}:
            raise InputRefused("Choose at least one dataset that you have access to.", "releases")
        now = timezone.now()
        token = AccessToken.objects.create(
            account=account, name=name, digest=_digest(text), made_at=now, expires_at=now + timedelta(days=days)
        )
        token.releases.set(releases)
        journal.record(account, "make token", token, days=days, releases=sorted(each.slug for each in releases))
    return token, text


def revoke_token(actor: CatalogueAccount, token: AccessToken) -> AccessToken:
    """End a token. It opens nothing from that moment."""
    with transaction.atomic():
        token = AccessToken.objects.select_for_update().get(pk=token.pk)
        account = permit(permissions.revoke_token, actor, token)
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        journal.record(account, "revoke token", token)
    return token


def recognised(text: str) -> AccessToken | None:
    """The token of that text, when it counts; None for one that is unknown, revoked, too old or of a closed account."""
    now = timezone.now()
    if not text.startswith(PREFIX) or len(text) > 200:
        return None
    counting = AccessToken.objects.filter(revoked_at__isnull=True, expires_at__gt=now, account__is_active=True)
    token = counting.select_related("account").filter(digest=_digest(text)).first()
    if token is not None and (token.used_at is None or token.used_at < now - _SEEN_AGAIN):
        AccessToken.objects.filter(pk=token.pk).update(used_at=now)
    return token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
