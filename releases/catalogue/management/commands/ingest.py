"""Poll the lake: once, or every so many seconds until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from releases.capsule.files import replace_durably
from releases.capsule.layout import CapsuleRefused
from releases.capsule.object_lake import ObjectLake, StoreUnreachable, carry_in
from releases.capsule.signing import KeyRefused, TrustedKeys, written
from releases.catalogue.access import clock
from releases.catalogue.finding.index import mend
from releases.catalogue.models import FeedPosition
from releases.catalogue.serving import open_tree
from releases.catalogue.serving.fetched import count_fetched
from releases.catalogue.serving.ready_pages import make_ready
from releases.catalogue.taking_in.ingest import poll
from releases.catalogue.views.dataset import as_kept

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Reads the notice feed after the stored position, verifies, and takes capsules into the catalogue."""

    _mended = False
    help = "Take published capsules from the lake into the catalogue: verified, copied, then recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", type=float, metavar="SECONDS", help="poll again and again, this many seconds apart; SIGTERM ends it")

    def handle(self, *args: Any, loop: float | None = None, **options: Any) -> None:
        if loop is None:
            self._once()
            return
        if loop <= 0:
            raise CommandError("--loop needs a number of seconds above 0")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()
            try:
                self._once()
            except (CommandError, DatabaseError, OSError) as error:
                # The lake may be away, a key not pinned yet, the database locked: the next round tries again, and the site grows stale.
                log.error("polling failed: %s", error if isinstance(error, CommandError) else type(error).__name__)
            self._beat()
            until = time.monotonic() + loop
            self._make_ready(until, stop)
            stop.wait(max(0.0, until - time.monotonic()))

    def _make_ready(self, until: float, stop: threading.Event) -> None:
        """Use the pause to make pages that somebody will ask for."""
        try:
            make_ready(as_kept, until=until, stop=stop.is_set)
        except DatabaseError as error:
            log.error("making pages ready failed: %s", type(error).__name__)

    def _once(self) -> None:
        try:
            self._take_in()
        finally:
            # Mails go, and reports grow late, whatever becomes of the lake.
            clock.tick()

    def _take_in(self) -> None:
        if not self._mended:
            # What an older program listed, or nobody yet: once in the life of a process.
            mend(Path(settings.SYNTHPORTAL_STORE))
            open_tree.mend(Path(settings.SYNTHPORTAL_STORE))
            self._mended = True
        try:
            keys = TrustedKeys.load(Path(settings.SYNTHPORTAL_KEYS))
        except KeyRefused as refusal:
            raise CommandError(str(refusal)) from None
        if settings.SYNTHPORTAL_LAKE_STORE:
            self._carry_in()
        count_fetched()
        done = poll(Path(settings.SYNTHPORTAL_LAKE), keys, Path(settings.SYNTHPORTAL_STORE))
        open_tree.keep_fresh(Path(settings.SYNTHPORTAL_STORE))
        for notice in done.taken:
            self.stdout.write(f"notice {notice.sequence}: {notice.slug} version {notice.version} {notice.kind}")
        if done.refusal:
            self.stderr.write(f"refused: {done.refusal}")

    def _carry_in(self) -> None:
        safeguarded = settings.SYNTHPORTAL_LAKE_STORE_SAFEGUARDED
        taken = FeedPosition.objects.filter(pk=1).values_list("sequence", flat=True).first() or 0
        try:
            remote = ObjectLake.of(Path(settings.SYNTHPORTAL_LAKE_STORE), Path(safeguarded) if safeguarded else None)
            apart = settings.SYNTHPORTAL_SAFEGUARDED_LAKE
            carry_in(remote, Path(settings.SYNTHPORTAL_LAKE), after=taken, apart=Path(apart) if apart else None)
        except (CapsuleRefused, StoreUnreachable) as refusal:
            # What was carried in before is still taken in; without a new heartbeat the site grows stale and says so.
            self.stderr.write(f"not carried in: {refusal}")
            log.error("carrying the lake in failed: %s", refusal)

    def _beat(self) -> None:
        """Say that this process lives: the time in `ingest.heartbeat` beside the store, for whoever watches over it."""
        replace_durably(Path(settings.SYNTHPORTAL_STORE).parent / "ingest.heartbeat", f"{written(timezone.now())}\n".encode())
