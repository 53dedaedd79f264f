"""Drills: versions with a leak planted on purpose, sent to review unannounced, to see who notices."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class Drill(Keyed):
    """One planted leak. Until `revealed_at` nobody but administrators and auditors knows that `request` is one.

    origin: the version whose files were copied; amount: rows or cells planted; despite_gates: goes to the reviewers even when a hard
    gate catches it. planted: {"table", "rows", "columns"}: numbers and names, never a value. gates_caught: whether a hard gate failed;
    reviewers_caught: whether a reviewer returned or rejected it, None when none decided.
    """

    class Kind(models.TextChoices):
        ROWS = "planted rows", "planted rows"
        CELLS = "rare cells", "rare cells"
        RECORD = "memorised record", "a memorised record"

    request = models.OneToOneField("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="drill")
    origin = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, related_name="drills")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    amount = models.PositiveIntegerField()
    seed = models.BigIntegerField()
    despite_gates = models.BooleanField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    planted = models.JSONField(null=True, blank=True)
    gates_caught = models.BooleanField(null=True, blank=True)
    reviewers_caught = models.BooleanField(null=True, blank=True)
    revealed_at = models.DateTimeField(null=True, blank=True)
    revealed_because = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 (null: all or none)
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("revealed_at", "revealed_because"), name="drill_revealed_whole"),
            models.CheckConstraint(
                condition=models.Q(destroyed_at__isnull=True) | models.Q(revealed_at__isnull=False), name="drill_destroyed_once_revealed"
            ),
            models.CheckConstraint(
                condition=models.Q(reviewers_caught__isnull=True) | models.Q(gates_caught__isnull=False), name="drill_reviewed_once_judged"
            ),
        )

    def __str__(self) -> str:
        return f"drill: {self.get_kind_display()}"
