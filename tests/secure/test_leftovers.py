"""What killed processes left behind goes; what rows know of, or somebody is still writing, stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from releases import audit, files
from releases.capsule.feed import FEED
from releases.capsule.publish import INCOMING, sweep
from releases.models import AuditEvent
from releases.services import requests, sources
from releases.services.leftovers import destroy_leftovers
from tests.secure import world as build
from tests.secure.conftest import World

pytestmark = pytest.mark.promise("jobs.9")


def left(path: Path, *, days: int) -> Path:
    """A file somebody began to write, its folder as old as it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - days * 86_400
    for each in (path, path.parent):
        os.utime(each, (then, then))
    return path


def test_an_upload_nobody_registered_is_destroyed_with_a_record_and_those_in_use_stay(world: World) -> None:
    uploads, capsules = files.folder("uploads"), files.folder("capsules")
    source = build.registered_source(world.people.outsider, content=build.emergency_csv(60, 3))
    submitted = requests.submit(world.people.steward, world.ready)
    assert source.latest_snapshot is not None
    kept = [sources.raw_data(source.latest_snapshot), capsules / str(submitted.capsule) / "manifest.json"]
    for path in kept:
        left(path.parent / "beside", days=9).unlink()
        os.utime(path, (0, 0))
    orphan = left(uploads / "11111111-1111-1111-1111-111111111111" / ".abc.part", days=2)
    building = left(capsules / "r" / ".1-ab.cd" / "README.md", days=2)
    fresh = left(uploads / "22222222-2222-2222-2222-222222222222" / ".abc.part", days=0)
    assert destroy_leftovers() == 2
    assert not orphan.parent.exists()
    assert not building.parent.exists()
    assert all(path.exists() for path in (*kept, fresh))
    event = AuditEvent.objects.order_by("-sequence")[0]
    assert (event.action, event.payload) == ("destroy_leftovers", {"uploads": 1, "capsules": 1})
    assert destroy_leftovers() is None
    assert audit.verify_chain().intact
    files.discard(fresh.parent)


def test_what_a_killed_publisher_left_in_the_lake_is_removed_and_published_things_stay(tmp_path: Path) -> None:
    gone = [left(tmp_path / FEED / ".00000001.dsse.json.ab", days=2), left(tmp_path / INCOMING / "visits-1.ab" / "README.md", days=2)]
    stay = [left(tmp_path / FEED / "00000001.dsse.json", days=2), left(tmp_path / "open" / "visits" / "1" / "README.md", days=2)]
    fresh = left(tmp_path / FEED / ".heartbeat.dsse.json.cd", days=0)
    assert sweep(tmp_path) == 2
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in (*stay, fresh))
