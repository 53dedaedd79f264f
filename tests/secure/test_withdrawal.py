"""Withdrawal: for good, by somebody who had no part in it, told to the public, with nothing of the release given out afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from releases import audit, permissions, published_heads, retention
from releases.capsule import feed, layout
from releases.capsule.signing import pin
from releases.models import Announcement, AuditEvent, ReleaseRequest, Withdrawal
from releases.permissions import Refused
from releases.services import publishing, reaudits, suspensions
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_concurrency import at_once, refused
from tests.secure.test_permission_matrix import learned
from tests.secure.test_reaudit import kinds, publish, visited
from tests.secure.test_state import PEOPLE, STATES, TIERS, placed

SAID = "A column held more detail than was agreed."
WHY = "The ward was spelt out in the notes column; found by SDAT."


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def published(world: World, lake: Path) -> ReleaseRequest:
    return publish(world, lake)


def withdraw(world: World, request: ReleaseRequest, **changes: str) -> Withdrawal:
    return suspensions.withdraw(world.people.ig, request, **({"reason": "disclosure", "said": SAID, "why": WHY} | changes))


@pytest.mark.promise("withdrawal.1")
@pytest.mark.parametrize("suspended", [False, True])
def test_ig_withdraws_what_is_published_or_suspended_with_a_coded_reason_and_it_is_for_good(
    world: World, published: ReleaseRequest, lake: Path, suspended: bool
) -> None:
    if suspended:
        suspensions.suspend(world.people.ig, published, why="A doubt.")
    assert world.ready.state == ("suspended" if suspended else "published")
    made = withdraw(world, world.ready)
    assert (made.by, made.reason, world.ready.state) == (world.people.ig, "disclosure", "withdrawn")
    event = AuditEvent.objects.get(action="withdraw")
    assert (event.actor, event.payload["reason"]) == (world.people.ig, "disclosure")
    assert WHY not in str(event.payload)
    assert SAID not in str(event.payload)
    for again in (
        lambda: withdraw(world, world.ready),
        lambda: suspensions.suspend(world.people.ig, world.ready, why="x"),
        lambda: suspensions.resume(world.people.other_ig, world.ready, why="x"),
        lambda: reaudits.request_reaudit(world.people.sdat, world.ready),
    ):
        with pytest.raises(Refused, match="withdrawn"):
            again()
    assert reaudits.start_due() is None


@pytest.mark.promise("withdrawal.2")
def test_only_ig_withdraws_and_never_what_they_had_a_part_in(world: World, published: ReleaseRequest) -> None:
    people = world.people
    for person in (people.sdat, people.steward, people.auditor, people.administrator):
        with pytest.raises(Refused, match="Only Information Governance withdraws"):
            suspensions.withdraw(person, published, reason="error", said=SAID, why=WHY)
    ReleaseRequest.objects.filter(pk=published.pk).update(submitted_by=people.ig)
    with pytest.raises(Refused, match="Nobody withdraws what they requested"):
        withdraw(world, published)
    assert permissions.explain(people.other_ig, "withdraw", world.ready) is None


MAY = {
    "suspend": ({"ig", "other_ig"}, {"published"}, True),
    "withdraw": ({"ig", "other_ig"}, {"published", "suspended"}, False),
    "rereview": ({"ig", "other_ig"}, {"published"}, False),
    "reaudit": ({"sdat"}, {"published", "suspended"}, True),
}
"""Action on a release: who, in which states, and whether its author may. Written down a second time, by hand."""


@pytest.mark.promise("withdrawal.2")
@pytest.mark.parametrize("author", ["steward", "ig", "sdat"])
@pytest.mark.parametrize("tier", TIERS)
def test_every_action_on_a_release_is_possible_exactly_where_the_procedure_says(world: World, tier: str, author: str) -> None:
    people = world.people
    for state in STATES:
        request = placed(world.ready, state, tier, getattr(people, author))
        for person in PEOPLE:
            for action, (who, states, own) in MAY.items():
                refusal = permissions.explain(getattr(people, person), action, request)
                possible = person in who and state in states and (own or person != author)
                assert (refusal is None) == possible, f"{person} / {action} / {state} / author {author}: {refusal}"


@pytest.mark.promise("withdrawal.2")
def test_the_database_refuses_a_withdrawal_by_who_made_it_and_any_change_of_one(world: World, published: ReleaseRequest) -> None:
    people = world.people
    row = {"request": published, "author": published.author, "reason": "error", "said": SAID, "why": WHY, "at": timezone.now()}
    for wrong in ({"by": people.steward}, {"by": people.ig, "author": people.ppi}, {"by": people.ig, "said": ""}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Withdrawal.objects.create(**(row | wrong))
    ReleaseRequest.objects.filter(pk=published.pk).update(submitted_by=people.ig)
    with pytest.raises(DatabaseError, match="nobody withdraws what they"), transaction.atomic():
        Withdrawal.objects.create(**row, by=people.ig)
    with pytest.raises(DatabaseError, match="only a release"), transaction.atomic():
        Withdrawal.objects.create(**row | {"request": world.ready_marginal}, by=people.other_ig)
    made = suspensions.withdraw(people.other_ig, published, reason="error", said=SAID, why=WHY)
    for change in (lambda: Withdrawal.objects.update(said="x"), made.delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    with pytest.raises(DatabaseError, match="for good"), transaction.atomic():
        ReleaseRequest.objects.filter(pk=published.pk).update(state="published")


@pytest.mark.promise("withdrawal.3")
def test_every_part_of_the_reasons_is_asked_for(world: World, published: ReleaseRequest) -> None:
    wrong = {"reason": "because", "said": " ", "why": ""}
    for field, value in wrong.items():
        with pytest.raises(InputError):
            withdraw(world, published, **{field: value})
    for said in ("x" * 201, "a\x07b"):
        with pytest.raises(InputError, match="plain text"):
            withdraw(world, published, said=said)
    assert world.ready.state == "published"


@pytest.mark.promise("withdrawal.4")
def test_the_feed_says_when_and_why_and_the_lake_keeps_only_what_proves_what_was_signed(
    world: World, published: ReleaseRequest, lake: Path
) -> None:
    trusted = build.signer().trusted()
    place = lake / "open" / str(published.slug) / "1"
    assert (place / "data").is_dir()
    withdraw(world, published)
    assert kinds(lake) == ["published", "withdrawn"]
    notice = list(feed.read(lake, trusted))[-1]
    assert notice.reason == f"A disclosure risk was found. {SAID}"
    assert "ward" not in "".join(path.read_text() for path in lake.rglob("*.json"))
    assert sorted(path.name for path in place.rglob("*")) == sorted((layout.ATTESTATION, layout.MANIFEST))
    checked = published_heads.check_trail(lake, trusted)
    assert checked.intact
    assert checked.found.compared == 1, "the audit head that it carried is still compared"


@pytest.mark.promise("withdrawal.4")
def test_a_publisher_that_dies_before_the_files_are_gone_finishes_the_next_time_and_says_it_once(
    world: World, published: ReleaseRequest, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(world, published)

    def dies(*args: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "take_back", dies)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            publishing.announce_next(build.signer(), lake)
    assert Announcement.objects.get().announced_at is None
    assert kinds(lake) == ["published", "withdrawn"]
    assert not (lake / "open" / str(published.slug) / "1" / "data").exists()


@pytest.mark.promise("withdrawal.5")
def test_the_public_site_gives_out_nothing_of_it_and_keeps_its_page(
    world: World, published: ReleaseRequest, lake: Path, tmp_path: Path
) -> None:
    pin(build.signer().public_pem(), tmp_path / "public" / "keys")
    assert visited(lake, tmp_path, published) == [200, 200]
    withdraw(world, published)
    kinds(lake)
    assert visited(lake, tmp_path, published) == [410, 410]


@pytest.mark.promise("withdrawal.6")
def test_models_behind_a_withdrawn_release_are_due_to_be_destroyed_at_once(world: World, published: ReleaseRequest) -> None:
    trained = learned(published)
    assert retention.due(trained) == ""
    withdraw(world, published)
    trained.request.refresh_from_db()
    assert retention.due(trained) == "The release was withdrawn."


@pytest.mark.promise("withdrawal.7")
def test_the_page_says_what_will_happen_before_anything_does(world: World, published: ReleaseRequest) -> None:
    client = Client()
    client.force_login(world.people.ig, backend="django.contrib.auth.backends.ModelBackend")
    where = reverse("withdraw", args=[published.pk])
    assert "Withdraw this release" in client.get(where).content.decode()
    form = {"reason": "error", "said": SAID, "why": WHY}
    assert client.post(where, form | {"said": ""}).status_code == 422
    page = client.post(where, form).content.decode()
    for words in ("This cannot be undone", "keeps its address", SAID, "There is an error in the data"):
        assert words in page
    assert world.ready.state == "published"
    assert client.post(where, form | {"confirmed": "yes"}).status_code == 302
    assert world.ready.state == "withdrawn"
    page = client.get(reverse("release", args=[published.pk])).content.decode()
    assert SAID in page
    assert WHY in page
    assert "Withdraw this release for good" not in page
    assert SAID in client.get(reverse("request", args=[published.pk])).content.decode()
    assert client.post(where, form | {"confirmed": "yes"}).status_code == 403
    assert "It has been" not in client.get(reverse("policy-check")).content.decode()


@pytest.mark.promise("withdrawal.1")
def test_two_people_withdrawing_at_the_same_moment_withdraw_once(committed_world: World, lake: Path) -> None:
    request, people = publish(committed_world, lake), committed_world.people
    reasons = {"reason": "error", "said": SAID, "why": WHY}
    results = at_once(
        lambda: suspensions.withdraw(people.ig, request, **reasons),
        lambda: suspensions.withdraw(people.other_ig, request, **reasons),
        lambda: suspensions.suspend(people.other_ig, request, why="A doubt."),
    )
    refused(results)
    assert Withdrawal.objects.count() == 1
    assert kinds(lake)[-1] == "withdrawn"
    assert audit.verify_chain().intact
