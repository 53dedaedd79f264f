"""How a program is known, what it may do at all, and how a refusal reads (RFC 9457). No cookie is looked at here, nor any made."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.security import HttpBearer
from ninja.throttling import AuthRateThrottle

from generators.errors import InputError
from releases import audit
from releases.models import Account, PersonalToken
from releases.permissions import Refused
from releases.services import tokens
from releases.views.pages import INVALID, REFUSED, UNUSABLE

RATE = "600/m"
"""Requests of one token a minute."""
PROBLEM = "application/problem+json"
_TITLES = {
    UNUSABLE: "It cannot be used as sent",
    401: "Not known",
    REFUSED: "Refused",
    404: "Not found",
    INVALID: "It does not fit the description of this address",
    429: "Too many requests",
}


class Bearer(HttpBearer):
    """`Authorization: Bearer synthportal_…`, of a token that has the scope. What is refused is recorded like a service's refusal."""

    def __init__(self, scope: PersonalToken.Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> PersonalToken | None:
        found = tokens.recognised(token)
        if found is None:
            return None
        sentence = tokens.unusable(found)
        if sentence is not None:
            audit.record_refusal(found.account, "use_token", found, sentence)
            raise HttpError(401, sentence)
        if self.scope not in found.scopes:
            sentence = f"This token may not do that: it lacks the scope “{self.scope}”. Make one that has it."
            audit.record_refusal(found.account, "use_token", found, sentence)
            raise Refused(sentence)
        return found


class Interface(NinjaAPI):
    """Nothing it answers is kept by anybody on the way."""

    def create_response(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().create_response(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


interface = Interface(
    title="synthportal, secure side",
    version="1",
    description="For a warehouse's nightly job: give a dataset new data, ask for a generation, ask how it stands. "
    "Everything is done in the name of the person whose token it is, by the same rules as on the pages.",
    urls_namespace="interface",
    docs_url=None,
    openapi_url=None,
    throttle=[AuthRateThrottle(RATE)],
)


def caller(request: HttpRequest) -> Account:
    """In whose name the program works."""
    token: PersonalToken = request.auth  # type: ignore[attr-defined] # put there by ninja
    return token.account


def _problem(request: HttpRequest, status: int, detail: str, **more: Any) -> HttpResponse:
    told = {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail, **more}
    response = interface.create_response(request, told, status=status)
    response["Content-Type"] = PROBLEM
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


@interface.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return _problem(request, REFUSED, error.sentence)


@interface.exception_handler(InputError)
def _unusable(request: HttpRequest, error: InputError) -> HttpResponse:
    return _problem(request, UNUSABLE, str(error))


@interface.exception_handler(Http404)
def _unknown(request: HttpRequest, error: Http404) -> HttpResponse:
    return _problem(request, 404, "There is nothing here that you may see.")


@interface.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _problem(request, 401, "Send a personal token: Authorization: Bearer synthportal_…")


@interface.exception_handler(Throttled)
def _hasty(request: HttpRequest, error: Throttled) -> HttpResponse:
    response = _problem(request, 429, "Too many requests in a minute; wait a little.")
    response["Retry-After"] = str(error.wait or 60)
    return response


@interface.exception_handler(HttpError)
def _told(request: HttpRequest, error: HttpError) -> HttpResponse:
    if error.status_code == 401:
        return _problem(request, 401, error.message)
    return _problem(request, UNUSABLE, "What was sent cannot be read as JSON.")


@interface.exception_handler(ValidationError)
def _unfitting(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Where it does not fit and why; never what was sent."""
    wrong = [{"place": ".".join(map(str, each["loc"])), "why": each["msg"]} for each in error.errors]
    first = wrong[0] if wrong else {"place": "the request", "why": "it does not fit"}
    return _problem(request, INVALID, f"{first['place']}: {first['why']}", errors=wrong)
