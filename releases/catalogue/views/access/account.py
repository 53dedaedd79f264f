"""What somebody has: their access, training, tokens; what they are asked for."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_variables

from releases.catalogue.access import accounts, grants, reach, second_factor, tokens, training
from releases.catalogue.access.forms import (
    DeletionForm,
    DetailsForm,
    ReasonForm,
    SureForm,
    TokenForm,
    TrainingForm,
    UseNoteForm,
    proof_words,
)
from releases.catalogue.access.permissions import NOT_FOR_OFFICERS, AccessRefused
from releases.catalogue.models import AccessToken, Application, CatalogueAccount, Grant, HolderNotice, Release, TrainingProof
from releases.catalogue.views.access.pages import for_everybody, for_person, led, one_form, said, shown_page


@for_person
def your_access(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """What can I use, until when? And what do I have to do?"""
    if account.officer:
        return led("officer")
    rows = [
        {"grant": grant, "refusal": grants.why_not(grant), "title": title_of(grant.release), "note": getattr(grant, "use_note", None)}
        for grant in account.grants.select_related("release", "account", "use_note")
    ]
    shown = {
        "person": account,
        "live": [row for row in rows if row["refusal"] is None],
        "over": [row for row in rows if row["refusal"] is not None],
        "applications": [
            (each, title_of(each.release)) for each in account.applications.exclude(state="granted").select_related("release")[:20]
        ],
        "deletions": account.notices.filter(state="withdrawn", confirmed_at__isnull=True).select_related("version__release"),
        "suspended": account.notices.filter(state="suspended", version__state="suspended").select_related("version__release"),
        "off_display": account.notices.filter(
            state="off-display", version__holds__lifted_at__isnull=True, version__holds__put_at=F("state_at")
        ).select_related("version__release"),
        "proofs": [(proof, proof_words(proof)) for proof in account.proofs.all()[:5]],
        "codes_left": second_factor.codes_left(account),
        "second_step_required": settings.SYNTHPORTAL_SECOND_STEP_REQUIRED,
        "tokens": account.tokens.filter(revoked_at__isnull=True).prefetch_related("releases"),
        "handed": account.handouts.select_related("version__release", "token")[:10],
        "said": said(request),
    }
    return shown_page(request, "your_access", shown)


@for_person
def details(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Who you are."""

    def act(given: dict[str, Any]) -> HttpResponse:
        accounts.describe(account, **given)
        return back(request, account, "details")

    lead = "It is part of what you and your referee sign."
    initial = {name: getattr(account, name) for name in ("full_name", "organisation", "post")}
    return one_form(request, DetailsForm, act, {"heading": "Who you are", "action": "Keep", "lead": lead}, initial=initial)


