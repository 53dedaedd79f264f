"""From the lake into the catalogue: read the feed, verify, copy into the store, record. Anything that does not hold is never shown.

Reading stops at the first notice that does not hold and is tried again at the next poll, so a lake that is mended catches up. While
reading is stopped the heartbeat does not count either: the site grows stale, says so, and in the end hands nothing out, because a
withdrawal may stand behind the notice that cannot be read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from releases.capsule import feed, files, register
from releases.capsule.feed import FeedRefused, Notice, NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import TrustedKeys
from releases.catalogue.finding import index
from releases.catalogue.models import FeedNotice, FeedPosition, IngestRefusal, RegisterStatement, Release, ReleaseVersion, StoredFile
from releases.catalogue.serving import store as content
from releases.catalogue.taking_in.capsules import Arrival, announced, arrived
from releases.catalogue.taking_in.trust import judge_keys

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)
"""How far ahead the publisher's clock may be before its heartbeat is refused: one from the future would never grow stale."""
AT_ONCE = 200
"""Notices of one transaction: the disk is waited for once for all of them."""
MOST_BYTES = 256 * 1024**2
"""Bytes after which a batch ends early, so that large capsules are not all waited for together."""


@dataclass(frozen=True)
class Poll:
    """What one poll did: the notices taken in, and why it stopped, if it did."""

    taken: tuple[Notice, ...]
    refusal: str | None


def poll(lake: Path, keys: TrustedKeys, store: Path, *, now: datetime | None = None) -> Poll:
    """Take in every notice after the stored position. Repeating it, also after a crash or beside another, does each thing once."""
    with files.alone(store):
        return _poll(lake, keys, store, now or timezone.now())


def _poll(lake: Path, keys: TrustedKeys, store: Path, now: datetime) -> Poll:
    content.sweep(store)
    position = _position()
    _write_down_earlier(lake, keys, position.sequence)
    pending: list[Notice] = []
    refused: FeedRefused | None = None
    try:
        for notice in feed.read(lake, keys, position.sequence, position.digest):
            pending.append(notice)
    except FeedRefused as refusal:
        refused = refusal
    withdrawn = {(notice.slug, notice.version): notice.sequence for notice in pending if notice.kind is NoticeKind.WITHDRAWN}
    taken: list[Notice] = []
    while len(taken) < len(pending):
        batch, stopped = _prepared(pending[len(taken) :], withdrawn, lake, keys, store)
        if batch and not _recorded(batch, store):
            return Poll(tuple(taken), None)  # another poll was quicker: the next one goes on where that one is
        taken += [arrival.notice for arrival in batch]
        if stopped is not None:
            refused = stopped
            break
    try:
        if refused is None:
            _hear(lake, keys, now)
            _take_register(lake, keys, now)
    except CapsuleRefused as refusal:
        refused = FeedRefused(0, refusal.reason)
    judge_keys(keys, store)
    _note(refused, now)
    FeedPosition.objects.filter(pk=1).update(polled_at=now)
    return Poll(tuple(taken), refused.reason if refused else None)


def _position() -> FeedPosition:
    position, _ = FeedPosition.objects.get_or_create(pk=1, defaults={"digest": feed.GENESIS})
    return position


def _write_down_earlier(lake: Path, keys: TrustedKeys, sequence: int) -> None:
    """Write down the notices up to `sequence` that were taken in before notices were written down: once, as far as they still hold
    (a key may have been revoked since).
    """
    if not sequence or FeedNotice.objects.filter(sequence=1).exists():
        return
    earlier: list[Notice] = []
    with suppress(FeedRefused):
        for notice in feed.read(lake, keys):
            if notice.sequence > sequence:
                break
            earlier.append(notice)
    FeedNotice.objects.bulk_create(map(_written_down, earlier), batch_size=1_000, ignore_conflicts=True)


def _written_down(notice: Notice) -> FeedNotice:
    return FeedNotice(
        sequence=notice.sequence,
        kind=str(notice.kind),
        at=notice.at,
        slug=notice.slug,
        version=notice.version,
        reason=notice.reason,
        digest=notice.digest,
        key_id=notice.key_id,
    )


