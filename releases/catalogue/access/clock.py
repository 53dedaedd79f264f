"""What time asks for: holders told, grants that end, late reports, mails sent. Called by the ingest loop; each part is safe to repeat."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.utils import timezone

from releases.catalogue.access import grants, outbox, reach
from releases.catalogue.giving import reports


def tick() -> int:
    """Post what is due and send what waits; how many mails went."""
    reach.tell()
    grants.remind()
    reports.remind()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return outbox.send_waiting()
