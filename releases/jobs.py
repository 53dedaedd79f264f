"""What the queue runs: one job for every kind of run. Its arguments are the run's id and its attempt's token, nothing else.

A failure that names its way out is shown as it is. Of any other fault only a reference is shown, and only code locations are
logged: an exception's message may hold a record's value.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from generators.errors import Cancelled, InputError
from generators.learning.watch import round_told
from releases.models import Run
from releases.permissions import Refused
from releases.services import runs
from releases.stages import STAGES

log = logging.getLogger(__name__)
BETWEEN_REPORTS = 0.5
"""Seconds between two entries of progress in the database."""


class Reporter:
    """The progress callback of a run: tells the database, not too often, and stops the work when somebody asked for that."""

    def __init__(self, run_id: str, token: str) -> None:
        self.run_id, self.token = run_id, token
        self._last, self._stage = 0.0, ""
        self._rounds: list[list[Any]] = []

    def __call__(self, stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._last < BETWEEN_REPORTS:
            return
        self._last, self._stage = now, stage
        told = round_told(stage)
        if told is not None:
            self._rounds.append(list(told))
        runs.report(self.run_id, self.token, stage, fraction, rows, total, self._rounds)


def perform(run_id: str, token: str, *, beating: bool = True) -> None:
    """Do the run's work, if it is still to be done and this attempt is the one that counts. Raises nothing.

    beating: show signs of life from a thread while the work computes (off where one connection must do, as in tests).
    """
    try:
        _perform(run_id, token, beating)
    except Exception as error:
        # Not even the outcome could be stored. The queue would keep whatever left this function as text, and the texts of those
        # that came before it, which may hold a value. The worker finds the run still running, and sees to it.
        log.error("run %s: its outcome could not be stored: %s at %s", run_id, type(error).__name__, " < ".join(_places(error)))


def _perform(run_id: str, token: str, beating: bool) -> None:
    run = runs.claim(run_id, token)
    if run is None:
        log.info("run %s: nothing to do", run_id)
        return
    try:
        with _heartbeat(run_id, token, beating):
            STAGES[run.kind](run, token, Reporter(run_id, token))
        runs.tidy(Run.objects.get(pk=run_id))
    except Cancelled:
        runs.stopped(run_id, token)
    except (InputError, Refused) as error:
        runs.fail(run_id, token, reason=str(error))
    except Exception as error:
        reference = secrets.token_hex(4).upper()
        log.error("run %s: unexpected fault %s: %s at %s", run_id, reference, type(error).__name__, " < ".join(_places(error)))
        runs.fail(run_id, token, reason=f"An unexpected fault stopped this run. Tell whoever runs this site the reference {reference}.")


def perform_queued(*, beating: bool = False) -> int:
    """Do all waiting runs here and now, those too that follow from them; how many. For a demonstration's first filling, and tests."""
    done = 0
    while (run := Run.objects.filter(state=Run.State.QUEUED).order_by("queued_at", "pk").first()) is not None:
        perform(str(run.pk), run.token, beating=beating)
        done += 1
    return done


@contextmanager
def _heartbeat(run_id: str, token: str, beating: bool) -> Iterator[None]:
    if not beating:
        yield
        return
    over = threading.Event()
    every = max(0.2, settings.SYNTHPORTAL_RUN_LOST_AFTER / 6)

    def beat() -> None:
        try:
            while not over.wait(every):
                try:
                    runs.report(run_id, token)
                except Cancelled:
                    return  # the work itself hears of it at its next step
                except Exception as error:
                    log.warning("run %s: no heartbeat: %s", run_id, type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"heartbeat {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _places(error: BaseException) -> list[str]:
    """Where it happened, innermost first: file names, line numbers and functions alone."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames)][:12]
