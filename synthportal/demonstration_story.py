"""What happens in the demonstration, step by step through the services that clicks call: `python -m synthportal.demonstration_story`.

Runs in a process of the secure site; reads the password of all its accounts and the number of visits, as JSON, from standard input.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import django

from generators.errors import InputError
from generators.schema import DatasetSchema
from generators.simulated import with_units, write_emergency_csv
from synthportal import demonstration_learned

if TYPE_CHECKING:
    from releases.models import Account, ReleaseRequest, SourceDataset

POOLED = "Values of few people are pooled before anything leaves the hospital, so these columns cannot be as near to the real ones."
"""What the demonstration's steward answers to a soft gate that is not met."""

WHY = {
    "arrival_date": "seasons and weekdays drive demand",
    "arrival_time": "demand by hour of the day",
    "discharge_datetime": "time spent in the department is derived from it",
    "los_minutes": "the four-hour standard is measured on it",
    "age": "need and length of stay differ by age",
    "sex": "to report by sex",
    "ethnicity": "to report equality of waiting times",
    "postcode_district": "catchment and travel",
    "imd_decile": "to report by deprivation",
    "arrival_mode": "ambulance arrivals are handled apart",
    "triage_category": "urgency on arrival",
    "diagnosis_code": "case mix",
    "heart_rate": "early warning score",
    "systolic_bp": "early warning score",
    "spo2": "early warning score",
    "temperature": "early warning score",
    "wait_minutes": "waiting time is the outcome",
    "disposition": "admission is the outcome",
    "admit_ward": "bed demand by ward",
}
_NOT_LEFT_OUT = "The request asks for ethnicity and postcode district, but the exercises use neither. Leave them out and submit again."


def tell(password: str, visits: int, work: Path) -> None:
    """Make accounts, a dataset, five requests: two approved, one waiting for IG, one returned, one draft. `work`: in the zone."""
    people = _accounts(password)
    _say("registering the simulated emergency department")
    source = _dataset(people["steward"], visits, work)
    released = _request(people["steward"], source, "Emergency department visits", list(WHY), generator="marginal", rows=visits, seed=7)
    _say("asking for a second release, which waits for Information Governance")
    _request(
        people["steward"],
        source,
        "Emergency department visits: the shape of the table",
        list(WHY),
        generator="structural",
        rows=2_000,
        seed=8,
    )
    _say("asking for a third, which is returned")
    columns = [name for name in WHY if name not in ("heart_rate", "systolic_bp", "spo2", "temperature", "admit_ward")]
    returned = _request(
        people["steward"], source, "Waiting times for teaching", columns, generator="marginal", rows=5_000, seed=9, purpose="training"
    )
    _decide(people["IG reviewer"], returned, "return", reason_code="necessity", comment=_NOT_LEFT_OUT)
    _draft(people["steward"], source)
    _say("learning a release from records: for people alone, agreed, assessed and signed by two")
    demonstration_learned.tell(people, source, work=_work)
    _decide(people["IG reviewer"], released, "approve", comment="Read with the evidence; aggregates only, all under the public policy.")


def _accounts(password: str) -> dict[str, Account]:
    from releases.services import accounts
    from synthportal.demonstration import PEOPLE

    people: dict[str, Account] = {}
    for who, (email, name, roles) in PEOPLE.items():
        if not roles:
            people[who] = accounts.create_administrator(email=email, full_name=name, password=password)
    first, second = people["administrator"], people["second administrator"]
    for who, (email, name, roles) in PEOPLE.items():
        if not roles:
            continue
        people[who] = accounts.set_up_account(email=email, full_name=name, password=password)
        for role in roles:
            grant = accounts.propose_role(first, people[who], role=role)
            if not grant.effective:
                accounts.confirm_role(second, grant)
    return people


