"""From the lake into the catalogue: verified, copied, recorded; anything else refused, noted, never shown."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from releases.capsule import feed, files
from releases.capsule.feed import Notice, NoticeKind
from releases.capsule.signing import TrustedKeys
from releases.catalogue.models import FeedPosition, IngestRefusal, ReleaseVersion, StoredFile
from releases.catalogue.taking_in.ingest import Poll, poll
from tests.capsule.world import Publisher

TakeIn = Callable[[], Poll]
FILE = "/datasets/ed-visits/v1/files/data/visits.csv"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def announce(publisher: Publisher, kind: NoticeKind, about: Notice, reason: str = "") -> Notice:
    return feed.announce(publisher.lake, publisher.signer, kind, about=about, at=datetime.now(UTC), reason=reason)


@pytest.mark.promise("catalogue.1")
def test_a_published_capsule_is_taken_in_with_all_its_files(publisher: Publisher, take_in: TakeIn) -> None:
    notice = publisher.publish()
    assert take_in() == Poll((notice,), None)
    version = ReleaseVersion.objects.get()
    assert (version.title, version.tier, version.row_count, version.column_count) == (
        "Emergency department visits",
        "publicly-sourced",
        3,
        3,
    )
    assert version.column_names.splitlines() == ["visit_id", "triage", "age"]
    folder = publisher.lake / notice.place
    kept = {each.path: each.sha256 for each in version.files.all()}
    assert set(kept) == {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.promise("catalogue.2")
def test_polling_again_changes_nothing(publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    take_in()
    assert take_in() == Poll((), None)
    assert ReleaseVersion.objects.count() == 1
    publisher.publish(version=2)
    assert [notice.version for notice in take_in().taken] == [2]
    assert FeedPosition.objects.get().sequence == 2


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.mark.slow
@pytest.mark.promise("catalogue.2")
@pytest.mark.parametrize(("many", "steps"), [(files.MANY, 30), (1, 12)], ids=["file by file", "many by one call"])
def test_an_ingest_that_ends_at_any_step_can_be_run_again(
    publisher: Publisher, take_in: TakeIn, settings: Settings, monkeypatch: pytest.MonkeyPatch, many: int, steps: int
) -> None:
    monkeypatch.setattr(files, "MANY", many)
    publisher.publish()
    store = Path(settings.SYNTHPORTAL_STORE)
    step, made, finished = 0, 0, False

    def stepped(call: Callable[..., Any]) -> Callable[..., Any]:
        def killing(*args: Any, **options: Any) -> Any:
            nonlocal made
            if made == step:
                raise Killed
            made += 1
            return call(*args, **options)

        return killing

    while not finished:
        shutil.rmtree(store, ignore_errors=True)
        ReleaseVersion.objects.all().delete()
        FeedPosition.objects.all().delete()
        made = 0
        with monkeypatch.context() as patched:
            for name in ("fsync", "rename", "replace", "mkdir", "chmod"):
                patched.setattr(os, name, stepped(getattr(os, name)))
            patched.setattr(files, "sync_together", stepped(files.sync_together))
            try:
                take_in()
                finished = True
            except Killed:
                assert ReleaseVersion.objects.count() == 0
        take_in()
        assert ReleaseVersion.objects.count() == 1
        assert list((store / ".incoming").iterdir()) == []
        step += 3  # a file makes more steps than that, so every kind of place is met
    assert step > steps


@pytest.mark.django_db(transaction=True)
@pytest.mark.promise("catalogue.2")
@pytest.mark.parametrize("stores", [("store", "store"), ("store", "of another machine")])
def test_two_polls_at_once_take_each_notice_in_once(publisher: Publisher, settings: Settings, stores: tuple[str, str]) -> None:
    for number in range(1, 4):
        publisher.publish(version=number)
    keys = TrustedKeys.load(settings.SYNTHPORTAL_KEYS)
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def work(store: str) -> None:
        try:
            barrier.wait()
            assert poll(publisher.lake, keys, publisher.folder / store).refusal is None
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(ReleaseVersion.objects.values_list("version", flat=True).order_by("version")) == [1, 2, 3]
    assert FeedPosition.objects.get().sequence == 3


def flip(path: Path, position: int = 40) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])


def swap(publisher: Publisher) -> None:
    one, two = (publisher.lake / f"open/ed-visits/{number}" for number in (1, 2))
    one.rename(publisher.lake / "spare")
    two.rename(one)
    (publisher.lake / "spare").rename(two)


def link(publisher: Publisher) -> None:
    (publisher.lake / "open").rename(publisher.lake / "elsewhere")
    (publisher.lake / "open").symlink_to(publisher.lake / "elsewhere")


def unsign(publisher: Publisher) -> None:
    (publisher.lake / "open/ed-visits/1/attestation.dsse.json").unlink()


def strange_signature(publisher: Publisher) -> None:
    stranger = Publisher.new(publisher.folder / "stranger")
    other = stranger.lake / stranger.publish().place
    shutil.rmtree(publisher.lake / "open/ed-visits/1")
    shutil.copytree(other, publisher.lake / "open/ed-visits/1")


def strange_feed(publisher: Publisher) -> None:
    stranger = Publisher.new(publisher.folder / "stranger")
    stranger.publish()
    shutil.copy(stranger.lake / "feed/00000001.dsse.json", publisher.lake / "feed/00000001.dsse.json")


DAMAGE: dict[str, tuple[Callable[[Publisher], object], str]] = {
    "a data byte": (lambda p: flip(p.lake / "open/ed-visits/1/data/visits.parquet"), "SHA-256"),
    "a manifest byte": (lambda p: flip(p.lake / "open/ed-visits/1/manifest.json"), "another manifest"),
    "no signature": (unsign, "not signed"),
    "an unknown key": (strange_signature, "not trusted"),
    "two capsules exchanged": (swap, "another one"),
    "a link for a folder": (link, "symbolic link"),
    "a file more": (lambda p: (p.lake / "open/ed-visits/1/evil.html").write_text("x"), "does not belong"),
    "no capsule": (lambda p: shutil.rmtree(p.lake / "open/ed-visits/1"), "no capsule"),
    "a notice's byte": (lambda p: flip(p.lake / "feed/00000001.dsse.json"), "notice 1"),
    "a notice of an unknown key": (strange_feed, "not trusted"),
    "a notice missing": (lambda p: (p.lake / "feed/00000001.dsse.json").unlink(), "missing"),
    "notices exchanged": (lambda p: shutil.copy(p.lake / "feed/00000002.dsse.json", p.lake / "feed/00000001.dsse.json"), "holds notice 2"),
}


@pytest.mark.promise("catalogue.3")
@pytest.mark.parametrize("name", DAMAGE)
def test_what_does_not_hold_is_refused_logged_and_never_shown_and_a_mended_lake_catches_up(
    publisher: Publisher, take_in: TakeIn, client: Client, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    publisher.publish()
    publisher.publish(version=2, title="The second")
    shutil.copytree(publisher.lake, publisher.folder / "sound", symlinks=True)
    damage, reason = DAMAGE[name]
    damage(publisher)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            done = take_in()
            assert done.taken == ()
    assert done.refusal is not None
    assert reason in done.refusal
    refusal = IngestRefusal.objects.get()
    assert (refusal.sequence, refusal.reason, refusal.times, refusal.resolved_at) == (1, done.refusal, 3, None)
    assert [record.getMessage() for record in caplog.records if record.name.endswith(".ingest")] == [f"refused: {done.refusal}"]
    assert ReleaseVersion.objects.count() == 0
    assert client.get(FILE).status_code == 404
    assert "ed-visits" not in client.get("/datasets/").content.decode()

    shutil.rmtree(publisher.lake)
    shutil.copytree(publisher.folder / "sound", publisher.lake)
    assert len(take_in().taken) == 2
    assert IngestRefusal.objects.get().resolved_at is not None
    assert client.get(FILE).status_code == 200


@pytest.mark.promise("catalogue.2", "catalogue.3")
def test_of_a_batch_that_does_not_hold_whole_what_stands_before_is_taken_in_at_once(publisher: Publisher, take_in: TakeIn) -> None:
    first, second, third = (publisher.publish(slug=slug) for slug in ("one", "two", "three"))
    announce(publisher, NoticeKind.SUSPENDED, first, "Looked into.")
    flip(publisher.lake / third.place / "data/visits.csv")
    done = take_in()
    assert (done.taken, IngestRefusal.objects.get().sequence) == ((first, second), 3)
    assert FeedPosition.objects.get().sequence == 2
    flip(publisher.lake / third.place / "data/visits.csv")
    assert [notice.sequence for notice in take_in().taken] == [3, 4]
    states = dict(ReleaseVersion.objects.values_list("release__slug", "state"))
    assert states == {"one": "suspended", "two": "published", "three": "published"}


@pytest.mark.promise("catalogue.3")
def test_a_replayed_notice_takes_nothing_in(publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    take_in()
    shutil.copy(publisher.lake / "feed/00000001.dsse.json", publisher.lake / "feed/00000002.dsse.json")
    assert take_in().taken == ()
    assert IngestRefusal.objects.get().sequence == 2


@pytest.mark.promise("catalogue.3")
def test_a_feed_cut_off_or_put_back_in_time_is_noticed(publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    heartbeat = publisher.lake / "feed/heartbeat.dsse.json"
    take_in()
    old = heartbeat.read_bytes()
    publisher.publish(version=2)
    (publisher.lake / "feed/00000002.dsse.json").rename(publisher.folder / "kept")
    assert "cut off" in str(take_in().refusal)
    (publisher.folder / "kept").rename(publisher.lake / "feed/00000002.dsse.json")
    feed.heartbeat(publisher.lake, publisher.signer, at=timezone.now() + timedelta(seconds=90))
    assert take_in().refusal is None
    heartbeat.write_bytes(old)
    assert "older than one already heard" in str(take_in().refusal)
    feed.heartbeat(publisher.lake, publisher.signer, at=timezone.now() + timedelta(days=400))
    assert "future" in str(take_in().refusal)


@pytest.mark.promise("catalogue.3")
def test_a_heartbeat_that_names_another_history_is_refused(publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    take_in()
    shutil.rmtree(publisher.lake / "feed")
    shutil.rmtree(publisher.lake / "open")
    publisher.publish(slug="another")
    assert "another notice 1" in str(take_in().refusal)


@pytest.mark.promise("catalogue.3")
def test_a_version_announced_again_with_another_content_is_refused(publisher: Publisher, take_in: TakeIn) -> None:
    first = publisher.publish()
    take_in()
    digests = {"manifest_sha256": "c" * 64, "attestation_sha256": "d" * 64}
    feed.append(
        publisher.lake,
        publisher.signer,
        NoticeKind.PUBLISHED,
        slug=first.slug,
        version=1,
        access_level="open",
        at=datetime.now(UTC),
        **digests,
    )
    assert "another content" in str(take_in().refusal)


@pytest.mark.promise("catalogue.4")
def test_a_lake_that_changes_later_changes_nothing_here(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    notice = publisher.publish()
    take_in()
    before = body(client.get(FILE))
    (publisher.lake / notice.place / "data/visits.csv").write_text("changed")
    assert body(client.get(FILE)) == before
    shutil.rmtree(publisher.lake / "open")
    take_in()
    assert body(client.get(FILE)) == before


@pytest.mark.promise("catalogue.6")
def test_a_suspension_takes_a_release_off_the_shelf_and_its_lifting_puts_it_back(
    publisher: Publisher, take_in: TakeIn, client: Client
) -> None:
    notice = publisher.publish()
    take_in()
    announce(publisher, NoticeKind.SUSPENDED, notice, "A new attack is being looked into.")
    take_in()
    assert "0 datasets" in client.get("/datasets/").content.decode()
    for address in (FILE, "/datasets/ed-visits/v1/capsule.zip"):
        refused = client.get(address)
        assert refused.status_code == 403
        assert refused.headers["Cache-Control"] == "no-store"
    page = client.get("/datasets/ed-visits/").content.decode()
    assert "suspended while it is looked into" in page
    assert "A new attack is being looked into." in page
    announce(publisher, NoticeKind.PUBLISHED, notice)
    announce(publisher, NoticeKind.REAUDITED, notice)
    take_in()
    assert client.get(FILE).status_code == 200
    assert "Audited again" in client.get("/datasets/ed-visits/").content.decode()


@pytest.mark.promise("catalogue.6")
def test_a_withdrawn_release_keeps_its_address_says_why_and_stays_withdrawn(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    notice = publisher.publish()
    take_in()
    announce(publisher, NoticeKind.WITHDRAWN, notice, "A column was too detailed.")
    announce(publisher, NoticeKind.PUBLISHED, notice)
    take_in()
    assert client.get(FILE).status_code == 410
    page = client.get("/datasets/ed-visits/")
    assert page.status_code == 410
    for words in ("was withdrawn", "A column was too detailed.", "delete it"):
        assert words in page.content.decode()


@pytest.mark.promise("catalogue.6")
def test_withdrawing_the_newest_version_brings_the_one_before_to_the_front(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    publisher.publish(title="First")
    second = publisher.publish(version=2, title="Second")
    take_in()
    assert "<h1>Second</h1>" in client.get("/datasets/ed-visits/").content.decode()
    announce(publisher, NoticeKind.WITHDRAWN, second)
    take_in()
    page = client.get("/datasets/ed-visits/").content.decode()
    assert "<h1>First</h1>" in page
    assert "withdrawn on" in page
    assert "First" in client.get("/datasets/").content.decode()


@pytest.mark.promise("catalogue.6")
def test_a_site_that_starts_late_needs_no_files_of_what_was_withdrawn_since(publisher: Publisher, take_in: TakeIn, client: Client) -> None:
    first = publisher.publish()
    announce(publisher, NoticeKind.WITHDRAWN, first, "Withdrawn.")
    publisher.publish(slug="other")
    shutil.rmtree(publisher.lake / first.place)
    done = take_in()
    assert (len(done.taken), done.refusal) == (3, None)
    assert client.get("/datasets/ed-visits/").status_code == 410
    assert client.get("/datasets/ed-visits/v1/capsule.zip").status_code in (404, 410)
    assert client.get("/datasets/other/").status_code == 200
    assert not StoredFile.objects.filter(version__release__slug="ed-visits").exists()


def test_a_notice_about_a_version_never_held_moves_on(publisher: Publisher, take_in: TakeIn) -> None:
    digests = {"manifest_sha256": "c" * 64, "attestation_sha256": "d" * 64}
    feed.append(
        publisher.lake, publisher.signer, NoticeKind.SUSPENDED, slug="x", version=1, access_level="open", at=datetime.now(UTC), **digests
    )
    assert len(take_in().taken) == 1
    assert ReleaseVersion.objects.count() == 0


@pytest.mark.promise("catalogue.6", "publish.7")
def test_what_a_key_signed_that_is_revoked_later_is_taken_off_the_shelf(
    publisher: Publisher, take_in: TakeIn, client: Client, settings: Settings
) -> None:
    publisher.publish()
    publisher.publish(version=2)
    take_in()
    listed = Path(settings.SYNTHPORTAL_KEYS) / "revoked.json"
    listed.write_text(json.dumps({"revoked": [{"key_id": publisher.signer.key_id, "from_sequence": 2}]}))
    take_in()
    assert client.get("/datasets/ed-visits/v1/files/data/visits.csv").status_code == 200
    assert client.get("/datasets/ed-visits/v2/files/data/visits.csv").status_code == 403
    assert "revoked" in client.get("/datasets/ed-visits/v2/").content.decode()
    listed.unlink()
    take_in()
    assert client.get("/datasets/ed-visits/v2/files/data/visits.csv").status_code == 200


@pytest.mark.promise("catalogue.5")
def test_an_old_feed_is_said_on_every_page_and_a_very_old_one_stops_downloads(
    publisher: Publisher, take_in: TakeIn, client: Client, settings: Settings
) -> None:
    publisher.publish()
    take_in()
    assert "may be out of date" not in client.get("/").content.decode()
    FeedPosition.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=settings.SYNTHPORTAL_STALE_AFTER + 5))
    for address in ("/", "/datasets/", "/datasets/ed-visits/", "/patients/"):
        assert "may be out of date" in client.get(address).content.decode()
    assert client.get(FILE).status_code == 200
    FeedPosition.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=settings.SYNTHPORTAL_REFUSE_AFTER + 5))
    for address in (FILE, "/datasets/ed-visits/v1/capsule.zip"):
        refused = client.get(address)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "600")
    assert "Downloads are paused" in client.get("/datasets/ed-visits/").content.decode()
    feed.heartbeat(publisher.lake, publisher.signer)
    FeedPosition.objects.update(heartbeat_at=None)
    assert client.get(FILE).status_code == 503
    take_in()
    assert client.get(FILE).status_code == 200


@pytest.mark.promise("catalogue.5")
def test_while_a_notice_cannot_be_read_the_heartbeat_does_not_count(publisher: Publisher, take_in: TakeIn) -> None:
    publisher.publish()
    take_in()
    heard = FeedPosition.objects.get().heartbeat_at
    publisher.publish(version=2)
    flip(publisher.lake / "open/ed-visits/2/data/visits.csv", 3)
    feed.heartbeat(publisher.lake, publisher.signer, at=timezone.now() + timedelta(seconds=60))
    take_in()
    assert FeedPosition.objects.get().heartbeat_at == heard
