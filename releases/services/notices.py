"""Telling people what waits for them or concerns them: on their page of notices, and by mail."""

from __future__ import annotations

import logging
from datetime import datetime
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from generators.errors import InputError
from releases import audit, hearing
from releases.models import Account, AuditEvent, MailChoice, Notification
from releases.services.recorded import locked, permit, recorded

log = logging.getLogger(__name__)
Mail, When = Notification.Mail, MailChoice.When
DAILY_FROM = 7
"""Hour of the day, local time, from which the daily mails go."""
MOST_IN_A_MAIL = 50
REFUSED = (SMTPRecipientsRefused, SMTPDataError)
"""What a mail server says of one mail, taking others."""
MUST_KNOW = "ig"
"""Whoever holds this role is mailed of what is urgent at once, whatever they chose."""


def tell(event: AuditEvent, target: Any) -> None:
    """Write down who must hear of an event: part of the transaction that recorded it. The same person hears the same thing once."""
    rule = hearing.RULES.get(event.action)
    if rule is None or target is None:
        return
    rows = [
        Notification(
            account_id=key,
            kind=heard.kind,
            request=heard.request,
            title=" ".join(heard.title.split())[:200],
            sentence=heard.sentence,
            link=heard.link,
            key=heard.key or f"{heard.kind}:{event.sequence}",
            urgent=heard.urgent,
            made_at=event.at,
        )
        for heard in rule(event, target)
        for key in sorted({person.pk for person in heard.whom if person.is_active} - (set() if heard.own else {event.actor_id}))
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if event.action == "sign_off":
        done = Notification.objects.filter(account=event.actor, request=target, kind__in=("review", "reminder"), read_at__isnull=True)
        done.update(read_at=event.at)  # what they were asked to do is done


@recorded("read_notices")
def read_notices(actor: Account, notice: Notification | None = None) -> int:
    """Mark one of one's own notices as read, or all of them; how many were unread."""
    with transaction.atomic():
        account = permit(actor, "read_notices", notice)
        unread = account.notices.filter(read_at__isnull=True)
        marked = (unread if notice is None else unread.filter(pk=notice.pk)).update(read_at=timezone.now())
        audit.record(account, "read_notices", account, notices=marked)
    return marked


@recorded("choose_mail")
def choose_mail(actor: Account, *, when: str) -> MailChoice:
    """Choose whether one's notices are mailed at once, once a day, or not. InputError for anything else."""
    if when not in When.values:
        raise InputError(f"notices are mailed: {', '.join(When.values)}")
    with transaction.atomic():
        account = permit(actor, "choose_mail")
        choice, _ = MailChoice.objects.update_or_create(account=account, defaults={"when": when})
        audit.record(account, "choose_mail", account, when=when)
    return choice


@recorded("mail_notices", by_system=True)
def mail_waiting(now: datetime | None = None) -> int | None:
    """Mail what waits: to each person one mail, with titles and links and nothing more. How many mails, None when there were none.

    The worker does it, after what is told was committed. Marked when it is sent: a process that dies between the two sends it twice rather
    than not at all, and a mail server that does not answer costs a try, nothing else.
    """
    now, sent = now or timezone.now(), 0
    waiting = Notification.objects.filter(mail=Mail.WAITING)
    for account in Account.objects.filter(pk__in=waiting.values("account")).order_by("email"):
        choice = MailChoice.objects.filter(account=account).first() or MailChoice(account=account)
        mine = waiting.filter(account=account)
        if account.is_active:
            found = list(_due(mine, account, choice, now).order_by("made_at", "pk"))
            try:
                sent += bool(found) and _sent(account, found, now)
            except (OSError, SMTPException) as error:
                since = waiting.earliest("made_at").made_at
                log.warning("the mail server takes nothing (%s); notices wait since %s and are tried again", type(error).__name__, since)
                break
        if not account.is_active or choice.when == When.NONE:
            mine.update(mail=Mail.UNWANTED)
        if choice.when == When.DAILY and _daily_due(choice, now):
            MailChoice.objects.filter(pk=choice.pk).update(digest_at=now)
    return sent or None


def _due(mine: QuerySet[Notification], account: Account, choice: MailChoice, now: datetime) -> QuerySet[Notification]:
    """Which of somebody's notices are mailed now."""
    if choice.when == When.AT_ONCE or (choice.when == When.DAILY and _daily_due(choice, now)):
        return mine
    return mine.filter(urgent=True) if MUST_KNOW in account.roles else mine.none()


def _daily_due(choice: MailChoice, now: datetime) -> bool:
    here = timezone.localtime(now)
    last = timezone.localtime(choice.digest_at).date() if choice.digest_at else None
    return here.hour >= DAILY_FROM and last != here.date()


def _sent(account: Account, found: list[Notification], now: datetime) -> bool:
    """Send one mail; False when the server takes none for this address, which holds up nobody else.

    OSError, SMTPException when it takes none at all.
    """
    site = settings.SYNTHPORTAL_URL.rstrip("/")
    lines = [f"{each.title}\n  {site}{each.link}" for each in found[:MOST_IN_A_MAIL]]
    if len(found) > MOST_IN_A_MAIL:
        lines.append(f"… and {len(found) - MOST_IN_A_MAIL} more\n  {site}/notices/")
    lines.append("Sign in to the secure site to see more; this mail holds no more than that.")
    message = EmailMessage(
        subject=found[0].title if len(found) == 1 else f"{len(found)} things to see on the secure site",
        body="\n\n".join(lines) + "\n",
        from_email=settings.SYNTHPORTAL_MAIL_FROM,
        to=[account.email],
    )
    try:
        message.send()
    except REFUSED as error:
        log.warning("notices of account %s were not mailed: %s; it is tried again", account.pk, type(error).__name__)
        return False
    with transaction.atomic():
        locked(account)
        marked = Notification.objects.filter(pk__in=[each.pk for each in found], mail=Mail.WAITING)
        audit.record(None, "mail_notices", account, notices=marked.update(mail=Mail.MAILED, mailed_at=now))
    return True
