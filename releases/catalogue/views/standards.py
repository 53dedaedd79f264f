"""Descriptions for machines: one version in many formats, the whole catalogue as DCAT, sitemap, Atom feed and OAI-PMH."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.core.paginator import EmptyPage, Paginator
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from releases.catalogue.models import Release, ReleaseVersion
from releases.catalogue.standards import atom, dcat, oai_pmh, sitemap
from releases.catalogue.standards.changes import by_change
from releases.catalogue.standards.described import described, site
from releases.catalogue.standards.formats import FORMATS, LD, Format, asked_for
from releases.catalogue.standards.graph import json_ld, turtle
from releases.catalogue.views.files import version_of

CACHING = "public, max-age=300"
PER_PAGE = 100
"""Datasets of one page of the catalogue in DCAT."""


def answered(request: HttpRequest, content: bytes, media_type: str, status: int = 200) -> HttpResponse:
    """`content` with an ETag of itself; 304 to who has it already."""
    response = HttpResponse(content, content_type=media_type, status=status)
    response["Cache-Control"] = CACHING if status == 200 else "no-store"
    if status != 200:
        return response
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response) or response


@require_safe
def document(request: HttpRequest, slug: str, version: int, name: str) -> HttpResponse:
    """One version in one format; of a withdrawn one why it is gone, in the same kind of format."""
    return _written(request, version_of(slug, version), FORMATS[name])


def negotiated(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`view` of a dataset or version, or the format that the Accept header asks for; what there is besides stands in the Link header."""

    @wraps(view)
    def chosen(request: HttpRequest, slug: str, version: int | None = None) -> HttpResponse:
        wanted, cited = asked_for(request) if request.method in ("GET", "HEAD") else None, ""
        if wanted is None:
            response = view(request, slug) if version is None else view(request, slug, version)
            address = site(request).at(reverse("catalogue:version", args=[slug, version])) if version else ""
            cited = _cited(slug, version) if version else ""
        else:
            shown = _shown(slug, version)
            response = _written(request, shown, wanted)
            address, cited = site(request).at(shown.get_absolute_url()), shown.doi_address
            if response.status_code == 200:
                response["Content-Location"] = f"{address}{wanted.file}"
        if response.status_code == 200 and address:
            response["Link"] = ", ".join(_links(address, cited or address))
        patch_vary_headers(response, ["Accept"])
        return response

    return chosen


def _shown(slug: str, version: int | None) -> ReleaseVersion:
    """The version of that number; without one the newest on show, or else the newest of all. 404 where there is none."""
    if version is not None:
        return version_of(slug, version)
    found = ReleaseVersion.objects.filter(release__slug=slug).select_related("release").order_by("-version")
    newest = found.on_show().first() or found.first()
    if newest is None:
        raise Http404
    return newest


def _cited(slug: str, version: int) -> str:
    """The address of the version's DOI; "" where it has none. Only a site that has DOIs is asked."""
    if not settings.SYNTHPORTAL_DOI_PREFIX:
        return ""
    found = ReleaseVersion.objects.filter(release__slug=slug, version=version).only("doi").first()
    return found.doi_address if found else ""


def _links(address: str, cited: str) -> list[str]:
    """Where machines go on from the page (RFC 8288, FAIR Signposting)."""
    links = [f'<{cited}>; rel="cite-as"', '<https://schema.org/Dataset>; rel="type"']
    for each in FORMATS.values():
        kind = (each.asked_for or (each.media_type,))[0]
        links.append(f'<{address}{each.file}>; rel="describedby"; type="{kind.split(";")[0]}"')
    return links


def _written(request: HttpRequest, version: ReleaseVersion, wanted: Format) -> HttpResponse:
    if version.state == ReleaseVersion.State.WITHDRAWN:
        return _tombstone(request, version, wanted)
    if version.manifest == {}:
        raise Http404
    return answered(request, wanted.write(described(version, site(request))), wanted.media_type)


