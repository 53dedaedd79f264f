"""The register: what was decided, how long it took, under which policy; signed, and silent about drills."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from releases import policy
from releases.capsule import register as capsule
from releases.models import AuditEvent, Drill, ReleaseRequest
from releases.register import began, register
from releases.services import publishing, requests, suspensions
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def structural() -> capsule.Figures:
    return next(each for each in register().figures if each.tier == "structural")


@pytest.mark.promise("openly.1")
def test_every_round_that_was_decided_is_counted_with_its_turnaround_policy_and_attempts(world: World, lake: Path) -> None:
    people = world.people
    empty = structural()
    assert (empty.approved, empty.turnaround_days, register().since) == (0, None, None)
    build.decide(people.ig, requests.submit(people.steward, world.ready), "return")
    build.decide(people.ig, requests.submit(people.steward, requests.revise(people.steward, world.ready)))
    assert publishing.publish_next(build.signer(), lake) is not None
    build.decide(people.ig, requests.submit(people.steward, world.ready_marginal), "reject")
    said = structural()
    assert (said.approved, said.returned, said.published, said.rejected, said.at_once) == (1, 1, 1, 0, 0)
    assert (said.turnaround_days, said.attempts, said.most_attempts) == (0.0, 1.0, 1)
    assert next(each for each in register().figures if each.tier == "publicly-sourced").rejected == 1
    assert register().since == timezone.localdate()
    assert [(each.id, each.decisions) for each in register().policies] == [(policy.in_force(), 3)]
    suspensions.withdraw(people.ig, world.ready, reason="superseded", said="Version 2 is better.", why="x")
    assert (structural().withdrawn, structural().published) == (1, 1)
    for name in ("nobody", "steward", "ig"):
        client = Client()
        client.force_login(getattr(people, name), backend="django.contrib.auth.backends.ModelBackend")
        page = client.get(reverse("register")).content.decode()
        assert "Returned for changes" in page
        assert policy.in_force() in page


@pytest.mark.promise("openly.2")
def test_a_drill_is_in_the_register_neither_before_nor_after_it_is_revealed_and_waiting_requests_are_not(world: World) -> None:
    before = register()
    waits = requests.submit(world.people.steward, world.ready)
    assert register() == before, "what waits is not counted, so a drill that waits is not missed"
    build.decide(world.people.ig, waits)
    assert structural().approved == 1
    version = world.ready.version
    drill = Drill.objects.create(
        request=world.ready,
        origin=version,
        kind="rare cells",
        amount=3,
        seed=1,
        despite_gates=False,
        started_by=world.people.administrator,
        started_at=timezone.now(),
    )
    assert register().figures == before.figures
    Drill.objects.filter(pk=drill.pk).update(revealed_at=timezone.now(), revealed_because="It was called off.")
    ReleaseRequest.objects.filter(pk=world.ready.pk).update(state="cancelled")
    assert register().figures == before.figures


@pytest.mark.promise("openly.3")
def test_the_publisher_signs_the_register_when_it_changes_and_once_a_day(world: World, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = build.signer()
    first = publishing.say_register(signer, lake)
    assert first is not None
    assert capsule.read(lake, signer.trusted()) == first
    assert publishing.say_register(signer, lake) is None
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready), "reject")
    second = publishing.say_register(signer, lake)
    assert second is not None
    assert second.register != first.register
    monkeypatch.setattr(publishing, "SAY_AGAIN_AFTER", timedelta(0))
    assert publishing.say_register(signer, lake) is not None
    assert AuditEvent.objects.filter(action="say_register").count() == 3
    (lake / "feed" / capsule.REGISTER).write_bytes(b"{}")
    assert publishing.say_register(signer, lake) is not None, "a damaged one is said anew"


def test_every_shipped_policy_says_from_when_it_was_in_force() -> None:
    assert began("release-policy-1") <= began("release-policy-4")
