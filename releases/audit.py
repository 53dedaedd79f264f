"""The audit trail: append-only and hash-chained, so that a change anywhere in the past shows.

digest = SHA-256 of the canonical JSON of the event's fields and the digest before it. Published capsules carry the head of
the chain at publication: a trail rewritten as a whole disagrees with them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from releases.models import Account, AuditEvent

BEGINNING = "0" * 64
CLOCKS = timedelta(minutes=2)
"""How far clocks of one site may differ before it is said."""
REFUSALS_A_MINUTE = 20
"""Most refusals recorded for one actor in a minute: somebody leaning on a button cannot fill the disk."""

_LOCK = 7_312_026  # any number, the same in every process: PostgreSQL's advisory lock on the chain's end
written: ContextVar[int] = ContextVar("audit_events_written", default=0)
"""How many events this thread of work has written; services check that it grew."""

followers: list[Callable[[AuditEvent, models.Model | None], None]] = []
"""Called with every event that is recorded and what it is about, in its transaction (`services.notices.tell`, once the app is ready)."""


@dataclass(frozen=True)
class Head:
    """The end of the chain: sequence 0 and zeros when it is empty."""

    sequence: int
    digest: str


@dataclass(frozen=True)
class Verification:
    """What a walk along the chain found. `problems` are sentences; none means the trail is whole."""

    events: int
    head: Head
    problems: tuple[str, ...]
    compared: int  # heads carried in published capsules that were compared
    remarks: tuple[str, ...] = ()  # sentences about what is odd and no proof of a change: a clock that was set back

    @property
    def intact(self) -> bool:
        return not self.problems


def record(actor: Account | None, action: str, target: models.Model | None = None, **payload: Any) -> AuditEvent:
    """Append one event within the caller's transaction. payload: ids, names of fields, counts of attempts, digests; never a data value."""
    event = _append(actor, action, AuditEvent.Outcome.DONE, target, payload)
    for follower in followers:
        follower(event, target)
    return event


def record_refusal(actor: Account | None, action: str, target: models.Model | None, sentence: str) -> AuditEvent | None:
    """Append a refusal in a transaction of its own. None when this actor's refusals of the last minute are as many as are kept."""
    with transaction.atomic():
        recent = AuditEvent.objects.filter(outcome=AuditEvent.Outcome.REFUSED, actor=actor, at__gte=timezone.now() - timedelta(minutes=1))
        if recent.count() >= REFUSALS_A_MINUTE:
            return None
        return _append(actor, action, AuditEvent.Outcome.REFUSED, target, {"refusal": sentence})


def head() -> Head:
    """The end of the chain now."""
    last = AuditEvent.objects.order_by("-sequence").first()
    return Head(last.sequence, last.digest) if last else Head(0, BEGINNING)


def verify_chain(published_heads: Iterable[Mapping[str, Any]] = ()) -> Verification:
    """Walk the chain from its beginning and compare it with the heads published capsules carry (`{"sequence", "digest"}`)."""
    problems: list[str] = []
    remarks: list[str] = []
    previous, expected, digests = BEGINNING, 1, {0: BEGINNING}
    latest: datetime | None = None
    heads = list(published_heads)
    wanted = {int(h["sequence"]) for h in heads}
    for event in AuditEvent.objects.order_by("sequence").iterator(chunk_size=2000):
        if event.sequence != expected:
            problems.append(f"event {expected} is missing: the next one is {event.sequence}")
        elif event.previous != previous:
            problems.append(f"event {event.sequence} does not follow the one before it")
        if event.digest != digest_of(event):
            problems.append(f"event {event.sequence} was changed after it was written")
        if latest is not None and event.at < latest - CLOCKS:
            remarks.append(
                f"event {event.sequence} is dated {_ago(latest - event.at)} before an earlier event: the clock was wrong at one of them"
            )
        latest = event.at if latest is None or event.at > latest or event.at < latest - CLOCKS else latest
        previous, expected = event.digest, event.sequence + 1
        if event.sequence in wanted:
            digests[event.sequence] = event.digest
    for published in heads:
        sequence = int(published["sequence"])
        if sequence not in digests:
            problems.append(f"a published capsule was made after event {sequence}, which is missing here")
        elif digests[sequence] != published["digest"]:
            problems.append(f"event {sequence} is not the one a published capsule knows")
    return Verification(expected - 1, Head(expected - 1, previous), tuple(problems), len(heads), tuple(remarks))


def _ago(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


def digest_of(event: AuditEvent) -> str:
    """What the event's digest must be."""
    fields = {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": str(event.actor_id) if event.actor_id else None,
        "action": event.action,
        "outcome": str(event.outcome),
        "target": [event.target_kind, event.target_id],
        "payload": event.payload,
        "previous": event.previous,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _append(actor: Account | None, action: str, outcome: str, target: models.Model | None, payload: dict[str, Any]) -> AuditEvent:
    if not connection.in_atomic_block:
        raise RuntimeError("an audit event is written in the transaction of what it records")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    end = head()
    event = AuditEvent(
        sequence=end.sequence + 1,
        at=timezone.now(),
        actor=actor,
        action=action,
        outcome=outcome,
        target_kind=target._meta.model_name if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        payload=json.loads(json.dumps(payload, default=str)),
        previous=end.digest,
    )
    event.digest = digest_of(event)
    event.save(force_insert=True)
    written.set(written.get() + 1)
    return event
