"""Where commands write: a whole file or folder appears at its name, or nothing does.

Real records lie only in a work folder beside the output, readable by its owner alone, and are removed with it; should the process be killed
before it can, the next command that writes beside it removes what it left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from generators.errors import InputError

WORK_PREFIX = ".synthportal-work-"
LOCK = "lock"


@contextmanager
def work_folder(beside: Path | None) -> Iterator[Path]:
    """An empty private folder in the folder that holds `beside` (without one: in the current folder), removed at the end."""
    parent = beside.absolute().parent if beside else Path.cwd()
    _usable(parent)
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=parent))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        inner = folder / "work"
        inner.mkdir()
        yield inner
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    """Remove the work folders of processes that no longer live: their lock is free."""
    for folder in parent.glob(f"{WORK_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _usable(parent: Path) -> None:
    if not parent.is_dir():
        raise InputError(f"the folder {parent} does not exist; make it first or choose another --out")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"the folder {parent} may not be written to; choose another --out")


def publish_file(made: Path, out: Path) -> None:
    """Give the finished file `made` the name `out`, whole; it replaces a file of that name. Both on one file system."""
    if out.is_dir():
        raise InputError(f"{out} is a folder; name a file")
    _sync(made)
    made.replace(out)
    _sync(out.absolute().parent)


def publish_text(text: str, out: Path, work: Path) -> None:
    """`text` as the file `out`, whole."""
    made = work / f"{out.name}.made"
    made.write_text(text, encoding="utf-8")
    publish_file(made, out)


def check_new_folder(out: Path) -> None:
    """InputError unless `out` can become a new folder: it must not exist, or be empty."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise InputError(f"{out} exists already; choose a new folder, so that results of two runs are never mixed")


def publish_folder(made: Path, out: Path, *, private: bool = False) -> None:
    """Give the finished folder `made` the name `out`, whole; private: for its owner alone. InputError when `out` holds something."""
    check_new_folder(out)
    for path in sorted(made.rglob("*")):
        _sync(path)
    made.chmod(0o700 if private else 0o755 & ~_umask())
    made.rename(out)  # replaces an empty folder, in one step
    _sync(out.absolute().parent)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
