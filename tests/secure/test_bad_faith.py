"""What is forged, replayed, stale or no longer allowed is refused with a sentence, written down, and leaves nothing half-done."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from releases import audit
from releases.models import Account, AuditEvent, PersonalToken, ReleaseRequest, RoleGrant, SignOff, SourceDataset
from releases.permissions import Refused
from releases.services import accounts, deadlines, publishing, requests, reviews, sources, tokens
from releases.waiting import waiting
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_pages_site import empty_source, signed_in, words
from tests.secure.test_permission_matrix import addresses


def decided(world: World, request: ReleaseRequest, client: Client, **changes: str) -> Any:
    """The review page's form, filled in and sent: the answer leads to the confirmation page."""
    address = reverse("review", args=[request.pk])
    given = {name: "yes" for name in client.get(address).context["form"].items}
    given |= {"decision": "approve", "capacity": "ig", "evidence_digest": request.evidence_digest or "", "reason_code": "", "comment": ""}
    return client.post(address, {**given, **changes})


def refusals(action: str) -> list[str]:
    return [each.payload["refusal"] for each in AuditEvent.objects.filter(action=action, outcome="refused").order_by("sequence")]


@pytest.mark.promise("faith.1")
def test_a_decision_that_is_sent_again_counts_once_and_the_second_is_refused_and_written_down(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready)
    client = signed_in(world.people.ig)
    assert decided(world, request, client)["Location"] == reverse("confirm-review", args=[request.pk])
    confirming = reverse("confirm-review", args=[request.pk])
    assert client.post(confirming).status_code == 302
    before = len(refusals("sign_off"))
    for again in (client.post(confirming), decided(world, request, client)):
        assert again.status_code in (302, 403)
    assert SignOff.objects.filter(request=request).count() == 1
    with pytest.raises(Refused, match="approved"):
        build.decide(world.people.ig, request)
    assert len(refusals("sign_off")) > before


@pytest.mark.promise("faith.2")
def test_a_decision_on_a_page_that_is_stale_is_refused_and_nothing_is_half_done(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready)
    client = signed_in(world.people.ig)
    decided(world, request, client)
    ReleaseRequest.objects.filter(pk=request.pk).update(evidence_digest="f" * 64)
    answer = client.post(reverse("confirm-review", args=[request.pk]), follow=True)
    assert reviews.STALE in words(answer)
    assert not SignOff.objects.filter(request=request).exists()
    assert ReleaseRequest.objects.get(pk=request.pk).state == "submitted"
    assert reviews.STALE in refusals("sign_off")


@pytest.mark.promise("faith.3")
def test_a_role_or_capacity_written_into_a_form_gives_nobody_anything(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready)
    people = world.people
    assert decided(world, request, signed_in(people.ig), capacity="sdat").status_code == 422
    for person in (people.sdat, people.ppi, people.auditor, people.administrator):
        with pytest.raises(Refused, match="Only somebody with the role IG"):
            build.decide(person, request)
    for person in (people.steward, people.nobody, people.ig):
        forged = signed_in(person).post(reverse("account-roles", args=[person.pk]), {"role": "administrator", "act": "propose"})
        assert forged.status_code == 404
    grant = accounts.propose_role(people.administrator, people.nobody, role="ig")
    forged = signed_in(people.administrator).post(
        reverse("account-roles", args=[people.nobody.pk]),
        {"role": "ig", "act": "confirm", "confirmed_by": str(people.second_administrator.pk)},
    )
    assert forged.status_code == 403
    assert RoleGrant.objects.get(pk=grant.pk).confirmed_at is None
    assert not SignOff.objects.filter(request=request).exists()
    assert "Only somebody with the role IG can sign in that capacity." in refusals("sign_off")


@pytest.mark.promise("faith.4")
def test_who_lost_their_role_while_the_page_was_open_does_not_sign(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready)
    client, reviewer = signed_in(world.people.ig), world.people.ig
    decided(world, request, client)
    accounts.remove_role(world.people.administrator, reviewer, role="ig")
    assert client.post(reverse("confirm-review", args=[request.pk])).status_code == 404
    assert "ig" in reviewer.roles or reviewer.pk
    with pytest.raises(Refused, match="Only somebody with the role IG"):
        build.decide(reviewer, request)
    assert not SignOff.objects.filter(request=request).exists()


@pytest.mark.promise("faith.4")
def test_the_database_too_refuses_a_signature_in_a_capacity_not_held_and_one_by_an_administrator(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready)

    def forced(reviewer: Account) -> None:
        with transaction.atomic():
            SignOff.objects.create(
                request=request,
                round=request.round,
                capacity="ig",
                reviewer=reviewer,
                author=request.author,
                decision="approve",
                checklist={},
                evidence_digest=request.evidence_digest,
                release_policy=request.release_policy,
                gates_version="3",
                decided_at=timezone.now(),
            )

    for reviewer in (world.people.nobody, world.people.sdat, world.people.administrator):
        with pytest.raises(DatabaseError, match=r"capacity they do not hold|an administrator approves nothing"):
            forced(reviewer)
    world.people.administrator.groups.add(Group.objects.get(name="ig"))
    with pytest.raises(DatabaseError, match="an administrator approves nothing"):
        forced(world.people.administrator)
    forced(world.people.ig)


