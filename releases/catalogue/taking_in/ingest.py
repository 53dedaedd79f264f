"""From the lake into the catalogue: read the feed, verify, copy into the store, record. Anything that does not hold is never shown.

Reading stops at the first notice that does not hold and is tried again at the next poll, so a lake that is mended catches up. While
reading is stopped the heartbeat does not count either: the site grows stale, says so, and in the end hands nothing out, because a
withdrawal may stand behind the notice that cannot be read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from releases.capsule import feed, layout, register
from releases.capsule.feed import FeedRefused, Notice, NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import TrustedKeys
from releases.capsule.verify import VerifiedCapsule, verify
from releases.catalogue.models import FeedPosition, IngestRefusal, RegisterStatement, Release, ReleaseVersion, StoredFile
from releases.catalogue.serving import store as content

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)
"""How far ahead the publisher's clock may be before its heartbeat is refused: one from the future would never grow stale."""


@dataclass(frozen=True)
class Poll:
    """What one poll did: the notices taken in, and why it stopped, if it did."""

    taken: tuple[Notice, ...]
    refusal: str | None


def poll(lake: Path, keys: TrustedKeys, store: Path, *, now: datetime | None = None) -> Poll:
    """Take in every notice after the stored position. Repeating it, also after a crash or beside another, does each thing once."""
    now = now or timezone.now()
    content.sweep(store)
    position = _position()
    pending: list[Notice] = []
    refused: FeedRefused | None = None
    try:
        for notice in feed.read(lake, keys, position.sequence, position.digest):
            pending.append(notice)
    except FeedRefused as refusal:
        refused = refusal
    taken: list[Notice] = []
    for number, notice in enumerate(pending):
        try:
            _take_in(notice, pending[number + 1 :], lake, keys, store)
        except CapsuleRefused as refusal:
            refused = FeedRefused(notice.sequence, refusal.reason)
            break
        taken.append(notice)
    try:
        if refused is None:
            _hear(lake, keys, now)
            _take_register(lake, keys, now)
    except CapsuleRefused as refusal:
        refused = FeedRefused(0, refusal.reason)
    _judge_keys(keys)
    _note(refused, now)
    FeedPosition.objects.filter(pk=1).update(polled_at=now)
    return Poll(tuple(taken), refused.reason if refused else None)


def _position() -> FeedPosition:
    position, _ = FeedPosition.objects.get_or_create(pk=1, defaults={"digest": feed.GENESIS})
    return position


def _take_in(notice: Notice, later: Iterable[Notice], lake: Path, keys: TrustedKeys, store: Path) -> None:
    """Do what one notice says and move the position behind it, in one transaction; files are in the store before it opens."""
    known = ReleaseVersion.objects.filter(release__slug=notice.slug, version=notice.version).first()
    if known is not None and known.manifest_sha256 != notice.manifest_sha256:
        raise CapsuleRefused(f"notice {notice.sequence} names another content for a version that was published already")
    new: ReleaseVersion | None = None
    stored: list[StoredFile] = []
    if known is None and notice.kind is NoticeKind.PUBLISHED:
        new = _announced(notice)
        if any((n.slug, n.version, n.kind) == (notice.slug, notice.version, NoticeKind.WITHDRAWN) for n in later):
            # Its files may be gone from the lake already; and it is never on show, not even until that notice is read.
            new.state = ReleaseVersion.State.WITHDRAWN
        else:
            verified = _copied(notice, lake, keys, store)
            _describe(new, verified, store)
            stored = _stored_files(new, verified, store)
    with transaction.atomic():
        position = FeedPosition.objects.select_for_update().get(pk=1)
        if position.sequence != notice.sequence - 1:
            return  # another poll was quicker
        if known is not None:
            _change(known, notice)
            _forget_withdrawn(known, store)
        elif new is not None:
            new.release, _ = Release.objects.get_or_create(slug=notice.slug)
            new.save(force_insert=True)
            StoredFile.objects.bulk_create(stored)
        else:
            log.warning("notice %d is about a version that this site never held", notice.sequence)
        position.sequence, position.digest = notice.sequence, notice.digest
        position.save(update_fields=["sequence", "digest"])
    log.info("notice %d taken in: %s version %d %s", notice.sequence, notice.slug, notice.version, notice.kind)


