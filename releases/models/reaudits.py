"""What happens to a release after publication: re-audits, and announcements that wait for the publisher."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class ReauditRecord(Keyed):
    """A published release evaluated again under the gates then in force. Append-only.

    path, sha256: the stored evaluation, relative to the runs folder; verdict: of the gates; all empty when it could not be re-audited,
    and `reason` says why.
    """

    class Outcome(models.TextChoices):
        PASSED = "passed", "passed"
        FAILED = "failed", "failed"
        IMPOSSIBLE = "impossible", "could not be re-audited"

    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="reaudits")
    version = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, related_name="reaudits")
    run = models.OneToOneField("releases.Run", on_delete=models.PROTECT, related_name="made_reaudit")
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    path = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    gates_version = models.CharField(max_length=20)
    release_policy = models.CharField(max_length=40)
    verdict = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("-made_at",)
        constraints = (
            models.CheckConstraint(
                condition=(models.Q(outcome="impossible", verdict__isnull=True, path="", sha256="") & ~models.Q(reason=""))
                | (~models.Q(outcome="impossible") & models.Q(verdict__isnull=False) & ~models.Q(path="") & ~models.Q(sha256="")),
                name="reaudit_whole",
            ),
        )

    def __str__(self) -> str:
        return f"re-audit of {self.request}: {self.get_outcome_display()}"


class Announcement(Keyed):
    """Something about a published release that the public site must hear. The publisher, which alone holds the key, says it in the feed.

    by: who decided it, None for the system; why: for people inside, never announced; said: what the notice says.
    """

    class Kind(models.TextChoices):
        SUSPENDED = "suspended", "Suspended"
        REAUDITED = "re-audited", "Re-audited"
        RESUMED = "published", "Released again"
        WITHDRAWN = "withdrawn", "Withdrawn"

    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="announcements")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    why = models.TextField(blank=True)
    said = models.CharField(max_length=300, blank=True)
    number = models.PositiveIntegerField()  # of the announcements about this request, in the order in which they must be said
    asked_at = models.DateTimeField()
    announced_at = models.DateTimeField(null=True, blank=True)
    notice_sequence = models.PositiveIntegerField(null=True, blank=True)
    problem = models.TextField(blank=True)  # why the publisher could not, the last time it tried

    class Meta:
        ordering = ("asked_at", "number")
        constraints = (
            models.UniqueConstraint(fields=("request", "number"), name="announcement_number_once"),
            models.CheckConstraint(condition=all_or_none("announced_at", "notice_sequence"), name="announced_whole"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.request}"
