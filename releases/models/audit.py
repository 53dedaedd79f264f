"""The audit trail: append-only (triggers refuse change and deletion) and hash-chained."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """One thing done, or refused. `digest` is over everything here and the digest before it; see `releases.audit`.

    payload: ids, names of fields, digests; never a data value. `actor` None: the system itself (worker, publisher, installation).
    """

    class Outcome(models.TextChoices):
        DONE = "done", "done"
        REFUSED = "refused", "refused"

    sequence = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    action = models.CharField(max_length=50)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    target_kind = models.CharField(max_length=50, blank=True)
    target_id = models.CharField(max_length=40, blank=True)
    payload = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ("sequence",)
        indexes = (
            models.Index(fields=("target_kind", "target_id"), name="audit_by_target"),
            models.Index(fields=("actor", "at"), name="audit_by_actor"),
        )

    def __str__(self) -> str:
        return f"{self.sequence} {self.action} ({self.outcome})"
