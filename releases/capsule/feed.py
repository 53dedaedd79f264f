"""The notice feed: what was published, suspended, withdrawn, re-audited; signed, numbered, each naming the one before by digest.

In the lake: ``feed/00000001.dsse.json`` … and ``feed/heartbeat.dsse.json``, which says the latest number and when the publisher
last looked: a reader sees from it that notices were cut off or that nobody is writing any more.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from releases.capsule import files, layout
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import Signer, TrustedKeys, moment, written

FEED = "feed"
HEARTBEAT = "heartbeat.dsse.json"
NOTICE_TYPE = "application/vnd.synthportal.notice+json"
HEARTBEAT_TYPE = "application/vnd.synthportal.heartbeat+json"
FORMAT = 1
GENESIS = "0" * 64
"""What the first notice names as the one before it."""

_MAX_NOTICE = 64 * 1024
_FILE = re.compile(r"(\d{8})\.dsse\.json")
_FIELDS = {
    "format",
    "sequence",
    "kind",
    "at",
    "slug",
    "version",
    "access_level",
    "manifest_sha256",
    "attestation_sha256",
    "reason",
    "previous",
}


class NoticeKind(StrEnum):
    """What happened to a release version. `published` after `suspended` lifts the suspension."""

    PUBLISHED = "published"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    REAUDITED = "re-audited"


class FeedRefused(CapsuleRefused):
    """A notice that does not hold. `sequence` is the number at which reading must stop."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.sequence = sequence


@dataclass(frozen=True)
class Notice:
    """One signed notice. digest: SHA-256 (hex) of its file; previous: that of the notice before."""

    sequence: int
    kind: NoticeKind
    at: datetime
    slug: str
    version: int
    access_level: str
    manifest_sha256: str
    attestation_sha256: str
    reason: str
    previous: str
    digest: str
    key_id: str

    @property
    def place(self) -> str:
        """Where in the lake the capsule is: never read from the notice, always made from its checked parts."""
        return capsule_place(self.access_level, self.slug, self.version)


@dataclass(frozen=True)
class Heartbeat:
    """What the publisher last said: when, and the latest notice's number and digest (0 and `GENESIS` before the first)."""

    at: datetime
    sequence: int
    head: str


def capsule_place(access_level: str, slug: str, version: int) -> str:
    """A capsule's folder in the lake, relative to it."""
    return f"{access_level}/{slug}/{version}"


def notice_name(sequence: int) -> str:
    """A notice's file name."""
    return f"{sequence:08d}.dsse.json"


def append(
    lake: Path,
    signer: Signer,
    kind: NoticeKind,
    *,
    slug: str,
    version: int,
    access_level: str,
    manifest_sha256: str,
    attestation_sha256: str,
    at: datetime,
    reason: str = "",
) -> Notice:
    """Sign the next notice and put it into the feed, then beat the heart. Two publishers at once get different numbers.

    Appends each time it is called; `publish` and `announce` are the callers that first look whether it was done.
    """
    (lake / FEED).mkdir(parents=True, exist_ok=True)
    while True:
        sequence, previous = head(lake)
        payload = {
            "format": FORMAT,
            "sequence": sequence + 1,
            "kind": str(kind),
            "at": written(at),
            "slug": slug,
            "version": version,
            "access_level": access_level,
            "manifest_sha256": manifest_sha256,
            "attestation_sha256": attestation_sha256,
            "reason": reason,
            "previous": previous,
        }
        envelope = signer.sign(layout.canonical_json(payload), NOTICE_TYPE)
        notice = _notice(envelope, sequence + 1, previous, signer.trusted())
        try:
            files.create_durably(lake / FEED / notice_name(sequence + 1), envelope)
        except FileExistsError:
            continue
        heartbeat(lake, signer)
        return notice


def announce(lake: Path, signer: Signer, kind: NoticeKind, *, about: Notice, at: datetime, reason: str = "") -> Notice:
    """Say that the release version of notice `about` is now suspended, withdrawn, re-audited, or published again.

    Safe to repeat: when the latest notice about that version says so already, it is returned.
    """
    latest = latest_about(lake, about.slug, about.version)
    if latest is not None and latest.kind is kind and kind is not NoticeKind.REAUDITED:
        return latest
    return append(
        lake,
        signer,
        kind,
        slug=about.slug,
        version=about.version,
        access_level=about.access_level,
        manifest_sha256=about.manifest_sha256,
        attestation_sha256=about.attestation_sha256,
        at=at,
        reason=reason,
    )


