"""`manage.py cron`: what happens by the clock."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError
from rq.exceptions import StopRequested

from releases.cron import ask, nightly_scheduler

log = logging.getLogger(__name__)
PAUSE = 5.0
"""Seconds before the queue is tried again."""


class Command(BaseCommand):
    help = "Looks, at its start and then every night, for published releases that are due for a re-audit. The workers do the re-audits."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--once", action="store_true", help="look now, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            ask()
            return
        while True:
            try:
                scheduler = nightly_scheduler(settings.SYNTHPORTAL_REAUDIT_AT)
                ask()  # what was due while no scheduler ran
                scheduler.start()  # type: ignore[no-untyped-call]
                return
            except ValueError:
                raise CommandError("SYNTHPORTAL_SECURE_REAUDIT_AT must be a cron expression, such as 30 2 * * *") from None
            except (RedisError, OSError):
                log.warning("the queue cannot be reached; trying again")
            try:
                time.sleep(PAUSE)
            except (StopRequested, KeyboardInterrupt):
                return
