"""The notice feed: numbered, chained, signed; whatever is missing, moved or replayed stops the reader there."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from releases.capsule import feed, layout
from releases.capsule.feed import FeedRefused, Notice, NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import Revocation, Signer, TrustedKeys
from tests.capsule.world import Publisher

AT = datetime(2026, 11, 21, 21, 5, tzinfo=UTC)


def append(publisher: Publisher, slug: str = "ed-visits", kind: NoticeKind = NoticeKind.PUBLISHED, **more: str) -> Notice:
    digests = {"manifest_sha256": "a" * 64, "attestation_sha256": "b" * 64}
    return feed.append(publisher.lake, publisher.signer, kind, slug=slug, version=1, access_level="open", at=AT, **{**digests, **more})


@pytest.fixture
def three(publisher: Publisher) -> list[Notice]:
    return [append(publisher, f"release-{n}") for n in range(3)]


def read(publisher: Publisher, after: int = 0, previous: str = feed.GENESIS) -> tuple[list[Notice], FeedRefused | None]:
    taken: list[Notice] = []
    try:
        for notice in feed.read(publisher.lake, publisher.keys, after, previous):
            taken.append(notice)
    except FeedRefused as refusal:
        return taken, refusal
    return taken, None


def file(publisher: Publisher, sequence: int) -> Path:
    return publisher.lake / "feed" / f"{sequence:08d}.dsse.json"


@pytest.mark.promise("publish.11")
def test_notices_are_numbered_chained_and_read_back_in_order(publisher: Publisher, three: list[Notice]) -> None:
    assert read(publisher) == (three, None)
    assert [notice.sequence for notice in three] == [1, 2, 3]
    assert [notice.previous for notice in three] == [feed.GENESIS, three[0].digest, three[1].digest]
    assert read(publisher, 2, three[1].digest) == ([three[2]], None)
    assert three[0].place == "open/release-0/1"


def test_an_empty_lake_has_nothing_to_read(publisher: Publisher) -> None:
    assert read(publisher) == ([], None)
    assert feed.read_heartbeat(publisher.lake, publisher.keys) is None
    assert feed.head(publisher.lake) == (0, feed.GENESIS)


@pytest.mark.promise("publish.11")
def test_a_missing_notice_stops_the_reader_before_it(publisher: Publisher, three: list[Notice]) -> None:
    file(publisher, 2).unlink()
    taken, refusal = read(publisher)
    assert taken == three[:1]
    assert refusal is not None
    assert (refusal.sequence, refusal.reason) == (2, "notice 2 is missing from the feed; notice 3 is there")


@pytest.mark.promise("publish.11")
def test_a_moved_replayed_or_exchanged_notice_stops_the_reader(publisher: Publisher, three: list[Notice]) -> None:
    second, third = file(publisher, 2).read_bytes(), file(publisher, 3).read_bytes()
    file(publisher, 2).write_bytes(third)
    assert read(publisher)[1] is not None
    file(publisher, 2).write_bytes(second)
    file(publisher, 4).write_bytes(second)
    taken, refusal = read(publisher)
    assert taken == three
    assert refusal is not None
    assert "holds notice 2" in refusal.reason


@pytest.mark.promise("publish.11")
def test_a_notice_of_a_rewritten_history_does_not_follow_what_was_read(publisher: Publisher, three: list[Notice]) -> None:
    shutil.rmtree(publisher.lake / "feed")
    for n in range(4):
        append(publisher, f"other-{n}")
    taken, refusal = read(publisher, 3, three[2].digest)
    assert taken == []
    assert refusal is not None
    assert "does not follow" in refusal.reason


@pytest.mark.promise("publish.11")
def test_every_flipped_byte_of_a_notice_is_found(publisher: Publisher) -> None:
    append(publisher)
    content = file(publisher, 1).read_bytes()
    for position in range(0, len(content), 3):
        file(publisher, 1).write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        assert read(publisher)[1] is not None


@pytest.mark.promise("publish.11")
def test_a_notice_by_an_unknown_or_revoked_key_stops_the_reader(publisher: Publisher, three: list[Notice], tmp_path: Path) -> None:
    stranger = Publisher.new(tmp_path / "stranger")
    strange, refusal = read(Publisher(publisher.folder, publisher.signer, stranger.keys))
    assert strange == []
    assert refusal is not None
    assert "not trusted" in refusal.reason
    revoked = TrustedKeys(publisher.keys.keys, {publisher.signer.key_id: Revocation(publisher.signer.key_id, from_sequence=3)})
    taken, refusal = read(Publisher(publisher.folder, publisher.signer, revoked))
    assert taken == three[:2]
    assert refusal is not None
    assert "revoked" in refusal.reason


def test_things_in_the_feeds_folder_that_are_no_notices_are_passed_over(publisher: Publisher, three: list[Notice]) -> None:
    (publisher.lake / "feed/notes.txt").write_text("x")
    (publisher.lake / "feed/.00000004.dsse.json.part").write_text("x")
    assert read(publisher) == (three, None)


def test_a_notice_that_is_a_link_a_folder_or_huge_stops_the_reader(publisher: Publisher, three: list[Notice]) -> None:
    kept = file(publisher, 3).read_bytes()
    file(publisher, 3).unlink()
    file(publisher, 3).symlink_to("/etc/hostname")
    assert read(publisher)[1] is not None
    file(publisher, 3).unlink()
    file(publisher, 3).mkdir()
    assert read(publisher)[1] is not None
    file(publisher, 3).rmdir()
    os.mkfifo(file(publisher, 3))
    assert read(publisher)[1] is not None
    file(publisher, 3).unlink()
    file(publisher, 3).write_bytes(b" " * 10**6)
    assert "larger" in str(read(publisher)[1])
    file(publisher, 3).write_bytes(kept)
    assert read(publisher) == (three, None)


def signed(signer: Signer, **changes: object) -> bytes:
    payload: dict[str, object] = {
        "format": 1,
        "sequence": 1,
        "kind": "published",
        "at": "2026-11-21T21:05:00Z",
        "slug": "x",
        "version": 1,
        "access_level": "open",
        "manifest_sha256": "a" * 64,
        "attestation_sha256": "b" * 64,
        "reason": "",
        "previous": feed.GENESIS,
    }
    return signer.sign(layout.canonical_json({**payload, **changes}), feed.NOTICE_TYPE)


@pytest.mark.promise("publish.9")
@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "../../etc"},
        {"slug": 5},
        {"version": 0},
        {"version": True},
        {"version": 10**9},
        {"access_level": "../secure"},
        {"manifest_sha256": "x"},
        {"reason": None},
        {"kind": "exploded"},
        {"at": "now"},
        {"format": 2},
        {"more": 1},
        {"sequence": 2},
    ],
    ids=str,
)
def test_a_signed_notice_with_a_part_that_cannot_be_is_refused(publisher: Publisher, changes: dict[str, object]) -> None:
    (publisher.lake / "feed").mkdir(parents=True)
    file(publisher, 1).write_bytes(signed(publisher.signer, **changes))
    assert read(publisher)[1] is not None
    file(publisher, 1).write_bytes(signed(publisher.signer))
    assert read(publisher)[1] is None


def beat_together(folder: Path, barrier: object, number: int) -> None:
    publisher = Publisher(folder, Signer.load(folder / "publisher/signing.key"), TrustedKeys.load(folder / "publisher/signing.pub"))
    barrier.wait()  # type: ignore[attr-defined]
    for n in range(5):
        append(publisher, f"release-{number}-{n}")


@pytest.mark.promise("publish.11")
def test_two_publishers_at_once_get_different_numbers_and_one_chain(publisher: Publisher) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    both = [context.Process(target=beat_together, args=(publisher.folder, barrier, n)) for n in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    taken, refusal = read(publisher)
    assert refusal is None
    assert [notice.sequence for notice in taken] == list(range(1, 11))
    assert len({notice.slug for notice in taken}) == 10


@pytest.mark.promise("publish.12")
def test_the_heartbeat_names_the_latest_notice_and_the_time(publisher: Publisher, three: list[Notice]) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    feed.heartbeat(publisher.lake, publisher.signer)
    beat = feed.read_heartbeat(publisher.lake, publisher.keys)
    assert beat is not None
    assert (beat.sequence, beat.head) == (3, three[2].digest)
    assert before < beat.at < before + timedelta(minutes=1)


@pytest.mark.promise("publish.12")
def test_a_heartbeat_that_does_not_hold_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    path = publisher.lake / "feed/heartbeat.dsse.json"
    path.parent.mkdir(parents=True)
    good = {"format": 1, "at": "2026-11-21T21:05:00Z", "sequence": 0, "head": feed.GENESIS}
    bad = ({"format": 2}, {"sequence": -1}, {"sequence": "1"}, {"head": "x"}, {"at": "x"}, {"more": 1})
    for changes in bad:
        path.write_bytes(publisher.signer.sign(layout.canonical_json({**good, **changes}), feed.HEARTBEAT_TYPE))
        with pytest.raises(CapsuleRefused):
            feed.read_heartbeat(publisher.lake, publisher.keys)
    path.write_bytes(publisher.signer.sign(layout.canonical_json(good), feed.NOTICE_TYPE))
    with pytest.raises(CapsuleRefused, match="something else"):
        feed.read_heartbeat(publisher.lake, publisher.keys)
    feed.heartbeat(publisher.lake, Publisher.new(tmp_path / "stranger").signer)
    with pytest.raises(CapsuleRefused, match="not trusted"):
        feed.read_heartbeat(publisher.lake, publisher.keys)


def test_a_suspension_is_announced_once_and_lifted_by_publishing_again(publisher: Publisher) -> None:
    first = append(publisher)
    for _ in range(2):
        held = feed.announce(publisher.lake, publisher.signer, NoticeKind.SUSPENDED, about=first, at=AT, reason="a new attack")
    assert (held.sequence, held.kind, held.reason) == (2, NoticeKind.SUSPENDED, "a new attack")
    lifted = feed.announce(publisher.lake, publisher.signer, NoticeKind.PUBLISHED, about=first, at=AT)
    again = feed.announce(publisher.lake, publisher.signer, NoticeKind.REAUDITED, about=first, at=AT)
    twice = feed.announce(publisher.lake, publisher.signer, NoticeKind.REAUDITED, about=first, at=AT)
    assert [lifted.sequence, again.sequence, twice.sequence] == [3, 4, 5]
    assert feed.latest_about(publisher.lake, "ed-visits", 1) == twice
    assert feed.latest_about(publisher.lake, "ed-visits", 2) is None
    assert read(publisher)[1] is None


def test_the_publisher_does_not_write_over_a_feed_it_cannot_read(publisher: Publisher, three: list[Notice]) -> None:
    for content in (b"{}", b"not json", json.dumps({"payload": "!"}).encode()):
        file(publisher, 3).write_bytes(content)
        with pytest.raises(CapsuleRefused):
            feed.latest_about(publisher.lake, "release-1", 1)
