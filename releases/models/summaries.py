"""The approved-to-be aggregates of one snapshot under one disclosure policy."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed


class SummaryRecord(Keyed):
    """A stored `generators.summary.MetadataSummary`: immutable, digested, in a file below the summaries folder."""

    source = models.ForeignKey("releases.SourceDataset", on_delete=models.PROTECT, related_name="summaries")
    snapshot = models.ForeignKey("releases.Snapshot", on_delete=models.PROTECT, related_name="summaries")
    policy_name = models.CharField(max_length=50)
    policy = models.JSONField()  # DisclosurePolicy, whole
    digest = models.CharField(max_length=64)  # of the summary, as generators compute it
    path = models.CharField(max_length=200)  # relative to the summaries folder
    sha256 = models.CharField(max_length=64)  # of the file
    exposure_path = models.CharField(max_length=200, blank=True)  # relative to the exposures folder; "": made before there were any
    exposure_sha256 = models.CharField(max_length=64, blank=True)
    without = models.JSONField(default=list, blank=True)  # [[table, column]] that were left out
    cross_tabulations = models.JSONField(default=list, blank=True)  # as they were asked for, one text each
    failed_assertions = models.JSONField(default=list, blank=True)  # [{name, sentence, places}] that failed when it was made
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    run = models.OneToOneField("releases.Run", on_delete=models.PROTECT, related_name="made_summary")

    class Meta:
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return f"summary of {self.snapshot} under “{self.policy_name}”"
