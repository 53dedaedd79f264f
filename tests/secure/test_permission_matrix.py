"""Every address of the secure site × every role × every state of a request: the status it must answer with.

An address added without an entry in `EXPECTED` fails. "Signed in and not shown" and "does not exist" are both 404.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from releases import standing_approvals
from releases.learning import Learning
from releases.models import (
    Account,
    Dpia,
    Drill,
    Notification,
    PlainAccount,
    PolicyRecord,
    ReleaseRequest,
    Run,
    StandingApproval,
    TrainedModel,
)
from releases.services import drills, policies, publishing, requests, suspensions
from tests.secure import world as build
from tests.secure.conftest import World

PERSONAS = ("anonymous", "nobody", "administrator", "steward", "outsider", "sdat", "ig", "ppi", "auditor")
REVIEWERS = frozenset({"sdat", "ig", "ppi"})
STATES = tuple(ReleaseRequest.State.values)
NEVER_SUBMITTED = frozenset({"draft", "proposed", "agreed", "cancelled"})
"""States the matrix reaches without a submission: of reviewers, SDAT alone knows of a proposal, SDAT and PPI of what was agreed."""

Rule = Callable[[str, str], int]
"""(persona, state) → status, for somebody who signed in."""


def to(*personas: str, status: int = 200, others: int = 404) -> Rule:
    """These people get `status`, the others `others`."""
    return lambda persona, state: status if persona in personas else others


def everybody(status: int) -> Rule:
    return lambda persona, state: status


def seen(persona: str, state: str) -> bool:
    """Whether somebody may know of the request."""
    agreeing = {"sdat": ("proposed", "agreed"), "ppi": ("agreed",)}.get(persona, ())
    return persona in ("steward", "auditor") or state in agreeing or (persona in REVIEWERS and state not in NEVER_SUBMITTED)


def to_seeing(persona: str, state: str) -> int:
    return 200 if seen(persona, state) else 404


def steward_in(*states: str, status: int = 302, refused: int = 403) -> Rule:
    """The steward's action is done in these states and refused in the others; nobody else sees the page."""
    return lambda persona, state: 404 if persona != "steward" else status if state in states else refused


def beside(*personas: str, status: int = 200, before: int | None = None) -> Rule:
    """Pages beside a request for these people where they know of it; `before`: the status before there is evidence."""

    def rule(persona: str, state: str) -> int:
        if persona not in personas or not seen(persona, state):
            return 404
        return before if before is not None and state in NEVER_SUBMITTED else status

    return rule


def choosing(persona: str, state: str) -> int:
    if not seen(persona, state):
        return 404
    return 302 if persona == "steward" and state in ("draft", "agreed") else 403


def answering(persona: str, state: str) -> int:
    """An empty answer to what is not met lacks its reasons, whatever the state."""
    return 422 if persona == "steward" else 404


def reviewing(open_: int, shown: int) -> Rule:
    """`open_` to who may sign now; `shown` to the others who see the evidence; 403 before there is any."""

    def rule(persona: str, state: str) -> int:
        if not seen(persona, state):
            return 404
        if state in NEVER_SUBMITTED:
            return 403
        return open_ if (persona, state) == ("ig", "submitted") else shown

    return rule


def marking(persona: str, state: str) -> int:
    """Empty marks and answers are sent back to who may give them; whom the policy asks for no signature marks nothing."""
    if not seen(persona, state):
        return 404
    may = {"ig": ("submitted",), "steward": ("submitted", "returned")}.get(persona, ())
    return 422 if state in may else 403


def watching(status: int, **others: int) -> Rule:
    """Who watches over releases sees those that are published or suspended, or were withdrawn."""

    def rule(persona: str, state: str) -> int:
        if persona not in ("sdat", "ig", "auditor") or state not in ("published", "suspended", "withdrawn"):
            return 404
        return others.get(persona, status)

    return rule


def reauditing(persona: str, state: str) -> int:
    """SDAT starts one, but not of what is withdrawn."""
    return watching(403, **({"sdat": 302} if state != "withdrawn" else {}))(persona, state)


