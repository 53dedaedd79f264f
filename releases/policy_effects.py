"""What another release policy would change: which open requests and which releases would come out differently, and why."""

from __future__ import annotations

from dataclasses import dataclass

from releases import guards, standing
from releases.models import ReleaseRequest
from releases.release_policies import ReleasePolicy, judged_by

State = ReleaseRequest.State
OPEN = (State.DRAFT, State.PROPOSED, State.AGREED, State.SUBMITTED, State.RETURNED, State.APPROVED)
OUT = (State.PUBLISHED, State.SUSPENDED)
STOPPED, FREED, OTHERWISE = "would be stopped", "would no longer be stopped", "stopped for another reason"
ASKED = (
    "no_agreement_needed",
    "access_level_allowed",
    "licence_allowed",
    "open_needs_policy",
    "account_written",
    "account_approved",
    "dpia_complete",
)
"""Guards whose answer hangs on what the policy says of the tier."""


@dataclass(frozen=True)
class Effect:
    """A request that would come out differently. before, after: what stands in its way under each policy, in sentences."""

    asked: ReleaseRequest
    result: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def effects(new: ReleasePolicy) -> tuple[Effect, ...]:
    """Every open request and every release that the new policy would judge otherwise than the policy it stands under; releases last."""
    related = ReleaseRequest.objects.filter(state__in=(*OPEN, *OUT)).exclude(tier="")
    found = []
    for asked in related.select_related("source", "author", "version__summary", "version__evaluation").order_by("title", "created_at"):
        before, after = obstacles(asked, guards.policy_of(asked)), obstacles(asked, new)
        if set(before) != set(after):
            result = STOPPED if not before else FREED if not after else OTHERWISE
            found.append(Effect(asked, result, before, after))
    return tuple(sorted(found, key=lambda effect: effect.asked.state in OUT))


def obstacles(asked: ReleaseRequest, policy: ReleasePolicy) -> tuple[str, ...]:
    """What this policy would hold against the request as it is now, in sentences; nothing of what it has yet to fill in."""
    tier = policy.tier(asked.tier)
    if tier is None:
        return ()
    with judged_by(policy):
        found = [guards.GUARDS[name](asked, {}) for name in _asked_of(asked)]
        if asked.state in (State.SUBMITTED, State.APPROVED, *OUT):
            found.append(_unsigned(asked))
            if tier.needs_assessment and not asked.assessments.filter(evidence_digest=asked.evidence_digest).exists():
                found.append("SDAT has not assessed its privacy, quality, utility and bias.")
    sentences = [sentence for sentence in found if sentence]
    if getattr(asked.version, "evaluation", None) is not None:
        judged = standing.judged(asked, int(tier.gates))
        if judged.result != standing.PASSES:
            sentences += judged.sentences
    return tuple(sentences)


def _asked_of(asked: ReleaseRequest) -> list[str]:
    """The guards that mean something in the request's state: only a draft is asked whether it may skip the agreement."""
    skip = {"no_agreement_needed"} if asked.state != State.DRAFT else set()
    if asked.state in (State.DRAFT, State.PROPOSED, State.AGREED, State.RETURNED):
        skip |= {"dpia_complete", "account_approved"}
    return [name for name in ASKED if name in guards.GUARDS and name not in skip]


def _unsigned(asked: ReleaseRequest) -> str | None:
    """Signatures that this policy asks for and the decision does not have; a request that still waits is only told what it waits for."""
    given = guards.signatures(asked)
    if asked.standing_approval_id is not None:
        return None
    missing = [
        f"{capacity.upper()} ({number - given[capacity]})" for capacity, number in guards.needed(asked).items() if given[capacity] < number
    ]
    return f"It would need more signatures: {', '.join(missing)}." if missing else None
