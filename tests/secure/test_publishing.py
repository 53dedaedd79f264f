"""The publisher: what was approved is signed and published once, whatever happens in between."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from releases import audit, files
from releases.capsule import feed
from releases.capsule.signing import Signer
from releases.capsule.verify import verify
from releases.models import AuditEvent, Publication, ReleaseRequest
from releases.services import publishing, requests
from releases.services.publishing import publish_next
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def approved(world: World) -> ReleaseRequest:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))
    return world.ready


def notices(lake: Path) -> list[feed.Notice]:
    return list(feed.read(lake, build.signer().trusted()))


@pytest.mark.promise("publish.20")
def test_an_approved_request_is_signed_with_its_sign_offs_and_the_head_of_the_audit_trail(
    world: World, approved: ReleaseRequest, lake: Path
) -> None:
    signer = build.signer()
    publication = publish_next(signer, lake)
    assert publication is not None
    assert world.ready.state == "published"
    verified = verify(lake / "open" / str(approved.slug) / "1", signer.trusted())
    attestation = verified.attestation
    assert [(s.capacity, s.decision) for s in attestation.signoffs] == [("IG", "approve")]
    assert attestation.evidence_digest == approved.evidence_digest
    assert verified.manifest_sha256 == approved.manifest_sha256
    assert audit.verify_chain([publication.predicate["audit_head"]]).intact
    assert [n.sequence for n in notices(lake)] == [publication.notice_sequence] == [1]
    assert publication.key_id == signer.key_id
    assert publish_next(signer, lake) is None


@pytest.mark.promise("publish.21")
def test_nothing_is_published_that_was_not_approved_by_all_who_must(world: World, lake: Path) -> None:
    submitted = requests.submit(world.people.steward, world.ready)
    assert publish_next(build.signer(), lake) is None
    # Even a row that says so: without the sign-offs it is not approved.
    ReleaseRequest.objects.filter(pk=submitted.pk).update(state="approved")
    assert publish_next(build.signer(), lake) is None
    assert not lake.exists()


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.promise("publish.22")
@pytest.mark.parametrize("where", ["before the lake", "after the lake", "in the last transaction"])
def test_a_publisher_that_dies_at_any_point_is_simply_started_again(
    world: World, approved: ReleaseRequest, lake: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, record = publishing.publish, audit.record

    def dies(*args: object) -> object:
        if where == "after the lake":
            publish(*args)  # type: ignore[arg-type]
        raise Crash

    def dies_recording(actor: object, action: str, *args: object, **payload: object) -> object:
        if action == "publish":
            raise Crash
        return record(actor, action, *args, **payload)  # type: ignore[arg-type]

    if where == "in the last transaction":
        monkeypatch.setattr(audit, "record", dies_recording)
    else:
        monkeypatch.setattr(publishing, "publish", dies)
    with pytest.raises(Crash):
        publish_next(build.signer(), lake)
    assert world.ready.state == "approved"
    predicate = Publication.objects.get().predicate
    monkeypatch.undo()
    publication = publish_next(build.signer(), lake)
    assert publication is not None
    assert publication.predicate == predicate, "the same statement is signed"
    assert world.ready.state == "published"
    assert len(notices(lake)) == 1
    assert AuditEvent.objects.filter(action="publish").count() == 1


@pytest.mark.promise("publish.23")
def test_a_damaged_capsule_is_not_published_says_why_once_and_does_not_hold_up_the_others(
    world: World, approved: ReleaseRequest, lake: Path
) -> None:
    readme = files.folder("capsules") / str(approved.capsule) / "README.md"
    content = readme.read_bytes()
    readme.write_bytes(content + b"x")
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready_marginal))
    published = publish_next(build.signer(), lake)
    assert published is not None
    assert published.request == world.ready_marginal
    assert publish_next(build.signer(), lake) is None
    damaged = Publication.objects.get(request=approved)
    assert "README.md" in damaged.problem
    assert world.ready.state == "approved"
    assert AuditEvent.objects.filter(action="publish", outcome="refused").count() == 1
    readme.write_bytes(content)
    mended = publish_next(build.signer(), lake)
    assert mended is not None
    assert (mended.request, mended.problem) == (approved, "")


def test_of_two_publishers_the_slower_one_finds_it_done(
    world: World, approved: ReleaseRequest, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = publishing.publish

    def overtaken(*args: object) -> object:
        monkeypatch.undo()
        assert publish_next(build.signer(), lake) is not None
        return publish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "publish", overtaken)
    assert publish_next(build.signer(), lake) is None
    assert len(notices(lake)) == 1


@pytest.mark.promise("publish.24")
def test_the_publisher_command_publishes_beats_the_feeds_heart_and_needs_its_key(
    world: World,
    approved: ReleaseRequest,
    lake: Path,
    tmp_path: Path,
    settings,  # type: ignore[no-untyped-def]
) -> None:
    settings.SYNTHPORTAL_LAKE, settings.SYNTHPORTAL_SIGNING_KEY = lake, ""
    with pytest.raises(CommandError, match="set SYNTHPORTAL_SIGNING_KEY"):
        call_command("publisher")
    key = Path(settings.SYNTHPORTAL_SECURE_FILES).parent / "publisher" / "signing.key"
    signer = build.signer()
    settings.SYNTHPORTAL_SIGNING_KEY = str(key)
    key.chmod(0o644)
    with pytest.raises(CommandError, match="can be read by others"):
        call_command("publisher")
    key.chmod(0o600)
    out = io.StringIO()
    call_command("publisher", stdout=out)
    assert f"published {approved.slug}, version 1" in out.getvalue()
    beat = feed.read_heartbeat(lake, signer.trusted())
    assert beat is not None
    assert beat.sequence == 1
    assert isinstance(Signer.load(key), Signer)