def heartbeat(lake: Path, signer: Signer, *, at: datetime | None = None) -> Heartbeat:
    """Say that the publisher is alive, now (or `at`), and which notice is the latest. Replaces the last heartbeat."""
    at = at or datetime.now(UTC)
    (lake / FEED).mkdir(parents=True, exist_ok=True)
    sequence, digest = head(lake)
    payload = {"format": FORMAT, "at": written(at), "sequence": sequence, "head": digest}
    files.replace_durably(lake / FEED / HEARTBEAT, signer.sign(layout.canonical_json(payload), HEARTBEAT_TYPE))
    return Heartbeat(moment(written(at)), sequence, digest)


def read_heartbeat(lake: Path, keys: TrustedKeys) -> Heartbeat | None:
    """The publisher's last heartbeat; None when there has been none. CapsuleRefused when it does not hold."""
    envelope = _bytes(lake / FEED / HEARTBEAT)
    if envelope is None:
        return None
    signed = keys.opened(envelope, HEARTBEAT_TYPE, "the heartbeat")
    raw = layout.parse_json(signed.payload, "the heartbeat")
    if not isinstance(raw, dict) or set(raw) != {"format", "at", "sequence", "head"} or raw["format"] != FORMAT:
        raise CapsuleRefused(f"the heartbeat is not of format {FORMAT}")
    if type(raw["sequence"]) is not int or raw["sequence"] < 0 or not layout.is_digest(raw["head"]):
        raise CapsuleRefused("the heartbeat lacks a part")
    beat = Heartbeat(moment(raw["at"]), raw["sequence"], raw["head"])
    keys.check_revocation(signed.key_id, "the heartbeat", at=beat.at, sequence=beat.sequence)
    return beat


def read(lake: Path, keys: TrustedKeys, after: int = 0, previous: str = GENESIS) -> Iterator[Notice]:
    """The notices after number `after`, whose file's digest is `previous`, in order, each checked.

    Raises FeedRefused at the first that is missing, damaged, unsigned, signed by an unknown or revoked key, out of sequence, or
    not chained to the one before; those already yielded hold.
    """
    last = max(_numbers(lake), default=0)
    for sequence in range(after + 1, last + 1):
        try:
            envelope = _bytes(lake / FEED / notice_name(sequence))
            if envelope is None:
                raise CapsuleRefused(f"notice {sequence} is missing from the feed; notice {last} is there")
            notice = _notice(envelope, sequence, previous, keys)
        except CapsuleRefused as refusal:
            raise FeedRefused(sequence, refusal.reason) from None
        previous = notice.digest
        yield notice


def head(lake: Path) -> tuple[int, str]:
    """Number and digest of the latest notice as it lies in the lake, unverified; 0 and `GENESIS` when there is none."""
    sequence = max(_numbers(lake), default=0)
    if not sequence:
        return 0, GENESIS
    envelope = _bytes(lake / FEED / notice_name(sequence))
    return sequence, hashlib.sha256(envelope or b"").hexdigest()


def latest_about(lake: Path, slug: str, version: int) -> Notice | None:
    """The publisher's own look at its feed: the latest notice about a release version, None when there is none.

    Reads what the publisher wrote, so it checks the form but not the signature (keys rotate; the chain is checked by readers).
    """
    for sequence in sorted(_numbers(lake), reverse=True):
        notice = own(lake, sequence)
        if notice is not None and (notice.slug, notice.version) == (slug, version):
            return notice
    return None


def own(lake: Path, sequence: int) -> Notice | None:
    """The publisher's own look at notice `sequence` of its feed, not verified; None when it is not there."""
    envelope = _bytes(lake / FEED / notice_name(sequence))
    return None if envelope is None else unverified(envelope, sequence)


