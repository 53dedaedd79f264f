"""Release policies made here, and standing approvals of mechanisms."""

from __future__ import annotations

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from releases import triggers

PERSON = settings.AUTH_USER_MODEL
PROTECT = django.db.models.deletion.PROTECT
FIXED = (
    "request_id",
    "source_id",
    "version_id",
    "tier",
    "access_level",
    "licence",
    "mechanism",
    "mechanism_digest",
    "accepted_gates",
    "dpia_digest",
    "evidence_digest",
    "release_policy",
    "comment",
    "author_id",
    "granted_by_id",
    "granted_at",
    "expires_at",
)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0009_privately_sourced_route")]
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="PolicyRecord",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField(unique=True)),
                ("content", models.JSONField()),
                ("based_on", models.CharField(max_length=40)),
                ("made_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("in_force_at", models.DateTimeField(blank=True, null=True)),
                ("discarded_at", models.DateTimeField(blank=True, null=True)),
                ("author", models.ForeignKey(on_delete=PROTECT, related_name="+", to=PERSON)),
                ("put_in_force_by", models.ForeignKey(blank=True, null=True, on_delete=PROTECT, related_name="+", to=PERSON)),
            ],
            options={
                "ordering": ("-number",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("in_force_at__isnull", False), ("put_in_force_by__isnull", False)),
                            models.Q(("in_force_at__isnull", True), ("put_in_force_by__isnull", True)),
                            _connector="OR",
                        ),
                        name="policy_in_force_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("put_in_force_by__isnull", True),
                            models.Q(("put_in_force_by", models.F("author")), _negated=True),
                            _connector="OR",
                        ),
                        name="policy_takes_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("in_force_at__isnull", True), ("discarded_at__isnull", True), _connector="OR"),
                        name="policy_in_force_or_discarded",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StandingApproval",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("tier", models.CharField(max_length=30)),
                ("access_level", models.CharField(max_length=20)),
                ("licence", models.CharField(max_length=30)),
                ("mechanism", models.JSONField()),
                ("mechanism_digest", models.CharField(max_length=64)),
                ("accepted_gates", models.JSONField(default=list)),
                ("dpia_digest", models.CharField(max_length=64)),
                ("evidence_digest", models.CharField(max_length=64)),
                ("release_policy", models.CharField(max_length=40)),
                ("comment", models.TextField()),
                ("granted_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_because", models.TextField(blank=True, null=True)),
                ("author", models.ForeignKey(on_delete=PROTECT, related_name="+", to=PERSON)),
                ("granted_by", models.ForeignKey(on_delete=PROTECT, related_name="+", to=PERSON)),
                (
                    "request",
                    models.ForeignKey(on_delete=PROTECT, related_name="standing_approvals_given", to="releases.releaserequest"),
                ),
                ("revoked_by", models.ForeignKey(blank=True, null=True, on_delete=PROTECT, related_name="+", to=PERSON)),
                ("source", models.ForeignKey(on_delete=PROTECT, related_name="standing_approvals", to="releases.sourcedataset")),
                ("version", models.ForeignKey(on_delete=PROTECT, related_name="+", to="releases.syntheticversion")),
            ],
            options={
                "ordering": ("-granted_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("granted_by", models.F("author")), _negated=True), name="nobody_grants_their_own"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("granted_at"))), name="standing_approval_expires"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier", "privately-sourced"), _negated=True), name="standing_approval_not_learned"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("revoked_at__isnull", False), ("revoked_because__isnull", False), ("revoked_by__isnull", False)),
                            models.Q(("revoked_at__isnull", True), ("revoked_because__isnull", True), ("revoked_by__isnull", True)),
                            _connector="OR",
                        ),
                        name="revoked_whole",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="releaserequest",
            name="standing_approval",
            field=models.ForeignKey(blank=True, null=True, on_delete=PROTECT, related_name="leaning", to="releases.standingapproval"),
        ),
        migrations.AddField(model_name="workingcopy", name="destroyed_at", field=models.DateTimeField(blank=True, null=True)),
        triggers.refuses(
            "releases_policyrecord", "straight", "INSERT", "NEW.in_force_at IS NOT NULL", "a release policy begins as a draft"
        ),
        triggers.refuses(
            "releases_policyrecord",
            "decided",
            "UPDATE",
            "OLD.in_force_at IS NOT NULL OR OLD.discarded_at IS NOT NULL",
            "a release policy in force, or discarded, never changes",
        ),
        triggers.refuses(
            "releases_policyrecord",
            "fixed",
            "UPDATE",
            "NEW.author_id <> OLD.author_id OR NEW.number <> OLD.number OR (NEW.in_force_at IS NOT NULL AND NEW.content <> OLD.content)",
            "a release policy keeps its writer and number, and is put in force as it was read",
        ),
        triggers.refuses("releases_policyrecord", "kept", "DELETE", "1 = 1", "a release policy is never deleted"),
        triggers.refuses(
            "releases_standingapproval",
            "maker",
            "INSERT",
            "NEW.revoked_at IS NOT NULL OR EXISTS (SELECT 1 FROM releases_releaserequest r WHERE r.id = NEW.request_id "
            "AND (r.author_id <> NEW.author_id OR r.author_id = NEW.granted_by_id OR r.submitted_by_id = NEW.granted_by_id)) "
            "OR EXISTS (SELECT 1 FROM releases_syntheticversion v WHERE v.id = NEW.version_id AND v.made_by_id = NEW.granted_by_id)",
            "nobody gives a standing approval to what they requested or generated",
        ),
        triggers.refuses(
            "releases_standingapproval",
            "fixed",
            "UPDATE",
            "OLD.revoked_at IS NOT NULL OR " + " OR ".join(f"NEW.{name} <> OLD.{name}" for name in FIXED),
            "of a standing approval only its revocation is ever written, once",
        ),
        triggers.refuses("releases_standingapproval", "kept", "DELETE", "1 = 1", "a standing approval is never deleted"),
        triggers.refuses(
            "releases_releaserequest",
            "leaning",
            "UPDATE",
            "NEW.state = 'approved' AND OLD.state <> 'approved' AND NEW.standing_approval_id IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM releases_standingapproval a WHERE a.id = NEW.standing_approval_id AND a.revoked_at IS NULL "
            "AND a.source_id = NEW.source_id AND a.tier = NEW.tier "
            "AND a.granted_by_id <> NEW.author_id AND a.granted_by_id <> NEW.submitted_by_id)",
            "no standing approval in force covers this request",
        ),
    ]
