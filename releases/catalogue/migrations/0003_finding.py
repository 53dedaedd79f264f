"""What releases are found by: narrow rows to count, and the words in a full-text table of the database's own kind."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

FACETS = ("subject", "purpose", "tier", "fidelity", "access_level", "data_model", "size", "year", "organisation")
WORDS = {
    # Ingest writes plain ASCII tokens, so neither engine has anything of its own to decide.
    "sqlite": [
        "CREATE VIRTUAL TABLE catalogue_words USING fts5(title, columns, subject, description,"
        " tokenize='ascii', detail='column', prefix='1 2 3')"
    ],
    "postgresql": [
        "CREATE TABLE catalogue_words (release_id bigint PRIMARY KEY, words tsvector NOT NULL)",
        "CREATE INDEX catalogue_words_by_word ON catalogue_words USING gin (words) WITH (fastupdate = off)",
    ],
}


def make_words(apps: Any, editor: Any) -> None:
    for statement in WORDS[editor.connection.vendor]:
        editor.execute(statement)


def drop_words(apps: Any, editor: Any) -> None:
    editor.execute("DROP TABLE catalogue_words")


def describe(apps: Any, editor: Any) -> None:
    """What versions taken in earlier are narrowed by; ingest lists them at its next poll."""
    for version in apps.get_model("catalogue", "ReleaseVersion").objects.iterator():
        version.organisation = str(version.manifest.get("organisation", ""))
        version.data_model = str(version.manifest.get("data_model", ""))
        version.fidelity = {"structural": "lowest", "publicly-sourced": "low", "privately-sourced": "higher"}.get(version.tier, "")
        version.year = version.published_at.year
        version.save(update_fields=["organisation", "data_model", "fidelity", "year"])


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0002_register")]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField("feedposition", "revision", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("releaseversion", "organisation", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("releaseversion", "data_model", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("releaseversion", "fidelity", models.CharField(blank=True, default="", max_length=20), preserve_default=False),
        migrations.AddField("releaseversion", "year", models.PositiveSmallIntegerField(default=0)),
        migrations.AddIndex(
            model_name="releaseversion", index=models.Index(fields=["key_id", "key_revoked", "state"], name="signed_by")
        ),
        migrations.CreateModel(
            name="Listing",
            fields=[
                (
                    "release",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to="catalogue.release"
                    ),
                ),
                ("version", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to="catalogue.releaseversion")),
                ("title_key", models.BinaryField()),
                ("row_count", models.PositiveBigIntegerField()),
                ("published_at", models.DateTimeField()),
                *((name, models.TextField(blank=True)) for name in FACETS),
                ("made_as", models.PositiveSmallIntegerField(db_index=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-published_at", "title_key", "release"], name="listed_newest"),
                    models.Index(fields=["title_key", "release"], name="listed_by_title"),
                    models.Index(fields=["-row_count", "title_key", "release"], name="listed_largest"),
                    *(models.Index(fields=[name], name=f"listed_{name}") for name in FACETS),
                ]
            },
        ),
        migrations.CreateModel(
            name="ListedColumns",
            fields=[
                (
                    "listing",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to="catalogue.listing"
                    ),
                ),
                ("lines", models.JSONField(default=list)),
            ],
        ),
        migrations.RunPython(make_words, drop_words),
        migrations.RunPython(describe, migrations.RunPython.noop),
    ]
