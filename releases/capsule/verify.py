"""Is this capsule whole, unchanged, and signed by a key we pinned? Folder or zip, offline; every flipped byte is found."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from releases.capsule import files, layout
from releases.capsule.archive import OpenArchive, folder_name
from releases.capsule.attestation import Attestation, attested
from releases.capsule.layout import CapsuleRefused
from releases.capsule.manifest import Manifest
from releases.capsule.signing import TrustedKeys


@dataclass(frozen=True)
class VerifiedCapsule:
    """A capsule that holds: its manifest, what was attested, by which key, and both files' SHA-256 (hex).

    crcs: CRC-32 of every file, manifest and attestation included (what a zip of it needs).
    """

    manifest: Manifest
    attestation: Attestation
    key_id: str
    manifest_sha256: str
    attestation_sha256: str
    crcs: dict[str, int]


class _Files(Protocol):
    """The files of a capsule, wherever they are; nothing of them trusted."""

    def sizes(self) -> dict[str, int]: ...

    def content(self, path: str) -> Iterator[bytes]: ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sizes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        self._walk(self.folder, "", found)
        return found

    def _walk(self, folder: Path, prefix: str, found: dict[str, int]) -> None:
        with os.scandir(folder) as entries:
            count = 0
            for entry in entries:
                count += 1
                path = layout.safe_path(f"{prefix}{entry.name}")
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode) and not prefix:
                    self._walk(Path(entry.path), f"{path}/", found)
                elif stat.S_ISREG(mode):
                    found[path] = entry.stat(follow_symlinks=False).st_size
                else:
                    raise CapsuleRefused(f"{layout.shown(path)} in the capsule is not a regular file")
                if len(found) > layout.MAX_FILES + 2:
                    raise CapsuleRefused(f"the capsule holds more than {layout.MAX_FILES} files")
            if prefix and not count:
                raise CapsuleRefused(f"the folder {layout.shown(prefix)} in the capsule is empty")

    def content(self, path: str) -> Iterator[bytes]:
        descriptor = os.open(self.folder / path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as stream:
            yield from files.chunks(stream)


class _Archive:
    def __init__(self, opened: OpenArchive) -> None:
        self.opened = opened

    def sizes(self) -> dict[str, int]:
        return {path: size for path, (_, size) in self.opened.places.items()}

    def content(self, path: str) -> Iterator[bytes]:
        return self.opened.content(path)


def verify(path: Path, keys: TrustedKeys, *, sequence: int | None = None) -> VerifiedCapsule:
    """Check a capsule, folder or zip, against pinned keys; CapsuleRefused says what does not hold.

    sequence: number of the notice that announced it, where known (see `TrustedKeys.check_revocation`).
    """
    try:
        if path.is_symlink():
            raise CapsuleRefused("the capsule is a symbolic link; name the folder or file itself")
        if path.is_dir():
            return _verify(_Folder(path), keys, sequence, signed=True)
        if not path.is_file():
            raise CapsuleRefused("there is no capsule at that place")
        opened = OpenArchive.open(path)
        verified = _verify(_Archive(opened), keys, sequence, signed=True)
        said = verified.manifest.description
        if opened.root != folder_name(said.slug, said.version):
            raise CapsuleRefused("the folder inside the archive is not named for the capsule")
        opened.check_frame(verified.crcs)
        return verified
    except OSError as error:
        raise CapsuleRefused(f"the capsule cannot be read: {error.strerror}") from None


def check_unsigned(folder: Path) -> tuple[Manifest, bytes]:
    """A capsule before publishing: its manifest, parsed and as bytes, every file checked, no attestation there; else CapsuleRefused."""
    try:
        found = _Folder(folder)
        content, manifest, _ = _contents(found, found.sizes(), signed=False)
    except OSError as error:
        raise CapsuleRefused(f"the capsule cannot be read: {error.strerror}") from None
    return manifest, content


def _verify(found: _Files, keys: TrustedKeys, sequence: int | None, *, signed: bool) -> VerifiedCapsule:
    sizes = found.sizes()
    if layout.ATTESTATION not in sizes:
        raise CapsuleRefused("the capsule is not signed: attestation.dsse.json is missing")
    envelope = _small(found, sizes, layout.ATTESTATION, layout.MAX_ATTESTATION)
    manifest_bytes = _small(found, sizes, layout.MANIFEST, layout.MAX_MANIFEST)
    # The signature comes first: nothing an unknown hand wrote is read further than it takes to see that.
    attestation, key_id = attested(envelope, manifest_bytes, keys, sequence=sequence)
    content, manifest, crcs = _contents(found, sizes, signed=signed)
    if content != manifest_bytes:
        raise CapsuleRefused("the capsule changed while it was being checked")
    crcs[layout.ATTESTATION] = zlib.crc32(envelope)
    return VerifiedCapsule(
        manifest, attestation, key_id, hashlib.sha256(manifest_bytes).hexdigest(), hashlib.sha256(envelope).hexdigest(), crcs
    )


def _contents(found: _Files, sizes: dict[str, int], *, signed: bool) -> tuple[bytes, Manifest, dict[str, int]]:
    content = _small(found, sizes, layout.MANIFEST, layout.MAX_MANIFEST)
    manifest = Manifest.from_bytes(content)
    expected = {entry.path for entry in manifest.files} | {layout.MANIFEST} | ({layout.ATTESTATION} if signed else set())
    for path in sorted(expected - set(sizes)):
        raise CapsuleRefused(f"{layout.shown(path)} is missing from the capsule")
    for path in sorted(set(sizes) - expected):
        raise CapsuleRefused(f"{layout.shown(path)} does not belong to the capsule")
    crcs = {layout.MANIFEST: zlib.crc32(content)}
    for entry in manifest.files:
        if sizes[entry.path] != entry.size:
            raise CapsuleRefused(f"{layout.shown(entry.path)} is {sizes[entry.path]} bytes long; the manifest says {entry.size}")
        digest, crc = hashlib.sha256(), 0
        for chunk in found.content(entry.path):
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
        if digest.hexdigest() != entry.sha256:
            raise CapsuleRefused(f"{layout.shown(entry.path)} is not the file the manifest lists: its SHA-256 differs")
        crcs[entry.path] = crc
    return content, manifest, crcs


def _small(found: _Files, sizes: dict[str, int], path: str, limit: int) -> bytes:
    if path not in sizes:
        raise CapsuleRefused(f"{layout.shown(path)} is missing from the capsule")
    if sizes[path] > limit:
        raise CapsuleRefused(f"{layout.shown(path)} is larger than {limit} bytes")
    content = bytearray()
    for chunk in found.content(path):
        content += chunk
        if len(content) > limit:
            raise CapsuleRefused(f"{layout.shown(path)} is larger than {limit} bytes")
    return bytes(content)
