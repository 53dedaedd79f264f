"""Ends the processes of a supervisor that was itself killed, and their children: `python -m synthportal.guardian MARK`.

Every process of one start carries `SYNTHPORTAL_START=MARK` in its environment. The guardian holds the reading end of a pipe
whose writing end the supervisor holds: when the supervisor goes, however it goes, the pipe closes and the guardian ends all
that carry the mark, the work-horse of a worker and the worker of a web server included, which have groups and parents of their own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

MARK = "SYNTHPORTAL_START"
GRACE = 2.0
"""Seconds between asking a process to end and ending it."""

_PR_SET_PDEATHSIG = 1


def marked(mark: str) -> list[int]:
    """The ids of all living processes of the start `mark` but this one. Empty where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # A process that has ended and waits for its parent (a zombie) has an empty environment.
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def end_all(mark: str, grace: float = GRACE) -> None:
    """Ask every process of the start `mark` to end; after `grace` seconds end those that are left."""
    end = time.monotonic() + grace
    number = signal.SIGTERM
    while left := marked(mark):
        for process in left:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue
        if time.monotonic() > end:
            number = signal.SIGKILL
        time.sleep(0.1)


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it dies. Run in the child, before its program; Linux only."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


# Loaded here: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None)


def main() -> None:
    """Wait for the end of standard input, then end every process of the start named on the command line."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1024):
        pass
    end_all(sys.argv[1])


if __name__ == "__main__":
    main()
