"""Who is asking? A signed-in person by their session's cookie, or a program by the token in its Authorization header; nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest

from releases.catalogue.access import tokens
from releases.catalogue.access.privacy import personal
from releases.catalogue.models import AccessToken, CatalogueAccount

BACKEND = "django.contrib.auth.backends.ModelBackend"
BEGAN, SEEN, CODE = "began", "seen", "code"
"""What a session remembers: when it began, when it was last used, whether a code was shown in it."""


class TokenRefused(Exception):
    """An Authorization header that names nobody."""


@dataclass(frozen=True)
class Visitor:
    """Somebody, and the token they came with, None when by their browser."""

    account: CatalogueAccount
    token: AccessToken | None = None


def visitor(request: HttpRequest) -> Visitor | None:
    """Who is asking; None for a stranger. TokenRefused when a header is there that opens nothing: a cookie beside it does not help."""
    personal(request)
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, text = header.partition(" ")
        token = tokens.recognised(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise TokenRefused
        return Visitor(token.account, token)
    account = signed_in(request)
    return Visitor(account) if account else None


def signed_in(request: HttpRequest) -> CatalogueAccount | None:
    """The person of this request's session; None when there is none, or it is over.

    A session without a code is over once its person has a second step: whoever sat in another browser with the password alone is out.
    """
    personal(request)
    account = request.user
    if not isinstance(account, CatalogueAccount) or account.confirmed_at is None:
        return None
    now, session = time.time(), request.session
    began, seen = float(session.get(BEGAN, 0)), float(session.get(SEEN, 0))
    longest, idle = settings.SYNTHPORTAL_SESSION_LONGEST.total_seconds(), settings.SYNTHPORTAL_SESSION_IDLE.total_seconds()
    unshown = bool(account.sealed_secret) and not session.get(CODE)
    if unshown or not 0 <= now - began <= longest or not 0 <= now - seen <= idle:
        logout(request)
        return None
    if now - seen > 60:
        session[SEEN] = now
    return account


def begin(request: HttpRequest, account: CatalogueAccount, *, code: bool = False) -> None:
    """Somebody showed who they are, in as many steps as their account needs; code: the second was one of them."""
    personal(request)
    login(request, account, backend=BACKEND)  # type: ignore[arg-type] # the type checker knows the other site's accounts alone
    request.session[BEGAN] = request.session[SEEN] = time.time()
    request.session[CODE] = code
