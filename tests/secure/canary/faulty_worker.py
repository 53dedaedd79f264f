"""The real worker, in which the next job of a kind can be made to go wrong: `python -m tests.secure.canary.faulty_worker FOLDER`.

The file `FOLDER/fault` names kind and fault ("prepare full-disk"); the job that meets it takes it away first, so it happens once.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Never

import django

FOLDER = Path(sys.argv[1]) if __name__ == "__main__" else Path()


def main() -> None:
    django.setup()
    import releases.jobs  # noqa: F401 - as the worker's command does
    from releases.stages import STAGES

    for kind, stage in list(STAGES.items()):
        STAGES[kind] = partial(possibly_faulty, kind, stage)
    from django.core.management import call_command

    call_command("worker")


def possibly_faulty(kind: str, stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    wanted = FOLDER / "fault"
    fault = wanted.read_text().split() if wanted.exists() else []
    if fault[:1] != [kind]:
        stage(run, token, progress)
        return
    wanted.unlink()
    FAULTS[fault[1]](stage, run, token, progress)


def in_the_middle(act: Callable[[], Any]) -> Callable[..., Any]:
    """A progress callback that does `act` once, when real values have been read and partly written."""
    done: list[bool] = []

    def progress(stage: str, fraction: float = 0.0, rows: int | None = None, total: int | None = None) -> None:
        if fraction >= 0.6 and not done:
            done.append(True)
            act()

    return progress


def full_disk(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    def full(descriptor: int) -> Never:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    os.fsync = full
    stage(run, token, progress)


def killed(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    stage(run, token, in_the_middle(lambda: os.kill(os.getpid(), signal.SIGKILL)))


def paused(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    """Works until somebody cancels the run."""

    def wait() -> None:
        (FOLDER / "paused").touch()
        for _ in range(600):
            progress(f"waiting since {time.monotonic()}", 0.6)
            time.sleep(0.1)

    stage(run, token, in_the_middle(wait))


def unexpected(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    """What a library does at worst: warns of a value, dies in a thread of it, and raises an error about it because of another one."""
    import pyarrow as pa

    from releases.services import sources

    lines = sources.raw_data(run.snapshot).read_text(errors="replace").splitlines()

    def act() -> None:
        value = lines[7]
        warnings.warn(f"cannot be understood: {value}", UserWarning, stacklevel=1)
        logging.getLogger("a.library").warning("gave up: %s", ValueError(value))
        thread = threading.Thread(target=_raise, args=(value,))
        thread.start()
        thread.join()
        _Ending(value)
        try:
            raise ValueError(f"could not convert string to float: {value!r}")
        except ValueError as error:
            logging.getLogger("a.library").exception("gave up")
            raise pa.ArrowInvalid(f"In CSV column #3: CSV conversion error to int64: invalid value '{value}'") from error

    stage(run, token, in_the_middle(act))


def unexpected_and_unrecorded(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    """The same, and then the failure cannot even be written down."""
    from django.db import OperationalError

    from releases.services import runs

    def away(*args: object, **kwargs: object) -> Never:
        raise OperationalError("database is locked")

    runs.fail = away
    unexpected(stage, run, token, progress)


def starved(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    """The generator's process gets less memory than its libraries need."""
    import releases.stages as stages

    stages.generate_confined = partial(stages.generate_confined, memory_limit=220 << 20)
    stage(run, token, progress)


def broken_file(stage: Callable[..., Any], run: Any, token: str, progress: Callable[..., Any]) -> None:
    """The file to be evaluated is another one: columns of the wrong types, with values of records in them."""
    import releases.stages as stages

    stages.stored.data = lambda version: {name: FOLDER / "broken.parquet" for name in _data(version)}
    _data = lambda version: [f["table"] for f in version.files]  # noqa: E731
    stage(run, token, progress)


def _raise(value: str) -> Never:
    raise KeyError(value)


class _Ending:
    """Cannot be cleaned up without an error."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __del__(self) -> None:
        raise LookupError(self.value)


FAULTS: dict[str, Callable[..., None]] = {
    "full-disk": full_disk,
    "killed": killed,
    "paused": paused,
    "unexpected": unexpected,
    "unexpected-and-unrecorded": unexpected_and_unrecorded,
    "starved": starved,
    "broken-file": broken_file,
}

if __name__ == "__main__":
    main()
