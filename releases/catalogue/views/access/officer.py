"""The access officer's pages: what waits, decisions, who has access, who downloaded, who has not confirmed a deletion."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from releases.catalogue.access import applications, decisions, grants, permissions, reach, training
from releases.catalogue.access.forms import DecisionForm, LookForm, ReasonForm
from releases.catalogue.access.permissions import AccessRefused
from releases.catalogue.giving import reports, uses
from releases.catalogue.models import Application, CatalogueAccount, Grant, HandOut, HolderNotice, OutgoingMail, Signature, TrainingProof
from releases.catalogue.views.access.account import title_of
from releases.catalogue.views.access.pages import for_officer, led, one_form, said, shown_page

PER_PAGE = 50


@for_officer
def queue(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """What waits for me?"""
    waiting = Application.objects.filter(state=Application.State.SUBMITTED).select_related("account", "release").order_by("changed_at")
    shown = {
        "waiting": [(each, title_of(each.release)) for each in waiting[:PER_PAGE]],
        "waiting_count": waiting.count(),
        "proofs": TrainingProof.objects.filter(accepted__isnull=True).select_related("account").order_by("given_at")[:PER_PAGE],
        "with_referee": Application.objects.filter(state=Application.State.WITH_REFEREE).count(),
        "unconfirmed": reach.unconfirmed().count(),
        "live": Grant.objects.filter(ended_at__isnull=True, ends_at__gt=timezone.now()).count(),
        "stuck": OutgoingMail.objects.filter(sent_at__isnull=True, tries__gt=0).count(),
        "reports": len(reports.waiting()),
        "held": len(reports.holds()),
        "uses": len(uses.waiting()),
        "said": said(request),
    }
    return shown_page(request, "officer", shown)


@for_officer
def application(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """One application: who, what for, who vouches, what is signed."""
    found = _submitted(key)
    proof = training.current(found.account)
    shown = {
        "application": found,
        "person": found.account,
        "title": title_of(found.release),
        "proof": proof,
        "refusal": permissions.decide(account, found),
        "signatures": [(each, _counts(found, each)) for each in found.signatures.select_related("licence")],
        "earlier": [(each, grants.why_not(each)) for each in found.account.grants.select_related("release", "account")],
    }
    return shown_page(request, "officer_application", shown)


@for_officer
def decide(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Grant, return or refuse."""
    found = _submitted(key)
    refusal = permissions.decide(account, found)
    if refusal is not None:
        raise AccessRefused(refusal)

    def act(given: dict[str, Any]) -> HttpResponse:
        if given["decision"] == "grant":
            days = given["days"] or 365
            decisions.grant(account, found, days=days, referee_found=given["referee_found"], reason=given["reason"])
        elif given["decision"] == "return":
            decisions.send_back(account, found, reason=given["reason"])
        else:
            decisions.refuse(account, found, reason=given["reason"])
        return led("officer", said="decided")

    lead = (
        f"Granted, {found.account.full_name} can download every version of this dataset at once, and is told by mail. Returned, they can "
        "change it and sign again. Refused, it is closed."
    )
    back = reverse("catalogue:officer-application", args=[found.pk])
    shown = {"heading": "Decide", "action": "Decide", "lead": lead, "caption": title_of(found.release), "back": back}
    return one_form(request, DecisionForm, act, shown, initial={"days": 365})


@for_officer
def look_at_training(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Look at a proof of training."""
    proof = get_object_or_404(TrainingProof.objects.select_related("account"), pk=key)
    refusal = permissions.look_at_training(account, proof)
    if refusal is not None:
        raise AccessRefused(refusal)

    def act(given: dict[str, Any]) -> HttpResponse:
        training.look_at(account, proof, accepted=given["accepted"] == "yes", reason=given["reason"])
        return led("officer", said="looked")

    return one_form(request, LookForm, act, {"heading": "Proof of training", "action": "Keep", "proof": proof}, template="officer_training")


@for_officer
def all_grants(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Who has access to what, and until when?"""
    found = Grant.objects.select_related("account", "release", "granted_by", "licence", "use_note").prefetch_related("account__proofs")
    shelf = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(each, title_of(each.release), grants.why_not(each)) for each in shelf]
    return shown_page(request, "officer_grants", {"page": shelf, "rows": rows, "said": said(request)})


@for_officer
def end_grant(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """End somebody's access."""
    found = get_object_or_404(Grant.objects.select_related("account", "release"), pk=key)
    refusal = permissions.end_grant(account, found)
    if refusal is not None:
        raise AccessRefused(refusal)

    def act(given: dict[str, Any]) -> HttpResponse:
        grants.end_grant(account, found, reason=given["reason"])
        return led("officer-grants", said="ended")

    lead = f"{found.account.full_name} can download nothing from that moment, by browser or token, and is asked to delete their copies."
    shown = {"heading": "End access", "action": "End it", "lead": lead, "kind": "warning", "caption": title_of(found.release)}
    return one_form(request, ReasonForm, act, shown)


@for_officer
def holders(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Who holds withdrawn files and has not said that they are deleted? And who has?"""
    done = HolderNotice.objects.filter(confirmed_at__isnull=False).select_related("account", "version__release").order_by("-confirmed_at")
    waiting = Paginator(reach.unconfirmed(), PER_PAGE).get_page(request.GET.get("page"))
    return shown_page(request, "officer_holders", {"page": waiting, "done": done[:PER_PAGE]})


@for_officer
def downloads(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Who downloaded what, when?"""
    found = HandOut.objects.select_related("account", "version__release", "token").order_by("-pk")
    return shown_page(request, "officer_downloads", {"page": Paginator(found, PER_PAGE).get_page(request.GET.get("page"))})


def _submitted(key: UUID) -> Application:
    """An application that somebody signed: drafts are their writers' alone."""
    signed = Application.objects.exclude(state__in=(Application.State.DRAFT, Application.State.WITH_REFEREE))
    return get_object_or_404(signed.filter(signatures__isnull=False).select_related("account", "release").distinct(), pk=key)


def _counts(application: Application, signature: Signature) -> bool:
    held = applications.holds(application, signature.capacity)
    return held is not None and held.pk == signature.pk
