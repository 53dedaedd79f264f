"""What the privately-sourced route leaves behind: agreements, assessments, DPIAs, plain-English accounts.

All are append-only. Nobody decides on what they asked for, made or look after; who agreed, wrote the DPIA or assessed does not sign as IG.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from releases.triggers import append_only, refuses

DECIDED = (("agreement", "reviewer_id"), ("dpia", "writer_id"), ("assessment", "assessor_id"))
"""Tables of what the Synthetic Data Audit Team decides, and who did."""


def separation(table: str, person: str) -> list[Operation]:
    """Rows of `table` are by none of those who asked, made or look after, nor by who signed the request as IG; those do not sign after."""
    name = f"releases_{table}"
    asked = "releases_releaserequest r WHERE r.id = NEW.request_id"
    makers = (
        "EXISTS (SELECT 1 FROM releases_releaserequest r LEFT JOIN releases_syntheticversion v ON v.id = r.version_id "
        f"WHERE r.id = NEW.request_id AND (r.submitted_by_id = NEW.{person} OR v.made_by_id = NEW.{person}))"
    )
    stewards = (
        "EXISTS (SELECT 1 FROM releases_sourcedataset_stewards s JOIN releases_releaserequest r ON r.source_id = s.sourcedataset_id "
        f"WHERE r.id = NEW.request_id AND s.account_id = NEW.{person})"
    )
    signed = (
        "EXISTS (SELECT 1 FROM releases_signoff s WHERE s.request_id = NEW.request_id "
        f"AND s.capacity = 'ig' AND s.reviewer_id = NEW.{person})"
    )
    signing = (
        f"NEW.capacity = 'ig' AND EXISTS (SELECT 1 FROM {name} d WHERE d.request_id = NEW.request_id AND d.{person} = NEW.reviewer_id)"
    )
    return [
        refuses(name, "author", "INSERT", f"NOT EXISTS (SELECT 1 FROM {asked} AND r.author_id = NEW.author_id)", AUTHOR),
        refuses(name, "maker", "INSERT", makers, MAKER),
        refuses(name, "steward", "INSERT", stewards, STEWARD),
        refuses(name, "not_ig", "INSERT", signed, APART),
        refuses("releases_signoff", f"apart_from_{table}", "INSERT", signing, APART),
    ]


AUTHOR = "the author of this row must be the author of its request"
MAKER = "nobody decides on what they submitted or generated"
STEWARD = "nobody decides on a dataset they are a steward of"
APART = "requester, SDAT and IG are three people"

APPROVING = (
    "NEW.capacity = 'sdat' AND NEW.decision = 'approve' AND EXISTS (SELECT 1 FROM releases_agreement a WHERE a.request_id = NEW.request_id)"
)
OWN = "SELECT 1 FROM releases_assessment a WHERE a.request_id = NEW.request_id AND a.evidence_digest = NEW.evidence_digest"
UNACCEPTABLE = " OR ".join(f"a.{aspect} = 'not acceptable'" for aspect in ("privacy", "quality", "utility", "bias"))


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0008_trained_models")]
    operations: ClassVar[list[Operation]] = [
        migrations.CreateModel(
            name="Agreement",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("round", models.PositiveIntegerField()),
                ("decision", models.CharField(choices=[("agree", "agreed"), ("send back", "sent back")], max_length=10)),
                ("comment", models.TextField(blank=True)),
                ("proposal", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("release_policy", models.CharField(max_length=40)),
                ("decided_at", models.DateTimeField()),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                (
                    "request",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="agreements", to="releases.releaserequest"),
                ),
                ("reviewer", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ("decided_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reviewer", models.F("author")), _negated=True), name="nobody_agrees_their_own_use_case"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("decision", "agree"), models.Q(("comment", ""), _negated=True), _connector="OR"),
                        name="sent_back_with_a_reason",
                    ),
                    models.CheckConstraint(condition=models.Q(("decision__in", ("agree", "send back"))), name="agreement_decision_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Dpia",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("form", models.CharField(max_length=40)),
                ("answers", models.JSONField()),
                ("automatic", models.JSONField()),
                ("complete", models.BooleanField()),
                ("digest", models.CharField(max_length=64)),
                ("written_at", models.DateTimeField()),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                (
                    "request",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="dpias", to="releases.releaserequest"),
                ),
                ("writer", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ("number",),
                "constraints": [
                    models.UniqueConstraint(fields=("request", "number"), name="dpia_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(("writer", models.F("author")), _negated=True), name="nobody_assesses_the_impact_of_their_own"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Assessment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("round", models.PositiveIntegerField()),
                ("evidence_digest", models.CharField(max_length=64)),
                (
                    "privacy",
                    models.CharField(
                        choices=[
                            ("acceptable", "acceptable"),
                            ("reservations", "acceptable with reservations"),
                            ("not acceptable", "not acceptable"),
                        ],
                        max_length=20,
                    ),
                ),
                ("privacy_reason", models.TextField()),
                (
                    "quality",
                    models.CharField(
                        choices=[
                            ("acceptable", "acceptable"),
                            ("reservations", "acceptable with reservations"),
                            ("not acceptable", "not acceptable"),
                        ],
                        max_length=20,
                    ),
                ),
                ("quality_reason", models.TextField()),
                (
                    "utility",
                    models.CharField(
                        choices=[
                            ("acceptable", "acceptable"),
                            ("reservations", "acceptable with reservations"),
                            ("not acceptable", "not acceptable"),
                        ],
                        max_length=20,
                    ),
                ),
                ("utility_reason", models.TextField()),
                (
                    "bias",
                    models.CharField(
                        choices=[
                            ("acceptable", "acceptable"),
                            ("reservations", "acceptable with reservations"),
                            ("not acceptable", "not acceptable"),
                        ],
                        max_length=20,
                    ),
                ),
                ("bias_reason", models.TextField()),
                ("assessed_at", models.DateTimeField()),
                ("assessor", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="assessments", to="releases.releaserequest"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="assessments", to="releases.syntheticversion"
                    ),
                ),
            ],
            options={
                "ordering": ("assessed_at",),
                "constraints": [
                    models.UniqueConstraint(fields=("request", "evidence_digest", "assessor"), name="one_assessment_per_assessor"),
                    models.CheckConstraint(
                        condition=models.Q(("assessor", models.F("author")), _negated=True), name="nobody_assesses_their_own"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("privacy__in", ("acceptable", "reservations", "not acceptable")),
                            models.Q(("privacy_reason", ""), _negated=True),
                        ),
                        name="privacy_judged_with_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quality__in", ("acceptable", "reservations", "not acceptable")),
                            models.Q(("quality_reason", ""), _negated=True),
                        ),
                        name="quality_judged_with_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("utility__in", ("acceptable", "reservations", "not acceptable")),
                            models.Q(("utility_reason", ""), _negated=True),
                        ),
                        name="utility_judged_with_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bias__in", ("acceptable", "reservations", "not acceptable")), models.Q(("bias_reason", ""), _negated=True)
                        ),
                        name="bias_judged_with_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlainAccount",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("written_at", models.DateTimeField()),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="plain_accounts", to="releases.releaserequest"
                    ),
                ),
                ("writer", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ("number",),
            },
        ),
        migrations.CreateModel(
            name="PlainAccountApproval",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("approved_at", models.DateTimeField()),
                (
                    "account",
                    models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="approval", to="releases.plainaccount"),
                ),
                ("approver", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("writer", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ("approved_at",),
            },
        ),
        migrations.AddConstraint(
            model_name="plainaccount",
            constraint=models.UniqueConstraint(fields=("request", "number"), name="plain_account_number_once"),
        ),
        migrations.AddConstraint(
            model_name="plainaccount",
            constraint=models.CheckConstraint(condition=models.Q(("text", ""), _negated=True), name="plain_account_says_something"),
        ),
        migrations.AddConstraint(
            model_name="plainaccountapproval",
            constraint=models.CheckConstraint(
                condition=models.Q(("approver", models.F("writer")), _negated=True), name="nobody_approves_their_own_account"
            ),
        ),
        append_only("releases_agreement", "releases_dpia", "releases_assessment", "releases_plainaccount", "releases_plainaccountapproval"),
        *(each for table, person in DECIDED for each in separation(table, person)),
        refuses(
            "releases_signoff",
            "assessed_first",
            "INSERT",
            f"{APPROVING} AND NOT EXISTS ({OWN} AND a.assessor_id = NEW.reviewer_id)",
            "SDAT approves what they assessed themselves",
        ),
        refuses(
            "releases_signoff",
            "unacceptable",
            "INSERT",
            f"NEW.decision = 'approve' AND EXISTS ({OWN} AND ({UNACCEPTABLE}))",
            "what was judged not acceptable is not approved",
        ),
        refuses(
            "releases_plainaccountapproval",
            "writer",
            "INSERT",
            "NOT EXISTS (SELECT 1 FROM releases_plainaccount p WHERE p.id = NEW.account_id AND p.writer_id = NEW.writer_id)",
            "the writer of an approval must be the writer of its account",
        ),
    ]
