"""The worker process: RQ's, which also finds runs whose worker died, at its start, on a timer, and when its own work-horse is gone."""

from __future__ import annotations

import logging
import time
from typing import Any

import django_rq
from django.conf import settings
from django.db import DatabaseError, connections
from rq import Worker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer

from releases.services import drills, leftovers, links, notices, runs, sign_ins, trained, unconfirmed, working_copies

log = logging.getLogger(__name__)


TIDY_EVERY = 3600.0
"""Seconds between two looks for what killed processes left behind."""
TELL_EVERY = 30.0
"""Seconds between two looks for notices to mail and for drills to destroy."""


class ReleaseWorker(Worker):
    """One process that waits, and forks another for each job: what a job does to memory ends with it."""

    _reconciled = 0.0
    _tidied = -TIDY_EVERY
    _told = -TELL_EVERY

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """RQ calls this while waiting and while a job runs; now and then it is time to look for the dead."""
        super().heartbeat(timeout, pipeline)
        every = max(0.5, settings.SYNTHPORTAL_RUN_LOST_AFTER / 4)
        if not self.is_horse and time.monotonic() - self._reconciled >= every:
            self._reconciled = time.monotonic()
            self.reconcile()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run the job in a fork, and see to it at once when the fork died: killed, out of memory, or stopped."""
        connections.close_all()  # a database connection must not be shared across a fork
        super().execute_job(job, queue)
        if job.func_name != runs.JOB:
            return  # the nightly look: there is no run that could have been lost
        run_id, token = job.args
        try:
            runs.lost(run_id, token)
        except DatabaseError as error:
            log.warning("run %s: %s; the next round of reconciling sees to it", run_id, type(error).__name__)

    def reconcile(self) -> None:
        try:
            for run in runs.reconcile():
                log.warning("run %s was lost: now %s", run.pk, run.state)
            if time.monotonic() - self._told >= TELL_EVERY:
                self._told = time.monotonic()
                notices.mail_waiting()
                links.mail_links()
                drills.destroy_revealed()
            if time.monotonic() - self._tidied >= TIDY_EVERY:
                self._tidied = time.monotonic()
                if destroyed := leftovers.destroy_leftovers():
                    log.warning("%d files or folders that killed processes left behind were destroyed", destroyed)
                if ended := sign_ins.end_outlasted():
                    log.info("%d sign-ins whose time was over were ended", ended)
                if destroyed := unconfirmed.destroy_unconfirmed():
                    log.info("%d uploads that nobody confirmed in time were destroyed", destroyed)
                if destroyed := working_copies.destroy_superseded():
                    log.info("%d working copies of older snapshots were destroyed", destroyed)
                if destroyed := trained.destroy_due():
                    log.info("%d models or checkpoints whose time had come were destroyed", destroyed)
        except DatabaseError as error:
            log.warning("reconciling failed: %s", type(error).__name__)
        finally:
            connections.close_all()


def release_worker() -> ReleaseWorker:
    """A worker on the default queue. Waits are short, so that the dead are found in time."""
    connection = django_rq.get_connection("default")
    queue = django_rq.get_queue("default")
    lost_after = float(settings.SYNTHPORTAL_RUN_LOST_AFTER)
    return ReleaseWorker(
        [queue],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=15 + max(1, int(lost_after / 4)),
        job_monitoring_interval=max(1, min(30, int(lost_after / 4))),
    )
