"""The reviewer's page of a summary: nothing in its source but what the summary holds, what changed, and the file itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from generators.disclosure import POLICIES
from generators.summary import (
    Axis,
    Cell,
    CrossCell,
    CrossTabulation,
    Distribution,
    MetadataSummary,
    MissingPattern,
    PrivacySpent,
    RelationshipSummary,
    Rollup,
    Step,
)
from generators.summary_difference import difference
from releases import files, stored
from releases.models import Run, SummaryRecord
from releases.services import runs
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_pages_site import signed_in, words


class Source(HTMLParser):
    """The words and numbers of a page's main part: its text, the attributes that hold words, and its charts' JSON."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.charts: list[Any] = []
        self.chart = False
        main = page[page.index("<main") : page.index("</main>")]
        self.feed(main)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.chart = tag == "script"
        self.texts += [
            value
            for name, value in attrs
            if value and (name in ("aria-label", "title", "alt", "value", "content") or name.startswith("data-"))
        ]

    def handle_data(self, data: str) -> None:
        if self.chart:
            self.charts.append(json.loads(data))
        else:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.chart = False

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment in the page's source")


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    elif value is not None:
        yield value


def steps_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "low" in value and "high" in value:
            yield value
        for each in value.values():
            yield from steps_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from steps_in(each)


def derivable(summary: dict[str, Any]) -> set[float]:
    """What charts of ranges show beside the figures: the middle of a range, its width (at least the grain), and its crowding."""
    found: set[float] = set()
    for step in steps_in(summary):
        if isinstance(step["low"], str):
            continue
        weight = step["rows"] if step["rows"] is not None else step["persons"]
        for grain in (10.0**-places for places in range(13)):
            width = max(float(step["high"]) - float(step["low"]), grain)
            found |= {(step["low"] + step["high"]) / 2, width, weight / width}
    for cell in cells_in(summary):
        weight = cell["rows"] if cell["rows"] is not None else cell["persons"]
        if isinstance(cell["value"], int | float):
            found |= {grain for places in range(13) for grain in (10.0**-places, weight / 10.0**-places)}
    return found


def cells_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "value" in value and "persons" in value:
            yield value
        for each in value.values():
            yield from cells_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from cells_in(each)


def lengths(value: Any) -> Iterator[int]:
    """How many of something the summary holds: sentences count columns, values, ranges, cells."""
    if isinstance(value, dict):
        yield len(value)
        for each in value.values():
            yield from lengths(each)
    elif isinstance(value, list | tuple):
        yield len(value)
        for each in value:
            yield from lengths(each)


NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")


def every_page(client: Client, record: SummaryRecord) -> list[HttpResponse]:
    pages, number = [], 1
    while True:
        response = client.get(reverse("summary", args=[record.pk]), {"page": number})
        assert response.status_code == 200
        pages.append(response)
        if f"page={number + 1}" not in response.content.decode():
            return pages
        number += 1