NO = everybody(405)
WATCHERS = to("sdat", "ig", "auditor")
POLICY = to("steward", "outsider", "sdat", "ig", "ppi", "auditor")
STEWARD, READERS, OFFICE = to("steward"), to("steward", "auditor"), to("administrator", "auditor")
STEWARD_DONE = to("steward", status=302)
LISTS = to("steward", "outsider", "auditor")


@dataclass(frozen=True)
class Expected:
    """What GET and an empty POST answer to somebody signed in; anonymous: to somebody who is not (a redirect to the sign-in page)."""

    get: Rule
    post: Rule = NO
    anonymous: tuple[int, int] = (302, 302)


EXPECTED: dict[str, Expected] = {
    "home": Expected(everybody(200)),
    "sign-in": Expected(everybody(302), everybody(302), anonymous=(200, 422)),
    "sign-out": Expected(NO, everybody(302), anonymous=(405, 302)),
    "second-step": Expected(everybody(302), everybody(302)),
    "provider": Expected(everybody(404), anonymous=(404, 405)),
    "provider-return": Expected(everybody(404), anonymous=(404, 405)),
    "forgotten": Expected(everybody(200), everybody(422), anonymous=(200, 422)),
    "set-password": Expected(everybody(403), everybody(403), anonymous=(403, 403)),
    "open-link": Expected(everybody(302), anonymous=(302, 405)),
    "tokens": Expected(LISTS),
    "new-token": Expected(LISTS, to("steward", "outsider", "auditor", status=422)),
    "revoke-token": Expected(everybody(404), everybody(404)),
    "your-account": Expected(everybody(200)),
    "password": Expected(everybody(200), everybody(422)),
    "show-again": Expected(everybody(200), everybody(422)),
    "add-app": Expected(everybody(200), everybody(422)),
    "add-key": Expected(everybody(200), everybody(422)),
    "recovery-codes": Expected(everybody(200), everybody(400)),
    "remove-factor": Expected(everybody(404), everybody(404)),
    "end-sign-ins": Expected(NO, everybody(302)),
    "sources": Expected(LISTS),
    "register-source": Expected(to("steward", "outsider"), to("steward", "outsider", status=422)),
    "source": Expected(READERS),
    "source-data": Expected(STEWARD, to("steward", status=400)),
    "source-stewards": Expected(STEWARD, to("steward", status=422)),
    "schema": Expected(READERS, to("steward", "auditor", status=403)),
    "new-summary": Expected(STEWARD, to("steward", status=422)),
    "summary": Expected(to_seeing),
    "download-summary": Expected(to_seeing),
    "ledgers": Expected(to("steward", "outsider", "sdat", "ig", "auditor")),
    "ledger": Expected(to("steward", "sdat", "ig", "auditor")),
    "source-custody": Expected(READERS),
    "version-custody": Expected(READERS),
    "propose-budget": Expected(STEWARD, STEWARD_DONE),
    "set-budget": Expected(NO, to("steward", "sdat", "ig", "auditor", status=403)),
    "requests": Expected(to("steward", "outsider", "sdat", "ig", "ppi", "auditor")),
    "new-request": Expected(STEWARD, to("steward", status=422)),
    "request": Expected(to_seeing),
    "purpose": Expected(STEWARD, to("steward", status=422)),
    "variables": Expected(STEWARD, to("steward", status=422)),
    "targets": Expected(STEWARD, steward_in("draft", "agreed")),
    "gates": Expected(STEWARD, answering),
    "compare": Expected(to_seeing),
    "generate": Expected(STEWARD, to("steward", status=422)),
    "submit": Expected(STEWARD, steward_in("draft")),
    "cancel-request": Expected(STEWARD, to("steward", status=422)),
    "revise": Expected(STEWARD, steward_in("returned")),
    "propose": Expected(STEWARD, steward_in()),
    "agreement": Expected(to_seeing),
    "agree": Expected(beside("sdat"), beside("sdat", status=422)),
    "send-back": Expected(beside("sdat"), beside("sdat", status=422)),
    "reopen": Expected(STEWARD, steward_in("proposed", "agreed")),
    "dpia": Expected(to_seeing),
    "export-dpia": Expected(to_seeing),
    "export-dpia-text": Expected(to_seeing),
    "write-dpia": Expected(beside("sdat"), beside("sdat", status=422)),
    "assess": Expected(beside("sdat", before=403), beside("sdat", status=422, before=403)),
    "account-text": Expected(to_seeing),
    "write-account": Expected(beside("steward", "ppi"), beside("steward", "ppi", status=422)),
    "approve-account": Expected(beside("ppi"), beside("ppi", status=422)),
    "version": Expected(to_seeing),
    "choose-version": Expected(NO, choosing),
    "trained-model": Expected(to_seeing),
    "destroy-model": Expected(STEWARD, STEWARD_DONE),
    "review": Expected(reviewing(200, 200), reviewing(422, 403)),
    "confirm-review": Expected(reviewing(302, 403), reviewing(302, 403)),
    "marks": Expected(beside(*REVIEWERS, "steward", "auditor", before=403), marking),
    "run": Expected(READERS),
    "run-progress": Expected(READERS),
    "cancel-run": Expected(READERS, to("steward", "auditor", status=403)),
    "retry-run": Expected(NO, to("steward", "auditor", status=403)),
    "policies": Expected(POLICY),
    "policy": Expected(POLICY),
    "new-policy": Expected(NO, to("ig", status=403)),
    "change-policy": Expected(to("ig"), to("ig", status=422)),
    "force-policy": Expected(to("ig"), to("ig", status=403)),
    "discard-policy": Expected(to("ig"), to("ig", status=302)),
    "standing-approvals": Expected(POLICY),
    "standing-approval": Expected(to("steward", "sdat", "ig", "ppi", "auditor")),
    "revoke-standing-approval": Expected(to("ig"), to("ig", status=422)),
    "grant-standing-approval": Expected(beside("ig"), beside("ig", status=422)),
    "audit": Expected(to("auditor")),
    "verify-audit": Expected(NO, to("auditor")),
    "export-audit": Expected(to("auditor")),
    "releases": Expected(WATCHERS),
    "release": Expected(watching(200)),
    "reaudit": Expected(NO, reauditing),
    "suspend": Expected(watching(200), watching(422)),
    "resume": Expected(watching(200), watching(422)),
    "withdraw": Expected(watching(200), watching(422)),
    "rereview": Expected(watching(200), watching(422)),
    "register": Expected(everybody(200)),
    "notices": Expected(everybody(200)),
    "read-notices": Expected(NO, everybody(302)),
    "read-notice": Expected(NO, to("steward", status=302)),
    "mail-choice": Expected(everybody(200), everybody(422)),
    "policy-check": Expected(WATCHERS),
    "export-policy-check": Expected(WATCHERS),
    "drills": Expected(to("administrator", "sdat", "ig", "ppi", "auditor")),
    "new-drill": Expected(to("administrator"), to("administrator", status=422)),
    "drill": Expected(OFFICE),
    "end-drill": Expected(NO, lambda persona, state: {"administrator": 302, "auditor": 403}.get(persona, 404)),
    "accounts": Expected(OFFICE),
    "new-account": Expected(to("administrator"), to("administrator", status=422)),
    "account": Expected(OFFICE),
    "account-roles": Expected(NO, to("administrator", status=400)),
    "remove-role": Expected(to("administrator", status=400), to("administrator", status=400)),
    "invite-again": Expected(NO, to("administrator", status=403)),
    "account-reset": Expected(to("administrator"), to("administrator", status=400)),
}


