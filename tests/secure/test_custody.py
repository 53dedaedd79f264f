"""The chain of custody, working copies destroyed on schedule, and the trail as its readers use it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from releases import custody, retention
from releases.models import AuditEvent, DestructionRecord, ReleaseRequest, Run, Snapshot, SplitRecord, WorkingCopy
from releases.permissions import Refused
from releases.services import publishing, requests, sources, unconfirmed, working_copies
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.mark.promise("custody.1")
def test_the_chain_of_a_version_runs_from_the_file_to_what_was_shared(world: World, tmp_path: Path, client: Client) -> None:
    people = world.people
    request = requests.submit(people.steward, world.ready_marginal)
    build.decide(people.ig, request)
    assert publishing.publish_next(build.signer(), tmp_path) is not None
    version, summary = request.version, world.summary
    for person in (people.steward, people.ig):
        client.force_login(person)
        assert client.get(reverse("download-summary", args=[summary.pk])).status_code == 200
    entries = custody.of_version(version)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    told = [(entry.stage, entry.who, entry.sha256) for entry in entries]
    snapshot = world.source.latest_snapshot
    assert snapshot is not None
    raw = next(i for i, entry in enumerate(told) if entry == ("stored", people.steward.full_name, snapshot.sha256))
    gone = next(i for i, entry in enumerate(told) if entry[0] == "destroyed" and entry[2] == snapshot.sha256)
    summed = told.index(("made", people.steward.full_name, summary.sha256))
    out = told.index(("shared", "the publisher", request.manifest_sha256))
    assert raw < gone < summed < out
    assert ("stored", people.steward.full_name, request.manifest_sha256) in told
    assert told.count(("shared", people.ig.full_name, summary.sha256)) == 1
    whole = custody.of_source(world.source)
    assert set(entries) <= set(whole)
    assert len(whole) > len(entries)
    client.force_login(people.auditor)
    page = client.get(reverse("version-custody", args=[version.pk])).content.decode()
    assert "published as" in page
    lines = client.get(reverse("source-custody", args=[world.source.pk]), {"form": "csv"}).content.decode().splitlines()
    assert len(lines) == len(whole) + 1


def newer_snapshot(world: World, days: int) -> None:
    """A newer snapshot whose working copy has been ready for so many days: the records of the old one, copied."""
    old = world.source.current_snapshot
    copy, split = old.working_copy, old.split
    snapshot = Snapshot.objects.get(pk=old.pk)
    snapshot.pk, snapshot.number, snapshot._state.adding = None, old.number + 1, True
    snapshot.id = Snapshot._meta.pk.get_default()
    snapshot.save(force_insert=True)
    made = timezone.now() - timedelta(days=days)
    WorkingCopy.objects.create(snapshot=snapshot, schema=copy.schema, tables=[], made_at=made, run=copy.run)
    fields = ("digest", "by_person", "train_persons", "holdout_persons", "train_rows", "holdout_rows")
    SplitRecord.objects.create(snapshot=snapshot, train={}, holdout={}, made_at=made, **{name: getattr(split, name) for name in fields})


@pytest.mark.promise("custody.2")
def test_a_working_copy_goes_on_schedule_once_nothing_needs_it_and_leaves_a_record_of_each_file(world: World, settings: Any) -> None:
    copy = world.source.current_snapshot.working_copy
    kept = [Path(settings.SYNTHPORTAL_SECURE_FILES) / "working" / table["path"] for table in copy.tables]
    held = {path: path.read_bytes() for path in kept[0].parent.parent.rglob("*") if path.is_file()}
    newer_snapshot(world, days=31)
    assert working_copies.destroy_superseded() is None  # off, unless an installation says how long
    settings.SYNTHPORTAL_WORKING_COPY_DAYS = 30
    assert retention.needed(copy)
    assert working_copies.destroy_superseded() is None
    summary = world.summary
    ReleaseRequest.objects.filter(source=world.source).update(state="cancelled")
    settings.SYNTHPORTAL_WORKING_COPY_DAYS = 32
    assert working_copies.destroy_superseded() is None
    settings.SYNTHPORTAL_WORKING_COPY_DAYS = 30
    try:
        assert working_copies.destroy_superseded() == 1
        assert not any(path.exists() for path in kept)
    finally:
        for path, content in held.items():  # other tests of this world read them
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(content)
    copy.refresh_from_db()
    assert copy.destroyed_at is not None
    records = DestructionRecord.objects.filter(snapshot=copy.snapshot, destroyed_at=copy.destroyed_at)
    assert {record.sha256 for record in records} >= {table["sha256"] for table in copy.tables}
    assert all(record.size for record in records)
    assert working_copies.destroy_superseded() is None
    assert AuditEvent.objects.get(action="destroy_working_copies").payload["files"] == records.count()
    assert "destroyed" in {entry.stage for entry in custody.of_source(world.source) if "nothing needs this one" in entry.what}
    draft = build.draft(world.people.steward, world.source)
    with pytest.raises(Refused, match="records that summary was made of are destroyed"):
        requests.request_generation(world.people.steward, draft, generator="marginal", rows=10, seed=1, summary=summary)


@pytest.mark.promise("custody.2")
def test_a_release_that_is_out_keeps_its_held_out_records_for_re_audits(world: World) -> None:
    copy = world.source.current_snapshot.working_copy
    ReleaseRequest.objects.filter(source=world.source).update(state="cancelled")
    assert not retention.needed(copy)
    request = world.ready_marginal
    for state, wanted in (("draft", True), ("returned", True), ("rejected", False)):
        ReleaseRequest.objects.filter(pk=request.pk).update(state=state)
        assert retention.needed(copy) == wanted


@pytest.mark.promise("custody.4")
def test_an_upload_that_nobody_confirms_in_time_is_destroyed_with_a_record_and_cannot_be_confirmed_after(world: World) -> None:
    people = world.people
    source = build.registered_source(people.steward)
    snapshot = source.latest_snapshot
    assert snapshot is not None
    raw = sources.raw_data(snapshot)
    assert unconfirmed.destroy_unconfirmed() is None
    Snapshot.objects.filter(pk=snapshot.pk).update(received_at=timezone.now() - timedelta(days=31))
    ended = Run.objects.filter(snapshot=snapshot).first()
    assert ended is not None
    Run.objects.filter(pk=ended.pk).update(state="queued", finished_at=None)
    assert unconfirmed.destroy_unconfirmed() is None  # something will read it
    ended.save()
    assert unconfirmed.destroy_unconfirmed() == 1
    assert not raw.exists()
    record = DestructionRecord.objects.get(snapshot=snapshot)
    assert (record.sha256, record.size, record.reason) == (snapshot.sha256, snapshot.size, "No working copy was made of it within 30 days.")
    assert AuditEvent.objects.get(action="destroy_unconfirmed").target_id == str(snapshot.pk)
    assert unconfirmed.destroy_unconfirmed() is None
    with pytest.raises(Refused, match="give it again"):
        sources.confirm_schema(people.steward, snapshot, schema=build.confirmed_schema(snapshot))
    assert "destroyed" in {entry.stage for entry in custody.of_source(source)}


@pytest.mark.promise("custody.3")
def test_the_trail_is_filtered_by_person_action_target_time_and_outcome_and_taking_a_copy_is_on_record(
    world: World, client: Client
) -> None:
    people = world.people
    with pytest.raises(Refused):
        requests.submit(people.outsider, world.ready)
    client.force_login(people.auditor)

    def shown(**wanted: object) -> list[AuditEvent]:
        return list(client.get(reverse("audit"), wanted).context["events"].object_list)

    (event,) = shown(actor=people.outsider.pk, outcome="refused")
    assert (event.action, event.target_id) == ("submit", str(world.ready.pk))
    assert event in shown(target=str(world.ready.pk)[:10])
    assert {each.target_kind for each in shown(target="ReleaseRequest")} == {"releaserequest"}
    assert shown(until="2020-01-01") == []
    assert event in shown(since=timezone.localdate().isoformat(), action="submit")
    response = client.get(reverse("export-audit"), {"action": "submit"})
    lines = b"".join(response.streaming_content).decode().splitlines()
    taken = AuditEvent.objects.get(action="export_audit")
    assert (taken.actor, taken.payload) == (people.auditor, {"events": len(lines) - 1, "wanted": {"action": "submit"}})
    client.post(reverse("verify-audit"))
    checked = AuditEvent.objects.get(action="verify_audit")
    assert (checked.actor, checked.payload["intact"], checked.payload["problems"]) == (people.auditor, True, 0)
    assert checked.payload["events"] == checked.sequence - 1
