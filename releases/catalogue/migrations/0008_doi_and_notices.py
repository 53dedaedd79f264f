"""The DOI of a version; the notices of the feed as they were taken in."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0007_ready_pages")]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name="releaseversion",
            name="doi",
            field=models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(model_name="releaseversion", name="doi_at", field=models.DateTimeField(null=True)),
        migrations.AddConstraint(
            model_name="releaseversion",
            constraint=models.UniqueConstraint(condition=~models.Q(doi=""), fields=["doi"], name="one_version_per_doi"),
        ),
        migrations.CreateModel(
            name="FeedNotice",
            fields=[
                ("sequence", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=20)),
                ("at", models.DateTimeField()),
                ("slug", models.CharField(max_length=80)),
                ("version", models.PositiveIntegerField()),
                ("reason", models.TextField(blank=True)),
                ("digest", models.CharField(max_length=64)),
                ("key_id", models.CharField(max_length=64)),
            ],
        ),
    ]
