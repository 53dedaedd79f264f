"""The audit trail: who did what, when, and can I trust this list?"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from releases import permissions, visibility
from releases.forms import AuditFilterForm
from releases.models import AuditEvent
from releases.published_heads import Checked
from releases.services import trail as service
from releases.views.pages import SignedInRequest, page, paged

EVENTS_A_PAGE = 50
COLUMNS = ("sequence", "at", "who", "action", "outcome", "target", "target id", "details", "digest")


@page(role="auditor")
def trail(request: SignedInRequest) -> HttpResponse:
    """The list, filtered and paged."""
    return _page(request)


@page("POST", role="auditor")
def verify(request: SignedInRequest) -> HttpResponse:
    """Walk the chain now, compare it with what published releases carry, and say what was found."""
    checked = service.verify_trail(request.user, lake=Path(settings.SYNTHPORTAL_LAKE), keys=Path(settings.SYNTHPORTAL_PINNED_KEYS))
    return _page(request, checked, timezone.now())


@page(role="auditor")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """The filtered list as CSV; streamed, since it may be long."""
    events, form = _filtered(request)
    wanted = {name: str(getattr(value, "pk", value)) for name, value in getattr(form, "cleaned_data", {}).items() if value}
    service.export_trail(request.user, events=events.count(), wanted=wanted)
    response = StreamingHttpResponse(_lines(events), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-{timezone.localdate().isoformat()}.csv"'
    return response


def _page(request: SignedInRequest, checked: Checked | None = None, at: datetime | None = None) -> HttpResponse:
    events, form = _filtered(request)
    given = {name: value for name, value in request.GET.items() if value and name != "page"}
    context = {
        "form": form,
        "events": paged(request, events.order_by("-sequence"), EVENTS_A_PAGE),
        "checked": checked,
        "verified_at": at,
        "verify_refusal": permissions.explain(request.user, "verify_audit"),
        "filtered": bool(given),
        "query": f"{urlencode(given)}&" if given else "",
        "export_query": f"?{urlencode(given)}" if given else "",
    }
    return render(request, "secure/audit.html", context)


def _filtered(request: SignedInRequest) -> tuple[QuerySet[AuditEvent], AuditFilterForm]:
    """The events the address asks for; what cannot be read in it is shown beside its field and filters nothing."""
    events = visibility.visible_events(request.user).select_related("actor")
    actions = AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct()
    form = AuditFilterForm(request.GET or None, actions=actions)
    form.is_valid()
    wanted: dict[str, Any] = getattr(form, "cleaned_data", {})
    for name in ("actor", "action", "outcome"):
        if wanted.get(name):
            events = events.filter(**{name: wanted[name]})
    if target := wanted.get("target"):
        events = events.filter(Q(target_kind__iexact=target) | Q(target_id__istartswith=target))
    zone = timezone.get_current_timezone()
    if wanted.get("since"):
        events = events.filter(at__gte=datetime.combine(wanted["since"], time.min, zone))
    if wanted.get("until"):
        events = events.filter(at__lt=datetime.combine(wanted["until"] + timedelta(days=1), time.min, zone))
    return events, form


class _Echo:
    """A file for `csv.writer` whose `write` hands the line back."""

    def write(self, line: str) -> str:
        return line


def _lines(events: QuerySet[AuditEvent]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for event in events.order_by("sequence").iterator(chunk_size=1000):
        details = "; ".join(f"{name}: {value}" for name, value in event.payload.items())
        who = event.actor.full_name if event.actor else "the system"
        cells = (
            event.sequence,
            event.at.isoformat(),
            who,
            event.action,
            event.outcome,
            event.target_kind,
            event.target_id,
            details,
            event.digest,
        )
        yield writer.writerow([spreadsheet_safe(cell) for cell in cells])


def spreadsheet_safe(cell: object) -> object:
    """A text a spreadsheet would run as a formula is marked as text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
