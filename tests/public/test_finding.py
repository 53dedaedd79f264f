"""Finding releases among others: which, in what order, why, and how many each filter would leave. The same on SQLite and PostgreSQL."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from releases.capsule import feed
from releases.capsule.feed import NoticeKind
from releases.catalogue.finding import index
from releases.catalogue.finding.search import Search
from releases.catalogue.finding.tokens import looked_for, stem, token, tokens
from releases.catalogue.models import Listing, ReleaseVersion
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher

TakeIn = Callable[[], Poll]


def column(name: str, description: str = "", codes: list[str] | None = None) -> dict[str, Any]:
    return {"name": name, "kind": "categorical" if codes else "integer", "storage": "string", "description": description, "codes": codes}


CORPUS: list[dict[str, Any]] = [
    {
        "slug": "diabetes-clinic",
        "title": "Diabetes clinic: HbA1c over time",
        "description": "Outpatient visits and operations.",
        "subject": "Diabetes",
        "organisation": "North Trust",
        "rows": 300,
    },
    {
        "slug": "blood-tests",
        "title": "Blood tests",
        "description": "Haemoglobin and other results of the laboratory.",
        "subject": "Pathology",
        "organisation": "North Trust",
        "columns": [column("HbA1c_mmol_mol", "Glycated haemoglobin"), column("TimeOfArrival")],
    },
    {
        "slug": "primary-care",
        "title": "General practice register",
        "description": "Long-term conditions in general practice.",
        "subject": "Primary care",
        "tier": "structural",
        "purpose": "code development",
        "organisation": "South Trust",
        "data_model": "OMOP CDM 5.4",
        "columns": [column("condition", "Why they came", ["E11.9", "I10", "J45"]), column("sex", "", ["F", "M"])],
    },
    {
        "slug": "paediatrics",
        "title": "Paediatric emergency attendances",
        "description": "Children with anaemia, tumours, oedema.\nRéanimation néonatale; Ελληνικά.",
        "subject": "Emergency care",
        "tier": "privately-sourced",
        "access_level": "safeguarded",
        "purpose": "research",
    },
    {"slug": "theatre", "title": "Operating theatre", "description": "Surgery <script>alert(1)</script> & after.", "subject": "Surgery"},
]


@pytest.fixture
def shelf(publisher: Publisher, take_in: TakeIn) -> None:
    """Five releases that differ in all that can be asked for."""
    for each in CORPUS:
        columns = each.get("columns", [column("visit_id"), column("age", "Age in years")])
        publisher.publish(**{k: v for k, v in each.items() if k != "columns"}, schema={"tables": [{"name": "visits", "columns": columns}]})
    assert take_in().refusal is None


def slugs(text: str = "", **chosen: tuple[str, ...]) -> list[str]:
    return [version.release.slug for version in Search(text, chosen).found()]


ORDERS = {
    "HbA1c": ["diabetes-clinic", "blood-tests"],  # a title before a column
    "hba1c": ["diabetes-clinic", "blood-tests"],
    "hba": ["diabetes-clinic", "blood-tests"],
    "which releases have HbA1c?": ["diabetes-clinic", "blood-tests"],
    "E11.9": ["primary-care"],
    "e119": ["primary-care"],
    "E11": ["primary-care"],
    "OMOP": ["primary-care"],
    "emergency": ["paediatrics"],
    "emergencies": ["paediatrics"],
    "arrival time": ["blood-tests"],
    "timeofarrival": ["blood-tests"],
    "hba1c_mmol_mol": ["blood-tests"],
    "mmol mol": ["blood-tests"],
    "operation": ["theatre", "diabetes-clinic"],
    "hemoglobin": ["blood-tests"],
    "haemoglobin": ["blood-tests"],
    "pediatrics": ["paediatrics"],
    "anemia tumor edema": ["paediatrics"],
    "reanimation NEONATALE": ["paediatrics"],
    "ελλη": ["paediatrics"],
    "trust": ["blood-tests", "diabetes-clinic", "primary-care"],
    "age": ["diabetes-clinic", "theatre", "paediatrics"],
    "glycated trust": ["blood-tests"],
    "glycated surgery": [],
}


@pytest.mark.promise("find.1")
@pytest.mark.usefixtures("shelf")
def test_words_find_the_same_releases_in_the_same_order_on_every_database() -> None:
    assert {text: slugs(text) for text in ORDERS} == ORDERS


SYNTAX = (
    *('"', "*", "a*", '"open', "NEAR(age surgery)", "age NEAR/2 surgery", "-age", "+age", "title:age", "title : age", "{title} : age"),
    *("age & surgery", "age | surgery", "!age", "age <-> surgery", "age:*", "age:A", "a' OR '1'='1", "'); DROP TABLE catalogue_words; --"),
    *("^age", "age AND", "OR OR OR", "NOT age", "\\", "%", "_", "age\x00surgery", "\u202eegrus\u202c age", "x" * 10_000, "age " * 2_500),
    *("(((((((", "🩺", "\u0301", "ﬁ", "½", "0", "1 2 3", "null", "{{ 7 * 7 }}", "<script>alert(1)</script>"),
)


@pytest.mark.promise("find.2")
@pytest.mark.usefixtures("shelf")
def test_what_somebody_types_is_words_and_never_a_command(client: Client) -> None:
    for text in SYNTAX:
        page = client.get(f"/datasets/?q={quote(text)}")
        assert page.status_code == 200, text
        assert "<script>alert" not in page.content.decode()
        assert len(page.content) < 100_000
    assert slugs("age\u200f sur\u200bgery") == slugs("age surgery") == ["theatre"]
    assert slugs("title:age") == slugs("title age") == []
    assert slugs("age OR surgery") == slugs("NOT age, and (surgery)") == ["theatre"]
    assert len(looked_for("one two three four five six seven eight nine ten")[0]) == 8
    assert ReleaseVersion.objects.count() == 5


def hits(client: Client, query: str) -> list[str]:
    page = client.get(f"/datasets/?{query}").content.decode()
    return [html.unescape(re.sub(r"\s+", " ", part)) for part in re.findall(r"<article.*?</article>", page, re.DOTALL)]


@pytest.mark.promise("find.3")
@pytest.mark.usefixtures("shelf")
def test_a_hit_shows_where_the_words_are_with_the_words_marked(client: Client) -> None:
    assert "<mark>HbA1c</mark> over time" in hits(client, "q=HbA1c")[0]
    assert "Found in column: " in hits(client, "q=HbA1c")[1]
    assert "<mark>HbA1c</mark>_mmol_mol" in hits(client, "q=hba1c")[1]
    assert "(<mark>Glycated</mark> haemoglobin)" in hits(client, "q=glycated")[0]
    assert "(code <mark>E11.9</mark>)" in hits(client, "q=E11.9")[0]
    assert "TimeOf<mark>Arrival</mark>" in hits(client, "q=arrivals")[0]
    assert "<mark>Haemoglobin</mark> and other" in hits(client, "q=hemoglobin")[0]
    assert "organisation North <mark>Trust</mark>" in hits(client, "q=trust")[0]
    assert "<mark>Operating</mark> theatre" in hits(client, "q=operate")[0]
    page = client.get("/datasets/?q=script").content.decode()
    assert "&lt;<mark>script</mark>&gt;alert(1)" in page


def offered(client: Client, query: str, facet: str) -> dict[str, int]:
    page = client.get(f"/datasets/?{query}").content.decode()
    boxes = re.findall(rf'name="{facet}" type="checkbox" value="([^"]+)".*?<label [^>]+>(?:[^<]*)\(([\d,]+)\)</label>', page, re.DOTALL)
    return {code: int(count.replace(",", "")) for code, count in boxes}


@pytest.mark.promise("find.4")
@pytest.mark.usefixtures("shelf")
def test_filters_count_what_the_other_filters_and_the_words_leave(client: Client) -> None:
    assert offered(client, "", "tier") == {"publicly-sourced": 3, "privately-sourced": 1, "structural": 1}
    assert offered(client, "tier=structural", "tier") == {"publicly-sourced": 3, "privately-sourced": 1, "structural": 1}
    assert offered(client, "tier=structural", "organisation") == {"South Trust": 1}
    assert offered(client, "q=trust", "organisation") == {"North Trust": 2, "South Trust": 1}
    assert offered(client, "organisation=North+Trust&organisation=South+Trust", "tier") == {"publicly-sourced": 2, "structural": 1}
    assert offered(client, "", "data_model") == {"none": 4, "OMOP CDM 5.4": 1}
    assert offered(client, "", "size") == {"under-1k": 5}
    assert offered(client, "", "fidelity") == {"lowest": 1, "low": 3, "higher": 1}
    assert offered(client, "", "access_level") == {"open": 4, "safeguarded": 1}
    assert offered(client, "", "year") == {"2026": 5}
    assert offered(client, "tier=structural&subject=Surgery", "subject") == {"Primary care": 1, "Surgery": 0}
    chosen = {"organisation": ("North Trust", "South Trust"), "tier": ("publicly-sourced",)}
    assert slugs(**chosen) == ["blood-tests", "diabetes-clinic"]
    assert slugs(organisation=("none",)) == ["theatre", "paediatrics"]
    assert slugs("visits", tier=("publicly-sourced",), subject=("Diabetes",)) == ["diabetes-clinic"]
    for nonsense in (
        "unheard=1",
        "year=99999999999999999999",
        "year=-1",
        "size=1e999",
        "page=-5",
        "page=99999999999999999999",
        "sort=no",
        "sort=best",
    ):
        assert client.get(f"/datasets/?{nonsense}").status_code == 200
    many = "&".join(f"subject={number}" for number in range(1_000))
    assert client.get(f"/datasets/?{many}").status_code == 200
    assert "Nothing fits" in client.get("/datasets/?year=99999999999999999999").content.decode()
    assert len(hits(client, "unheard=1")) == 5


@pytest.mark.promise("find.5")
@pytest.mark.usefixtures("shelf")
def test_a_search_has_one_address_that_shows_anybody_the_same_also_as_it_is_typed(client: Client) -> None:
    typed = client.get("/datasets/?q=trust&tier=&sort=title", headers={"HX-Request": "true"})
    assert typed.headers["HX-Push-Url"] == "/datasets/?q=trust&sort=title"
    assert "HX-Request" in typed.headers["Vary"]
    part, whole = typed.content.decode(), client.get(typed.headers["HX-Push-Url"]).content.decode()
    assert "<html" not in part
    assert re.findall(r"<article.*?</article>", part, re.DOTALL) == re.findall(r"<article.*?</article>", whole, re.DOTALL)
    assert 'id="how-many" hx-swap-oob="innerHTML"><strong>3 datasets</strong>' in part
    assert 'id="how-many" role="status"' in whole
    back = client.get("/datasets/?q=trust", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()
    assert 'href="/datasets/?q=trust"' in client.get("/datasets/?q=trust&tier=structural").content.decode()  # the filter taken away


@pytest.mark.promise("find.5")
@pytest.mark.usefixtures("shelf")
def test_where_nothing_fits_the_page_says_what_would(client: Client) -> None:
    page = client.get("/datasets/?q=glycated+surgery").content.decode()
    assert "Nothing fits" in page
    assert re.search(r'\?q=glycated">[^<]*only[^<]*</a>: 1 dataset', page)
    assert re.search(r'\?q=trust">without the filters</a>: 3', client.get("/datasets/?q=trust&tier=privately-sourced").content.decode())
    assert "Not looked for" in client.get("/datasets/?q=which+releases+have+HbA1c").content.decode()


@pytest.mark.promise("find.6")
@pytest.mark.usefixtures("shelf")
def test_a_page_of_results_asks_the_database_the_same_few_times_however_much_there_is(client: Client) -> None:
    counts = []
    for query in ("", "q=visits", "q=trust&tier=publicly-sourced&organisation=North+Trust&subject=Diabetes"):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/datasets/?{query}").status_code == 200
        counts.append(len(asked))
    assert max(counts) <= 8


@pytest.mark.promise("find.7")
@pytest.mark.usefixtures("shelf")
def test_lists_follow_what_is_on_show_and_are_made_anew_where_they_are_of_an_older_program(
    publisher: Publisher, take_in: TakeIn, client: Client
) -> None:
    notice = next(each for each in feed.read(publisher.lake, publisher.keys) if each.slug == "blood-tests")
    assert slugs("glycated") == ["blood-tests"]
    for kind, found in ((NoticeKind.SUSPENDED, []), (NoticeKind.PUBLISHED, ["blood-tests"]), (NoticeKind.WITHDRAWN, [])):
        feed.announce(publisher.lake, publisher.signer, kind, about=notice, at=datetime.now(UTC))
        take_in()
        assert slugs("glycated") == found
        assert [each.release.slug for each in Listing.objects.filter(release__slug="blood-tests")] == found
    assert client.get("/datasets/?q=glycated").content.decode().count("<article") == 0
    publisher.publish(slug="theatre", version=2, title="Operating theatre, renewed")
    take_in()
    assert [version.version for version in Search("theatre").found()] == [2]
    before = slugs()
    for taken_off in ({"state": "suspended"}, {"key_revoked": True}, {"display_held": True}):
        theatre = ReleaseVersion.objects.filter(release__slug="theatre", version=2)
        kept = theatre.values(*taken_off).get()
        theatre.update(**taken_off)
        assert slugs() == [each for each in before if each != "theatre"], "whatever its listing says"
        theatre.update(**kept)
    Listing.objects.filter(release__slug="theatre").delete()
    Listing.objects.update(made_as=0)
    call_command("ingest")
    assert slugs() == before
    assert index.mend(settings.SYNTHPORTAL_STORE) == 0


def test_tokens_are_plain_whatever_was_written() -> None:
    assert token("Réa") == "rea"
    assert token("naïve") == token("nai\u0308ve") == "naive"
    assert re.fullmatch("[a-z0-9]+", token("ß漢字١٢٣"))
    assert set(tokens("HbA1c_mmol", humps=True)) >= {"hba1c", "mmol", "hba1cmmol"}
    assert stem("haemoglobins") == stem("hemoglobin")
    assert stem("specialised") == stem("specialized")


@pytest.mark.promise("find.7")
def test_what_filters_count_follows_what_is_on_show_at_once(publisher: Publisher, take_in: TakeIn) -> None:
    def counted(text: str = "") -> tuple[int, dict[str, int]]:
        search = Search(text)
        return search.total, {each.code: each.count for each in search.choices("subject")}

    first = publisher.publish(slug="first", title="Resuscitations", subject="Emergency care")
    take_in()
    assert counted() == counted("resuscitation") == (1, {"Emergency care": 1})
    publisher.publish(slug="second", title="Operations", subject="Surgery")
    take_in()
    assert counted() == (2, {"Emergency care": 1, "Surgery": 1})
    assert counted("resuscitation") == (1, {"Emergency care": 1})
    feed.announce(publisher.lake, publisher.signer, NoticeKind.SUSPENDED, about=first, at=datetime.now(UTC), reason="Looked into.")
    take_in()
    assert counted() == (1, {"Surgery": 1})
    assert counted("resuscitation") == (0, {})