def _prepared(
    pending: Sequence[Notice], withdrawn: Mapping[tuple[str, int], int], lake: Path, keys: TrustedKeys, store: Path
) -> tuple[list[Arrival], FeedRefused | None]:
    """The next notices as they can be recorded, their files durable in the store; and why it ends before the batch is full, if it does.

    withdrawn: the version's number of its withdrawal, of those withdrawn further on.
    """
    pending = pending[:AT_ONCE]
    versions = ReleaseVersion.objects.filter(release__slug__in={notice.slug for notice in pending})
    known = {(slug, number): digest for slug, number, digest in versions.values_list("release__slug", "version", "manifest_sha256")}
    arrivals = content.Arrivals(store)
    batch: list[Arrival] = []
    refused: FeedRefused | None = None
    try:
        for notice in pending:
            key = (notice.slug, notice.version)
            try:
                if known.get(key, notice.manifest_sha256) != notice.manifest_sha256:
                    raise CapsuleRefused(f"notice {notice.sequence} names another content for a version that was published already")
                batch.append(_arrival(notice, key in known, withdrawn.get(key, 0), lake, keys, arrivals))
            except CapsuleRefused as refusal:
                refused = FeedRefused(notice.sequence, refusal.reason)
                break
            if batch[-1].version is not None:
                known[key] = notice.manifest_sha256
            if arrivals.size > MOST_BYTES:
                break
        arrivals.settle()
    finally:
        arrivals.discard()
    return batch, refused


def _arrival(notice: Notice, known: bool, withdrawn: int, lake: Path, keys: TrustedKeys, arrivals: content.Arrivals) -> Arrival:
    if known or notice.kind is not NoticeKind.PUBLISHED:
        return Arrival(notice)
    if withdrawn > notice.sequence:
        # Its files may be gone from the lake already; and it is never on show, not even until that notice is read.
        version = announced(notice)
        version.state = ReleaseVersion.State.WITHDRAWN
        return Arrival(notice, version)
    return arrived(notice, lake, keys, arrivals)


def _recorded(batch: Sequence[Arrival], store: Path) -> bool:
    """Do what the notices say and move the position behind them, in one transaction; False, and nothing, where another poll was quicker.

    Nothing of a batch counts beside another poll: that one may have removed from the store what this one found there.
    """
    notices = [arrival.notice for arrival in batch]
    with transaction.atomic():
        position = FeedPosition.objects.select_for_update().get(pk=1)
        if position.sequence != notices[0].sequence - 1:
            return False
        slugs = {notice.slug for notice in notices}
        alive = {(each.release.slug, each.version): each for each in _versions(slugs)}
        new = {(each.notice.slug, each.notice.version): each.version for each in batch if each.version is not None}
        _create(new, [stored for arrival in batch for stored in arrival.files])
        for notice in notices:
            key = (notice.slug, notice.version)
            if key in alive:
                _change(alive[key], notice)
                _forget_withdrawn(alive[key], store)
            elif key in new:
                alive[key] = new[key]
            else:
                log.warning("notice %d is about a version that this site never held", notice.sequence)
        index.shelve({each.release_id for each in alive.values()}, store)
        FeedNotice.objects.bulk_create(map(_written_down, notices), ignore_conflicts=True)
        position.sequence, position.digest = notices[-1].sequence, notices[-1].digest
        position.save(update_fields=["sequence", "digest"])
    for notice in notices:
        log.info("notice %d taken in: %s version %d %s", notice.sequence, notice.slug, notice.version, notice.kind)
    return True


def _versions(slugs: Iterable[str]) -> Iterable[ReleaseVersion]:
    return ReleaseVersion.objects.filter(release__slug__in=slugs).select_related("release").defer("manifest", "attestation")


def _create(new: Mapping[tuple[str, int], ReleaseVersion], stored: Iterable[StoredFile]) -> None:
    slugs = {slug for slug, _ in new}
    Release.objects.bulk_create([Release(slug=slug) for slug in sorted(slugs)], ignore_conflicts=True)
    releases = {release.slug: release for release in Release.objects.filter(slug__in=slugs)}
    for (slug, _), version in new.items():
        version.release = releases[slug]
    ReleaseVersion.objects.bulk_create(new.values())
    StoredFile.objects.bulk_create(stored, batch_size=1_000)


