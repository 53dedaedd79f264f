"""Summaries: what exactly would leave?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from generators.schema import DatasetSchema
from generators.summary_words import describe
from releases import permissions, stored
from releases.forms import SummaryForm, policy_words
from releases.models import SourceDataset, SummaryRecord
from releases.permissions import Refused
from releases.services import summaries as service
from releases.templatetags.plain_words import number
from releases.views.figures import summary_chart
from releases.views.pages import INVALID, SignedInRequest, page, paged, refused_on, sent, visible

COLUMNS_A_PAGE = 25


@page("GET", "HEAD", "POST", role="steward")
def new(request: SignedInRequest, key: str) -> HttpResponse:
    """Ask for a summary under a disclosure policy."""
    source: SourceDataset = visible(permissions.visible_sources(request.user), key)
    form = SummaryForm(sent(request))
    context = {
        "form": form,
        "caption": source.title,
        "heading": "Make a metadata summary",
        "lead": "People are counted in the training part only. What would leave is shown to you before anything does.",
        "action": "Summarise",
        "policies": [(name, policy_words(name)) for name, _ in form.fields["policy"].choices],  # type: ignore[attr-defined]
        "refusal": permissions.explain(request.user, "request_summary", source),
        "crumbs": [("Datasets", reverse("sources")), (source.title, reverse("source", args=[source.pk]))],
        "back": reverse("source", args=[source.pk]),
    }
    if request.method != "POST":
        return render(request, "secure/new_summary.html", context)
    if not form.is_valid():
        return render(request, "secure/new_summary.html", context, status=INVALID)
    try:
        run = service.request_summary(request.user, source, policy=form.cleaned_data["policy"])
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/new_summary.html", context)
    messages.success(request, "The summary is being made.")
    return redirect("run", run.pk)


@page()
def summary(request: SignedInRequest, key: str) -> HttpResponse:
    """Column by column: the released aggregate, what was suppressed and why."""
    record: SummaryRecord = visible(
        permissions.visible_summaries(request.user).select_related("source", "snapshot__working_copy", "requested_by"), key
    )
    read = stored.summary(record)
    described = {(d.table, d.column): d for d in describe(read)}
    wanted = request.GET.get("find", "").strip()
    every = [(t, table, column) for t, table in enumerate(read.tables) for column in table.columns]
    found = [entry for entry in every if wanted.casefold() in entry[2].name.casefold()]
    shown = paged(request, found, COLUMNS_A_PAGE)
    seen_source = permissions.visible_sources(request.user).filter(pk=record.source_id).exists()
    context = {
        "record": record,
        "read": read,
        "policy": read.policy,
        "tables": [
            {"name": t.name, "persons": number(t.persons), "rows": number(t.rows) if t.rows is not None else "not told"}
            for t in read.tables
        ],
        "dropped": _dropped(record),
        "columns": [
            _column_part(table.name, column, described[table.name, column.name], f"chart-{shown.start_index() + i}")
            for i, (_, table, column) in enumerate(shown.object_list)
        ],
        "several": len(read.tables) > 1,
        "shown": shown,
        "all_columns": len(every),
        "find": wanted,
        "query": f"{urlencode({'find': wanted})}&" if wanted else "",
        "withheld": sum(1 for _, _, column in every if column.absent),
        "crumbs": [("Datasets", reverse("sources")), (record.source.title, reverse("source", args=[record.source_id]))]
        if seen_source
        else [("Requests", reverse("requests"))],
    }
    return render(request, "secure/summary.html", context)


def _column_part(table: str, column: Any, described: Any, anchor: str) -> dict[str, Any]:
    return {"table": table, "name": column.name, "kind": column.kind, "described": described, "chart": summary_chart(column, anchor)}


def _dropped(record: SummaryRecord) -> list[str]:
    """Columns of the confirmed schema that the working copy left out."""
    confirmed = record.snapshot.confirmed_schema
    if confirmed is None:
        return []
    schema = DatasetSchema.from_dict(confirmed)
    return [column.name for table in schema.tables for column in table.columns if table.dropped(column)]
