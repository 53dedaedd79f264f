"""What happens by the clock: RQ's scheduler asks a worker, every night, to look for releases that are due for a re-audit.

Any number of schedulers may run: each look starts a re-audit only where none is under way (`services.reaudits.start_due`).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import django_rq
from django.db import DatabaseError
from rq.cron import CronJob, CronScheduler

from releases.services import reaudits

log = logging.getLogger(__name__)
QUEUE = "default"


def look_for_due() -> None:
    """Start the re-audits that are due. A job of the queue: without arguments, and raising nothing that the queue would keep as text."""
    try:
        started = reaudits.start_due()
    except DatabaseError as error:
        log.error("the look for releases to re-audit failed: %s; the next one comes by itself", type(error).__name__)
        return
    if started:
        log.info("%d re-audits started", len(started))


class NightlyScheduler(CronScheduler):
    """RQ's scheduler, putting its jobs into our own queue: its serializer is JSON, where RQ's default is pickle."""

    def enqueue_jobs(self) -> list[CronJob]:
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            ask()
            job.set_enqueue_time(datetime.now(UTC))
        return due


def ask() -> None:
    """Put one look into the queue."""
    django_rq.get_queue(QUEUE).enqueue_call("releases.cron.look_for_due", result_ttl=0, failure_ttl=3600)


def nightly_scheduler(at: str) -> NightlyScheduler:
    """A scheduler whose look happens at `at`, a cron expression in local time. ValueError when it is none."""
    scheduler = NightlyScheduler(django_rq.get_connection(QUEUE))
    scheduler.register(look_for_due, QUEUE, cron=at)
    return scheduler