def unverified(envelope: bytes, sequence: int) -> Notice:
    """What a notice says, its form checked but not its signature: to know what to fetch, never what to believe."""
    raw = layout.parse_json(envelope, f"notice {sequence}")
    notice = _parsed(_payload(raw, sequence), sequence, hashlib.sha256(envelope).hexdigest(), _claimed_key(raw))
    return _of_its_file(notice, sequence)


def beaten(envelope: bytes) -> int:
    """Up to which notice an unverified heartbeat says that the feed goes; 0 when it says nothing that can be read."""
    try:
        said = json.loads(base64.b64decode(json.loads(envelope)["payload"]))["sequence"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return 0
    return said if type(said) is int and 0 <= said < 10**8 else 0


def numbered(name: str) -> int | None:
    """The number of the notice that a file of this name holds; None for other names."""
    match = _FILE.fullmatch(name)
    return int(match[1]) if match else None


def _payload(raw: Any, sequence: int) -> bytes:
    try:
        return base64.b64decode(raw["payload"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise CapsuleRefused(f"notice {sequence} is not a DSSE envelope") from None


def _claimed_key(raw: Any) -> str:
    try:
        return str(raw["signatures"][0]["keyid"])
    except (KeyError, TypeError, IndexError):
        return ""


def _numbers(lake: Path) -> list[int]:
    try:
        names = os.listdir(lake / FEED)
    except FileNotFoundError:
        return []
    return [number for name in names if (number := numbered(name)) is not None]


def _bytes(path: Path) -> bytes | None:
    return small_file(path, _MAX_NOTICE)


def small_file(path: Path, largest: int) -> bytes | None:
    """A small file's content; None when it is not there; CapsuleRefused when it is a link, no file, or larger than `largest` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CapsuleRefused(f"{path.name} in the feed cannot be read: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(largest + 1)
    except OSError as error:
        raise CapsuleRefused(f"{path.name} in the feed cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise CapsuleRefused(f"{path.name} in the feed is larger than {largest} bytes")
    return content


def _notice(envelope: bytes, sequence: int, previous: str, keys: TrustedKeys) -> Notice:
    signed = keys.opened(envelope, NOTICE_TYPE, f"notice {sequence}")
    notice = _parsed(signed.payload, sequence, hashlib.sha256(envelope).hexdigest(), signed.key_id)
    _of_its_file(notice, sequence)
    if notice.previous != previous:
        raise CapsuleRefused(f"notice {sequence} does not follow the notice before it")
    keys.check_revocation(signed.key_id, f"notice {sequence}", at=notice.at, sequence=sequence)
    return notice


def _of_its_file(notice: Notice, sequence: int) -> Notice:
    if notice.sequence != sequence:
        raise CapsuleRefused(f"the file of notice {sequence} holds notice {notice.sequence}")
    return notice


def _parsed(payload: bytes, sequence: int, digest: str, key_id: str) -> Notice:
    raw = layout.parse_json(payload, f"notice {sequence}")
    wrong = CapsuleRefused(f"notice {sequence} lacks a part or has one of the wrong kind")
    if not isinstance(raw, dict) or set(raw) != _FIELDS or raw["format"] != FORMAT:
        raise wrong
    numbers = (raw["sequence"], raw["version"])
    if any(type(number) is not int or not 1 <= number < 10**8 for number in numbers) or not layout.is_slug(raw["slug"]):
        raise wrong
    if raw["access_level"] not in layout.ACCESS_LEVELS or not isinstance(raw["reason"], str):
        raise wrong
    if not all(layout.is_digest(raw[name]) for name in ("manifest_sha256", "attestation_sha256", "previous")):
        raise wrong
    try:
        kind = NoticeKind(raw["kind"])
    except ValueError:
        raise CapsuleRefused(f"notice {sequence} is of a kind that this program does not know") from None
    return Notice(
        sequence=raw["sequence"],
        kind=kind,
        at=moment(raw["at"]),
        slug=raw["slug"],
        version=raw["version"],
        access_level=raw["access_level"],
        manifest_sha256=raw["manifest_sha256"],
        attestation_sha256=raw["attestation_sha256"],
        reason=raw["reason"],
        previous=raw["previous"],
        digest=digest,
        key_id=key_id,
    )