def under_way(world: World) -> Drill:
    """A drill that is not revealed."""
    found = Drill.objects.first()
    return found or drills.start_drill(
        world.people.administrator, origin=world.ready.version, kind="rare cells", amount=3, title="Visits for a course"
    )


def learned(request: ReleaseRequest) -> TrainedModel:
    """What is on record of a model of the request, whatever its files."""
    version = request.versions.get()
    return TrainedModel.objects.get_or_create(
        run=version.run,
        defaults={
            "source": request.source,
            "snapshot": version.snapshot,
            "request": request,
            "generator": "copula",
            "generator_version": "1",
            "tier": "privately-sourced",
            "schema": version.schema,
            "choices": Learning().as_dict(),
            "choices_digest": "0" * 64,
            "digest": "0" * 64,
            "files": [],
            "requested_by": version.made_by,
            "made_at": version.made_at,
        },
    )[0]


def drafted(world: World) -> PolicyRecord:
    """A draft of the release policy, by the other person of IG."""
    return PolicyRecord.objects.first() or policies.draft_policy(world.people.other_ig)


def approved_standing(world: World) -> StandingApproval:
    """A standing approval of how the structural request's data were made, as the service would leave it."""
    request, now = world.ready, timezone.now()
    mechanism = standing_approvals.approved_form(request.version, ("training",))
    return StandingApproval.objects.get_or_create(
        request=request,
        defaults={
            **{name: getattr(request, name) for name in ("source", "version", "tier", "access_level", "licence", "author")},
            **{"mechanism": mechanism.as_dict(), "mechanism_digest": mechanism.digest, "comment": "x", "release_policy": "x"},
            **{"dpia_digest": "0" * 64, "evidence_digest": "0" * 64, "granted_by": world.people.other_ig},
            **{"granted_at": now, "expires_at": now + timedelta(days=1)},
        },
    )[0]


