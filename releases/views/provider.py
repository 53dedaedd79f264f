"""Signing in at the trust's identity provider and back."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from releases import single_sign_on
from releases.models import Account, SignIn
from releases.permissions import Refused
from releases.services import sign_ins
from releases.single_sign_on import NotSignedIn, Provider
from releases.views.pages import refused
from releases.views.session import known, safe
from releases.views.session_limits import sign_in_of

KEPT = "provider"


@never_cache
@require_http_methods(["GET", "HEAD"])
def to_provider(request: HttpRequest) -> HttpResponse:
    """Off to the provider."""
    there = _configured()
    try:
        address, kept = single_sign_on.begin(there, _back(), again=request.user.is_authenticated and "again" in request.GET)
    except NotSignedIn as error:
        return refused(request, Refused(str(error)))
    request.session[KEPT] = kept | {"next": safe(request, request.GET.get("next", ""))}
    return redirect(address)


@never_cache
@require_http_methods(["GET", "HEAD"])
def from_provider(request: HttpRequest) -> HttpResponse:
    """Back from the provider, with what it says. Each leave-taking is good for one return."""
    there, kept = _configured(), request.session.pop(KEPT, None)
    try:
        found = single_sign_on.identity(there, _back(), kept, request.GET.dict())
        account = sign_ins.of_provider(issuer=found.issuer, subject=found.subject, email=found.email)
        if kept.get("again"):
            return _shown_again(request, account, kept["next"])
    except (NotSignedIn, Refused) as error:
        return refused(request, Refused(str(error)))
    return known(request, account, kept["next"], how=SignIn.How.PROVIDER, second_factor=found.second_factor)


def _shown_again(request: HttpRequest, account: Account, following: str) -> HttpResponse:
    """Who is signed in here already showed it at the provider once more. Somebody else does not slip into their session."""
    here = sign_in_of(request)
    if here is None or here.account_id != account.pk:
        raise Refused("You are signed in here as somebody else than at your trust's sign-in; nothing was changed.")
    sign_ins.confirm(account, here, how=SignIn.How.PROVIDER)
    return redirect(following)


def _configured() -> Provider:
    there = single_sign_on.provider()
    if there is None:
        raise Http404
    return there


def _back() -> str:
    return str(settings.SYNTHPORTAL_URL) + reverse("provider-return")
