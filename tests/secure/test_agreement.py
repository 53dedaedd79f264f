"""The road whose use case is agreed first. Which kinds of data take it is policy data: most tests let structural data take it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

from generators.errors import InputError
from releases import agreements, dpias, evidence, files, guards, plain_account, policy
from releases.capsule import texts
from releases.capsule.manifest import Manifest
from releases.models import Account, Agreement, Assessment, AuditEvent, Dpia, PlainAccountApproval, ReleaseRequest, SignOff
from releases.permissions import Refused, explain
from releases.release_policies import judged_by
from releases.services import accounts, assessments, plain_accounts, requests
from releases.services import agreements as service
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.fixture(autouse=True)
def _strict(db: None) -> Iterator[None]:
    """A release policy under which structural data take the whole road."""
    shipped = policy.release_policy()
    asks = {"needs_dpia": True, "needs_assessment": True, "needs_account": True, "account_needs_ppi": True}
    tier = replace(shipped.tiers["structural"], skips=(), signatures=(("sdat", 1), ("ig", 1)), **asks)
    with judged_by(replace(shipped, tiers={**shipped.tiers, "structural": tier})):
        yield


def agreed(world: World) -> ReleaseRequest:
    """The ready request, its use case agreed."""
    return build.agreed(world.people, world.ready)


def submitted(world: World, *, whole: bool = True) -> ReleaseRequest:
    """The same under review; whole: with an approved account and a complete DPIA."""
    people, request = world.people, agreed(world)
    account = plain_accounts.write_account(people.steward, request, text=plain_account.draft(request))
    if whole:
        plain_accounts.approve_account(people.ppi, request, account=account)
        build.wrote_dpia(people.sdat, request)
    return requests.submit(people.steward, request)


def with_role(world: World, account: Account, *roles: str) -> Account:
    """The account, holding these roles too."""
    for role in roles:
        grant = accounts.propose_role(world.people.administrator, account, role=role)
        if not grant.effective:
            accounts.confirm_role(world.people.second_administrator, grant)
    return Account.objects.get(pk=account.pk)


@pytest.mark.promise("agreement.1")
def test_a_use_case_is_proposed_agreed_and_only_then_generated_for(world: World) -> None:
    people, request = world.people, world.ready
    with pytest.raises(Refused, match="agreed the use case: propose it first"):
        requests.request_generation(people.steward, request, generator="structural", rows=5, seed=2)
    with pytest.raises(Refused, match="agreed by the Synthetic Data Audit Team first"):
        requests.submit(people.steward, request)
    service.propose(people.steward, request)
    with pytest.raises(Refused, match="Only a member of the Synthetic Data Audit Team"):
        service.agree(people.steward, world.ready, digest=agreements.digest(request))
    agreement = service.agree(people.sdat, world.ready, digest=agreements.digest(request), comment="Fine.")
    assert (agreement.author, agreement.reviewer, agreement.round) == (people.steward, people.sdat, 1)
    assert agreement.proposal["variables"] == request.variables
    assert agreement.release_policy == policy.in_force()
    assert world.ready.state == "agreed"
    run = requests.request_generation(people.steward, world.ready, generator="structural", rows=5, seed=2)
    assert run.parameters["columns"] == sorted(request.variables)


@pytest.mark.promise("agreement.1")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"use_case": " ", "purpose": ""}, "still needs a purpose and what the data will be used for"),
        ({"variables": {}}, "Choose the variables"),
        ({"variables": {"age": " "}}, "does not say why it needs “age”"),
        ({"access_level": "safeguarded"}, "does not allow safeguarded access"),
        ({"tier": "publicly-sourced"}, "needs no agreement"),
    ],
)
def test_a_proposal_names_its_purpose_use_and_a_reason_for_each_variable(world: World, changes: dict[str, Any], sentence: str) -> None:
    ReleaseRequest.objects.filter(pk=world.ready.pk).update(**changes)
    with pytest.raises(Refused, match=sentence):
        service.propose(world.people.steward, world.ready)
    assert world.ready.state == "draft"


@pytest.mark.promise("agreement.2")
def test_what_was_agreed_is_frozen_until_it_is_taken_back_and_proposed_anew(world: World) -> None:
    people, request = world.people, agreed(world)
    for changes in (
        {"use_case": "Something else."},
        {"variables": {"age": "needed"}},
        {"purpose": "research"},
        {"targets": ["disposition"]},
    ):
        with pytest.raises(Refused, match="What was agreed cannot be changed"):
            requests.describe_request(people.steward, request, **changes)
    requests.describe_request(people.steward, request, title="Visits for a course", use_case=request.use_case)
    service.reopen(people.steward, world.ready)
    assert world.ready.state == "draft"
    requests.describe_request(people.steward, world.ready, use_case="Something else.")
    assert agreements.standing(world.ready) is None
    service.propose(people.steward, world.ready)
    stale = agreements.digest(request)
    with pytest.raises(Refused, match="use case changed"):
        service.agree(people.sdat, world.ready, digest=stale)
    with pytest.raises(InputError, match="say what must change"):
        service.send_back(people.sdat, world.ready, digest=agreements.digest(world.ready), comment=" ")
    back = service.send_back(people.sdat, world.ready, digest=agreements.digest(world.ready), comment="Name the course.")
    assert (back.decision, world.ready.state) == ("send back", "draft")
    assert agreements.standing(world.ready) is None


@pytest.mark.promise("agreement.2")
def test_a_row_changed_behind_the_site_is_no_longer_what_was_agreed(world: World) -> None:
    request = agreed(world)
    ReleaseRequest.objects.filter(pk=request.pk).update(variables={**request.variables, "nhs_number": "Because."})
    for action in ("request_generation", "submit"):
        assert "agreement no longer fits" in str(explain(world.people.steward, action, world.ready, generator="structural"))


@pytest.mark.promise("agreement.3")
def test_a_returned_request_comes_back_agreed_while_what_was_agreed_is_the_same(world: World) -> None:
    request = submitted(world)
    build.decide(world.people.ig, request, "return")
    revised = requests.revise(world.people.steward, world.ready)
    assert (revised.state, revised.round) == ("agreed", 2)
    again = requests.submit(world.people.steward, revised)
    build.decide(world.people.ig, again, "return")
    ReleaseRequest.objects.filter(pk=again.pk).update(use_case="Another use.")
    assert requests.revise(world.people.steward, world.ready).state == "draft"


@pytest.mark.promise("agreement.4")
def test_nobody_decides_for_sdat_on_what_they_asked_for_made_or_look_after(world: World) -> None:
    people, request = world.people, service.propose(world.people.steward, world.ready)
    both = with_role(world, people.steward, "sdat")
    assert "requested or generated" in str(explain(both, "agree", request))
    other = with_role(world, people.outsider, "sdat")
    request.source.stewards.add(other)
    assert "steward of" in str(explain(other, "agree", request))
    assert explain(people.sdat, "agree", request) is None
    for person in (people.ig, people.ppi, people.auditor, people.administrator):
        assert "Only a member" in str(explain(person, "agree", request))


@pytest.mark.promise("agreement.4")
def test_who_worked_for_sdat_does_not_sign_as_ig_and_the_other_way_round(world: World) -> None:
    people = world.people
    with_role(world, people.sdat, "ig")
    request = submitted(world)
    assert "three people" in str(explain(people.sdat, "sign_off", request, capacity="ig"))
    with_role(world, people.ig, "sdat")
    build.decide(people.ig, request)
    assert "signed this request for Information Governance" in str(explain(people.ig, "assess", world.ready))
    assert "signed this request for Information Governance" in str(explain(people.ig, "write_dpia", world.ready))


@pytest.mark.promise("agreement.5")
def test_sdat_approves_only_after_its_own_assessment_and_a_complete_dpia(world: World) -> None:
    people, request = world.people, submitted(world, whole=False)
    sign = {"capacity": "sdat"}
    with pytest.raises(Refused, match="impact assessment is not complete"):
        build.decide(people.sdat, request, **sign)
    build.wrote_dpia(people.sdat, world.ready)
    with pytest.raises(Refused, match="Assess privacy, quality, utility and bias yourself"):
        build.decide(people.sdat, request, **sign)
    made = build.assess(people.sdat, world.ready, quality="reservations")
    assert made.lines[1] == ("quality", "acceptable with reservations", "The figures beside it say so.")
    with pytest.raises(Refused, match="assessed this evidence already"):
        build.assess(people.sdat, world.ready)
    with pytest.raises(Refused, match="waits for the approval of a patient"):
        build.decide(people.sdat, request, **sign)
    plain_accounts.approve_account(people.ppi, world.ready, account=plain_account.current(world.ready))
    build.decide(people.sdat, request, **sign)
    build.decide(people.ig, request)
    assert world.ready.state == "approved"


@pytest.mark.promise("agreement.5")
def test_what_is_judged_not_acceptable_is_approved_by_nobody(world: World) -> None:
    request = submitted(world)
    build.assess(world.people.sdat, request, bias="not acceptable")
    for reviewer, capacity in ((world.people.sdat, "sdat"), (world.people.ig, "ig")):
        with pytest.raises(Refused, match="Bias was assessed as not acceptable"):
            build.decide(reviewer, request, capacity=capacity)
    build.decide(world.people.sdat, request, "return", capacity="sdat")
    assert world.ready.state == "returned"


@pytest.mark.promise("agreement.5")
def test_a_judgement_needs_its_reason_and_the_evidence_that_was_read(world: World) -> None:
    request = submitted(world)
    whole = {aspect: ("acceptable", "As measured.") for aspect in Assessment.ASPECTS}
    for wrong, sentence in (({"bias": ("acceptable", " ")}, "bias: say why"), ({"bias": ("good", "x")}, "bias: choose one of")):
        with pytest.raises(InputError, match=sentence):
            assessments.assess(world.people.sdat, request, judgements=whole | wrong, evidence_digest=str(request.evidence_digest))
    with pytest.raises(Refused, match="evidence changed"):
        assessments.assess(world.people.sdat, request, judgements=whole, evidence_digest="0" * 64)


@pytest.mark.promise("agreement.6")
def test_a_dpia_is_versioned_prefilled_and_complete_only_when_nothing_is_missing(world: World) -> None:
    sdat, request = world.people.sdat, agreed(world)
    known = dpias.prefilled(request)
    assert request.source.controller in known["nature"]
    assert "age: The exercises use it." in known["minimisation"]
    with pytest.raises(InputError, match="not complete: “What would the people concerned expect"):
        assessments.write_dpia(sdat, request, answers=known, concluded=True)
    first = assessments.write_dpia(sdat, request, answers=known, concluded=False, after=0)
    assert (first.number, first.complete, first.automatic) == (1, False, sorted(known))
    assert not dpias.complete(request)
    risk = {"likelihood": "possible", "severity": "severe", "measures": "None.", "residual": "high"}
    answers = build.dpia_answers(request, nature="Ours.", **{"risk-copied": risk})
    with pytest.raises(InputError, match="Information Commissioner"):
        assessments.write_dpia(sdat, request, answers=answers, concluded=True)
    second = assessments.write_dpia(sdat, request, answers=answers | {"commissioner": "Asked."}, concluded=True, after=1)
    assert (second.number, second.complete) == (2, True)
    assert "nature" not in second.automatic
    assert dpias.complete(request)
    with pytest.raises(Refused, match="another version"):
        assessments.write_dpia(sdat, request, answers=answers, concluded=False, after=1)
    for wrong, sentence in (
        ({"invented": "x"}, "no question invented"),
        ({"risk-copied": {"likelihood": "often"}}, "likelihood must be one of"),
        ({"nature": "x" * 10_001}, "longer than"),
    ):
        with pytest.raises(InputError, match=sentence):
            assessments.write_dpia(sdat, request, answers=wrong, concluded=False)


@pytest.mark.promise("agreement.6")
def test_a_dpia_is_exported_whole_for_programs_and_for_people(world: World) -> None:
    dpia = build.wrote_dpia(world.people.sdat, agreed(world))
    told = dpias.as_json(dpia)
    assert (told["form"], told["version"], told["digest"]) == ("dpia-1", 1, dpia.digest)
    text = dpias.as_markdown(dpia)
    for sentence in [q.question for q in dpias.form().questions] + [risk for _, risk in dpias.form().risks]:
        assert sentence in text
    assert "(filled in by the site)" in text
    assert "Likelihood: Remote." in text


@pytest.mark.promise("agreement.7")
def test_a_new_dpia_changes_the_evidence_and_takes_away_what_was_signed(world: World) -> None:
    people, request = world.people, submitted(world)
    assert request.evidence_digest == evidence.digest(request, str(request.manifest_sha256))
    build.wrote_dpia(people.sdat, world.ready, advice="Follow the advice.")
    changed = world.ready
    assert changed.evidence_digest != request.evidence_digest
    assert changed.round == 1, "nobody had signed"
    with pytest.raises(Refused, match="evidence changed"):
        build.decide(people.ig, changed, evidence_digest=request.evidence_digest)
    build.assess(people.sdat, changed)
    build.decide(people.sdat, changed, capacity="sdat")
    assert policy.signed_capacities(world.ready) == {"sdat"}
    build.wrote_dpia(people.sdat, world.ready, advice="Differently.")
    again = world.ready
    assert (again.round, policy.signed_capacities(again)) == (2, set())
    build.decide(people.ig, again)
    with pytest.raises(Refused, match="Assess privacy"):
        build.decide(people.sdat, again, capacity="sdat")
    build.assess(people.sdat, again)
    build.decide(people.sdat, again, capacity="sdat")
    assert world.ready.state == "approved"
    with pytest.raises(Refused, match="cannot be given another impact assessment now"):
        build.wrote_dpia(people.sdat, world.ready)


@pytest.mark.promise("agreement.8")
def test_an_account_is_drafted_written_and_approved_by_somebody_else_and_travels_with_the_data(world: World) -> None:
    people, request = world.people, agreed(world)
    with pytest.raises(Refused, match="plain-English account for patients is not written"):
        requests.submit(people.steward, request)
    draft = plain_account.draft(request)
    assert request.source.title in draft
    assert plain_account.reading_ease(draft) > 50, plain_account.reading_ease(draft)
    written = plain_accounts.write_account(people.ppi, request, text=draft)
    assert "they wrote" in str(explain(people.ppi, "approve_account", world.ready))
    for nobody in (people.ig, people.outsider, people.auditor):
        with pytest.raises(Refused, match="Only a steward of this dataset or a patient"):
            plain_accounts.write_account(nobody, request, text="x")
    newer = plain_accounts.write_account(people.steward, request, text=f"{draft}\nAsk us.")
    with pytest.raises(Refused, match="was changed"):
        plain_accounts.approve_account(people.ppi, world.ready, account=written)
    plain_accounts.approve_account(people.ppi, world.ready, account=newer)
    sent = requests.submit(people.steward, world.ready)
    folder = files.folder("capsules") / str(sent.capsule)
    assert (folder / "account.md").read_text() == newer.text
    assert Manifest.from_bytes((folder / "manifest.json").read_bytes()).file("account.md").role == "text"
    with pytest.raises(Refused):
        plain_accounts.write_account(people.steward, world.ready, text="Another text.")
    assert next(heading for heading, _ in texts.account_parts(newer.text)) == "What did we make?"


@pytest.mark.promise("agreement.8")
def test_how_easily_a_text_reads_is_told_by_its_sentences_and_syllables() -> None:
    easy = "We made rows. They are not real. No row is about you."
    hard = "Statistical disclosure limitation methodologies necessitate considerable organisational prioritisation of confidentiality."
    assert plain_account.reading_ease(easy) > 90 > 0 > plain_account.reading_ease(hard)
    assert plain_account.reading_ease("") == 0.0
    assert plain_account.ease_in_words(65) == "plain English"
    cat = "The cat sat on the mat."  # 6 words, 1 sentence, 6 syllables
    assert plain_account.reading_ease(cat) == pytest.approx(206.835 - 1.015 * 6 - 84.6)


@pytest.mark.promise("agreement.9")
def test_every_step_is_on_the_audit_trail(world: World) -> None:
    request = submitted(world)
    build.assess(world.people.sdat, request)
    done = set(AuditEvent.objects.filter(outcome="done", target_id=str(request.pk)).values_list("action", flat=True))
    assert {"propose", "agree", "write_account", "approve_account", "write_dpia", "submit", "assess"} <= done


def refused(statement: str, *values: object) -> str:
    """What the database says to a statement."""
    with pytest.raises(Error) as said, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(said.value)


def raw(model: Any, **values: Any) -> str:
    """What the database says to a row that no service would write."""
    with pytest.raises(Error) as said, transaction.atomic():
        model.objects.create(**values)
    return str(said.value)


@pytest.mark.promise("agreement.10")
def test_the_database_keeps_agreements_dpias_assessments_and_accounts_as_they_are(world: World) -> None:
    request = submitted(world)
    build.assess(world.people.sdat, request)
    for table in ("agreement", "dpia", "assessment", "plainaccount", "plainaccountapproval"):
        name = f"releases_{table}"
        for statement in (f"UPDATE {name} SET id = id", f"DELETE FROM {name}"):
            assert "append-only" in refused(statement), statement


@pytest.mark.promise("agreement.10")
def test_the_database_refuses_a_decision_by_its_author_maker_steward_or_ig_signer(world: World) -> None:
    people, request = world.people, submitted(world)
    now = timezone.now()
    judged = {a: "acceptable" for a in Assessment.ASPECTS} | {f"{a}_reason": "x" for a in Assessment.ASPECTS}
    made = {"round": 1, "version": request.version, "evidence_digest": request.evidence_digest, "assessed_at": now, **judged}
    rows: list[tuple[Any, str, dict[str, Any]]] = [
        (
            Agreement,
            "reviewer",
            {"round": 1, "decision": "agree", "proposal": {}, "digest": "0" * 64, "release_policy": "x", "decided_at": now},
        ),
        (
            Dpia,
            "writer",
            {"number": 9, "form": "x", "answers": {}, "automatic": [], "complete": True, "digest": "0" * 64, "written_at": now},
        ),
        (Assessment, "assessor", made),
    ]
    request.source.stewards.add(people.outsider)
    build.decide(people.ig, request)
    for model, person, values in rows:
        common = {"request": request, **values}
        assert "steward of" in raw(model, **common, author=people.steward, **{person: people.outsider})
        raw(model, **common, author=people.steward, **{person: people.steward})
        assert "author" in raw(model, **common, author=people.outsider, **{person: people.sdat})
        assert "three people" in raw(model, **common, author=people.steward, **{person: people.ig})
    raw(Assessment, **{**rows[2][2], "bias_reason": ""}, request=request, author=people.steward, assessor=people.sdat)
    raw(Agreement, **{**rows[0][2], "decision": "send back"}, request=request, author=people.steward, reviewer=people.sdat)
    account = plain_account.current(request)
    assert account is not None
    raw(PlainAccountApproval, account=account, approver=account.writer, writer=account.writer, approved_at=now)
    assert "writer" in raw(PlainAccountApproval, account=account, approver=account.writer, writer=people.ppi, approved_at=now)


@pytest.mark.promise("agreement.10")
def test_the_database_refuses_a_signature_without_assessment_over_a_veto_or_by_who_worked_for_sdat(world: World) -> None:
    people, request = world.people, submitted(world)
    signed = {
        "request": request,
        "round": 1,
        "author": people.steward,
        "decision": "approve",
        "checklist": {},
        "evidence_digest": request.evidence_digest,
        "release_policy": "x",
        "gates_version": "3",
        "decided_at": timezone.now(),
    }
    assert "assessed themselves" in raw(SignOff, **signed, capacity="sdat", reviewer=people.sdat)
    assert "three people" in raw(SignOff, **signed, capacity="ig", reviewer=with_role(world, people.sdat, "ig"))
    build.assess(people.sdat, request, privacy="not acceptable")
    for capacity, reviewer in (("sdat", people.sdat), ("ig", people.ig)):
        assert "not acceptable" in raw(SignOff, **signed, capacity=capacity, reviewer=reviewer)
    with transaction.atomic():
        SignOff.objects.create(
            **{**signed, "decision": "return", "reason_code": "other", "comment": "x"}, capacity="ig", reviewer=people.ig
        )


@pytest.mark.promise("agreement.11")
def test_no_rule_of_the_road_names_a_kind_of_data() -> None:
    """Which kinds take it is data of the release policy."""
    for module in (
        "agreement_guards",
        "agreements",
        "policy",
        "guards",
        "services/agreements",
        "services/assessments",
        "services/plain_accounts",
    ):
        code = (Path(guards.__file__).parent / f"{module}.py").read_text()
        assert not re.search(r"[\"'](privately|publicly)-sourced[\"']", code), module
