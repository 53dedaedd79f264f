"""Who sees what, and who may do what outside the life of a request."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import DatabaseError, transaction
from django.utils import timezone

from releases import permissions, visibility
from releases.models import Account, ReleaseRequest, SignOff, SyntheticVersion, TrainedModel
from releases.permissions import Refused
from releases.services import accounts, requests, sources
from tests.secure import world as build
from tests.secure.conftest import World

PEOPLE = ("administrator", "steward", "outsider", "sdat", "ig", "other_ig", "ppi", "auditor", "nobody")


@pytest.mark.promise("permissions.4")
def test_a_steward_sees_only_the_datasets_they_steward(world: World) -> None:
    people = world.people
    assert list(visibility.visible_sources(people.steward)) == [world.source]
    assert not visibility.visible_sources(people.outsider).exists()
    sources.add_steward(people.steward, world.source, person=people.outsider)
    assert list(visibility.visible_sources(people.outsider)) == [world.source]
    assert set(visibility.visible_requests(people.outsider)) == {world.ready, world.ready_marginal}


@pytest.mark.promise("permissions.4")
def test_a_steward_whose_role_was_withdrawn_sees_nothing(world: World) -> None:
    accounts.remove_role(world.people.administrator, world.people.steward, role="steward")
    assert not visibility.visible_sources(world.people.steward).exists()
    assert permissions.explain(world.people.steward, "create_request", world.source) is not None


@pytest.mark.promise("permissions.5")
def test_reviewers_see_a_request_once_it_is_submitted_with_all_its_attempts_and_the_summary_behind_it(world: World) -> None:
    people = world.people
    for reviewer in (people.ig, people.sdat, people.ppi):
        assert not visibility.visible_requests(reviewer).exists()
        assert not visibility.visible_summaries(reviewer).exists()
        assert not visibility.visible_sources(reviewer).exists()
    requests.submit(people.steward, world.ready_marginal)
    for reviewer in (people.ig, people.sdat, people.ppi):
        assert list(visibility.visible_requests(reviewer)) == [world.ready_marginal]
        assert list(visibility.visible_versions(reviewer)) == [world.ready_marginal.version]
        assert list(visibility.visible_evaluations(reviewer)) == [world.ready_marginal.version.evaluation]
        assert list(visibility.visible_summaries(reviewer)) == [world.summary]
        assert not visibility.visible_runs(reviewer).exists()
        assert not visibility.visible_snapshots(reviewer).exists()


@pytest.mark.promise("permissions.6")
def test_an_auditor_reads_everything_and_may_do_nothing(world: World) -> None:
    auditor = world.people.auditor
    assert visibility.visible_sources(auditor).exists()
    assert visibility.visible_requests(auditor).count() == ReleaseRequest.objects.count()
    assert visibility.visible_versions(auditor).count() == SyntheticVersion.objects.count()
    assert visibility.visible_events(auditor).exists()
    assert visibility.visible_accounts(auditor).exists()
    targets = {
        "confirm_schema": world.source.latest_snapshot,
        "cancel_run": world.source.runs.first(),
        "retry_run": world.source.runs.first(),
        "destroy_model": TrainedModel(source=world.source),
    }
    reads = {"view_audit", "view_accounts", "verify_audit", "export_audit", "download_summary"}
    own = {*permissions.OWN_ACTIONS, "read_notices", "choose_mail", "make_token"}
    about_requests = {
        *permissions._ABOUT_REQUESTS,
        *permissions._RELEASE_ACTIONS,
        *permissions._DELIBERATION,
        "sign_off",
        "grant_standing_approval",
    }
    for action in permissions.ACTIONS:
        if action in reads | own:
            assert permissions.explain(auditor, action, world.summary if action == "download_summary" else None) is None, action
        elif action != "revoke_token":  # one's own, and nobody else's: there is none here
            target = targets.get(action, world.ready if action in about_requests else world.source)
            assert permissions.explain(auditor, action, target) is not None, action


@pytest.mark.promise("permissions.6")
def test_an_auditor_is_shown_every_row_there_is_of_whatever_is_shown_to_anybody(world: World) -> None:
    requests.submit(world.people.steward, world.ready)
    own = {"visible_tokens", "visible_notices", "visible_releases"}  # one's own; releases are some of the requests
    found = {name: show for name, show in vars(visibility).items() if name.startswith("visible_") and name not in own}
    assert len(found) > 10
    for name, show in found.items():
        shown = show(world.people.auditor)
        assert shown.count() == shown.model.objects.count(), name


@pytest.mark.promise("permissions.6")
@pytest.mark.parametrize("role", ["steward", "sdat", "ig", "ppi"])
def test_who_audits_holds_no_role_that_changes_anything(world: World, role: str) -> None:
    people = world.people
    with pytest.raises(Refused, match="changes nothing"):
        accounts.propose_role(people.administrator, people.auditor, role=role)
    with pytest.raises(Refused, match="changes nothing"):
        accounts.propose_role(people.administrator, getattr(people, role), role="auditor")


@pytest.mark.promise("permissions.6")
@pytest.mark.parametrize("who", ["administrator", "nobody"])
def test_administrators_and_people_without_a_role_see_no_data_at_all(world: World, who: str) -> None:
    requests.submit(world.people.steward, world.ready)
    person = getattr(world.people, who)
    for visible in (visibility.visible_sources, visibility.visible_requests, visibility.visible_runs, visibility.visible_versions):
        assert not visible(person).exists()
    assert visibility.visible_accounts(person).exists() == (who == "administrator")
    assert not visibility.visible_events(person).exists()


@pytest.mark.promise("permissions.1")
def test_nobody_signed_out_or_deactivated_may_do_or_see_anything(world: World) -> None:
    Account.objects.filter(pk=world.people.steward.pk).update(is_active=False)
    for actor in (None, AnonymousUser(), world.people.steward):
        assert not visibility.visible_sources(actor).exists()
        assert not visibility.visible_requests(actor).exists()
        for action in permissions.ACTIONS:
            assert permissions.explain(actor, action, world.ready) == "Sign in first."
    assert world.people.steward.roles == frozenset()


MAY = {
    "register_source": {"steward", "outsider"},
    "create_account": {"administrator"},
    "view_accounts": {"administrator", "auditor"},
    "view_audit": {"auditor"},
    "verify_audit": {"auditor"},
}


@pytest.mark.promise("permissions.1")
@pytest.mark.parametrize("action", MAY)
def test_actions_without_a_target_are_for_their_roles_alone(world: World, action: str) -> None:
    allowed = {name for name in PEOPLE if permissions.explain(getattr(world.people, name), action) is None}
    assert allowed == MAY[action]


@pytest.mark.promise("permissions.7")
@pytest.mark.parametrize("who", ["author", "submitter", "maker of the version", "requester of the summary"])
def test_nobody_reviews_what_they_requested_or_generated(world: World, who: str) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    ig = world.people.ig
    rows, changes = {
        "author": (ReleaseRequest.objects.filter(pk=request.pk), {"author": ig}),
        "submitter": (ReleaseRequest.objects.filter(pk=request.pk), {"submitted_by": ig}),
        "maker of the version": (SyntheticVersion.objects.filter(pk=request.version_id), {"made_by": ig}),
        "requester of the summary": (type(world.summary).objects.filter(pk=world.summary.pk), {"requested_by": ig}),
    }[who]
    rows.update(**changes)
    with pytest.raises(Refused, match="Nobody reviews what they requested or generated"):
        build.decide(ig, request)
    build.decide(world.people.other_ig, request)


def signoff(request: ReleaseRequest, reviewer: Account, **changes: object) -> SignOff:
    given = {
        "request": request,
        "round": request.round,
        "capacity": "ig",
        "reviewer": reviewer,
        "author": request.author,
        "decision": "approve",
        "checklist": {},
        "evidence_digest": request.evidence_digest,
        "release_policy": "x",
        "gates_version": "1",
        "decided_at": timezone.now(),
    }
    return SignOff.objects.create(**(given | changes))


@pytest.mark.promise("permissions.7")
@pytest.mark.parametrize(
    "how", ["as the author", "with another author written down", "as the submitter", "as the maker", "a refusal without a reason"]
)
def test_the_database_itself_refuses_a_sign_off_by_the_wrong_person(world: World, how: str) -> None:
    people, request = world.people, requests.submit(world.people.steward, world.ready)
    if how == "as the submitter":
        ReleaseRequest.objects.filter(pk=request.pk).update(submitted_by=people.ig)
    if how == "as the maker":
        SyntheticVersion.objects.filter(pk=request.version_id).update(made_by=people.ig)
    reviewer, changes = {
        "as the author": (people.steward, {}),
        "with another author written down": (people.steward, {"author": people.outsider}),
        "a refusal without a reason": (people.ig, {"decision": "reject"}),
    }.get(how, (people.ig, {}))
    with pytest.raises(DatabaseError), transaction.atomic():
        signoff(request, reviewer, **changes)
    assert not SignOff.objects.filter(request=request).exists()


@pytest.mark.promise("permissions.7")
def test_the_database_wants_different_people_for_sdat_and_ig_on_a_privately_sourced_request(world: World) -> None:
    people, request = world.people, requests.submit(world.people.steward, world.ready)
    ReleaseRequest.objects.filter(pk=request.pk).update(tier="privately-sourced")
    people.ig.groups.add(Group.objects.get(name="sdat"))
    signoff(request, people.ig, capacity="sdat")
    with pytest.raises(DatabaseError, match="different people"), transaction.atomic():
        signoff(request, people.ig, capacity="ig")
    signoff(request, people.other_ig, capacity="ig")
    with pytest.raises(DatabaseError), transaction.atomic():
        signoff(request, people.other_ig, capacity="ig")


@pytest.mark.promise("permissions.8")
def test_who_is_a_steward_can_be_extended_only_by_a_steward_and_to_a_steward(world: World) -> None:
    people = world.people
    with pytest.raises(Refused, match="does not hold the role of data steward"):
        sources.add_steward(people.steward, world.source, person=people.nobody)
    with pytest.raises(Refused, match="Only a data steward of this dataset"):
        sources.add_steward(people.outsider, world.source, person=people.outsider)
    sources.add_steward(people.steward, world.source, person=people.outsider)
    with pytest.raises(Refused, match="already"):
        sources.add_steward(people.steward, world.source, person=people.outsider)
