"""Make the pages of datasets that are kept ready and are missing, all at once: after many releases were taken in, or an upgrade."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from releases.catalogue.serving.ready_pages import make_ready
from releases.catalogue.views.dataset import as_kept


class Command(BaseCommand):
    """Makes them now; `ingest --loop` makes them in its pauses."""

    help = "Make the pages of datasets that are kept ready and are missing. ingest --loop does it by itself, in its pauses."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{make_ready(as_kept)} pages made ready")
