"""Columns beside what their synthetic rows look like: the dictionary's lines, pages of it, and one column by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from releases.catalogue.models import ReleaseVersion
from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing import changes, contents, words
from releases.catalogue.showing.dictionary import Column, Table, tables
from releases.catalogue.showing.distributions import Spread, spreads
from releases.catalogue.showing.rows import TooMuch
from releases.catalogue.showing.sparklines import Sparkline, sparkline
from releases.catalogue.views.files import version_of
from releases.catalogue.views.pages import page
from releases.catalogue.visitors import Refusal, refused_rows

ON_A_PAGE = 50
"""Columns."""


@dataclass(frozen=True)
class Line:
    """A column in the dictionary. query: its page's; spread and picture: None where rows are not shown or cannot be read."""

    column: Column
    query: str
    spread: Spread | None
    picture: Sparkline | None


def lines(table: Table, columns: Sequence[Column], refused: Refusal | None) -> list[Line]:
    """The columns with their spread, for a visitor who may see rows; without it for others."""
    found: dict[str, Spread] = {}
    if refused is None and table.data is not None:
        try:
            found = spreads(table.data, [(column.name, column.code) for column in columns])
        except TooMuch:
            found = {}
    return [
        Line(column, urlencode({"table": table.name, "name": column.name}), spread, sparkline(spread) if spread else None)
        for column in columns
        for spread in [found.get(column.name)]
    ]


@for_everybody
@require_safe
def columns(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """The whole dictionary of one table, page by page."""
    wanted = _shown(version_of(slug, version))
    found = tables(wanted)
    table = table_of(found, request.GET.get("table"))
    refused = refused_rows(request, wanted)
    stretch = Paginator(table.columns, ON_A_PAGE).get_page(request.GET.get("page"))
    shown = {
        "version": wanted,
        "tables": found,
        "table": table,
        "page": stretch,
        "query": f"{urlencode({'table': table.name})}&",
        "lines": lines(table, list(stretch.object_list), refused),
        "refused": refused,
        "tier": words.tier(wanted.tier),
    }
    return page(request, "columns", "results", shown)


@for_everybody
@require_safe
def column(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """One column: what it is, how its synthetic values are spread, and what was released about the real ones."""
    wanted = _shown(version_of(slug, version))
    table = table_of(tables(wanted), request.GET.get("table"))
    found = table.column(request.GET.get("name", ""))
    if found is None:
        raise Http404
    refused = refused_rows(request, wanted)
    (line,) = lines(table, [found], refused)
    at = table.columns.index(found)
    shown = {
        "version": wanted,
        "table": table,
        "line": line,
        "refused": refused,
        "most": max((bar.share for bar in line.spread.bars), default=0) if line.spread else 0,
        "released": contents.released(wanted, table.name, found.name, found.unit),
        "before": urlencode({"table": table.name, "name": table.columns[at - 1].name}) if at else "",
        "after": urlencode({"table": table.name, "name": table.columns[at + 1].name}) if at + 1 < len(table.columns) else "",
    }
    return page(request, "column", "results", shown)


def _shown(version: ReleaseVersion) -> ReleaseVersion:
    """The version, when its contents are told of at all."""
    if changes.held(version) or version.state == ReleaseVersion.State.WITHDRAWN:
        raise Http404
    return version


def table_of(found: Sequence[Table], name: str | None) -> Table:
    """The table of that name, the first where none is named; 404 when there is none."""
    for table in found:
        if name is None or table.name == name:
            return table
    raise Http404
