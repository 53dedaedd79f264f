"""A condition that should be met and is not: answered with a code and a sentence before submission, signed, and published."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from evaluation.gates import OVERRIDE_CODES
from generators.errors import InputError
from releases import evidence, files, overrides, permissions
from releases.capsule.manifest import Manifest
from releases.models import AuditEvent, EvaluationRecord, MetricRecord, ReleaseRequest, Run, SyntheticVersion
from releases.permissions import Refused
from releases.services import requests
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_pages_site import signed_in, words

WHY = "Waiting times are not part of the lesson."
ANSWER = {"code": "not-needed-for-purpose", "reason": WHY}


def unanswered(request: ReleaseRequest, *gates: str) -> ReleaseRequest:
    """The request with a chosen version that, by its stored verdict, meets every soft gate but `gates`; nothing is answered."""
    assert request.version is not None
    record = request.version.evaluation
    verdict = dict(record.verdict)
    verdict["outcomes"] = [
        {
            **o,
            "passed": o["level"] != "soft",
            "sentence": f"{o['gate']} in figures: 0.31.",
            "public": f"{o['gate']} are far from the real ones",
        }
        if o["gate"] in gates
        else {**o, "passed": True}
        for o in verdict["outcomes"]
    ]
    EvaluationRecord.objects.filter(pk=record.pk).update(verdict=verdict)
    ReleaseRequest.objects.filter(pk=request.pk).update(gate_answers={})
    return ReleaseRequest.objects.get(pk=request.pk)


def another_version(version: SyntheticVersion, **changes: Any) -> SyntheticVersion:
    """One more attempt that came out alike, as rows."""
    request, record = version.request, getattr(version, "evaluation", None)
    metrics = list(record.metrics.all()) if record else []
    place = request.versions.count() + 1
    runs = []
    for run in (version.run, record.run if record else None):
        if run is not None:
            copied = Run.objects.get(pk=run.pk)
            copied.pk, copied._state.adding = None, True
            copied.pk = Run._meta.pk.get_default()
            copied.save(force_insert=True)
            runs.append(copied)
    made = SyntheticVersion.objects.get(pk=version.pk)
    made.pk, made.number, made.run = SyntheticVersion._meta.pk.get_default(), place, runs[0]
    for name, value in changes.items():
        setattr(made, name, value)
    made.save(force_insert=True)
    if record is not None:
        copy = EvaluationRecord.objects.get(pk=record.pk)
        copy.pk, copy.version, copy.run = EvaluationRecord._meta.pk.get_default(), made, runs[1]
        copy.save(force_insert=True)
        for metric in metrics:
            metric.pk, metric.evaluation = None, copy
        MetricRecord.objects.bulk_create(metrics)
    return SyntheticVersion.objects.get(pk=made.pk)


@pytest.mark.promise("gates.20")
def test_a_soft_gate_that_is_not_met_stops_submission_until_it_is_answered_and_an_advisory_one_does_not(world: World) -> None:
    steward = world.people.steward
    request = unanswered(world.ready_marginal, "columns", "worst_column")
    with pytest.raises(Refused, match="2 conditions that should be met are not met"):
        requests.submit(steward, request)
    request = requests.answer_gates(steward, request, answers={"columns": ANSWER})
    assert (
        permissions.explain(steward, "submit", request)
        == "A condition that should be met is not met: say why it may be released all the same."
    )
    request = requests.answer_gates(steward, request, answers={"columns": ANSWER, "worst_column": ANSWER})
    assert permissions.explain(steward, "submit", request) is None
    event = AuditEvent.objects.filter(action="answer_gates", outcome="done").order_by("-sequence").first()
    assert event is not None
    assert event.payload["codes"] == {"columns": "not-needed-for-purpose", "worst_column": "not-needed-for-purpose"}
    assert WHY not in json.dumps(event.payload)


@pytest.mark.promise("gates.21")
@pytest.mark.parametrize(
    ("gate", "answer", "sentence"),
    [
        ("columns", {"code": "because", "reason": WHY}, "the reason must be one of"),
        ("columns", {"code": "chance", "reason": " \n "}, "say in a sentence"),
        ("columns", {"code": "chance", "reason": "x" * 501}, "at most 500 characters"),
        ("columns", {"code": "chance", "reason": "x\x00y"}, "plain text"),
        ("collisions", ANSWER, "nothing to answer about the gate collisions"),
        ("worst_column", ANSWER, "nothing to answer about the gate worst_column"),
        ("no such gate", ANSWER, "nothing to answer"),
    ],
)
def test_only_an_unmet_soft_gate_is_answered_with_a_known_code_and_a_plain_sentence(
    world: World, gate: str, answer: dict[str, str], sentence: str
) -> None:
    request = unanswered(world.ready_marginal, "columns")
    with pytest.raises(InputError, match=sentence):
        requests.answer_gates(world.people.steward, request, answers={gate: answer})
    assert ReleaseRequest.objects.get(pk=request.pk).gate_answers == {}


@pytest.mark.promise("gates.21")
def test_a_hard_gate_cannot_be_answered_away(world: World) -> None:
    request = unanswered(world.ready_marginal)
    assert request.version is not None
    record = request.version.evaluation
    outcomes = [{**o, "passed": o["gate"] != "collisions"} for o in record.verdict["outcomes"]]
    EvaluationRecord.objects.filter(pk=record.pk).update(passed=False, verdict={**record.verdict, "outcomes": outcomes})
    request = ReleaseRequest.objects.get(pk=request.pk)
    with pytest.raises(InputError, match="nothing to answer"):
        requests.answer_gates(world.people.steward, request, answers={"collisions": ANSWER})
    with pytest.raises(Refused, match="A hard gate failed"):
        requests.submit(world.people.steward, request)


@pytest.mark.promise("gates.22")
def test_answers_are_forgotten_when_another_version_is_chosen_and_kept_when_the_same_one_is(world: World) -> None:
    steward, request = world.people.steward, unanswered(world.ready_marginal, "columns")
    request = requests.answer_gates(steward, request, answers={"columns": ANSWER})
    assert request.version is not None
    first, second = request.version, another_version(request.version)
    assert requests.choose_version(steward, request, version=first).gate_answers == {"columns": ANSWER}
    assert requests.choose_version(steward, request, version=second).gate_answers == {}
    with pytest.raises(Refused, match="say why it may be released"):
        requests.submit(steward, request)


@pytest.mark.promise("gates.23")
def test_the_answer_is_in_the_manifest_the_readme_and_the_public_report_and_another_answer_is_other_evidence(world: World) -> None:
    steward, request = world.people.steward, unanswered(world.ready_marginal, "columns")
    digests = []
    for reason in (WHY, "The lesson does without them."):
        if request.state == ReleaseRequest.State.RETURNED:
            request = requests.revise(steward, request)
        requests.answer_gates(steward, request, answers={"columns": {**ANSWER, "reason": reason}})
        request = requests.submit(steward, request)
        folder = files.folder("capsules") / str(request.capsule)
        (override,) = Manifest.from_bytes((folder / "manifest.json").read_bytes()).description.overrides
        meaning = OVERRIDE_CODES["not-needed-for-purpose"]
        sentence = f"Released although columns are far from the real ones, because {meaning}: {reason}"
        assert (override.gate, override.code, override.sentence) == ("columns", "not-needed-for-purpose", sentence)
        assert "0.31" not in sentence
        for name in ("README.md", "report.json"):
            assert sentence in (folder / name).read_text("utf-8"), name
        assert reason in (folder / "report.html").read_text("utf-8")
        digests.append((request.manifest_sha256, evidence.digest(request, request.manifest_sha256 or "")))
        build.decide(world.people.ig, request, "return")
        request = ReleaseRequest.objects.get(pk=request.pk)
    assert digests[0][0] != digests[1][0]
    assert digests[0][1] != digests[1][1]


@pytest.mark.promise("gates.24")
def test_reviewers_see_gate_code_and_reason_before_they_decide_and_can_return(world: World) -> None:
    steward, request = world.people.steward, unanswered(world.ready_marginal, "columns")
    request = requests.submit(steward, requests.answer_gates(steward, request, answers={"columns": ANSWER}))
    page = words(signed_in(world.people.ig).get(reverse("review", args=[request.pk])))
    meaning = OVERRIDE_CODES["not-needed-for-purpose"]
    order = ["If someone attacked it", "Not met, and why it would be released all the same", WHY, "answered should pass", "0.31"]
    assert sorted(order, key=page.index) == order
    assert f"because {meaning}" in page
    assert "The steward's answer, which is published" in page
    assert build.decide(world.people.ig, request, "return").decision == "return"


@pytest.mark.promise("gates.25")
def test_the_steward_answers_on_a_page_that_says_it_is_public_and_the_task_list_says_what_is_missing(world: World) -> None:
    steward, request = signed_in(world.people.steward), unanswered(world.ready_marginal, "columns")
    address = reverse("gates", args=[request.pk])
    tasks = words(steward.get(reverse("request", args=[request.pk])))
    assert "Answer what is not met" in tasks
    assert "1 condition that should be met is not." in tasks
    page = words(steward.get(address))
    assert "Your answers will be public" in page
    assert "columns in figures: 0.31." in page
    empty = steward.post(address, {"end": "of form"})
    assert empty.status_code == 422
    assert "Say why it may be released although columns are far from the real ones." in words(empty)
    saved = steward.post(address, {"columns-code": ANSWER["code"], "columns-reason": WHY})
    assert saved["Location"] == reverse("request", args=[request.pk])
    assert "1 condition answered; the answers are published." in words(steward.get(saved["Location"]))
    assert WHY in steward.get(address).content.decode()
    assert f"Released although columns are far from the real ones, because {OVERRIDE_CODES[ANSWER['code']]}: {WHY}" in words(
        steward.get(reverse("submit", args=[request.pk]))
    )


@pytest.mark.promise("gates.25")
def test_where_every_soft_gate_is_met_there_is_nothing_to_answer(world: World) -> None:
    steward, request = signed_in(world.people.steward), unanswered(world.ready_marginal)
    assert overrides.unmet(request) == ()
    assert "There is nothing to answer" in words(steward.get(reverse("gates", args=[request.pk])))
    assert "Every condition that should be met is met." in words(steward.get(reverse("request", args=[request.pk])))
    assert permissions.explain(world.people.steward, "submit", request) is None


@pytest.mark.promise("request.33")
def test_what_somebody_would_predict_is_asked_for_checked_and_given_to_the_evaluation(world: World) -> None:
    steward = signed_in(world.people.steward)
    request = build.describe(world.people.steward, build.draft(world.people.steward, world.source))
    address = reverse("targets", args=[request.pk])
    page = words(steward.get(address))
    assert "disposition" in page
    assert "patient_id" not in page
    assert steward.post(address, {"targets": ["patient_id"]}).status_code == 422
    with pytest.raises(InputError, match='"patient_id" is no variable of the dataset that can be predicted'):
        requests.describe_request(world.people.steward, request, targets=["patient_id"])
    assert steward.post(address, {"targets": ["disposition"]}).status_code == 302
    version = build.version(world.people.steward, request, rows=60)
    run = version.runs.get(kind="evaluate")
    assert run.parameters == {"targets": ["disposition"]}
    scopes = version.evaluation.metrics.filter(metric__startswith="target_").values_list("scope_names", flat=True)
    assert any("disposition" in names for names in scopes)
