"""Sources: what do we hold, and what has been made from it?"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from generators.errors import InputError
from generators.schema import DatasetSchema
from releases import data_models, permissions, visibility
from releases.forms import PointForm, SourceForm, StewardForm, UploadForm
from releases.incoming import Incoming, is_archive
from releases.models import Account, DestructionRecord, Publication, Run, Snapshot, SourceDataset, SummaryRecord, SyntheticVersion
from releases.permissions import Refused
from releases.services import sources as service
from releases.services.recorded import refuse
from releases.templatetags.plain_words import day, number
from releases.views import uploads
from releases.views.home import NextStep
from releases.views.pages import INVALID, SignedInRequest, ordering, page, paged, refused_on, sent, status_of, visible

HOME = ("Datasets", "sources")
SORTS: dict[str, tuple[str, ...]] = {"name": ("title",), "newest": ("-registered_at",), "controller": ("controller", "title")}


@dataclass(frozen=True)
class LedgerEntry:
    """One thing made from, or done to, the dataset."""

    at: datetime.datetime
    text: str
    detail: str = ""
    href: str = ""


@page(role=("steward", "auditor"))
def source_list(request: SignedInRequest) -> HttpResponse:
    """The datasets this person may know of."""
    sort, fields = ordering(request, SORTS)
    rows = visibility.visible_sources(request.user).annotate(
        snapshot_count=Count("snapshots", distinct=True),
        request_count=Count("requests", filter=Q(requests__drill__isnull=True), distinct=True),
    )
    context = {"found": paged(request, rows.order_by(*fields), 25), "sort": sort, "sorts": list(SORTS), "query": f"sort={sort}&"}
    return render(request, "secure/sources.html", context)


@page("GET", "HEAD", "POST", role="steward")
def register(request: SignedInRequest) -> HttpResponse:
    """A new dataset; the file comes next."""
    form = SourceForm(sent(request))
    context: dict[str, Any] = {
        "form": form,
        "heading": "Register a dataset",
        "lead": "First say what it is. You add the file on the next page.",
        "action": "Register",
        "crumbs": [_crumb()],
        "back": reverse("sources"),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        made = service.register_source(request.user, **form.cleaned_data)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, "The dataset is registered. Now add its data.")
    return redirect("source-data", made.pk)


@page()
def source(request: SignedInRequest, key: str) -> HttpResponse:
    """One dataset: description, columns, snapshots, requests, the disclosure ledger, and the one thing to do next."""
    me = request.user
    found: SourceDataset = visible(visibility.visible_sources(me), key)
    snapshots = list(
        found.snapshots.select_related("received_by", "confirmed_by").prefetch_related("destructions", "runs").order_by("-number")
    )
    latest = snapshots[0] if snapshots else None
    shown = next((s for s in snapshots if s.confirmed_schema), None) or next((s for s in snapshots if s.proposed_schema), None)
    schema = DatasetSchema.from_dict(shown.confirmed_schema or shown.proposed_schema) if shown else None
    stewards = ", ".join(str(person) for person in found.stewards.order_by("full_name"))
    context = {
        "source": found,
        "crumbs": [_crumb()],
        "refusal": None
        if permissions.explain(me, "receive_upload", found) is None or _steward(me, found)
        else "You see this page as an auditor.",
        "next_step": _next_step(found, latest),
        "drift": latest.drift if latest is not None and latest.state == Snapshot.State.PROFILED else [],
        "tables": schema.tables if schema else (),
        "confirmed": bool(shown and shown.confirmed_schema),
        "snapshots": [_snapshot_row(s, _steward(me, found)) for s in snapshots],
        "requests": list(visibility.visible_requests(request.user).filter(source=found).select_related("author").order_by("-changed_at")),
        "ledger": _ledger(found, snapshots),
        "facts": [
            ("Data controller", found.controller),
            ("Stewards", stewards),
            ("Subject", found.subject),
            *([("Data model", data_models.proposed(shown, schema) or "the hospital’s own")] if shown and schema else []),
            ("Registered", f"{day(found.registered_at)} by {found.registered_by}"),
        ],
        "may_add_data": permissions.explain(me, "receive_upload", found) is None,
        "may_request": permissions.explain(me, "create_request", found) is None,
        "may_summarise": permissions.explain(me, "request_summary", found) is None,
        "may_add_steward": permissions.explain(me, "add_steward", found) is None,
    }
    return render(request, "secure/source.html", context)


@csrf_exempt  # checked in the inner part, once the upload handler is in place
@page("GET", "HEAD", "POST", role="steward")
def data(request: SignedInRequest, key: str) -> HttpResponse:
    """Send a file, or point at one. Whether this person may is asked before a byte of it is read."""
    found: SourceDataset = visible(visibility.visible_sources(request.user), key)
    refusal = permissions.explain(request.user, "receive_upload", found)
    if request.method == "POST" and refusal:
        refuse(request.user, "receive_upload", found, refusal)
    return _data(request, found, refusal)


@uploads.receiving
def _data(request: SignedInRequest, found: SourceDataset, refusal: str | None) -> HttpResponse:
    upload, point = UploadForm(), PointForm()
    context = {
        "source": found,
        "upload": upload,
        "point": point,
        "form": upload,
        "limit": filesizeformat(settings.SYNTHPORTAL_MAX_UPLOAD_BYTES),
        "folders": [str(folder) for folder in settings.SYNTHPORTAL_SECURE_FOLDERS],
        "refusal": refusal,
        "crumbs": [_crumb(), (found.title, reverse("source", args=[found.pk]))],
    }
    if request.method != "POST":
        return render(request, "secure/source_data.html", context)
    form: UploadForm | PointForm = PointForm(request.POST) if "path" in request.POST else UploadForm(request.POST, request.FILES)
    context["point" if "path" in request.POST else "upload"] = form
    try:
        uploads.complete(request)
        if not form.is_valid():
            return render(request, "secure/source_data.html", {**context, "form": form}, status=INVALID)
        if isinstance(form, PointForm):
            snapshot = service.point_at_file(request.user, found, path=form.cleaned_data["path"])
        else:
            snapshot = _received(request.user, found, form.cleaned_data["file"])
    except (Refused, InputError) as error:
        form.add_error(None, str(error))
        return render(request, "secure/source_data.html", {**context, "form": form}, status=status_of(error))
    several = len(snapshot.files)
    here = f"{several} files are here and are being read." if several > 1 else "The file is here and is being read."
    messages.success(request, here)
    return redirect(_run_address(snapshot) or reverse("source", args=[found.pk]))


def _received(steward: Account, found: SourceDataset, sent: list[UploadedFile[Any]]) -> Snapshot:
    """One table as it came, or several with the names they came under."""
    if len(sent) == 1 and not is_archive(sent[0].name or ""):
        (file,) = sent
        return service.receive_upload(steward, found, name=file.name or "", chunks=file.chunks(uploads.CHUNK), size=file.size or 0)
    return service.receive_files(steward, found, sent=[Incoming(file.name or "", file, file.size or 0) for file in sent])


@page("GET", "HEAD", "POST", role="steward")
def stewards(request: SignedInRequest, key: str) -> HttpResponse:
    """Give a dataset another steward."""
    found: SourceDataset = visible(visibility.visible_sources(request.user), key)
    people = Account.objects.filter(is_active=True, groups__name="steward").exclude(sources=found).order_by("full_name")
    form = StewardForm(sent(request), people=people)
    context = {
        "form": form,
        "caption": found.title,
        "heading": "Add a steward",
        "lead": "A steward sees this dataset and can ask for releases of it. Only people with the role of data steward are listed.",
        "action": "Add steward",
        "refusal": permissions.explain(request.user, "add_steward", found),
        "crumbs": [_crumb(), (found.title, reverse("source", args=[found.pk]))],
        "back": reverse("source", args=[found.pk]),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        service.add_steward(request.user, found, person=form.cleaned_data["person"])
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, f"{form.cleaned_data['person']} is now a steward of this dataset.")
    return redirect("source", found.pk)


def _crumb() -> tuple[str, str]:
    words, name = HOME
    return words, reverse(name)


def _steward(me: Account, found: SourceDataset) -> bool:
    return permissions.steward_of(me, found) is None


def _run_address(snapshot: Snapshot) -> str | None:
    """The run that is reading or preparing the snapshot, or the last one that did."""
    own = (Run.Kind.PROFILE, Run.Kind.PREPARE)
    run = max((r for r in snapshot.runs.all() if r.kind in own), key=lambda r: r.queued_at, default=None)
    return reverse("run", args=[run.pk]) if run else None


def _next_step(found: SourceDataset, latest: Snapshot | None) -> NextStep:
    """The one primary button."""
    here = [found.pk]
    if latest is None:
        return NextStep("There are no data yet.", reverse("source-data", args=here), "Add the data")
    own = (Run.Kind.PROFILE, Run.Kind.PREPARE, Run.Kind.SUMMARISE)
    run = max((r for r in latest.runs.all() if r.kind in own), key=lambda r: r.queued_at, default=None)
    if run is not None and run.active:
        return NextStep(f"{run.get_kind_display()} is {run.get_state_display()}.", reverse("run", args=[run.pk]), "Watch it")
    if run is not None and run.state in (Run.State.FAILED, Run.State.CANCELLED):
        return NextStep(f"{run.get_kind_display()} {run.get_state_display()}.", reverse("run", args=[run.pk]), "See what happened")
    if latest.state == Snapshot.State.PROFILED:
        return NextStep(
            "The file was read. Nothing is made from it before you confirm.", reverse("schema", args=[latest.pk]), "Confirm the schema"
        )
    if not found.summaries.exists():
        return NextStep("The working copy is ready.", reverse("new-summary", args=here), "Make a metadata summary")
    return NextStep("The dataset is ready and summarised.", reverse("new-request", args=here), "Ask for a release")


def _snapshot_row(snapshot: Snapshot, steward: bool) -> dict[str, Any]:
    """A snapshot, a link to its schema where there is one, and what became of the raw file."""
    waits = snapshot.state == Snapshot.State.PROFILED
    destroyed = next((d for d in snapshot.destructions.all() if d.what.startswith("raw upload")), None)
    if destroyed is not None:
        raw = f"destroyed {day(destroyed.destroyed_at)}"
    elif snapshot.origin == Snapshot.Origin.POINTED:
        raw = "read where it lies; not ours to destroy"
    elif snapshot.state == Snapshot.State.READY:
        raw = "being destroyed"
    else:
        raw = "kept until the working copy is made"
    several = [each["name"] for each in snapshot.files] if steward else []
    return {
        "files": several,
        "snapshot": snapshot,
        "schema_href": reverse("schema", args=[snapshot.pk]) if snapshot.proposed_schema else "",
        "schema_link": "Confirm the schema" if waits and steward else "See the schema",
        "raw_file": raw,
    }


def _ledger(found: SourceDataset, snapshots: list[Snapshot]) -> list[LedgerEntry]:
    """Summaries, versions, publications, destructions; newest first."""
    entries = [
        LedgerEntry(
            s.made_at,
            f"Summary under the {s.policy_name} policy",
            f"no figure about fewer than {number(s.policy['minimum'])} people",
            reverse("summary", args=[s.pk]),
        )
        for s in SummaryRecord.objects.filter(source=found)
    ]
    entries += [
        LedgerEntry(
            v.made_at, f"Version {v.number} of {v.request.title}", f"{v.generator}, {number(v.rows)} rows", reverse("version", args=[v.pk])
        )
        for v in SyntheticVersion.objects.filter(request__source=found, request__drill__isnull=True).select_related("request")
    ]
    entries += [
        LedgerEntry(
            p.published_at,
            f"Published: {p.request.title}",
            f"{p.slug}, version {p.release_version}",
            reverse("request", args=[p.request_id]),
        )
        for p in Publication.objects.filter(request__source=found, published_at__isnull=False).select_related("request")
        if p.published_at is not None
    ]
    entries += [
        LedgerEntry(d.destroyed_at, f"Destroyed: {d.what} of snapshot {d.snapshot.number}", d.reason)
        for d in DestructionRecord.objects.filter(snapshot__source=found, run__request__drill__isnull=True).select_related("snapshot")
    ]
    entries += [LedgerEntry(s.received_at, f"Snapshot {s.number} received", f"by {s.received_by}") for s in snapshots]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)
