"""The front page, the page for patients, and what all pages have in common."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from releases.catalogue.finding.search import Search
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing import words
from releases.catalogue.showing.hits import hits
from releases.catalogue.showing.register import totals
from releases.catalogue.taking_in.freshness import freshness


@for_everybody
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What is this, and is there something for me?"""
    search = Search()
    newest = search.found(whole=False)[:5]
    figures = {
        "releases": search.total,
        "register": totals(),
        "downloads": ReleaseVersion.objects.on_show().aggregate(total=Sum("downloads__count"))["total"] or 0,
    }
    shown = {"newest": hits(search, newest), "examples": words.EXAMPLE_SEARCHES, "figures": figures}
    return page(request, "front", "front", shown)


@for_everybody
@require_safe
def patients(request: HttpRequest) -> HttpResponse:
    """What does this mean for me as a patient?"""
    return page(request, "patients", "patients", {})


def page(request: HttpRequest, name: str, current: str, shown: dict[str, Any], status: int = 200) -> HttpResponse:
    """The page made by `catalogue/<name>.html`; current: which entry of the navigation it stands under."""
    return render(request, f"catalogue/{name}.html", {"current": current, "freshness": freshness(), **shown}, status=status)