def _tombstone(request: HttpRequest, version: ReleaseVersion, wanted: Format) -> HttpResponse:
    """Why there is nothing any more: JSON (RFC 9457) for who asked for JSON, a sentence for others."""
    when = timezone.localtime(version.state_at)
    reason = " ".join(f"{version.title}, version {version.version}, was withdrawn on {when:%-d %B %Y}. {version.state_reason}".split())
    if not wanted.is_json:
        return answered(request, f"{reason}\n".encode(), "text/plain; charset=utf-8", 410)
    address = site(request).at(version.get_absolute_url())
    told = {"type": "about:blank", "title": "Withdrawn", "status": 410, "detail": reason, "instance": address}
    return answered(request, json.dumps(told, ensure_ascii=False).encode(), "application/problem+json", 410)


@require_safe
def catalogue(request: HttpRequest, suffix: str) -> HttpResponse:
    """The newest version on show of every release, as DCAT-AP, page by page."""
    versions = ReleaseVersion.objects.on_show().newest().select_related("release").prefetch_related("files").order_by("pk")
    pages = Paginator(versions, PER_PAGE)
    try:
        page = pages.page(int(request.GET.get("page", "1")))
    except (ValueError, EmptyPage):
        raise Http404 from None
    here = site(request)
    address = here.at(reverse("catalogue:dcat", args=[suffix]))
    datasets = [described(each, here, with_tables=False) for each in page]
    told = dcat.catalogue(here, datasets, page=page.number, pages=pages.num_pages, address=address)
    if suffix == "ttl":
        return answered(request, turtle(told).encode("utf-8", "replace"), "text/turtle; charset=utf-8")
    return answered(request, json.dumps(json_ld(told), ensure_ascii=False).encode("utf-8", "replace"), LD)


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """New, changed and withdrawn releases as Atom."""
    here = site(request)
    newest = by_change().order_by("-changed", "-pk").prefetch_related("files")[: atom.ENTRIES]
    address = here.at(reverse("catalogue:feed"))
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return answered(request, atom.feed(here, address, list(newest), midnight), "application/atom+xml; charset=utf-8")


@require_safe
def sitemap_index(request: HttpRequest) -> HttpResponse:
    """Every page, for search engines; a list of such lists where one is not enough."""
    here = site(request)
    files = _sitemaps()
    if files == 1:
        return sitemap_part(request, 1)
    return answered(request, sitemap.index(here, files), "application/xml; charset=utf-8")


@require_safe
def sitemap_part(request: HttpRequest, number: int) -> HttpResponse:
    """One of the lists."""
    if not 1 <= number <= _sitemaps():
        raise Http404
    here = site(request)
    on_show = ReleaseVersion.objects.on_show().values("release_id", "release__slug").annotate(at=Max("state_at")).order_by("release_id")
    datasets = [(reverse("catalogue:dataset", args=[each["release__slug"]]), each["at"]) for each in on_show]
    first = (number - 1) * sitemap.MOST
    part = sitemap.pages_of(here, datasets)[first : first + sitemap.MOST]
    return answered(request, sitemap.urls(part), "application/xml; charset=utf-8")


def _sitemaps() -> int:
    releases = Release.objects.filter(versions__in=ReleaseVersion.objects.on_show()).distinct().count()
    return -(-(releases + len(sitemap.PAGES)) // sitemap.MOST)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """What crawlers may read."""
    return answered(request, sitemap.robots(site(request)).encode(), "text/plain; charset=utf-8")


@csrf_exempt  # harvesters may send their questions as a form; nothing is changed by them
@require_http_methods(["GET", "HEAD", "POST"])
def harvest(request: HttpRequest) -> HttpResponse:
    """OAI-PMH."""
    asked = request.POST if request.method == "POST" else request.GET
    here = site(request)
    address = here.at(reverse("catalogue:oai-pmh"))
    content = oai_pmh.answer(here, address, {name: list(values) for name, values in asked.lists()}, timezone.now())
    response = HttpResponse(content, content_type="text/xml; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
