"""The results of a search."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from releases.catalogue.finding.search import SORTS, Search
from releases.catalogue.showing.hits import hit
from releases.catalogue.views.pages import page as shown_page

PER_PAGE = 20


@require_safe
def results(request: HttpRequest) -> HttpResponse:
    """Which releases fit what I asked for?"""
    search = Search.asked(dict(request.GET.lists()))
    page = Paginator(search.found(), PER_PAGE).get_page(request.GET.get("page"))
    filters = [
        ("tier", "How it was made", search.choices("tier")),
        ("purpose", "Made for", search.choices("purpose")),
        ("subject", "Subject", search.choices("subject")),
    ]
    shown = {
        "search": search,
        "page": page,
        "hits": [hit(version, search) for version in page],
        "filters": filters,
        "filtered": bool(search.text or search.tier or search.purpose or search.subject),
        "sorts": [(code, name, code == search.sort) for code, name in SORTS.items()],
    }
    return shown_page(request, "results", "results", shown)
