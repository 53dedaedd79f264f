"""Pages for everybody are made once and sent again, until something they show has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from releases.capsule import feed
from releases.capsule.feed import NoticeKind
from releases.catalogue.models import FeedPosition
from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher


@pytest.mark.promise("find.8")
def test_a_page_for_everybody_is_kept_until_the_catalogue_changes(
    publisher: Publisher,
    take_in: Callable[[], Poll],
    settings: Settings,
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    settings.SYNTHPORTAL_KEEP_PAGES = 60
    client = Client()
    notice = publisher.publish(title="The first")
    take_in()
    for address in ("/", "/datasets/?q=first", "/datasets/ed-visits/", "/datasets/ed-visits/v1/"):
        made = client.get(address)
        with django_assert_num_queries(1):
            kept = client.get(address)
        assert kept.content == made.content
        assert dict(kept.items()) == dict(made.items())
        assert "Content-Security-Policy" in kept.headers
        with django_assert_max_num_queries(40) as asked:
            assert client.get(address, headers={"Cookie": "a=b"}).content == made.content
        assert len(asked) > 1  # a visitor who shows anything gets a page of their own
    assert b"<html" not in client.get("/datasets/?q=first", headers={"HX-Request": "true"}).content
    assert (
        client.get("/datasets/ed-visits/", headers={"Accept": "application/ld+json"}).headers["Content-Type"] != "text/html; charset=utf-8"
    )
    publisher.publish(version=2, title="The second")
    take_in()
    for address in ("/", "/datasets/?q=second", "/datasets/ed-visits/"):
        assert b"second" in client.get(address).content
    FeedPosition.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=settings.SYNTHPORTAL_STALE_AFTER + 5))
    assert "may be out of date" in client.get("/datasets/ed-visits/").content.decode()
    feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=notice, at=datetime.now(UTC))
    take_in()
    assert client.get("/datasets/ed-visits/v1/").status_code == 410
