"""Registering, signing in and out, passwords. A wrong password, an unknown address and an unconfirmed one get the same answer."""

from __future__ import annotations

import time
from datetime import timedelta
from math import ceil
from typing import Any

from django.contrib.auth import authenticate, logout
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from releases.catalogue.access import accounts, attempts, institutions, links, second_factor, visiting
from releases.catalogue.access.forms import CodeForm, ConfirmForm, ForgottenForm, NewAppForm, PasswordForm, RegisterForm, SignInForm
from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.models import CatalogueAccount, MailedLink
from releases.catalogue.views.access.pages import TOO_MANY, for_everybody, led, one_form, said, shown_page

PENDING, SECRET = "second_step", "new_app"
SECOND_STEP_WITHIN = 600.0
LOOK_IN_MAIL = (
    "If the address can have an account, a mail with a link is on its way. It may take some minutes; look among the unwanted mails too."
)


@sensitive_post_parameters("password")
@for_everybody
def register(request: HttpRequest) -> HttpResponse:
    """A new account. Whether there is one already is told by mail alone."""

    def act(given: dict[str, Any]) -> HttpResponse:
        place = attempts.place_of(request)
        if wait := attempts.waiting(attempts.ASKING, given["email"], place):
            return told_to_wait(request, wait)
        attempts.count(attempts.ASKING, given["email"], place)
        accounts.register(**given)
        return shown_page(request, "told", {"heading": "Look at your e-mail", "text": LOOK_IN_MAIL})

    lead = f"For people of institutions: your e-mail address ends in {institutions.endings()}."
    return one_form(request, RegisterForm, act, {"heading": "Make an account", "action": "Make the account", "lead": lead})


@sensitive_post_parameters("password")
@for_everybody
def confirm_address(request: HttpRequest, link: str) -> HttpResponse:
    """The mailed link. It counts once the password is typed: mail programs open links by themselves."""
    if links.found(MailedLink.Purpose.CONFIRM, link) is None:
        raise AccessRefused(links.SPENT)

    def act(given: dict[str, Any]) -> HttpResponse:
        place = attempts.place_of(request)
        if wait := attempts.waiting(attempts.SIGNING_IN, link, place):
            return told_to_wait(request, wait)
        try:
            accounts.confirm(link, password=given["password"])
        except InputRefused:
            attempts.count(attempts.SIGNING_IN, link, place)
            raise
        return led("sign-in", said="confirmed")

    return one_form(request, ConfirmForm, act, {"heading": "Confirm your address", "action": "Confirm"})


@sensitive_post_parameters("password")
@for_everybody
def sign_in(request: HttpRequest) -> HttpResponse:
    """The first step; access officers, and who else has an app, show a code next."""
    following = _safe(request, request.POST.get("next") or request.GET.get("next") or "")
    if visiting.signed_in(request) is not None:
        return HttpResponseRedirect(following)

    def act(given: dict[str, Any]) -> HttpResponse:
        email, place = given["email"].lower(), attempts.place_of(request)
        if wait := attempts.waiting(attempts.SIGNING_IN, email, place):
            return told_to_wait(request, wait)
        account = authenticate(request, username=email, password=given["password"])
        if not isinstance(account, CatalogueAccount) or account.confirmed_at is None:
            attempts.count(attempts.SIGNING_IN, email, place)
            raise InputRefused("The e-mail address or the password is wrong, or the address is not confirmed yet.")
        if account.officer or account.sealed_secret:
            request.session.cycle_key()
            request.session[PENDING] = {"account": str(account.pk), "next": following, "at": time.time()}
            return led("second-step" if account.sealed_secret else "add-app")
        return _entered(request, account, following)

    return one_form(request, SignInForm, act, {"next": following, "said": said(request)}, template="sign_in")


