"""Standing approvals: IG approves how data are made, once, and later data made in the very same way need no new signature."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class StandingApproval(Keyed):
    """That IG approved a mechanism for some uses until a day. Only its revocation is ever added; never given by who made what it rests on.

    request: the request whose evidence was read; mechanism: `generators.mechanism.Mechanism.as_dict()` with the uses allowed here, of
    which mechanism_digest is the digest; accepted_gates: soft gates that were not met then, and were accepted; dpia_digest: of the
    assessment it was given on.
    """

    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="standing_approvals_given")
    source = models.ForeignKey("releases.SourceDataset", on_delete=models.PROTECT, related_name="standing_approvals")
    version = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, related_name="+")
    tier = models.CharField(max_length=30)
    access_level = models.CharField(max_length=20)
    licence = models.CharField(max_length=30)
    mechanism = models.JSONField()
    mechanism_digest = models.CharField(max_length=64)
    accepted_gates = models.JSONField(default=list)
    dpia_digest = models.CharField(max_length=64)
    evidence_digest = models.CharField(max_length=64)
    release_policy = models.CharField(max_length=40)
    comment = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.TextField(null=True, blank=True)  # noqa: DJ001 (null: all or none)

    class Meta:
        ordering = ("-granted_at",)
        constraints = (
            models.CheckConstraint(condition=~models.Q(granted_by=models.F("author")), name="nobody_grants_their_own"),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("granted_at")), name="standing_approval_expires"),
            models.CheckConstraint(condition=~models.Q(tier="privately-sourced"), name="standing_approval_not_learned"),
            models.CheckConstraint(condition=all_or_none("revoked_by", "revoked_at", "revoked_because"), name="revoked_whole"),
        )

    def __str__(self) -> str:
        return f"standing approval {str(self.pk)[:8]}"

    @property
    def allowed_uses(self) -> tuple[str, ...]:
        return tuple(self.mechanism["allowed_uses"])

    def valid(self, at: datetime) -> bool:
        """Whether it is in force at that time."""
        return self.revoked_at is None and self.granted_at <= at < self.expires_at
