"""What a referee sees, who comes by a link and has no account."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from releases.catalogue.access import licence, links, referees
from releases.catalogue.access.forms import DeclineForm, RefereeSignatureForm
from releases.catalogue.access.permissions import AccessRefused
from releases.catalogue.views.access.account import title_of
from releases.catalogue.views.access.pages import for_everybody, one_form, shown_page


@for_everybody
def referee(request: HttpRequest, link: str) -> HttpResponse:
    """Read the application and the licence; sign."""
    application = referees.asked(link)
    if application is None:
        raise AccessRefused(links.SPENT)
    edition = licence.in_force()

    def act(given: dict[str, Any]) -> HttpResponse:
        referees.sign(link, typed_name=given["typed_name"], licence_sha256=given["licence_sha256"], confirmed=given["confirmed"])
        text = "You have signed. The access officer decides now; you need do no more, and the link opens nothing any more."
        return shown_page(request, "told", {"heading": "Thank you", "text": text})

    shown = {
        "heading": "Will you act as referee?",
        "action": "Sign as referee",
        "application": application,
        "person": application.account,
        "title": title_of(application.release),
        "edition": edition,
        "link": link,
    }
    return one_form(request, RefereeSignatureForm, act, shown, template="referee", initial={"licence_sha256": edition.sha256})


@for_everybody
def decline(request: HttpRequest, link: str) -> HttpResponse:
    """Say no."""
    if referees.asked(link) is None:
        raise AccessRefused(links.SPENT)

    def act(given: dict[str, Any]) -> HttpResponse:
        referees.decline(link, reason=given["reason"])
        text = "You have not signed. The applicant is told; the link opens nothing any more."
        return shown_page(request, "told", {"heading": "Thank you", "text": text})

    return one_form(request, DeclineForm, act, {"heading": "I do not sign", "action": "Do not sign"})
