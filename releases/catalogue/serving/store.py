"""The content-addressed store: a file lies under its own SHA-256, so a name can never come to mean another content."""

from __future__ import annotations

import secrets
from pathlib import Path

from releases.capsule import files, layout
from releases.capsule.layout import CapsuleRefused

_INCOMING = ".incoming"


def place(store: Path, sha256: str) -> Path:
    """Where the content with this SHA-256 (hex) lies, whether or not it is there."""
    return store / "sha256" / sha256[:2] / sha256


def keep(store: Path, source: Path, sha256: str) -> Path:
    """Copy `source` into the store, whole or not at all; CapsuleRefused when its content is not what `sha256` says.

    What is there already stays: the store never changes a file.
    """
    target = place(store, sha256)
    if target.is_file():
        return target
    incoming = store / _INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = incoming / secrets.token_hex(16)
    try:
        _, digest = files.copy_durably(source, temporary)
        if digest != sha256:
            raise CapsuleRefused(f"{layout.shown(source.name)} changed while it was being copied")
        temporary.chmod(0o444)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    files.sync_folder(target.parent)
    return target


def forget(store: Path, sha256: str) -> None:
    """Remove a content that nothing may hand out any more; nothing happens when it is not there."""
    place(store, sha256).unlink(missing_ok=True)


def sweep(store: Path) -> None:
    """Remove what a killed ingest left half-copied."""
    incoming = store / _INCOMING
    if incoming.is_dir():
        for leftover in incoming.iterdir():
            leftover.unlink(missing_ok=True)
