"""The release policy: data with versions, written by one person of IG and put in force by another, its effects shown beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generators.digests import digest
from generators.errors import InputError
from releases import permissions, policy, policy_effects, policy_words
from releases.models import AuditEvent, PolicyRecord, ReleaseRequest
from releases.permissions import Refused
from releases.policy_forms import PolicyForm
from releases.release_policies import ReleasePolicy, in_force, newest_shipped, release_policy, shipped
from releases.services import policies as service
from releases.services import requests
from tests.secure import world as build
from tests.secure.conftest import World


def changed(content: dict[str, Any], tier: str, **fields: Any) -> dict[str, Any]:
    """The content with other fields of one tier, and a note."""
    return {**content, "note": "Tried in tests.", "tiers": content["tiers"] | {tier: content["tiers"][tier] | fields}}


def put_in_force(world: World, tier: str = "structural", **fields: Any) -> PolicyRecord:
    """A policy that differs from the one in force, written by one person of IG and put in force by the other."""
    draft = service.draft_policy(world.people.ig)
    draft = service.change_policy(world.people.ig, draft, content=changed(draft.content, tier, **fields))
    return service.put_policy_in_force(world.people.other_ig, draft, read=digest(draft.content))


@pytest.mark.promise("router.1")
def test_every_policy_that_was_ever_shipped_can_be_read_and_the_newest_gives_each_tier_its_road() -> None:
    assert [release_policy(name).id for name in shipped()] == list(shipped())
    roads = release_policy(newest_shipped()).tiers
    assert {name: tier.capacities for name, tier in roads.items()} == {
        "structural": ("ig",),
        "publicly-sourced": ("ig",),
        "privately-sourced": ("sdat", "ig"),
    }
    assert {name for name, tier in roads.items() if tier.needs_agreement} == {"privately-sourced"}
    assert {name for name, tier in roads.items() if tier.standing_approval_days} == {"structural", "publicly-sourced"}
    assert release_policy("release-policy-3").tiers["structural"].standing_approval_days is None
    for name in shipped():
        assert ReleasePolicy.from_dict(release_policy(name).as_dict()) == release_policy(name)


@pytest.mark.promise("router.3")
@pytest.mark.parametrize(
    ("tier", "fields", "sentence"),
    [
        ("structural", {"signatures": {"sdat": 1}}, "structural: Information Governance must sign"),
        ("structural", {"signatures": {"ig": 0}}, "from 1 to 5 people"),
        ("structural", {"signatures": {"ig": 1, "auditor": 1}}, "nobody signs as auditor"),
        ("structural", {"skips": ["proposed"]}, "both skipped, or none"),
        ("structural", {"gates": "99"}, "no issued gates 99"),
        ("structural", {"access_levels": []}, "choose access levels among"),
        ("structural", {"licences": ["mine"]}, "choose licences among"),
        ("structural", {"approval_days": 0}, "approval days must be from 1 to"),
        ("structural", {"needs_dpia": "yes"}, "needs dpia is yes or no"),
        ("structural", {"needs_assessment": True}, "needs SDAT among those who sign"),
        ("structural", {"account_needs_ppi": True}, "must be needed first"),
        ("publicly-sourced", {"open_needs_disclosure_policy": None}, "needs a disclosure policy"),
        ("publicly-sourced", {"open_needs_disclosure_policy": "mine"}, "no disclosure policy of that name"),
        ("publicly-sourced", {"signatures": {"ig": 1, "sdat": 1}, "needs_assessment": True}, "no standing approval where SDAT"),
        ("privately-sourced", {"standing_approval_days": 30}, "no standing approval"),
        ("privately-sourced", {"skips": ["proposed", "agreed"]}, "SDAT agrees the use case"),
        ("privately-sourced", {"access_levels": ["open"]}, "never openly available"),
    ],
)
def test_what_no_policy_may_say_is_refused_with_the_tier_and_the_field(tier: str, fields: dict[str, Any], sentence: str) -> None:
    content = changed(release_policy(newest_shipped()).as_dict(), tier, **fields)
    with pytest.raises(InputError, match=sentence):
        ReleasePolicy.from_dict(content)


@pytest.mark.promise("router.3")
def test_a_policy_takes_two_people_of_ig_and_never_changes_once_in_force(world: World) -> None:
    people = world.people
    with pytest.raises(Refused, match="Only Information Governance"):
        service.draft_policy(people.steward)
    draft = service.draft_policy(people.ig)
    assert in_force() == newest_shipped()
    with pytest.raises(Refused, match="a draft of the release policy already"):
        service.draft_policy(people.other_ig)
    read = digest(draft.content)
    with pytest.raises(InputError, match="does not say what it changes"):
        service.put_policy_in_force(people.other_ig, draft, read=read)
    with pytest.raises(Refused, match="Only who began a draft"):
        service.change_policy(people.other_ig, draft, content=draft.content)
    draft = service.change_policy(people.ig, draft, content=changed(draft.content, "structural", turnaround_days=2))
    with pytest.raises(Refused, match="Nobody puts in force a policy they wrote"):
        service.put_policy_in_force(people.ig, draft, read=digest(draft.content))
    with pytest.raises(Refused, match="changed since you opened"):
        service.put_policy_in_force(people.other_ig, draft, read=read)
    service.put_policy_in_force(people.other_ig, draft, read=digest(draft.content))
    assert (in_force(), release_policy().tiers["structural"].turnaround_days) == ("hospital-policy-1", 2)
    for act in (service.discard_policy, lambda actor, row: service.change_policy(actor, row, content=row.content)):
        with pytest.raises(Refused, match="decided on already"):
            act(people.ig, draft)
    second = service.discard_policy(people.other_ig, service.draft_policy(people.ig))
    assert (second.based_on, in_force()) == ("hospital-policy-1", "hospital-policy-1")
    done = set(AuditEvent.objects.filter(target_kind="policyrecord", outcome="done").values_list("action", flat=True))
    assert done == {"draft_policy", "change_policy", "put_policy_in_force", "discard_policy"}


@pytest.mark.promise("router.3")
def test_the_database_itself_keeps_a_policy_to_two_people_and_as_it_was_read(world: World) -> None:
    people = world.people
    draft = service.draft_policy(people.ig)
    rows, now = PolicyRecord.objects.filter(pk=draft.pk), timezone.now()
    half = ({"in_force_at": now}, {"put_in_force_by": people.other_ig})
    own = ({"in_force_at": now, "put_in_force_by": people.ig}, {"author": people.other_ig}, {"number": 7})
    unread = ({"in_force_at": now, "put_in_force_by": people.other_ig, "content": {}},)
    for change in (*half, *own, *unread):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.delete()
    rows.update(in_force_at=now, put_in_force_by=people.other_ig)
    for change in ({"content": {}}, {"in_force_at": None, "put_in_force_by": None}, {"discarded_at": now}):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyRecord.objects.create(
            number=8, content={}, based_on="x", author=people.ig, made_at=now, changed_at=now, in_force_at=now, put_in_force_by=people.sdat
        )


@pytest.mark.promise("router.2")
@pytest.mark.promise("router.5")
def test_where_a_policy_asks_for_two_signatures_of_ig_two_people_give_them_and_what_was_submitted_before_keeps_its_policy(
    world: World,
) -> None:
    people = world.people
    before = requests.submit(people.steward, world.ready_marginal)
    put_in_force(world, signatures={"ig": 2})
    request = requests.submit(people.steward, world.ready)
    assert (before.release_policy, request.release_policy) == (newest_shipped(), "hospital-policy-1")
    signed = build.decide(people.ig, request)
    request.refresh_from_db()
    assert (signed.release_policy, request.state) == ("hospital-policy-1", "submitted")
    assert "another signature, by somebody else" in str(permissions.explain(people.ig, "sign_off", request))
    build.decide(people.other_ig, request)
    request.refresh_from_db()
    assert (request.state, policy.signed_capacities(request)) == ("approved", {"ig"})
    build.decide(people.other_ig, before)
    before.refresh_from_db()
    assert before.state == "approved"


@pytest.mark.promise("router.4")
def test_the_preview_names_what_would_come_out_differently_and_why(world: World, client: Client) -> None:
    people = world.people
    waiting = requests.submit(people.steward, world.ready)
    draft = service.draft_policy(people.ig)
    assert policy_effects.effects(ReleasePolicy.from_dict(draft.content)) == ()
    content = changed(draft.content, "structural", licences=["CC0-1.0"], signatures={"ig": 2})
    draft = service.change_policy(people.ig, draft, content=changed(content, "publicly-sourced", gates="2"))
    found = {effect.asked.pk: effect for effect in policy_effects.effects(ReleasePolicy.from_dict(draft.content))}
    assert found[waiting.pk].after == (
        "That licence does not fit a structural release; use one of: CC0-1.0.",
        "It would need more signatures: IG (2).",
    )
    assert found[waiting.pk].before == ("It would need more signatures: IG (1).",)
    told = {
        (d.about, d.what): (d.before, d.after) for d in policy_words.differences(release_policy(), ReleasePolicy.from_dict(draft.content))
    }
    assert told["structural", "Who must sign, and how many people"] == ("IG", "IG (2)")
    assert told["publicly-sourced", "Gates"] == ("3", "2")
    client.force_login(people.other_ig)
    page = client.get(reverse("policy", args=[draft.pk])).content.decode()
    assert waiting.title in page
    assert "That licence does not fit" in page
    assert ReleaseRequest.objects.get(pk=waiting.pk).state == "submitted"


@pytest.mark.promise("router.3")
@pytest.mark.promise("router.6")
def test_the_policy_is_edited_and_put_in_force_by_its_pages_alone(world: World, client: Client) -> None:
    people = world.people
    client.force_login(people.ig)
    assert client.post(reverse("new-policy")).status_code == 302
    draft = PolicyRecord.objects.get()
    form = PolicyForm(draft=ReleasePolicy.from_dict(draft.content))
    sent: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if value is not None and value is not False:
            sent[bound.html_name] = "on" if value is True else value
    change = reverse("change-policy", args=[draft.pk])
    refused = client.post(change, sent | {"structural-ig": "0", "structural-sdat": "1"})
    assert refused.status_code == 400
    assert "structural: Information Governance must sign" in refused.content.decode()
    sent |= {"note": "Quicker.", "structural-turnaround_days": "1", "question-added-1": "Would you tell the patients?"}
    assert client.post(change, sent).status_code == 302
    draft.refresh_from_db()
    wanted = ReleasePolicy.from_dict(draft.content)
    assert wanted.tiers["structural"].turnaround_days == 1
    assert wanted.checklist[-1] == ("question-1", "Would you tell the patients?")
    assert wanted.tiers["privately-sourced"] == release_policy().tiers["privately-sourced"]
    force = reverse("force-policy", args=[draft.pk])
    assert "Nobody puts in force a policy they wrote" in client.get(force).content.decode()
    client.force_login(people.other_ig)
    stale = client.post(force, {"read": "0" * 64})
    assert stale.status_code == 403
    assert client.post(force, {"read": digest(draft.content)}).status_code == 302
    assert "In force: <strong>hospital-policy-1</strong>" in client.get(reverse("policies")).content.decode()
    assert "question-1" in build.checklist()
