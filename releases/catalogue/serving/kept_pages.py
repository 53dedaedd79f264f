"""Pages that are the same for everybody, kept ready to send: what was answered a moment ago is answered again, unless anything changed.

A view says of its answer that it is for everybody (`for_everybody`). It is kept whole, headers included, under everything of the request
that it may hang on, and counts while the catalogue's revision is the same (`FeedPosition.changed`), the feed is as fresh as it was, and
for so many seconds at most, because counts of downloads move without a revision. Who shows a cookie or a token gets an answer of their
own, and nothing that sets a cookie is kept.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from releases.catalogue.models import FeedPosition
from releases.catalogue.taking_in.freshness import Freshness, freshness_of

MOST = 48 * 1024**2
"""Bytes of pages that a process holds."""
HANGS_ON = ("HTTP_HOST", "HTTP_ACCEPT", "HTTP_HX_REQUEST", "HTTP_HX_HISTORY_RESTORE_REQUEST", "HTTP_X_FORWARDED_PROTO", "wsgi.url_scheme")
"""What of a request, beside its address, an answer for everybody may hang on."""
_MARK = "catalogue_for_everybody"

P = ParamSpec("P")


def for_everybody(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Say of a view's answers that they hang on the address, `HANGS_ON` and the catalogue alone."""

    @wraps(view)
    def saying(*args: P.args, **named: P.kwargs) -> HttpResponse:
        answer = view(*args, **named)
        setattr(answer, _MARK, True)
        return answer

    return saying


@dataclass(frozen=True)
class _Page:
    content: bytes
    headers: tuple[tuple[str, str], ...]
    stands_for: tuple[Any, ...]
    until: float


class KeptPages:
    """The middleware; first of all, so that a page that is ready asks the database one thing and nothing else of anybody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.SYNTHPORTAL_KEEP_PAGES:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self._pages: OrderedDict[tuple[str, ...], _Page] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.META
        if request.method != "GET" or any(asked.get(name) for name in ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_RANGE")):
            return self.get_response(request)
        key = (request.get_full_path(), *(str(asked.get(name, "")) for name in HANGS_ON))
        stands_for = _stands_for()
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
        if page is not None and page.stands_for == stands_for and time.monotonic() < page.until:
            answer = HttpResponse(page.content)
            for name, value in page.headers:
                answer.headers[name] = value
            return answer
        made = self.get_response(request)
        if getattr(made, _MARK, False) and made.status_code == 200 and not made.cookies and isinstance(made, HttpResponse):
            self._keep(key, _Page(made.content, tuple(made.items()), stands_for, time.monotonic() + settings.SYNTHPORTAL_KEEP_PAGES))
        return made

    def _keep(self, key: tuple[str, ...], page: _Page) -> None:
        with self._lock:
            before = self._pages.pop(key, None)
            self._held += len(page.content) - (len(before.content) if before else 0)
            self._pages[key] = page
            while self._held > MOST and len(self._pages) > 1:
                self._held -= len(self._pages.popitem(last=False)[1].content)


def _stands_for() -> tuple[Any, ...]:
    """What all pages hang on: the revision, and what they say of the feed's age."""
    known = FeedPosition.standing()
    heard: Freshness = freshness_of(known)
    changed = (known.revision, known.digest) if known else None
    return (changed, heard.stale, heard.refusing, heard.heard_at if heard.stale else None)
