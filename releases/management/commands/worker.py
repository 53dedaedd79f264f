"""`manage.py worker`: does the waiting runs."""

from typing import Any

from django.core.management.base import BaseCommand

from releases.worker import release_worker


class Command(BaseCommand):
    help = "Does the waiting runs, one at a time, and finds those whose worker died. Start as many as there are cores."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--burst", action="store_true", help="stop when nothing is waiting")

    def handle(self, *args: Any, **options: Any) -> None:
        import releases.jobs  # noqa: F401 - loaded once here rather than in every fork

        worker = release_worker()
        worker.reconcile()
        worker.work(burst=options["burst"], logging_level="WARNING")
