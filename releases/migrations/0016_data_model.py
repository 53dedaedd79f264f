"""The common data model that a steward says a snapshot's tables follow."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0015_sign_in_confirmed")]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name="snapshot",
            name="data_model",
            field=models.CharField(blank=True, max_length=100, null=True),
        ),
    ]
