"""Links that are mailed: signed, for one purpose and one thing, used once, for some days. Of their secret only a digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone

from releases.catalogue.models import MailedLink

LASTS = {
    MailedLink.Purpose.CONFIRM: timedelta(days=2),
    MailedLink.Purpose.PASSWORD: timedelta(hours=2),
    MailedLink.Purpose.REFEREE: timedelta(days=21),
    MailedLink.Purpose.DELETION: timedelta(days=90),
    MailedLink.Purpose.HOLD: timedelta(days=14),
}
SPENT = "This link was used already, is too old, was replaced by a newer one, or was never one of ours."
_ROUTES = {
    MailedLink.Purpose.CONFIRM: "catalogue:confirm-address",
    MailedLink.Purpose.PASSWORD: "catalogue:choose-password",
    MailedLink.Purpose.REFEREE: "catalogue:referee",
    MailedLink.Purpose.DELETION: "catalogue:deletion",
    MailedLink.Purpose.HOLD: "catalogue:hold",
}


def made(purpose: MailedLink.Purpose, subject: UUID, *, lasts: timedelta | None = None) -> str:
    """The whole address of a new link; earlier ones for the same end. Inside the transaction that posts it."""
    end(purpose, subject)
    text = _signer(purpose).sign(secrets.token_urlsafe(32))
    now = timezone.now()
    MailedLink.objects.create(
        purpose=purpose, subject=subject, digest=_digest(text), made_at=now, expires_at=now + (lasts or LASTS[purpose])
    )
    return settings.SYNTHPORTAL_URL + reverse(_ROUTES[purpose], args=[text])


def found(purpose: MailedLink.Purpose, text: str) -> UUID | None:
    """What the open link of this text is about; None for one that is forged, spent, too old or for another purpose."""
    link = _open(purpose, text)
    return link.subject if link else None


def use(purpose: MailedLink.Purpose, text: str) -> UUID | None:
    """The same, and the link is spent: of two at once one gets it. Inside the transaction of what it is used for."""
    link = _open(purpose, text)
    if link is None or not MailedLink.objects.filter(pk=link.pk, ended_at__isnull=True).update(ended_at=timezone.now()):
        return None
    return link.subject


def end(purpose: MailedLink.Purpose, subject: UUID) -> None:
    """Open links of this purpose for this thing open nothing any more."""
    MailedLink.objects.filter(purpose=purpose, subject=subject, ended_at__isnull=True).update(ended_at=timezone.now())


def _open(purpose: MailedLink.Purpose, text: str) -> MailedLink | None:
    try:
        _signer(purpose).unsign(text)
    except BadSignature:
        return None
    now = timezone.now()
    return MailedLink.objects.filter(purpose=purpose, digest=_digest(text), ended_at__isnull=True, expires_at__gt=now).first()


def _signer(purpose: MailedLink.Purpose) -> Signer:
    return Signer(salt=f"catalogue link {purpose.value}", sep=".")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
