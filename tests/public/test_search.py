"""Finding a release: words, filters, order, pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import SCHEMA, Publisher

TakeIn = Callable[[], Poll]


@pytest.fixture
def shelf(publisher: Publisher, take_in: TakeIn) -> None:
    """Three releases that differ in all that can be asked for."""
    publisher.publish(slug="ed-visits", title="Emergency visits", rows=3)
    publisher.publish(slug="theatre", title="Operations", subject="Surgery", tier="structural", purpose="code development", rows=30)
    columns = [{"name": "glucose_level", "kind": "real", "storage": "float64"}]
    schema = {"tables": [{**SCHEMA["tables"][0], "columns": columns}]}
    publisher.publish(slug="labs", title="Blood tests", subject="Pathology", description="From the laboratory", schema=schema, rows=6)
    assert take_in().refusal is None


def titles(client: Client, query: str = "") -> list[str]:
    page = client.get(f"/datasets/{query}")
    assert page.status_code == 200
    found = [re.sub("</?mark>", "", title) for title in re.findall(r'nhsuk-card__link" href="[^"]+">(.+?)</a>', page.content.decode())]
    count = re.search(r"<strong>(\d+) datasets?</strong>", page.content.decode())
    assert count is not None
    assert int(count[1]) == len(found)
    return found


@pytest.mark.promise("catalogue.7")
@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("emergency", ["Emergency visits", "Operations"]),
        ("EMERGENCY visits care", ["Emergency visits"]),
        ("laboratory", ["Blood tests"]),
        ("glucose", ["Blood tests"]),
        ("triage", ["Emergency visits", "Operations"]),
        ("pathology", ["Blood tests"]),
        ("theatre", ["Operations"]),
        ("glucose triage", []),
        ("%", []),
        ("_", ["Blood tests", "Emergency visits", "Operations"]),
        ("'; DROP TABLE", []),
        ("   ", ["Blood tests", "Emergency visits", "Operations"]),
    ],
)
def test_words_are_looked_for_in_titles_descriptions_subjects_and_columns(client: Client, words: str, found: list[str]) -> None:
    assert sorted(titles(client, f"?q={words}")) == found


@pytest.mark.promise("catalogue.7")
@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?tier=structural", ["Operations"]),
        ("?tier=structural&tier=publicly-sourced", ["Blood tests", "Emergency visits", "Operations"]),
        ("?purpose=training", ["Blood tests", "Emergency visits"]),
        ("?subject=Surgery", ["Operations"]),
        ("?purpose=training&subject=Surgery", []),
        ("?q=visit_id&tier=publicly-sourced", ["Emergency visits"]),
        ("?tier=unheard-of", []),
    ],
)
def test_filters_by_tier_purpose_and_subject_narrow_the_list(client: Client, query: str, found: list[str]) -> None:
    assert sorted(titles(client, query)) == found


@pytest.mark.promise("catalogue.7")
@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?sort=title", ["Blood tests", "Emergency visits", "Operations"]),
        ("?sort=largest", ["Operations", "Blood tests", "Emergency visits"]),
        ("?sort=unheard-of", ["Blood tests", "Emergency visits", "Operations"]),
    ],
)
def test_the_list_sorts(client: Client, query: str, found: list[str]) -> None:
    assert titles(client, query) == found


@pytest.mark.promise("catalogue.7")
@pytest.mark.usefixtures("shelf")
def test_a_filter_says_how_many_have_each_value_and_a_hit_where_the_words_matched(client: Client) -> None:
    page = client.get("/datasets/?q=glucose").content.decode()
    assert "Found in column: <mark>glucose</mark>_level" in page
    page = client.get("/datasets/?purpose=training").content.decode()
    assert "Training and teaching (2)" in page
    assert "Code development (1)" in page
    assert re.search(r'value="training" checked', page)


@pytest.mark.usefixtures("shelf")
def test_nothing_found_says_what_to_try(client: Client) -> None:
    assert "Nothing fits" in client.get("/datasets/?q=unheard-of").content.decode()


@pytest.mark.parametrize(
    "query",
    ["?q=%00", "?page=0", "?page=x", "?page=99", "?q=" + "x" * 10_240, "?q=" + "x%20" * 3_400, "?q=%ff", "?sort=&tier=&subject=%00"],
)
def test_odd_queries_are_answered(client: Client, db: None, query: str) -> None:
    assert client.get(f"/datasets/{query}").status_code == 200


def test_a_long_list_comes_in_pages_that_keep_the_search(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    for number in range(21):
        publisher.publish(slug=f"release-{number}", title=f"Release {number:02}")
    take_in()
    page = client.get("/datasets/?q=release&sort=title").content.decode()
    assert page.count("nhsuk-card__link") == 20
    assert 'href="?q=release&amp;sort=title&amp;page=2"' in page
    assert client.get("/datasets/?q=release&sort=title&page=2").content.decode().count("nhsuk-card__link") == 1