def _copied(notice: Notice, lake: Path, keys: TrustedKeys, store: Path) -> VerifiedCapsule:
    """The capsule that a notice announces, verified, every file of it in the store by its SHA-256."""
    folder = lake
    for part in notice.place.split("/"):
        folder = folder / part
        if folder.is_symlink():
            raise CapsuleRefused(f"notice {notice.sequence}: the capsule's place in the lake is a symbolic link")
    try:
        verified = verify(folder, keys, sequence=notice.sequence)
        said = verified.manifest.description
        if (said.slug, said.version, said.access_level) != (notice.slug, notice.version, notice.access_level):
            raise CapsuleRefused("the capsule in that place is another one")
        if (verified.manifest_sha256, verified.attestation_sha256) != (notice.manifest_sha256, notice.attestation_sha256):
            raise CapsuleRefused("the capsule in that place is not the one that was announced")
        # What is copied is checked again against the digests just verified: a file exchanged in between is found.
        for entry in verified.manifest.files:
            content.keep(store, folder / entry.path, entry.sha256)
        content.keep(store, folder / layout.MANIFEST, verified.manifest_sha256)
        content.keep(store, folder / layout.ATTESTATION, verified.attestation_sha256)
    except CapsuleRefused as refusal:
        raise CapsuleRefused(f"notice {notice.sequence}, {notice.slug} version {notice.version}: {refusal.reason}") from None
    except OSError as error:
        raise CapsuleRefused(f"notice {notice.sequence}: the capsule cannot be copied: {error.strerror}") from None
    return verified


def _announced(notice: Notice) -> ReleaseVersion:
    """A version as its notice alone tells of it, unsaved."""
    return ReleaseVersion(
        version=notice.version,
        state=ReleaseVersion.State.PUBLISHED,
        state_at=notice.at,
        title=notice.slug,
        access_level=notice.access_level,
        manifest_sha256=notice.manifest_sha256,
        attestation_sha256=notice.attestation_sha256,
        key_id=notice.key_id,
        notice_sequence=notice.sequence,
        published_at=notice.at,
    )


def _describe(version: ReleaseVersion, verified: VerifiedCapsule, store: Path) -> None:
    """Fill in what the verified capsule says."""
    said = verified.manifest.description
    version.key_id = verified.key_id
    version.title, version.description, version.subject = said.title, said.description, said.subject
    version.tier, version.licence, version.purpose = said.tier, said.licence, said.purpose
    version.row_count = said.made.rows
    version.published_at = verified.attestation.published
    version.manifest = layout.parse_json(verified.manifest.to_bytes(), "the manifest")
    version.attestation = verified.attestation.predicate()
    names = _column_names(verified, store)
    version.column_names, version.column_count = "\n".join(names), len(names)


def _column_names(verified: VerifiedCapsule, store: Path) -> list[str]:
    entry = verified.manifest.file(layout.DICTIONARY_JSON)
    columns = layout.parse_json(content.place(store, entry.sha256).read_bytes(), "the dictionary")
    try:
        return [" ".join(str(column["column"]).split()) for column in columns]
    except (TypeError, KeyError):
        raise CapsuleRefused("the dictionary is not a list of columns") from None


def _stored_files(version: ReleaseVersion, verified: VerifiedCapsule, store: Path) -> list[StoredFile]:
    stored = [
        StoredFile(
            version=version,
            path=entry.path,
            size=entry.size,
            sha256=entry.sha256,
            crc32=verified.crcs[entry.path],
            media_type=entry.media_type,
            role=entry.role,
            table=entry.table or "",
            row_count=entry.rows,
        )
        for entry in verified.manifest.files
    ]
    for path, sha256 in ((layout.MANIFEST, verified.manifest_sha256), (layout.ATTESTATION, verified.attestation_sha256)):
        size = content.place(store, sha256).stat().st_size
        crc = verified.crcs[path]
        stored.append(
            StoredFile(version=version, path=path, size=size, sha256=sha256, crc32=crc, media_type="application/json", role="proof")
        )
    return stored


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
    held = StoredFile.objects.exclude(version__state=ReleaseVersion.State.WITHDRAWN).values("sha256")
    for sha256 in set(version.files.exclude(sha256__in=held).values_list("sha256", flat=True)):
        content.forget(store, sha256)


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


def _judge_keys(keys: TrustedKeys) -> None:
    """Take off the shelf what a key signed that has since been revoked or is no longer pinned, and put back what counts again."""
    fields = ("key_id", "published_at", "notice_sequence", "key_revoked")
    for version in ReleaseVersion.objects.exclude(state=ReleaseVersion.State.WITHDRAWN).only(*fields):
        revoked = version.key_id not in keys.keys
        try:
            keys.check_revocation(version.key_id, "the release", at=version.published_at, sequence=version.notice_sequence)
        except CapsuleRefused:
            revoked = True
        if revoked != version.key_revoked:
            log.warning("release version %d: its key is %s", version.pk, "revoked" if revoked else "trusted again")
            ReleaseVersion.objects.filter(pk=version.pk).update(key_revoked=revoked)


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
