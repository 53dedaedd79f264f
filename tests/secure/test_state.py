"""The one table of transitions, tried in every state, by everybody, at every tier."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from evaluation.gates import versions
from releases import agreements, permissions, policy, release_policies, state_diagram
from releases.jobs import perform
from releases.models import Account, Agreement, AuditEvent, Dpia, PlainAccount, ReleaseRequest
from releases.permissions import Refused
from releases.policy import TRANSITIONS
from releases.services import agreements as use_cases
from releases.services import assessments, plain_accounts, requests
from tests.secure import world as build
from tests.secure.conftest import World

STATES = [state.value for state in ReleaseRequest.State]
TIERS = [tier.value for tier in ReleaseRequest.Tier]
PEOPLE = ("administrator", "steward", "outsider", "sdat", "ig", "other_ig", "ppi", "auditor", "nobody")
STEWARDS = ("describe_request", "request_generation", "choose_version", "answer_gates", "submit", "cancel_request", "revise")
ROAD = ("propose", "reopen", "agree", "send_back", "write_dpia", "assess", "write_account", "approve_account")
ACTIONS = (*STEWARDS, *ROAD)

# Written down a second time, by hand, so that a slip in the table shows.
STEWARD_MAY = {
    "draft": {
        "describe_request",
        "request_generation",
        "choose_version",
        "answer_gates",
        "submit",
        "cancel_request",
        "propose",
        "write_account",
    },
    "proposed": {"cancel_request", "reopen"},
    "agreed": {"describe_request", "request_generation", "choose_version", "answer_gates", "cancel_request", "reopen", "write_account"},
    "submitted": {"cancel_request"},
    "returned": {"cancel_request", "revise"},
}
SDAT_MAY = {
    "proposed": {"agree", "send_back"},
    "agreed": {"write_dpia"},
    "submitted": {"write_dpia", "assess"},
    "published": {"write_dpia"},
    "suspended": {"write_dpia"},
}
PPI_MAY = {"draft": {"write_account"}, "agreed": {"write_account", "approve_account"}, "submitted": {"approve_account"}}
SIGNS = {"structural": {"ig"}, "publicly-sourced": {"ig"}, "privately-sourced": {"sdat", "ig"}}
ROLE = {"sdat": "sdat", "ig": "ig", "other_ig": "ig", "ppi": "ppi"}


def placed(request: ReleaseRequest, state: str, tier: str, author: Account) -> ReleaseRequest:
    """The ready request, put into a state as the services would leave it."""
    submitted = state not in ("draft", "proposed", "agreed", "cancelled")
    ReleaseRequest.objects.filter(pk=request.pk).update(
        state=state,
        tier=tier,
        author=author,
        submitted_by=author if submitted else None,
        submitted_at=timezone.now() if submitted else None,
        capsule="x" if submitted else None,
        manifest_sha256="0" * 64 if submitted else None,
        evidence_digest="1" * 64 if submitted else None,
        release_policy=policy.in_force() if submitted else None,
        **(AS_AGREED if tier == "privately-sourced" else {}),
    )
    request = ReleaseRequest.objects.get(pk=request.pk)
    _beside(request)
    return request


AS_AGREED = {"access_level": "safeguarded", "licence": "end-user-licence"}


def _beside(request: ReleaseRequest) -> None:
    """What the road leaves beside a request: its agreement, a complete DPIA and an account, by people who are not tried."""
    now, somebody, digest = timezone.now(), Account.objects.get(email="second_administrator@hospital.test"), agreements.digest(request)
    if not request.agreements.filter(digest=digest).exists():
        Agreement.objects.create(
            request=request,
            round=1,
            reviewer=somebody,
            author=request.author,
            decision="agree",
            proposal={},
            digest=digest,
            release_policy="x",
            decided_at=now,
        )
    if not request.dpias.exists():
        written = {"number": 1, "form": "dpia-1", "answers": {}, "automatic": [], "complete": True, "digest": "0" * 64, "written_at": now}
        Dpia.objects.create(request=request, writer=somebody, author=request.author, **written)
        PlainAccount.objects.create(request=request, number=1, text="Words.", writer=somebody, written_at=now)


def expected(person: str, action: str, state: str, tier: str, author: str) -> bool:
    learned = tier == "privately-sourced"
    if action in policy.DECISIONS:
        signs = {"ig"} if learned and action == "approve" else SIGNS[tier]  # SDAT has not assessed it
        return state == "submitted" and ROLE.get(person) in signs and person != author
    if person == "sdat":
        return person != author and action in SDAT_MAY.get(state, set()) and (learned or action != "assess")
    if person == "ppi":
        return action in PPI_MAY.get(state, set())
    if action == "propose" or (action == "request_generation" and state == "agreed"):
        return person == "steward" and action in STEWARD_MAY.get(state, set()) and learned
    if action == "request_generation" and learned:
        return False
    if person != "steward" or action not in STEWARD_MAY.get(state, set()):
        return False
    return action != "submit" or tier == "structural"  # the chosen version is a structural one


@pytest.mark.promise("permissions.1")
@pytest.mark.promise("request.5")
@pytest.mark.parametrize("author", ["steward", "ig", "sdat"])
@pytest.mark.parametrize("tier", TIERS)
def test_every_action_is_possible_exactly_where_the_procedure_says(world: World, tier: str, author: str) -> None:
    people = world.people
    for state in STATES:
        request = placed(world.ready, state, tier, getattr(people, author))
        for person in PEOPLE:
            answers = permissions.allowed(getattr(people, person), request)
            assert set(answers) == {*ACTIONS, *policy.DECISIONS}
            for action, refusal in answers.items():
                possible = expected(person, action, state, tier, author)
                assert (refusal is None) == possible, f"{person} / {action} / {state} / {tier} / author {author}: {refusal}"
                assert refusal is None or (refusal[0].isupper() and refusal.endswith((".", "!"))), refusal


@pytest.mark.promise("permissions.2")
@pytest.mark.parametrize("state", STATES)
def test_a_service_refuses_with_the_very_sentence_the_button_is_disabled_with_and_changes_nothing(world: World, state: str) -> None:
    people, version = world.people, world.ready.version
    for actor in (people.steward, people.outsider, people.auditor):
        request = placed(world.ready, state, "structural", people.steward)
        calls = {
            "describe_request": lambda actor, request: requests.describe_request(actor, request, title="Another title"),
            "request_generation": lambda actor, request: requests.request_generation(
                actor, request, generator="structural", rows=5, seed=9
            ),
            "choose_version": lambda actor, request: requests.choose_version(actor, request, version=version),
            "answer_gates": lambda actor, request: requests.answer_gates(actor, request, answers={}),
            "submit": lambda actor, request: requests.submit(actor, request),
            "cancel_request": lambda actor, request: requests.cancel_request(actor, request, reason="not needed"),
            "revise": lambda actor, request: requests.revise(actor, request),
            "propose": lambda actor, request: use_cases.propose(actor, request),
            "reopen": lambda actor, request: use_cases.reopen(actor, request),
            "agree": lambda actor, request: use_cases.agree(actor, request, digest=""),
            "send_back": lambda actor, request: use_cases.send_back(actor, request, digest="", comment="Change it."),
            "write_dpia": lambda actor, request: assessments.write_dpia(actor, request, answers={}, concluded=False),
            "assess": lambda actor, request: build.assess(actor, request),
            "write_account": lambda actor, request: plain_accounts.write_account(actor, request, text="Words."),
            "approve_account": lambda actor, request: plain_accounts.approve_account(actor, request, account=PlainAccount()),
        }
        for action, sentence in permissions.allowed(actor, request).items():
            if sentence is None or action in policy.DECISIONS:
                continue
            with pytest.raises(Refused) as refused:
                calls[action](actor, request)
            assert refused.value.sentence == sentence
            assert ReleaseRequest.objects.get(pk=request.pk).state == state


@pytest.mark.promise("audit.3")
def test_a_refusal_is_recorded_with_who_what_and_why(world: World) -> None:
    with pytest.raises(Refused):
        requests.submit(world.people.outsider, world.ready)
    event = AuditEvent.objects.order_by("-sequence").first()
    assert event is not None
    assert (event.outcome, event.action, event.actor) == ("refused", "submit", world.people.outsider)
    assert event.target_id == str(world.ready.pk)


@pytest.mark.promise("docs.1")
def test_the_page_of_states_is_the_one_the_table_gives(tmp_path: Path, settings_base: Path) -> None:
    assert (settings_base / "docs" / "states.md").read_text() == state_diagram.page(), "run manage.py state_diagram"


def test_the_command_writes_the_page_of_states(tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "docs").mkdir()
    settings.BASE_DIR = tmp_path
    call_command("state_diagram", stdout=io.StringIO())
    assert (tmp_path / "docs" / "states.md").read_text() == state_diagram.page()


@pytest.fixture
def settings_base() -> Path:
    return Path(settings.BASE_DIR)


def test_every_state_can_be_reached_and_names_its_place_in_the_table() -> None:
    mentioned = {t.source for t in TRANSITIONS} | {t.target for t in TRANSITIONS}
    assert mentioned == set(ReleaseRequest.State)
    reached, before = {ReleaseRequest.State.DRAFT}, set()
    while reached != before:
        before = set(reached)
        reached |= {t.target for t in TRANSITIONS if t.source in reached}
    assert reached == set(ReleaseRequest.State)


def test_every_guard_of_the_table_exists_and_every_guard_is_used() -> None:
    assert {name for t in TRANSITIONS for name in t.guards} == set(policy.GUARDS)


@pytest.mark.django_db
def test_the_release_policy_is_data_with_a_version_and_an_unknown_version_is_refused(db: None) -> None:
    assert policy.release_policy().id == policy.in_force()
    with pytest.raises(KeyError):
        policy.release_policy("release-policy-999")
    assert policy.release_policy().tier("no such tier") is None


@pytest.mark.promise("gates.3")
def test_no_release_policy_names_gates_that_are_a_draft() -> None:
    issued = {str(gates.number) for gates in versions() if gates.status == "issued"}
    for path in sorted(release_policies.FOLDER.glob("release-policy-*.json")):
        assert {tier.gates for tier in policy.release_policy(path.stem).tiers.values()} <= issued


GUARD_CASES = {
    "described": ({"use_case": ""}, "still needs what the data will be used for"),
    "several parts missing": (
        {"use_case": "", "purpose": "", "description": ""},
        "a purpose, what the data will be used for and a description",
    ),
    "version_chosen": ({"version": None}, "No version is chosen"),
    "tier_of_version": ({"tier": "publicly-sourced"}, "the chosen version is structural"),
    "no_agreement_needed": ({"tier": "privately-sourced"}, "agreed by the Synthetic Data Audit Team first"),
    "variables_justified": ({"variables": {"age": "needed"}}, "does not say why it needs"),
    "access_level_allowed": ({"access_level": "safeguarded"}, "does not allow safeguarded access"),
    "licence_allowed": ({"licence": "end-user-licence"}, "That licence does not fit"),
}


@pytest.mark.promise("request.2")
@pytest.mark.parametrize("case", GUARD_CASES)
def test_a_request_that_is_not_complete_cannot_be_submitted_and_hears_what_is_missing(world: World, case: str) -> None:
    changes, sentence = GUARD_CASES[case]
    ReleaseRequest.objects.filter(pk=world.ready.pk).update(**changes)
    with pytest.raises(Refused, match=sentence):
        requests.submit(world.people.steward, world.ready)
    assert world.ready.state == "draft"


@pytest.mark.promise("request.3")
def test_a_failing_hard_gate_stops_the_submission_and_is_named(world: World) -> None:
    evaluation = world.ready.version.evaluation
    outcome = {
        "gate": "collisions",
        "metric": "collisions",
        "level": "hard",
        "passed": False,
        "sentence": "Rows were copied.",
        "public": "",
    }
    type(evaluation).objects.filter(pk=evaluation.pk).update(passed=False, verdict=evaluation.verdict | {"outcomes": [outcome]})
    with pytest.raises(Refused, match="A hard gate failed: Rows were copied"):
        requests.submit(world.people.steward, world.ready)


def test_a_version_judged_by_other_gates_than_the_policy_asks_for_cannot_be_submitted(world: World) -> None:
    evaluation = world.ready.version.evaluation
    type(evaluation).objects.filter(pk=evaluation.pk).update(gates_version="0")
    with pytest.raises(Refused, match="judged by gates 0"):
        requests.submit(world.people.steward, world.ready)


def test_a_version_without_an_evaluation_cannot_be_submitted_or_chosen(world: World) -> None:
    steward, request = world.people.steward, build.draft(world.people.steward, world.source)
    run = requests.request_generation(steward, request, generator="structural", rows=10, seed=3)
    perform(str(run.pk), run.token, beating=False)
    version = request.versions.get()
    with pytest.raises(Refused, match="has not been evaluated"):
        requests.choose_version(steward, request, version=version)
    build.describe(steward, request)
    ReleaseRequest.objects.filter(pk=request.pk).update(version=version)
    with pytest.raises(Refused, match=r"has not been evaluated|still going"):
        requests.submit(steward, request)


@pytest.mark.promise("request.4")
def test_open_access_needs_aggregates_made_under_the_public_policy_by_its_thresholds_not_its_name(world: World) -> None:
    assert permissions.explain(world.people.steward, "submit", world.ready_marginal) is None
    summary = world.summary
    for changed in (
        {"policy_name": "internal", "policy": summary.policy | {"name": "internal", "minimum": 5}},
        {"policy": summary.policy | {"minimum": 5}},
    ):
        type(summary).objects.filter(pk=summary.pk).update(**changed)
        with pytest.raises(Refused, match="Open access needs aggregates made under the “public” disclosure policy"):
            requests.submit(world.people.steward, world.ready_marginal)


def test_before_a_version_is_chosen_every_column_of_the_snapshot_may_be_asked_for_but_the_person_key(world: World) -> None:
    request = build.draft(world.people.steward, world.source)
    columns = policy.columns_of(request)
    assert len(columns) == len(world.source.current_snapshot.working_copy.schema["tables"][0]["columns"]) - 1
    assert "patient_id" not in columns
    unprepared = build.registered_source(world.people.steward, content=build.emergency_csv(200, 3))
    request.source = unprepared
    assert policy.columns_of(request) == ()
    assert policy.refusal(request, "request_generation") == "The dataset has no prepared snapshot yet; confirm its schema first."


def test_while_a_run_of_it_goes_on_a_draft_is_neither_submitted_nor_cancelled(world: World) -> None:
    steward = world.people.steward
    requests.request_generation(steward, world.ready, generator="structural", rows=10, seed=77)
    for call in (lambda: requests.submit(steward, world.ready), lambda: requests.cancel_request(steward, world.ready, reason="x")):
        with pytest.raises(Refused, match="still going"):
            call()
