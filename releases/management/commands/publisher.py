"""`manage.py publisher`: signs and publishes what was approved. The only process that is told where the signing key is."""

from __future__ import annotations

import logging
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from releases.audit import head
from releases.capsule.feed import heartbeat
from releases.capsule.layout import CapsuleRefused
from releases.capsule.object_lake import ObjectLake, StoreUnreachable, carry_out
from releases.capsule.publish import sweep
from releases.capsule.signing import KeyRefused, Signer
from releases.services.publishing import announce_next, publish_next, say_register

log = logging.getLogger(__name__)
COUNT_AGAIN = 3600.0
"""Seconds after which the register is counted again though nothing happened: it is said anew once a day."""


class Command(BaseCommand):
    counted, counted_at = -1, 0.0  # the end of the audit trail when the register was last counted, and when that was
    help = "Publishes approved requests into the lake and beats the notice feed's heart. Needs SYNTHPORTAL_SIGNING_KEY."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--loop", type=float, metavar="SECONDS", help="look again every so many seconds, until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SYNTHPORTAL_SIGNING_KEY:
            raise CommandError("set SYNTHPORTAL_SIGNING_KEY to the signing key's file")
        try:
            signer = Signer.load(Path(settings.SYNTHPORTAL_SIGNING_KEY))
        except KeyRefused as refusal:
            raise CommandError(str(refusal)) from None
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        every = options["loop"]
        sweep(Path(settings.SYNTHPORTAL_LAKE))
        while True:
            try:
                self.publish(signer, stop)
            except (OSError, DatabaseError) as error:
                if every is None:
                    raise
                log.error("publishing failed: %s; trying again", type(error).__name__)
            except (CapsuleRefused, StoreUnreachable) as refusal:
                # What was published waits in the lake's folder; the public site grows stale and says so.
                if every is None:
                    raise CommandError(str(refusal)) from None
                log.error("carrying the lake out failed: %s; trying again", refusal)
            connection.close()
            if every is None or stop.wait(every):
                return

    def publish(self, signer: Signer, stop: threading.Event) -> None:
        lake = Path(settings.SYNTHPORTAL_LAKE)
        while not stop.is_set() and (publication := publish_next(signer, lake)) is not None:
            self.stdout.write(f"published {publication.slug}, version {publication.release_version}")
        while not stop.is_set() and (said := announce_next(signer, lake)) is not None:
            self.stdout.write(f"announced {said.kind}, notice {said.notice_sequence}")
        now, end = time.monotonic(), head().sequence
        if not stop.is_set() and (end != self.counted or now - self.counted_at > COUNT_AGAIN):
            say_register(signer, lake)
            self.counted, self.counted_at = end, now
        heartbeat(lake, signer)
        if settings.SYNTHPORTAL_LAKE_STORE:
            safeguarded = settings.SYNTHPORTAL_LAKE_STORE_SAFEGUARDED
            carry_out(lake, ObjectLake.of(Path(settings.SYNTHPORTAL_LAKE_STORE), Path(safeguarded) if safeguarded else None))
