"""What a reader of the catalogue sees."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import pytest
from django.test import Client

from releases.capsule.manifest import Override
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import REPORT, Publisher

TakeIn = Callable[[], Poll]
PAGES = ("/", "/datasets/", "/datasets/ed-visits/", "/datasets/ed-visits/v1/", "/patients/")


def text(page: bytes) -> str:
    without_scripts = re.sub(r"<script[^>]*>.*?</script>", " ", page.decode(), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without_scripts)))


@pytest.fixture
def release(publisher: Publisher, take_in: TakeIn) -> None:
    """One publicly-sourced release on show."""
    publisher.publish()
    assert take_in().refusal is None


def test_before_anything_is_published_the_pages_say_so(client: Client, db: None) -> None:
    for address in ("/", "/datasets/"):
        page = client.get(address)
        assert page.status_code == 200
        assert "Nothing has been published yet" in text(page.content)


@pytest.mark.usefixtures("release")
def test_the_front_page_says_what_this_is_and_that_these_are_no_real_patients(client: Client) -> None:
    page = client.get("/")
    words = text(page.content)
    assert "Are these real patients? No." in words
    assert "Emergency department visits" in words
    assert page.content.count(b"/datasets/?q=") == 3
    assert b'href="/patients/"' in page.content


@pytest.mark.promise("gates.26")
def test_a_release_says_what_it_does_not_meet_and_why_it_was_released_all_the_same(
    client: Client, publisher: Publisher, take_in: TakeIn
) -> None:
    override = Override("columns", "Some columns are far from the real ones", "chance", "chance explains it", "The table is <b>small</b>.")
    publisher.publish(overrides=(override,))
    publisher.publish(slug="other-visits")
    assert take_in().refusal is None
    words = text(client.get("/datasets/ed-visits/").content)
    assert "What it does not meet" in words
    assert "Released although some columns are far from the real ones, because chance explains it: The table is <b>small</b>." in words
    assert "What it does not meet" not in text(client.get("/datasets/other-visits/").content)


@pytest.mark.promise("utility.10")
def test_examples_stand_on_the_page_and_are_downloaded_as_they_are(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    script = 'print("<b>a score</b>")\n'
    publisher.publish(examples={"train_torch.py": script})
    assert take_in().refusal is None
    address = "/datasets/ed-visits/v1/files/examples/train_torch.py"
    assert address in client.get("/datasets/ed-visits/").content.decode()
    sent = client.get(address)
    assert b"".join(sent.streaming_content).decode() == script
    assert sent.headers["Content-Type"].startswith("text/x-python")
    assert sent.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.promise("catalogue.8")
@pytest.mark.usefixtures("release")
def test_a_dataset_page_answers_what_it_is_how_it_was_made_and_what_is_in_it(client: Client) -> None:
    words = text(client.get("/datasets/ed-visits/").content)
    for said in (
        "Synthetic",
        "These data are artificially generated, any resemblance to real patients is coincidental.",
        "3 rows × 3 columns",
        "Not for",
        "Any finding about how two things go together",
        "How urgent",
        "One of: red, amber",
        "Creative Commons Attribution 4.0 International",
        "every figure among them is about at least 100 people",
        "differ from the real ones by 4%",
        "agree to 86%",
        "Rare real values that appear none found",
        "visit_id was left out",
        "Versions generated before this one was chosen 2",
        "Generator marginal 1.0",
        "Emergency department visits, version 1 [synthetic dataset]. 2026. http://testserver/datasets/ed-visits/v1/",
    ):
        assert said in words, said


@pytest.mark.promise("catalogue.8")
def test_every_file_stands_on_the_page_with_its_size_and_hash(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    place = publisher.lake / publisher.publish().place
    take_in()
    page = client.get("/datasets/ed-visits/").content.decode()
    for entry in json.loads((place / "manifest.json").read_bytes())["files"]:
        assert f"/datasets/ed-visits/v1/files/{entry['path']}" in page
        assert entry["sha256"] in page


@pytest.mark.promise("catalogue.8")
@pytest.mark.usefixtures("release")
def test_charts_show_released_figures_and_carry_them_in_tables(client: Client) -> None:
    addresses = ("column/?table=visits&name=triage", "column/?table=visits&name=age", "")
    page = "".join(client.get(f"/datasets/ed-visits/v1/{each}").content.decode() for each in addresses)
    figures = [json.loads(each) for each in re.findall(r'<script id="[^"]+" type="application/json">(.*?)</script>', page, flags=re.DOTALL)]
    assert [each["data"][0]["y"] for each in figures] == [[1200, 700, 300, 200], [1000], [0.9]]
    words = text(page.encode())
    for row in ("red 1,200", "Other (pooled) 300", "Missing 200", "2 to 40 1,000", "age 0.9"):
        assert row in words
    alone = text(client.get("/datasets/ed-visits/v1/column/?table=visits&name=visit_id").content)
    assert "What was released" not in alone


@pytest.mark.promise("catalogue.8")
def test_a_structural_release_shows_no_figure_at_all(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish(tier="structural", report={**REPORT, "results": [], "charts": []})
    take_in()
    page = client.get("/datasets/ed-visits/").content
    assert b"data-chart" not in page
    assert not re.findall(rb'<script[^>]*type="application/json"', page)
    assert "Nothing observed in any record went into these data" in text(page)
    assert "Measured" not in text(page)


@pytest.mark.promise("catalogue.8")
@pytest.mark.usefixtures("release")
def test_what_only_reviewers_may_see_is_not_on_the_page(client: Client) -> None:
    words = text(client.get("/datasets/ed-visits/").content)
    assert "Rows copied" not in words
    assert " 17 " not in words


@pytest.mark.promise("catalogue.9")
@pytest.mark.usefixtures("release")
def test_the_time_line_says_who_approved_in_what_capacity_and_when(client: Client) -> None:
    words = text(client.get("/datasets/ed-visits/").content)
    line = (
        "Summarised 20 November 2026, 09:00",
        "Generated 20 November 2026, 10:00",
        "Approved by Information Governance 21 November 2026, 21:04",
    )
    places = [words.index(each) for each in (*line, "Signed and published 21 November 2026, 21:05")]
    assert places == sorted(places)


@pytest.mark.promise("catalogue.12")
@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("address", PAGES)
def test_a_page_sets_no_cookie_and_asks_nobody_else_for_anything(client: Client, address: str) -> None:
    page = client.get(address)
    assert page.status_code == 200
    assert not page.cookies
    told = r'<link rel="(?:canonical|alternate|describedby|cite-as|license|type|item)"[^>]*>'  # nothing is fetched from there
    loaded = re.findall(r'<(?:script|img|link|iframe|source)[^>]+?(?:src|href)="([^"]+)"', re.sub(told, "", page.content.decode()))
    assert loaded
    assert all(each.startswith("/") and not each.startswith("//") for each in loaded), loaded
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    # Nothing inline that such a policy would stop.
    assert not re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/(?:ld\+)?json)", page.content.decode())
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=", page.content.decode())


@pytest.mark.promise("catalogue.14")
def test_the_page_for_patients_says_in_plain_words_what_this_means_for_them(client: Client, db: None) -> None:
    words = text(client.get("/patients/").content)
    for said in ("No row is a person", "weighted dice", "opt out", "Information Governance"):
        assert said in words
    assert len(words.split()) < 500


def test_hostile_texts_in_a_release_are_shown_as_text(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    evil = '<script>alert("x")</script>"\'><img src=x onerror=alert(1)>'
    schema = {
        "tables": [{"name": evil, "columns": [{"name": evil, "kind": evil, "storage": "string", "codes": [evil], "description": evil}]}]
    }
    publisher.publish(title=evil, description=evil, subject=evil, licence=evil, purpose=evil, schema=schema)
    assert take_in().refusal is None
    for address in ("/", "/datasets/", "/datasets/?q=script", "/datasets/ed-visits/", f"/datasets/?q={evil}&tier={evil}"):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        "x",
        {},
        {"results": 5, "charts": {}, "notes": None},
        {"results": [None, {}, {"metric": "x"}], "charts": [None, {}, {"audience": "public", "figure": 1}]},
        {"evaluations": [None, {"results": [{"metric": "m", "audience": "public", "scope": None}]}]},
        [
            {
                "results": [
                    {
                        "metric": "m",
                        "audience": "public",
                        "scope": {"kind": "table"},
                        "value": True,
                        "floor": None,
                        "ceiling": "x",
                        "meaning": 1,
                    }
                ]
            }
        ],
    ],
    ids=range(8),
)
def test_a_report_of_another_shape_is_left_out_and_the_page_still_stands(
    client: Client, publisher: Publisher, take_in: TakeIn, report: object
) -> None:
    publisher.publish(report=report)
    assert take_in().refusal is None
    assert client.get("/datasets/ed-visits/").status_code == 200


def test_a_missing_page_is_a_page(client: Client, db: None) -> None:
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert "There is nothing here" in text(page.content)
