"""The demonstration's release that is learned from records: agreed, learned, explained, assessed and signed by those whose work that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from generators.errors import InputError

if TYPE_CHECKING:
    from releases.models import Account, ReleaseRequest, SourceDataset, SyntheticVersion

ATTEMPTS = 5
TITLE = "Emergency department waits, learned from records"
WHY = {
    "age": "waits differ by age",
    "sex": "to report by sex",
    "arrival_mode": "ambulance arrivals are handled apart",
    "triage_category": "urgency on arrival",
    "wait_minutes": "waiting time is the outcome",
    "los_minutes": "the four-hour standard is measured on it",
    "disposition": "admission is the outcome",
}
SOFT = "A model of seven columns; what the figure shows was read and does not matter to a queueing study."
"""What the steward answers to a soft gate that is not met."""
_DPIA = {
    "context": "Patients would expect their hospital to plan its department with what it knows, and nobody else to see it.",
    "lawful": "Public task, UK GDPR Article 6(1)(e) and 9(2)(h); nobody exists in this demonstration.",
    "necessity": "Column by column, data lack the link between urgency and wait that the study is about.",
    "rights": "The trust's privacy notice tells of it; who objects is left out of the extract.",
    "consultation": "The patients' panel read the plain-English account and asked for the sentence about dice.",
    "measures": "Information Governance, at each re-audit.",
    "advice": "No objection, as long as the attacks are tried again with every new version.",
}


def tell(people: dict[str, Account], source: SourceDataset, *, work: Callable[[], None]) -> None:
    """Make the release and have it approved, step by step; `work` does what waits for a worker."""
    from releases import agreements, overrides, plain_account
    from releases.models import ReleaseRequest
    from releases.services import agreements as agreeing
    from releases.services import plain_accounts, requests

    steward, sdat = people["steward"], people["SDAT member"]
    request = requests.create_request(steward, source, title=TITLE)
    request = requests.describe_request(
        steward,
        request,
        purpose="code development",
        use_case="Researchers of a university write a queueing model before access to the records is granted.",
        description="Made-up visits whose columns hang together as those of an emergency department's records do. For people whom "
        "somebody vouches for; no result about patients may be drawn from them.",
        variables=WHY,
        tier="privately-sourced",
        access_level="safeguarded",
        licence="end-user-licence",
    )
    request = agreeing.propose(steward, request)
    agreeing.agree(sdat, request, digest=agreements.digest(request), comment="Seven variables, each with its reason.")
    request = ReleaseRequest.objects.get(pk=request.pk)
    version = meeting_gates(steward, request, work=work, generator="copula", rows=3_000, seed=11)
    request = requests.choose_version(steward, request, version=version)
    if unmet := overrides.unmet(request):
        answer = {"code": "expected-of-method", "reason": SOFT}
        request = requests.answer_gates(steward, request, answers={outcome["gate"]: answer for outcome in unmet})
    plain_accounts.write_account(steward, request, text=plain_account.draft(request))
    written = plain_account.current(request)
    if written is not None:
        plain_accounts.approve_account(people["PPI member"], request, account=written)
    request = requests.submit(steward, request)
    _judge(sdat, request)
    for who, capacity in (("SDAT member", "sdat"), ("IG reviewer", "ig")):
        _sign(people[who], request, capacity)


def meeting_gates(
    steward: Account, request: ReleaseRequest, *, work: Callable[[], None], generator: str, rows: int, seed: int, summary: Any = None
) -> SyntheticVersion:
    """A version that meets every hard gate. Who goes to train is drawn anew in each demonstration: once in a while an attack has luck."""
    from releases.services import requests

    for attempt in range(ATTEMPTS):
        known = list(request.versions.values_list("pk", flat=True))
        requests.request_generation(steward, request, generator=generator, rows=rows, seed=seed + 100 * attempt, summary=summary)
        work()
        version: SyntheticVersion = request.versions.exclude(pk__in=known).get()
        if version.evaluation.passed:
            return version
    raise InputError(f"no version of “{request.title}” met the gates, {ATTEMPTS} times in a row")


def _judge(sdat: Account, request: ReleaseRequest) -> None:
    """The impact assessment and the assessment of the evidence, which the audit team writes."""
    from releases import dpias
    from releases.models import Assessment
    from releases.services import assessments

    answers: dict[str, Any] = {**_DPIA, **dpias.prefilled(request)}
    rated = {
        "likelihood": "remote",
        "severity": "some",
        "measures": "Disclosure control, and attacks that are tried on it.",
        "residual": "low",
    }
    answers |= {f"risk-{identity}": dict(rated) for identity, _ in dpias.form().risks}
    assessments.write_dpia(sdat, request, answers=answers, concluded=True)
    request.refresh_from_db()
    judgements = {aspect: ("acceptable", "The figures beside it say so.") for aspect in Assessment.ASPECTS}
    assessments.assess(sdat, request, judgements=judgements, evidence_digest=str(request.evidence_digest))


def _sign(reviewer: Account, request: ReleaseRequest, capacity: str) -> None:
    from releases import policy
    from releases.services import reviews

    request.refresh_from_db()
    items = [item for item, _ in policy.policy_of(request).checklist]
    reviews.sign_off(
        reviewer,
        request,
        capacity=capacity,
        decision="approve",
        checklist=dict.fromkeys(items, "yes"),
        reasons=dict.fromkeys(items, "Looked into, with the evidence beside it."),
        comment="Read with the evidence and the impact assessment; safeguarded, to people alone.",
        evidence_digest=str(request.evidence_digest),
    )
