"""How a release stands after publication: its newest evaluation, what other gates would say of it, whether a re-audit is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings

from evaluation import gates
from evaluation.results import Evaluation
from generators.errors import InputError
from releases import stored
from releases.models import ReauditRecord, ReleaseRequest, Run
from releases.release_policies import release_policy

TRY_AGAIN_AFTER = 7
"""Days after which a release that could not be re-audited is tried again by itself."""
PASSES, FAILS, UNKNOWN = "passes", "would fail", "cannot say"


@dataclass(frozen=True)
class Evidence:
    """A stored evaluation of a release. reaudit: whether it was made after publication."""

    path: str
    sha256: str
    gates_version: str
    made_at: datetime
    reaudit: bool


@dataclass(frozen=True)
class Judged:
    """What a set of gates says of a release. result: `PASSES`, `FAILS` or `UNKNOWN`; sentences: which gates, in words, without figures."""

    result: str
    sentences: tuple[str, ...]


def newest(request: ReleaseRequest) -> Evidence | None:
    """The newest stored evaluation: of its last re-audit that could be done, else the one it was released on; None when there is none."""
    for record in sorted(request.reaudits.all(), key=lambda r: r.made_at, reverse=True):
        if record.outcome != ReauditRecord.Outcome.IMPOSSIBLE:
            return Evidence(record.path, record.sha256, record.gates_version, record.made_at, reaudit=True)
    first = getattr(request.version, "evaluation", None)
    if first is None:
        return None
    return Evidence(first.path, first.sha256, first.gates_version, first.made_at, reaudit=False)


def judged(request: ReleaseRequest, version: int) -> Judged:
    """The release's newest evaluation held against gate set `version`. InputError when there is no such gate set."""
    gates.load(version)
    evidence = newest(request)
    if evidence is None:
        return Judged(UNKNOWN, ("It has no stored evaluation; re-audit it.",))
    try:
        path = stored.checked("runs", evidence.path, evidence.sha256)
        return _judged(str(path), evidence.sha256, request.tier, version)
    except InputError:
        return Judged(UNKNOWN, ("Its stored evaluation cannot be read; re-audit it.",))


@lru_cache(maxsize=4096)
def _judged(path: str, sha256: str, tier: str, version: int) -> Judged:
    with open(path, encoding="utf-8") as stream:
        evaluation = Evaluation.from_json(stream.read())
    failed = gates.judge(evaluation, tier, version=version).failed_hard
    unmeasured = [o for o in failed if not evaluation.of(o.metric)]
    if measured := [o for o in failed if o not in unmeasured]:
        return Judged(FAILS, _told(measured))
    if unmeasured:
        return Judged(UNKNOWN, (*_told(unmeasured), "Re-audit it."))
    return Judged(PASSES, ())


def _told(outcomes: Sequence[gates.Outcome]) -> tuple[str, ...]:
    return tuple(f"{o.public.rstrip('.')}." for o in outcomes)


def trouble(request: ReleaseRequest) -> str | None:
    """Why the last try to re-audit the release came to nothing, or None."""
    run = max((r for r in request.runs.all() if r.kind == Run.Kind.REAUDIT), key=lambda r: r.queued_at, default=None)
    if run is not None and run.state == Run.State.FAILED:
        return run.reason
    last = max(request.reaudits.all(), key=lambda r: r.made_at, default=None)
    return last.reason if last is not None and last.outcome == ReauditRecord.Outcome.IMPOSSIBLE else None


def due(request: ReleaseRequest, at: datetime) -> str | None:
    """Why the release should be re-audited at that time, as a sentence; None when it need not be."""
    tier = release_policy().tier(request.tier)
    last = max(request.reaudits.all(), key=lambda r: r.made_at, default=None)
    if last is not None and last.outcome == ReauditRecord.Outcome.IMPOSSIBLE:
        return "It could not be re-audited before." if last.made_at <= at - timedelta(days=TRY_AGAIN_AFTER) else None
    evidence = newest(request)
    if evidence is None:
        return "It has no stored evaluation."
    days: int = settings.SYNTHPORTAL_REAUDIT_AFTER_DAYS
    if tier is not None and tier.reaudit_days is not None:
        days = min(days, tier.reaudit_days)
    if evidence.made_at <= at - timedelta(days=days):
        return f"Its last evaluation is more than {days} days old."
    if tier is not None and evidence.gates_version != tier.gates:
        return f"It was judged by gates {evidence.gates_version}; gates {tier.gates} are in force."
    return None
