"""The audit page: filtered, exported, and checked on the spot, with published releases where that is possible."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from django.urls import reverse

from releases.capsule.signing import pin
from releases.models import Account, AuditEvent
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_audit import published, without_triggers
from tests.secure.test_pages_site import signed_in, words


@pytest.mark.promise("pages.46")
def test_the_trail_is_filtered_checked_and_exported_safely_for_spreadsheets(world: World) -> None:
    client = signed_in(world.people.auditor)
    everything, some = client.get(reverse("audit")), client.get(reverse("audit"), {"action": "register_source"})
    assert f"{AuditEvent.objects.count():,} events" in words(everything)
    assert "1 event match" in words(some)
    assert "The list is whole." in words(client.post(reverse("verify-audit")))
    assert "Enter a valid date." in words(client.get(reverse("audit"), {"since": "not a date"}))
    Account.objects.filter(pk=world.people.steward.pk).update(full_name="=cmd()")
    lines = b"".join(client.get(reverse("export-audit")).streaming_content).decode().splitlines()
    assert len(lines) == AuditEvent.objects.count() + 1
    assert any(",'=cmd()," in line for line in lines)
    assert not any(",=cmd()" in line for line in lines)


@pytest.mark.promise("audit.5")
def test_the_page_compares_the_trail_with_published_releases_and_says_how_many(world: World, tmp_path: Path) -> None:
    lake, keys = tmp_path / "lake", tmp_path / "keys"
    published(world, lake)
    pin(build.signer().public_pem(), keys)
    client = signed_in(world.people.auditor)
    with override_settings(SYNTHPORTAL_LAKE=lake, SYNTHPORTAL_PINNED_KEYS=keys):
        assert "1 published release compared, by signature: no disagreement." in words(client.post(reverse("verify-audit")))
        begun = AuditEvent.objects.get(action="start_publication").sequence
        without_triggers(f"DELETE FROM releases_auditevent WHERE sequence >= {begun}")
        answer = words(client.post(reverse("verify-audit")))
    assert "The list cannot be trusted." in answer
    assert "which is missing here" in answer


@pytest.mark.promise("audit.5")
def test_the_page_says_when_a_published_release_does_not_hold(world: World, tmp_path: Path) -> None:
    lake, keys = tmp_path / "lake", tmp_path / "keys"
    publication = published(world, lake)
    pin(build.signer().public_pem(), keys)
    attestation = lake / "open" / publication.slug / "1" / "attestation.dsse.json"
    attestation.write_bytes(attestation.read_bytes().replace(b"A", b"B", 1))
    with override_settings(SYNTHPORTAL_LAKE=lake, SYNTHPORTAL_PINNED_KEYS=keys):
        assert "The list cannot be trusted." in words(signed_in(world.people.auditor).post(reverse("verify-audit")))


@pytest.mark.promise("audit.5")
def test_without_a_pinned_key_the_page_says_what_was_not_checked_and_how_to(world: World, tmp_path: Path) -> None:
    assert settings.SYNTHPORTAL_PINNED_KEYS
    with override_settings(SYNTHPORTAL_PINNED_KEYS=tmp_path / "none"):
        answer = words(signed_in(world.people.auditor).post(reverse("verify-audit")))
    assert "The list is whole." in answer
    assert "was not compared with published releases: this site has no pinned public key of the publisher." in answer
    assert "synthportal audit verify --key FILE" in answer
