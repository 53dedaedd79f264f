"""The zone's files: where they lie, and how they come and go. Whole or not at all; nothing outside the zone's own folder."""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from generators.errors import InputError

CHUNK = 1 << 20
FOLDERS = ("uploads", "working", "summaries", "exposures", "models", "checkpoints", "runs", "capsules")


def folder(name: str) -> Path:
    """One of the zone's folders, made (0700) when absent."""
    if name not in FOLDERS:
        raise ValueError(f"no such folder of the zone: {name}")
    path = Path(settings.SYNTHPORTAL_SECURE_FILES) / name
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def receive(chunks: Iterable[bytes], target: Path, *, size: int, limit: int) -> str:
    """Stream an upload to `target`; its SHA-256.

    InputError, and nothing left behind, when it is longer than `limit`, is empty, or is not the `size` bytes that were announced.
    """
    too_big = f"the file is larger than the {limit:,} bytes this site accepts; put it in a secure folder and point at it instead"
    if size > limit:
        raise InputError(too_big)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    digest, received = hashlib.sha256(), 0
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            for chunk in chunks:
                received += len(chunk)
                if received > limit:
                    raise InputError(too_big)
                digest.update(chunk)
                stream.write(chunk)
            if received != size:
                raise InputError(f"the upload was cut off: {received:,} of {size:,} bytes arrived; nothing was kept, please send it again")
            if received == 0:
                raise InputError("the file is empty; nothing was kept")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
        sync(target.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        discard(target.parent)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise InputError("the disk of the secure zone is full; nothing was kept; ask an administrator to make room") from None
        raise
    return digest.hexdigest()


def allowed_roots() -> list[Path]:
    """The folders under which files may be pointed at."""
    return [Path(root).resolve() for root in settings.SYNTHPORTAL_SECURE_FOLDERS]


def allowed_place(path: str) -> Path:
    """The regular file or folder at `path`, under one of the allowed secure folders even after every symbolic link is followed.

    InputError otherwise, in the same words whether it does not exist or lies elsewhere.
    """
    refusal = InputError("there is no regular file or folder at that path under an allowed secure folder")
    roots = allowed_roots()
    if not roots:
        raise InputError("no secure folder is set up for pointing at files; upload the file, or ask an administrator to allow a folder")
    try:
        resolved = Path(path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise refusal from None
    if not Path(path).is_absolute() or not any(resolved.is_relative_to(root) for root in roots):
        raise refusal
    if not resolved.is_file() and not resolved.is_dir():
        raise refusal
    return resolved


def display_name(name: str) -> str:
    """A file's name as people may see it: no folders, no control characters, at most 200 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if unicodedata.category(c)[0] != "C")[:200] or "file"


@contextmanager
def attempt_folder(area: str, run: object, attempt: int) -> Iterator[tuple[Path, Path]]:
    """(where to write, where it will be): a folder of one attempt of a run that appears whole or not at all."""
    final = folder(area) / str(run) / str(attempt)
    part = final.with_name(f"{attempt}.part")
    discard(part)
    discard(final)
    part.mkdir(parents=True, mode=0o700)
    try:
        yield part, final
        sync(part)
        part.rename(final)
        sync(final.parent)
    except BaseException:
        discard(part)
        raise


def discard_attempts(run: object, *, keep: int | None = None) -> None:
    """Remove what attempts of a run left behind, in every area; `keep` the one that counts."""
    for area in ("working", "summaries", "exposures", "models", "runs"):
        root = folder(area) / str(run)
        if root.is_dir():
            for child in root.iterdir():
                if child.name != str(keep):
                    discard(child)
            with suppress(OSError):
                root.rmdir()  # only when nothing is kept


def discard(path: Path) -> None:
    """Remove a folder and all in it, when it is there."""
    shutil.rmtree(path, ignore_errors=True)


def sync(path: Path) -> None:
    """Make a rename in this folder last."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def key(purpose: str) -> bytes:
    """The zone's secret key for one purpose ("tokens", "split"), derived from `tokenisation.key` (made 0600 the first time).

    InputError when others can read that file.
    """
    path = Path(settings.SYNTHPORTAL_TOKENISATION_KEY)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(secrets.token_hex(32).encode())
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(part, path)  # the first of several processes wins; all read the same key
        except FileExistsError:
            pass
        finally:
            part.unlink()
    if path.stat().st_mode & 0o077:
        raise InputError(f"the tokenisation key {path.name} can be read by others; make it private (chmod 600)")
    return hmac.new(path.read_bytes(), purpose.encode(), hashlib.sha256).digest()
