"""Being asked to stop: Ctrl-C, or a signal to end.

The signal raises KeyboardInterrupt at once. Where a library makes an error of its own of that (the engine does) or loses it in a callback,
the asking is remembered: whatever is raised afterwards means "stopped", and the next word of progress stops the work.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_asked = threading.Event()


def listen() -> None:
    """From now on SIGINT and SIGTERM ask this process to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def asked() -> bool:
    """Whether a signal has asked this process to stop."""
    return _asked.is_set()


def check(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
    """A progress callback that stops the work once that was asked for."""
    if asked():
        raise KeyboardInterrupt


def _stop(number: int, frame: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt
