"""Signing in, in one step or two, and out. Each failed attempt in a row costs a longer wait (`services.attempts`)."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from math import ceil
from typing import Any

from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from releases import second_factors, single_sign_on
from releases.account_forms import SecondStepForm
from releases.forms import SignInForm
from releases.models import Account, Authenticator, SignIn
from releases.services import attempts, factors, sign_ins
from releases.views.pages import INVALID, sent
from releases.views.session_limits import place_of, sign_in_of

BACKEND = "django.contrib.auth.backends.ModelBackend"
PENDING = "second_step"
CHALLENGE = "challenge"
SECOND_STEP_WITHIN = 600.0
TOO_MANY = 429


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page. A wrong password and an unknown address get the same sentence, and the same wait."""
    following = safe(request, request.POST.get("next") or request.GET.get("next") or "")
    if request.user.is_authenticated:
        return redirect(following)
    form = SignInForm(sent(request))
    status = 200
    if request.method == "POST":
        status = INVALID
        if form.is_valid():
            email, place = form.cleaned_data["username"].lower(), place_of(request)
            if wait := attempts.waiting(email, place):
                return told_to_wait(request, wait)
            account = authenticate(request, username=email, password=form.cleaned_data["password"])
            if isinstance(account, Account):
                return known(request, account, following, how=SignIn.How.PASSWORD, second_factor=False)
            attempts.failed(email, place, step="password")
            if wait := attempts.waiting(email, place):
                return told_to_wait(request, wait)
            form.add_error(None, "The e-mail address or the password is wrong.")
    context = {"form": form, "next": following, "provider": single_sign_on.provider()}
    return render(request, "secure/sign_in.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """The second step: a code, or a security key."""
    pending = request.session.get(PENDING)
    account = _pending(pending)
    if account is None or pending is None:
        request.session.pop(PENDING, None)
        messages.info(request, "Begin by signing in.")
        return redirect("sign-in")
    form = SecondStepForm(sent(request))
    status = 200
    if request.method == "POST":
        place = place_of(request)
        if wait := attempts.waiting(account.email, place):
            return told_to_wait(request, wait)
        status = INVALID
        if form.is_valid():
            how = _shown(request, account, form.cleaned_data)
            if how is not None:
                return _entered(request, account, pending["next"], (how, True))
            attempts.failed(account.email, place, step="second step")
            if wait := attempts.waiting(account.email, place):
                return told_to_wait(request, wait)
            form.add_error(None, "That was not the code of this moment, nor a recovery code or security key of yours; each works once.")
    challenge = secrets.token_bytes(32)
    request.session[CHALLENGE] = challenge.hex()
    has_key = second_factors.held(account).filter(kind=Authenticator.Kind.KEY).exists()
    context = {"form": form, "options": second_factors.question(account, challenge) if has_key else None}
    return render(request, "secure/second_step.html", context, status=status)


@require_http_methods(["POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    if isinstance(request.user, Account) and (found := sign_in_of(request)) is not None:
        sign_ins.end(request.user, found)
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("sign-in")


def known(request: HttpRequest, account: Account, following: str, *, how: SignIn.How, second_factor: bool) -> HttpResponse:
    """Somebody showed who they are; who has a second factor shows that next, unless the first step held one already."""
    if not second_factor and second_factors.held(account).exists():
        request.session.cycle_key()
        request.session[PENDING] = {"account": str(account.pk), "next": following, "at": time.time()}
        return redirect("second-step")
    return _entered(request, account, following, (how, second_factor))


def told_to_wait(request: HttpRequest, wait: timedelta) -> HttpResponse:
    """The page after too many attempts: the same whether or not there is such an account."""
    return render(request, "secure/locked.html", {"minutes": ceil(wait.total_seconds() / 60)}, status=TOO_MANY)


def safe(request: HttpRequest, address: str) -> str:
    """`address` when it is on this site, else the home page."""
    if address and url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return address
    return resolve_url("home")


def _entered(request: HttpRequest, account: Account, following: str, known_by: tuple[Any, bool]) -> HttpResponse:
    request.session.pop(PENDING, None)
    request.session.pop(CHALLENGE, None)
    request.known_by = known_by  # type: ignore[attr-defined] # for `session_limits.begun`
    login(request, account, backend=BACKEND)
    attempts.succeeded(account.email, place_of(request))
    return redirect(following)


def _pending(pending: dict[str, Any] | None) -> Account | None:
    if pending is None or not 0 <= time.time() - pending["at"] <= SECOND_STEP_WITHIN:
        return None
    return Account.objects.filter(pk=pending["account"], is_active=True).first()


def _shown(request: HttpRequest, account: Account, given: dict[str, str]) -> str | None:
    challenge = bytes.fromhex(request.session.pop(CHALLENGE, ""))
    if given["answer"]:
        return factors.show_key(account, given["answer"], challenge) if challenge else None
    return factors.show_code(account, given["code"]) if given["code"] else None
