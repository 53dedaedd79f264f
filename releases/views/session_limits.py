"""What holds for every request of somebody signed in: their sign-in still counts, and has the second factor their roles ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django.utils import timezone

from releases import second_factors
from releases.models import Account, SignIn
from releases.services import sign_ins

log = logging.getLogger(__name__)
SIGN_IN = "sign_in"
"""The session's name for its sign-in."""
WITHOUT_SECOND_FACTOR = frozenset(
    {"your-account", "add-app", "add-key", "recovery-codes", "password", "sign-out", "show-again", "provider", "provider-return"}
)
"""Pages somebody who must set up a second factor can open before they did."""


class SessionLimits:
    """Middleware: ends a session whose sign-in is over, and leads to setting up a second factor where one is asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, Account):
            return self.get_response(request)
        found = sign_in_of(request)
        because = "Sign in again." if found is None else sign_ins.over(found, timezone.now())
        if found is None or because is not None:
            if found is not None:
                sign_ins.outlasted(found, because="its time was over")
            logout(request)
            messages.info(request, because or "")
            return _led(request, f"{reverse('sign-in')}?next={quote(request.get_full_path() if request.method == 'GET' else '/')}")
        if not request.headers.get("HX-Request"):  # a page that refreshes itself is nobody being there
            try:
                sign_ins.seen(found)
            except OperationalError as error:
                log.warning("a sign-in was not marked as seen: %s", type(error).__name__)
        if not found.second_factor and second_factors.required(request.user) and _name(request) not in WITHOUT_SECOND_FACTOR:
            messages.info(request, "Your role asks for a second sign-in step; set one up to go on.")
            return _led(request, reverse("your-account"))
        return self.get_response(request)


def sign_in_of(request: HttpRequest) -> SignIn | None:
    """The sign-in of this request's session; None when it has none that is this person's."""
    try:
        return SignIn.objects.select_related("account").filter(pk=str(request.session.get(SIGN_IN, "")), account=request.user.pk).first()
    except ValidationError:
        return None


def place_of(request: HttpRequest) -> str:
    """The network address a request comes from, as the nearest of our own proxies saw it."""
    passed = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    proxies = settings.SYNTHPORTAL_PROXIES
    return passed[-proxies] if proxies and len(passed) >= proxies else str(request.META.get("REMOTE_ADDR", ""))


@receiver(user_logged_in)
def begun(sender: Any, request: HttpRequest, user: Account, **kwargs: Any) -> None:
    """Every sign-in gets its row, whoever called Django's `login`. `request.known_by`: (how, whether with a second factor)."""
    how, second_factor = getattr(request, "known_by", (SignIn.How.PASSWORD, False))
    request.session[SIGN_IN] = str(sign_ins.begin(user, how=how, second_factor=second_factor).pk)


def _led(request: HttpRequest, address: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _name(request: HttpRequest) -> str | None:
    return resolve(request.path_info).url_name