def told(steward: Account) -> Notification:
    """A notice of the steward's."""
    return Notification.objects.get_or_create(
        account=steward, key="matrix", defaults={"kind": "x", "title": "x", "sentence": "x", "link": "/", "made_at": timezone.now()}
    )[0]


def written(world: World, request: ReleaseRequest) -> None:
    """A DPIA and a plain-English account beside the request, as the services would leave them."""
    now, steward = timezone.now(), world.people.steward
    answered = {"form": "dpia-1", "answers": {}, "automatic": [], "complete": False, "digest": "0" * 64}
    Dpia.objects.get_or_create(
        request=request, number=1, defaults={**answered, "writer": world.people.sdat, "author": steward, "written_at": now}
    )
    PlainAccount.objects.get_or_create(request=request, number=1, defaults={"text": "Words.", "writer": steward, "written_at": now})


def addresses(world: World, request: ReleaseRequest) -> dict[str, str]:
    """Every named address of the site, about this request and what belongs to it."""
    version = request.versions.get()
    written(world, request)
    snapshot = world.source.latest_snapshot
    assert snapshot is not None
    keys = {
        "sources": world.source_key,
        "summaries": world.summary.pk,
        "snapshots": snapshot.pk,
        "requests": request.pk,
        "versions": version.pk,
        "runs": version.run_id,
        "accounts": world.people.nobody.pk,
        "releases": request.pk,
        "drills": under_way(world).pk,
        "models": learned(request).pk,
        "policies": drafted(world).pk,
        "standing-approvals": approved_standing(world).pk,
        "notices": told(world.people.steward).pk,
        "link": "no-such-link",
        "your-account": world.people.nobody.pk,
    }
    found = {}
    for name, entries in get_resolver().reverse_dict.lists():
        if isinstance(name, str):
            ((path, parameters),) = entries[0][0]
            found[name] = reverse(name, args=[keys[path.partition("/")[0]]] if parameters else [])
    return found


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens within is rolled back."""
    with transaction.atomic():
        point = transaction.savepoint()
        yield
        transaction.savepoint_rollback(point)


def in_state(world: World, state: str, lake: Path) -> ReleaseRequest:
    """The world's publicly-sourced request, brought to `state` by the services where they lead there."""
    request, people = world.ready_marginal, world.people
    if state == "cancelled":
        return requests.cancel_request(people.steward, request, reason="Not needed any more.")
    if state in NEVER_SUBMITTED:
        ReleaseRequest.objects.filter(pk=request.pk).update(state=state)
        return ReleaseRequest.objects.get(pk=request.pk)
    requests.submit(people.steward, request)
    decision = {"submitted": None, "returned": "return", "rejected": "reject"}.get(state, "approve")
    if decision:
        build.decide(people.ig, request, decision)
    if state in ("published", "suspended", "withdrawn"):
        assert publishing.publish_next(build.signer(), lake) is not None
    if state == "suspended":
        suspensions.suspend(people.ig, request, why="A doubt.")
    if state == "withdrawn":
        suspensions.withdraw(people.ig, request, reason="error", said="A column was wrong.", why="The ward column.")
    request = ReleaseRequest.objects.get(pk=request.pk)
    assert request.state == state
    return request


