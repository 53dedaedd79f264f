"""Standing approvals: what they cover, who gives them, what taking one back does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from generators.mechanism import Mechanism, TableRule
from releases import audit, permissions, standing_approvals
from releases.capsule.attestation import Attestation
from releases.models import AuditEvent, Publication, ReleaseRequest, StandingApproval
from releases.permissions import Refused
from releases.services import publishing, requests
from releases.services import standing_approvals as service
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_concurrency import at_once, refused


def granted(world: World, request: ReleaseRequest, **changes: Any) -> StandingApproval:
    """A standing approval of how the submitted request's data were made, given by IG on a complete DPIA."""
    build.wrote_dpia(world.people.sdat, request)
    request.refresh_from_db()
    given: dict[str, Any] = {
        "uses": ["training", "discovery"],
        "days": 30,
        "comment": "Counts of at least ten persons, each column alone.",
        "evidence_digest": request.evidence_digest,
    }
    return service.grant_standing_approval(world.people.ig, request, **(given | changes))


def again(world: World) -> ReleaseRequest:
    """Another request for data made in the same way: a copy of what the first one chose, which is quicker than generating."""
    steward = world.people.steward
    request = build.describe(steward, build.draft(steward, world.source))
    made = world.ready.version
    evaluation = made.evaluation
    made = _copied(made, request=request, run=_copied(made.run))
    _copied(evaluation, version=made, run=_copied(evaluation.run))
    return build.answered(steward, requests.choose_version(steward, request, version=made))


def _copied(row: Any, **changes: Any) -> Any:
    row.pk, row._state.adding = uuid4(), True
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


@contextmanager
def refused_by_database() -> Iterator[None]:
    with pytest.raises(DatabaseError), transaction.atomic():
        yield


@pytest.mark.promise("fast.1")
@pytest.mark.promise("fast.2")
def test_data_made_in_the_approved_way_need_no_signature_and_are_published_as_such(world: World, tmp_path: Path) -> None:
    people = world.people
    first = requests.submit(people.steward, world.ready)
    assert first.state == "submitted"
    approval = granted(world, first)
    steward, other = people.steward, build.describe(people.steward, build.draft(people.steward, world.source))
    made = build.version(steward, other, rows=120, seed=99)
    later = build.answered(steward, requests.choose_version(steward, other, version=made))
    assert standing_approvals.outlook(later, timezone.now()).covered
    later = requests.submit(people.steward, later)
    assert (later.state, later.standing_approval) == ("approved", approval)
    event = AuditEvent.objects.get(action="approve_by_standing")
    assert (event.actor, event.target_id) == (None, str(later.pk))
    assert event.payload["standing_approval"] == str(approval.pk)
    assert event.payload["attempts"] == 1
    assert not later.signoffs.exists()
    publication = publishing.publish_next(build.signer(), tmp_path)
    assert publication is not None
    (signed,) = Attestation.from_predicate(publication.predicate).signoffs
    at = timezone.localtime(approval.granted_at)
    assert signed.capacity == f"IG, by standing approval of {at.day} {at:%B %Y}"
    assert not Publication.objects.exclude(request=later).exists()