def _change(known: ReleaseVersion, notice: Notice) -> None:
    if known.state == ReleaseVersion.State.WITHDRAWN and notice.kind is not NoticeKind.WITHDRAWN:
        return  # withdrawn is for good
    if notice.kind is NoticeKind.REAUDITED:
        known.reaudited_at = notice.at
    else:
        known.state, known.state_at, known.state_reason = str(notice.kind), notice.at, notice.reason
    known.save(update_fields=["state", "state_at", "state_reason", "reaudited_at"])


def _forget_withdrawn(version: ReleaseVersion, store: Path) -> None:
    """Remove from the store what only this withdrawn version held. Its rows stay: its addresses still say that it was withdrawn.

    Within the transaction that moves the position: a poll beside this one takes in no later notice, which could name the same content,
    before it has ended.
    """
    if version.state != ReleaseVersion.State.WITHDRAWN:
        return
    held = StoredFile.objects.filter(sealed_as="").exclude(version__state=ReleaseVersion.State.WITHDRAWN).values("sha256")
    for sha256 in set(version.files.filter(sealed_as="").exclude(sha256__in=held).values_list("sha256", flat=True)):
        content.forget(store, sha256)
    for name in version.files.exclude(sealed_as="").values_list("sealed_as", flat=True):
        content.forget_sealed(store, name)


def _take_register(lake: Path, keys: TrustedKeys, now: datetime) -> None:
    """Keep the register when it holds and is not older than the one kept; CapsuleRefused when it does not hold."""
    RegisterStatement.objects.exclude(key_id__in=list(keys.keys)).delete()
    said = register.read(lake, keys)
    if said is None:
        return
    if said.at > now + CLOCKS_APART:
        raise CapsuleRefused("the register comes from the future; set the clocks of both zones")
    with transaction.atomic():
        kept = RegisterStatement.objects.select_for_update().filter(pk=1).first()
        if kept is not None and said.at < kept.at:
            raise CapsuleRefused("the register is older than one already taken in: an old file was put back")
        if kept is None or said.at > kept.at:
            values = {"at": said.at, "content": said.register.as_dict(), "envelope": said.envelope.decode(), "key_id": said.key_id}
            RegisterStatement.objects.update_or_create(pk=1, defaults=values)
            FeedPosition.changed()


def _hear(lake: Path, keys: TrustedKeys, now: datetime) -> None:
    """Judge the heartbeat once everything is read; CapsuleRefused when it tells of notices that are not there, or lies about time."""
    beat = feed.read_heartbeat(lake, keys)
    if beat is None:
        return
    with transaction.atomic():
        position = FeedPosition.objects.select_for_update().get(pk=1)
        if beat.sequence > position.sequence:
            raise CapsuleRefused(f"the feed was cut off: its heartbeat tells of notice {beat.sequence}, it ends at {position.sequence}")
        if beat.sequence == position.sequence and beat.head != position.digest:
            raise CapsuleRefused(f"the heartbeat names another notice {beat.sequence} than the one that was read")
        if position.heartbeat_at is not None and beat.at < position.heartbeat_at:
            raise CapsuleRefused("the heartbeat is older than one already heard: an old file was put back")
        if beat.at > now + CLOCKS_APART:
            raise CapsuleRefused("the heartbeat comes from the future; set the clocks of both zones")
        position.heartbeat_at = beat.at
        position.save(update_fields=["heartbeat_at"])


def _note(refused: FeedRefused | None, now: datetime) -> None:
    """Write a refusal down, once however often it is met; mark those resolved that are met no more."""
    open_ones = IngestRefusal.objects.filter(resolved_at=None)
    if refused is None:
        open_ones.update(resolved_at=now)
        return
    sequence = refused.sequence or None
    met = open_ones.filter(sequence=sequence, reason=refused.reason).first()
    (open_ones.exclude(pk=met.pk) if met else open_ones).update(resolved_at=now)
    if met:
        IngestRefusal.objects.filter(pk=met.pk).update(last_met=now, times=met.times + 1)
        return
    log.error("refused: %s", refused.reason)
    IngestRefusal.objects.create(sequence=sequence, reason=refused.reason, first_met=now, last_met=now)