@for_person
def give_training(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Give a proof of training."""
    if account.officer:
        raise AccessRefused(NOT_FOR_OFFICERS)

    def act(given: dict[str, Any]) -> HttpResponse:
        training.give_training(account, course=given["course"], valid_until=given["valid_until"], content=given["file"])
        return back(request, account, "training")

    shown = {"heading": "Your training", "action": "Send the certificate", "files": True}
    return one_form(request, TrainingForm, act, shown)


@for_person
def training_file(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """The certificate, for its person and for access officers."""
    proof = get_object_or_404(TrainingProof, pk=key)
    if not account.officer and proof.account_id != account.pk:
        raise Http404
    answer = HttpResponse(training.content(proof), content_type="application/pdf")
    answer.headers["Content-Disposition"] = 'attachment; filename="certificate.pdf"'
    return answer


@sensitive_variables("text")
@for_person
def new_token(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Make a personal token; it is shown once, on the page that answers."""
    choices = tokens.choices(account)
    if not choices:
        raise AccessRefused("A token opens what you have access to, and that is nothing now.")

    def act(given: dict[str, Any]) -> HttpResponse:
        wanted = [each for each in choices if each.slug in given["releases"]]
        token, text = tokens.make_token(account, name=given["name"], releases=wanted, days=given["days"])
        return shown_page(request, "token_once", {"token": token, "text": text, "example": _example(request, wanted[0])})

    lead = "With a token a program downloads in your name. Keep it as you keep your password."
    initial = {"days": 90, "releases": [each.slug for each in choices] if len(choices) == 1 else []}
    shown = {"heading": "A token for a program", "action": "Make the token", "lead": lead}
    return one_form(request, partial(TokenForm, releases=choices), act, shown, initial=initial)


@for_person
def revoke_token(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """End a token."""
    token = get_object_or_404(AccessToken, pk=key, account=account)

    def act(given: dict[str, Any]) -> HttpResponse:
        tokens.revoke_token(account, token)
        return led("your-access", said="revoked")

    lead = f"The token “{token.name}” opens nothing from then on. Programs that use it need another one."
    return one_form(request, SureForm, act, {"heading": "Revoke a token", "action": "Revoke it", "lead": lead, "kind": "warning"})


@for_person
def use_note(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """What came of a grant."""
    grant = get_object_or_404(Grant.objects.select_related("release"), pk=key, account=account)

    def act(given: dict[str, Any]) -> HttpResponse:
        grants.note_use(account, grant, **given)
        return led("your-access", said="noted")

    shown = {"heading": "What came of it", "action": "Send", "caption": title_of(grant.release)}
    if grants.why_not(grant) is None:
        shown["warning"] = "Your access still counts. Sending this ends it: you cannot download afterwards."
    return one_form(request, UseNoteForm, act, shown)


@for_person
def leave(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """End one's own access before its time."""
    grant = get_object_or_404(Grant.objects.select_related("release"), pk=key, account=account)

    def act(given: dict[str, Any]) -> HttpResponse:
        grants.end_grant(account, grant, reason=given["reason"])
        return led("your-access", said="ended")

    lead = "Your access ends now. Delete your copies; we ask you what came of it."
    shown = {"heading": "End my access", "action": "End it", "lead": lead, "kind": "warning", "caption": title_of(grant.release)}
    return one_form(request, ReasonForm, act, shown, initial={"reason": "I do not need it any more."})


@for_person
def delete(request: HttpRequest, account: CatalogueAccount, key: UUID) -> HttpResponse:
    """Confirm that withdrawn files are deleted, signed in."""
    notice = get_object_or_404(HolderNotice.objects.select_related("version__release"), pk=key, account=account)

    def act(given: dict[str, Any]) -> HttpResponse:
        reach.confirm_deletion(account, notice, said=given["said"])
        return led("your-access", said="deleted")

    return one_form(request, DeletionForm, act, deletion_words(notice))


@for_everybody
def delete_by_link(request: HttpRequest, link: str) -> HttpResponse:
    """The same by the link in the mail."""
    notice = reach.asked(link)
    if notice is None:
        raise AccessRefused("This link was used already, is too old, or was replaced. Sign in and open “Your access”.")

    def act(given: dict[str, Any]) -> HttpResponse:
        reach.confirm_by_link(link, said=given["said"])
        return shown_page(request, "told", {"heading": "Thank you", "text": "Your deletion is on record. You can close this page."})

    return one_form(request, DeletionForm, act, deletion_words(notice))


def deletion_words(notice: HolderNotice) -> dict[str, Any]:
    """The words of the page that asks for a deletion."""
    version = notice.version
    why = f" Reason: {version.state_reason}" if version.state_reason else ""
    lead = f"“{version.title}”, version {version.version}, was withdrawn.{why} You downloaded files of it."
    return {"heading": "Confirm that you deleted your copies", "action": "Confirm", "lead": lead}


def back(request: HttpRequest, account: CatalogueAccount, said: str) -> HttpResponse:
    """To the open application the person came from, else to the page of their access."""
    key = request.GET.get("application", "")
    try:
        application = account.applications.filter(pk=UUID(key), state__in=Application.OPEN).first()
    except ValueError:
        application = None
    return led("application", application.pk, said=said) if application else led("your-access", said=said)


def title_of(release: Release) -> str:
    """The title of a release: of its newest version."""
    return release.versions.order_by("-version").values_list("title", flat=True).first() or release.slug


def _example(request: HttpRequest, release: Release) -> str:
    """A line that downloads the newest version with the token."""
    version = release.versions.on_show().order_by("-version").first()
    address = request.build_absolute_uri(f"{version.get_absolute_url()}capsule.zip" if version else release.get_absolute_url())
    return f'curl -fL -H "Authorization: Bearer $TOKEN" -o {release.slug}.zip {address}'
