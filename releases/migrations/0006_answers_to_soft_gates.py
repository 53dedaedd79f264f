"""Answers to soft gates, and what somebody would predict.

SQLite makes a table anew to add such a field, and while it does, a trigger elsewhere that names the table cannot be read: those on
sign-offs are taken away for that moment.
"""

from importlib import import_module

from django.db import migrations, models

guards = import_module("releases.migrations.0002_guards_of_the_record")


def take_away(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        guards.unguard(apps, schema_editor)


def put_back(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        guards.guard(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("releases", "0005_cross_tabulations")]
    operations = [
        migrations.RunPython(take_away, put_back),
        migrations.AddField("releaserequest", "gate_answers", models.JSONField(blank=True, default=dict)),
        migrations.AddField("releaserequest", "targets", models.JSONField(blank=True, default=list)),
        migrations.RunPython(put_back, take_away),
    ]
