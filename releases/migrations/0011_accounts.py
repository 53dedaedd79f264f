"""Accounts: one for each person, links to set a password, second factors, sign-ins, failed attempts, resets.

No guarded table is made anew: the account's new column may be empty, its constraint is an index.
"""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from releases import triggers


def person_key(email: str) -> str:
    """As `releases.models.accounts.person_key` was when this was written."""
    local, _, domain = unicodedata.normalize("NFKC", email).strip().casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain.rstrip('.')}"


def key_the_persons(apps: Any, schema_editor: Any) -> None:
    """The older of two accounts of one person stays open; the younger is closed: it cannot sign in, and what it signed stays on record."""
    seen: set[str] = set()
    account = apps.get_model("releases", "Account")
    for row in account.objects.order_by("date_joined", "pk"):
        key = person_key(row.email)
        account.objects.filter(pk=row.pk).update(**({"is_active": False} if key in seen else {"person_key": key}))
        seen.add(key)


HELD = (
    "EXISTS (SELECT 1 FROM releases_account_groups m JOIN auth_group g ON g.id = m.group_id "
    "WHERE m.account_id = NEW.reviewer_id AND g.name = {role})"
)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("releases", "0010_policies_and_standing_approvals"),
    ]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name="account",
            name="person_key",
            field=models.CharField(blank=True, editable=False, max_length=254, null=True),
        ),
        migrations.RunPython(key_the_persons, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(
                condition=models.Q(("person_key__isnull", False)), fields=("person_key",), name="one_account_per_person"
            ),
        ),
        migrations.CreateModel(
            name="PasswordLink",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="links", to=settings.AUTH_USER_MODEL),
                ),
                ("purpose", models.CharField(choices=[("invitation", "invitation"), ("reset", "new password")], max_length=10)),
                ("digest", models.CharField(blank=True, max_length=64, null=True, unique=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("by_mail", models.BooleanField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("asked_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True), ("used_at__isnull", True)),
                        fields=("account",),
                        name="one_open_link_per_account",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("used_at__isnull", True), ("digest__isnull", False), _connector="OR"),
                        name="link_used_was_handed_on",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Authenticator",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="authenticators", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("kind", models.CharField(choices=[("app", "authenticator app"), ("key", "security key")], max_length=5)),
                ("name", models.CharField(max_length=60)),
                ("sealed_secret", models.TextField(blank=True)),
                ("credential", models.CharField(blank=True, max_length=1400)),
                ("public_key", models.TextField(blank=True)),
                ("counter", models.BigIntegerField(default=0)),
                ("made_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("made_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "app"), ("removed_at__isnull", True)), fields=("account",), name="one_authenticator_app"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("credential", ""), _negated=True), fields=("credential",), name="security_key_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("removed_at__isnull", True), ("sealed_secret", ""), _connector="OR"),
                        name="removed_factor_keeps_no_secret",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="recovery_codes", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ProviderIdentity",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="identities", to=settings.AUTH_USER_MODEL),
                ),
                ("issuer", models.CharField(max_length=500)),
                ("subject", models.CharField(max_length=255)),
                ("since", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("issuer", "subject"), name="provider_identity_once"),
                    models.UniqueConstraint(fields=("account", "issuer"), name="one_identity_per_provider"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="sign_ins", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("password", "password"),
                            ("code", "password and a code from an app"),
                            ("key", "password and a security key"),
                            ("recovery", "password and a recovery code"),
                            ("provider", "the trust's sign-in"),
                        ],
                        max_length=10,
                    ),
                ),
                ("second_factor", models.BooleanField()),
                ("began_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_because", models.CharField(blank=True, max_length=100, null=True)),
            ],
            options={
                "ordering": ("-began_at",),
                "indexes": [models.Index(fields=["account", "ended_at"], name="open_sign_ins")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", False), ("ended_because__isnull", False)),
                            models.Q(("ended_at__isnull", True), ("ended_because__isnull", True)),
                            _connector="OR",
                        ),
                        name="sign_in_ended_whole",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FailedAttempts",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField()),
                ("locked_until", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="AccountReset",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="resets", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[("password", "a link to set a new password"), ("factors", "second sign-in steps set aside")], max_length=10
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                ("proposed_at", models.DateTimeField()),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("dropped_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("-proposed_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("confirmed_at__isnull", False), ("confirmed_by__isnull", False)),
                            models.Q(("confirmed_at__isnull", True), ("confirmed_by__isnull", True)),
                            _connector="OR",
                        ),
                        name="reset_confirmed_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_by__isnull", True),
                            models.Q(("confirmed_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="reset_by_two_administrators",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account", models.F("proposed_by")), _negated=True),
                            models.Q(
                                ("confirmed_by__isnull", True),
                                models.Q(("account", models.F("confirmed_by")), _negated=True),
                                _connector="OR",
                            ),
                        ),
                        name="reset_not_for_oneself",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("confirmed_at__isnull", True), ("dropped_at__isnull", True)),
                        fields=("account", "what"),
                        name="one_open_reset",
                    ),
                ],
            },
        ),
        *(
            triggers.refuses(
                "releases_account",
                f"person_on_{event.lower()}",
                event,  # type: ignore[arg-type]
                "NEW.is_active AND NEW.person_key IS NULL",
                "an account that can be used has the key of its person",
            )
            for event in ("INSERT", "UPDATE")
        ),
        triggers.refuses(
            "releases_signoff",
            "capacity_held",
            "INSERT",
            f"NOT {HELD.format(role='NEW.capacity')}",
            "nobody signs in a capacity they do not hold",
        ),
        triggers.refuses(
            "releases_signoff", "no_administrator", "INSERT", HELD.format(role="'administrator'"), "an administrator approves nothing"
        ),
    ]
