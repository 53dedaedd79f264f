"""What a reader of the catalogue sees."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.test import Client

from releases.catalogue.ingest import Poll
from tests.capsule.world import Publisher

TakeIn = Callable[[], Poll]


def text(page: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.decode()))


def test_before_anything_is_published_the_front_page_says_so(client: Client, db: None) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Nothing has been published yet" in text(page.content)


def test_the_dataset_page_renders(client: Client, publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    assert take_in().refusal is None
    for address in ("/", "/datasets/", "/datasets/ed-visits/", "/datasets/ed-visits/v1/", "/patients/"):
        page = client.get(address)
        assert page.status_code == 200, address
        assert "set-cookie" not in page.headers
    print(text(client.get("/datasets/ed-visits/").content))
    zipped = client.get("/datasets/ed-visits/v1/capsule.zip")
    print(zipped.status_code, zipped.headers)
