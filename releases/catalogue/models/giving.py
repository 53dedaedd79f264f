"""What people give back: reports of problems and suspected disclosures, what the data were used for, and releases taken off display."""

from __future__ import annotations

from django.db import models

from releases.catalogue.models.accounts import CatalogueAccount, Keyed, all_or_none
from releases.catalogue.models.releases import Release, ReleaseVersion


class ProblemReport(Keyed):
    """Somebody says that something is wrong with a version. reply_to: an address that is forgotten once the report is answered.

    said, answer: sealed texts (`access.keys`), since a report of a disclosure may itself hold what was disclosed.
    """

    class Kind(models.TextChoices):
        PROBLEM = "problem", "Something is wrong with the data or this page"
        DISCLOSURE = "disclosure", "I believe that it tells something about a real person"

    version = models.ForeignKey(ReleaseVersion, on_delete=models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    said = models.TextField()
    reply_to = models.EmailField(blank=True)
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("due_at", "pk")
        constraints = (models.CheckConstraint(condition=all_or_none("answered_at", "answered_by"), name="report_answered_by_somebody"),)


class DisplayHold(Keyed):
    """A version taken off display at once, by an access officer or by the link in the mail about a report; until lifted."""

    version = models.ForeignKey(ReleaseVersion, on_delete=models.PROTECT, related_name="holds")
    report = models.ForeignKey(ProblemReport, on_delete=models.PROTECT, null=True, blank=True, related_name="holds")
    put_at = models.DateTimeField()
    put_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    why_lifted = models.TextField(blank=True)

    class Meta:
        ordering = ("put_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("lifted_at", "lifted_by"), name="hold_lifted_by_somebody"),
            models.CheckConstraint(
                condition=models.Q(put_by__isnull=False) | models.Q(report__isnull=False), name="hold_by_an_officer_or_for_a_report"
            ),
            models.UniqueConstraint(fields=["version"], condition=models.Q(lifted_at__isnull=True), name="one_hold_at_a_time"),
        )


class RecordedUse(Keyed):
    """What somebody did with a release, or wrote about it, of their own accord. Shown once an access officer has looked at it."""

    class Kind(models.TextChoices):
        USE = "use", "We used it"
        PUBLICATION = "publication", "A publication that uses it"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="recorded_uses")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    what = models.CharField(max_length=400)
    who = models.CharField(max_length=200, blank=True)
    link = models.URLField(max_length=400, blank=True)
    made_at = models.DateTimeField()
    shown = models.BooleanField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("made_at",)
        constraints = (models.CheckConstraint(condition=all_or_none("shown", "decided_at", "decided_by"), name="use_decided_by_somebody"),)
