"""Logs that hold no record's value: of an exception only its type and where in the code it was raised.

A library's message may quote the value it choked on ("could not convert string to float: 'Smith'"),
so no exception's message is logged at all.
"""

from __future__ import annotations

import logging
import resource
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any

_ANNOUNCEMENT = "Traceback (most recent call last)"


def locations(error: BaseException) -> str:
    """The type of `error` and of those it came from, each with its code locations: ``ValueError at profile.py:88 in propose``."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} in {f.name}" for f in traceback.extract_tb(current.__traceback__)]
        lines.append(f"{type(current).__name__} at {' > '.join(frames) or 'an unknown place'}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n  from ".join(lines)


def keep_values_in() -> None:
    """Have this process say nothing about values when it fails by itself: uncaught exceptions, those of threads and of finalisers, and
    warnings go to the log as types and code locations, and a crash leaves no image of its memory.
    """
    log = logging.getLogger("synthportal.fault")

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("uncaught: %s", locations(error))

    def in_thread(fault: threading.ExceptHookArgs) -> None:
        if fault.exc_value is not None and not isinstance(fault.exc_value, SystemExit):
            log.error("in a thread: %s", locations(fault.exc_value))

    def unraisable(fault: sys.UnraisableHookArgs) -> None:
        if fault.exc_value is not None:
            log.error("while tidying up: %s", locations(fault.exc_value))

    def warned(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: str | None = None
    ) -> None:
        log.warning("%s at %s:%s", category.__name__, filename.rsplit("/", 1)[-1], lineno)

    sys.excepthook, threading.excepthook, sys.unraisablehook = uncaught, in_thread, unraisable
    warnings.showwarning = warned
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class LocationsOnly(logging.Formatter):
    """A formatter that writes exceptions as `locations` does."""

    def formatException(self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]) -> str:
        return locations(ei[1]) if ei[1] is not None else ""

    def format(self, record: logging.LogRecord) -> str:
        # Another handler may have cached a text with the message in it.
        record.exc_text = None
        return super().format(record)


class NoValues(logging.Filter):
    """Replaces exceptions among a record's arguments by their type's name, and cuts off tracebacks given as text."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, BaseException):
            record.msg = _without_values(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: _without_values(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(_without_values(value) for value in record.args)
        if isinstance(record.msg, str) and _ANNOUNCEMENT in record.msg:
            record.msg = record.msg.partition(_ANNOUNCEMENT)[0] + "(traceback left out)"
        return True


def _without_values(argument: Any) -> Any:
    if isinstance(argument, BaseException):
        return type(argument).__name__
    if isinstance(argument, str) and _ANNOUNCEMENT in argument:
        return argument.partition(_ANNOUNCEMENT)[0] + "(traceback left out)"
    return argument
