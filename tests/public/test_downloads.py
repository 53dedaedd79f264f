"""Handing out bytes: whole, in parts, checked, cached, counted."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from releases.capsule.verify import verify
from releases.catalogue.models import DownloadCount, StoredFile
from releases.catalogue.serving import store
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher

TakeIn = Callable[[], Poll]
FILE = "/datasets/ed-visits/v1/files/data/visits.csv"
ZIP = "/datasets/ed-visits/v1/capsule.zip"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def content(publisher: Publisher, take_in: TakeIn) -> bytes:
    """The CSV of a release that is on show."""
    notice = publisher.publish(rows=50)
    take_in()
    return (publisher.lake / notice.place / "data/visits.csv").read_bytes()


@pytest.mark.promise("catalogue.11")
def test_a_file_comes_whole_with_headers_that_let_it_be_kept_and_checked(client: Client, content: bytes) -> None:
    answer = client.get(FILE)
    assert (answer.status_code, body(answer)) == (200, content)
    stored = StoredFile.objects.get(path="data/visits.csv")
    assert answer.headers["ETag"] == f'"{stored.sha256}"'
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ed-visits-v1-visits.csv"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.promise("catalogue.11")
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-5", -5, None),
        ("bytes=0-", 0, None),
        ("bytes=5-99999999", 5, None),
        ("bytes=-99999999", 0, None),
        (" bytes=3-3 ", 3, 4),
    ],
)
@pytest.mark.parametrize("address", [FILE, ZIP])
def test_one_range_gets_those_bytes(client: Client, content: bytes, asked: str, start: int, end: int | None, address: str) -> None:
    whole = body(client.get(address))
    answer = client.get(address, headers={"Range": asked})
    expected = whole[start:end]
    assert (answer.status_code, body(answer)) == (206, expected)
    first = start % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(whole)}"
    assert answer.headers["Content-Length"] == str(len(expected))


@pytest.mark.promise("catalogue.11")
@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", "bytes=99999999-999999999"])
def test_a_range_beyond_the_end_is_not_satisfiable(client: Client, content: bytes, asked: str) -> None:
    answer = client.get(FILE, headers={"Range": asked})
    assert (answer.status_code, body(answer)) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.promise("catalogue.11")
@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,3-4",
        "bytes=9-3",
        "bytes=-",
        "bytes=a-b",
        "lines=0-1",
        "bytes",
        "bytes=" + "9" * 40 + "-",
        "bytes=0-9,5-14",
        "bytes=" + ",".join(f"{at}-{at}" for at in range(1000)),
    ],
)
def test_several_ranges_or_what_is_none_get_the_whole(client: Client, content: bytes, asked: str) -> None:
    answer = client.get(FILE, headers={"Range": asked})
    assert (answer.status_code, body(answer)) == (200, content)


@pytest.mark.promise("catalogue.11")
def test_a_part_is_sent_only_while_the_file_is_the_one_the_reader_began_with(client: Client, content: bytes) -> None:
    etag, modified = (client.head(FILE).headers[name] for name in ("ETag", "Last-Modified"))
    for condition, status in ((etag, 206), (modified, 206), ('"another"', 200), ("Sat, 01 Jan 2000 00:00:00 GMT", 200), (f"W/{etag}", 200)):
        assert client.get(FILE, headers={"Range": "bytes=0-1", "If-Range": condition}).status_code == status
    for name, condition, status in (
        ("If-None-Match", etag, 304),
        ("If-None-Match", f'"x", W/{etag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"x"', 200),
        ("If-Modified-Since", modified, 304),
        ("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("If-Modified-Since", "yesterday", 200),
        ("If-Match", etag, 200),
        ("If-Match", '"x"', 412),
    ):
        answer = client.get(FILE, headers={name: condition})
        assert answer.status_code == status, (name, condition)
        assert answer.headers["ETag"] == etag


@pytest.mark.promise("catalogue.11")
def test_head_tells_without_sending(client: Client, content: bytes) -> None:
    for address in (FILE, ZIP):
        told, sent = client.head(address), client.get(address)
        assert body(told) == b""
        names = ("Content-Length", "ETag", "Content-Type", "Content-Disposition", "Accept-Ranges", "Last-Modified")
        assert [told.headers[name] for name in names] == [sent.headers[name] for name in names]
        assert client.head(address, headers={"Range": "bytes=0-1"}).status_code == 200


@pytest.mark.promise("catalogue.11", "publish.13")
def test_the_whole_capsule_comes_as_a_zip_that_verifies(client: Client, content: bytes, publisher: Publisher, tmp_path: Path) -> None:
    answer = client.get(ZIP)
    packed = body(answer)
    assert answer.headers["Content-Length"] == str(len(packed))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ed-visits-v1.zip"'
    assert zipfile.ZipFile(io.BytesIO(packed)).testzip() is None
    (tmp_path / "download.zip").write_bytes(packed)
    assert verify(tmp_path / "download.zip", publisher.keys).manifest.description.version == 1


def test_only_get_and_head_are_answered(client: Client, content: bytes) -> None:
    for address in ("/", "/datasets/", "/datasets/ed-visits/", FILE, ZIP, "/patients/"):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(client, method)(address).status_code == 405, (method, address)


@pytest.mark.parametrize(
    "address",
    [
        "/datasets/ed-visits/v1/files/../../../etc/passwd",
        "/datasets/ed-visits/v1/files/%2e%2e/manifest.json",
        "/datasets/ed-visits/v1/files/data/",
        "/datasets/ed-visits/v1/files/data/visits.csv%00",
        "/datasets/ed-visits/v1/files/nothing.txt",
        "/datasets/ed-visits/v2/files/data/visits.csv",
        "/datasets/ed-visits/v2/capsule.zip",
        "/datasets/ed-visits/v0/",
        "/datasets/ed-visits/v01/",
        "/datasets/ed-visits/v1234567/",
        "/datasets/none/",
        "/datasets/none/v1/files/data/visits.csv",
    ],
)
def test_an_address_of_nothing_is_not_found(client: Client, content: bytes, address: str) -> None:
    assert client.get(address).status_code == 404


def counts() -> dict[str, int]:
    return dict(DownloadCount.objects.values_list("path", "count"))


@pytest.mark.promise("catalogue.13")
def test_a_whole_download_counts_once_and_nothing_else_does(client: Client, content: bytes) -> None:
    client.head(FILE)
    body(client.get(FILE, headers={"Range": "bytes=0-3"}))
    body(client.get(FILE, headers={"Range": "bytes=4-"}))
    body(client.get(FILE, headers={"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}))
    body(client.get(FILE, headers={"If-None-Match": "*"}))
    assert counts() == {}
    stored = StoredFile.objects.get(path="data/visits.csv")
    assert len(next(iter(client.get(FILE).streaming_content))) == stored.size  # taken, but the reader went away before the end
    assert counts() == {}
    body(client.get(FILE))
    body(client.get(FILE))
    body(client.get(FILE, headers={"Range": "bytes=0-"}))
    body(client.get(ZIP))
    assert counts() == {"data/visits.csv": 3, "": 1}
    assert "Downloaded 4 times" in client.get("/datasets/ed-visits/").content.decode()


@pytest.mark.promise("catalogue.13")
def test_a_count_keeps_a_day_and_a_number_and_nothing_about_the_person() -> None:
    assert {field.name for field in DownloadCount._meta.get_fields()} == {"id", "version", "path", "day", "count"}


def test_what_is_stored_cannot_be_written_over(content: bytes, settings: Settings) -> None:
    stored = StoredFile.objects.get(path="data/visits.csv")
    place = store.place(Path(settings.SYNTHPORTAL_STORE), stored.sha256)
    assert place.stat().st_mode & 0o222 == 0
    assert place.read_bytes() == content


@pytest.mark.promise("catalogue.6")
def test_safeguarded_data_are_listed_but_not_handed_out(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish(access_level="safeguarded")
    take_in()
    assert "Safeguarded" in client.get("/datasets/").content.decode()
    assert "granted access" in client.get("/datasets/ed-visits/").content.decode()
    for address in (FILE, ZIP):
        assert client.get(address).status_code == 403
