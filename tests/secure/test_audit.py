"""The audit trail: whole, chained, append-only in the database itself."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from releases import audit
from releases.capsule.signing import PUBLIC_KEY
from releases.models import AuditEvent, Publication, SignOff
from releases.permissions import Refused
from releases.services import requests, sources
from releases.services.publishing import publish_next
from tests.secure import world as build
from tests.secure.conftest import World

pytestmark = pytest.mark.django_db


def without_triggers(statement: str) -> None:
    """What somebody with the database file in their hands could do."""
    with connection.cursor() as cursor:
        for name in ("no_update", "no_delete"):
            cursor.execute(f"DROP TRIGGER releases_auditevent_{name}")
        cursor.execute(statement)


@pytest.mark.promise("audit.1")
def test_every_step_of_the_whole_path_is_one_event_of_an_unbroken_chain(world: World) -> None:
    found = audit.verify_chain()
    assert found.intact
    assert found.events == AuditEvent.objects.count() == found.head.sequence
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"register_source", "receive_upload", "confirm_schema", "destroy_raw", "summarise", "generate", "evaluate"} <= actions


@pytest.mark.promise("audit.2")
@pytest.mark.parametrize("statement", ["UPDATE releases_auditevent SET action = 'x'", "DELETE FROM releases_auditevent WHERE sequence > 3"])
def test_the_database_refuses_to_change_or_delete_an_event(world: World, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.promise("audit.2")
def test_the_database_refuses_to_change_or_delete_a_sign_off(world: World) -> None:
    signoff = build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))
    for change in (lambda: SignOff.objects.filter(pk=signoff.pk).update(comment="x"), lambda: SignOff.objects.all()._raw_delete("default")):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


TAMPERING = {
    "an action": "UPDATE releases_auditevent SET action = 'other' WHERE sequence = 5",
    "a time": "UPDATE releases_auditevent SET at = '2020-01-01 00:00:00' WHERE sequence = 5",
    "a payload": "UPDATE releases_auditevent SET payload = '{\"a\": 1}' WHERE sequence = 5",
    "a missing event": "DELETE FROM releases_auditevent WHERE sequence = 5",
    "a digest": "UPDATE releases_auditevent SET digest = '0' WHERE sequence = 5",
    "a link": "UPDATE releases_auditevent SET previous = '0' WHERE sequence = 5",
}


@pytest.mark.promise("audit.4")
@pytest.mark.parametrize("what", TAMPERING)
def test_a_change_of_the_past_shows(world: World, what: str) -> None:
    without_triggers(TAMPERING[what])
    found = audit.verify_chain()
    assert not found.intact
    assert "5" in found.problems[0]


def published(world: World, lake: Path) -> Publication:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready))
    publication = publish_next(build.signer(), lake)
    assert publication is not None
    return publication


@pytest.mark.promise("audit.5")
def test_a_trail_rewritten_as_a_whole_disagrees_with_published_capsules(world: World, tmp_path: Path) -> None:
    publication = published(world, tmp_path / "lake")
    head = publication.predicate["audit_head"]
    assert audit.verify_chain([head]).intact
    rewritten = {"sequence": head["sequence"], "digest": "0" * 64}
    assert "is not the one a published capsule knows" in audit.verify_chain([rewritten]).problems[0]
    cut = {"sequence": 10_000, "digest": head["digest"]}
    assert "which is missing here" in audit.verify_chain([cut]).problems[0]


@pytest.mark.promise("audit.5")
def test_the_command_compares_the_trail_with_the_capsules_in_the_lake(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake, key = tmp_path / "lake", tmp_path / PUBLIC_KEY
    published(world, lake)
    key.write_bytes(build.signer().public_pem())
    out = io.StringIO()
    call_command("audit", "verify", "--key", str(key), "--lake", str(lake), stdout=out)
    assert "chain whole, compared with 1 published capsules" in out.getvalue()
    call_command("audit", "verify", stdout=out)
    assert "not compared" in out.getvalue()
    last = AuditEvent.objects.count()
    without_triggers(f"DELETE FROM releases_auditevent WHERE sequence > {last - 2}")
    errors = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("audit", "verify", "--key", str(key), "--lake", str(lake), stderr=errors)
    assert end.value.code == 3
    assert "missing here" in errors.getvalue()


@pytest.mark.promise("audit.5")
def test_the_command_says_when_a_capsule_in_the_lake_was_changed(world: World, tmp_path: Path) -> None:
    lake, key = tmp_path / "lake", tmp_path / PUBLIC_KEY
    publication = published(world, lake)
    key.write_bytes(build.signer().public_pem())
    readme = lake / "open" / publication.slug / "1" / "README.md"
    readme.write_bytes(readme.read_bytes() + b"x")
    errors = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("audit", "verify", "--key", str(key), "--lake", str(lake), stderr=errors)
    assert "the lake:" in errors.getvalue()


@pytest.mark.promise("audit.3")
def test_somebody_who_leans_on_a_button_cannot_fill_the_trail(world: World) -> None:
    before = AuditEvent.objects.count()
    for _ in range(audit.REFUSALS_A_MINUTE + 15):
        with pytest.raises(Refused):
            requests.submit(world.people.outsider, world.ready)
    assert AuditEvent.objects.count() - before == audit.REFUSALS_A_MINUTE
    assert audit.verify_chain().intact


@pytest.mark.promise("audit.6")
def test_no_event_holds_a_value_of_the_source(world: World) -> None:
    lines = build.emergency_csv().decode().splitlines()[1:]
    values = {value for line in lines[:300] for value in line.split(",") if len(value) >= 9}
    payloads = " ".join(str(event.payload) for event in AuditEvent.objects.all())
    assert values
    assert not [value for value in values if value in payloads]


def test_an_event_outside_a_transaction_is_a_defect() -> None:
    connection.in_atomic_block, before = False, connection.in_atomic_block
    try:
        with pytest.raises(RuntimeError, match="in the transaction"):
            audit.record(None, "x")
    finally:
        connection.in_atomic_block = before


@pytest.mark.promise("audit.1")
def test_a_step_that_fails_half_way_leaves_neither_its_change_nor_its_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(Refused):
        sources.register_source(
            world.people.steward, title=world.source.title, description="x", controller=world.source.controller, subject="x"
        )
    assert AuditEvent.objects.filter(outcome="done").count() == before