@pytest.mark.promise("fast.3")
@pytest.mark.promise("fast.5")
def test_whatever_changed_goes_back_to_the_reviewers_and_is_named(world: World) -> None:
    approval = granted(world, requests.submit(world.people.steward, world.ready))
    asked, now = again(world), timezone.now()
    version = asked.version
    given = Mechanism.from_dict(version.mechanism)
    changes: dict[str, dict[str, Any]] = {
        "the method (other; approved: structural)": {"generator": "other"},
        "the version of the method": {"version": "99"},
        "the columns": {"schema_digest": "0" * 64},
        "the summary": {"summary_digest": "0" * 64},
        "the settings (pairs)": {"parameters": [["pairs", "3"]]},
        "the rules (new: end after start)": {"rules": [TableRule("visits", "end after start", "end >= start").__dict__]},
    }
    for words, change in changes.items():
        version.mechanism = given.as_dict() | change
        (sentence,) = standing_approvals.outlook(asked, now).sentences
        assert sentence.startswith(f"This part changed since: {words}"), sentence
        assert standing_approvals.covering(asked, now) is None
    version.mechanism = given.as_dict()
    for field, value, words in (
        ("purpose", "research", "It allows discovery, training, not research."),
        ("access_level", "safeguarded", "It was given for open access."),
        ("licence", "OGL-UK-3.0", "It was given for the licence CC-BY-4.0."),
    ):
        before = getattr(asked, field)
        setattr(asked, field, value)
        assert standing_approvals.outlook(asked, now).sentences == (words,)
        setattr(asked, field, before)
    outcomes = [{"gate": "new", "metric": "m", "level": "soft", "passed": False, "sentence": "It misses.", "public": "It misses."}]
    version.evaluation.verdict = version.evaluation.verdict | {"outcomes": outcomes}
    assert standing_approvals.outlook(asked, now).sentences == ("A condition that was met then is not met now: It misses.",)
    version.evaluation.verdict = version.evaluation.verdict | {"outcomes": []}
    assert standing_approvals.covering(asked, now) == approval
    assert standing_approvals.covering(asked, approval.expires_at) is None
    ReleaseRequest.objects.filter(pk=approval.request_id).update(state="suspended")  # a release made so is in doubt
    assert standing_approvals.covering(asked, now) is None


@pytest.mark.promise("fast.3")
def test_the_page_of_submission_says_beforehand_what_will_happen(world: World, client: Client) -> None:
    approval = granted(world, requests.submit(world.people.steward, world.ready))
    asked = again(world)
    client.force_login(world.people.steward)
    assert "will be approved at once by" in client.get(reverse("submit", args=[asked.pk])).content.decode()
    requests.describe_request(world.people.steward, asked, purpose="research")
    page = client.get(reverse("submit", args=[asked.pk])).content.decode()
    assert "does not cover it" in page
    assert "not research" in page
    assert requests.submit(world.people.steward, asked).state == "submitted"
    client.force_login(world.people.ig)
    assert "discovery, training" in client.get(reverse("standing-approval", args=[approval.pk])).content.decode()


@pytest.mark.promise("fast.4")
def test_only_ig_gives_one_on_a_complete_dpia_and_never_of_what_they_had_a_part_in(world: World) -> None:
    people = world.people
    request = requests.submit(people.steward, world.ready)
    assert "complete data protection impact assessment" in str(permissions.explain(people.ig, "grant_standing_approval", request))
    approval = granted(world, request)
    assert approval.dpia_digest == request.dpias.get().digest
    assert approval.release_policy == "release-policy-4"
    for actor in (people.sdat, people.steward, people.administrator, people.auditor):
        assert "Only Information Governance" in str(permissions.explain(actor, "grant_standing_approval", request))
    assert "standing approval already" in str(permissions.explain(people.other_ig, "grant_standing_approval", request))
    service.revoke_standing_approval(people.other_ig, approval, reason="To give it anew.")
    request.author = people.other_ig
    assert "Nobody gives a standing approval to what they requested" in str(
        permissions.explain(people.other_ig, "grant_standing_approval", request)
    )
    digest = str(request.evidence_digest)
    good: dict[str, Any] = {"uses": ["training"], "days": 30, "comment": "x", "evidence_digest": digest}
    for changes in ({"uses": []}, {"uses": ["anything"]}, {"days": 366}, {"days": 0}, {"comment": " "}):
        with pytest.raises(InputError):
            service.grant_standing_approval(people.ig, world.ready, **(good | changes))
    with pytest.raises(Refused, match="evidence changed"):
        service.grant_standing_approval(people.ig, world.ready, **(good | {"evidence_digest": "0" * 64}))


