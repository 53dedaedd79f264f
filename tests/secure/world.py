"""A small hospital for tests, built through the real services and jobs: accounts, a dataset, its summary, versions, requests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from generators.schema import DatasetSchema
from generators.simulated import EMERGENCY_SCHEMA, write_emergency_csv
from releases import dpias, jobs, overrides, policy
from releases.agreements import digest as agreement_digest
from releases.capsule.signing import PRIVATE_KEY, Signer, create_key
from releases.models import (
    Account,
    Assessment,
    Dpia,
    ReleaseRequest,
    Run,
    SignOff,
    Snapshot,
    SourceDataset,
    SummaryRecord,
    SyntheticVersion,
)
from releases.services import accounts, agreements, assessments, requests, reviews, sources, summaries

PASSWORD = "correct-horse-battery-staple"
ROWS = 2_600
"""Visits of the simulated dataset: enough persons in train for the public policy."""

VARIABLES = ("arrival_date", "age", "sex", "triage_category", "heart_rate", "disposition")
"""What requests of tests ask for: few columns, so that evaluating is quick."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class People:
    """One account of every role, and a second one where two are needed. `outsider` is a steward of other datasets; `nobody` has no role."""

    administrator: Account
    second_administrator: Account
    steward: Account
    outsider: Account
    sdat: Account
    ig: Account
    other_ig: Account
    ppi: Account
    auditor: Account
    nobody: Account

    @classmethod
    def named(cls) -> People:
        """The people `people()` made, as the database knows them now."""
        return cls(**{name: Account.objects.get(email=f"{name}@hospital.test") for name in cls.__dataclass_fields__})


def account(name: str, administrator: Account, *roles: str, second: Account | None = None) -> Account:
    """An account with roles, given and where needed confirmed by administrators."""
    made = accounts.set_up_account(email=f"{name}@hospital.test", full_name=name.replace("_", " ").title(), password=PASSWORD)
    for role in roles:
        grant = accounts.propose_role(administrator, made, role=role)
        if not grant.effective and second is not None:
            accounts.confirm_role(second, grant)
    return Account.objects.get(pk=made.pk)


def people() -> People:
    """Everybody."""
    first, second = (
        accounts.create_administrator(email=f"{name}@hospital.test", full_name=name.replace("_", " ").title(), password=PASSWORD)
        for name in ("administrator", "second_administrator")
    )
    roles = {"steward": "steward", "outsider": "steward", "sdat": "sdat", "ig": "ig", "other_ig": "ig", "ppi": "ppi", "auditor": "auditor"}
    made = {name: account(name, first, role, second=second) for name, role in roles.items()}
    return People(first, second, nobody=account("nobody", first), **made)


def work() -> int:
    """Do all waiting runs, here and now."""
    return jobs.perform_queued()


def emergency_csv(rows: int = ROWS, seed: int = 1) -> bytes:
    """The simulated dataset as a CSV file's bytes."""
    folder = Path(settings.SYNTHPORTAL_SECURE_FILES).parent / "made-by-tests"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"emergency_visits-{rows}-{seed}.csv"
    if not path.exists():
        write_emergency_csv(path, rows=rows, seed=seed)
    return path.read_bytes()


def upload(steward: Account, source: SourceDataset, content: bytes, name: str = "emergency_visits.csv") -> Snapshot:
    """Upload a file in pieces, as a browser's would arrive."""
    pieces = (content[i : i + 65_536] for i in range(0, len(content), 65_536))
    return sources.receive_upload(steward, source, name=name, chunks=pieces, size=len(content))


def registered_source(steward: Account, *, title: str | None = None, content: bytes | None = None) -> SourceDataset:
    """A dataset whose file was uploaded and profiled, waiting for its schema to be confirmed."""
    source = sources.register_source(
        steward,
        title=title or f"Emergency visits {next(_numbers)}",
        description="Simulated visits to an emergency department.",
        controller="Hospital of the Tests",
        subject="emergency care",
    )
    upload(steward, source, emergency_csv() if content is None else content)
    work()
    return source


def confirmed_schema(snapshot: Snapshot) -> DatasetSchema:
    """What a careful steward would confirm for the simulated dataset."""
    proposed = DatasetSchema.from_dict(snapshot.proposed_schema)
    (table,), (known,) = proposed.tables, EMERGENCY_SCHEMA.tables
    return DatasetSchema((replace(known, name=table.name),)) if set(table.names) == set(known.names) else proposed


def prepared_source(steward: Account, **options: Any) -> SourceDataset:
    """A dataset with a working copy and a split."""
    source = registered_source(steward, **options)
    snapshot = source.latest_snapshot
    assert snapshot is not None
    sources.confirm_schema(steward, snapshot, schema=confirmed_schema(snapshot))
    work()
    return source


def summary(steward: Account, source: SourceDataset, policy_name: str = "public") -> SummaryRecord:
    """A metadata summary of the current snapshot."""
    run = summaries.request_summary(steward, source, policy=policy_name)
    work()
    return SummaryRecord.objects.get(run=run)