@pytest.mark.promise("faith.5")
def test_a_clock_that_was_set_back_is_named_by_the_check_of_the_trail(world: World, monkeypatch: Any) -> None:
    assert audit.verify_chain().remarks == ()
    past = timezone.now() - timedelta(days=3)
    monkeypatch.setattr(timezone, "now", lambda: past)
    empty_source(world.people.steward, "Registered in the past")
    monkeypatch.undo()
    empty_source(world.people.steward, "Registered now")
    found = audit.verify_chain()
    (remark,) = found.remarks
    assert "days before an earlier event: the clock was wrong" in remark
    assert found.intact
    assert remark in words(signed_in(world.people.auditor).post(reverse("verify-audit")))


@pytest.mark.promise("faith.9")
def test_a_clock_that_was_set_back_gives_nothing_another_life_and_the_trail_goes_on(world: World, monkeypatch: Any, tmp_path: Any) -> None:
    people = world.people
    approved = requests.submit(people.steward, world.ready)
    build.decide(people.ig, approved)
    waits = requests.submit(people.steward, world.ready_marginal)
    _, text = tokens.make_token(people.steward, name="nightly job", scopes=("read",), days=1)
    client, before = signed_in(people.ig), audit.head()
    with monkeypatch.context() as patch:
        past = timezone.now() - timedelta(days=3)
        patch.setattr(timezone, "now", lambda: past)
        token = tokens.recognised(text)
        assert token is not None
        assert "clock of this site was set back" in str(tokens.unusable(token))
        assert client.get("/")["Location"].startswith(reverse("sign-in"))
        assert publishing.publish_next(build.signer(), tmp_path / "lake") is None
        assert (deadlines.remind(), deadlines.expire_approvals()) == (None, None)
        stands = waiting(waits)
        assert stands is not None
        assert (stands.place, stands.days, stands.late) == (1, 0, False)
        empty_source(people.steward, "Registered in the past")
    assert tokens.unusable(PersonalToken.objects.get(pk=token.pk)) is None
    publication = publishing.publish_next(build.signer(), tmp_path / "lake")
    assert publication is not None
    found = audit.verify_chain([{"sequence": before.sequence, "digest": before.digest}])
    assert found.intact
    assert list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, found.head.sequence + 1))


@pytest.mark.promise("faith.6")
def test_every_address_about_somebody_else_s_rows_is_answered_like_one_about_nothing(world: World) -> None:
    requests.submit(world.people.steward, world.ready)
    client, nothing, compared = signed_in(world.people.outsider), "00000000-0000-4000-8000-000000000000", 0
    for name, address in addresses(world, world.ready).items():
        key = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", address)
        if key is None or name == "policy":  # release policies are for everybody here to read
            continue
        answers = [client.get(where) for where in (address, address.replace(key[0], nothing))]
        hidden = re.compile(rf"{key[0]}|{nothing}|csrfmiddlewaretoken\" value=\"\w+")
        real, unknown = ((each.status_code, hidden.sub("", each.content.decode())) for each in answers)
        assert real == unknown, name
        assert real[0] in (404, 405), name
        compared += 1
    assert compared > 60


@pytest.mark.promise("faith.6")
def test_another_steward_s_dataset_is_answered_like_one_that_does_not_exist(world: World) -> None:
    client, nothing = signed_in(world.people.outsider), "00000000-0000-4000-8000-000000000000"
    snapshot = world.source.latest_snapshot
    assert snapshot is not None
    for name, key in (
        ("source", world.source_key),
        ("source-data", world.source_key),
        ("ledger", world.source_key),
        ("schema", snapshot.pk),
        ("summary", world.summary.pk),
        ("request", world.ready_key),
        ("review", world.ready_key),
    ):
        real, unknown = (client.get(reverse(name, args=[each])) for each in (key, nothing))
        assert real.status_code == unknown.status_code == 404, name
        hidden = re.compile(rf"{key}|{nothing}|csrfmiddlewaretoken\" value=\"\w+")
        assert hidden.sub("", real.content.decode()) == hidden.sub("", unknown.content.decode()), name
        assert client.post(reverse(name, args=[key])).status_code in (404, 405), name
    with pytest.raises(Refused) as said:
        sources.add_steward(world.people.outsider, world.source, person=world.people.outsider)
    assert world.source.title not in str(said.value)
    assert not SourceDataset.objects.get(pk=world.source_key).stewards.filter(pk=world.people.outsider.pk).exists()


@pytest.mark.promise("faith.7")
def test_the_author_cannot_review_their_own_request_through_a_second_account(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready)
    with pytest.raises(Exception, match="of that person already"):
        accounts.create_account(world.people.administrator, email="Steward+2@hospital.test", full_name="Somebody Else")
    second = Account(email="s.teward@hospital.test", full_name="Somebody Else", is_active=False)
    second.save()
    second.groups.add(Group.objects.get(name="ig"))
    with pytest.raises(Refused, match="Sign in first"):
        build.decide(second, request)
    with pytest.raises(DatabaseError), transaction.atomic():
        Account.objects.filter(pk=second.pk).update(is_active=True)


@pytest.mark.promise("faith.8")
def test_a_step_that_the_state_does_not_allow_is_refused_with_its_reason_and_written_down(world: World) -> None:
    steward, request = world.people.steward, requests.submit(world.people.steward, world.ready)
    client = signed_in(steward)
    for name, action in (("submit", "submit"), ("revise", "revise")):
        answer = client.post(reverse(name, args=[request.pk]))
        assert answer.status_code == 403
        assert refusals(action)[-1] in words(answer)
    assert ReleaseRequest.objects.get(pk=request.pk).state == "submitted"
    assert audit.verify_chain().intact
