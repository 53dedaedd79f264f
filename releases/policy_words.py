"""The release policy in words: what it asks of a kind of data, and how two versions differ."""

from __future__ import annotations

from dataclasses import dataclass

from releases.release_policies import AGREEMENT, ReleasePolicy, TierPolicy

FIELDS: dict[str, str] = {
    "signatures": "Who must sign, and how many people",
    "skips": "States that are skipped",
    "gates": "Gates",
    "access_levels": "Access levels",
    "licences": "Licences",
    "open_needs_disclosure_policy": "Open access needs the disclosure policy",
    "needs_dpia": "Needs a data protection impact assessment",
    "needs_assessment": "SDAT assesses privacy, quality, utility and bias",
    "needs_account": "Needs an account in plain English",
    "account_needs_ppi": "A PPI member approves that account",
    "capacities_blind": "Capacities do not see each other's marks and decisions until they have decided",
    "standing_approval_days": "A standing approval of the mechanism lasts at most",
    "approval_days": "An approval waits for publication at most",
    "turnaround_days": "A decision is promised within",
    "reminder_days": "Reviewers are reminded after",
    "reaudit_days": "Re-audited at least every",
    "rereview_days": "Looked at again after",
}
WORKING = ("turnaround_days", "reminder_days")


@dataclass(frozen=True)
class Difference:
    """One thing two policies say differently. about: the kind of data, or what all have in common."""

    about: str
    what: str
    before: str
    after: str


def described(tier: TierPolicy) -> dict[str, str]:
    """What the policy asks of a kind of data: words of the field → what it says."""
    return {words: _said(tier, name) for name, words in FIELDS.items()}


def differences(old: ReleasePolicy, new: ReleasePolicy) -> tuple[Difference, ...]:
    """What the new policy says otherwise, kind by kind."""
    found = []
    for name, tier in new.tiers.items():
        before, after = described(old.tiers[name]), described(tier)
        found += [Difference(name, words, before[words], after[words]) for words in after if before[words] != after[words]]
    asked, asks = dict(old.checklist), dict(new.checklist)
    for item in {**asked, **asks}:
        if asked.get(item) != asks.get(item):
            found.append(Difference("checklist", item, asked.get(item, "not asked"), asks.get(item, "not asked")))
    return tuple(found)


def _said(tier: TierPolicy, name: str) -> str:
    value = getattr(tier, name)
    if name == "signatures":
        return ", ".join(f"{capacity.upper()} ({number})" if number > 1 else capacity.upper() for capacity, number in value)
    if name == "skips":
        return " and ".join(AGREEMENT) if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_days"):
        unit = "working day" if name in WORKING else "day"
        return "not set" if value is None else f"{value:,} {unit}{'' if value == 1 else 's'}"
    return ", ".join(value) if isinstance(value, tuple) else str(value or "none")