def _dataset(steward: Account, visits: int, work: Path) -> SourceDataset:
    from releases.services import sources, summaries

    source = sources.register_source(
        steward,
        title="Emergency department visits (simulated)",
        description="Visits to a made-up emergency department over two years: arrival, triage, vital signs, diagnosis, what happened. "
        "Simulated by this program for the demonstration; nobody in it exists.",
        controller="Demonstration Hospitals NHS Trust",
        subject="emergency care",
    )
    file = write_emergency_csv(work / "emergency_visits.csv", visits)
    try:
        snapshot = sources.receive_upload(steward, source, name=file.name, chunks=_chunks(file), size=file.stat().st_size)
    finally:
        file.unlink()
    _work()
    snapshot.refresh_from_db()
    _say("confirming its schema; making the de-identified working copy and the split")
    (proposed,) = DatasetSchema.from_dict(snapshot.proposed_schema).tables
    sources.confirm_schema(steward, snapshot, schema=DatasetSchema((replace(with_units().tables[0], name=proposed.name),)))
    _work()
    _say("summarising under the public disclosure policy")
    summaries.request_summary(steward, source, policy="public")
    _work()
    return source


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(2**20):
            yield chunk


def _request(
    steward: Account,
    source: SourceDataset,
    title: str,
    columns: list[str],
    *,
    generator: str,
    rows: int,
    seed: int,
    purpose: str = "code development",
) -> ReleaseRequest:
    """A request described, generated, evaluated and submitted."""
    from releases import overrides
    from releases.services import requests

    structural = generator == "structural"
    request = requests.create_request(steward, source, title=title)
    request = requests.describe_request(
        steward,
        request,
        purpose=purpose,
        use_case="Analysts write and test their code on these rows before access to the records is granted.",
        description="Made-up visits in the form of an emergency department's records. "
        + (
            "Only names, kinds and formats are real; no figure was looked at."
            if structural
            else "Each column follows the real one by itself."
        )
        + " Columns do not depend on each other, so no result about patients can be drawn from them.",
        variables={name: WHY[name] for name in columns},
        tier="structural" if structural else "publicly-sourced",
        access_level="open",
        licence="OGL-UK-3.0",
    )
    if not structural:
        _say(f"generating and evaluating {rows:,} rows")
    summary = None if structural else source.summaries.get()
    version = demonstration_learned.meeting_gates(steward, request, work=_work, generator=generator, rows=rows, seed=seed, summary=summary)
    request = requests.choose_version(steward, request, version=version)
    if unmet := overrides.unmet(request):
        answer = {"code": "expected-of-method", "reason": POOLED}
        request = requests.answer_gates(steward, request, answers={outcome["gate"]: answer for outcome in unmet})
    return requests.submit(steward, request)


def _draft(steward: Account, source: SourceDataset) -> None:
    from releases.services import requests

    request = requests.create_request(steward, source, title="Bed demand by ward")
    requests.describe_request(
        steward,
        request,
        purpose="federation",
        use_case="Three trusts want to try out a federated forecast of bed demand before any of them opens its records to it.",
    )


def _decide(reviewer: Account, request: ReleaseRequest, decision: str, *, comment: str, reason_code: str = "") -> None:
    from releases import policy
    from releases.services import reviews

    request.refresh_from_db()
    answers = {item: "yes" for item, _ in policy.policy_of(request).checklist}
    if decision != "approve":
        answers["minimal"] = "no"
    reviews.sign_off(
        reviewer,
        request,
        capacity="ig",
        decision=decision,
        checklist=answers,
        reason_code=reason_code,
        comment=comment,
        evidence_digest=str(request.evidence_digest),
    )


def _work() -> None:
    """Do what is waiting, in this process; InputError when any of it failed."""
    from releases import jobs
    from releases.models import Run

    jobs.perform_queued()
    failed = Run.objects.filter(state=Run.State.FAILED).first()
    if failed is not None:
        raise InputError(f"the {failed.kind} run failed: {failed.reason}")


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def main() -> int:
    """Tell the story in the secure site named by the environment; the exit code."""
    told = json.load(sys.stdin)
    django.setup()
    # No queue runs yet, and none is needed: the work is done here.
    logging.getLogger("releases.services.runs").setLevel(logging.ERROR)
    from django.conf import settings

    try:
        tell(told["password"], told["visits"], Path(settings.SYNTHPORTAL_SECURE_FILES))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
