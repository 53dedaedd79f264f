"""How the interface answers: JSON with an ETag, refusals as problems (RFC 9457), so many requests a minute. It changes nothing."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from ninja import NinjaAPI
from ninja.errors import HttpError, Throttled, ValidationError
from ninja.throttling import BaseThrottle

from releases.catalogue.interface.rate import seconds_left, too_many

PROBLEM = "application/problem+json"
_TITLES = {
    400: "It cannot be used as sent",
    401: "Not known",
    403: "Refused",
    404: "Not found",
    410: "Withdrawn",
    422: "It does not fit the description of this address",
    429: "Too many requests",
    503: "Paused",
}


class Told(Exception):
    """A refusal: its status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class _Rate(BaseThrottle):
    """So many requests a minute. One for all threads: it keeps nothing between its two questions."""

    def allow_request(self, request: HttpRequest) -> bool:
        return too_many(request) is None

    def wait(self) -> float:
        return seconds_left()


class Interface(NinjaAPI):
    """What it answers may be kept for a minute, and is asked for again by its ETag."""

    def create_response(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().create_response(request, *args, **kwargs)
        if response.status_code != 200:
            response["Cache-Control"] = "no-store"
            return response
        etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        response["ETag"] = etag
        # What somebody sees by a token or a session is nobody else's.
        private = "Authorization" in request.headers or request.COOKIES
        response["Cache-Control"] = "private, no-cache" if private else "public, max-age=60"
        return get_conditional_response(request, etag=etag, response=response) or response


interface = Interface(
    title="Synthetic data catalogue",
    version="1",
    description="Find releases, read what is told of them, look at synthetic rows, follow what is published and withdrawn. Everything here "
    "is read-only and open to everybody; rows of safeguarded data need a personal token (Authorization: Bearer …).",
    urls_namespace="catalogue-interface",
    docs_url=None,
    openapi_url=None,
    throttle=[_Rate()],
)


def problem(request: HttpRequest, status: int, detail: str, **more: Any) -> HttpResponse:
    """A refusal in the form of RFC 9457; `detail` is a sentence for people."""
    told = {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail, **more}
    response = HttpResponse(json.dumps(told, ensure_ascii=False), content_type=PROBLEM, status=status)
    response["Cache-Control"] = "no-store"
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response["Retry-After"] = "600"
    return response


@interface.exception_handler(Told)
def _told(request: HttpRequest, refused: Told) -> HttpResponse:
    return problem(request, refused.status, refused.sentence)


@interface.exception_handler(Http404)
def _unknown(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(request, 404, "There is nothing at this address.")


@interface.exception_handler(Throttled)
def _hasty(request: HttpRequest, error: Throttled) -> HttpResponse:
    response = problem(request, 429, f"Too many requests in a minute; wait {error.wait} seconds.")
    response["Retry-After"] = str(error.wait)
    return response


@interface.exception_handler(HttpError)
def _unusable(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(request, 400, "The request cannot be read.")


@interface.exception_handler(ValidationError)
def _unfitting(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Where it does not fit and why; never what was sent."""
    wrong = [{"place": _place(each["loc"]), "why": each["msg"].removeprefix("Value error, ")} for each in error.errors]
    first = wrong[0] if wrong else {"place": "the request", "why": "it does not fit"}
    return problem(request, 422, f"{first['place']}: {first['why']}.", errors=wrong)


def _place(where: tuple[str | int, ...]) -> str:
    """ "query.limit" of what is written ("query", "asked", "limit")."""
    return ".".join(str(part) for part in where if part != "asked")
