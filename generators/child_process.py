"""What a process has with a child that works for it: the child dies with it, and tells it how far it is in lines of JSON.

Only the standard library is imported: a child calls `die_with_parent` before anything else.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
from collections.abc import Iterator
from typing import IO

PULSE = 1.0
"""Seconds after which a silent child's progress is told again, so that whoever watches can cancel."""

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; exit at once when it already has."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Lines as they come; None after each `PULSE` without one."""
    waiting = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(PULSE):
                yield None
                continue
            block = os.read(stream.fileno(), 65_536)
            if not block:
                return
            *whole, waiting = (waiting + block).split(b"\n")
            yield from whole
