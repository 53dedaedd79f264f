"""Pages for everybody are made once and sent again, until something they show has changed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from releases.capsule import feed
from releases.capsule.feed import NoticeKind
from releases.catalogue.giving import reports
from releases.catalogue.models import DownloadCount, FeedPosition, ReadyPage, ReleaseVersion
from releases.catalogue.serving.ready_pages import make_ready
from releases.catalogue.taking_in.ingest import Poll
from releases.catalogue.views.dataset import as_kept
from tests.capsule.world import Publisher
from tests.public.access_world import officer


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


@pytest.mark.promise("find.10")
def test_a_page_made_before_anybody_asks_is_what_would_be_made_and_never_outlives_what_it_shows(
    publisher: Publisher, take_in: Callable[[], Poll], settings: Settings, django_assert_num_queries: Any
) -> None:
    settings.SYNTHPORTAL_KEEP_PAGES = 60
    settings.SYNTHPORTAL_URL = "http://testserver"
    client = Client(headers={"Cookie": "a=b"})  # each answer is made anew
    newest, first = "/datasets/ed-visits/", "/datasets/ed-visits/v1/"
    notice = publisher.publish(title="The first & only")
    publisher.publish(slug="guarded", access_level="safeguarded", licence="EUL-1.0")
    take_in()
    made = client.get(newest).content
    call_command("make_pages_ready")
    assert list(ReadyPage.objects.values_list("version__release__slug", flat=True)) == ["ed-visits"], "safeguarded pages are not made"
    with django_assert_num_queries(3):
        assert client.get(newest).content == made
    assert client.get(first).content == made
    ready = ReadyPage.objects.get()
    ready.body = zlib.compress(zlib.decompress(ready.body).replace(b"The first", b"Kept ready"))
    ready.save()
    assert b"Kept ready" in client.get(newest).content, "it is this page that is sent"

    assert b"Kept ready" not in client.get(newest, headers={"Host": "another.example"}).content, "nor what was made for another address"
    version = ReleaseVersion.objects.get(release__slug="ed-visits")
    DownloadCount.objects.create(version=version, path="", day=timezone.localdate(), count=1234)
    assert b"Downloaded 1,234 times" in client.get(newest).content
    FeedPosition.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=settings.SYNTHPORTAL_STALE_AFTER + 5))
    assert "may be out of date" in client.get(newest).content.decode()
    take_in()
    FeedPosition.objects.update(heartbeat_at=timezone.now())
    assert b"Kept ready" in client.get(newest).content

    grace = officer()
    hold = reports.hold(grace, version)
    assert not ReadyPage.objects.exists()
    assert b"taken off display" in client.get(newest).content
    reports.lift(grace, hold, why="Nothing was wrong.")
    call_command("make_pages_ready")
    assert b"Kept ready" not in client.get(newest).content
    publisher.publish(version=2, title="The second")
    take_in()
    assert not ReadyPage.objects.exists(), "the list of versions has changed"
    call_command("make_pages_ready")
    assert b"The second" in client.get(newest).content
    feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=notice, at=datetime.now(UTC), reason="A mistake.")
    take_in()
    assert not ReadyPage.objects.exists()
    assert client.get(first).status_code == 410
    assert b"withdrawn" in client.get(newest).content


@pytest.mark.promise("find.10")
def test_a_page_that_was_being_made_while_its_release_changed_is_thrown_away(
    publisher: Publisher, take_in: Callable[[], Poll], settings: Settings
) -> None:
    settings.SYNTHPORTAL_KEEP_PAGES = 60
    publisher.publish()
    take_in()
    grace = officer()

    def overtaken(request: HttpRequest, version: ReleaseVersion) -> str:
        reports.hold(grace, version)
        return as_kept(request, version)

    assert make_ready(overtaken) == 0
    assert not ReadyPage.objects.exists()
