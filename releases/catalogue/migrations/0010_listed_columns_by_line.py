"""The columns of listed releases line by line, so that of a hit only those are read that have a word. Ingest writes them at its next poll."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0009_fetched_position")]
    operations: ClassVar[list[Operation]] = [
        migrations.RemoveField("listedcolumns", "lines"),
        migrations.AddField("listedcolumns", "tokens", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("listedcolumns", "lines", models.TextField(blank=True, default=""), preserve_default=False),
    ]
