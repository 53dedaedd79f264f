"""Publishing, by the publisher process alone: it holds the signing key, and nobody asks it for anything."""

from __future__ import annotations

import hashlib
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from releases import audit, files, policy, register
from releases.capsule.attestation import Attestation, SignedOff
from releases.capsule.feed import Notice, NoticeKind, announce, latest_about
from releases.capsule.layout import CapsuleRefused
from releases.capsule.publish import publish, take_back
from releases.capsule.register import Statement, say
from releases.capsule.register import read as read_register
from releases.capsule.signing import Signer, written
from releases.models import Announcement, Publication, ReleaseRequest, SignOff, StandingApproval
from releases.services.recorded import locked, recorded

SAY_AGAIN_AFTER = timedelta(days=1)
"""How old the register in the lake may grow while nothing changes."""


@recorded("publish", by_system=True)
def publish_next(signer: Signer, lake: Path) -> Publication | None:
    """Publish the approved request that has waited longest; None when there is none that can be published.

    Three steps, each safe to repeat after a crash: what will be attested is written down, the lake gets it, the request is marked.
    One that cannot be published stays approved, says why, and does not hold up the others.
    """
    for request in ReleaseRequest.objects.filter(state=ReleaseRequest.State.APPROVED).order_by("changed_at", "pk"):
        publication = _attested(request)
        if publication is None:
            continue
        try:
            notice = publish(
                files.folder("capsules") / str(request.capsule), lake, signer, Attestation.from_predicate(publication.predicate)
            )
        except CapsuleRefused as refusal:
            _refused(publication, refusal.reason)
            continue
        published = _published(publication, notice, signer.key_id)
        if published is not None:
            return published
    return None


@recorded("announce", by_system=True)
def announce_next(signer: Signer, lake: Path) -> Announcement | None:
    """Say in the feed what has waited longest to be said about a release; None when nothing waits that can be said.

    Of one release the announcements are said in their order. The row stays locked while the notice is written (one small file): a second
    publisher that comes late must not say an old suspension after the release was resumed. Safe to repeat after a crash.
    """
    for waiting in Announcement.objects.filter(announced_at__isnull=True).order_by("asked_at", "number"):
        with transaction.atomic():
            request = locked(waiting.request)
            waiting = locked(waiting)
            before = request.announcements.filter(number__lt=waiting.number, announced_at__isnull=True)
            if waiting.announced_at is not None or before.exists():
                continue
            try:
                notice = _said(waiting, lake, signer)
            except CapsuleRefused as refusal:
                if waiting.problem != refusal.reason:
                    waiting.problem = refusal.reason
                    waiting.save()
                    audit.record_refusal(None, "announce", request, refusal.reason)
                continue
            waiting.announced_at, waiting.notice_sequence, waiting.problem = timezone.now(), notice.sequence, ""
            waiting.save()
            audit.record(None, "announce", request, announcement=waiting.pk, kind=waiting.kind, notice=notice.sequence)
        return waiting
    return None


@recorded("say_register", by_system=True)
def say_register(signer: Signer, lake: Path) -> Statement | None:
    """Put the register beside the feed when it says something new or is a day old; None when it need not be said."""
    counted, now = register.register(), timezone.now()
    try:
        said = read_register(lake, signer.trusted())
    except CapsuleRefused:
        said = None  # damaged, or signed by an older key: said anew
    if said is not None and said.register == counted and now - said.at < SAY_AGAIN_AFTER:
        return None
    statement = say(lake, signer, counted, at=now)
    with transaction.atomic():
        audit.record(None, "say_register", None, digest=hashlib.sha256(statement.envelope).hexdigest())
    return statement


def _said(waiting: Announcement, lake: Path, signer: Signer) -> Notice:
    publication = Publication.objects.get(request=waiting.request)
    about = latest_about(lake, publication.slug, publication.release_version)
    if about is None:
        raise CapsuleRefused("the feed in the lake does not know this release")
    kind = NoticeKind(waiting.kind)
    if about.kind is kind and written(about.at) == written(waiting.asked_at):
        notice = about  # said just before a crash
    else:
        notice = announce(lake, signer, kind, about=about, at=waiting.asked_at, reason=waiting.said)
    take_back(lake, notice)
    return notice


def _attested(request: ReleaseRequest) -> Publication | None:
    """The publication with what will be attested, fixed once; None when the request is not approved, or not by all who must."""
    with transaction.atomic():
        request = locked(request)
        earlier = Publication.objects.filter(request=request).first()
        if earlier is not None:
            return earlier
        if isinstance(policy.transition(request, "publish"), str):
            return None
        approval = request.standing_approval
        if approval is None and set(policy.capacities(request)) - policy.signed_capacities(request):
            return None
        signoffs = request.signoffs.filter(round=request.round, evidence_digest=request.evidence_digest, decision="approve")
        now = timezone.now()
        event = audit.record(None, "start_publication", request, manifest=request.manifest_sha256, evidence=request.evidence_digest)
        attestation = Attestation(
            signoffs=(
                *(_signed_off(each) for each in signoffs.order_by("decided_at")),
                *([_standing(approval, request)] if approval is not None else []),
            ),
            evidence_digest=str(request.evidence_digest),
            published_at=_moment(now),
            release_policy=str(request.release_policy),
            audit_sequence=event.sequence,
            audit_digest=event.digest,
        )
        return Publication.objects.create(
            request=request,
            slug=request.slug,
            release_version=request.release_version,
            manifest_sha256=request.manifest_sha256,
            predicate=attestation.predicate(),
            started_at=now,
        )


def _published(publication: Publication, notice: Notice, key_id: str) -> Publication | None:
    with transaction.atomic():
        request = locked(publication.request)
        step = policy.transition(request, "publish")
        if isinstance(step, str):
            return None  # another publisher was quicker
        publication = locked(publication)
        publication.published_at, publication.key_id, publication.notice_sequence = timezone.now(), key_id, notice.sequence
        publication.problem = ""
        publication.save()
        request.state, request.changed_at = step.target, timezone.now()
        request.save()
        audit.record(
            None, "publish", request, slug=publication.slug, version=publication.release_version, notice=notice.sequence, key=key_id
        )
    return publication


def _refused(publication: Publication, reason: str) -> None:
    """Write down why it could not be published: once for each new reason, however often the publisher tries."""
    if publication.problem == reason:
        return
    with transaction.atomic():
        publication = locked(publication)
        publication.problem = reason
        publication.save()
        audit.record_refusal(None, "publish", publication.request, reason)


def _signed_off(signoff: SignOff) -> SignedOff:
    return SignedOff(signoff.get_capacity_display(), signoff.decision, _moment(signoff.decided_at))


def _standing(approval: StandingApproval, request: ReleaseRequest) -> SignedOff:
    """What stands in place of a signature: the approval of the mechanism and its day, at the time it approved this submission."""
    given = approval.granted_at.astimezone(UTC)
    return SignedOff(f"IG, by standing approval of {given.day} {given:%B %Y}", "approve", _moment(request.submitted_at))


def _moment(at: Any) -> str:
    return str(at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
