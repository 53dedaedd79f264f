"""Personal tokens of the interface for machines."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0013_review")]
    operations: ClassVar[list[Operation]] = []
