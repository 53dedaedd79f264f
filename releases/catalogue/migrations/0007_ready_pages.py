"""Pages made before anybody asks."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0006_second_steps")]
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="ReadyPage",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="catalogue.releaseversion",
                    ),
                ),
                ("body", models.BinaryField()),
                ("site", models.TextField()),
                ("made_as", models.CharField(max_length=64)),
            ],
        ),
    ]