@for_everybody
def second_step(request: HttpRequest) -> HttpResponse:
    """The code of the app, or a recovery code."""
    account, following = _pending(request)
    if account is None or not account.sealed_secret:
        return led("sign-in")

    def act(given: dict[str, Any]) -> HttpResponse:
        place = attempts.place_of(request)
        if wait := attempts.waiting(attempts.SIGNING_IN, account.email, place):
            return told_to_wait(request, wait)
        if not second_factor.shown(account, given["code"]):
            attempts.count(attempts.SIGNING_IN, account.email, place)
            raise InputRefused(second_factor.WRONG, "code")
        return _entered(request, account, following, code=True)

    return one_form(request, CodeForm, act, {"heading": "Second step", "action": "Go on"})


@for_everybody
def add_app(request: HttpRequest) -> HttpResponse:
    """An access officer without an app sets one up, before anything else."""
    account, following = _pending(request)
    if account is None or account.sealed_secret:
        return led("sign-in")
    secret = request.session.setdefault(SECRET, second_factor.new_secret())

    def act(given: dict[str, Any]) -> HttpResponse:
        codes = second_factor.add_app(account, secret=secret, code=given["code"])
        request.session.pop(SECRET)
        _entered(request, account, following, code=True)
        return shown_page(request, "recovery_codes", {"codes": "\n".join(codes), "following": following})

    lead = "Access officers sign in with a code as well."
    shown = {"heading": "Set up your app", "action": "Go on", "secret": secret, "picture": second_factor.picture(secret, account)}
    return one_form(request, NewAppForm, act, {**shown, "lead": lead}, template="add_app")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    logout(request)
    return led("sign-in", said="signed-out")


@for_everybody
def forgotten(request: HttpRequest) -> HttpResponse:
    """Asking for a link to choose a new password."""

    def act(given: dict[str, Any]) -> HttpResponse:
        place = attempts.place_of(request)
        if wait := attempts.waiting(attempts.ASKING, given["email"], place):
            return told_to_wait(request, wait)
        attempts.count(attempts.ASKING, given["email"], place)
        accounts.ask_for_password(given["email"])
        return shown_page(request, "told", {"heading": "Look at your e-mail", "text": LOOK_IN_MAIL})

    return one_form(request, ForgottenForm, act, {"heading": "A new password", "action": "Send me a link"})


@sensitive_post_parameters("password")
@for_everybody
def choose_password(request: HttpRequest, link: str) -> HttpResponse:
    """The mailed link to choose a password."""
    if links.found(MailedLink.Purpose.PASSWORD, link) is None:
        raise AccessRefused(links.SPENT)

    def act(given: dict[str, Any]) -> HttpResponse:
        accounts.choose_password(link, password=given["password"])
        return led("sign-in", said="password")

    return one_form(request, PasswordForm, act, {"heading": "Choose a password", "action": "Set the password"})


def told_to_wait(request: HttpRequest, wait: timedelta) -> HttpResponse:
    """The page after too many attempts: the same whether or not there is such an account."""
    minutes = ceil(wait.total_seconds() / 60)
    text = f"There were too many attempts in a row. Try again in {minutes} minute{'' if minutes == 1 else 's'}."
    answer = shown_page(request, "told", {"heading": "Please wait", "text": text}, TOO_MANY)
    answer.headers["Retry-After"] = str(minutes * 60)
    return answer


def _entered(request: HttpRequest, account: CatalogueAccount, following: str, *, code: bool = False) -> HttpResponse:
    request.session.pop(PENDING, None)
    visiting.begin(request, account, code=code)
    attempts.forgive(account.email, attempts.place_of(request))
    return HttpResponseRedirect(following)


def _pending(request: HttpRequest) -> tuple[CatalogueAccount | None, str]:
    """Who gave the right password a moment ago and owes a code, and where they were going."""
    pending = request.session.get(PENDING)
    if pending is None or not 0 <= time.time() - pending["at"] <= SECOND_STEP_WITHIN:
        return None, ""
    owing = CatalogueAccount.objects.filter(Q(officer=True) | ~Q(sealed_secret=""), is_active=True)
    return owing.filter(pk=pending["account"]).first(), pending["next"]


def _safe(request: HttpRequest, address: str) -> str:
    """`address` when it is on this site, else the page of one's access."""
    if address and url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return address
    return reverse("catalogue:your-access")
