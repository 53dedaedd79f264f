"""`manage.py interface_reference`: write docs/reference/interface.md and docs/reference/openapi.json from the interface itself."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from releases.views.interface import reference


class Command(BaseCommand):
    help = "Writes the reference of the interface for machines from its own description."

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs" / "reference"
        (folder / "interface.md").write_text(reference.page(), encoding="utf-8")
        document = json.dumps(reference.description(), indent=1, ensure_ascii=False)
        (folder / "openapi.json").write_text(document + "\n", encoding="utf-8")
        self.stdout.write("docs/reference/interface.md")
