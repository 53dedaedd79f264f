"""Marks and comments of reviewers on the items of a round, what each round submitted, and the automatic answers of a checklist."""

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
CAPACITIES = [("sdat", "SDAT"), ("ig", "IG"), ("ppi", "PPI")]
OWN_DOUBT = """NEW.decision = 'approve' AND EXISTS (
    SELECT 1 FROM releases_remark AS doubt
    WHERE doubt.request_id = NEW.request_id AND doubt.round = NEW.round AND doubt.writer_id = NEW.reviewer_id
      AND doubt.mark = 'must change' AND NOT EXISTS (
        SELECT 1 FROM releases_remark AS later
        WHERE later.request_id = doubt.request_id AND later.round = doubt.round AND later.writer_id = doubt.writer_id
          AND later.item = doubt.item AND later.mark <> '' AND later.number > doubt.number))"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0012_withdrawal_and_notices")]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField(model_name="signoff", name="automatic", field=models.JSONField(blank=True, null=True)),
        migrations.CreateModel(
            name="Remark",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("round", models.PositiveIntegerField()),
                ("evidence_digest", models.CharField(blank=True, max_length=64)),
                ("item", models.CharField(max_length=400)),
                ("about", models.CharField(max_length=400)),
                ("item_digest", models.CharField(blank=True, max_length=64)),
                ("capacity", models.CharField(blank=True, choices=CAPACITIES, max_length=20)),
                (
                    "mark",
                    models.CharField(
                        blank=True, choices=[("fine", "fine"), ("question", "question"), ("must change", "must change")], max_length=20
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("shared", models.BooleanField()),
                ("written_at", models.DateTimeField()),
                (
                    "answers",
                    models.ForeignKey(blank=True, null=True, on_delete=PROTECT, related_name="replies", to="releases.remark"),
                ),
                ("author", models.ForeignKey(on_delete=PROTECT, related_name="+", to=PERSON)),
                ("request", models.ForeignKey(on_delete=PROTECT, related_name="remarks", to="releases.releaserequest")),
                ("writer", models.ForeignKey(on_delete=PROTECT, related_name="+", to=PERSON)),
            ],
            options={
                "ordering": ("number",),
                "constraints": [
                    models.UniqueConstraint(fields=("request", "number"), name="remark_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(("mark", ""), models.Q(("writer", models.F("author")), _negated=True), _connector="OR"),
                        name="nobody_marks_their_own",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("answers__isnull", True),
                                ("mark__in", ("fine", "question", "must change")),
                                models.Q(("capacity", ""), _negated=True),
                            ),
                            models.Q(("answers__isnull", False), ("capacity", ""), ("mark", ""), ("shared", True)),
                            _connector="OR",
                        ),
                        name="a_mark_or_an_answer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mark", "fine"), models.Q(("text", ""), _negated=True), _connector="OR"),
                        name="remark_says_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SubmittedRound",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("round", models.PositiveIntegerField()),
                ("evidence", models.JSONField()),
                ("made_at", models.DateTimeField()),
                ("request", models.ForeignKey(on_delete=PROTECT, related_name="submitted_rounds", to="releases.releaserequest")),
            ],
            options={
                "ordering": ("round",),
                "constraints": [models.UniqueConstraint(fields=("request", "round"), name="submitted_round_once")],
            },
        ),
        triggers.append_only("releases_remark", "releases_submittedround"),
        triggers.refuses(
            "releases_signoff", "own_doubt", "INSERT", OWN_DOUBT, "nobody approves what they themselves marked as must change"
        ),
    ]
