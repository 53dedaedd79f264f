"""How far the log of files that nginx sent by itself was read."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0008_doi_and_notices")]
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="FetchedPosition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("inode", models.PositiveBigIntegerField(default=0)),
                ("offset", models.PositiveBigIntegerField(default=0)),
            ],
            options={"constraints": [models.CheckConstraint(condition=models.Q(pk=1), name="one_fetched_position")]},
        ),
    ]
