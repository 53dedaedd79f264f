"""What the pages refuse by themselves is recorded; what they claim of a submission, or say of synthetic data, is so."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from releases import files
from releases.capsule.layout import DISCLAIMER
from releases.models import Account, AuditEvent, Snapshot
from releases.permissions import Refused
from releases.services import requests, sources
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_pages_site import signed_in, words


def refusals(action: str, account: Account) -> list[str]:
    return [e.payload["refusal"] for e in AuditEvent.objects.filter(action=action, outcome="refused", actor=account).order_by("sequence")]


@pytest.mark.promise("audit.3")
def test_a_file_refused_before_it_is_read_is_a_recorded_refusal(world: World) -> None:
    steward = world.people.outsider
    source = build.registered_source(steward, content=build.emergency_csv(60, 3))
    snapshot = source.latest_snapshot
    assert snapshot is not None
    sources.confirm_schema(steward, snapshot, schema=build.confirmed_schema(snapshot))  # is being prepared: no second file now
    refused = signed_in(steward).post(
        reverse("source-data", args=[source.pk]), {"file": SimpleUploadedFile("two.csv", b"a,b\n1,2\n"), "end": "of form"}
    )
    assert refused.status_code == 403
    (sentence,) = refusals("receive_upload", steward)
    assert sentence in words(refused)
    assert Snapshot.objects.filter(source=source).count() == 1


@pytest.mark.promise("audit.3")
def test_who_tries_to_review_their_own_request_is_refused_and_recorded(world: World) -> None:
    steward = world.people.steward
    submitted = requests.submit(steward, world.ready)
    for name in ("review", "confirm-review"):
        assert signed_in(steward).post(reverse(name, args=[submitted.pk]), {"decision": "approve"}).status_code == 403
    assert len(refusals("sign_off", steward)) == 2


@pytest.mark.promise("review.4")
def test_the_page_says_when_any_file_of_the_submission_was_changed(world: World) -> None:
    submitted = requests.submit(world.people.steward, world.ready)
    address, client = reverse("review", args=[submitted.pk]), signed_in(world.people.ig)
    assert client.get(address).context["form"].automatic["unchanged"].answer == "yes"
    report = files.folder("capsules") / str(submitted.capsule) / "report.html"
    report.write_bytes(report.read_bytes() + b" ")
    answer = client.get(address)
    assert answer.context["form"].automatic["unchanged"].answer == "no"
    assert "A file is not the one the evidence digest was taken of." in words(answer)


def test_pages_about_a_release_carry_the_disclaimer_and_pages_of_facts_about_real_sources_do_not(world: World) -> None:
    steward = signed_in(world.people.steward)
    assert world.ready.version is not None
    for name, key in (("version", world.ready.version.pk), ("submit", world.ready.pk)):
        assert DISCLAIMER in words(steward.get(reverse(name, args=[key]))), name
    for name, key in (("source", world.source.pk), ("summary", world.summary.pk), ("request", world.ready.pk)):
        assert DISCLAIMER not in words(steward.get(reverse(name, args=[key]))), name


@pytest.mark.promise("permissions.7")
def test_a_reviewer_who_is_also_a_steward_of_the_dataset_does_not_review_it(world: World) -> None:
    submitted = requests.submit(world.people.steward, world.ready)
    world.people.ig.groups.add(Group.objects.get(name="steward"))
    world.source.stewards.add(world.people.ig)
    with pytest.raises(Refused, match="a dataset they are a steward of"):
        build.decide(world.people.ig, submitted)
    build.decide(world.people.other_ig, submitted)
