"""A dataset's page."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from releases.capsule import layout, texts
from releases.catalogue.models import Release, ReleaseVersion
from releases.catalogue.showing import contents, told, words
from releases.catalogue.views.files import version_of
from releases.catalogue.views.pages import page

NOT_SHOWN = "Not shown while the release is not given out."


@require_safe
def dataset(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest version on show; where there is none, the newest of all, which says why."""
    release = get_object_or_404(Release, slug=slug)
    newest = release.versions.on_show().order_by("-version").first() or release.versions.order_by("-version").first()
    if newest is None:
        raise Http404
    return _dataset_page(request, newest)


@require_safe
def version(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """One version, for citations and links that must not move."""
    return _dataset_page(request, version_of(slug, version))


def _dataset_page(request: HttpRequest, version: ReleaseVersion) -> HttpResponse:
    everything = list(version.release.versions.order_by("-version"))
    shown: dict[str, Any] = {"version": version, "versions": everything, "tier": words.tier(version.tier), "disclaimer": layout.DISCLAIMER}
    if version.state == ReleaseVersion.State.WITHDRAWN:
        shown["instead"] = version.release.versions.on_show().order_by("-version").first()
        return page(request, "withdrawn", "results", shown, status=410)
    stored = list(version.files.all())
    data = [each for each in stored if each.role == "data"]
    address = request.build_absolute_uri
    # While it is looked into, what is told about it may be what is wrong with it.
    held = version.state == ReleaseVersion.State.SUSPENDED or version.key_revoked
    report = contents.Measured() if held else contents.measured(version)
    shown |= {
        "colour": words.TIER_COLOURS.get(version.tier, "grey"),
        "tier_summary": words.TIER_SUMMARY.get(version.tier, ""),
        "purpose": words.purpose(version.purpose),
        "licence": texts.licence_name(version.licence),
        "data": data,
        "others": [each for each in stored if each.role != "data"],
        "loading": [(each.table, each.path, address(each.get_absolute_url())) for each in data if each.path.endswith(".parquet")],
        "good_for": words.GOOD_FOR.get(version.tier, ()),
        "not_good_for": words.NOT_GOOD_FOR.get(version.tier, ()),
        "held": held,
        "tables": () if held else contents.tables(version),
        "account": contents.account(version),
        "report": report,
        "how_good": NOT_SHOWN if held else told.how_good(version, report),
        "how_safe": NOT_SHOWN if held else told.how_safe(version),
        "overrides": told.overrides(version),
        "timeline": told.timeline(version),
        "signoffs": told.signoffs(version),
        "facts": told.facts(version),
        "downloaded": version.downloads.aggregate(total=Sum("count"))["total"] or 0,
        "citation": told.citation(version, address(version.get_absolute_url())),
    }
    return page(request, "dataset", "results", shown)
