"""Which releases stand by a key that still counts."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from django.db import transaction

from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import TrustedKeys
from releases.catalogue.finding import index
from releases.catalogue.models import ReleaseVersion

log = logging.getLogger(__name__)


def judge_keys(keys: TrustedKeys, store: Path) -> None:
    """Take off the shelf what a key signed that has since been revoked or is no longer pinned, and put back what counts again."""
    for key_id, revoked in _changed(keys).items():
        with transaction.atomic():
            for pk, now in revoked.items():
                log.warning("release version %d: its key %s is %s", pk, key_id[:12], "revoked" if now else "trusted again")
                ReleaseVersion.objects.filter(pk=pk).update(key_revoked=now)
            index.shelve(ReleaseVersion.objects.filter(pk__in=revoked).values_list("release_id", flat=True), store)


def _changed(keys: TrustedKeys) -> dict[str, dict[int, bool]]:
    """By key, the versions whose standing has changed, and whether their key counts no more. One by one only where it depends on when."""
    signed = ReleaseVersion.objects.exclude(state=ReleaseVersion.State.WITHDRAWN).order_by()
    changed: dict[str, dict[int, bool]] = {}
    for key_id in signed.values_list("key_id", flat=True).distinct():
        own = signed.filter(key_id=key_id)
        if key_id in keys.keys and key_id in keys.revocations:
            said = own.values_list("pk", "published_at", "notice_sequence", "key_revoked")
            judged = {pk: (_refused(keys, key_id, at, sequence), was) for pk, at, sequence, was in said}
            changed[key_id] = {pk: now for pk, (now, was) in judged.items() if now != was}
        else:
            now = key_id not in keys.keys
            changed[key_id] = dict.fromkeys(own.filter(key_revoked=not now).values_list("pk", flat=True), now)
    return {key_id: versions for key_id, versions in changed.items() if versions}


def _refused(keys: TrustedKeys, key_id: str, at: datetime, sequence: int) -> bool:
    try:
        keys.check_revocation(key_id, "the release", at=at, sequence=sequence)
    except CapsuleRefused:
        return True
    return False
