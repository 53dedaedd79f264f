"""Mails wait in the database until the mail server takes them: one that is down costs time, nothing else. Texts are sealed, then gone."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from releases.catalogue.access.keys import sealed, unsealed
from releases.catalogue.models import OutgoingMail

log = logging.getLogger(__name__)
AT_ONCE = 50
"""Mails of one round, so that the loop that sends them comes back to the feed."""
_LONGEST = timedelta(hours=6)
_CLAIMED = timedelta(minutes=5)
SEALED = "mail"


def post(recipient: str, subject: str, body: str, *, once: str | None = None) -> bool:
    """Put a mail into the outbox, in the transaction of what it tells of. False when one of the key `once` was posted before."""
    now = timezone.now()
    signed = f"{body.strip()}\n\n-- \nSynthetic data catalogue, {settings.SYNTHPORTAL_URL}\nThis mail was written by the site itself.\n"
    values = {"recipient": recipient, "subject": " ".join(subject.split())[:200], "made_at": now, "next_try_at": now}
    if once is None:
        OutgoingMail.objects.create(**values, sealed_body=sealed(SEALED, signed))
        return True
    return OutgoingMail.objects.get_or_create(once=once[:120], defaults={**values, "sealed_body": sealed(SEALED, signed)})[1]


def send_waiting() -> int:
    """Send what is due; how many went. What fails is tried again, later and later. Two senders at once send nothing twice."""
    now, sent = timezone.now(), 0
    due = list(OutgoingMail.objects.filter(sent_at__isnull=True, next_try_at__lte=now).order_by("made_at")[:AT_ONCE])
    if not due:
        return 0
    connection = get_connection()
    for mail in due:
        mine = OutgoingMail.objects.filter(pk=mail.pk, sent_at__isnull=True, next_try_at=mail.next_try_at)
        if not mine.update(next_try_at=now + _CLAIMED, tries=F("tries") + 1):
            continue  # another sender has it
        try:
            body = unsealed(SEALED, mail.sealed_body)
            EmailMessage(mail.subject, body, settings.SYNTHPORTAL_MAIL_FROM, [mail.recipient], connection=connection).send()
        except (OSError, SMTPException, ValueError) as error:
            pause = min(_LONGEST, timedelta(minutes=2 ** min(mail.tries, 10)))
            OutgoingMail.objects.filter(pk=mail.pk).update(next_try_at=now + pause)
            log.warning("mail %s was not sent: %s; it is tried again", mail.pk, type(error).__name__)
            if not isinstance(error, SMTPRecipientsRefused | ValueError):
                break  # the server is away: the others would wait as long
            continue
        with transaction.atomic():
            OutgoingMail.objects.filter(pk=mail.pk).update(sent_at=timezone.now(), sealed_body="")
        sent += 1
    return sent
