"""What the pages of a release show of its tables, columns and rows, and to whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime

import pyarrow as pa
import pytest
from django.test import Client

from releases.capsule.manifest import Made
from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.showing import distributions, rows
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import REPORT, SCHEMA, Publisher, metric
from tests.public.access_world import SAFEGUARDED
from tests.public.any_release import publish_tables, schema_of
from tests.public.relational_release import publish_relational
from tests.public.test_pages import text

TakeIn = Callable[[], Poll]
HOSTILE = '<script>alert("x")</script>\'&'


def cells(page: bytes) -> list[list[str]]:
    """The rows of the page's table of rows, as text, without their numbers."""
    body = page.decode().split("sp-cells")[1].split("</table>")[0].split("<tbody")[1]
    return [[text(each.encode()).strip() for each in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in body.split("<tr")[1:]]


@pytest.fixture
def numbers(publisher: Publisher, take_in: TakeIn) -> StoredFile:
    """A release of 300 rows in groups of 40; the Parquet file of its table."""
    count = 300
    table = pa.table(
        {
            "n": pa.array([None if n == 7 else (n * 37) % 101 for n in range(count)], pa.int64()),
            "place": pa.array([f"r{n:03}" for n in range(count)]),
            "day": pa.array([date(2999 if n == 3 else 1900, 1, 1 + n % 28) for n in range(count)], pa.date32()),
            "at": pa.array([datetime(2026, 1, 2, 3, 4, n % 60) for n in range(count)], pa.timestamp("us")),
        }
    )
    publish_tables(publisher, {"t": table}, row_group=40)
    assert take_in().refusal is None
    return StoredFile.objects.get(path="data/t.parquet")


@pytest.mark.promise("show.1")
def test_rows_are_looked_at_page_by_page_and_sorted_by_any_column_either_way(client: Client, numbers: StoredFile) -> None:
    stored = client.get("/datasets/any/v1/rows/")
    assert [each[1] for each in cells(stored.content)] == [f"r{n:03}" for n in range(25)]
    assert cells(stored.content)[3] == ["10", "r003", "2999-01-04", "2026-01-02 03:04:03"]
    assert "Rows 1 to 25 of 300" in text(stored.content)
    assert [each[1] for each in cells(client.get("/datasets/any/v1/rows/?page=12").content)] == [f"r{n:03}" for n in range(275, 300)]
    expected = sorted((n for n in range(300) if n != 7), key=lambda n: (n * 37) % 101)
    found = [cells(client.get(f"/datasets/any/v1/rows/?sort=n&page={page}").content) for page in (1, 6, 12)]
    assert [[row[1] for row in each] for each in found[:2]] == [[f"r{n:03}" for n in expected[a : a + 25]] for a in (0, 125)]
    assert found[2][-1][:2] == ["missing", "r007"]
    downwards = cells(client.get("/datasets/any/v1/rows/?sort=n&order=descending").content)
    assert [row[1] for row in downwards] == [f"r{n:03}" for n in sorted(expected, key=lambda n: (-(n * 37 % 101), n))[:25]]
    page = client.get("/datasets/any/v1/rows/?sort=n&order=descending").content.decode()
    assert 'aria-sort="descending"><a href="?table=t&amp;sort=n&amp;order=ascending"' in page


@pytest.mark.promise("show.1")
def test_what_is_asked_beyond_reason_gets_a_page_and_what_is_not_there_none(client: Client, numbers: StoredFile) -> None:
    for query in ("page=99999999", "page=-1", "page=x", "sort=nothing", "columns=999", "order=sideways&sort=n", "page=" + "9" * 4000):
        assert client.get(f"/datasets/any/v1/rows/?{query}").status_code == 200, query
    for address in ("rows/?table=other", "columns/?table=other", "column/?table=t&name=other", "column/", "column/?table=t"):
        assert client.get(f"/datasets/any/v1/{address}").status_code == 404, address
    assert client.get("/datasets/any/v2/rows/").status_code == 404
    assert client.post("/datasets/any/v1/rows/").status_code == 405


@pytest.mark.promise("show.1")
def test_a_table_too_large_to_sort_in_time_says_so_and_where_to_go(
    client: Client, numbers: StoredFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PATIENCE", -1.0)
    page = client.get("/datasets/any/v1/rows/?sort=place")
    assert page.status_code == 200
    assert "too large to be sorted" in text(page.content)
    assert b"/datasets/any/v1/load/" in page.content
    monkeypatch.setattr(rows, "PATIENCE", 60.0)
    monkeypatch.setattr(rows, "SORTED", 50)
    sorted_page = client.get("/datasets/any/v1/rows/?sort=day&page=9")
    assert "Rows 26 to 50 of 300" in text(sorted_page.content)
    assert "shown as far as row 50" in text(sorted_page.content)


@pytest.mark.promise("show.1")
def test_hostile_cells_are_text_and_never_too_long(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    table = pa.table({HOSTILE: [HOSTILE, "=1+1", "a\x07b\x1b[31m", "x" * 9000, None], "n": [1.5, float("nan"), float("inf"), -0.0, 1e300]})
    publish_tables(publisher, {HOSTILE: table})
    assert take_in().refusal is None
    for address in ("rows/", "columns/", "load/", "", "rows/?sort=n"):
        page = client.get(f"/datasets/any/v1/{address}")
        assert page.status_code == 200
        assert b"<script>alert" not in page.content
        assert b"\x07" not in page.content
        assert b"\x1b" not in page.content
        assert b"x" * 300 not in page.content
    column = client.get("/datasets/any/v1/column/", {"table": HOSTILE, "name": HOSTILE})
    assert column.status_code == 200
    assert b"<script>alert" not in column.content
    assert [row[0] for row in cells(client.get("/datasets/any/v1/rows/").content)][:2] == [HOSTILE, "=1+1"]


@pytest.mark.promise("show.2")
def test_how_values_are_spread_is_counted_in_the_rows(numbers: StoredFile) -> None:
    found = distributions.spreads(numbers, [("n", "integer"), ("place", "identifier"), ("day", "date"), ("nothing", "integer")])
    assert set(found) == {"n", "place", "day"}
    n = found["n"]
    assert (n.rows, n.of, n.missing, n.different) == (300, 300, 1, 101)
    assert sum(bar.rows for bar in n.bars) == 299
    assert (n.least, n.greatest) == ("0", "100")
    assert n.bars[0].label.startswith("0 to ")
    assert not found["place"].bars
    assert found["place"].different == 300
    assert (found["day"].least, found["day"].greatest) == ("1900-01-01", "2999-01-04")
    assert sum(bar.rows for bar in found["day"].bars) == 300


@pytest.mark.promise("show.2")
def test_of_a_large_table_a_stated_part_is_counted_from_all_over_it(numbers: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributions, "LOOKED_AT", 120)
    distributions._kept.clear()
    n = distributions.spreads(numbers, [("n", "integer")])["n"]
    distributions._kept.clear()
    assert (n.rows, n.of, n.sampled) == (120, 300, True)


@pytest.mark.promise("show.2")
def test_a_column_by_itself_says_what_it_is_and_shows_its_values_as_bars_with_numbers(
    client: Client, publisher: Publisher, take_in: TakeIn
) -> None:
    table = pa.table({"sex": ["F"] * 30 + ["M"] * 10, "age": pa.array([None] * 10 + [40] * 30, pa.int64())})
    schema = schema_of({"people": table})
    schema["tables"][0]["columns"][0] |= {"description": "As stated", "codes": ["F", "M"], "code_system": "NHS data dictionary"}
    schema["tables"][0]["columns"][1] |= {"sentinels": ["-999"]}
    publish_tables(publisher, {"people": table}, schema)
    assert take_in().refusal is None
    sex = text(client.get("/datasets/any/v1/column/?table=people&name=sex").content)
    for said in ("category", "As stated", "NHS data dictionary", "Code list F, M", "F 30 75%", "M 10 25%"):
        assert said in sex, said
    age = text(client.get("/datasets/any/v1/column/?table=people&name=age").content)
    for said in ("whole number", "-999", "in 10 of 40 rows", "40 30 100%"):
        assert said in age, said
    whole = client.get("/datasets/any/").content.decode()
    assert 'aria-label="2 different values; most common: F, 75%"' in whole
    assert "25%" in text(whole.encode())


@pytest.mark.promise("show.2")
@pytest.mark.promise("show.7")
def test_two_thousand_columns_are_shown_by_pages_and_no_page_grows_large(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    wide = pa.table({f"feature_{n:04}": [float(n), n + 1.5, n + 2.25] for n in range(2000)})
    publish_tables(publisher, {"features": wide}, tier="structural", report={"results": []})
    assert take_in().refusal is None
    page = client.get("/datasets/any/")
    assert "All 2,000 columns of features" in text(page.content)
    assert "feature_0150" not in text(page.content)
    columns = client.get("/datasets/any/v1/columns/?page=40")
    assert "Columns 1,951 to 2,000 of 2,000" in text(columns.content)
    looked = client.get("/datasets/any/v1/rows/?columns=100")
    assert "Columns 1,981 to 2,000 of 2,000" in text(looked.content)
    assert cells(looked.content)[0][-1] == "1999"
    for each in (
        page,
        columns,
        looked,
        client.get("/datasets/any/v1/load/"),
        client.get("/datasets/any/v1/column/?table=features&name=feature_1999"),
    ):
        assert len(each.content) < 120_000


@pytest.mark.promise("show.3")
def test_a_relational_release_is_a_picture_of_tables_and_keys_and_a_list_that_says_the_same(
    client: Client, publisher: Publisher, take_in: TakeIn
) -> None:
    publish_relational(publisher)
    publisher.publish()
    assert take_in().refusal is None
    page = client.get("/datasets/two-tables/").content.decode()
    (picture,) = re.findall(r'<svg class="sp-entities".*?</svg>\s*</div>', page, re.DOTALL)
    assert picture.count("sp-entities__box") == 2
    assert picture.count("sp-entities__line") == 1
    for name in ("person", "visits/of a person", "person_id", "3 rows"):
        assert name in picture
    assert 'aria-label="2 tables and the 1 key between them' in picture
    assert "visits/of a person.person_id refers to person.person_id" in text(page.encode())
    assert "refers to person" in text(client.get("/datasets/two-tables/v1/columns/?table=visits/of a person").content)
    assert "sp-entities" not in client.get("/datasets/ed-visits/").content.decode()


@pytest.mark.promise("show.10", "show.4")
def test_the_unit_of_a_number_stands_wherever_it_is_described_and_a_change_of_it_is_told(
    client: Client, publisher: Publisher, take_in: TakeIn
) -> None:
    table = pa.table({"triage": ["red", "amber"] * 50, "age": pa.array(range(1, 101), pa.int64())})
    for version, unit in ((1, ""), (2, "mm[Hg]")):
        schema = schema_of({"visits": table})
        schema["tables"][0]["columns"][1] |= {"unit": unit} if unit else {}
        publish_tables(publisher, {"visits": table}, schema, version=version, tier="publicly-sourced", unit_words={"mm[Hg]": "mmHg"})
    assert take_in().refusal is None
    column = client.get("/datasets/any/v2/column/?table=visits&name=age").content
    for said in ("Unit mmHg (UCUM code mm[Hg] )", "Lowest, middle, highest 1, 50, 100 (mmHg)", "Range, mmHg", "Value or range, mmHg"):
        assert said in text(column), said
    for page in ("", "v2/", "v2/columns/"):
        assert "whole number, mmHg" in text(client.get(f"/datasets/any/{page}").content), page
    assert "Unit" not in text(client.get("/datasets/any/v1/column/?table=visits&name=age").content)
    assert "visits: column age: unit mmHg, before none." in text(client.get("/datasets/any/changes/").content)
    found = text(client.get("/datasets/?q=mmHg").content)
    assert "(in mmHg )" in found
    assert "mm[Hg]" not in found
    told = {each["name"]: each for each in client.get("/datasets/any/v2/schema.jsonld").json()["variableMeasured"]}
    assert (told["age"]["unitText"], told["age"]["unitCode"]) == ("mmHg", "UCUM:mm[Hg]")
    assert "unitText" not in told["triage"]
    (records,) = client.get("/datasets/any/v2/croissant.json").json()["recordSet"]
    assert [each.get("qudt:ucumCode") for each in records["field"]] == [None, "mm[Hg]"]
    (resource,) = client.get("/datasets/any/v2/datapackage.json").json()["resources"]
    assert [each.get("unit") for each in resource["schema"]["fields"]] == [None, "mm[Hg]"]
    columns = client.get("/api/v1/releases/any/versions/2/columns").json()["columns"]
    assert [(each["unit"], each["unit_words"]) for each in columns] == [("", ""), ("mm[Hg]", "mmHg")]


@pytest.mark.promise("show.11")
def test_a_page_says_whose_data_they_are_which_model_they_follow_and_under_which_policies_they_were_approved(
    client: Client, publisher: Publisher, take_in: TakeIn
) -> None:
    table = pa.table({"age": pa.array([40], pa.int64())})
    publish_tables(publisher, {"t": table}, organisation="Trust <A>", data_model="OMOP CDM 5.4", tier="publicly-sourced")
    publish_tables(publisher, {"t": table}, slug="plain", tier="structural", made=Made("structural", "1", "ab" * 32, 1, 1, None))
    assert take_in().refusal is None
    said = text(client.get("/datasets/any/").content)
    assert "From Trust <A> · Data model: OMOP CDM 5.4" in said
    assert "It was approved under the release policy “release policy 1”." in said
    assert "What left the real data was held to the disclosure policy “public”." in said
    said = text(client.get("/datasets/plain/").content)
    assert "It was approved under the release policy “release policy 1”." in said
    assert not any(each in said for each in ("Data model:", "· From ", "disclosure policy “"))


@pytest.mark.promise("show.4")
def test_what_changed_between_versions_is_told_step_by_step(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    schema = {"tables": [{"name": "visits", "columns": [dict(each) for each in SCHEMA["tables"][0]["columns"]]}]}
    schema["tables"][0]["columns"][1] |= {"codes": ["red", "amber", "green"]}
    schema["tables"][0]["columns"][2] |= {"name": "age_band", "kind": "categorical"}
    publisher.publish()
    publisher.publish(
        version=2,
        rows=6,
        schema=schema,
        licence="CC0-1.0",
        report={**REPORT, "results": [metric("tvd_mean", 0.02), metric("rare_values", 3.0)]},
    )
    assert take_in().refusal is None
    words = text(client.get("/datasets/ed-visits/changes/").content)
    for said in (
        "visits: 6 rows, before 3.",
        "visits: column age_band was added.",
        "visits: column age was removed.",
        "visits: column triage: its code list changed: 1 added, 0 removed.",
        "Licence: Creative Commons Zero 1.0 Universal, before Creative Commons Attribution 4.0 International.",
        "Difference of columns, on average: 0.02, before 0.04.",
        "The first version that is shown.",
    ):
        assert said in words, said
    assert words.index("Version 2") < words.index("Version 1 ")
    assert b"/datasets/ed-visits/changes/" in client.get("/datasets/ed-visits/").content
    ReleaseVersion.objects.filter(version=1).update(state="withdrawn", state_reason="It named a person.")
    held = text(client.get("/datasets/ed-visits/changes/").content)
    assert "It was withdrawn, and what it held is no longer shown. It named a person." in held
    assert "age was removed" not in held


@pytest.mark.promise("show.5")
def test_limits_and_fairness_stand_in_plain_words_beside_the_public_report(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    worst = metric("subgroup_worst", None, remark="within what chance does")
    publisher.publish(report={**REPORT, "results": [*REPORT["results"], worst]})
    assert take_in().refusal is None
    page = client.get("/datasets/ed-visits/").content
    words = text(page)
    for said in (
        "Each column was made by itself: how two columns go together is chance.",
        "Identifiers are made up: they cannot be linked to any other data.",
        "It was chosen among 2 versions",
        "For the worst served of them: within what chance does. Each column follows the real one over all people",
        "Worst served group of people within what chance does",
    ):
        assert said in words, said
    assert b"/datasets/ed-visits/v1/files/report.html" in page


@pytest.fixture
def sealed(publisher: Publisher, take_in: TakeIn) -> Iterator[None]:
    """A safeguarded release whose values can be recognised."""
    table = pa.table({"ward": ["Nightingale", "Seacole", None] * 20, "age": [41, 42, 43] * 20})
    publish_tables(publisher, {"people": table}, **SAFEGUARDED)
    assert take_in().refusal is None
    distributions._kept.clear()
    yield
    distributions._kept.clear()


@pytest.mark.promise("show.6")
@pytest.mark.usefixtures("sealed")
def test_who_may_not_see_rows_sees_no_figure_counted_in_them(client: Client) -> None:
    base = f"/datasets/{SAFEGUARDED['slug']}"
    shown = (f"{base}/", f"{base}/v1/", f"{base}/v1/columns/", f"{base}/v1/column/?table=people&name=ward", f"{base}/changes/")
    for address in shown:
        page = client.get(address)
        assert page.status_code == 200, address
        for secret in (b"Nightingale", b"Seacole", b"sp-sparkline", b"33%", b"41"):
            assert secret not in re.sub(rb'[0-9a-f]{64}|<link[^>]*>|"[^"]*\.(?:js|css)[^"]*"', b"", page.content), (address, secret)
    assert not distributions._kept
    for address in (f"{base}/v1/rows/", f"{base}/v1/rows/?sort=age", f"{base}/v1/load/"):
        page = client.get(address)
        assert page.status_code == 403
        assert "no-store" in page.headers["Cache-Control"]
        assert b"Nightingale" not in page.content


@pytest.mark.promise("show.6")
def test_a_suspended_release_shows_nothing_of_what_is_in_it(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    take_in()
    assert b"sp-sparkline" in client.get("/datasets/ed-visits/").content
    ReleaseVersion.objects.update(state="suspended", state_reason="It is looked into.")
    later = client.get("/datasets/ed-visits/")
    assert "It is looked into." in text(later.content)
    assert b"sp-sparkline" not in later.content
    for address in ("columns/", "column/?table=visits&name=age"):
        assert client.get(f"/datasets/ed-visits/v1/{address}").status_code == 404
    assert client.get("/datasets/ed-visits/v1/rows/").status_code == 403
    ReleaseVersion.objects.update(state="published", state_reason="")
    assert b"sp-sparkline" in client.get("/datasets/ed-visits/").content


@pytest.mark.promise("show.1")
def test_a_process_sorts_one_table_at_a_time_and_says_so(client: Client, numbers: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PATIENCE", 0.05)
    with rows._sorting:
        assert "Others are having tables sorted just now" in text(client.get("/datasets/any/v1/rows/?sort=at").content)
    monkeypatch.setattr(rows, "PATIENCE", 60.0)
    assert "sorted by at" in text(client.get("/datasets/any/v1/rows/?sort=at").content)