@pytest.mark.promise("fast.5")
def test_revoking_sends_back_what_leaned_on_it_and_is_not_published(world: World, tmp_path: Path, client: Client) -> None:
    people = world.people
    approval = granted(world, requests.submit(people.steward, world.ready))
    out = requests.submit(people.steward, again(world))
    publishing.publish_next(build.signer(), tmp_path)
    waiting = requests.submit(people.steward, again(world))
    assert waiting.state == "approved"
    client.force_login(people.other_ig)
    here = reverse("revoke-standing-approval", args=[approval.pk])
    assert waiting.title in client.get(here).content.decode()
    assert client.post(here, {"reason": "The summary told too much."}).status_code == 302
    waiting.refresh_from_db()
    out.refresh_from_db()
    assert (waiting.state, out.state) == ("returned", "published")
    assert AuditEvent.objects.get(action="revoke_standing_approval").payload["returned"] == [str(waiting.pk)]
    assert publishing.publish_next(build.signer(), tmp_path) is None
    with pytest.raises(Refused, match="revoked already"):
        service.revoke_standing_approval(people.ig, approval, reason="again")
    revised = requests.revise(people.steward, waiting)
    assert revised.standing_approval is None
    assert requests.submit(people.steward, revised).state == "submitted"


@pytest.mark.promise("fast.6")
def test_the_database_itself_keeps_standing_approvals_as_they_were_given(world: World) -> None:
    people = world.people
    request = requests.submit(people.steward, world.ready)
    approval = granted(world, request)
    rows = StandingApproval.objects.filter(pk=approval.pk)
    for change in (
        {"expires_at": approval.expires_at + timedelta(days=1)},
        {"mechanism_digest": "0" * 64},
        {"mechanism": {}},
        {"tier": "x"},
    ):
        with refused_by_database():
            rows.update(**change)
    with refused_by_database():
        rows.update(revoked_at=timezone.now())
    with refused_by_database():
        rows.delete()
    fields = {f.attname: getattr(approval, f.attname) for f in StandingApproval._meta.concrete_fields if f.name != "id"}
    for change in ({"granted_by_id": people.steward.pk}, {"author_id": people.nobody.pk}, {"expires_at": approval.granted_at}):
        with refused_by_database():
            StandingApproval.objects.create(**(fields | change))
    with refused_by_database():
        ReleaseRequest.objects.filter(pk=world.ready_marginal.pk).update(
            state="approved", standing_approval=approval, evidence_digest="1" * 64, release_policy="x", capsule="x", manifest_sha256="x"
        )
    service.revoke_standing_approval(people.ig, approval, reason="Enough.")
    with refused_by_database():
        rows.update(revoked_because="Something else.")
    with refused_by_database():
        ReleaseRequest.objects.filter(pk=request.pk).update(state="approved", standing_approval=approval)


@pytest.mark.promise("fast.4")
def test_it_approves_nothing_of_the_person_who_gave_it(world: World) -> None:
    approval = granted(world, requests.submit(world.people.steward, world.ready))
    asked = again(world)
    asked.author = world.people.ig
    assert "given by somebody who asks for this release" in standing_approvals.outlook(asked, timezone.now()).sentences[0]
    assert approval.granted_by == world.people.ig


@pytest.mark.promise("fast.5")
def test_submitting_while_it_is_revoked_leaves_nothing_approved_by_a_revoked_one(committed_world: World) -> None:
    people = committed_world.people
    approval = granted(committed_world, requests.submit(people.steward, committed_world.ready))
    asked = again(committed_world)
    results = at_once(
        lambda: requests.submit(people.steward, asked),
        lambda: service.revoke_standing_approval(people.other_ig, approval, reason="At that very moment."),
    )
    assert not refused(results)
    asked.refresh_from_db()
    assert asked.state in ("submitted", "returned")
    assert audit.verify_chain().intact
