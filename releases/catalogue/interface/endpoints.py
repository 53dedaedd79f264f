"""The addresses of the interface. Each reads and answers; none changes anything."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.db.models import Max
from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Query, Schema
from ninja.params import functions

from releases.capsule import layout
from releases.catalogue.finding.search import Search
from releases.catalogue.interface.shapes import (
    Asked,
    ChoiceOut,
    ColumnOut,
    ColumnsOut,
    FacetOut,
    FileOut,
    FilesOut,
    Filters,
    FoundOut,
    HitOut,
    NoticeOut,
    NoticesAsked,
    NoticesOut,
    Problem,
    RegisterOut,
    ReleaseOut,
    RowsAsked,
    RowsOut,
    Stretch,
    VersionLine,
    VersionOut,
)
from releases.catalogue.interface.site import Told
from releases.catalogue.interface.site import interface as interface
from releases.catalogue.models import FeedNotice, ReleaseVersion
from releases.catalogue.showing import rows
from releases.catalogue.showing.register import newest as newest_register
from releases.catalogue.standards.described import Site, described, site
from releases.catalogue.standards.formats import FORMATS
from releases.catalogue.views.files import version_of
from releases.catalogue.visitors import refused_rows

_ANY = {404: Problem, 422: Problem, 429: Problem}
_OF_ONE = {**_ANY, 410: Problem}
Slug: Any = functions.Path(max_length=80, pattern="^[-a-zA-Z0-9_]+$")
Number: Any = functions.Path(ge=1, le=999_999)


@interface.get("/releases", response={200: FoundOut, 422: Problem, 429: Problem}, summary="Search")
def search(request: HttpRequest, asked: Query[Asked]) -> FoundOut:
    _only(request, Asked)
    here, found = site(request), _search(asked)
    versions = found.found(whole=False)[asked.offset : asked.offset + asked.limit]
    after = _after(request, here, "search", found.parameters, found.total, asked.limit, asked.offset)
    hits = [_hit(each, here) for each in versions]
    return FoundOut(total=found.total, limit=asked.limit, offset=asked.offset, next=after, releases=hits)


@interface.get("/facets", response={200: list[FacetOut], 422: Problem, 429: Problem}, summary="What a search can be narrowed by")
def facets(request: HttpRequest, asked: Query[Filters]) -> list[FacetOut]:  # type: ignore[valid-type] # made from the facets
    _only(request, Filters)
    return [
        FacetOut(
            name=facet.name,
            heading=facet.heading,
            values=[ChoiceOut(value=each.code, name=each.name, releases=each.count) for each in facet.choices],
        )
        for facet in _search(asked).facets
    ]


@interface.get("/releases/{slug}", response={200: ReleaseOut, **_ANY}, summary="One release and its versions")
def release(request: HttpRequest, slug: str = Slug) -> ReleaseOut:
    here = site(request)
    versions = list(ReleaseVersion.objects.filter(release__slug=slug).select_related("release").order_by("-version"))
    if not versions:
        raise Http404
    on_show = ReleaseVersion.objects.on_show().filter(release__slug=slug).aggregate(newest=Max("version"))["newest"]
    lines = [
        VersionLine(
            version=each.version,
            state=each.state,
            state_at=each.state_at,
            reason=each.state_reason,
            published_at=each.published_at,
            address=here.at(each.get_absolute_url()),
        )
        for each in versions
    ]
    return ReleaseOut(slug=slug, title=versions[0].title, newest=on_show, versions=lines)


@interface.get("/releases/{slug}/versions/{version}", response={200: VersionOut, **_OF_ONE}, summary="One version")
def version(request: HttpRequest, slug: str = Slug, version: int = Number) -> VersionOut:
    here, wanted = site(request), _version(slug, version)
    said = described(wanted, here, with_tables=False)
    return VersionOut(
        **_hit(wanted, here).dict(),
        state=wanted.state,
        refusal=wanted.refusal,
        disclaimer=layout.DISCLAIMER,
        made=dict(said.made),
        manifest_sha256=wanted.manifest_sha256,
        doi=wanted.doi,
        citation=said.citation,
        formats={each.title: f"{said.address}{each.file}" for each in FORMATS.values()},
        files=len(said.files),
        zip=here.at(reverse("catalogue:capsule", args=[slug, version])),
    )


@interface.get("/releases/{slug}/versions/{version}/files", response={200: FilesOut, **_OF_ONE}, summary="Its files")
def files(request: HttpRequest, slug: str = Slug, version: int = Number) -> FilesOut:
    said = described(_version(slug, version), site(request), with_tables=False)
    return FilesOut(files=[FileOut(**vars(each)) for each in said.files])


@interface.get("/releases/{slug}/versions/{version}/columns", response={200: ColumnsOut, **_OF_ONE}, summary="Its data dictionary")
def columns(request: HttpRequest, asked: Query[Stretch], slug: str = Slug, version: int = Number) -> ColumnsOut:
    _only(request, Stretch)
    said = described(_version(slug, version), site(request))
    every = [(table.name, column) for table in said.tables for column in table.columns]
    chosen = every[asked.offset : asked.offset + asked.limit]
    told = [ColumnOut(table=table, **{**vars(column), "codes": list(column.codes)}) for table, column in chosen]
    return ColumnsOut(total=len(every), limit=asked.limit, offset=asked.offset, columns=told)


@interface.get(
    "/releases/{slug}/versions/{version}/rows",
    response={200: RowsOut, **_OF_ONE, 401: Problem, 403: Problem, 503: Problem},
    summary="Synthetic rows to look at",
)
def look(request: HttpRequest, asked: Query[RowsAsked], slug: str = Slug, version: int = Number) -> RowsOut:
    _only(request, RowsAsked)
    wanted = _version(slug, version)
    refused = refused_rows(request, wanted)
    if refused is not None:
        raise Told(refused.status, " ".join(part for part in (refused.reason, refused.why) if part))
    tables = [each for each in wanted.files.all() if each.role == "data" and each.path.endswith(".parquet")]
    table = next((each for each in tables if each.table == asked.table or not asked.table), None)
    if table is None:
        raise Http404
    try:
        names = rows.column_names(table)
        stretch = rows.stretch(table, names, asked.offset, asked.limit)
    except rows.TooMuch as too_much:
        raise Told(503, str(too_much)) from None
    return RowsOut(
        table=table.table,
        total=stretch.of,
        limit=asked.limit,
        offset=asked.offset,
        columns=list(stretch.columns),
        rows=[list(each) for each in stretch.cells],
        disclaimer=layout.DISCLAIMER,
    )


@interface.get("/register", response={200: RegisterOut, **_ANY}, summary="The public register, as the publisher signed it")
def register(request: HttpRequest) -> RegisterOut:
    said = newest_register()
    if said is None:
        raise Http404
    return RegisterOut(at=said.at, statement=said.content, key_id=said.key_id, envelope=json.loads(said.envelope))


@interface.get(
    "/notices",
    response={200: NoticesOut, 422: Problem, 429: Problem},
    summary="The publisher's notices as they were taken in, newest first: published, suspended, withdrawn, audited again",
)
def notices(request: HttpRequest, asked: Query[NoticesAsked]) -> NoticesOut:
    _only(request, NoticesAsked)
    here, every = site(request), FeedNotice.objects.filter(sequence__gt=asked.after).order_by("-sequence")
    total = every.count()
    some = list(every[asked.offset : asked.offset + asked.limit])
    about = ReleaseVersion.objects.filter(release__slug__in={each.slug for each in some}).select_related("release")
    known = {(each.release.slug, each.version): each for each in about.defer("manifest", "attestation")}
    told = []
    for each in some:
        version = known.get((each.slug, each.version))
        told.append(
            NoticeOut(
                sequence=each.sequence,
                kind=each.kind,
                at=each.at,
                reason=each.reason,
                slug=each.slug,
                version=each.version,
                title=version.title if version else each.slug,
                state=version.state if version else each.kind,
                address=here.at(reverse("catalogue:version", args=[each.slug, each.version])),
                sha256=each.digest,
                key_id=each.key_id,
            )
        )
    asked_for = [("after", str(asked.after))] if asked.after else []
    after = _after(request, here, "notices", asked_for, total, asked.limit, asked.offset)
    return NoticesOut(total=total, limit=asked.limit, offset=asked.offset, next=after, notices=told)


def _only(request: HttpRequest, shape: type[Schema]) -> None:
    """422 for a parameter that the address does not take: a filter with a slip of the pen would find everything."""
    if not request.GET.keys() <= shape.model_fields.keys():
        raise Told(422, f"This address takes no other parameters than: {', '.join(shape.model_fields)}.")


def _search(asked: Any) -> Search:
    """The search of the page, from what was asked here."""
    return Search.asked({name: values if isinstance(values, list) else [values] for name, values in asked.dict().items() if values})


def _version(slug: str, number: int) -> ReleaseVersion:
    """That version; 410 with its reason where it was withdrawn, 404 where nothing of it was ever taken in."""
    wanted = version_of(slug, number)
    if wanted.state == ReleaseVersion.State.WITHDRAWN:
        raise Told(410, " ".join(f"{wanted.title}, version {number}, was withdrawn. {wanted.state_reason}".split()))
    if wanted.manifest == {}:
        raise Http404
    return wanted


def _hit(version: ReleaseVersion, here: Site) -> HitOut:
    return HitOut(
        slug=version.release.slug,
        version=version.version,
        title=version.title,
        description=version.description,
        subject=version.subject,
        purpose=version.purpose,
        tier=version.tier,
        access_level=version.access_level,
        organisation=version.organisation,
        data_model=version.data_model,
        licence=version.licence,
        rows=version.row_count,
        columns=version.column_count,
        published_at=version.published_at,
        address=here.at(version.get_absolute_url()),
    )


def _after(
    request: HttpRequest, here: Site, name: str, parameters: list[tuple[str, str]], total: int, limit: int, offset: int
) -> str | None:
    """The address of what follows."""
    if offset + limit >= total:
        return None
    query = urlencode([*parameters, ("limit", limit), ("offset", offset + limit)], errors="replace")
    return f"{here.at(reverse(f'catalogue-interface:{name}'))}?{query}"
