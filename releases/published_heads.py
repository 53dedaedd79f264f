"""Heads of the audit chain that published capsules carry: what a rewritten trail would disagree with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from releases.audit import Verification, verify_chain
from releases.capsule import feed, layout
from releases.capsule.attestation import attested
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import KeyRefused, TrustedKeys
from releases.capsule.verify import verify


@dataclass(frozen=True)
class Checked:
    """What a check of the trail found. not_compared: why no published release was compared, as a sentence; "" when they were."""

    found: Verification
    problems: tuple[str, ...]
    not_compared: str = ""

    @property
    def intact(self) -> bool:
        return not self.problems


def check_trail(lake: Path, keys: TrustedKeys, *, whole: bool = True) -> Checked:
    """Walk the chain and compare it with the heads in `lake`. whole: hash every file of every capsule, not its signature alone."""
    heads: list[dict[str, object]] = []
    problems: list[str] = []
    try:
        heads.extend(published_heads(lake, keys, whole=whole))
    except CapsuleRefused as refusal:
        problems.append(f"the lake: {refusal.reason}")
    found = verify_chain(heads)
    return Checked(found, (*problems, *found.problems))


def check_trail_here(lake: Path, pinned: Path) -> Checked:
    """The same at once, for a page: signatures alone; the chain by itself when no key is pinned or the lake cannot be read."""
    try:
        return check_trail(lake, TrustedKeys.load(pinned), whole=False)
    except KeyRefused:
        reason = "this site has no pinned public key of the publisher"
    except OSError:
        reason = "this site cannot read the folder of published releases"
    found = verify_chain()
    return Checked(found, found.problems, reason)


def published_heads(lake: Path, keys: TrustedKeys, *, whole: bool = True) -> Iterator[dict[str, object]]:
    """`{"sequence", "digest"}` of every announced capsule, signed by a pinned key; CapsuleRefused when one does not hold.

    Of a withdrawn one only manifest and attestation are left.
    """
    notices = list(feed.read(lake, keys))
    withdrawn = {(notice.slug, notice.version) for notice in notices if notice.kind is feed.NoticeKind.WITHDRAWN}
    for notice in notices:
        place = lake / notice.place
        if notice.kind != feed.NoticeKind.PUBLISHED or not (place / layout.ATTESTATION).is_file():
            continue
        if whole and (notice.slug, notice.version) not in withdrawn:
            attestation = verify(place, keys, sequence=notice.sequence).attestation
        else:
            envelope, manifest = (
                _start(place / name, limit)
                for name, limit in ((layout.ATTESTATION, layout.MAX_ATTESTATION), (layout.MANIFEST, layout.MAX_MANIFEST))
            )
            attestation, _ = attested(envelope, manifest, keys, sequence=notice.sequence)
        yield {"sequence": attestation.audit_sequence, "digest": attestation.audit_digest}


def _start(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a file: a longer one is no capsule's, and its signature fails."""
    with path.open("rb") as stream:
        return stream.read(limit)
