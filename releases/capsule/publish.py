"""Publishing: sign a capsule, move it into the lake, say so in the feed. Killed anywhere, it can simply be run again."""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path

from releases.capsule import feed, files, layout
from releases.capsule.attestation import Attestation, attest
from releases.capsule.feed import Notice, NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.manifest import Manifest
from releases.capsule.signing import Signer
from releases.capsule.verify import check_unsigned, verify

INCOMING = ".incoming"
"""Folder of the lake in which capsules are assembled; readers never look there."""

DRILL = "drill-"
"""What the name of every drill's capsule begins with, and of no other: such a capsule is refused, whoever approved it."""


def publish(capsule: Path, lake: Path, signer: Signer, attestation: Attestation) -> Notice:
    """Publish the unsigned capsule in folder `capsule` into the lake; the notice that says so.

    The capsule's files are copied unchanged and `attestation.dsse.json` added. Safe to repeat after a crash at any point: a capsule
    that the feed announces is not announced again, one that lies in the lake unannounced is taken up where it was left. Of publishers on
    one machine one publishes at a time; of several machines, run it on one. CapsuleRefused when the capsule is damaged, nobody signed
    off, or that version was published with another content or withdrawn.
    """
    manifest, content = check_unsigned(capsule)
    if manifest.description.slug.startswith(DRILL):
        raise CapsuleRefused("this capsule is a drill; a drill is never published")
    with files.alone(lake):
        return _published(capsule, manifest, content, lake, signer, attestation)


def take_back(lake: Path, notice: Notice) -> int:
    """Remove from the lake what a withdrawn capsule holds, all but manifest and attestation; how many files. Safe to repeat.

    The two stay so that the audit head which the attestation carries can still be compared, and anybody with a copy can tell what it is.
    Call it once the feed says that it is withdrawn: from then on nobody takes the capsule in, whole or half.
    """
    place, removed = lake / notice.place, 0
    if notice.kind is not NoticeKind.WITHDRAWN or not place.is_dir() or place.is_symlink():
        return 0
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif path.relative_to(place).as_posix() not in (layout.MANIFEST, layout.ATTESTATION):
            path.unlink()
            removed += 1
    files.sync_folder(place)
    return removed


def sweep(lake: Path, *, settled: float = 24 * 3600.0) -> int:
    """Remove what a killed publisher left half-written, untouched for `settled` seconds; how many. Readers never look at these."""
    before, removed = time.time() - settled, 0
    for path in (*(lake / INCOMING).glob("*"), *(lake / feed.FEED).glob(".*")):
        if path.lstat().st_mtime < before:
            files.discard(path) if path.is_dir() else path.unlink()
            removed += 1
    return removed


def _published(capsule: Path, manifest: Manifest, content: bytes, lake: Path, signer: Signer, attestation: Attestation) -> Notice:
    said, digest = manifest.description, hashlib.sha256(content).hexdigest()
    announced = feed.latest_about(lake, said.slug, said.version)
    if announced is not None:
        if announced.manifest_sha256 != digest:
            raise CapsuleRefused(f"version {said.version} of {said.slug} was published already, with another content")
        if announced.kind is NoticeKind.WITHDRAWN:
            raise CapsuleRefused(f"version {said.version} of {said.slug} was withdrawn; publish a new version")
        feed.heartbeat(lake, signer)
        return announced
    place = lake / feed.capsule_place(said.access_level, said.slug, said.version)
    envelope = _left_behind(place, digest, signer)
    if envelope is None:
        envelope = attest(content, attestation, signer)
        _move_in(capsule, manifest, content, envelope, lake, place)
    return feed.append(
        lake,
        signer,
        NoticeKind.PUBLISHED,
        slug=said.slug,
        version=said.version,
        access_level=said.access_level,
        manifest_sha256=digest,
        attestation_sha256=hashlib.sha256(envelope).hexdigest(),
        at=attestation.published,
    )


def _left_behind(place: Path, manifest_sha256: str, signer: Signer) -> bytes | None:
    """The attestation of a whole capsule that an earlier try moved in but did not announce; a useless one is removed."""
    if not place.exists():
        return None
    try:
        if verify(place, signer.trusted()).manifest_sha256 == manifest_sha256:
            return (place / layout.ATTESTATION).read_bytes()
    except CapsuleRefused:
        pass  # announced by no notice, so nobody has seen it: make it anew
    files.discard(place)
    return None


def _move_in(capsule: Path, manifest: Manifest, content: bytes, envelope: bytes, lake: Path, place: Path) -> None:
    said = manifest.description
    incoming = lake / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    stem = f"{said.slug}-{said.version}."
    for leftover in incoming.iterdir():
        if leftover.name.startswith(stem):
            files.discard(leftover)
    assembling = incoming / f"{stem}{secrets.token_hex(6)}"
    assembling.mkdir()
    for entry in manifest.files:
        target = assembling / entry.path
        target.parent.mkdir(exist_ok=True)
        if files.copy_durably(capsule / entry.path, target) != (entry.size, entry.sha256):
            raise CapsuleRefused(f"{layout.shown(entry.path)} changed while the capsule was being published")
    files.write_durably(assembling / layout.MANIFEST, content)
    files.write_durably(assembling / layout.ATTESTATION, envelope)
    files.sync_tree(assembling)
    place.parent.mkdir(parents=True, exist_ok=True)
    assembling.rename(place)
    for folder in (place.parent, place.parent.parent, lake):
        files.sync_folder(folder)
