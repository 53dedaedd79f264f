"""Starts a set of processes, shows what they print, starts again one that dies, and leaves none behind.

One thread, one loop: reads the children's output, notices their deaths, watches for a signal to stop.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TextIO

from synthportal import guardian

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds after which a process that dies counts as having run well: the pause before its next start is the first one again."""
GIVE_UP_AFTER = 4
"""Deaths of one process, before everything has started, after which the whole start is given up."""
STOP_WITHIN = 4.0
"""Seconds the processes have to end by themselves."""


@dataclass(frozen=True)
class Program:
    """One process to run. `environment` is the whole of it: nothing is inherited."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class StartFailed(Exception):
    """The processes could not be started; the message is one line for whoever started them."""


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    pause: float = FIRST_PAUSE
    start_at: float = 0.0
    unfinished: bytes = b""

    def living(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Runs `programs` until told to stop.

    ready: asked again and again until it says True; then `announce` is called, once.
    """

    programs: Sequence[Program]
    ready: Callable[[], bool] = lambda: True
    announce: Callable[[], None] = lambda: None
    out: TextIO = field(default_factory=lambda: sys.stdout)
    mark: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        self._children = [_Child(program) for program in self.programs]
        self._width = max((len(p.name) for p in self.programs), default=0)
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._announced = False

    def run(self) -> None:
        """Start everything, keep it running, and return when a SIGINT, SIGTERM or SIGHUP said stop and all have ended.

        Raises StartFailed (after ending everything) when a process keeps dying before all are ready.
        """
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        watcher = self._start_guardian()
        try:
            self._loop()
        finally:
            self._end()
            if watcher.stdin:
                watcher.stdin.close()
            watcher.wait()
            self._selector.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def say(self, line: str, name: str = "synthportal") -> None:
        """Print `line` with the name of the process it comes from. A reader that has gone away is no reason to fall."""
        with contextlib.suppress(OSError, ValueError):
            print(f"{name:<{self._width}} | {line}", file=self.out, flush=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start_guardian(self) -> subprocess.Popen[bytes]:
        # Without the mark in its environment, or it would end itself.
        return subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "synthportal.guardian", self.mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != guardian.MARK},
            cwd=Path(__file__).parent.parent,
        )

    def _loop(self) -> None:
        while not self._stopping:
            now = time.monotonic()
            for child in self._children:
                if child.process is not None and child.process.poll() is not None:
                    self._bury(child, now)
                if child.process is None and now >= child.start_at and not self._stopping:
                    self._start(child, now)
            self._read(0.2)
            if not self._announced and all(child.living() for child in self._children) and self.ready():
                self._announced = True
                self.announce()

    def _start(self, child: _Child, now: float) -> None:
        program = child.program
        try:
            process = subprocess.Popen(  # noqa: S603 - the programs this was made to run
                list(program.command),
                env={**program.environment, guardian.MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # This process has one thread, so code between fork and exec is safe.
                preexec_fn=guardian.die_with_parent,
            )
        except OSError as error:
            raise StartFailed(f"{program.name}: {program.command[0]} could not be started ({error.strerror})") from None
        assert process.stdout is not None  # noqa: S101 - asked for above
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)
        child.process, child.started, child.unfinished = process, now, b""

    def _bury(self, child: _Child, now: float) -> None:
        """Note the death of `child`, end what it leaves in its group, and set when it is started again."""
        process = child.process
        assert process is not None and process.stdout is not None  # noqa: S101, PT018 - called for a child that has died
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self._show(child, process.stdout.read() or b"", last=True)
        self._selector.unregister(process.stdout)
        process.stdout.close()
        child.process = None
        if self._stopping:
            return
        child.deaths += 1
        if not self._announced and child.deaths >= GIVE_UP_AFTER:
            raise StartFailed(f"{child.program.name} ended {child.deaths} times while starting; its last lines are above")
        child.pause = FIRST_PAUSE if now - child.started > STEADY else min(child.pause * 2, LONGEST_PAUSE)
        child.start_at = now + child.pause
        self.say(f"{child.program.name} ended ({_ending(process.returncode)}); starting it again in {child.pause:.0f} s")

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            child: _Child = key.data
            try:
                text = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            if text:
                self._show(child, text)
            else:
                # The output is closed but the process may live on a moment: not to spin until it is buried.
                time.sleep(0.05)

    def _show(self, child: _Child, text: bytes, *, last: bool = False) -> None:
        lines = (child.unfinished + text).split(b"\n")
        child.unfinished = lines.pop()
        if last and child.unfinished:
            lines.append(child.unfinished)
            child.unfinished = b""
        for line in lines:
            self.say(line.decode("utf-8", "replace").rstrip(), child.program.name)

    def _end(self) -> None:
        """Ask all to end, show what they still say, and end what is left, grandchildren in groups of their own included."""
        if self._announced:
            self.say("stopping")
        for child in self._children:
            if child.living() and child.process is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.process.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_WITHIN
        while any(child.living() for child in self._children) and time.monotonic() < end:
            self._read(0.1)
        self._stopping = True
        guardian.end_all(self.mark, grace=0.0)
        for child in self._children:
            if child.process is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
                self._bury(child, time.monotonic())


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
