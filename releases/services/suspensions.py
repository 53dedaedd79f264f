"""Suspending a release and releasing it again; what the public site and the release's guardians must hear of it."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, policy
from releases.models import Account, Alert, Announcement, ReauditRecord, ReleaseRequest
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

log = logging.getLogger(__name__)
GUARDIANS = ("sdat", "ig")
SUSPENDED = "A regular re-audit found that it no longer meets the conditions for release."
"""What the public is told of a failed re-audit, beside that it is suspended. Of a suspension by hand it is told nothing more."""
LONGEST = 2_000


@recorded("suspend")
def suspend(actor: Account, request: ReleaseRequest, *, why: str) -> ReleaseRequest:
    """IG takes a release off the shelf at once. `why` is for people inside; the public hears only that it is being looked into."""
    why = _text(why, "say why the release is suspended")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "suspend", request)
        _suspended(request, by=reviewer, why=why)
    return request


@recorded("suspend", by_system=True)
def suspend_after(record: ReauditRecord) -> ReleaseRequest | None:
    """Suspend the release whose re-audit failed. None when it is not published any more: then only its guardians hear of it.

    Part of the transaction that stores the re-audit, so that there is no failed re-audit of a release still on the shelf.
    """
    request = locked(record.request)
    verdict = record.verdict or {}
    words = (verdict.get("sentences") or ["It no longer meets the gates in force."])[0]
    if request.state != ReleaseRequest.State.PUBLISHED:
        alert(request, f"Re-audit failed: {request.title}", f"The re-audit of “{request.title}” failed. {words}")
        return None
    _suspended(request, by=None, why=f"The re-audit under gates {record.gates_version} failed. {words}", record=record.pk)
    return request


@recorded("resume")
def resume(actor: Account, request: ReleaseRequest, *, why: str) -> ReleaseRequest:
    """IG releases a suspended release again, once a re-audit made since then has passed."""
    why = _text(why, "say why it can be released again")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "resume", request)
        step = policy.transition(request, "resume")
        if isinstance(step, str):
            raise Refused(step)
        request.state, request.changed_at = step.target, timezone.now()
        request.save()
        announcement = _ask(request, Announcement.Kind.RESUMED, by=reviewer, why=why)
        audit.record(reviewer, "resume", request, announcement=announcement.pk)
        alert(request, f"Released again: {request.title}", f"“{request.title}” is released again, as {reviewer.full_name} decided.")
    return request


@recorded("announce_reaudit", by_system=True)
def announce_reaudit(record: ReauditRecord) -> Announcement:
    """Have the feed say that the release was re-audited and passed. Part of the transaction that stores the re-audit."""
    request = locked(record.request)
    announcement = _ask(request, Announcement.Kind.REAUDITED, by=None, why="")
    audit.record(None, "announce_reaudit", request, announcement=announcement.pk, record=record.pk)
    return announcement


@recorded("alert", by_system=True)
def alert(request: ReleaseRequest, subject: str, sentence: str, *, roles: tuple[str, ...] = GUARDIANS) -> Alert:
    """Tell people in these roles something about a release: on their home pages, and by mail. Never a figure.

    Within the caller's transaction.
    """
    made = Alert.objects.create(request=request, roles=list(roles), subject=subject[:200], sentence=sentence, made_at=timezone.now())
    audit.record(None, "alert", request, alert=made.pk, roles=list(roles))
    return made


@recorded("mail_alerts", by_system=True)
def mail_alerts() -> int | None:
    """Mail what waits to be mailed; how many, None when nothing did. A mail server that does not answer costs a try, nothing else.

    Marked when it is sent, so a process that dies between the two sends it twice rather than not at all.
    """
    if not settings.SYNTHPORTAL_MAIL_FROM:
        return None
    sent = 0
    for waiting in Alert.objects.filter(mailed_at__isnull=True).order_by("made_at").select_related("request"):
        message = EmailMessage(
            subject=" ".join(waiting.subject.split()),
            body=f"{waiting.sentence}\n\nSign in to the secure site to see more; this mail holds no more than that.\n",
            from_email=settings.SYNTHPORTAL_MAIL_FROM,
            bcc=_addresses(waiting.roles),
        )
        try:
            message.send()
        except (OSError, SMTPException) as error:
            log.warning("alert %s was not mailed: %s; it is tried again", waiting.pk, type(error).__name__)
            break
        with transaction.atomic():
            if Alert.objects.filter(pk=waiting.pk, mailed_at__isnull=True).update(mailed_at=timezone.now()):
                audit.record(None, "mail_alerts", waiting, recipients=len(message.bcc))
                sent += 1
    return sent or None


def _suspended(request: ReleaseRequest, *, by: Account | None, why: str, **payload: Any) -> None:
    step = policy.transition(request, "suspend")
    if isinstance(step, str):
        raise Refused(step)
    request.state, request.changed_at = step.target, timezone.now()
    request.save()
    announcement = _ask(request, Announcement.Kind.SUSPENDED, by=by, why=why, said="" if by else SUSPENDED)
    audit.record(by, "suspend", request, announcement=announcement.pk, **payload)
    # What a person typed stays on the page of the release: nobody knows what is in it, and alerts are mailed.
    whom = f"by {by.full_name}; the page of the release says why." if by else f"by the site itself. {why}"
    alert(request, f"Suspended: {request.title}", f"“{request.title}” was suspended {whom}")


def _ask(request: ReleaseRequest, kind: str, *, by: Account | None, why: str, said: str = "") -> Announcement:
    number = request.announcements.count() + 1  # the request's row is locked
    return Announcement.objects.create(request=request, kind=kind, by=by, why=why, said=said, number=number, asked_at=timezone.now())


def _addresses(roles: list[str]) -> list[str]:
    return sorted({a.email for a in Account.objects.filter(is_active=True) if a.roles & set(roles)})


def _text(text: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise InputError(missing)
    if len(text) > LONGEST:
        raise InputError(f"that is longer than {LONGEST:,} characters")
    return text
