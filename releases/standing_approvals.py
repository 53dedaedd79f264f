"""What a standing approval covers: whether a version was made in the approved way, and which part of it changed if not."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from generators.mechanism import Mechanism
from releases import overrides
from releases.agreement_guards import account_approved
from releases.models import ReleaseRequest, SourceDataset, StandingApproval, SyntheticVersion, Withdrawal
from releases.release_policies import release_policy


@dataclass(frozen=True)
class Outlook:
    """What would become of a request on submission. approval: the nearest one in force; sentences: why it does not cover the request."""

    approval: StandingApproval | None
    sentences: tuple[str, ...]

    @property
    def covered(self) -> bool:
        return self.approval is not None and not self.sentences


def approved_form(version: SyntheticVersion, uses: tuple[str, ...]) -> Mechanism:
    """The version's mechanism with these allowed uses: what a standing approval is given to, by its digest."""
    return replace(Mechanism.from_dict(version.mechanism), allowed_uses=tuple(sorted(uses)))


def in_force(source: SourceDataset, at: datetime) -> QuerySet[StandingApproval]:
    """The dataset's standing approvals that count at that time.

    One given on a drill's evidence never does; none does while a release made so is suspended, or once one was withdrawn as a risk.
    """
    valid = source.standing_approvals.filter(revoked_at__isnull=True, granted_at__lte=at, expires_at__gt=at, request__drill__isnull=True)
    for doubt in (Q(state=ReleaseRequest.State.SUSPENDED), Q(withdrawal__reason=Withdrawal.Reason.DISCLOSURE)):
        doubted = ReleaseRequest.objects.filter(doubt)
        leaned = doubted.filter(standing_approval__isnull=False).values("standing_approval")
        valid = valid.exclude(request__in=doubted).exclude(pk__in=leaned)
    return valid.order_by("-granted_at")


def outlook(request: ReleaseRequest, at: datetime) -> Outlook:
    """How the request with its chosen version stands to the standing approvals of its dataset: the one that covers it, else the nearest."""
    if request.version is None:
        return Outlook(None, ())
    found = [Outlook(each, _against(request, request.version, each)) for each in in_force(request.source, at).filter(tier=request.tier)]
    return min(found, key=lambda outlook: len(outlook.sentences), default=Outlook(None, ()))


def covering(request: ReleaseRequest, at: datetime) -> StandingApproval | None:
    """The standing approval that covers the request now, or None."""
    found = outlook(request, at)
    return found.approval if found.covered else None


def of_mechanism(version: SyntheticVersion, tier: str, at: datetime) -> StandingApproval | None:
    """The standing approval in force that was given to this very way of making data, for whatever uses."""
    same = (a for a in in_force(version.snapshot.source, at).filter(tier=tier) if not changed(version, a))
    return next(same, None)


def unpublished(approval: StandingApproval) -> list[ReleaseRequest]:
    """What it approved and is not being published yet: what a revocation sends back to its author."""
    waiting = approval.leaning.filter(state=ReleaseRequest.State.APPROVED, publication__isnull=True)
    return list(waiting.order_by("submitted_at"))


def changed(version: SyntheticVersion, approval: StandingApproval) -> tuple[str, ...]:
    """The parts of the mechanism that are not as they were approved, in words; none exactly when the digests agree."""
    here, there = approved_form(version, approval.allowed_uses), Mechanism.from_dict(approval.mechanism)
    if here.digest == approval.mechanism_digest:
        return ()
    words = {
        "generator": f"the method ({here.generator}; approved: {there.generator})",
        "version": f"the version of the method ({here.version}; approved: {there.version})",
        "schema_digest": "the columns: their names, kinds or formats, or which of them are asked for",
        "summary_digest": "the summary: other aggregates than the approved ones",
        "disclosure_policy": f"the disclosure policy ({_named(here)}; approved: {_named(there)})",
        "parameters": f"the settings ({_settings(here, there)})",
        "rules": f"the rules ({_rules(here, there)})",
    }
    parts = tuple(words[f.name] for f in fields(Mechanism) if f.name in words and getattr(here, f.name) != getattr(there, f.name))
    return parts or ("the form in which mechanisms are written down",)


def _against(request: ReleaseRequest, version: SyntheticVersion, approval: StandingApproval) -> tuple[str, ...]:
    """Why this approval does not cover the request, each in a sentence."""
    found = [f"This part changed since: {part}." for part in changed(version, approval)]
    if request.purpose not in approval.allowed_uses:
        found.append(f"It allows {', '.join(approval.allowed_uses)}, not {request.purpose or 'an unnamed purpose'}.")
    if request.access_level != approval.access_level:
        found.append(f"It was given for {approval.access_level} access.")
    if request.licence != approval.licence:
        found.append(f"It was given for the licence {approval.licence}.")
    for outcome in overrides.unmet(request):
        if outcome["gate"] not in approval.accepted_gates:
            found.append(f"A condition that was met then is not met now: {outcome['sentence'].rstrip('.')}.")
    if approval.granted_by_id in (request.author_id, version.made_by_id, request.submitted_by_id):
        found.append("It was given by somebody who asks for this release or made its data.")
    if (waits := account_approved(request, {})) is not None:
        found.append(waits)
    tier = release_policy().tier(request.tier)
    if tier is None or tier.standing_approval_days is None:
        found.append("The release policy in force knows no standing approvals for this kind of data.")
    return tuple(found)


def _named(mechanism: Mechanism) -> str:
    policy = mechanism.disclosure_policy
    return "none" if policy is None else f"{policy.name}, minimum {policy.minimum}, {str(policy.digest)[:8]}"


def _settings(here: Mechanism, there: Mechanism) -> str:
    now, then = dict(here.parameters), dict(there.parameters)
    return ", ".join(sorted(name for name in {*now, *then} if now.get(name) != then.get(name)))


def _rules(here: Mechanism, there: Mechanism) -> str:
    now, then = ({(r.table, r.name, r.text): r for r in m.rules} for m in (here, there))
    new, gone = ([_rule(m[key]) for key in m if key not in other] for m, other in ((now, then), (then, now)))
    told: list[str] = [*(f"new: {name}" for name in new), *(f"no longer: {name}" for name in gone)]
    return ", ".join(told[:4]) + (f" and {len(told) - 4} more" if len(told) > 4 else "")


def _rule(rule: Any) -> str:
    return str(rule.name or rule.text)