def clients(world: World) -> dict[str, Client]:
    made = {}
    for persona in PERSONAS:
        made[persona] = Client()
        if persona != "anonymous":
            made[persona].force_login(getattr(world.people, persona), backend="django.contrib.auth.backends.ModelBackend")
    return made


@pytest.mark.promise("permissions.20")
def test_every_address_has_an_entry_in_the_matrix() -> None:
    named = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    unnamed = [pattern for part in get_resolver().url_patterns for pattern in getattr(part, "url_patterns", [part]) if not pattern.name]
    assert named == set(EXPECTED)
    assert not unnamed


@pytest.mark.slow
@pytest.mark.promise("permissions.20")
@pytest.mark.parametrize("state", STATES)
def test_every_address_answers_every_role_as_the_matrix_says(world: World, state: str, tmp_path: Path) -> None:
    request = in_state(world, state, tmp_path / "lake")
    where, people = addresses(world, request), clients(world)
    wrong = []
    for name, expected in EXPECTED.items():
        asked = [("GET", expected.get, expected.anonymous[0]), ("POST", expected.post, expected.anonymous[1])]
        if state != "submitted" and not where[name].startswith(("/requests/", "/versions/", "/summaries/", "/releases/")):
            asked = asked[:1]  # not about the request: shown in every state, sent to in one
        for persona, client in people.items():
            for method, rule, unknown in asked:
                wanted = unknown if persona == "anonymous" else rule(persona, state)
                with undone():
                    response = client.generic(method, where[name], content_type="application/x-www-form-urlencoded")
                if response.status_code != wanted:
                    wrong.append(f"{method} {name} as {persona}: {response.status_code}, not {wanted}")
                if name == "sign-out" and persona != "anonymous":
                    client.force_login(getattr(world.people, persona), backend="django.contrib.auth.backends.ModelBackend")
    assert wrong == []


@pytest.mark.promise("permissions.21")
@pytest.mark.parametrize("persona", PERSONAS)
def test_a_key_that_belongs_to_nothing_is_answered_like_one_that_is_not_shown(world: World, persona: str) -> None:
    client = clients(world)[persona]
    nothing = "00000000-0000-4000-8000-000000000000"
    for place in ("sources", "requests", "versions", "runs", "summaries", "accounts"):
        response = client.get(f"/{place}/{nothing}/")
        assert response.status_code == (302 if persona == "anonymous" else 404), place


@pytest.mark.promise("permissions.22")
@pytest.mark.parametrize(
    ("state", "cancel", "retry"), [("queued", 302, 403), ("running", 302, 403), ("failed", 403, 302), ("cancelled", 403, 302)]
)
def test_only_the_steward_stops_or_repeats_a_run_and_only_when_it_can_be(world: World, state: str, cancel: int, retry: int) -> None:
    run = requests.request_generation(world.people.steward, world.ready, generator="structural", rows=10, seed=99)
    changes = {"state": state, "finished_at": None if state in ("queued", "running") else run.queued_at}
    if state == "running":
        changes |= {"claimed_at": run.queued_at, "heartbeat_at": run.queued_at}
    Run.objects.filter(pk=run.pk).update(**changes)
    for persona, client in clients(world).items():
        allowed = {"steward": {"cancel-run": cancel, "retry-run": retry}, "auditor": {"cancel-run": 403, "retry-run": 403}}
        for name in ("cancel-run", "retry-run"):
            wanted = 302 if persona == "anonymous" else allowed.get(persona, {}).get(name, 404)
            with undone():
                assert client.post(reverse(name, args=[run.pk])).status_code == wanted, (persona, name)


@pytest.mark.promise("permissions.23")
def test_nothing_is_changed_without_the_forgery_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people.steward, backend="django.contrib.auth.backends.ModelBackend")
    where = addresses(world, world.ready_marginal)
    where.pop("sign-in")
    changing = [name for name, expected in EXPECTED.items() if expected.post is not NO and name in where]
    for name in changing:
        assert client.post(where[name]).status_code in (403, 404), name
    assert client.post(where["submit"]).status_code == 403
    assert ReleaseRequest.objects.get(pk=world.ready_marginal_key).state == "draft"
