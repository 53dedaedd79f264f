"""Applying for safeguarded data: what it is, the task list, its sections, the licence."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from releases.catalogue.access import applications, institutions, licence, permissions
from releases.catalogue.access.forms import PurposeForm, RefereeForm, SignatureForm, SureForm
from releases.catalogue.access.permissions import AccessRefused
from releases.catalogue.models import Application, CatalogueAccount, LicenceText, Release, Signature
from releases.catalogue.views.access.account import title_of
from releases.catalogue.views.access.pages import for_everybody, for_person, led, one_form, said, shown_page


@for_everybody
def explained(request: HttpRequest) -> HttpResponse:
    """How does one get safeguarded data?"""
    return shown_page(request, "explained", {"endings": institutions.endings(), "edition": licence.in_force()})


@for_everybody
def licence_page(request: HttpRequest, version: str) -> HttpResponse:
    """An edition of the End User Licence, whether or not it is in force: what somebody signed can always be read."""
    for edition in licence.editions():
        if edition.version == version:
            return shown_page(request, "licence_page", {"edition": edition, "current": licence.in_force()})
    kept = get_object_or_404(LicenceText, version=version)
    return shown_page(request, "licence_page", {"edition": kept, "current": licence.in_force()})


@for_person
def apply(request: HttpRequest, account: CatalogueAccount, slug: str) -> HttpResponse:
    """Begin an application, or go on with the one that is open."""
    release = get_object_or_404(Release, slug=slug, versions__access_level="safeguarded")
    refusal = permissions.apply(account, release)
    if refusal is not None:
        raise AccessRefused(refusal)
    known = account.applications.filter(release=release, state__in=Application.OPEN).first()
    if known is not None:
        return led("application", known.pk)

    def act(given: dict[str, Any]) -> HttpResponse:
        return led("application", applications.begin(account, release).pk)

    lead = "You can leave the application at any time and go on later. Nobody sees it before you sign it."
    return one_form(request, SureForm, act, {"heading": "Apply for access", "action": "Begin", "lead": lead, "caption": title_of(release)})


@for_person
def application(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """The task list, and where the application stands."""
    mine = _mine(account, key)
    tasks = applications.tasks(mine)
    editable = permissions.change_application(account, mine) is None
    rows = []
    for task in tasks:
        href = _section(mine, task.name) if editable else ""
        rows.append({"title": task.title, "hint": task.hint, "href": href, **_status(task.done)})
    ready = all(task.done for task in tasks)
    rows.append(
        {
            "title": "Licence: read, sign and send",
            "hint": "" if ready or not editable else "Finish what stands above first",
            "href": reverse("catalogue:sign", args=[mine.pk]) if ready and editable else "",
            **({"status": "Signed", "colour": ""} if not editable else {"status": "To do" if ready else "Cannot start yet", "colour": ""}),
        }
    )
    shown = {
        "application": mine,
        "title": title_of(mine.release),
        "tasks": rows,
        "done": sum(task.done for task in tasks),
        "of": len(tasks) + 1,
        "editable": editable,
        "signatures": mine.signatures.select_related("licence"),
        "can_call_back": permissions.call_back(account, mine) is None,
        "can_cancel": permissions.cancel(account, mine) is None,
        "grant": getattr(mine, "grant", None),
        "said": said(request),
    }
    return shown_page(request, "application", shown)


@for_person
def purpose(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """What the data are for."""
    mine = _editable(account, key)

    def act(given: dict[str, Any]) -> HttpResponse:
        applications.describe_purpose(account, mine, use=given["use"], intended_use=given["intended_use"])
        return led("application", mine.pk, said="purpose")

    shown = {"heading": "Purpose", "action": "Keep", "caption": title_of(mine.release), "back": mine_address(mine)}
    initial = {"use": mine.use, "intended_use": mine.intended_use, "lawful": bool(mine.intended_use)}
    return one_form(request, PurposeForm, act, shown, initial=initial)


@for_person
def referee(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Who vouches for the applicant."""
    mine = _editable(account, key)

    def act(given: dict[str, Any]) -> HttpResponse:
        applications.name_referee(account, mine, **given)
        return led("application", mine.pk, said="referee")

    lead = "A clinical, academic or education lead who knows you and your plan. They read the application and sign the licence too."
    shown = {"heading": "Referee", "action": "Keep", "lead": lead, "caption": title_of(mine.release), "back": mine_address(mine)}
    initial = {name: getattr(mine, f"referee_{name}") for name in ("name", "email", "role", "page")}
    return one_form(request, RefereeForm, act, shown, initial=initial)


@for_person
def sign(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Read the licence, sign, and send."""
    mine = _editable(account, key)
    edition = licence.in_force()

    def act(given: dict[str, Any]) -> HttpResponse:
        made = applications.sign_and_send(account, mine, typed_name=given["typed_name"], licence_sha256=given["licence_sha256"])
        return led("application", made.pk, said="sent" if made.state == Application.State.WITH_REFEREE else "submitted")

    shown = {
        "heading": "Sign and send",
        "action": "Sign and send",
        "caption": title_of(mine.release),
        "edition": edition,
        "application": mine,
        "person": account,
        "held": applications.holds(mine, Signature.Capacity.REFEREE),
        "back": mine_address(mine),
    }
    return one_form(request, SignatureForm, act, shown, template="sign", initial={"licence_sha256": edition.sha256})


@for_person
def call_back(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Take the application back from the referee."""
    mine = _mine(account, key)

    def act(given: dict[str, Any]) -> HttpResponse:
        applications.call_back(account, mine)
        return led("application", mine.pk, said="called-back")

    lead = "The link your referee has opens nothing any more. You can change the application and sign it again."
    shown = {"heading": "Take it back from your referee", "action": "Take it back", "lead": lead, "back": mine_address(mine)}
    return one_form(request, SureForm, act, shown)


@for_person
def cancel(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Give the application up."""
    mine = _mine(account, key)

    def act(given: dict[str, Any]) -> HttpResponse:
        applications.cancel(account, mine)
        return led("your-access", said="cancelled")

    lead = "It is closed for good. You can begin a new one whenever you like."
    shown = {"heading": "Cancel the application", "action": "Cancel it", "lead": lead, "kind": "warning", "back": mine_address(mine)}
    return one_form(request, SureForm, act, shown)


def mine_address(mine: Application) -> str:
    """The address of an application's task list."""
    return reverse("catalogue:application", args=[mine.pk])


def _section(mine: Application, name: str) -> str:
    if name in ("details", "training"):
        return f"{reverse(f'catalogue:{name}')}?application={mine.pk}"
    return reverse({"referee": "catalogue:referee-named", "purpose": "catalogue:purpose"}[name], args=[mine.pk])


def _status(done: bool) -> dict[str, str]:
    return {"status": "Done", "colour": ""} if done else {"status": "To do", "colour": "blue"}


def _mine(account: CatalogueAccount, key: UUID) -> Application:
    return get_object_or_404(Application.objects.select_related("account", "release"), pk=key, account=account)


def _editable(account: CatalogueAccount, key: UUID) -> Application:
    mine = _mine(account, key)
    refusal = permissions.change_application(account, mine)
    if refusal is not None:
        raise AccessRefused(refusal)
    if mine.account_id != account.pk:
        raise Http404
    return mine
