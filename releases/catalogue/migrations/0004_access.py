"""Accounts, applications and grants for safeguarded data. What was signed, done and handed out is kept for good: no row is changed or removed."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

APPEND_ONLY = ("catalogue_accessevent", "catalogue_handout", "catalogue_signature", "catalogue_licencetext")


def forbid_changes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE FUNCTION catalogue_append_only() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
        )
        for table in APPEND_ONLY:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION catalogue_append_only()"
            )
        return
    for table in APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            schema_editor.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def allow_changes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table in APPEND_ONLY:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        schema_editor.execute("DROP FUNCTION IF EXISTS catalogue_append_only()")
        return
    for table in APPEND_ONLY:
        for event in ("update", "delete"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{event}")


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0003_finding")]
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="FailedAttempts",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
                ("locked_until", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="LicenceText",
            fields=[
                ("sha256", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("version", models.CharField(max_length=20)),
                ("text", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="MailedLink",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("confirm", "confirm an e-mail address"),
                            ("password", "choose a password"),
                            ("referee", "act as referee"),
                            ("deletion", "confirm a deletion"),
                        ],
                        max_length=20,
                    ),
                ),
                ("subject", models.UUIDField(db_index=True)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OutgoingMail",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("recipient", models.EmailField(max_length=254)),
                ("subject", models.CharField(max_length=200)),
                ("sealed_body", models.TextField(blank=True)),
                ("once", models.CharField(blank=True, max_length=120, null=True, unique=True)),
                ("made_at", models.DateTimeField()),
                ("next_try_at", models.DateTimeField(db_index=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="storedfile",
            name="sealed_as",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.CreateModel(
            name="CatalogueAccount",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254, unique=True, verbose_name="e-mail")),
                ("person_key", models.CharField(max_length=254, unique=True)),
                ("full_name", models.CharField(max_length=200)),
                ("organisation", models.CharField(blank=True, max_length=200)),
                ("post", models.CharField(blank=True, max_length=200)),
                ("officer", models.BooleanField(default=False)),
                ("is_active", models.BooleanField(default=True)),
                ("made_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("sealed_secret", models.TextField(blank=True)),
                ("step", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(django.db.models.functions.text.Lower("email"), name="catalogue_email_once")],
            },
        ),
        migrations.CreateModel(
            name="AccessEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("action", models.CharField(max_length=40)),
                ("about", models.CharField(max_length=120)),
                ("detail", models.JSONField(default=dict)),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="tokens", to=settings.AUTH_USER_MODEL),
                ),
                ("releases", models.ManyToManyField(related_name="+", to="catalogue.release")),
            ],
            options={
                "ordering": ("-made_at",),
            },
        ),
        migrations.CreateModel(
            name="Application",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("with-referee", "With your referee"),
                            ("submitted", "With the access officer"),
                            ("returned", "Returned to you"),
                            ("granted", "Granted"),
                            ("refused", "Refused"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        max_length=20,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "use",
                    models.CharField(
                        blank=True, choices=[("research", "Research, not for profit"), ("education", "Teaching or learning")], max_length=20
                    ),
                ),
                ("intended_use", models.TextField(blank=True)),
                ("referee_name", models.CharField(blank=True, max_length=200)),
                ("referee_email", models.EmailField(blank=True, max_length=254)),
                (
                    "referee_role",
                    models.CharField(
                        blank=True,
                        choices=[("clinical", "Clinical lead"), ("academic", "Academic lead"), ("education", "Education lead")],
                        max_length=20,
                    ),
                ),
                ("referee_page", models.URLField(blank=True, max_length=500)),
                ("asked", models.PositiveIntegerField(default=0)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.TextField(blank=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="applications", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="applications", to="catalogue.release"),
                ),
            ],
            options={
                "ordering": ("-changed_at",),
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("granted_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.TextField(blank=True)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="grants", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "application",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="grant", to="catalogue.application"),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "granted_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                ("release", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="catalogue.release")),
                ("licence", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.licencetext")),
            ],
            options={
                "ordering": ("-granted_at",),
            },
        ),
        migrations.CreateModel(
            name="HandOut",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(blank=True, max_length=250)),
                ("at", models.DateTimeField()),
                ("start", models.PositiveBigIntegerField()),
                ("length", models.PositiveBigIntegerField()),
                ("whole", models.BooleanField()),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="handouts", to=settings.AUTH_USER_MODEL),
                ),
                ("grant", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="handouts", to="catalogue.grant")),
                (
                    "token",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.accesstoken"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="handouts", to="catalogue.releaseversion"),
                ),
            ],
            options={
                "ordering": ("-at",),
            },
        ),
        migrations.CreateModel(
            name="HolderNotice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("published", "Published"), ("suspended", "Suspended"), ("withdrawn", "Withdrawn")], max_length=20
                    ),
                ),
                ("state_at", models.DateTimeField()),
                ("told_at", models.DateTimeField()),
                ("reminded", models.PositiveIntegerField(default=0)),
                ("reminded_at", models.DateTimeField(blank=True, null=True)),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("said", models.TextField(blank=True)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="notices", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holder_notices", to="catalogue.releaseversion"
                    ),
                ),
            ],
            options={
                "ordering": ("told_at",),
            },
        ),
        migrations.CreateModel(
            name="Signature",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("capacity", models.CharField(choices=[("applicant", "applicant"), ("referee", "referee")], max_length=20)),
                ("typed_name", models.CharField(max_length=200)),
                ("application_digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "application",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="signatures", to="catalogue.application"),
                ),
                ("licence", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.licencetext")),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="TrainingProof",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("course", models.CharField(max_length=200)),
                ("valid_until", models.DateField()),
                ("size", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("given_at", models.DateTimeField()),
                ("accepted", models.BooleanField(blank=True, null=True)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.TextField(blank=True)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="proofs", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "looked_at_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ("-given_at",),
            },
        ),
        migrations.CreateModel(
            name="UseNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                ("publications", models.TextField(blank=True)),
                ("deleted", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("grant", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="use_note", to="catalogue.grant")),
            ],
        ),
        migrations.AddConstraint(
            model_name="accesstoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at__isnull", True)), fields=("account", "name"), name="access_token_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="accesstoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("made_at"))), name="access_token_ends_after_it_begins"
            ),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("draft", "with-referee", "submitted", "returned"))),
                fields=("account", "release"),
                name="one_open_application",
            ),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                    models.Q(("decided_at__isnull", True), ("decided_by__isnull", True)),
                    _connector="OR",
                ),
                name="application_decided_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by__isnull", True), models.Q(("decided_by", models.F("account")), _negated=True), _connector="OR"
                ),
                name="application_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ("granted", "refused")), _negated=True), ("decided_by__isnull", False), _connector="OR"
                ),
                name="application_decided_by_one",
            ),
        ),
        migrations.AddIndex(
            model_name="handout",
            index=models.Index(fields=["grant", "at"], name="handouts_of_a_day"),
        ),
        migrations.AddConstraint(
            model_name="holdernotice",
            constraint=models.UniqueConstraint(fields=("account", "version", "state", "state_at"), name="told_once_of_each"),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("granted_at"))), name="grant_ends_after_it_begins"
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", False), ("ended_by__isnull", False)),
                    models.Q(("ended_at__isnull", True), ("ended_by__isnull", True)),
                    _connector="OR",
                ),
                name="grant_ended_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("granted_by", models.F("account")), _negated=True), name="grant_by_another"
            ),
        ),
        migrations.AddConstraint(
            model_name="trainingproof",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("accepted__isnull", False), ("looked_at__isnull", False), ("looked_at_by__isnull", False)),
                    models.Q(("accepted__isnull", True), ("looked_at__isnull", True), ("looked_at_by__isnull", True)),
                    _connector="OR",
                ),
                name="proof_looked_at_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="trainingproof",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("looked_at_by__isnull", True), models.Q(("looked_at_by", models.F("account")), _negated=True), _connector="OR"
                ),
                name="proof_by_another",
            ),
        ),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
