"""Heads of the audit chain that published capsules carry: what a rewritten trail would disagree with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from releases.capsule import feed
from releases.capsule.layout import ATTESTATION
from releases.capsule.signing import TrustedKeys
from releases.capsule.verify import verify


def published_heads(lake: Path, keys: TrustedKeys) -> Iterator[dict[str, object]]:
    """`{"sequence", "digest"}` of every announced capsule, verified by a pinned key; CapsuleRefused when one does not hold."""
    for notice in feed.read(lake, keys):
        place = lake / notice.place
        if notice.kind == feed.NoticeKind.PUBLISHED and (place / ATTESTATION).is_file():
            attestation = verify(place, keys, sequence=notice.sequence).attestation
            yield {"sequence": attestation.audit_sequence, "digest": attestation.audit_digest}
