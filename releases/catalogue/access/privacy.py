"""What an answer that hangs on who asks may not do: be kept by a cache and given to somebody else."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

MARK = "catalogue_personal"


def personal(request: HttpRequest) -> None:
    """Say that the answer to this request hangs on who asks: no cache, near or far, may keep it."""
    setattr(request, MARK, True)


def is_personal(request: HttpRequest) -> bool:
    """Whether `personal` was said of this request, so far."""
    return bool(getattr(request, MARK, False))


class KeptByNobody:
    """Middleware: whatever a view said of caching, an answer that hangs on who asks is kept by nobody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if is_personal(request):
            response.headers["Cache-Control"] = "private, no-store"
        return response
