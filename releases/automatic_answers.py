"""Questions of the checklist that the site answers itself, from the evidence: yes, no, or that it does not apply; with what it saw.

The release policy names them (`releases.release_policies.AUTOMATIC`). They are shown as automatic, and a "no" is not overruled without a
reason (`services.reviews.sign_off`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from generators.disclosure import POLICIES
from releases import evidence, guards, overrides, policy, stored
from releases.models import ReleaseRequest, SyntheticVersion
from releases.permissions.reviewing import made_by

YES, NO, OTHERWISE = "yes", "no", "not applicable"


@dataclass(frozen=True)
class Automatic:
    """An answer of the site's own, and in a sentence what it rests on."""

    answer: str
    because: str


def automatic_answers(request: ReleaseRequest) -> dict[str, Automatic]:
    """Item of the checklist → its automatic answer, of those the policy gives one. The request must have an evaluated version."""
    return {item: ANSWERED[name](request) for item, name in policy.policy_of(request).automatic}


def people_separate(request: ReleaseRequest) -> Automatic:
    makers = made_by(request) | set(request.source.stewards.values_list("pk", flat=True))
    signed = set(request.signoffs.values_list("reviewer", "capacity"))
    judged = {person for person, _ in signed} | set(request.agreements.values_list("reviewer", flat=True))
    judged |= set(request.dpias.values_list("writer", flat=True)) | set(request.assessments.values_list("assessor", flat=True))
    if judged & makers or len({person for person, _ in signed}) < len(signed):
        return Automatic(NO, "Somebody who asked for it, made it or looks after the dataset also judged it, or signed twice.")
    return Automatic(YES, "Nobody who asked for it, made it or looks after the dataset has agreed, assessed or signed anything of it.")


def variables_justified(request: ReleaseRequest) -> Automatic:
    refusal = guards.variables_justified(request, {})
    return _unless(refusal, f"Each of the {len(request.variables):,} variables has its reason; whether it is a good one is for you to say.")


def setting_fits(request: ReleaseRequest) -> Automatic:
    checks = (guards.access_level_allowed, guards.licence_allowed, guards.open_needs_policy)
    refusal = next((sentence for check in checks if (sentence := check(request, {}))), None)
    return _unless(refusal, "The release policy allows this access and licence for this kind of data.")


def threshold_kept(request: ReleaseRequest) -> Automatic:
    summary = _version(request).summary
    if summary is None:
        learned = _version(request).trained is not None
        why = "It was learned from records: the attacks are the evidence." if learned else "No total was used: nothing was observed."
        return Automatic(OTHERWISE, why)
    tier = policy.policy_of(request).tier(request.tier)
    needed = tier.open_needs_disclosure_policy if tier else None
    asked, kept = POLICIES[needed].minimum if needed else 0, int(summary.policy["minimum"])
    if kept < asked:
        return Automatic(NO, f"Totals of {kept} people and more were used; the release policy asks for {asked}.")
    return Automatic(YES, f"Every total is about at least {kept} people.")


def rare_values_none(request: ReleaseRequest) -> Automatic:
    results = [r for r in stored.evaluation(_version(request).evaluation).results if r.metric == "rare_values"]
    if not results or any(r.value is None for r in results):
        return Automatic(OTHERWISE, "Rare values could not be looked for in this dataset.")
    found = sum(r.value or 0 for r in results)
    if found:
        return Automatic(NO, f"{found:,.0f} values that only a few real people have are in the data.")
    return Automatic(YES, "No value that only a few real people have is in the data. Combinations are for you to judge.")


def gates_green(request: ReleaseRequest) -> Automatic:
    refusal = guards.gates_green(request, {}) or guards.soft_gates_answered(request, {})
    answered = len(overrides.answered(request))
    rest = f" {answered:,} that should be met are not, and answered for: read the answers." if answered else ""
    return _unless(refusal, f"Every gate that must pass has passed.{rest}")


def files_whole(request: ReleaseRequest) -> Automatic:
    whole = evidence.whole(request)
    return Automatic(
        YES if whole else NO,
        "Every file is the one the evidence digest was taken of." if whole else "A file is not the one the evidence digest was taken of.",
    )


def _unless(refusal: str | None, otherwise: str) -> Automatic:
    return Automatic(NO, refusal) if refusal else Automatic(YES, otherwise)


def _version(request: ReleaseRequest) -> SyntheticVersion:
    return cast(SyntheticVersion, request.version)


ANSWERED: dict[str, Callable[[ReleaseRequest], Automatic]] = {
    answer.__name__: answer
    for answer in (people_separate, variables_justified, setting_fits, threshold_kept, gates_green, rare_values_none, files_whole)
}
