"""Marks, comments and answers on the items of a round; who sees them; what the checklist answers itself; why requests came back."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from releases import automatic_answers, permissions, policy, release_policies, returned_before, review_items, rounds
from releases.blindness import Sight
from releases.models import Account, Notification, PolicyRecord, ReleaseRequest, Remark, SignOff
from releases.permissions import Refused
from releases.services import deliberation, requests
from releases.services.deliberation import Marked
from tests.secure import world as build
from tests.secure.conftest import World

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def submitted(world: World) -> ReleaseRequest:
    return requests.submit(world.people.steward, world.ready)


def mark(reviewer: Account, request: ReleaseRequest, mark: str, text: str = "", *, item: str = "description", **rest: object) -> Remark:
    """One mark, by somebody who read the evidence as it is now."""
    request.refresh_from_db()
    capacity = str(rest.pop("capacity", "ig"))
    (made,) = deliberation.mark_items(
        reviewer,
        request,
        capacity=capacity,
        marked={item: Marked(mark, text, bool(rest.pop("shared", False)))},
        evidence_digest=str(request.evidence_digest),
    )
    return made


def seen(person: Account, request: ReleaseRequest) -> list[str]:
    """The words this person sees, oldest first."""
    return [row.text for row in Sight(person, ReleaseRequest.objects.get(pk=request.pk)).remarks()]


def asks(request: ReleaseRequest, tier: str = "structural", **changes: object) -> None:
    """A policy in force that asks this of a kind of data, and the request judged by it."""
    shipped = release_policies.release_policy(release_policies.newest_shipped()).as_dict()
    raw = json.loads(json.dumps(shipped))
    raw["tiers"][tier] |= changes
    number = PolicyRecord.objects.count() + 1
    people = Account.objects
    PolicyRecord.objects.create(
        number=number,
        content={**raw, "id": f"hospital-policy-{number}"},
        based_on=release_policies.newest_shipped(),
        author=people.get(email="ig@hospital.test"),
        made_at=timezone.now(),
        changed_at=timezone.now(),
    )
    by = people.get(email="other_ig@hospital.test")
    PolicyRecord.objects.filter(number=number).update(put_in_force_by=by, in_force_at=timezone.now())
    judged = ReleaseRequest.objects.filter(pk=request.pk, submitted_at__isnull=False)  # a draft is judged by what is in force
    judged.update(release_policy=f"hospital-policy-{number}")


@pytest.mark.promise("marks.1")
def test_the_items_are_the_texts_the_variables_each_table_its_columns_and_the_sections_of_the_report(
    world: World, submitted: ReleaseRequest
) -> None:
    items = {item.id: item for item in review_items.items(submitted)}
    (table,) = submitted.version.schema["tables"]
    assert {"description", "variables", f"table:{table['name']}"} <= set(items)
    groups = [item for identity, item in items.items() if identity.startswith("columns:")]
    assert sorted(", ".join(item.told for item in groups).split(", ")) == sorted(column["name"] for column in table["columns"])
    assert any(identity.startswith("section:") for identity in items)


@pytest.mark.promise("marks.1")
def test_a_reviewer_marks_items_and_the_later_mark_counts_while_the_earlier_stays(world: World, submitted: ReleaseRequest) -> None:
    ig = world.people.ig
    first = mark(ig, submitted, "question", "Which years are these?")
    mark(ig, submitted, "fine")
    assert list(submitted.remarks.values_list("number", "mark")) == [(1, "question"), (2, "fine")]
    with pytest.raises(InputError, match="nothing new"):
        mark(ig, submitted, "fine")
    for wrong, sentence in (("question", "say in words"), ("must change", "say in words"), ("splendid", "mark it as")):
        with pytest.raises(InputError, match=sentence):
            mark(ig, submitted, wrong, item="variables")
    with pytest.raises(InputError, match="no such item"):
        mark(ig, submitted, "fine", item="table:invented")
    with pytest.raises(Refused, match="evidence changed"):
        deliberation.mark_items(ig, submitted, capacity="ig", marked={"variables": Marked("fine")}, evidence_digest="0" * 64)
    for statement in ("UPDATE releases_remark SET mark = 'fine'", "DELETE FROM releases_remark"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    fields = {
        name: getattr(first, name) for name in ("request", "round", "item", "about", "capacity", "author", "text", "shared", "written_at")
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Remark.objects.create(**fields, number=9, mark="fine", writer=submitted.author)


@pytest.mark.promise("marks.2")
def test_who_marked_something_as_must_change_does_not_approve_it_in_the_database_either(world: World, submitted: ReleaseRequest) -> None:
    ig = world.people.ig
    mark(ig, submitted, "must change", "Say that the data are artificial.")
    assert "must change" in str(permissions.explain(ig, "sign_off", submitted))
    assert permissions.explain(ig, "sign_off", submitted, decision="return") is None
    with pytest.raises(Refused, match="You marked"):
        build.decide(ig, submitted)
    row = {
        **{name: getattr(submitted, name) for name in ("round", "author", "evidence_digest", "release_policy")},
        **{"request": submitted, "capacity": "ig", "decision": "approve", "checklist": {}, "gates_version": "3"},
    }
    with pytest.raises(IntegrityError, match="must change"), transaction.atomic():
        SignOff.objects.create(**row, reviewer=ig, decided_at=timezone.now())
    assert permissions.explain(world.people.other_ig, "sign_off", submitted) is None
    mark(ig, submitted, "fine", "It does say so, further down.")
    build.decide(ig, submitted)
    assert world.ready.state == "approved"


@pytest.mark.promise("marks.3")
def test_reviewers_of_one_capacity_are_blind_until_all_who_must_have_decided(world: World, submitted: ReleaseRequest) -> None:
    people = world.people
    asks(submitted, signatures={"ig": 2, "sdat": 1})
    mark(people.ig, submitted, "question", "Asked by the first.")
    mark(people.other_ig, submitted, "fine", "Said by the second.")
    mark(people.sdat, submitted, "fine", "Said by the other capacity.", capacity="sdat")
    assert seen(people.ig, submitted) == ["Asked by the first.", "Said by the other capacity."]
    assert seen(people.other_ig, submitted) == ["Said by the second.", "Said by the other capacity."]
    assert len(seen(people.sdat, submitted)) == len(seen(people.auditor, submitted)) == 3
    build.decide(people.ig, submitted)
    for blind in (people.ig, people.other_ig):  # who has decided waits for the other, too
        assert len(seen(blind, submitted)) == 2
    client = Client()
    client.force_login(people.other_ig, backend=BACKEND)
    for name in ("request", "review", "marks"):
        shown = client.get(reverse(name, args=[submitted.pk])).content.decode()
        assert "Asked by the first." not in shown
        assert "IG: approve" not in shown
    assert "decided to approve" not in client.get(reverse("home")).content.decode()
    build.decide(people.other_ig, submitted)
    assert len(seen(people.ig, submitted)) == len(seen(people.other_ig, submitted)) == 3
    assert world.ready.state == "submitted"


@pytest.mark.promise("marks.3")
def test_where_one_signature_is_asked_for_blindness_ends_with_it(world: World, submitted: ReleaseRequest) -> None:
    people = world.people
    mark(people.ig, submitted, "question", "Which years?")
    assert seen(people.other_ig, submitted) == []
    build.decide(people.ig, submitted, "return")
    assert seen(people.other_ig, submitted) == ["Which years?"]


@pytest.mark.promise("marks.3")
def test_the_policy_can_make_capacities_blind_to_each_other(world: World, submitted: ReleaseRequest) -> None:
    people = world.people
    asks(submitted, signatures={"ig": 1, "sdat": 1}, capacities_blind=True)
    mark(people.sdat, submitted, "fine", "Said by SDAT.", capacity="sdat")
    assert seen(people.ig, submitted) == []
    build.decide(people.sdat, submitted, capacity="sdat")
    assert seen(people.ig, submitted) == []
    assert Sight(people.ig, world.ready).signoffs() == []
    build.decide(people.ig, submitted)
    assert seen(people.ig, submitted) == ["Said by SDAT."]


@pytest.mark.promise("marks.4")
def test_the_author_reads_what_was_shared_a_question_at_once_and_answers_it(world: World, submitted: ReleaseRequest) -> None:
    people = world.people
    question = mark(people.ig, submitted, "question", "Which years?", shared=True)
    mark(people.ig, submitted, "must change", "Name the hospital.", item="variables", shared=True)
    mark(people.ig, submitted, "fine", "Between us: well done.", item="section:safe")
    assert seen(people.steward, submitted) == ["Which years?"]
    assert Notification.objects.filter(account=people.steward, title__startswith="Question").count() == 1
    with pytest.raises(InputError, match="no such question"):
        deliberation.answer_remarks(people.steward, submitted, answers={str(submitted.remarks.last().pk): "Guessed."})
    (answer,) = deliberation.answer_remarks(people.steward, submitted, answers={str(question.pk): "2019 to 2024."})
    assert (answer.answers, answer.mark, answer.shared) == (question, "", True)
    assert seen(people.other_ig, submitted) == []  # the answer would tell who asked what
    assert "2019 to 2024." in seen(people.ig, submitted)
    with pytest.raises(Refused):
        deliberation.answer_remarks(people.outsider, submitted, answers={str(question.pk): "I know."})
    build.decide(people.ig, submitted, "return")
    assert seen(people.steward, submitted) == ["Which years?", "Name the hospital.", "2019 to 2024."]


@pytest.mark.promise("marks.5")
def test_the_site_answers_what_it_can_and_its_no_is_not_turned_without_a_reason(world: World, submitted: ReleaseRequest) -> None:
    answers = automatic_answers.automatic_answers(submitted)
    assert set(automatic_answers.ANSWERED) == set(release_policies.AUTOMATIC)
    assert {item: a.answer for item, a in answers.items() if a.answer != "yes"} == {"threshold": "not applicable"}
    ReleaseRequest.objects.filter(pk=submitted.pk).update(licence="end-user-licence")
    assert automatic_answers.automatic_answers(world.ready)["setting"].answer == "no"
    with pytest.raises(InputError, match="say why"):
        build.decide(world.people.ig, submitted, reasons={})
    client = Client()
    client.force_login(world.people.ig, backend=BACKEND)
    shown = client.get(reverse("review", args=[submitted.pk])).content.decode()
    assert "Filled in by the site: no." in shown
    assert "Why do you answer otherwise than the site?" in shown
    signoff = build.decide(world.people.ig, submitted, reasons={"setting": "The board allowed it on 3 November."})
    assert (signoff.automatic["setting"]["answer"], signoff.automatic["setting"]["reason"]) == ("no", "The board allowed it on 3 November.")
    assert "reason" not in signoff.automatic["people"]


@pytest.mark.promise("marks.5")
def test_the_checklist_is_data_of_the_policy_with_the_five_safes_in_it(world: World) -> None:
    now = policy.release_policy()
    words = " ".join(question for _, question in now.checklist)
    assert all(f"Safe {each}" in words for each in ("people", "project", "setting", "data", "output"))
    raw = now.as_dict()
    assert release_policies.ReleasePolicy.from_dict(raw) == now
    raw["checklist"][0]["automatic"] = "wishful"
    with pytest.raises(InputError, match="no automatic answer wishful"):
        release_policies.ReleasePolicy.from_dict(raw)


@pytest.mark.promise("marks.6")
def test_before_submitting_the_author_reads_why_such_requests_came_back(world: World, submitted: ReleaseRequest) -> None:
    people, now = world.people, timezone.now()
    assert returned_before.commonest("structural", now) == ()
    build.decide(people.ig, submitted, "return", reason_code="necessity")
    again = requests.submit(people.steward, requests.revise(people.steward, world.ready))
    build.decide(people.other_ig, again, "return", reason_code="necessity")
    (common,) = returned_before.commonest("structural", timezone.now())
    assert (common.code, common.requests) == ("necessity", 1)  # one request, however often
    assert returned_before.commonest("publicly-sourced", timezone.now()) == ()
    assert returned_before.commonest("structural", timezone.now() + timedelta(days=366)) == ()
    requests.revise(people.steward, world.ready)
    client = Client()
    client.force_login(people.steward, backend=BACKEND)
    shown = client.get(reverse("submit", args=[submitted.pk])).content.decode()
    assert "More is asked for than the purpose needs: 1 request" in shown
    assert "Ig" not in shown.partition("Why requests of this kind came back")[2].partition("</ul>")[0]


@pytest.mark.promise("marks.7")
def test_a_new_round_shows_what_changed_and_what_had_to(world: World, submitted: ReleaseRequest) -> None:
    people = world.people
    mark(people.ig, submitted, "must change", "Say which years.", item="description")
    mark(people.ig, submitted, "must change", "Say why age is needed.", item="variables")
    assert rounds.differences(submitted) is None
    build.decide(people.ig, submitted, "return")
    draft = requests.revise(people.steward, world.ready)
    requests.describe_request(people.steward, draft, description="Artificial visits of 2019 to 2024.")
    again = requests.submit(people.steward, world.ready)
    changed = {each.what: each.after for each in rounds.differences(again) or ()}
    assert changed["Description"] == "Artificial visits of 2019 to 2024."
    assert not any(what.startswith(("Gate", "Variables", "Rows")) for what in changed)
    client = Client()
    client.force_login(people.ig, backend=BACKEND)
    shown = " ".join(client.get(reverse("review", args=[again.pk])).content.decode().split())
    assert "What changed since round 1" in shown
    had_to = shown.partition("What had to change:")[2].partition("</ul>")[0].split("<li>")[1:]
    assert ["not changed" in line for line in had_to] == [False, True]
    blind = Client()
    blind.force_login(people.steward, backend=BACKEND)
    assert "Say why age is needed." not in blind.get(reverse("review", args=[again.pk])).content.decode()  # it was not shared
    for statement in ("UPDATE releases_submittedround SET round = 7", "DELETE FROM releases_submittedround"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.promise("marks.7")
def test_rounds_are_compared_by_gates_figures_variables_dpia_and_account() -> None:
    old = {
        **{"files": {"data/a.csv": "1", "README.md": "1"}, "texts": {"title": "A"}, "variables": {"age": "x", "sex": "y"}},
        **{"version": 1, "rows": 300, "gates": {"rare_values": False}, "answers": {}, "figures": {"tvd_mean|visits": 0.25}},
        **{"account": None, "dpia": 1},
    }
    new = {
        **old,
        **{"files": {"data/a.csv": "2", "README.md": "2"}, "variables": {"age": "z"}, "version": 2, "rows": 1200, "dpia": 2, "account": 1},
        **{"gates": {"rare_values": True}, "figures": {"tvd_mean|visits": 0.125}},
    }
    told = {each.what: (each.before, each.after) for each in rounds.compared(old, new)}
    assert told["Variables left out: sex"] == ("", "")
    assert told["Why “age” is needed"] == ("x", "z")
    assert told["Rows"] == ("300", "1,200")
    assert told["Gate “rare_values”"] == ("not met", "met")
    assert told["Plain-English account"] == ("none", "version 1")
    assert told["Impact assessment"] == ("version 1", "version 2")
    assert ("0.25", "0.125") in told.values()
    assert told["Files that are not the same: data/a.csv"] == ("", "")
    assert rounds.compared(old, old) == ()


@pytest.mark.promise("marks.8")
def test_the_pages_lead_through_marking_and_answering(world: World, submitted: ReleaseRequest) -> None:
    reviewer, steward, where = Client(), Client(), reverse("marks", args=[submitted.pk])
    reviewer.force_login(world.people.ig, backend=BACKEND)
    steward.force_login(world.people.steward, backend=BACKEND)
    assert "Mark it item by item" in reviewer.get(reverse("review", args=[submitted.pk])).content.decode()
    given = {"capacity": "ig", "evidence_digest": submitted.evidence_digest, "mark-0": "question", "mark-1": "fine", "shared-0": "on"}
    assert reviewer.post(where, given).status_code == 422  # a question without words
    assert reviewer.post(where, given | {"text-0": "Which <b>years</b>?"}).status_code == 302
    assert "Which &lt;b&gt;years&lt;/b&gt;?" in reviewer.get(where).content.decode()
    assert "(1 remark)" in steward.get(reverse("request", args=[submitted.pk])).content.decode()
    question = submitted.remarks.get(mark="question")
    assert steward.post(where, {f"answer-{question.pk}": " "}).status_code == 422
    assert steward.post(where, {f"answer-{question.pk}": "All of them."}).status_code == 302
    assert "All of them." in reviewer.get(where).content.decode()
