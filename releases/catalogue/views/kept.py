"""Pages that are the same for everybody are made once: a page kept whole under everything it depends on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from django.http import HttpRequest, HttpResponse

MOST = 32 * 1024**2
"""Bytes of pages that a process holds."""

_pages: OrderedDict[Hashable, tuple[bytes, str]] = OrderedDict()
_lock = Lock()


def kept(request: HttpRequest, depends: Hashable, make: Callable[[], HttpResponse]) -> HttpResponse:
    """The page that `make` answers with, from memory where it was made before for the same address and the same `depends`.

    depends: everything of database, files and visitor that the page shows. Only pages for visitors whom nothing distinguishes (no
    cookie, no token) are kept, and only whole ones (200).
    """
    if request.COOKIES or "Authorization" in request.headers:
        return make()
    key = (request.build_absolute_uri(), depends)
    with _lock:
        found = _pages.get(key)
        if found is not None:
            _pages.move_to_end(key)
    if found is not None:
        return HttpResponse(found[0], content_type=found[1])
    answer = make()
    if answer.status_code == 200 and not answer.cookies:
        _keep(key, answer)
    return answer


def _keep(key: Hashable, answer: HttpResponse) -> None:
    with _lock:
        _pages[key] = (answer.content, answer.headers["Content-Type"])
        held = sum(len(content) for content, _ in _pages.values())
        while held > MOST and len(_pages) > 1:
            _, (content, _) = _pages.popitem(last=False)
            held -= len(content)
