"""One decision, by one person, in one capacity, on the evidence they read."""

from __future__ import annotations

import pytest

from generators.errors import InputError
from releases import evidence, files, policy
from releases.models import ReleaseRequest, SignOff
from releases.permissions import Refused
from releases.services import accounts, requests
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.fixture
def submitted(world: World) -> ReleaseRequest:
    return requests.submit(world.people.steward, world.ready)


@pytest.mark.promise("review.1")
def test_an_approval_by_ig_approves_a_structural_request_and_records_policy_gates_and_evidence(
    world: World, submitted: ReleaseRequest
) -> None:
    signoff = build.decide(world.people.ig, submitted)
    assert world.ready.state == "approved"
    assert (signoff.author, signoff.reviewer, signoff.round) == (world.people.steward, world.people.ig, 1)
    assert (signoff.release_policy, signoff.gates_version) == (policy.in_force(), policy.release_policy().tiers["structural"].gates)
    assert signoff.evidence_digest == submitted.evidence_digest
    assert signoff.checklist == build.checklist()


@pytest.mark.promise("review.2")
@pytest.mark.parametrize(("decision", "state"), [("return", "returned"), ("reject", "rejected")])
def test_a_return_or_rejection_needs_a_coded_reason_and_words(world: World, submitted: ReleaseRequest, decision: str, state: str) -> None:
    ig = world.people.ig
    for changes in ({"reason_code": ""}, {"reason_code": "because"}, {"comment": "  "}):
        with pytest.raises(InputError):
            build.decide(ig, submitted, decision, **changes)
    signoff = build.decide(ig, submitted, decision, checklist=build.checklist("no"))
    assert (signoff.reason_code, world.ready.state) == ("description", state)


@pytest.mark.promise("review.3")
def test_the_checklist_must_be_answered_and_an_approval_cannot_say_no(world: World, submitted: ReleaseRequest) -> None:
    ig, answers = world.people.ig, build.checklist()
    for wrong, sentence in (
        ({}, "answer the whole checklist"),
        (answers | {"purpose": "perhaps"}, "answer the whole checklist"),
        (answers | {"invented": "yes"}, "not on it"),
        (answers | {"minimal": "no"}, "cannot be approved"),
    ):
        with pytest.raises(InputError, match=sentence):
            build.decide(ig, submitted, checklist=wrong)
    with pytest.raises(InputError, match="a decision is one of"):
        build.decide(ig, submitted, "maybe")
    assert not SignOff.objects.filter(request=submitted).exists()


@pytest.mark.promise("review.4")
def test_a_decision_on_evidence_that_is_not_the_one_on_the_page_is_refused(world: World, submitted: ReleaseRequest) -> None:
    with pytest.raises(Refused, match="evidence changed"):
        build.decide(world.people.ig, submitted, evidence_digest="0" * 64)
    manifest = files.folder("capsules") / str(submitted.capsule) / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content + b" ")
    with pytest.raises(Refused, match="evidence changed"):
        build.decide(world.people.ig, submitted)
    manifest.write_bytes(content)
    build.decide(world.people.ig, submitted)


@pytest.mark.promise("review.4")
def test_the_evidence_digest_changes_with_the_manifest_the_requester_and_the_round(world: World, submitted: ReleaseRequest) -> None:
    digests = {str(submitted.evidence_digest), evidence.digest(submitted, "0" * 64)}
    submitted.round = 2
    digests.add(evidence.digest(submitted, str(submitted.manifest_sha256)))
    submitted.round, submitted.author = 1, world.people.outsider
    digests.add(evidence.digest(submitted, str(submitted.manifest_sha256)))
    assert len(digests) == 4


@pytest.mark.promise("review.5")
def test_a_returned_request_is_revised_into_a_new_round_in_which_old_sign_offs_do_not_count(
    world: World, submitted: ReleaseRequest
) -> None:
    steward, ig = world.people.steward, world.people.ig
    old = submitted.evidence_digest
    build.decide(ig, submitted, "return")
    draft = requests.revise(steward, world.ready)
    assert (draft.state, draft.round, draft.evidence_digest) == ("draft", 2, None)
    with pytest.raises(Refused):
        requests.revise(steward, draft)
    requests.describe_request(steward, draft, use_case="Teaching analysts, in 2026 only.")
    again = requests.submit(steward, draft)
    assert again.evidence_digest != old
    assert (again.slug, again.release_version) == (submitted.slug, submitted.release_version)
    assert not policy.signed_capacities(again)
    with pytest.raises(Refused, match="evidence changed"):
        build.decide(ig, again, evidence_digest=old)
    build.decide(ig, again)
    assert world.ready.state == "approved"
    assert SignOff.objects.filter(request=again).count() == 2


@pytest.mark.promise("review.6")
def test_a_role_withdrawn_while_the_page_was_open_no_longer_signs(world: World, submitted: ReleaseRequest) -> None:
    ig = world.people.ig
    assert "ig" in ig.roles  # as a page rendered earlier would still believe
    accounts.remove_role(world.people.administrator, world.people.ig, role="ig")
    with pytest.raises(Refused):
        build.decide(ig, submitted)


@pytest.mark.promise("review.7")
def test_only_capacities_the_tier_asks_for_sign_and_only_by_who_holds_them(world: World, submitted: ReleaseRequest) -> None:
    people = world.people
    for reviewer, capacity, sentence in (
        (people.sdat, "sdat", "asks for no SDAT"),
        (people.sdat, "ig", "Only somebody with the role IG"),
        (people.ppi, "ppi", "asks for no PPI"),
        (people.steward, "ig", "Only somebody with the role IG"),
    ):
        with pytest.raises(Refused, match=sentence):
            build.decide(reviewer, submitted, capacity=capacity)


@pytest.mark.promise("review.7")
def test_a_privately_sourced_request_waits_for_every_capacity_in_any_order_by_different_people(
    world: World, submitted: ReleaseRequest
) -> None:
    people = world.people
    ReleaseRequest.objects.filter(pk=submitted.pk).update(tier="privately-sourced")
    for name in ("sdat", "ig"):
        grant = accounts.propose_role(people.administrator, people.nobody, role=name)
        accounts.confirm_role(people.second_administrator, grant)
    build.wrote_dpia(people.sdat, world.ready)
    for member in (people.sdat, people.nobody):
        build.assess(member, submitted)
    build.decide(people.nobody, submitted, capacity="sdat")
    assert world.ready.state == "submitted"
    with pytest.raises(Refused, match="three people"):
        build.decide(people.nobody, submitted, capacity="ig")
    with pytest.raises(Refused, match="signed this round already"):
        build.decide(people.sdat, submitted, capacity="sdat")
    build.decide(people.ig, submitted)
    assert world.ready.state == "approved"
