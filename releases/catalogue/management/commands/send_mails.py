"""Post and send the mails that are due: what the ingest loop does by itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from releases.catalogue.access.clock import tick


class Command(BaseCommand):
    """Tells holders, asks for use notes, reminds, and sends the outbox."""

    help = "Send the mails about access that are due, once. The ingest loop does the same every round."

    def handle(self, *args: Any, **options: Any) -> None:
        sent = tick()
        self.stdout.write(f"{sent} mail{'' if sent == 1 else 's'} sent")
