"""Suspending a release, releasing it again, taking it back for good; what the public site must hear of it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, policy
from releases.models import Account, Announcement, ReauditRecord, ReleaseRequest, Withdrawal
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

SUSPENDED = "A regular re-audit found that it no longer meets the conditions for release."
"""What the public is told of a failed re-audit, beside that it is suspended. Of a suspension by hand it is told nothing more."""
LONGEST = 2_000
LONGEST_SAID = 200
"""Characters of what the public reads of a withdrawal, beside its coded reason."""


@recorded("suspend")
def suspend(actor: Account, request: ReleaseRequest, *, why: str) -> ReleaseRequest:
    """IG takes a release off the shelf at once. `why` is for people inside; the public hears only that it is being looked into."""
    why = _text(why, "say why the release is suspended")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "suspend", request)
        _suspended(request, by=reviewer, why=why)
    return request


@recorded("suspend", by_system=True)
def suspend_after(record: ReauditRecord) -> ReleaseRequest | None:
    """Suspend the release whose re-audit failed. None when it is not published any more.

    Part of the transaction that stores the re-audit, so that there is no failed re-audit of a release still on the shelf.
    """
    request = locked(record.request)
    verdict = record.verdict or {}
    words = (verdict.get("sentences") or ["It no longer meets the gates in force."])[0]
    if request.state != ReleaseRequest.State.PUBLISHED:
        return None
    _suspended(request, by=None, why=f"The re-audit under gates {record.gates_version} failed. {words}", record=record.pk)
    return request


@recorded("resume")
def resume(actor: Account, request: ReleaseRequest, *, why: str) -> ReleaseRequest:
    """IG releases a suspended release again, once a re-audit made since then has passed."""
    why = _text(why, "say why it can be released again")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "resume", request)
        step = policy.transition(request, "resume")
        if isinstance(step, str):
            raise Refused(step)
        request.state, request.changed_at = step.target, timezone.now()
        request.save()
        announcement = _ask(request, Announcement.Kind.RESUMED, by=reviewer, why=why)
        audit.record(reviewer, "resume", request, announcement=announcement.pk)
    return request


@recorded("withdraw")
def withdraw(actor: Account, request: ReleaseRequest, *, reason: str, said: str, why: str) -> Withdrawal:
    """IG takes a release back for good. The publisher says so in the feed and takes its files out of the lake.

    reason: one of `Withdrawal.Reason`; said: a sentence that is published beside it; why: for people inside.
    InputError when one is missing, too long, or the sentence is not plain text.
    """
    said, why = _sentence(said), _text(why, "say for people inside why the release is withdrawn")
    if reason not in Withdrawal.Reason.values:
        raise InputError(f"the reason must be one of: {', '.join(Withdrawal.Reason.values)}")
    with transaction.atomic():
        request = locked(request)
        reviewer = permit(actor, "withdraw", request)
        step = policy.transition(request, "withdraw")
        if isinstance(step, str):
            raise Refused(step)
        withdrawal = Withdrawal.objects.create(
            request=request, by=reviewer, author=request.author, reason=reason, said=said, why=why, at=timezone.now()
        )
        request.state, request.changed_at = step.target, timezone.now()
        request.save()
        public = f"{withdrawal.get_reason_display()}. {said}"
        announcement = _ask(request, Announcement.Kind.WITHDRAWN, by=reviewer, why=why, said=public)
        audit.record(reviewer, "withdraw", request, reason=reason, withdrawal=withdrawal.pk, announcement=announcement.pk)
    return withdrawal


@recorded("announce_reaudit", by_system=True)
def announce_reaudit(record: ReauditRecord) -> Announcement:
    """Have the feed say that the release was re-audited and passed. Part of the transaction that stores the re-audit."""
    request = locked(record.request)
    announcement = _ask(request, Announcement.Kind.REAUDITED, by=None, why="")
    audit.record(None, "announce_reaudit", request, announcement=announcement.pk, record=record.pk)
    return announcement


def _suspended(request: ReleaseRequest, *, by: Account | None, why: str, **payload: Any) -> None:
    step = policy.transition(request, "suspend")
    if isinstance(step, str):
        raise Refused(step)
    request.state, request.changed_at = step.target, timezone.now()
    request.save()
    announcement = _ask(request, Announcement.Kind.SUSPENDED, by=by, why=why, said="" if by else SUSPENDED)
    audit.record(by, "suspend", request, announcement=announcement.pk, **payload)


def _ask(request: ReleaseRequest, kind: str, *, by: Account | None, why: str, said: str = "") -> Announcement:
    number = request.announcements.count() + 1  # the request's row is locked
    return Announcement.objects.create(request=request, kind=kind, by=by, why=why, said=said, number=number, asked_at=timezone.now())


def _text(text: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise InputError(missing)
    if len(text) > LONGEST:
        raise InputError(f"that is longer than {LONGEST:,} characters")
    return text


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise InputError("say in a sentence, for the public, why the release is withdrawn")
    if len(text) > LONGEST_SAID or not text.isprintable():
        raise InputError(f"what the public reads must be plain text of at most {LONGEST_SAID} characters")
    return text
