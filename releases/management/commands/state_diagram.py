"""`manage.py state_diagram`: writes docs/states.md."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from releases.state_diagram import page


class Command(BaseCommand):
    help = "Writes docs/states.md from the table of transitions."

    def handle(self, *args: Any, **options: Any) -> None:
        target = Path(settings.BASE_DIR) / "docs" / "states.md"
        target.write_text(page(), encoding="utf-8")
        self.stdout.write(f"wrote {target.name}")
