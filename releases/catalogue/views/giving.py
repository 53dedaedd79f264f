"""Pages by which visitors give something back, and the officer's desk for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from releases.catalogue.access import attempts
from releases.catalogue.access.links import SPENT
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.giving import reports, uses
from releases.catalogue.giving.forms import AnswerForm, LiftForm, ReportForm, UseForm
from releases.catalogue.models import CatalogueAccount, DisplayHold, ProblemReport, RecordedUse, Release
from releases.catalogue.views.access.pages import for_everybody, for_officer
from releases.catalogue.views.files import version_of
from releases.catalogue.views.pages import page

GIVING: attempts.Limits = {"giving place": (10, timedelta(hours=1))}
"""How much one place may tell before it must wait: enough for a class of students, too little to flood the officers."""

TOO_MUCH = "A lot was told from your network in the last hour. Keep this page open, and send it again in an hour."


@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """What is wrong with it?"""
    wanted = version_of(slug, version)
    form = ReportForm(_sent(request))
    shown = {"version": wanted, "form": form}
    if request.method != "POST":
        return page(request, "giving/report", "results", shown)
    if _too_much(request):
        return page(request, "giving/report", "results", {**shown, "too_much": TOO_MUCH}, 429)
    made = _given(request, form, lambda data: reports.report(wanted, data["kind"], data["said"], reply_to=data["reply_to"]))
    if made is None:
        return page(request, "giving/report", "results", shown, 422)
    return page(request, "giving/reported", "results", {"version": wanted, "report": made}, 201)


@require_safe
def used(request: HttpRequest, slug: str) -> HttpResponse:
    """How is it used?"""
    release = _release(slug)
    usage = uses.usage(release)
    most = max((count for _, count in usage.months), default=0)
    bars = [(month, count, round(100 * count / most)) for month, count in usage.months]
    return page(request, "giving/uses", "results", {"release": release, "version": _newest(release), "usage": usage, "bars": bars})


@require_http_methods(["GET", "HEAD", "POST"])
def tell(request: HttpRequest, slug: str) -> HttpResponse:
    """What did you use it for?"""
    release = _release(slug)
    form = UseForm(_sent(request))
    shown = {"release": release, "version": _newest(release), "form": form}
    if request.method != "POST":
        return page(request, "giving/tell", "results", shown)
    if _too_much(request):
        return page(request, "giving/tell", "results", {**shown, "too_much": TOO_MUCH}, 429)
    made = _given(request, form, lambda data: uses.tell(release, data["kind"], data["what"], who=data["who"], link=data["link"]))
    if made is None:
        return page(request, "giving/tell", "results", shown, 422)
    return page(request, "giving/told", "results", shown, 201)


@for_everybody
def hold_by_link(request: HttpRequest, link: str) -> HttpResponse:
    """The link in the mail about a suspected disclosure: what it will do, and a button that does it."""
    about = reports.asked_by_link(link)
    shown: dict[str, Any] = {"report": about, "done": None, "sentence": ""}
    if request.method == "POST":
        try:
            shown["done"] = reports.hold_by_link(link)
        except AccessRefused as refusal:
            shown["sentence"] = str(refusal)
    elif about is None:
        shown["sentence"] = SPENT
    return page(request, "giving/hold", "results", shown, 410 if shown["sentence"] else 200)


@for_officer
def desk(request: HttpRequest, officer: CatalogueAccount) -> HttpResponse:
    """What was reported, what is off display, and what waits to be shown?"""
    found = {"waiting": reports.waiting(), "holds": reports.holds(), "uses": uses.waiting()}
    answered = ProblemReport.objects.filter(answered_at__isnull=False).select_related("version__release").order_by("-answered_at")[:20]
    return page(request, "giving/desk", "officer", {**found, "answered": answered})


@for_officer
def one_report(request: HttpRequest, officer: CatalogueAccount, key: UUID) -> HttpResponse:
    """What does it say, and what do we do?"""
    about = get_object_or_404(ProblemReport.objects.select_related("version__release", "answered_by"), pk=key)
    form = AnswerForm(_sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            reports.answer(officer, about, form.cleaned_data["answer"])
            return redirect("catalogue:reports")
        except (AccessRefused, InputRefused) as refusal:
            form.add_error("answer", str(refusal))
    held = DisplayHold.objects.filter(version=about.version, lifted_at__isnull=True).first()
    shown = {"report": about, "said": reports.said(about), "answer": reports.answered(about), "form": form, "hold": held}
    return page(request, "giving/one_report", "officer", shown, 422 if form.errors else 200)


@require_POST
@for_officer
def hold(request: HttpRequest, officer: CatalogueAccount, key: UUID) -> HttpResponse:
    """Off display, at once: it can be put back."""
    about = get_object_or_404(ProblemReport.objects.select_related("version"), pk=key)
    try:
        reports.hold(officer, about.version, report=about)
    except AccessRefused as refusal:
        return page(request, "giving/refused", "officer", {"sentence": str(refusal)}, 409)
    return redirect("catalogue:report-at-hand", key)


@for_officer
def lift(request: HttpRequest, officer: CatalogueAccount, key: UUID) -> HttpResponse:
    """On display again: why?"""
    held = get_object_or_404(DisplayHold.objects.select_related("version__release", "put_by"), pk=key)
    form = LiftForm(_sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            reports.lift(officer, held, why=form.cleaned_data["why"])
            return redirect("catalogue:reports")
        except (AccessRefused, InputRefused) as refusal:
            form.add_error("why", str(refusal))
    return page(request, "giving/lift", "officer", {"hold": held, "form": form}, 422 if form.errors else 200)


@require_POST
@for_officer
def decide_use(request: HttpRequest, officer: CatalogueAccount, key: UUID) -> HttpResponse:
    """Show it, or leave it out."""
    use = get_object_or_404(RecordedUse, pk=key)
    if request.POST.get("decision") not in ("show", "leave"):
        raise Http404
    try:
        uses.decide(officer, use, show=request.POST["decision"] == "show")
    except AccessRefused as refusal:
        return page(request, "giving/refused", "officer", {"sentence": str(refusal)}, 409)
    return redirect("catalogue:reports")


def _sent(request: HttpRequest) -> QueryDict | None:
    """What was sent, an empty form too; None where nothing was."""
    return request.POST if request.method == "POST" else None


def _too_much(request: HttpRequest) -> bool:
    return attempts.waiting(GIVING, "", attempts.place_of(request)) is not None


def _given(request: HttpRequest, form: forms.Form, give: Callable[[dict[str, Any]], Any]) -> Any:
    """What was given, counted against its place; None, the form saying why, when it does not do."""
    if not form.is_valid():
        return None
    try:
        made = give(form.cleaned_data)
    except InputRefused as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return None
    attempts.count(GIVING, "", attempts.place_of(request))
    return made


def _release(slug: str) -> Release:
    release = get_object_or_404(Release, slug=slug)
    if not release.versions.exists():
        raise Http404
    return release


def _newest(release: Release) -> Any:
    return release.versions.on_show().order_by("-version").first() or release.versions.order_by("-version").first()
