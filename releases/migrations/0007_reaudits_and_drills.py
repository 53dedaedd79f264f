"""Re-audits, announcements, alerts, drills; and what the database itself refuses: changing a re-audit, and publishing a drill.

SQLite drops the triggers of a table that a later migration makes anew: such a migration must call `guard` again.
"""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


APPEND_ONLY = "releases_reauditrecord"
DRILL = "a drill is never published"
RELEASE = "a release cannot be made a drill"
FIXED = "a drill stays what it is"
OUT = "('published', 'suspended', 'withdrawn')"
DRILLED = (
    "(EXISTS (SELECT 1 FROM releases_drill d WHERE d.request_id = NEW.{key}) OR EXISTS (SELECT 1 FROM releases_syntheticversion v "
    "JOIN releases_drill d ON d.request_id = v.request_id JOIN releases_releaserequest r ON r.version_id = v.id WHERE r.id = NEW.{key}))"
)

RULES = (
    # (name, table, event, condition, message)
    (
        "request",
        "releases_releaserequest",
        "UPDATE",
        f"NEW.state IN {OUT} AND (EXISTS (SELECT 1 FROM releases_drill d WHERE d.request_id = NEW.id) OR EXISTS (SELECT 1 FROM "
        "releases_syntheticversion v JOIN releases_drill d ON d.request_id = v.request_id WHERE v.id = NEW.version_id))",
        DRILL,
    ),
    ("publication", "releases_publication", "INSERT", DRILLED.format(key="request_id"), DRILL),
    ("publication_again", "releases_publication", "UPDATE", DRILLED.format(key="request_id"), DRILL),
    (
        "begin",
        "releases_drill",
        "INSERT",
        f"EXISTS (SELECT 1 FROM releases_releaserequest r WHERE r.id = NEW.request_id AND r.state IN {OUT})",
        RELEASE,
    ),
    ("fixed", "releases_drill", "UPDATE", "NEW.request_id <> OLD.request_id OR NEW.kind <> OLD.kind", FIXED),
    ("kept", "releases_drill", "DELETE", "1 = 1", FIXED),
)


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    if vendor == "sqlite":
        statements = [
            f"CREATE TRIGGER {APPEND_ONLY}_no_{event.lower()} BEFORE {event} ON {APPEND_ONLY} "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY} is append-only'); END"
            for event in ("UPDATE", "DELETE")
        ]
        statements += [
            f"CREATE TRIGGER releases_drill_{name} BEFORE {event} ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{message}'); END"
            for name, table, event, condition, message in RULES
        ]
    elif vendor == "postgresql":
        statements = [
            f"CREATE TRIGGER {APPEND_ONLY}_append_only BEFORE UPDATE OR DELETE ON {APPEND_ONLY} "
            "FOR EACH ROW EXECUTE FUNCTION releases_append_only()"
        ]
        for name, table, event, condition, message in RULES:
            row = "OLD" if event == "DELETE" else "NEW"
            statements += [
                f"CREATE FUNCTION releases_drill_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN "
                f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$",
                f"CREATE TRIGGER releases_drill_{name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION releases_drill_{name}()",
            ]
    else:
        raise RuntimeError(f"the database must be SQLite or PostgreSQL: on {vendor} nothing would keep a drill from being published")
    for statement in statements:
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {APPEND_ONLY}_append_only ON {APPEND_ONLY}")
        for name, *_ in RULES:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS releases_drill_{name}() CASCADE")
        return
    for event in ("update", "delete"):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {APPEND_ONLY}_no_{event}")
    for name, *_ in RULES:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS releases_drill_{name}")


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0006_answers_to_soft_gates"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(
                choices=[
                    ("profile", "Reading the file"),
                    ("prepare", "Preparing the working copy"),
                    ("summarise", "Summarising"),
                    ("generate", "Generating"),
                    ("evaluate", "Evaluating"),
                    ("reaudit", "Re-auditing"),
                    ("drill", "Making a drill"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="started_by",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("roles", models.JSONField()),
                ("subject", models.CharField(max_length=200)),
                ("sentence", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "request",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="alerts", to="releases.releaserequest"),
                ),
            ],
            options={
                "ordering": ("-made_at",),
            },
        ),
        migrations.CreateModel(
            name="Announcement",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("suspended", "Suspended"), ("re-audited", "Re-audited"), ("published", "Released again")], max_length=20
                    ),
                ),
                ("why", models.TextField(blank=True)),
                ("said", models.CharField(blank=True, max_length=300)),
                ("number", models.PositiveIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("announced_at", models.DateTimeField(blank=True, null=True)),
                ("notice_sequence", models.PositiveIntegerField(blank=True, null=True)),
                ("problem", models.TextField(blank=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="announcements", to="releases.releaserequest"
                    ),
                ),
            ],
            options={
                "ordering": ("asked_at", "number"),
                "constraints": [
                    models.UniqueConstraint(fields=("request", "number"), name="announcement_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("announced_at__isnull", False), ("notice_sequence__isnull", False)),
                            models.Q(("announced_at__isnull", True), ("notice_sequence__isnull", True)),
                            _connector="OR",
                        ),
                        name="announced_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Drill",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("planted rows", "planted rows"),
                            ("rare cells", "rare cells"),
                            ("memorised record", "a memorised record"),
                        ],
                        max_length=20,
                    ),
                ),
                ("amount", models.PositiveIntegerField()),
                ("seed", models.BigIntegerField()),
                ("despite_gates", models.BooleanField()),
                ("started_at", models.DateTimeField()),
                ("planted", models.JSONField(blank=True, null=True)),
                ("gates_caught", models.BooleanField(blank=True, null=True)),
                ("reviewers_caught", models.BooleanField(blank=True, null=True)),
                ("revealed_at", models.DateTimeField(blank=True, null=True)),
                ("revealed_because", models.CharField(blank=True, max_length=200, null=True)),
                ("destroyed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "origin",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="drills", to="releases.syntheticversion"),
                ),
                (
                    "request",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="drill", to="releases.releaserequest"),
                ),
                (
                    "started_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "ordering": ("-started_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("revealed_at__isnull", False), ("revealed_because__isnull", False)),
                            models.Q(("revealed_at__isnull", True), ("revealed_because__isnull", True)),
                            _connector="OR",
                        ),
                        name="drill_revealed_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("destroyed_at__isnull", True), ("revealed_at__isnull", False), _connector="OR"),
                        name="drill_destroyed_once_revealed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reviewers_caught__isnull", True), ("gates_caught__isnull", False), _connector="OR"),
                        name="drill_reviewed_once_judged",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReauditRecord",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("passed", "passed"), ("failed", "failed"), ("impossible", "could not be re-audited")], max_length=20
                    ),
                ),
                ("path", models.CharField(blank=True, max_length=200)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("gates_version", models.CharField(max_length=20)),
                ("release_policy", models.CharField(max_length=40)),
                ("verdict", models.JSONField(blank=True, null=True)),
                ("reason", models.TextField(blank=True)),
                ("made_at", models.DateTimeField()),
                (
                    "request",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="reaudits", to="releases.releaserequest"),
                ),
                ("run", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="made_reaudit", to="releases.run")),
                (
                    "version",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="reaudits", to="releases.syntheticversion"),
                ),
            ],
            options={
                "ordering": ("-made_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("outcome", "impossible"),
                                ("path", ""),
                                ("sha256", ""),
                                ("verdict__isnull", True),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("outcome", "impossible"), _negated=True),
                                ("verdict__isnull", False),
                                models.Q(("path", ""), _negated=True),
                                models.Q(("sha256", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="reaudit_whole",
                    )
                ],
            },
        ),
        migrations.RunPython(guard, unguard),
    ]
