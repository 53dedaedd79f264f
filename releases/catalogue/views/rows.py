"""Synthetic rows to look at: a page of a table, sorted by a column, some columns at a time where there are many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from releases.catalogue.serving.kept_pages import for_everybody
from releases.catalogue.showing import rows
from releases.catalogue.showing.dictionary import Table, tables
from releases.catalogue.showing.rows import Stretch, TooMuch
from releases.catalogue.views.figures import table_of
from releases.catalogue.views.files import refused, version_of
from releases.catalogue.views.pages import page

ON_A_PAGE = 25
SIDE_BY_SIDE = 20
"""Columns."""
FIRST_LOOK = (5, 8)
"""Rows and columns on the dataset's own page."""


@dataclass(frozen=True)
class Heading:
    """One column of the page. sorted: "ascending", "descending" or "none", as screen readers say it; query: sorts by it."""

    name: str
    sorted: str
    query: str


@for_everybody
@require_safe
def look(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    """Rows of one table of a version."""
    wanted = version_of(slug, version)
    if (answer := refused(request, wanted)) is not None:
        return answer
    found = tables(wanted)
    table = table_of([each for each in found if each.data is not None], request.GET.get("table"))
    shown = {"version": wanted, "tables": [each for each in found if each.data is not None], "table": table}
    try:
        shown |= _look(request, table)
    except TooMuch as too_much:
        shown["failed"] = str(too_much)
    return page(request, "rows", "results", shown)


def preview(table: Table) -> Stretch | None:
    """The first rows and columns of a table, for a page that shows more elsewhere; None where they cannot be read."""
    if table.data is None:
        return None
    count, wide = FIRST_LOOK
    try:
        return rows.stretch(table.data, rows.column_names(table.data)[:wide], 0, count)
    except TooMuch:
        return None


def _look(request: HttpRequest, table: Table) -> dict[str, Any]:
    if table.data is None:
        raise TooMuch("This table has no file that can be shown here.")
    names = rows.column_names(table.data)
    by = request.GET.get("sort", "")
    by = by if by in names else ""
    descending = request.GET.get("order") == "descending"
    wide = Paginator(names, SIDE_BY_SIDE).get_page(request.GET.get("columns"))
    everything = table.rows or 0
    reachable = min(everything, rows.SORTED) if by else everything
    stretch = Paginator(range(reachable), ON_A_PAGE).get_page(request.GET.get("page"))
    found = rows.stretch(
        table.data,
        list(wide.object_list),
        stretch.start_index() - 1 if reachable else 0,
        len(stretch.object_list),
        by=by,
        descending=descending,
    )
    chosen = {"table": table.name, **({"sort": by, "order": "descending" if descending else "ascending"} if by else {})}
    window = {"columns": str(wide.number)} if wide.number > 1 else {}
    return {
        "stretch": found,
        "numbered": list(enumerate(found.cells, found.first + 1)),
        "headings": [_heading(name, by, descending, table.name, window) for name in wide.object_list],
        "page": stretch,
        "wide": wide,
        "query": f"{urlencode(chosen | window)}&",
        "columns_query": f"{urlencode(chosen | ({'page': str(stretch.number)} if stretch.number > 1 else {}))}&",
        "by": by,
        "descending": descending,
        "cut": by and everything > rows.SORTED,
        "sorted_rows": rows.SORTED,
        "as_stored": urlencode({"table": table.name} | window),
    }


def _heading(name: str, by: str, descending: bool, table: str, window: dict[str, str]) -> Heading:
    """The link sorts up first; the one by which rows are sorted turns the order round."""
    here = name == by
    order = "descending" if here and not descending else "ascending"
    said = ("descending" if descending else "ascending") if here else "none"
    return Heading(name, said, urlencode({"table": table, "sort": name, "order": order} | window))
