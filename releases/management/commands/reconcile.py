"""`manage.py reconcile`: finds runs whose worker died, without a worker."""

from typing import Any

from django.core.management.base import BaseCommand

from releases.services.runs import reconcile


class Command(BaseCommand):
    help = "Finds runs whose worker died and starts them again or fails them. Workers do this by themselves."

    def handle(self, *args: Any, **options: Any) -> None:
        lost = reconcile()
        self.stdout.write(f"{len(lost)} lost" if lost else "nothing was lost")
