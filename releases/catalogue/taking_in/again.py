"""What the store has lost, and how it gets it back: from the lake, checked against what was taken in the first time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.db.models import Exists, OuterRef

from releases.capsule import feed, files
from releases.capsule.layout import CapsuleRefused
from releases.capsule.signing import TrustedKeys
from releases.capsule.verify import verify
from releases.catalogue.models import ReleaseVersion, StoredFile
from releases.catalogue.serving import store as content


def held() -> Iterator[ReleaseVersion]:
    """Every version whose files this site holds."""
    there = ReleaseVersion.objects.exclude(state=ReleaseVersion.State.WITHDRAWN)
    there = there.filter(Exists(StoredFile.objects.filter(version=OuterRef("pk"))))
    return there.select_related("release").defer("manifest", "attestation").order_by("release__slug", "version").iterator()


def lost(version: ReleaseVersion) -> list[StoredFile]:
    """The files of a version that are not in the store any more, or not what they were: each is read to its end."""
    return [each for each in version.files.all() if not _whole(each)]


def take_in_again(version: ReleaseVersion, lake: Path, keys: TrustedKeys, store: Path) -> list[str]:
    """Put back from the folder `lake` what the store has lost of a version; the paths of those files.

    CapsuleRefused when the version is withdrawn, or the capsule there does not hold or is not the very one that was taken in.
    """
    with files.alone(store):
        version.refresh_from_db(fields=["state"])
        if version.state == ReleaseVersion.State.WITHDRAWN:
            raise CapsuleRefused("it was withdrawn: nothing of it is kept here")
        missing = lost(version)
        if missing:
            _put_back(version, missing, lake, keys, store)
    return [each.path for each in missing]


def _put_back(version: ReleaseVersion, missing: list[StoredFile], lake: Path, keys: TrustedKeys, store: Path) -> None:
    folder = lake / feed.capsule_place(version.access_level, version.release.slug, version.version)
    verified = verify(folder, keys, sequence=version.notice_sequence)
    if (verified.manifest_sha256, verified.attestation_sha256) != (version.manifest_sha256, version.attestation_sha256):
        raise CapsuleRefused("the capsule in the lake is not the one that was taken in")
    arrivals = content.Arrivals(store)
    try:
        for each in missing:
            source = folder / each.path
            if each.sealed_as:
                before = each.sealed_as
                place = f"{version.release.slug}/{version.version}/{each.path}"
                each.sealed_as = content.sealed_name(version.access_level, each.role, place)  # the key may be another one now
                content.keep_sealed(store, source, each.sha256, each.sealed_as)
                each.save(update_fields=["sealed_as"])
                if before != each.sealed_as:
                    content.forget_sealed(store, before)
            else:
                content.forget(store, each.sha256)  # damaged, if it is there
                arrivals.take(source, each.sha256)
        arrivals.settle()
    except OSError as error:
        raise CapsuleRefused(f"the capsule cannot be copied: {error.strerror}") from None
    finally:
        arrivals.discard()


def _whole(stored: StoredFile) -> bool:
    digest = hashlib.sha256()
    try:
        with content.opened(stored) as stream:
            for piece in files.chunks(stream):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == stored.sha256
