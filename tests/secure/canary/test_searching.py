"""A check that cannot fail is a defect: a canary planted in every kind of place and form is found, and nothing is found where none is."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core import signing
from redis import Redis

from tests.secure.canary.canaries import IDENTIFIERS, VALUES, CanaryTable
from tests.secure.canary.searching import Searcher, folder_documents, queue_documents
from tests.servers import QueueServer

Documents = Iterable[tuple[str, bytes]]
pytestmark = pytest.mark.promise("zones.24")


@pytest.fixture(scope="module")
def table() -> CanaryTable:
    return CanaryTable.made(persons=40)


@pytest.fixture(scope="module")
def searcher(table: CanaryTable) -> Searcher:
    return Searcher(table.needles())


def cells(table: CanaryTable) -> list[tuple[str, Any]]:
    return [(f"{name}, record 7", table.columns[name][7]) for name in (*IDENTIFIERS, *VALUES)]


WRITTEN: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, other end first": lambda text: text.encode("utf-16-be"),
    "HTML": lambda text: html.escape(text).encode(),
    "a link": lambda text: f"/sources/?q={quote(text)}&page=2".encode(),
    "JSON": lambda text: json.dumps({"reason": f"bad value {text}"}).encode(),
    "JSON in JSON": lambda text: json.dumps({"data": json.dumps([text], ensure_ascii=False)}, ensure_ascii=False).encode(),
    "base64": lambda text: base64.b64encode(f"xy{text} and more".encode()),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "a log line": lambda text: f"2026-11-22 00:00:01,123 ERROR x ValueError: could not convert '{text}'\n".encode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_every_cell_is_found_however_it_is_written(table: CanaryTable, searcher: Searcher, how: str) -> None:
    for place, value in cells(table):
        text = str(value)
        if how in ("base64",) and len(text) < 12:
            continue
        if how == "JSON in JSON" and '"' in text:
            text = text.split('"')[1]  # escaped twice, the words in it are whole all the same
        padding = os.urandom(5_000)
        assert place in searcher.found(padding + WRITTEN[how](text) + padding), (place, how)


@pytest.mark.parametrize("how", [repr, str, lambda v: f"{v:,}" if isinstance(v, (int, float)) else str(v)])
def test_numbers_and_dates_are_found_as_people_and_programs_print_them(
    table: CanaryTable, searcher: Searcher, how: Callable[[Any], str]
) -> None:
    for name in ("titre", "accession", "seen_on", "seen_at"):
        printed = how(table.columns[name][7])
        if name == "titre" and "," in printed:
            printed = f"{table.columns[name][7]:,.8f}"
        assert f"{name}, record 7" in searcher.found(f"<td>{printed}</td>".encode())


def test_a_cell_is_found_across_the_pieces_a_large_document_is_read_in(table: CanaryTable, searcher: Searcher) -> None:
    value = str(table.columns["complaint"][7]).encode()
    for end in range(4 << 20, (4 << 20) + len(value) + 1, 7):
        document = bytearray(b"." * (5 << 20))
        document[end - len(value) : end] = value
        assert "complaint, record 7" in searcher.found(bytes(document))


def test_a_part_of_a_text_is_found(table: CanaryTable, searcher: Searcher) -> None:
    cut = str(table.columns["complaint"][7])[:20].encode()
    assert searcher.found(b"reason: " + cut + b"...") == {"complaint, record 7"}
    assert searcher.found(table.columns["email"][7].split("@")[0].encode()) == {"email, record 7"}


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **options)
    return stream.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def test_every_cell_is_found_in_what_is_compressed(table: CanaryTable, searcher: Searcher) -> None:
    for place, value in cells(table):
        plain = f"a long line so that it is worth compressing, a long line {value}".encode()
        for document in (
            zipped("readme.txt", plain),
            zipped(f"{str(value).replace('/', '')}.txt", b"nothing"),
            zipped("inner.zip", zipped("readme.txt", plain)),
            gzip.compress(plain),
            zipped("data.parquet", parquet({"x": [value] * 3}, compression="zstd")),
            parquet({"x": [value] * 3}, compression="gzip", use_dictionary=False, write_statistics=False),
        ):
            hits = searcher.sweep([("planted", document)])
            assert any(place in cells for cells in hits.values()), place


def test_every_cell_is_found_in_a_database_its_log_and_a_folder(table: CanaryTable, searcher: Searcher, tmp_path: Path) -> None:
    for place, value in cells(table):
        folder = tmp_path / place.split(",")[0]
        folder.mkdir()
        with closing(sqlite3.connect(folder / "db.sqlite3", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE session (data)")
            # Longer than a page, so that it lies on several.
            stored = value if isinstance(value, (int, float)) else "x" * 4_070 + str(value) + "y" * 9_000
            connection.execute("INSERT INTO session VALUES (?)", (stored,))
            hits = searcher.sweep(folder_documents(folder))
            assert any(place in cells for cells in hits.values()), place
            assert searcher.sweep(folder_documents(tmp_path / "nothing")) == {}


def test_a_file_is_found_by_its_name(table: CanaryTable, searcher: Searcher, tmp_path: Path) -> None:
    (tmp_path / "a" / table.columns["reference"][7]).mkdir(parents=True)
    assert searcher.sweep(folder_documents(tmp_path / "a"))


def test_every_cell_is_found_in_every_kind_of_queue_value(table: CanaryTable, searcher: Searcher, queue_server: QueueServer) -> None:
    connection = Redis.from_url(queue_server.url)
    try:
        for place, value in cells(table):
            for plant in (
                lambda text: connection.set("canary", text),
                lambda text: connection.set(text, "canary"),
                lambda text: connection.hset("canary", "exc_info", zlib.compress(text.encode())),
                lambda text: connection.xadd("canary", {"exc_string": base64.b64encode(zlib.compress(f"ValueError: {text}".encode()))}),
                lambda text: connection.set("canary", signing.dumps({"typed": f"{text} and more and more and more"}, compress=True)),
                lambda text: connection.rpush("canary", text),
                lambda text: connection.sadd("canary", text),
                lambda text: connection.zadd("canary", {text: 1}),
                lambda text: connection.xadd("canary", {"return": text}),
            ):
                connection.flushall()
                plant(str(value))
                hits = searcher.sweep(queue_documents(connection))
                assert any(place in cells for cells in hits.values()), place
    finally:
        connection.flushall()
        connection.close()


def test_nothing_is_found_where_nothing_is(searcher: Searcher) -> None:
    other = CanaryTable.made(seed=64, persons=300)
    ordinary = [("random", os.urandom(2_000_000)), ("other table", other.csv()), ("as Parquet", other.parquet())]
    assert searcher.sweep(ordinary) == {}
