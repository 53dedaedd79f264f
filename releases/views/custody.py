"""The chain of custody of a dataset or of a version: made, stored, shared, destroyed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from releases import custody, visibility
from releases.custody import Entry
from releases.models import SourceDataset, SyntheticVersion
from releases.views.audit import spreadsheet_safe
from releases.views.pages import SignedInRequest, page, paged, visible

READERS = ("steward", "auditor")
A_PAGE = 100
COLUMNS = ("at", "stage", "what", "who", "sha256")
COLOURS = {custody.MADE: "blue", custody.STORED: "grey", custody.SHARED: "green", custody.DESTROYED: "red"}


@page(role=READERS)
def source(request: SignedInRequest, key: str) -> HttpResponse:
    """Everything that came of a dataset."""
    found: SourceDataset = visible(visibility.visible_sources(request.user), key)
    crumbs = [("Datasets", reverse("sources")), (found.title, reverse("source", args=[found.pk]))]
    return _shown(request, found.title, custody.of_source(found), crumbs)


@page(role=READERS)
def version(request: SignedInRequest, key: str) -> HttpResponse:
    """What one version came from, and what came of it."""
    within = visibility.visible_versions(request.user).filter(snapshot__source__in=visibility.visible_sources(request.user))
    found: SyntheticVersion = visible(within.select_related("request", "snapshot", "summary__snapshot", "trained__snapshot"), key)
    crumbs = [("Requests", reverse("requests")), (found.request.title, reverse("request", args=[found.request_id]))]
    return _shown(request, f"{found.request.title}, version {found.number}", custody.of_version(found), crumbs)


def _shown(request: SignedInRequest, title: str, entries: tuple[Entry, ...], crumbs: list[tuple[str, str]]) -> HttpResponse:
    if request.GET.get("form") == "csv":
        return _csv(entries)
    counts = Counter(entry.stage for entry in entries)
    context: dict[str, Any] = {
        "title": title,
        "shown": paged(request, [{"entry": entry, "colour": COLOURS[entry.stage]} for entry in entries], A_PAGE),
        "counts": [(stage.capitalize(), str(counts[stage])) for stage in COLOURS],
        "crumbs": crumbs,
    }
    return render(request, "secure/custody.html", context)


def _csv(entries: Iterable[Entry]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="chain-of-custody.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([spreadsheet_safe(cell) for cell in (entry.at.isoformat(), entry.stage, entry.what, entry.who, entry.sha256)])
    return response
