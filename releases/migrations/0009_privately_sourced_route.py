"""What the privately-sourced route leaves behind: agreements, assessments, DPIAs, plain-English accounts."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0008_trained_models")]
    operations: ClassVar[list[Operation]] = []
