"""What an access officer decides about an application: grant, return, refuse."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases.catalogue.access import applications, grants, journal, outbox, permissions, states
from releases.catalogue.access.permissions import AccessRefused, InputRefused, permit
from releases.catalogue.models import Application, CatalogueAccount, Grant, Signature


def grant(actor: CatalogueAccount, application: Application, *, days: int, referee_found: bool, reason: str = "") -> Grant:
    """Grant access to the release for so many days. Both signatures must hold, and the training be accepted."""
    with transaction.atomic():
        application, account = _asked(actor, application)
        if not 1 <= days <= settings.SYNTHPORTAL_LONGEST_GRANT:
            raise InputRefused(f"A grant lasts from 1 to {settings.SYNTHPORTAL_LONGEST_GRANT} days.", "days")
        if not referee_found:
            raise InputRefused("Look the referee up on the page named, and say that you found them there in that role.", "referee_found")
        signed = [applications.holds(application, capacity) for capacity in Signature.Capacity.values]
        if None in signed or signed[0] is None:
            raise AccessRefused("A signature is missing under what the application says now, or the licence was replaced; return it.")
        if grants.trained(application.account) is None:
            raise AccessRefused("The proof of training was not accepted yet, or has lapsed; look at it first, or return the application.")
        now = timezone.now()
        _decide(application, account, "grant", reason)
        made = Grant.objects.create(
            account=application.account,
            release=application.release,
            application=application,
            licence=signed[0].licence,
            granted_by=account,
            granted_at=now,
            ends_at=now + timedelta(days=days),
        )
        journal.record(account, "grant", made, days=days, release=application.release.slug)
        _tell(application, "Access granted", f"You have access to “{application.release}” for {days} days.")
    return made


def send_back(actor: CatalogueAccount, application: Application, *, reason: str) -> Application:
    """Return it to the applicant, who can put it right."""
    return _said(actor, application, "return", reason, "Your application came back")


def refuse(actor: CatalogueAccount, application: Application, *, reason: str) -> Application:
    """Refuse it for good."""
    return _said(actor, application, "refuse", reason, "Access refused")


def _said(actor: CatalogueAccount, application: Application, action: str, reason: str, subject: str) -> Application:
    with transaction.atomic():
        application, account = _asked(actor, application)
        if not reason.strip():
            raise InputRefused("Say why, in a sentence that the applicant can act on.", "reason")
        _decide(application, account, action, reason)
        journal.record(account, action, application)
        _tell(application, subject, f"Your application for “{application.release}”: {application.reason}")
    return application


def _asked(actor: CatalogueAccount, application: Application) -> tuple[Application, CatalogueAccount]:
    application = applications.locked(application)
    return application, permit(permissions.decide, actor, application)


def _decide(application: Application, account: CatalogueAccount, action: str, reason: str) -> None:
    states.move(application, action)
    application.decided_by, application.decided_at, application.reason = account, timezone.now(), reason.strip()
    application.save(update_fields=["state", "changed_at", "decided_by", "decided_at", "reason"])


def _tell(application: Application, subject: str, text: str) -> None:
    outbox.post(application.account.email, subject, f"{text}\n\nSign in and open “Your access” for what to do next.")
