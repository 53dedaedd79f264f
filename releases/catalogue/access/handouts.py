"""Every download of a safeguarded file by name: written down before its first byte goes, and limited for each grant and day."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from releases.catalogue.access import journal, outbox
from releases.catalogue.models import AccessToken, CatalogueAccount, Grant, HandOut, ReleaseVersion

_OPENED_BY = "catalogue_opened_by"


class TooManyHandOuts(Exception):
    """A grant's downloads of a day are used up."""


def opened_by(request: HttpRequest, grant: Grant, token: AccessToken | None) -> None:
    """Say that this grant opens what the request asks for: `visitors.refused_rows` does, having checked it."""
    setattr(request, _OPENED_BY, (grant, token))


def hand_out(request: HttpRequest, version: ReleaseVersion, path: str, *, start: int, length: int, whole: bool) -> None:
    """Write down that these bytes are handed out. TooManyHandOuts beyond the day's limit.

    PermissionDenied when nobody asked `visitors.refused_rows` in this request: no bytes without it.
    """
    opened: tuple[Grant, AccessToken | None] | None = getattr(request, _OPENED_BY, None)
    if opened is None or opened[0].release_id != version.release_id:
        raise PermissionDenied
    grant, token = opened
    now = timezone.now()
    with transaction.atomic():
        Grant.objects.select_for_update().get(pk=grant.pk)  # two downloads at once are counted one after the other
        if HandOut.objects.filter(grant=grant, at__gt=now - timedelta(days=1)).count() >= settings.SYNTHPORTAL_HANDOUTS_A_DAY:
            _tell_officers(grant)
            exceeded = True
        else:
            exceeded = False
            HandOut.objects.create(
                account=grant.account, grant=grant, token=token, version=version, path=path, at=now, start=start, length=length, whole=whole
            )
    if exceeded:
        raise TooManyHandOuts


def _tell_officers(grant: Grant) -> None:
    day = timezone.localdate()
    for officer in CatalogueAccount.objects.filter(officer=True, is_active=True):
        text = f"A grant for “{grant.release}” has used up its {settings.SYNTHPORTAL_HANDOUTS_A_DAY} downloads of a day. Sign in to see it."
        if outbox.post(officer.email, "Unusually many downloads", text, once=f"many {grant.pk} {officer.pk} {day}"):
            journal.record(None, "many downloads", grant)
