"""Withdrawal, notifications and the register.

Alerts become notices: one kind of row for all that somebody must hear of.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from releases import triggers

PERSON = settings.AUTH_USER_MODEL
PROTECT = django.db.models.deletion.PROTECT
OWN = (
    "EXISTS (SELECT 1 FROM releases_releaserequest r LEFT JOIN releases_syntheticversion v ON v.id = r.version_id "
    "WHERE r.id = NEW.request_id AND (r.author_id <> NEW.author_id OR r.submitted_by_id = NEW.by_id OR v.made_by_id = NEW.by_id))"
)
NOT_OUT = "NOT EXISTS (SELECT 1 FROM releases_releaserequest r WHERE r.id = NEW.request_id AND r.state IN ('published', 'suspended'))"


def key() -> models.UUIDField:
    return models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)


def person(related_name: str = "+") -> models.ForeignKey:
    return models.ForeignKey(on_delete=PROTECT, related_name=related_name, to=PERSON)


def alerts_become_notices(apps: Any, schema_editor: Any) -> None:
    """What was not mailed yet is told to everybody in its roles; what was mailed was heard."""
    alerts, accounts, notices = (apps.get_model("releases", name) for name in ("Alert", "Account", "Notification"))
    for alert in alerts.objects.filter(mailed_at__isnull=True):
        for account in accounts.objects.filter(is_active=True, groups__name__in=alert.roles).distinct():
            notices.objects.create(
                account=account,
                kind="alert",
                request=alert.request,
                title=alert.subject,
                sentence=alert.sentence,
                link=f"/releases/{alert.request_id}/",
                key=f"alert:{alert.pk}",
                made_at=alert.made_at,
            )


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0011_accounts")]
    operations: ClassVar[list[Operation]] = [
        migrations.AlterField(
            model_name="announcement",
            name="kind",
            field=models.CharField(
                choices=[
                    ("suspended", "Suspended"),
                    ("re-audited", "Re-audited"),
                    ("published", "Released again"),
                    ("withdrawn", "Withdrawn"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                ("id", key()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("disclosure", "A disclosure risk was found"),
                            ("error", "There is an error in the data"),
                            ("agreement", "The agreement it rested on has ended"),
                            ("superseded", "A newer release takes its place"),
                            ("controller", "The data controller asked for it"),
                            ("other", "Another reason"),
                        ],
                        max_length=20,
                    ),
                ),
                ("said", models.CharField(max_length=200)),
                ("why", models.TextField()),
                ("at", models.DateTimeField()),
                ("author", person()),
                ("by", person()),
                ("request", models.OneToOneField(on_delete=PROTECT, related_name="withdrawal", to="releases.releaserequest")),
            ],
            options={
                "constraints": (
                    models.CheckConstraint(condition=~models.Q(by=models.F("author")), name="nobody_withdraws_their_own"),
                    models.CheckConstraint(condition=~models.Q(said="") & ~models.Q(why=""), name="a_withdrawal_has_its_reasons"),
                )
            },
        ),
        migrations.CreateModel(
            name="Rereview",
            fields=[
                ("id", key()),
                ("why", models.TextField()),
                ("at", models.DateTimeField()),
                ("author", person()),
                ("by", person()),
                ("request", models.ForeignKey(on_delete=PROTECT, related_name="rereviews", to="releases.releaserequest")),
            ],
            options={
                "ordering": ("-at",),
                "constraints": (
                    models.CheckConstraint(condition=~models.Q(by=models.F("author")), name="nobody_reviews_their_own_again"),
                    models.CheckConstraint(condition=~models.Q(why=""), name="a_review_says_why"),
                ),
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", key()),
                ("kind", models.CharField(max_length=40)),
                ("title", models.CharField(max_length=200)),
                ("sentence", models.TextField()),
                ("link", models.CharField(max_length=200)),
                ("key", models.CharField(max_length=200)),
                ("urgent", models.BooleanField(default=False)),
                ("made_at", models.DateTimeField()),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "mail",
                    models.CharField(
                        choices=[("waiting", "waits to be mailed"), ("mailed", "mailed"), ("unwanted", "on this page only")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                ("account", person("notices")),
                (
                    "request",
                    models.ForeignKey(blank=True, null=True, on_delete=PROTECT, related_name="notices", to="releases.releaserequest"),
                ),
            ],
            options={
                "ordering": ("-made_at", "pk"),
                "constraints": (
                    models.UniqueConstraint(fields=("account", "key"), name="told_once"),
                    models.CheckConstraint(
                        condition=models.Q(mail="mailed", mailed_at__isnull=False)
                        | (~models.Q(mail="mailed") & models.Q(mailed_at__isnull=True)),
                        name="notice_mailed_whole",
                    ),
                ),
                "indexes": (
                    models.Index(fields=["account", "read_at"], name="notices_unread"),
                    models.Index(fields=["mail", "account"], name="notices_to_mail"),
                ),
            },
        ),
        migrations.CreateModel(
            name="MailChoice",
            fields=[
                ("id", key()),
                (
                    "when",
                    models.CharField(
                        choices=[("at once", "at once"), ("daily", "once a day, together"), ("none", "not by mail")],
                        default="at once",
                        max_length=10,
                    ),
                ),
                ("digest_at", models.DateTimeField(blank=True, null=True)),
                ("account", models.OneToOneField(on_delete=PROTECT, related_name="mail_choice", to=PERSON)),
            ],
        ),
        migrations.RunPython(alerts_become_notices, migrations.RunPython.noop),
        migrations.DeleteModel(name="Alert"),
        triggers.append_only("releases_withdrawal", "releases_rereview"),
        triggers.refuses("releases_withdrawal", "not_own", "INSERT", OWN, "nobody withdraws what they submitted or generated"),
        triggers.refuses("releases_withdrawal", "of_a_release", "INSERT", NOT_OUT, "only a release is withdrawn"),
        triggers.refuses("releases_rereview", "not_own", "INSERT", OWN, "nobody reviews again what they submitted or generated"),
        triggers.refuses(
            "releases_releaserequest",
            "withdrawn_for_good",
            "UPDATE",
            "OLD.state = 'withdrawn' AND NEW.state <> 'withdrawn'",
            "withdrawn is for good",
        ),
    ]
