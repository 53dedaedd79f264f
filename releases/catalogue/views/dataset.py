"""A dataset's page."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from releases.capsule import layout, texts
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.serving import ready_pages
from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing import changes, contents, entities, told, words
from releases.catalogue.showing.dictionary import Table, tables
from releases.catalogue.showing.limitations import limitations
from releases.catalogue.views import figures, loading
from releases.catalogue.views.pages import page
from releases.catalogue.views.rows import preview
from releases.catalogue.visitors import Refusal, refused_rows

NOT_SHOWN = "Not shown while the release is not given out."
MOST_COLUMNS = 150
"""Columns whose dictionary stands on the page itself, all tables together; the rest are a click away."""
LARGE = ("manifest", "attestation", "description", "column_names")


@for_everybody
@require_safe
def dataset(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest version on show; where there is none, the newest of all, which says why."""
    ready = _ready(request, slug)
    if ready is not None:
        return ready
    everything = _versions(slug)
    on_show = [each for each in everything if each.on_show]
    return _dataset_page(request, (on_show or everything)[0], everything)


@for_everybody
@require_safe
def version(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """One version, for citations and links that must not move."""
    ready = _ready(request, slug, version)
    if ready is not None:
        return ready
    everything = _versions(slug)
    wanted = next((each for each in everything if each.version == version), None)
    if wanted is None:
        raise Http404
    return _dataset_page(request, wanted, everything)


def _ready(request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse | None:
    """The page that was made before anybody asked, where it is of this version (None: the newest on show) and the visitor may see rows."""
    ready = ready_pages.ready_page(request, slug)
    if ready is None or (number is not None and ready.version.version != number) or refused_rows(request, ready.version) is not None:
        return None
    return HttpResponse(ready.content)


def _versions(slug: str) -> list[ReleaseVersion]:
    """All versions, the newest first, without what only the page of one needs; 404 when there is no such release."""
    found = list(ReleaseVersion.objects.filter(release__slug=slug).select_related("release").defer(*LARGE).order_by("-version"))
    if not found:
        raise Http404
    return found


def as_kept(request: HttpRequest, version: ReleaseVersion) -> str:
    """The page of an open version that is on show, with a place for what is said of downloads."""
    return _made(request, version, _versions(version.release.slug), None, ready_pages.DOWNLOADS).content.decode()


def _dataset_page(request: HttpRequest, version: ReleaseVersion, everything: list[ReleaseVersion]) -> HttpResponse:
    counted = version.downloads.aggregate(total=Sum("count"))["total"] or 0
    return _made(request, version, everything, refused_rows(request, version), ready_pages.downloads_said(counted))


def _made(
    request: HttpRequest, version: ReleaseVersion, everything: list[ReleaseVersion], refused: Refusal | None, downloads: str
) -> HttpResponse:
    shown: dict[str, Any] = {"version": version, "versions": everything, "tier": words.tier(version.tier), "disclaimer": layout.DISCLAIMER}
    if version.state == ReleaseVersion.State.WITHDRAWN:
        shown["instead"] = version.release.versions.on_show().order_by("-version").first()
        return page(request, "withdrawn", "results", shown, status=410)
    version.refresh_from_db(fields=LARGE)
    stored = list(version.files.all())
    address = request.build_absolute_uri
    held = changes.held(version)
    report = contents.Measured() if held else contents.measured(version)
    dictionary = () if held else tables(version)
    known = entities.keys(dictionary)
    first = next((each for each in dictionary if each.data is not None), None)
    seen = preview(first) if first and not refused else None
    shown |= {
        "colour": words.TIER_COLOURS.get(version.tier, "grey"),
        "tier_summary": words.TIER_SUMMARY.get(version.tier, ""),
        "purpose": words.purpose(version.purpose),
        "licence": texts.licence_name(version.licence),
        "refused": refused,
        "data": [each for each in stored if each.role == "data"],
        "others": [each for each in stored if each.role != "data"],
        "loading": () if refused else loading.snippets_of(request, stored)[:1],
        "several": sum(each.path.endswith(".parquet") for each in stored) > 1,
        "good_for": words.GOOD_FOR.get(version.tier, ()),
        "not_good_for": words.NOT_GOOD_FOR.get(version.tier, ()),
        "limitations": () if held else limitations(version, dictionary, report),
        "held": held,
        "tables": _listed(dictionary, refused),
        "diagram": entities.diagram(dictionary),
        "keys": known,
        "preview": seen,
        "preview_rows": list(enumerate(seen.cells, 1)) if seen else [],
        "preview_table": first,
        "account": contents.account(version),
        "report": report,
        "how_good": NOT_SHOWN if held else told.how_good(version, report),
        "how_safe": NOT_SHOWN if held else told.how_safe(version),
        "how_fair": NOT_SHOWN if held else told.how_fair(version, report),
        "overrides": told.overrides(version),
        "timeline": told.timeline(version),
        "policies": told.policies(version),
        "facts": told.facts(version),
        "downloaded": downloads,
        "citation": told.citation(version, address(version.get_absolute_url())),
    }
    return page(request, "dataset", "results", shown)


def _listed(dictionary: tuple[Table, ...], refused: Refusal | None) -> list[dict[str, Any]]:
    """The tables with as many of their columns as stand on the page: alike for each table, and those left over by number."""
    each_has = max(3, min(40, MOST_COLUMNS // max(1, len(dictionary))))
    listed = []
    left = MOST_COLUMNS
    for table in dictionary:
        some = table.columns[: min(each_has, max(left, 0))]
        left -= len(some)
        lines = figures.lines(table, some, refused)
        listed.append({"table": table, "lines": lines, "more": len(table.columns) - len(some)})
    return listed
