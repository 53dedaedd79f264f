"""Writing so that a killed process leaves the whole thing or nothing: temporary name, fsync, rename."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

CHUNK = 1024 * 1024
MANY = 64
"""From so many files on they are made durable by one call."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within it is one at a time, of whatever threads and processes of this machine say so about this folder; a killed one lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a new file and fsync it; the caller renames its folder."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def replace_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`, replacing what is there, at once or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_durably(temporary, content, mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def create_durably(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`; FileExistsError when something is there already, also when another process was first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_durably(temporary, content, mode)
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a written file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_together(paths: Sequence[Path]) -> None:
    """Make written files, or the renames within folders, durable: one by one; or many by one call for all their file system has waiting.

    Of many, waiting for each by itself is what takes the time.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if len(paths) < MANY or syncfs is None:
        for path in paths:
            sync_file(path)
        return
    descriptor = os.open(paths[0], os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def copy_durably(source: Path, target: Path) -> tuple[int, str]:
    """Copy a regular file to a new one, fsync it; its size in bytes and SHA-256 (hex). OSError when `source` is a symbolic link."""
    return copy(source, target, durably=True)


def copy(source: Path, target: Path, *, durably: bool = False) -> tuple[int, str]:
    """The same; durable only when asked for: a caller that copies many files syncs them together."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(descriptor, "rb") as reading, target.open("xb") as writing:
        for chunk in chunks(reading):
            digest.update(chunk)
            size += len(chunk)
            writing.write(chunk)
        if durably:
            writing.flush()
            os.fsync(writing.fileno())
    return size, digest.hexdigest()


def chunks(stream: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """The rest of `stream`, or its next `length` bytes, in pieces."""
    left = length
    while left is None or left > 0:
        piece = stream.read(CHUNK if left is None else min(CHUNK, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def sync_tree(folder: Path) -> None:
    """fsync every folder of a tree whose files are already durable."""
    for place, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(place))


def discard(folder: Path) -> None:
    """Remove a folder and all in it; fine when it is not there."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
