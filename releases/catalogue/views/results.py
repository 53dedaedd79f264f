"""The results of a search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from releases.catalogue.finding.search import BEST, SORTS, Search
from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing.hits import hits
from releases.catalogue.views.pages import page as shown_page

PER_PAGE = 20


@for_everybody
@require_safe
def results(request: HttpRequest) -> HttpResponse:
    """Which releases fit what I asked for? While somebody types, the lists alone."""
    typing = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-History-Restore-Request")
    answer = _results(request, typing)
    patch_vary_headers(answer, ["HX-Request", "HX-History-Restore-Request"])
    if typing:
        search = Search.asked(dict(request.GET.lists()))
        answer.headers["HX-Push-Url"] = f"{reverse('catalogue:results')}{f'?{urlencode(search.parameters)}' if search.parameters else ''}"
    return answer


def _results(request: HttpRequest, typing: bool) -> HttpResponse:
    search = Search.asked(dict(request.GET.lists()))
    page = Paginator(search.found(whole=False), PER_PAGE).get_page(request.GET.get("page"))
    shown: dict[str, Any] = {
        "search": search,
        "page": page,
        "hits": hits(search, list(page)),
        "narrowed": _narrowed(search),
        "sorts": [(code, name, code == search.order) for code, name in SORTS.items() if code != BEST or search.words],
        "order": SORTS[search.order].lower(),
        "instead": [] if search.total else _instead(search),
        "typing": typing,
    }
    return shown_page(request, "results_parts" if typing else "results", "results", shown)


def _narrowed(search: Search) -> list[tuple[str, str, str]]:
    """Every chosen value of a filter: heading, words, and the query that is left without it."""
    return [
        (facet.heading, choice.name, urlencode(_without(search, facet.name, choice.code).parameters))
        for facet in search.facets
        for choice in facet.choices
        if choice.chosen
    ]


def _without(search: Search, name: str, code: str) -> Search:
    left = {**search.chosen, name: tuple(value for value in search.chosen[name] if value != code)}
    return replace(search, chosen={name: values for name, values in left.items() if values})


def _instead(search: Search) -> list[tuple[str, int, str]]:
    """What to try where nothing was found: words, how many it finds, its query."""
    tries = [("without the filters", replace(search, chosen={}))] if search.chosen and search.text else []
    if len(search.words) > 1:
        tries += [(f"only “{word.text}”", Search(word.text)) for word in search.words]
    return [(said, other.total, urlencode(other.parameters)) for said, other in tries if other.total]
