"""The versioned release policy, as data: the road of each tier, who signs, what it must show, how long things last.

Versions come with the product (`policies/release-policy-N.json`) and are made in the installation (`PolicyRecord`, by two people of IG).
Once one was put in force here, the newest of those is in force; until then the newest that was shipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evaluation import gates
from generators.disclosure import POLICIES
from generators.errors import InputError
from releases.models import PolicyRecord, ReleaseRequest, SignOff

FOLDER = Path(__file__).parent / "policies"
FORMAT = 2
AGREEMENT = ("proposed", "agreed")
"""The states a tier may skip, together: whether its use case is agreed before anything is generated."""
CAPACITIES = tuple(str(name) for name, _ in SignOff._meta.get_field("capacity").choices or ())
MOST_SIGNATURES = 5
LONGEST_DAYS = 3_650
DAYS = ("standing_approval_days", "approval_days", "turnaround_days", "reminder_days", "reaudit_days", "rereview_days")
NEEDS = ("needs_dpia", "needs_assessment", "needs_account", "account_needs_ppi", "capacities_blind")
AUTOMATIC = ("people_separate", "variables_justified", "setting_fits", "threshold_kept", "gates_green", "rare_values_none", "files_whole")
"""Questions of a checklist that the site can answer itself (`releases.automatic_answers`)."""


@dataclass(frozen=True)
class TierPolicy:
    """What the release policy asks of one tier.

    signatures: how many people must sign in each capacity, all of them different. capacities_blind: whether capacities do not see each
    other's marks and decisions either, until they have decided (reviewers of one capacity never do). skips: states of the road that are
    left out. standing_approval_days: how long a standing approval of a mechanism may last, None where there are none. approval_days: how
    long an approval waits for publication. turnaround_days, reminder_days: working days. reaudit_days: days between two re-audits;
    rereview_days: after publication, until IG looks at the release again.
    """

    signatures: tuple[tuple[str, int], ...]
    skips: tuple[str, ...]
    gates: str
    access_levels: tuple[str, ...]
    licences: tuple[str, ...]
    open_needs_disclosure_policy: str | None
    needs_dpia: bool = False
    needs_assessment: bool = False
    needs_account: bool = False
    account_needs_ppi: bool = False
    capacities_blind: bool = False
    standing_approval_days: int | None = None
    approval_days: int | None = None
    turnaround_days: int | None = None
    reminder_days: int | None = None
    reaudit_days: int | None = None
    rereview_days: int | None = None

    @property
    def capacities(self) -> tuple[str, ...]:
        """Capacities that must sign."""
        return tuple(capacity for capacity, _ in self.signatures)

    @property
    def needs_agreement(self) -> bool:
        """Whether the use case is agreed before anything is generated."""
        return AGREEMENT[-1] not in self.skips

    def as_dict(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in ("skips", "access_levels", "licences")}
        rest = {name: getattr(self, name) for name in ("gates", "open_needs_disclosure_policy", *NEEDS, *DAYS)}
        return {"signatures": dict(self.signatures), **lists, **rest}


@dataclass(frozen=True)
class ReleasePolicy:
    """One version of the release policy. A decision records the id of the one it was made under."""

    id: str
    tiers: dict[str, TierPolicy]
    checklist: tuple[tuple[str, str], ...]  # (item, question)
    note: str = ""
    automatic: tuple[tuple[str, str], ...] = ()  # (item, the automatic answer to it), of those that have one

    def tier(self, name: str) -> TierPolicy | None:
        return self.tiers.get(name)

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "id": self.id,
            "note": self.note,
            "tiers": {name: tier.as_dict() for name, tier in self.tiers.items()},
            "checklist": [
                {"item": item, "question": question, "automatic": dict(self.automatic).get(item)} for item, question in self.checklist
            ],
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> ReleasePolicy:
        """A policy from parsed JSON, of this format or the one before. InputError names the tier and the field that cannot be."""
        try:
            tiers = {str(name): _tier(str(name), tier) for name, tier in raw["tiers"].items()}
            checklist = tuple((str(c["item"]), str(c["question"]).strip()) for c in raw["checklist"])
            automatic = tuple((str(c["item"]), str(c["automatic"])) for c in raw["checklist"] if c.get("automatic"))
            policy = ReleasePolicy(str(raw["id"]), tiers, checklist, str(raw.get("note", "")), automatic)
        except (KeyError, TypeError, AttributeError):
            raise InputError("the release policy lacks a part") from None
        if set(tiers) != set(ReleaseRequest.Tier.values):
            raise InputError("the release policy must say something of every kind of data, and of no other")
        if not checklist or not all(item and question for item, question in checklist) or len(dict(checklist)) != len(checklist):
            raise InputError("checklist: every question needs a name of its own and its words")
        if strange := sorted({name for _, name in automatic} - set(AUTOMATIC)):
            raise InputError(f"checklist: the site has no automatic answer {strange[0]}; there are: {', '.join(AUTOMATIC)}")
        return policy


def in_force() -> str:
    """The id of the policy in force now; asked of the database every time, so that no process goes on with an old one."""
    made = PolicyRecord.objects.filter(in_force_at__isnull=False).order_by("-in_force_at", "-number").first()
    return made.name if made is not None else newest_shipped()


def release_policy(identity: str | None = None) -> ReleasePolicy:
    """The release policy with that id, by default the one in force. KeyError when the installation holds no such version."""
    identity = identity or in_force()
    if identity in shipped():
        return _shipped(identity)
    number = identity.removeprefix("hospital-policy-")
    made = PolicyRecord.objects.filter(number=int(number), in_force_at__isnull=False).first() if number.isdigit() else None
    if made is None:
        raise KeyError(f"no release policy {identity}")
    return ReleasePolicy.from_dict(made.content)


_trial: ContextVar[ReleasePolicy | None] = ContextVar("policy_on_trial", default=None)


@contextmanager
def judged_by(policy: ReleasePolicy) -> Iterator[None]:
    """Within, every request is judged by this policy, whatever it was submitted under: what a new one would change."""
    token = _trial.set(policy)
    try:
        yield
    finally:
        _trial.reset(token)


def policy_of(request: ReleaseRequest) -> ReleasePolicy:
    """The policy a request is judged by: the one it was submitted under, else the one in force."""
    return _trial.get() or release_policy(request.release_policy or None)


@cache
def shipped() -> tuple[str, ...]:
    """Ids of the policies that came with the product, oldest first."""
    names = (path.stem for path in FOLDER.glob("release-policy-*.json"))
    return tuple(sorted(names, key=lambda name: int(name.rpartition("-")[2])))


def newest_shipped() -> str:
    return shipped()[-1]


@cache
def _shipped(identity: str) -> ReleasePolicy:
    return ReleasePolicy.from_dict(json.loads((FOLDER / f"{identity}.json").read_text(encoding="utf-8")))


def _tier(name: str, raw: Mapping[str, Any]) -> TierPolicy:
    if "capacities" in raw:  # formats before 2: one signature of each, and nothing said of what came later
        raw = {**raw, "signatures": dict.fromkeys(raw["capacities"], 1), "skips": [] if raw["needs_agreement"] else list(AGREEMENT)}
    needs: dict[str, Any] = {need: _flag(name, need, raw.get(need, False)) for need in NEEDS}
    lasting: dict[str, Any] = {days: _days(name, days, raw.get(days)) for days in DAYS}
    tier = TierPolicy(
        signatures=tuple((str(capacity), _count(name, capacity, n)) for capacity, n in raw["signatures"].items()),
        skips=tuple(str(state) for state in raw["skips"]),
        gates=str(raw["gates"]),
        access_levels=_some(name, "access levels", raw["access_levels"], ReleaseRequest.AccessLevel.values),
        licences=_some(name, "licences", raw["licences"], ReleaseRequest.Licence.values),
        open_needs_disclosure_policy=raw["open_needs_disclosure_policy"],
        **needs,
        **lasting,
    )
    _check(name, tier)
    return tier


def _check(name: str, tier: TierPolicy) -> None:
    """Rules no policy of any hospital may loosen."""
    if "ig" not in tier.capacities:
        raise InputError(f"{name}: Information Governance must sign")
    if tier.skips not in ((), AGREEMENT):
        raise InputError(f"{name}: either the states {' and '.join(AGREEMENT)} are both skipped, or none is")
    if tier.gates not in {str(v.number) for v in gates.versions() if v.status == "issued"}:
        raise InputError(f"{name}: there are no issued gates {tier.gates}; a draft of gates judges nothing")
    if tier.open_needs_disclosure_policy not in (None, *POLICIES):
        raise InputError(f"{name}: there is no disclosure policy of that name; there are: {', '.join(POLICIES)}")
    if "open" in tier.access_levels and name != "structural" and tier.open_needs_disclosure_policy is None:
        raise InputError(f"{name}: open access to data that rest on records needs a disclosure policy")
    if tier.needs_assessment and "sdat" not in tier.capacities:
        raise InputError(f"{name}: an assessment by SDAT needs SDAT among those who sign")
    if tier.account_needs_ppi and not tier.needs_account:
        raise InputError(f"{name}: an account that PPI approves must be needed first")
    if tier.standing_approval_days is not None and tier.needs_assessment:
        raise InputError(f"{name}: no standing approval where SDAT assesses each version by itself")
    if name != "privately-sourced":
        return
    if tier.standing_approval_days is not None:
        raise InputError(f"{name}: no standing approval: each use case is decided on by itself")
    if tier.skips or "sdat" not in tier.capacities:
        raise InputError(f"{name}: SDAT agrees the use case before anything is generated, and signs")
    if "open" in tier.access_levels:
        raise InputError(f"{name}: what was learned from records is never openly available")


def _count(name: str, capacity: Any, number: Any) -> int:
    if capacity not in CAPACITIES:
        raise InputError(f"{name}: nobody signs as {capacity}; capacities are: {', '.join(CAPACITIES)}")
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_SIGNATURES:
        raise InputError(f"{name}: from 1 to {MOST_SIGNATURES} people sign in a capacity")
    return number


def _some(name: str, what: str, given: Any, known: Any) -> tuple[str, ...]:
    chosen = tuple(str(each) for each in given)
    if not chosen or set(chosen) - set(known):
        raise InputError(f"{name}: choose {what} among: {', '.join(known)}")
    return chosen


def _flag(name: str, what: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise InputError(f"{name}: {what.replace('_', ' ')} is yes or no")
    return given


def _days(name: str, what: str, given: Any) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= LONGEST_DAYS:
        raise InputError(f"{name}: {what.replace('_', ' ')} must be from 1 to {LONGEST_DAYS:,}")
    return given