def draft(steward: Account, source: SourceDataset, title: str | None = None) -> ReleaseRequest:
    """A new request, not yet described."""
    return requests.create_request(steward, source, title=title or f"Visits for teaching {next(_numbers)}")


def version(
    steward: Account,
    request: ReleaseRequest,
    generator: str = "structural",
    *,
    of: SummaryRecord | None = None,
    rows: int = 300,
    seed: int = 1,
) -> SyntheticVersion:
    """A generated and evaluated version."""
    run = requests.request_generation(steward, request, generator=generator, rows=rows, seed=seed, summary=of)
    work()
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED, run.reason
    return SyntheticVersion.objects.get(run=run)


def describe(steward: Account, request: ReleaseRequest, tier: str = "structural", **changes: Any) -> ReleaseRequest:
    """Fill in everything a request needs."""
    request.refresh_from_db()
    fields = {
        "purpose": "training",
        "use_case": "Teaching analysts to write queries before they are given access.",
        "description": "Artificial emergency visits with the columns of the hospital's extract.",
        "variables": dict.fromkeys(VARIABLES, "The exercises use it."),
        "tier": tier,
        "access_level": "open",
        "licence": "CC-BY-4.0",
    }
    return requests.describe_request(steward, request, **(fields | changes))


def ready_request(steward: Account, source: SourceDataset, tier: str = "structural", *, of: SummaryRecord | None = None) -> ReleaseRequest:
    """A described draft with a chosen version: all that is left is to submit."""
    request = describe(steward, draft(steward, source), tier)
    made = version(steward, request, "structural" if tier == "structural" else "marginal", of=of)
    return answered(steward, requests.choose_version(steward, request, version=made))


LEARNED = {"tier": "privately-sourced", "access_level": "safeguarded", "licence": "end-user-licence"}
"""What a request of data learned from records says of itself."""


def agreed(people: People, request: ReleaseRequest) -> ReleaseRequest:
    """A described draft whose use case was proposed and agreed."""
    agreements.agree(people.sdat, agreements.propose(people.steward, request), digest=agreement_digest(request))
    return ReleaseRequest.objects.get(pk=request.pk)


def dpia_answers(request: ReleaseRequest, **changes: Any) -> dict[str, Any]:
    """A whole impact assessment, beginning with what the site fills in."""
    form = dpias.form()
    answers: dict[str, Any] = {q.id: "As the procedure of the hospital says." for q in form.questions if not q.only_if_high}
    answers |= dpias.prefilled(request)
    rated = {"likelihood": "remote", "severity": "some", "measures": "Small numbers are suppressed, attacks are tried.", "residual": "low"}
    return answers | {f"risk-{identity}": dict(rated) for identity, _ in form.risks} | changes


def wrote_dpia(writer: Account, request: ReleaseRequest, **changes: Any) -> Dpia:
    """A complete DPIA of the request."""
    return assessments.write_dpia(writer, request, answers=dpia_answers(request, **changes), concluded=True)


def assess(assessor: Account, request: ReleaseRequest, **changes: str) -> Assessment:
    """Everything acceptable, unless `changes` names another judgement of an aspect."""
    request.refresh_from_db()
    judgements = {a: (changes.get(a, "acceptable"), "The figures beside it say so.") for a in Assessment.ASPECTS}
    return assessments.assess(assessor, request, judgements=judgements, evidence_digest=str(request.evidence_digest))


def answered(steward: Account, request: ReleaseRequest) -> ReleaseRequest:
    """Every soft gate that the chosen version does not meet, answered."""
    answer = {"code": "expected-of-method", "reason": "The exercises do not rest on it."}
    given = {outcome["gate"]: dict(answer) for outcome in overrides.unmet(request)}
    return requests.answer_gates(steward, request, answers=given) if given else request


def submitted_request(
    steward: Account, source: SourceDataset, tier: str = "structural", *, of: SummaryRecord | None = None
) -> ReleaseRequest:
    """A request waiting for review."""
    return requests.submit(steward, ready_request(steward, source, tier, of=of))


def checklist(answer: str = "yes") -> dict[str, str]:
    """Every question answered alike."""
    return {item: answer for item, _ in policy.release_policy().checklist}


def decide(reviewer: Account, request: ReleaseRequest, decision: str = "approve", capacity: str = "ig", **changes: Any) -> SignOff:
    """Sign a request off, by somebody who read the evidence as it is now."""
    request.refresh_from_db()
    given: dict[str, Any] = {
        "capacity": capacity,
        "decision": decision,
        "checklist": checklist(),
        "reasons": dict.fromkeys(checklist(), "Somebody looked into it."),
        "reason_code": "" if decision == "approve" else "description",
        "comment": "" if decision == "approve" else "Say which years the visits are from.",
        "evidence_digest": request.evidence_digest or "",
    }
    return reviews.sign_off(reviewer, request, **(given | changes))


def signer() -> Signer:
    """A publisher's signing key of the tests."""
    folder = Path(settings.SYNTHPORTAL_SECURE_FILES).parent / "publisher"
    if not (folder / PRIVATE_KEY).exists():
        create_key(folder)
    return Signer.load(folder / PRIVATE_KEY)
