"""Confirm the schema: did we understand your file?"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from generators.schema import DatasetSchema
from releases import data_models, permissions, visibility
from releases.models import Snapshot
from releases.permissions import Refused
from releases.services import sources as service
from releases.views.pages import INVALID, SignedInRequest, page, sent, status_of, visible
from releases.views.schema_columns import KIND_WORDS, MEANINGS, ROLE_WORDS
from releases.views.schema_form import SchemaForm


@page("GET", "HEAD", "POST")
def schema(request: SignedInRequest, key: str) -> HttpResponse:
    """A row per column to check and correct; read-only once confirmed."""
    snapshot: Snapshot = visible(visibility.visible_snapshots(request.user).select_related("source"), key)
    raw = snapshot.confirmed_schema or snapshot.proposed_schema
    refusal = permissions.explain(request.user, "confirm_schema", snapshot)
    source = snapshot.source
    if raw is None:
        raise Refused(refusal or "The file has not been read yet.")
    proposed = DatasetSchema.from_dict(raw)
    rules = () if snapshot.confirmed_schema else snapshot.proposed_rules
    form = SchemaForm(
        proposed, snapshot.findings, sent(request), rules=rules, files=_files(snapshot), data_model=data_models.proposed(snapshot, proposed)
    )
    context = {
        "form": form,
        "snapshot": snapshot,
        "refusal": refusal,
        "editable": refusal is None,
        "kinds": list(KIND_WORDS.items()),
        "roles": list(ROLE_WORDS.items()),
        "meanings": MEANINGS,
        "crumbs": [("Datasets", reverse("sources")), (source.title, reverse("source", args=[source.pk]))],
    }
    if request.method != "POST":
        return render(request, "secure/schema.html", context)
    if refusal is None and not form.is_valid():
        return render(request, "secure/schema.html", context, status=INVALID)
    if refusal is None and form.adding:
        return render(request, "secure/schema.html", context)
    if refusal is None and "sure" not in request.POST:
        return render(request, "secure/confirm_schema.html", {**context, **_consequences(form, snapshot), "sent": _carried(request)})
    try:
        service.confirm_schema(
            request.user,
            snapshot,
            schema=form.confirmed or form.proposed,
            renamed=form.renamed,
            published_names=form.published_names,
            data_model=form.data_model,
        )
    except (Refused, InputError) as error:
        return render(request, "secure/schema.html", {**context, "refused": str(error)}, status=status_of(error))
    messages.success(request, "The schema is confirmed. The working copy is being made; the raw upload is destroyed after that.")
    run = snapshot.runs.order_by("-queued_at").first()
    return redirect(reverse("run", args=[run.pk]) if run else reverse("source", args=[source.pk]))


def _files(snapshot: Snapshot) -> dict[str, str]:
    """By table, the file or folder it was read from, as people may see it."""
    shown = {file["path"].split("/")[0]: file["name"].split(" / ")[0] for file in snapshot.files}
    return {table: shown.get(entry, "") for entry, table in snapshot.table_names.items()}


def _carried(request: SignedInRequest) -> list[tuple[str, str]]:
    """What was sent, for the confirmation page to send again."""
    return [(name, value) for name, values in request.POST.lists() for value in values if name not in ("csrfmiddlewaretoken", "step")]


def _consequences(form: SchemaForm, snapshot: Snapshot) -> dict[str, Any]:
    """What the confirmation page says will happen."""
    schema = form.confirmed or form.proposed
    several = len(schema.tables) > 1
    dropped = [f"{t.name}.{c.name}" if several else c.name for t in schema.tables for c in t.columns if t.dropped(c)]
    unreached = [t.name for t in schema.tables if not t.public and not t.person_key and not schema.person_route(t.name)]
    facts = [
        ("Names that are published", ", ".join(t.name for t in schema.tables)),
        ("Left out of the working copy", ", ".join(dropped) or "no column: none was marked as saying who somebody is"),
        ("Each row counted as another person in", ", ".join(unreached) or "no table"),
    ]
    facts.append(("Data model", data_models.understood(form.data_model) or "the hospital's own"))
    if several:
        facts.insert(1, ("Copied whole, as public vocabularies", ", ".join(t.name for t in schema.tables if t.public) or "no table"))
    return {"facts": facts, "ours": snapshot.origin == Snapshot.Origin.UPLOAD, "count": len(snapshot.files) or 1}
