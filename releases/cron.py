"""What happens by the clock: RQ's scheduler asks a worker, every night, to look for what is due: re-audits, reminders, expired approvals.

Any number of schedulers may run: each look starts a re-audit only where none is under way (`services.reaudits.start_due`).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import django_rq
from django.db import DatabaseError
from rq.cron import CronJob, CronScheduler

from releases.services import deadlines, reaudits

log = logging.getLogger(__name__)
QUEUE = "default"


def look_for_due() -> None:
    """Start the re-audits that are due, return approvals that expired, remind people of what waits.

    A job of the queue: without arguments, and raising nothing that the queue would keep as text.
    """
    for look in (reaudits.start_due, deadlines.expire_approvals, deadlines.remind):
        try:
            found = look()
        except DatabaseError as error:
            log.error("%s failed: %s; the next look comes by itself", look.__name__, type(error).__name__)
            continue
        if found:
            log.info("%s: %d", look.__name__, found if isinstance(found, int) else len(found))


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
