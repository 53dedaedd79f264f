"""The lake in an object store: real S3 requests, signed, to a store that asks who may do what."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from django.core.management import call_command
from django.test import Client
from obstore.exceptions import BaseError
from pytest_django import Settings

from releases.capsule import feed, publish
from releases.capsule.feed import NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.object_lake import ObjectLake, StoreUnreachable, carry_in, carry_out, store_of
from releases.catalogue.models import FeedPosition, ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from tests.capsule.world import Publisher
from tests.object_store import ObjectStore

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    server = ObjectStore.start()
    yield server
    server.stop()


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A part of the store that no other test uses."""
    return tmp_path.name


def lake_of(store: ObjectStore, folder: Path, prefix: str, who: str) -> ObjectLake:
    """The store as the publisher or the site is given it."""
    opened = store.credentials(folder, f"{who}-open", address=f"s3://lake/{prefix}")
    return ObjectLake.of(opened, store.credentials(folder, f"{who}-safeguarded", address=f"s3://lake-safeguarded/{prefix}"))


@pytest.fixture
def theirs(running: ObjectStore, tmp_path: Path, prefix: str) -> ObjectLake:
    return lake_of(running, tmp_path / "secure", prefix, "publisher")


@pytest.fixture
def site(running: ObjectStore, publisher: Publisher, tmp_path: Path, prefix: str, settings: Settings) -> ObjectLake:
    """The public site's half: credentials that read, and a folder of its own for the lake."""
    found = lake_of(running, tmp_path / "site", prefix, "site")
    settings.SYNTHPORTAL_LAKE = tmp_path / "carried"
    settings.SYNTHPORTAL_LAKE_STORE = str(tmp_path / "site/site-open.json")
    settings.SYNTHPORTAL_LAKE_STORE_SAFEGUARDED = str(tmp_path / "site/site-safeguarded.json")
    return found


def names(lake: ObjectLake, *, safeguarded: bool = False) -> set[str]:
    store = lake.safeguarded if safeguarded else lake.open
    return {each["path"] for page in obstore.list(store) for each in page}


@pytest.mark.promise("outgrown.1", "grant.19")
def test_a_release_crosses_by_the_object_store_and_goes_again_when_it_is_withdrawn(
    publisher: Publisher, theirs: ObjectLake, site: ObjectLake, client: Client, tmp_path: Path
) -> None:
    first = publisher.publish(rows=30)
    publisher.publish(slug="agreed", tier="privately-sourced", access_level="safeguarded", rows=6)
    assert carry_out(publisher.lake, theirs) == 2
    call_command("ingest")
    assert {(v.release.slug, v.state) for v in ReleaseVersion.objects.all()} == {("ed-visits", "published"), ("agreed", "published")}
    page = client.get("/datasets/ed-visits/v1/files/data/visits.csv")
    assert b"".join(page.streaming_content).count(b"\n") == 31
    call_command("ingest")
    assert not list((tmp_path / "carried/open").glob("*/*")), "what was taken in is not kept twice"
    lost = [store.held(StoredFile.objects.get(path="data/visits.csv", version__release__slug=slug)) for slug in ("ed-visits", "agreed")]
    for each in lost:
        each.unlink()
    call_command("take_in_again")
    assert all(each.is_file() for each in lost)

    said = feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=first, at=datetime.now(UTC), reason="A mistake.")
    publish.take_back(publisher.lake, said)
    assert carry_out(publisher.lake, theirs) == 1
    assert {each for each in names(theirs) if each.startswith("open/")} == {
        "open/ed-visits/1/manifest.json",
        "open/ed-visits/1/attestation.dsse.json",
    }
    call_command("ingest")
    assert client.get("/datasets/ed-visits/v1/").status_code == 410
    assert FeedPosition.objects.get().sequence == 3


@pytest.mark.promise("outgrown.2")
def test_each_credential_opens_its_own_part_and_the_sites_only_read(
    publisher: Publisher, theirs: ObjectLake, site: ObjectLake, running: ObjectStore, tmp_path: Path, prefix: str
) -> None:
    publisher.publish(slug="agreed", tier="privately-sourced", access_level="safeguarded")
    carry_out(publisher.lake, theirs)
    assert "safeguarded/agreed/1/data/visits.csv" in names(theirs, safeguarded=True)
    assert not [each for each in names(theirs) if "agreed" in each], "nothing of it lies with the open ones"
    wrong = store_of(running.credentials(tmp_path / "wrong", "site-open", address=f"s3://lake-safeguarded/{prefix}"))
    for attempt in (
        lambda: obstore.get(wrong, "safeguarded/agreed/1/data/visits.csv"),
        lambda: obstore.put(site.open, "feed/00000001.dsse.json", b"forged"),
        lambda: obstore.delete(site.safeguarded, ["safeguarded/agreed/1/manifest.json"]),
    ):
        with pytest.raises(BaseError, match=r"AccessDenied|privileges"):
            attempt()
    stranger = ObjectLake.of(running.credentials(tmp_path / "stranger", "site-open", secret_access_key="guessed"))
    with pytest.raises(StoreUnreachable, match="did not let us"):
        carry_in(stranger, tmp_path / "stolen", after=0)
    assert carry_in(site, tmp_path / "here", after=0, apart=tmp_path / "apart") == 1
    assert (tmp_path / "apart/safeguarded/agreed/1/manifest.json").is_file()
    assert not (tmp_path / "here/safeguarded").exists()
    with pytest.raises(CapsuleRefused, match="no object store is set"):
        carry_in(ObjectLake(site.open), tmp_path / "half", after=0)


