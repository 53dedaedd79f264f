"""The interface for programs: what it answers, what it refuses, how often it may be asked, who may read it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from releases.capsule.feed import NoticeKind, announce
from releases.catalogue.interface import rate, reference
from tests.capsule.world import Publisher
from tests.public.relational_release import publish_relational
from tests.public.test_downloads import TakeIn

VERSION = "/api/v1/releases/two-tables/versions/1"
Ask = Callable[..., Any]


@pytest.fixture
def ask(publisher: Publisher, take_in: TakeIn, client: Client) -> Ask:
    """Asks the interface of a site with two releases; the answer's JSON."""
    publisher.publish()
    publish_relational(publisher)
    take_in()

    def asking(path: str, status: int = 200, **parameters: Any) -> Any:
        answer = client.get(path if path.startswith("/") else f"/api/v1/{path}", parameters)
        assert answer.status_code == status, answer.content[:500]
        kind = "application/json; charset=utf-8" if status == 200 else "application/problem+json"
        assert answer["Content-Type"] == kind
        told = json.loads(answer.content)
        if status != 200:
            assert (told["status"], told["type"]) == (status, "about:blank")
            assert answer["Cache-Control"] == "no-store"
        return told

    return asking


@pytest.mark.promise("service.1")
def test_a_program_finds_a_release_its_versions_files_columns_and_rows(ask: Ask) -> None:
    found = ask("releases", q="concept", limit=1)
    assert (found["total"], [each["slug"] for each in found["releases"]], found["next"]) == (1, ["two-tables"], None)
    assert ask("releases", data_model="OMOP CDM")["total"] == 1
    values = {each["name"]: {value["value"]: value["releases"] for value in each["values"]} for each in ask("facets")}
    assert values["tier"] == {"structural": 1, "publicly-sourced": 1}
    assert [each["version"] for each in ask("releases/two-tables")["versions"]] == [1]
    version = ask(VERSION)
    assert version["formats"]["Croissant"] == "http://testserver/datasets/two-tables/v1/croissant.json"
    files = {each["path"]: each for each in ask(f"{VERSION}/files")["files"]}
    assert len(files) == version["files"]
    assert files["data/person.parquet"]["rows"] == 3
    columns = ask(f"{VERSION}/columns", limit=2, offset=4)
    assert (columns["total"], [each["name"] for each in columns["columns"]]) == (10, ["weight", "visit"])
    rows = ask(f"{VERSION}/rows", table="person", limit=2, offset=1)
    assert rows["rows"] == [["2", None, "8532", None, None], ["3", "2001-12-01", None, "false", "61"]]
    assert (rows["total"], rows["columns"][0]) == (3, "person_id")


@pytest.mark.promise("service.1")
def test_lists_come_in_parts_and_each_names_the_next(ask: Ask) -> None:
    seen, path = [], "/api/v1/releases?q=&limit=1&sort=title"
    while path:
        part = ask(path)
        seen += [each["slug"] for each in part["releases"]]
        path = (part["next"] or "").removeprefix("http://testserver")
    assert sorted(seen) == ["ed-visits", "two-tables"]
    notices = ask("notices", limit=1)
    assert (notices["total"], len(notices["notices"])) == (2, 1)
    assert ask(notices["next"].removeprefix("http://testserver"))["notices"][0]["state"] == "published"


BAD: list[tuple[str, dict[str, Any], int]] = [
    ("releases", {"q": "x" * 10_000}, 422),
    ("releases", {"colour": "red"}, 422),
    ("facets", {"limit": "1"}, 422),
    ("releases", {"tier": ["x"] * 51}, 422),
    ("releases", {"limit": "0"}, 422),
    ("releases", {"limit": "101"}, 422),
    ("releases", {"offset": "9" * 400}, 422),
    ("releases", {"offset": "-1"}, 422),
    ("releases", {"sort": "random"}, 422),
    ("releases", {"q": '" OR 1=1 --*^:{}'}, 200),
    ("releases", {"q": "\x00\x1b", "tier": "\x00"}, 200),
    ("releases/..%2F..%2Fetc", {}, 404),
    ("releases/nothing-here", {}, 404),
    ("releases/two-tables/versions/0", {}, 422),
    ("releases/two-tables/versions/1000000", {}, 422),
    ("releases/two-tables/versions/7", {}, 404),
    ("releases/two-tables/versions/1/rows", {"table": "../person"}, 404),
    ("releases/two-tables/versions/1/rows", {"offset": "100000"}, 200),
    ("register", {}, 404),
    ("nothing", {}, 404),
]


