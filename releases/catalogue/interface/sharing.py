"""Programs on other sites' pages may read what is open to everybody (CORS): GET and HEAD, without cookies or tokens."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

OPEN = ("/api/", "/datasets/", "/catalog.", "/feed.atom", "/oai", "/register.json")
"""Beginnings of the addresses that are shared. What needs an account is not among them."""
_SEEN = "Accept-Ranges, Content-Disposition, Content-Location, Content-Range, ETag, Link, Retry-After"


class Shared:
    """Middleware: answers the question beforehand (preflight), and marks what may be read.

    A request with a token gets no mark: what somebody may read by their token is for them and not for any page they visit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(OPEN):
            return self.get_response(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            answer: HttpResponseBase = HttpResponse(status=204)
            answer["Access-Control-Allow-Methods"] = "GET, HEAD"
            answer["Access-Control-Allow-Headers"] = "Accept, If-Match, If-Modified-Since, If-None-Match, If-Range, Range"
            answer["Access-Control-Max-Age"] = "86400"
        else:
            answer = self.get_response(request)
        if "Authorization" not in request.headers:
            answer["Access-Control-Allow-Origin"] = "*"
            answer["Access-Control-Expose-Headers"] = _SEEN
        return answer
