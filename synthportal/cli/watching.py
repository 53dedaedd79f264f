"""A progress bar on standard error, when that is a terminal; nothing at all when it is not."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from generators.progress import Progress
from synthportal.cli import stopping

WIDTH = 24
EVERY = 0.1
"""Seconds between two drawings."""


class Bar:
    """Draws `[######      ]  43 %  counting persons: 12,000 of 27,963 rows` over itself."""

    def __init__(self, stream: TextIO, label: str) -> None:
        self.stream, self.label = stream, label
        self.drawn_at = 0.0
        self.length = 0

    def __call__(self, stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        stopping.check(stage, fraction)
        now = time.monotonic()
        if now - self.drawn_at < EVERY and fraction < 1:
            return
        self.drawn_at = now
        share = min(max(fraction, 0.0), 1.0)
        full = round(share * WIDTH)
        counted = "" if rows is None else f": {rows:,} rows" if total is None else f": {rows:,} of {total:,} rows"
        self._draw(f"{self.label}  [{'#' * full}{' ' * (WIDTH - full)}] {share:4.0%}  {stage}{counted}")

    def _draw(self, line: str) -> None:
        self.stream.write(f"\r{line:<{self.length}}")
        self.stream.flush()
        self.length = len(line)

    def clear(self) -> None:
        """Leave the line empty for what is said next."""
        if self.length:
            self._draw("")
            self.stream.write("\r")
            self.stream.flush()


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A progress callback for one piece of work; `label` says in a word which ("summarise")."""
    if not sys.stderr.isatty():
        yield stopping.check
        return
    bar = Bar(sys.stderr, label)
    try:
        yield bar
    finally:
        bar.clear()


def part(whole: Progress, start: float, end: float) -> Progress:
    """A callback for a piece of work that fills the bar from `start` to `end`."""

    def inner(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        whole(stage, start + (end - start) * fraction, rows, total)

    return inner
