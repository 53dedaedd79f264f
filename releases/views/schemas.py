"""Confirm the schema: did we understand your file?"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from generators.schema import DatasetSchema
from releases import permissions
from releases.models import Snapshot
from releases.permissions import Refused
from releases.services import sources as service
from releases.views.pages import INVALID, SignedInRequest, page, sent, status_of, visible
from releases.views.schema_form import KIND_WORDS, MEANINGS, ROLE_WORDS, SchemaForm


@page("GET", "HEAD", "POST")
def schema(request: SignedInRequest, key: str) -> HttpResponse:
    """A row per column to check and correct; read-only once confirmed."""
    snapshot: Snapshot = visible(permissions.visible_snapshots(request.user).select_related("source"), key)
    raw = snapshot.confirmed_schema or snapshot.proposed_schema
    refusal = permissions.explain(request.user, "confirm_schema", snapshot)
    source = snapshot.source
    if raw is None:
        raise Refused(refusal or "The file has not been read yet.")
    form = SchemaForm(DatasetSchema.from_dict(raw), snapshot.findings, sent(request))
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
    try:
        service.confirm_schema(request.user, snapshot, schema=form.confirmed or form.proposed)
    except (Refused, InputError) as error:
        return render(request, "secure/schema.html", {**context, "refused": str(error)}, status=status_of(error))
    messages.success(request, "The schema is confirmed. The working copy is being made; the raw upload is destroyed after that.")
    run = snapshot.runs.order_by("-queued_at").first()
    return redirect(reverse("run", args=[run.pk]) if run else reverse("source", args=[source.pk]))
