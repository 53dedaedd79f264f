"""What the register says, counted from the audit trail and the releases: decisions, turnaround, policies, attempts.

Drills are not in it, before they are revealed or after: they are not requests. What waits is not in it either, or a drill that waits would
show by its absence.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date, datetime
from statistics import median
from typing import Any

from django.utils import timezone

from releases import release_policies
from releases.capsule.register import COUNTS, Figures, PolicyUsed, Register
from releases.deadlines import working_days
from releases.models import AuditEvent, Drill, PolicyRecord, ReleaseRequest

State = ReleaseRequest.State
DECIDED = {State.APPROVED: "approved", State.RETURNED: "returned", State.REJECTED: "rejected"}
OUT = (State.PUBLISHED, State.SUSPENDED, State.WITHDRAWN)
ACTIONS = ("submit", "sign_off", "approve_by_standing")


def register() -> Register:
    """The register as it is now."""
    drills = {str(key) for key in Drill.objects.values_list("request_id", flat=True)}
    requests = {str(request.pk): request for request in ReleaseRequest.objects.all()}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    turnaround: dict[str, list[int]] = defaultdict(list)
    policies: Counter[str] = Counter()
    days: list[date] = []
    for request, outcome, policy, submitted, decided in _decisions(drills, requests):
        counts[request.tier][outcome] += 1
        policies[policy] += 1
        days.append(timezone.localdate(decided))
        if outcome == "at_once":
            counts[request.tier]["approved"] += 1
        elif submitted is not None:
            turnaround[request.tier].append(working_days(timezone.localdate(submitted), days[-1]))
    attempts: dict[str, list[int]] = defaultdict(list)
    for request in requests.values():
        if request.state in OUT:
            counts[request.tier]["published"] += 1
            counts[request.tier][str(request.state)] += request.state != State.PUBLISHED
            attempts[request.tier].append(request.versions.count())
    figures = tuple(
        Figures(
            tier=tier,
            **{name: counts[tier][name] for name in COUNTS},
            turnaround_days=_middle(turnaround[tier]),
            attempts=_middle(attempts[tier]),
            most_attempts=max(attempts[tier], default=None),
        )
        for tier in ReleaseRequest.Tier.values
    )
    used = sorted({*policies, release_policies.in_force()}, key=lambda name: (began(name), name))
    return Register(min(days, default=None), figures, tuple(PolicyUsed(name, began(name), policies[name]) for name in used))


def began(policy: str) -> date:
    """The day from which a release policy was in force: of a shipped one as its file says, of one made here when it was put in force."""
    if policy in release_policies.shipped():
        raw = json.loads((release_policies.FOLDER / f"{policy}.json").read_text(encoding="utf-8"))
        return date.fromisoformat(raw["in_force_from"])
    made = PolicyRecord.objects.get(number=int(policy.rpartition("-")[2]))
    return timezone.localdate(made.in_force_at)


def _decisions(drills: set[str], requests: dict[str, ReleaseRequest]) -> list[tuple[ReleaseRequest, str, str, datetime | None, datetime]]:
    """(request, outcome, policy, submitted, decided) of every decided round, from the audit trail: rows know their last round only."""
    submitted: dict[str, tuple[datetime, str]] = {}
    found = []
    done = AuditEvent.objects.filter(action__in=ACTIONS, outcome=AuditEvent.Outcome.DONE, target_kind="releaserequest").order_by("sequence")
    for event in done.only("action", "at", "target_id", "payload").iterator():
        request, told = requests.get(event.target_id), event.payload
        if request is None or event.target_id in drills:
            continue
        if event.action == "submit":
            submitted[event.target_id] = (event.at, str(told.get("release_policy", "")))
        outcome = DECIDED.get(told.get("after"))
        if outcome is not None and told.get("after") != told.get("before"):
            at, policy = submitted.get(event.target_id, (None, ""))
            outcome = "at_once" if event.action == "approve_by_standing" else outcome
            found.append((request, outcome, str(told.get("release_policy") or policy), at, event.at))
    return found


def _middle(numbers: list[Any]) -> float | None:
    return float(median(numbers)) if numbers else None