def strangers(record: SummaryRecord, pages: list[HttpResponse]) -> list[str]:
    """Numbers and chart values of the pages that are neither in the summary's JSON, nor derivable from it, nor counts of its parts."""
    held = stored.summary(record).as_dict()
    values = set(leaves(held))
    texts = {str(v) for v in values}
    numbers = {float(v) for v in values if isinstance(v, int | float)} | {
        float(n.replace(",", "")) for t in texts for n in NUMBER.findall(t)
    }
    rounded = {float(f"{n:.6g}") for n in numbers}
    own = {float(record.made_at.day), float(record.made_at.year), float(record.made_at.hour), float(record.made_at.minute)}
    count = sum(len(t["columns"]) + 2 + len(t.get("cross_tabulations", ())) for t in held["tables"]) + len(held.get("relationships", ()))
    own |= {float(n) for n in lengths(held)} | {float(n) for n in range(count + 1)} | {13.0, 60.0, float(record.snapshot.number)}
    shapes = [c["distribution"] for t in held["tables"] for c in t["columns"]] + [
        t["rows_per_person"] for t in held["tables"] if t["rows_per_person"]
    ]
    shapes += [r["children"] for r in held.get("relationships", ())]
    own |= {float(len(s["values"]) + len(s["steps"]) + len(s.get("rolled", ())) + bool(s["other"])) for s in shapes}
    made = derivable(held)
    names = {str(v) for v in values}
    found: list[str] = []
    for response in pages:
        source = Source(response.content.decode())
        for text in source.texts:
            spoken = text
            for name in sorted((n for n in names if re.search(r"\d", n) and re.search(r"[^\d.,]", n)), key=len, reverse=True):
                spoken = spoken.replace(name, " ")
            for number in NUMBER.findall(spoken):
                value = float(number.replace(",", ""))
                if value not in numbers | rounded | own:
                    found.append(f"{number} in {text.strip()[:80]}")
        for chart in source.charts:
            for trace in chart["data"]:
                for axis in ("x", "y", "width", "text", "customdata", "z"):
                    for value in trace.get(axis, ()):
                        if isinstance(value, str):
                            parts = value.replace(" (rare codes together)", "").replace("Other (rare values together)", "")
                            known = parts in texts or all(
                                p in texts or NUMBER.fullmatch(p) or p == "" for p in re.split(r" to | \+ |, | (?=\S+$)", parts)
                            )
                            if not known:
                                found.append(f"chart value {value}")
                        elif float(value) not in numbers | made:
                            found.append(f"chart number {value}")
    return found


@pytest.mark.promise("disclosure.30")
def test_nothing_is_in_the_source_of_the_page_that_is_not_in_the_summary(world: World) -> None:
    assert strangers(world.summary, every_page(signed_in(world.people.steward), world.summary)) == []


@pytest.mark.promise("disclosure.30")
def test_the_check_itself_finds_a_number_that_is_not_there(world: World) -> None:
    (response,) = every_page(signed_in(world.people.steward), world.summary)[:1]
    response.content = response.content.replace(b"</main>", b"<p>about 4,711 people</p></main>")
    assert strangers(world.summary, [response]) == ["4,711 in about 4,711 people"]


def planted(world: World, summary: MetadataSummary) -> SummaryRecord:
    """A record of a summary that was put together here: with all that a summary may hold."""
    told, steward = world.summary, world.people.steward
    run = runs.begin(steward, Run.Kind.SUMMARISE, world.source, snapshot=told.snapshot)
    path = files.folder("summaries") / f"{run.pk}.json"
    path.write_text(summary.to_json(), encoding="utf-8")
    fields = {f.attname: getattr(told, f.attname) for f in SummaryRecord._meta.concrete_fields if f.name not in ("id", "run", "made_at")}
    fields |= {"digest": summary.digest, "path": path.name, "sha256": files.sha256(path)}
    return SummaryRecord.objects.create(**fields, run=run, made_at=told.made_at + __import__("datetime").timedelta(minutes=1))


def with_everything(summary: MetadataSummary) -> MetadataSummary:
    (table,) = summary.tables
    columns = []
    for column in table.columns:
        if column.name == "sex":
            shape = Distribution(values=column.distribution.values, rolled=(Rollup("chapter", "IX", 300, 400),))
            column = replace(column, distribution=shape, sentinels=(Cell("-999", 700, 700),))
        columns.append(column)
    crossed = CrossTabulation(
        (Axis("sex", ("Female", "Male")), Axis("age", ("0 to 20", "20 to 90"), (0, 20, 90))),
        (CrossCell((0, 0), 1_200, 1_300), CrossCell((1, 1), 2_200, None)),
    )
    related = RelationshipSummary(
        table.name,
        ("visit_id",),
        "",
        9_100,
        Distribution(values=(Cell(0, 5_600, 5_600),), steps=(Step(1, 4, 3_400, None),)),
        Cell("missing", 800, 800),
    )
    told = replace(table, columns=tuple(columns), cross_tabulations=(crossed,), missing=(MissingPattern(("age", "sex"), 1_700, 1_800),))
    return replace(
        summary, tables=(told,), relationships=(related,), privacy=PrivacySpent(0.75, 1e-6, 3, "discrete Laplace", "basic composition")
    )


