"""Generated output, and what was measured about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed


class SyntheticVersion(Keyed):
    """One generated output of a request. `number` counts attempts: choosing the best of many is a disclosure choice and is shown."""

    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    generator = models.CharField(max_length=50)
    generator_version = models.CharField(max_length=20)
    tier = models.CharField(max_length=30)
    schema = models.JSONField()  # DatasetSchema of the version: de-identified, and only the variables asked for
    mechanism = models.JSONField()
    mechanism_digest = models.CharField(max_length=64)
    summary = models.ForeignKey("releases.SummaryRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="versions")
    trained = models.ForeignKey("releases.TrainedModel", on_delete=models.PROTECT, null=True, blank=True, related_name="versions")
    snapshot = models.ForeignKey("releases.Snapshot", on_delete=models.PROTECT, related_name="versions")
    rows = models.BigIntegerField()
    seed = models.BigIntegerField()
    confinement = models.TextField(blank=True)  # how the generating process was kept from the source
    files = models.JSONField()  # [{table, path (relative to the runs folder), rows, size, sha256}]
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    run = models.OneToOneField("releases.Run", on_delete=models.PROTECT, related_name="made_version")

    class Meta:
        ordering = ("request", "number")
        constraints = (models.UniqueConstraint(fields=("request", "number"), name="version_number_once"),)

    def __str__(self) -> str:
        return f"version {self.number} ({self.generator}, {self.rows:,} rows)"


class EvaluationRecord(Keyed):
    """A stored `evaluation.results.Evaluation` of one version and the verdict of its gates."""

    version = models.OneToOneField(SyntheticVersion, on_delete=models.PROTECT, related_name="evaluation")
    path = models.CharField(max_length=200)  # relative to the runs folder
    sha256 = models.CharField(max_length=64)
    gates_version = models.CharField(max_length=20)
    passed = models.BooleanField()
    verdict = models.JSONField()  # {passed, gates_version, sentences: [..], outcomes: [{gate, level, passed, sentence}]}
    made_at = models.DateTimeField()
    run = models.OneToOneField("releases.Run", on_delete=models.PROTECT, related_name="made_evaluation")

    def __str__(self) -> str:
        return f"evaluation of {self.version}"


class MetricRecord(models.Model):
    """One measured number, as a row that can be searched and compared between versions."""

    evaluation = models.ForeignKey(EvaluationRecord, on_delete=models.PROTECT, related_name="metrics")
    metric = models.CharField(max_length=100)
    scope_kind = models.CharField(max_length=20)
    scope_names = models.JSONField(default=list)
    value = models.FloatField(null=True, blank=True)
    floor = models.FloatField(null=True, blank=True)
    ceiling = models.FloatField(null=True, blank=True)
    audience = models.CharField(max_length=20)
    failed = models.TextField(blank=True)

    class Meta:
        indexes = (models.Index(fields=("evaluation", "metric"), name="metric_of_evaluation"),)

    def __str__(self) -> str:
        return f"{self.metric} of {', '.join(self.scope_names) or self.scope_kind}"
