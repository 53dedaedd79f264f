"""Links by which a person sets their own password: an invitation, or because they forgot it. One use, a few hours or days, then nothing.

Only a link's SHA-256 is kept. Where mail goes out, the worker makes the link at the moment it mails it, so that nobody else sees it;
where it does not, the administrator is shown it once.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from releases import audit
from releases.models import Account, PasswordLink
from releases.permissions import Refused
from releases.services import sign_ins
from releases.services.notices import REFUSED
from releases.services.recorded import locked, permit, recorded

log = logging.getLogger(__name__)
LASTS = {PasswordLink.Purpose.INVITATION: timedelta(days=7), PasswordLink.Purpose.RESET: timedelta(hours=2)}
SPENT = "This link was used already, is too old, or was replaced by a newer one. Ask for another."


def open_link(account: Account, purpose: PasswordLink.Purpose, *, asked_by: Account | None, by_mail: bool) -> tuple[PasswordLink, str]:
    """A new link in place of the one that was open, as part of the service that records it; its secret, "" when it goes by mail."""
    now = timezone.now()
    PasswordLink.objects.filter(account=account, used_at__isnull=True, ended_at__isnull=True).update(ended_at=now)
    secret = "" if by_mail else secrets.token_urlsafe(32)
    link = PasswordLink.objects.create(
        account=account,
        purpose=purpose,
        digest=_digest(secret) if secret else None,
        asked_by=asked_by,
        asked_at=now,
        expires_at=now + LASTS[purpose],
        by_mail=by_mail,
    )
    return link, secret


@recorded("invite_again")
def invite_again(actor: Account, account: Account) -> tuple[PasswordLink, str]:
    """Another invitation for somebody who never set a password; the link's secret, "" when it goes by mail."""
    with transaction.atomic():
        account = locked(account)
        administrator = permit(actor, "invite_again", account)
        made = open_link(account, PasswordLink.Purpose.INVITATION, asked_by=administrator, by_mail=not settings.SYNTHPORTAL_MAIL_IN_FILES)
        audit.record(administrator, "invite_again", account, link=made[0].pk)
    return made


@recorded("ask_for_link", by_system=True)
def ask_for_link(email: str) -> None:
    """Somebody says they forgot the password of `email`: a link is mailed to that address if it has an account.

    Nothing tells them whether.
    """
    with transaction.atomic():
        account = Account.objects.filter(email__iexact=email.strip(), is_active=True).first()
        if account is not None:
            purpose = PasswordLink.Purpose.RESET if account.has_usable_password() else PasswordLink.Purpose.INVITATION
            link, _ = open_link(account, purpose, asked_by=None, by_mail=True)
            audit.record(None, "ask_for_link", account, link=link.pk)


@recorded("mail_links", by_system=True)
def mail_links() -> int | None:
    """Mail the links that wait; how many, None when none did. A mail server that does not answer costs a try, nothing else."""
    now, sent = timezone.now(), 0
    waiting = PasswordLink.objects.filter(
        by_mail=True, digest__isnull=True, used_at__isnull=True, ended_at__isnull=True, expires_at__gt=now, account__is_active=True
    )
    for link in waiting.select_related("account"):
        secret = secrets.token_urlsafe(32)
        mine = PasswordLink.objects.filter(pk=link.pk, digest__isnull=True, ended_at__isnull=True)
        if not mine.update(digest=_digest(secret)):
            continue  # another worker has it
        try:
            _message(link, secret).send()
        except (OSError, SMTPException) as error:
            PasswordLink.objects.filter(pk=link.pk, used_at__isnull=True).update(digest=None)
            log.warning("link %s was not mailed: %s; it is tried again", link.pk, type(error).__name__)
            if isinstance(error, REFUSED):
                continue
            break
        sent += 1
        with transaction.atomic():
            audit.record(None, "mail_links", link.account, link=link.pk)
    return sent or None


def found(secret: str) -> PasswordLink | None:
    """The link that is open and has this secret."""
    return (
        PasswordLink.objects.select_related("account")
        .filter(digest=_digest(secret), used_at__isnull=True, ended_at__isnull=True, expires_at__gt=timezone.now(), account__is_active=True)
        .first()
    )


@recorded("use_link", by_system=True)
def use_link(secret: str, *, password: str) -> Account:
    """Set the password of the link's account, once; every sign-in of that account ends.

    Refused when the link is spent, InputError when the password is too weak (the link can then be used again).
    """
    with transaction.atomic():
        link = found(secret)
        if link is None:
            raise Refused(SPENT)
        account = locked(link.account)
        _valid(password, account)
        if not PasswordLink.objects.filter(pk=link.pk, used_at__isnull=True, ended_at__isnull=True).update(used_at=timezone.now()):
            raise Refused(SPENT)
        account.set_password(password)
        account.save(update_fields=["password"])
        sign_ins.end_all(account, "a new password was set by a link")
        audit.record(account, "use_link", account, purpose=link.purpose, link=link.pk)
    return account


def address_of(secret: str) -> str:
    """The whole address of a link."""
    return settings.SYNTHPORTAL_URL + reverse("open-link", args=[secret])


def _message(link: PasswordLink, secret: str) -> EmailMessage:
    invited = link.purpose == PasswordLink.Purpose.INVITATION
    opening = (
        "You are invited to synthportal, where synthetic data are made and reviewed. Choose a password here:"
        if invited
        else "Somebody asked for a new password for your account at synthportal. If it was you, choose one here:"
    )
    lasts = "seven days" if invited else "two hours"
    return EmailMessage(
        subject="Your invitation to synthportal" if invited else "A new password for synthportal",
        body=f"{opening}\n\n{address_of(secret)}\n\nThe link works once, for {lasts}. If you did not expect this, leave it unused.\n",
        from_email=settings.SYNTHPORTAL_MAIL_FROM,
        to=[link.account.email],
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _valid(password: Any, account: Account) -> None:
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise InputError(" ".join(error.messages)) from None
