"""The content-addressed store: a file lies under its own SHA-256, so a name can never come to mean another content.

Rows that are safeguarded lie beside it, sealed, under names that tell nothing: not what they hold, and not whether two are the same.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from django.conf import settings

from releases.capsule import files, layout
from releases.capsule.layout import CapsuleRefused
from releases.catalogue.access.keys import key, keyed_digest, opening
from releases.catalogue.serving import sealed

if TYPE_CHECKING:
    from releases.catalogue.models import StoredFile

FILES, NAMES = "store files", "store names"
"""Purposes of the keys: what lies sealed, and what it is called."""
_INCOMING = ".incoming"


def place(store: Path, sha256: str) -> Path:
    """Where the content with this SHA-256 (hex) lies, whether or not it is there."""
    return store / "sha256" / sha256[:2] / sha256


class Arrivals:
    """Contents on their way into the store: copied one by one, then made durable and put in their places all together.

    The disk is waited for once a batch instead of once a file. Until `settle` has returned nothing of them may be relied on.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.size = 0
        self._waiting: dict[str, Path] = {}
        self._incoming = store / _INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True)

    def take(self, source: Path, sha256: str) -> None:
        """Copy `source` unless its content is there or on its way; CapsuleRefused when it is not what `sha256` says."""
        if sha256 in self._waiting or place(self.store, sha256).is_file():
            return
        temporary = self._incoming / secrets.token_hex(16)
        try:
            size, digest = files.copy(source, temporary)
            if digest != sha256:
                raise CapsuleRefused(f"{layout.shown(source.name)} changed while it was being copied")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._waiting[sha256] = temporary
        self.size += size

    def content(self, sha256: str) -> Path:
        """Where a content that was taken can be read now."""
        return self._waiting.get(sha256) or place(self.store, sha256)

    def settle(self) -> None:
        """Make all of them durable under their own names: what is there already stays."""
        files.sync_together(list(self._waiting.values()))
        folders = set()
        for sha256, temporary in self._waiting.items():
            target = place(self.store, sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.chmod(0o444)
            temporary.replace(target)
            folders.add(target.parent)
        files.sync_together(sorted(folders))
        self._waiting.clear()

    def discard(self) -> None:
        """Remove what did not settle."""
        for temporary in self._waiting.values():
            temporary.unlink(missing_ok=True)


def sealed_name(access_level: str, role: str, place: str) -> str:
    """The name under which a file lies sealed, "" for one that lies open: rows of safeguarded releases are sealed, texts about them not.

    place: the release's name, version and path, which no other file has.
    """
    return keyed_digest(NAMES, place) if access_level != "open" and role == "data" else ""


def keep_sealed(store: Path, source: Path, sha256: str, name: str) -> Path:
    """Put `source` into the store sealed under `name`, whole or not at all; nothing of it is written unsealed."""
    target = sealed_place(store, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = incoming(store)
    try:
        with open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
            _, digest = sealed.seal(files.chunks(stream), temporary, key(FILES))
        if digest != sha256:
            raise CapsuleRefused(f"{layout.shown(source.name)} changed while it was being copied")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    files.sync_folder(target.parent)
    return target


def incoming(store: Path) -> Path:
    """A name for a file on its way in; what a killed process leaves there the next ingest sweeps."""
    (store / _INCOMING).mkdir(parents=True, exist_ok=True)
    return store / _INCOMING / secrets.token_hex(16)


def held(stored: StoredFile) -> Path:
    """Where the bytes of a file of this site lie, sealed or not."""
    store = Path(settings.SYNTHPORTAL_STORE)
    return sealed_place(store, stored.sealed_as) if stored.sealed_as else place(store, stored.sha256)


def opened(stored: StoredFile) -> BinaryIO:
    """The bytes of a file of this site, to be read from any place in it. Whoever calls it has asked `visitors.refused_rows`.

    OSError when the file is not there, damaged, or sealed with another key.
    """
    if not stored.sealed_as:
        return held(stored).open("rb")
    try:
        found = sealed.Sealed(held(stored), *opening(FILES))
    except FileNotFoundError:
        stored.refresh_from_db(fields=["sealed_as"])  # sealed anew, under another name, since the row was read
        found = sealed.Sealed(held(stored), *opening(FILES))
    return cast(BinaryIO, io.BufferedReader(found, sealed.CHUNK))


def forget_sealed(store: Path, name: str) -> None:
    """Remove a sealed file; nothing happens when it is not there."""
    sealed_place(store, name).unlink(missing_ok=True)


def forget(store: Path, sha256: str) -> None:
    """Remove a content that nothing may hand out any more, and its names in `open_tree`; nothing happens when it is not there."""
    shutil.rmtree(store / "open" / "contents" / sha256, ignore_errors=True)
    place(store, sha256).unlink(missing_ok=True)


def sweep(store: Path) -> None:
    """Remove what a killed ingest left half-copied."""
    incoming = store / _INCOMING
    if incoming.is_dir():
        for leftover in incoming.iterdir():
            leftover.unlink(missing_ok=True)


def sealed_place(store: Path, name: str) -> Path:
    """Where the sealed file of that name lies."""
    return store / "sealed" / name[:2] / name
