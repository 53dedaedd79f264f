"""Publishing: sign, move in, announce; whatever kills it in between."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from releases.capsule import feed
from releases.capsule.layout import CapsuleRefused
from releases.capsule.publish import publish
from releases.capsule.signing import Signer, create_key
from releases.capsule.verify import verify
from tests.capsule.world import Publisher, attestation, unsigned

STEPS = ("open", "fsync", "rename", "replace", "link", "mkdir", "unlink")
"""System calls between which a process can be killed."""


def contents(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.promise("publish.4")
def test_publishing_adds_the_attestation_and_changes_no_other_byte(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    before = contents(capsule)
    notice = publish(capsule, publisher.lake, publisher.signer, attestation())
    after = contents(publisher.lake / "open/ed-visits/1")
    assert set(after) - set(before) == {"attestation.dsse.json"}
    assert {name: after[name] for name in before} == before
    assert contents(capsule) == before
    verified = verify(publisher.lake / notice.place, publisher.keys)
    assert (verified.manifest_sha256, verified.attestation_sha256) == (notice.manifest_sha256, notice.attestation_sha256)
    assert list(feed.read(publisher.lake, publisher.keys)) == [notice]
    beat = feed.read_heartbeat(publisher.lake, publisher.keys)
    assert beat is not None
    assert beat.sequence == 1


def test_publishing_twice_announces_once(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    first = publish(capsule, publisher.lake, publisher.signer, attestation())
    assert publish(capsule, publisher.lake, publisher.signer, attestation("2026-11-22T00:00:00Z")) == first
    assert len(list(feed.read(publisher.lake, publisher.keys))) == 1


def test_a_published_version_cannot_get_another_content(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish()
    other = unsigned(tmp_path / "other", title="Another")
    with pytest.raises(CapsuleRefused, match="published already"):
        publish(other, publisher.lake, publisher.signer, attestation())


def test_a_damaged_or_already_signed_capsule_is_not_published(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    (capsule / "attestation.dsse.json").write_text("{}")
    with pytest.raises(CapsuleRefused, match="does not belong"):
        publish(capsule, publisher.lake, publisher.signer, attestation())
    (capsule / "attestation.dsse.json").unlink()
    (capsule / "data/visits.csv").write_text("x")
    with pytest.raises(CapsuleRefused):
        publish(capsule, publisher.lake, publisher.signer, attestation())
    assert not (publisher.lake / "feed").exists()


def in_a_child(work: Callable[[], object], killed_at: int | None) -> int:
    """Run `work` in a child process that is killed without warning at its n-th step; how many steps it made, or -1 when killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        made = 0

        def stepped(call: Callable[..., Any]) -> Callable[..., Any]:
            def step(*args: Any, **options: Any) -> Any:
                nonlocal made
                if made == killed_at:
                    os._exit(9)
                made += 1
                return call(*args, **options)

            return step

        for name in STEPS:
            setattr(os, name, stepped(getattr(os, name)))
        try:
            work()
            os.write(writing, str(made).encode())
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return int(told) if told else -1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.promise("publish.10")
def test_publishing_killed_at_any_step_and_run_again_leaves_one_capsule_and_one_notice(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")

    def work() -> None:
        publish(capsule, publisher.lake, publisher.signer, attestation())

    steps = in_a_child(work, None)
    assert steps > 40, sys.platform
    for step in range(steps):
        shutil.rmtree(publisher.lake)
        assert in_a_child(work, step) == -1
        # What a reader finds now either holds or is not there.
        for notice in feed.read(publisher.lake, publisher.keys):
            verify(publisher.lake / notice.place, publisher.keys)
        work()
        (notice,) = feed.read(publisher.lake, publisher.keys)
        verify(publisher.lake / notice.place, publisher.keys)
        assert list((publisher.lake / ".incoming").iterdir()) == []
        assert feed.read_heartbeat(publisher.lake, publisher.keys) is not None


@pytest.mark.promise("publish.10")
def test_a_capsule_left_unannounced_and_damaged_is_made_anew(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    publish(capsule, publisher.lake, publisher.signer, attestation())
    shutil.rmtree(publisher.lake / "feed")
    (publisher.lake / "open/ed-visits/1/data/visits.csv").write_text("half")
    notice = publish(capsule, publisher.lake, publisher.signer, attestation())
    assert verify(publisher.lake / notice.place, publisher.keys)


@pytest.mark.promise("publish.10")
def test_a_whole_capsule_left_unannounced_is_announced_as_it_lies(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    first = publish(capsule, publisher.lake, publisher.signer, attestation())
    shutil.rmtree(publisher.lake / "feed")
    (publisher.lake / ".incoming/ed-visits-1.leftover").mkdir()
    assert (
        publish(capsule, publisher.lake, publisher.signer, attestation("2026-11-22T00:00:00Z")).attestation_sha256
        == first.attestation_sha256
    )


@pytest.mark.promise("publish.10")
def test_another_capsule_left_unannounced_in_that_place_makes_way(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish(title="Never announced")
    shutil.rmtree(publisher.lake / "feed")
    (publisher.lake / ".incoming/ed-visits-1.leftover").mkdir()
    (publisher.lake / ".incoming/other-1.leftover").mkdir()
    notice = publish(unsigned(tmp_path / "capsule"), publisher.lake, publisher.signer, attestation())
    assert verify(publisher.lake / notice.place, publisher.keys).manifest.description.title == "Emergency department visits"
    assert [each.name for each in (publisher.lake / ".incoming").iterdir()] == ["other-1.leftover"]


def test_a_withdrawn_version_is_not_published_again(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    notice = publish(capsule, publisher.lake, publisher.signer, attestation())
    feed.announce(publisher.lake, publisher.signer, feed.NoticeKind.WITHDRAWN, about=notice, at=notice.at)
    with pytest.raises(CapsuleRefused, match="was withdrawn"):
        publish(capsule, publisher.lake, publisher.signer, attestation())


@pytest.mark.promise("publish.7", "publish.10")
def test_a_capsule_left_unannounced_by_a_key_since_rotated_is_signed_anew(publisher: Publisher, tmp_path: Path) -> None:
    capsule = unsigned(tmp_path / "capsule")
    publish(capsule, publisher.lake, publisher.signer, attestation())
    shutil.rmtree(publisher.lake / "feed")
    create_key(tmp_path / "next")
    following = Signer.load(tmp_path / "next/signing.key")
    notice = publish(capsule, publisher.lake, following, attestation())
    assert verify(publisher.lake / notice.place, following.trusted()).key_id == following.key_id


def test_a_file_changed_while_it_is_published_is_noticed(publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capsule = unsigned(tmp_path / "capsule")
    make = os.mkdir

    def meddling(path: Any, *args: Any, **options: Any) -> None:
        if ".incoming/ed-visits" in os.fspath(path):
            (capsule / "data/visits.csv").write_text("meddled")
        make(path, *args, **options)

    monkeypatch.setattr(os, "mkdir", meddling)
    with pytest.raises(CapsuleRefused, match="changed while"):
        publish(capsule, publisher.lake, publisher.signer, attestation())
    assert not (publisher.lake / "feed").exists()
    assert not (publisher.lake / "open").exists()
