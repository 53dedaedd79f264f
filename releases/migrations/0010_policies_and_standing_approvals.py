"""Release policies made here, and standing approvals of mechanisms."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0009_privately_sourced_route")]
    operations: ClassVar[list[Operation]] = []
