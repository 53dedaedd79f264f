"""Recovery codes beside the app, for researchers too; holders are told what is off display, and that it is back."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0005_giving_back")]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name="catalogueaccount",
            name="sealed_codes",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="holdernotice",
            name="state",
            field=models.CharField(
                choices=[
                    ("withdrawn", "Withdrawn"),
                    ("suspended", "Suspended"),
                    ("published", "No longer suspended"),
                    ("off-display", "Off display"),
                    ("on-display", "On display again"),
                ],
                max_length=20,
            ),
        ),
    ]
