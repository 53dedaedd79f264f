"""Summaries: what exactly would leave?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from generators.schema import DatasetSchema
from generators.summarising.assertions import assertions
from generators.summarising.exposure import TOGETHER
from generators.summary import ColumnSummary, MetadataSummary
from generators.summary_difference import Change, difference
from generators.summary_words import describe
from releases import budget, permissions, stored, visibility
from releases.models import Account, LedgerEntry, SourceDataset, SummaryRecord
from releases.permissions import Refused
from releases.services import summaries as service
from releases.services.trail import download_summary
from releases.summary_forms import SummaryForm, policy_words
from releases.templatetags.plain_words import number
from releases.views import figures
from releases.views.pages import INVALID, SignedInRequest, page, paged, refused_on, sent, visible

PARTS_A_PAGE = 25
CHANGES_SHOWN = 200
"""Changed figures listed for one part; the download holds all figures."""


@page("GET", "HEAD", "POST", role="steward")
def new(request: SignedInRequest, key: str) -> HttpResponse:
    """Ask for a summary under a disclosure policy."""
    source: SourceDataset = visible(visibility.visible_sources(request.user), key)
    form = SummaryForm(sent(request), initial={"without": _in_the_way(source)})
    context = {
        "form": form,
        "caption": source.title,
        "heading": "Make a metadata summary",
        "lead": "People are counted in the training part only. What would leave is shown to you before anything does.",
        "action": "Summarise",
        "standing": budget.standing(source),
        "policies": [(title, policy_words(name)) for name, title in form.fields["policy"].choices],  # type: ignore[attr-defined]
        "refusal": permissions.explain(request.user, "request_summary", source),
        "crumbs": [("Datasets", reverse("sources")), (source.title, reverse("source", args=[source.pk]))],
        "back": reverse("source", args=[source.pk]),
    }
    if request.method != "POST":
        return render(request, "secure/new_summary.html", context)
    if not form.is_valid():
        return render(request, "secure/new_summary.html", context, status=INVALID)
    try:
        run = service.request_summary(request.user, source, **form.cleaned_data)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/new_summary.html", context)
    messages.success(request, "The summary is being made.")
    return redirect("run", run.pk)


@page()
def summary(request: SignedInRequest, key: str) -> HttpResponse:
    """Part by part: the released aggregate, what was suppressed and why; on top the automatic checks and what changed."""
    record = _visible(request.user, key)
    read = stored.summary(record)
    before = _before(record)
    changes = () if before is None else difference(read, stored.summary(before))
    wanted, only_changed = request.GET.get("find", "").strip(), before is not None and request.GET.get("only") == "changes"
    every = _parts(read, changes)
    found = [p for p in every if wanted.casefold() in p.name.casefold() and (p.changes or not only_changed)]
    shown = paged(request, found, PARTS_A_PAGE)
    for place, part in enumerate(shown.object_list):
        part.draw(f"chart-{shown.start_index() + place}")
    checks = assertions(read, stored.summarised_schema(record))
    seen_source = visibility.visible_sources(request.user).filter(pk=record.source_id).exists()
    context = {
        "record": record,
        "policy": read.policy,
        "spent": read.privacy,
        "checks": checks,
        "failed": [check for check in checks if not check.passed],
        "tables": [_table_words(t) for t in read.tables],
        "dropped": _dropped(record),
        "left_out": [column if len(read.tables) == 1 else f"{table}.{column}" for table, column in record.without],
        "parts": shown.object_list,
        "several": len(read.tables) > 1,
        "shown": shown,
        "all_parts": len(every),
        "find": wanted,
        "only": only_changed,
        "query": "".join(f"{urlencode({k: v})}&" for k, v in (("find", wanted), ("only", "changes" if only_changed else "")) if v),
        "withheld": sum(1 for t in read.tables for column in t.columns if column.absent),
        "before": before,
        "changed": len(changes),
        "gone": [c for c in changes if c.what == "gone" and not any(c in p.changes for p in every)][:CHANGES_SHOWN],
        "may_see_ledger": visibility.visible_ledgers(request.user).filter(pk=record.source_id).exists(),
        "crumbs": [("Datasets", reverse("sources")), (record.source.title, reverse("source", args=[record.source_id]))]
        if seen_source
        else [("Requests", reverse("requests"))],
    }
    return render(request, "secure/summary.html", context)


@page()
def download(request: SignedInRequest, key: str) -> HttpResponse:
    """The summary's file, byte for byte as it was digested."""
    record = _visible(request.user, key)
    stored.summary(record)  # refused when it was edited
    content = stored.checked("summaries", record.path, record.sha256).read_bytes()
    download_summary(request.user, record)
    response = HttpResponse(content, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="summary-{record.digest[:12]}.json"'
    return response


def _visible(actor: Account, key: str) -> SummaryRecord:
    found: SummaryRecord = visible(
        visibility.visible_summaries(actor).select_related("source", "snapshot__working_copy", "requested_by"), key
    )
    return found


def _before(record: SummaryRecord) -> SummaryRecord | None:
    """The last summary of the source before this one under the policy of the same name; else whichever was last."""
    earlier = record.source.summaries.filter(made_at__lt=record.made_at).order_by("-made_at")
    return earlier.filter(policy_name=record.policy_name).first() or earlier.first()


@dataclass
class Part:
    """One thing that the page shows by itself. lines: what leaves beside the chart; suppressed: what does not, and why."""

    table: str
    name: str
    kind: str
    made_by: Any
    lines: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()
    changes: list[Change] = field(default_factory=list)
    charts: list[figures.SummaryChart] = field(default_factory=list)

    def draw(self, anchor: str) -> None:
        """Make the charts: only for the parts of the page that is shown."""
        made = self.made_by(anchor)
        self.charts = [chart for chart in (made if isinstance(made, list) else [made]) if chart is not None]

    @property
    def listed(self) -> list[Change]:
        return self.changes[:CHANGES_SHOWN]


def _parts(read: MetadataSummary, changes: tuple[Change, ...]) -> list[Part]:
    parts = list(_all_parts(read))
    places: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        places.setdefault((change.table, change.column), []).append(change)
    for part in parts:
        part.changes = places.get((part.table, part.name), [])
    return parts


def _all_parts(read: MetadataSummary) -> Iterator[Part]:
    """Columns in the order of their tables, then what is told of several columns, then of several tables."""
    described = {(d.table, d.column): d for d in describe(read)}
    for table in read.tables:
        for column in table.columns:
            words = described[table.name, column.name]
            yield Part(table.name, column.name, column.kind, _drawer(column), words.leaves, words.suppressed)
        if table.rows_per_person is not None:
            yield Part(table.name, "rows of each person", "count", lambda anchor, t=table: figures.rows_chart(t, anchor))
        if table.missing:
            few = "Patterns of too few people, and others where they would give those away; that nothing is missing."
            yield Part(
                table.name, "missing together", "pattern", lambda anchor, t=table: figures.missing_chart(t, anchor), suppressed=(few,)
            )
        for crossed in table.cross_tabulations:
            name = " × ".join(axis.column for axis in crossed.axes)
            few = "Cells of too few people, and others where they would give those away."
            yield Part(table.name, name, "cross-tabulation", lambda anchor, c=crossed: figures.crossing_chart(c, anchor), suppressed=(few,))
    for told in read.relationships:
        name = f"rows for each of {told.parent or 'the persons'} by {', '.join(told.columns)}"
        counted = f"About {number(told.parents)} rows of the parent." if told.parents is not None else "Not told: how many parents."
        draw = lambda anchor, r=told: figures.relationship_chart(r, anchor)  # noqa: E731 - bound to this relationship
        yield Part(told.child, name, "relationship", draw, (counted,))


def _drawer(column: ColumnSummary) -> Any:
    return lambda anchor: figures.column_charts(column, anchor)


def _table_words(table: Any) -> dict[str, str]:
    return {
        "name": table.name,
        "withheld": table.withheld,
        "persons": number(table.persons),
        "rows": number(table.rows) if table.rows is not None else "not told",
    }


def _dropped(record: SummaryRecord) -> list[str]:
    """Columns of the confirmed schema that the working copy left out."""
    confirmed = record.snapshot.confirmed_schema
    if confirmed is None:
        return []
    schema = DatasetSchema.from_dict(confirmed)
    return [column.name for table in schema.tables for column in table.columns if table.dropped(column)]


def _in_the_way(source: SourceDataset) -> str:
    """The columns for which the last summary was refused, one a line, if it was the last thing in the ledger."""
    last = source.ledger.order_by("-number").first()
    snapshot = source.current_snapshot
    if last is None or last.what != LedgerEntry.What.REFUSED or snapshot is None:
        return ""
    tables = stored.working_schema(snapshot).tables
    known = {(t.name, c.name) for t in tables for c in t.columns} | {(t.name, TOGETHER) for t in tables}
    told = {(table, column.partition(", ")[0] if (table, column) not in known else column) for table, column in last.detail["places"]}
    return "\n".join(f"{table}.{column}" for table, column in sorted(told & known))
