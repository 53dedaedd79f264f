"""The register that the publisher signed."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0001_initial")]
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="RegisterStatement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("content", models.JSONField()),
                ("envelope", models.TextField()),
                ("key_id", models.CharField(max_length=64)),
            ],
            options={"constraints": (models.CheckConstraint(condition=models.Q(pk=1), name="one_register"),)},
        ),
    ]