@pytest.mark.promise("disclosure.31")
def test_crossings_missing_patterns_relationships_rolled_up_codes_special_values_and_noise_are_shown(world: World) -> None:
    record = planted(world, with_everything(stored.summary(world.summary)))
    pages = every_page(signed_in(world.people.steward), record)
    shown = " ".join(words(p) for p in pages)
    for figure in ("1,200", "2,200", "1,700", "9,100", "5,600", "3,400", "chapter IX", "-999", "ε 0.75", "sex × age", "age + sex"):
        assert figure in shown, figure
    assert "Cells of too few people" in shown
    assert "checks of 13 fail" in shown or "check of 13 fails" in shown  # noise under a policy that has none


@pytest.mark.promise("disclosure.31")
def test_what_changed_since_the_last_summary_is_told_by_figure_and_can_be_shown_alone(world: World) -> None:
    first = world.summary
    before = stored.summary(first)
    (table,) = before.tables
    columns = tuple(
        replace(
            c, distribution=replace(c.distribution, values=(replace(c.distribution.values[0], persons=4_200), *c.distribution.values[1:]))
        )
        if c.name == "sex"
        else c
        for c in table.columns
        if c.name != "heart_rate"
    )
    record = planted(world, replace(before, tables=(replace(table, columns=columns),)))
    client = signed_in(world.people.steward)
    shown = words(client.get(reverse("summary", args=[record.pk]), {"only": "changes"}))
    assert "4,200 people" in shown
    assert "1 part of" in shown
    assert "Told then and no more" in shown
    assert "heart_rate" in shown
    changes = difference(stored.summary(record), before)
    assert {c.what for c in changes} == {"changed", "gone"}
    assert "It is the first summary of this dataset." in words(client.get(reverse("summary", args=[first.pk])))
    assert difference(before, before) == ()


@pytest.mark.promise("disclosure.32")
def test_the_download_is_the_very_file_with_its_digest(world: World) -> None:
    record = world.summary
    response = signed_in(world.people.steward).get(reverse("download-summary", args=[record.pk]))
    assert hashlib.sha256(response.content).hexdigest() == record.sha256
    assert response["Content-Disposition"] == f'attachment; filename="summary-{record.digest[:12]}.json"'
    assert MetadataSummary.from_json(response.content.decode(), record.digest).policy == POLICIES["public"]


@pytest.mark.promise("disclosure.32")
def test_a_summary_edited_by_hand_is_refused_in_words_and_nothing_of_it_is_shown(world: World) -> None:
    record = world.summary
    path = files.folder("summaries") / record.path
    content = path.read_bytes()
    client = signed_in(world.people.steward)
    try:
        path.write_bytes(content.replace(b'"persons": ', b'"persons": 1', 1))
        for name in ("summary", "download-summary"):
            response = client.get(reverse(name, args=[record.pk]))
            assert response.status_code == 400
            assert "was changed after it was recorded" in words(response)
            assert "triage_category" not in response.content.decode()
    finally:
        path.write_bytes(content)
    assert settings.SYNTHPORTAL_SECURE_FILES


@pytest.mark.promise("disclosure.31")
def test_many_parts_are_shown_a_page_at_a_time_and_found_by_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("releases.views.summaries.PARTS_A_PAGE", 5)
    client = signed_in(world.people.steward)
    pages = every_page(client, world.summary)
    assert len(pages) > 3
    assert all(p.content.decode().count('id="part-') <= 5 for p in pages)
    assert "heart_rate" in words(client.get(reverse("summary", args=[world.summary.pk]), {"find": "HEART"}))
    assert build.ROWS
