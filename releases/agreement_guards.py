"""Guards of the road whose use case is agreed first: agreement, DPIA, assessment, plain-English account. Named in the state table.

Which of them a request must pass is data of the release policy; no kind of data is named here.
"""

from __future__ import annotations

from typing import Any

from generators.registry import GENERATORS
from releases import agreements, dpias, plain_account
from releases.models import ReleaseRequest
from releases.release_policies import TierPolicy, policy_of

Context = dict[str, Any]
PROPOSABLE = {
    "title": "a title",
    "purpose": "a purpose",
    "use_case": "what the data will be used for",
    "tier": "a tier",
    "access_level": "an access level",
}


def tier_of(request: ReleaseRequest) -> TierPolicy | None:
    """What that policy asks of the request's kind of data; None while that is open."""
    return policy_of(request).tier(request.tier)


def listed(parts: list[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def no_agreement_needed(request: ReleaseRequest, context: Context) -> str | None:
    tier = tier_of(request)
    if tier and tier.needs_agreement:
        return f"A {request.tier} release needs its use case agreed by the Synthetic Data Audit Team first: propose it."
    return None


def agreement_needed(request: ReleaseRequest, context: Context) -> str | None:
    tier = tier_of(request)
    if tier and not tier.needs_agreement:
        return f"A {request.tier} release needs no agreement before data are generated."
    return None


def proposable(request: ReleaseRequest, context: Context) -> str | None:
    missing = [words for field, words in PROPOSABLE.items() if not str(getattr(request, field)).strip()]
    return f"The request still needs {listed(missing)}." if missing else None


def variables_asked(request: ReleaseRequest, context: Context) -> str | None:
    """At least one variable, and a reason for each: what is not asked for is not learned from."""
    if not request.variables:
        return "Choose the variables that the use needs, and say why each is needed."
    missing = [name for name, why in request.variables.items() if not str(why).strip()]
    return f"The request does not say why it needs “{missing[0]}”." if missing else None


def generation_agreed(request: ReleaseRequest, context: Context) -> str | None:
    """Nothing is generated for, or by a method of, a kind of data whose use case must be agreed first."""
    info = GENERATORS.get(str(context.get("generator")))
    policy = policy_of(request)
    for kind in (request.tier, info.tier if info else ""):
        tier = policy.tier(kind)
        if tier and tier.needs_agreement:
            return f"Data of the {kind} kind are generated once the Synthetic Data Audit Team has agreed the use case: propose it first."
    return None


def agreement_stands(request: ReleaseRequest, context: Context) -> str | None:
    """The use case is the very one that was agreed."""
    if agreement_needed(request, context) or agreements.standing(request) is None:
        return "The agreement no longer fits this request: take it back to draft, and propose it again where it needs one."
    return None


def agreed_kept(request: ReleaseRequest, context: Context) -> str | None:
    """context: `changed`, the names of fields that would change."""
    if set(context.get("changed", ())) & set(agreements.FROZEN):
        return (
            "What was agreed cannot be changed: purpose, use, variables, kind of data, access. Take the request back to draft to change it."
        )
    return None


def dpia_complete(request: ReleaseRequest, context: Context) -> str | None:
    tier = tier_of(request)
    if tier and tier.needs_dpia and not dpias.complete(request):
        return "The data protection impact assessment is not complete; a member of the Synthetic Data Audit Team completes it first."
    return None


def assessment_needed(request: ReleaseRequest, context: Context) -> str | None:
    tier = tier_of(request)
    return None if tier and tier.needs_assessment else "The release policy asks for no assessment of this request."


def assessed(request: ReleaseRequest, context: Context) -> str | None:
    """SDAT approves what the same member assessed. context: `capacity`, `reviewer`."""
    if context.get("capacity") != "sdat" or assessment_needed(request, context):
        return None
    own = request.assessments.filter(evidence_digest=request.evidence_digest, assessor=context.get("reviewer"))
    return (
        None if own.exists() else "Assess privacy, quality, utility and bias yourself before you approve for the Synthetic Data Audit Team."
    )


def not_assessed_yet(request: ReleaseRequest, context: Context) -> str | None:
    """context: `reviewer`."""
    own = request.assessments.filter(evidence_digest=request.evidence_digest, assessor=context.get("reviewer"))
    return "You assessed this evidence already; your assessment stands." if own.exists() else None


def nothing_unacceptable(request: ReleaseRequest, context: Context) -> str | None:
    for assessment in request.assessments.filter(evidence_digest=request.evidence_digest):
        if found := assessment.unacceptable:
            return f"{listed(found).capitalize()} was assessed as not acceptable; the request can be returned or rejected, not approved."
    return None


def account_written(request: ReleaseRequest, context: Context) -> str | None:
    tier = tier_of(request)
    if tier and tier.needs_account and plain_account.current(request) is None:
        return "The plain-English account for patients is not written yet."
    return None


def account_approved(request: ReleaseRequest, context: Context) -> str | None:
    tier = tier_of(request)
    if tier and tier.account_needs_ppi and not plain_account.approved(plain_account.current(request)):
        return "The plain-English account waits for the approval of a patient and public involvement member."
    return None


def account_waits(request: ReleaseRequest, context: Context) -> str | None:
    account = plain_account.current(request)
    if account is None:
        return "There is no plain-English account to approve yet."
    return "This plain-English account is approved already." if plain_account.approved(account) else None


GUARDS = (
    no_agreement_needed,
    agreement_needed,
    proposable,
    variables_asked,
    generation_agreed,
    agreement_stands,
    agreed_kept,
    dpia_complete,
    assessment_needed,
    assessed,
    not_assessed_yet,
    nothing_unacceptable,
    account_written,
    account_approved,
    account_waits,
)