@pytest.mark.promise("service.4")
def test_bad_questions_get_a_sentence_that_repeats_nothing(ask: Ask) -> None:
    for path, parameters, status in BAD:
        told = ask(path, status, **parameters)
        if status != 200:
            assert told["detail"].endswith(".")
            assert not any(str(value)[:60] in json.dumps(told) for value in parameters.values() if len(str(value)) > 3)


@pytest.mark.promise("service.7")
def test_rows_are_shown_only_where_the_files_are_given(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    publish_relational(publisher, access_level="safeguarded")
    about = publish_relational(publisher, slug="gone")
    held = publish_relational(publisher, slug="held")
    announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=about, at=about.at, reason="Found wanting.")
    announce(publisher.lake, publisher.signer, NoticeKind.SUSPENDED, about=held, at=held.at, reason="Looked into.")
    take_in()
    for slug, status, reason in (("two-tables", 403, "safeguarded"), ("gone", 410, "Found wanting."), ("held", 403, "Looked into.")):
        answer = client.get(f"/api/v1/releases/{slug}/versions/1/rows")
        assert (answer.status_code, reason in json.loads(answer.content)["detail"]) == (status, True)
    assert client.get("/api/v1/releases/gone/versions/1").status_code == 410
    assert json.loads(client.get("/api/v1/releases/gone").content)["newest"] is None
    stranger = client.get(f"{VERSION}/rows", headers={"authorization": "Bearer synthportal_nothing"})
    assert (stranger.status_code, stranger["WWW-Authenticate"]) == (401, "Bearer")
    assert "Access-Control-Allow-Origin" not in stranger


@pytest.mark.promise("service.2")
def test_what_has_not_changed_is_not_sent_again_and_open_data_may_be_read_from_other_pages(ask: Ask, client: Client) -> None:
    first = client.get("/api/v1/releases")
    again = client.get("/api/v1/releases", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    file = client.get("/datasets/two-tables/v1/files/data/person.parquet", headers={"origin": "https://notebook.example"})
    for answer in (first, again, file, client.get("/api/v1/releases", {"limit": "x"})):
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer
    asked = client.options("/api/v1/releases", headers={"access-control-request-method": "GET", "origin": "https://notebook.example"})
    assert (asked.status_code, asked["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")
    assert "Authorization" not in asked["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in client.get("/patients/")
    assert client.post("/api/v1/releases").status_code == 405


@pytest.mark.promise("service.3")
def test_one_address_asks_so_often_a_minute_and_is_told_when_to_come_back(
    ask: Ask, client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.SYNTHPORTAL_RATE, settings.SYNTHPORTAL_RATE_FILE, settings.SYNTHPORTAL_PROXIES = 3, tmp_path / "rate", 1
    answers = [client.get("/api/v1/notices", headers={"x-forwarded-for": "192.0.2.7"}) for _ in range(4)]
    if answers[-1].status_code == 200:  # the minute turned over in between
        answers = [client.get("/api/v1/notices", headers={"x-forwarded-for": "192.0.2.7"}) for _ in range(4)]
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert client.get("/api/v1/notices", headers={"x-forwarded-for": "192.0.2.8"}).status_code == 200
    assert b"192.0.2" not in (tmp_path / "rate").read_bytes()
    assert (tmp_path / "rate").stat().st_mode & 0o777 == 0o600


@pytest.mark.promise("service.3")
def test_counts_hold_over_threads_and_end_with_the_minute(settings: Settings, tmp_path: Path) -> None:
    settings.SYNTHPORTAL_RATE, settings.SYNTHPORTAL_RATE_FILE = 1000, tmp_path / "rate"
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8::1")
    neighbour = RequestFactory().get("/", REMOTE_ADDR="2001:db8::ffff")
    threads = [threading.Thread(target=lambda: [rate.too_many(request, 600.0) for _ in range(250)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rate.too_many(neighbour, 630.0) == 30  # the same household: the thousandth and first
    assert rate.too_many(request, 660.0) is None
    settings.SYNTHPORTAL_RATE_FILE = tmp_path / "nowhere/rate"
    assert rate.too_many(request, 600.0) is None


@pytest.mark.promise("service.6")
def test_the_description_is_made_from_the_interface_for_programs_and_for_people(ask: Ask, client: Client) -> None:
    told = json.loads(client.get("/api/v1/openapi.json").content)
    assert told["openapi"].startswith("3.")
    page = client.get("/api/")
    content = page.content.decode()
    for operation in reference.operations():
        assert f"GET {operation.path}" in content
        assert operation.path in told["paths"]
    assert "https://" not in content.replace("https://schema.org", "")
    assert "<script>" not in content