@pytest.mark.promise("outgrown.3")
@pytest.mark.parametrize("until", range(0, 20, 3))
def test_killed_after_any_write_the_publisher_goes_on_and_nothing_half_is_announced(
    publisher: Publisher, theirs: ObjectLake, site: ObjectLake, monkeypatch: pytest.MonkeyPatch, until: int
) -> None:
    from releases.capsule import object_lake

    publisher.publish(rows=6)
    written = 0
    really = object_lake._put

    def put(*arguments: object) -> None:
        nonlocal written
        if written == until:
            raise KeyboardInterrupt
        written += 1
        really(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(object_lake, "_put", put)
        try:
            carry_out(publisher.lake, theirs)
        except KeyboardInterrupt:
            pass
    call_command("ingest")
    assert not [v for v in ReleaseVersion.objects.all() if v.manifest == {}]
    carry_out(publisher.lake, theirs)
    call_command("ingest")
    assert ReleaseVersion.objects.get().release.slug == "ed-visits"


@pytest.mark.promise("outgrown.4")
def test_what_is_changed_in_the_store_is_refused_and_taken_in_once_it_is_mended(
    publisher: Publisher, theirs: ObjectLake, site: ObjectLake, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.publish(rows=6)
    carry_out(publisher.lake, theirs)
    place = "open/ed-visits/1/data/visits.csv"
    true = bytes(obstore.get(theirs.open, place).bytes())
    obstore.put(theirs.open, place, true.replace(b"40", b"41"))
    call_command("ingest")
    assert "refused" in capsys.readouterr().err
    assert not ReleaseVersion.objects.exists()
    obstore.put(theirs.open, place, true)
    call_command("ingest")
    assert ReleaseVersion.objects.get().state == "published"


@pytest.mark.promise("outgrown.4")
@pytest.mark.parametrize(("content", "told"), [(b"{", "not well-formed JSON"), (b"x" * 2_000_000, "larger than"), (b"{}", "notice 1")])
def test_a_damaged_notice_in_the_store_stops_the_reading_and_is_named(
    publisher: Publisher, theirs: ObjectLake, site: ObjectLake, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    publisher.publish()
    carry_out(publisher.lake, theirs)
    obstore.put(theirs.open, "feed/00000001.dsse.json", content)
    call_command("ingest")
    assert told in capsys.readouterr().err
    assert not ReleaseVersion.objects.exists()


@pytest.mark.promise("outgrown.4")
def test_two_publishers_do_not_write_one_feed(publisher: Publisher, theirs: ObjectLake, tmp_path: Path) -> None:
    other = Publisher.new(tmp_path / "other")
    other.publish(slug="another")
    carry_out(other.lake, theirs)
    with pytest.raises(CapsuleRefused, match="another publisher writes there"):
        carry_out(publisher.lake, theirs)
    obstore.delete(theirs.open, [f"feed/{feed.HEARTBEAT}"])
    publisher.publish()
    shutil.rmtree(publisher.lake / "feed")
    with pytest.raises(CapsuleRefused, match="the lake ends at 0"):
        carry_out(publisher.lake, theirs)


@pytest.mark.promise("outgrown.5")
def test_a_file_of_credentials_that_cannot_be_used_says_what_is_wrong_and_never_what_it_holds(running: ObjectStore, tmp_path: Path) -> None:
    file = running.credentials(tmp_path, "site-open")
    whole = json.loads(file.read_text())
    for changes, told in (
        ({"address": "https://lake"}, "s3://bucket/prefix"),
        ({"endpoint": "http://storage.example"}, "https:// address"),
        ({"region": ""}, "must hold these"),
    ):
        file.write_text(json.dumps({**whole, **changes}))
        with pytest.raises(CapsuleRefused, match=told) as refused:
            store_of(file)
        assert whole["secret_access_key"] not in refused.value.reason
    file.write_text("{")
    with pytest.raises(CapsuleRefused, match="no readable JSON"):
        store_of(file)
    file.chmod(0o640)
    with pytest.raises(CapsuleRefused, match="chmod 600"):
        store_of(file)
    with pytest.raises(CapsuleRefused, match="no readable JSON"):
        store_of(tmp_path / "absent.json")


@pytest.mark.promise("outgrown.5")
def test_a_store_that_is_away_is_said_and_what_was_known_stays(
    publisher: Publisher,
    theirs: ObjectLake,
    site: ObjectLake,
    running: ObjectStore,
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    client: Client,
) -> None:
    publisher.publish()
    carry_out(publisher.lake, theirs)
    call_command("ingest")
    settings.SYNTHPORTAL_LAKE_STORE = str(running.credentials(tmp_path / "away", "site-open", endpoint="http://127.0.0.1:9"))
    call_command("ingest")
    assert "not carried in: the object store did not let us" in capsys.readouterr().err
    assert client.get("/datasets/ed-visits/").status_code == 200
