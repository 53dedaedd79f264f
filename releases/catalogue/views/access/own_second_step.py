"""One's own second step: an app set up, recovery codes, the app removed. Each takes more than the open session to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from releases.catalogue.access import attempts, permissions, second_factor, visiting
from releases.catalogue.access.forms import CodeForm, OwnAppForm
from releases.catalogue.access.permissions import InputRefused, permit
from releases.catalogue.models import CatalogueAccount
from releases.catalogue.views.access.pages import for_person, led, one_form, shown_page
from releases.catalogue.views.access.session import SECRET, told_to_wait


@sensitive_post_parameters("password")
@for_person
def set_up_app(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Sign in with a code from an app from now on; every other browser is signed out."""
    permit(permissions.add_second_step, account)
    secret = request.session.setdefault(SECRET, second_factor.new_secret())

    def act(given: dict[str, Any]) -> HttpResponse:
        def added() -> HttpResponse:
            if not account.check_password(given["password"]):
                raise InputRefused("That is not your password.", "password")
            codes = second_factor.add_app(account, secret=secret, code=given["code"])
            request.session.pop(SECRET)
            request.session[visiting.CODE] = True
            return _codes_once(request, codes)

        return _counted(request, account, added)

    lead = "With a second step nobody signs in as you with your password alone. It takes a code from your telephone as well."
    shown = {"heading": "Set up your app", "action": "Go on", "secret": secret, "picture": second_factor.picture(secret, account)}
    return one_form(request, OwnAppForm, act, {**shown, "lead": lead}, template="add_app")


@for_person
def recovery_codes(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """New recovery codes, shown once."""
    permit(permissions.renew_codes, account)

    def act(given: dict[str, Any]) -> HttpResponse:
        return _counted(request, account, lambda: _codes_once(request, second_factor.new_codes(account, code=given["code"])))

    left = second_factor.codes_left(account)
    lead = f"You have {left} left. New ones take their place."
    return one_form(request, CodeForm, act, {"heading": "New recovery codes", "action": "Make new codes", "lead": lead})


@for_person
def remove_app(request: HttpRequest, account: CatalogueAccount) -> HttpResponse:
    """Sign in with the password alone again, or set up another app."""
    permit(permissions.remove_second_step, account)

    def act(given: dict[str, Any]) -> HttpResponse:
        def removed() -> HttpResponse:
            second_factor.remove_app(account, code=given["code"])
            return led("your-access", said="app-removed")

        return _counted(request, account, removed)

    lead = "Signing in then takes your password alone. To use another telephone, remove the app here and set up the new one."
    return one_form(request, CodeForm, act, {"heading": "Remove the second step", "action": "Remove it", "lead": lead, "kind": "warning"})


def _codes_once(request: HttpRequest, codes: tuple[str, ...]) -> HttpResponse:
    return shown_page(request, "recovery_codes", {"codes": "\n".join(codes), "following": reverse("catalogue:your-access")})


def _counted(request: HttpRequest, account: CatalogueAccount, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Wrong passwords and codes cost waits here as they do at signing in: whoever found an open browser cannot guess."""
    place = attempts.place_of(request)
    if wait := attempts.waiting(attempts.SIGNING_IN, account.email, place):
        return told_to_wait(request, wait)
    try:
        return act()
    except InputRefused:
        attempts.count(attempts.SIGNING_IN, account.email, place)
        raise
