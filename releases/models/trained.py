"""A model that learned from records: personal data, which stays in the secure zone until it is destroyed."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class TrainedModel(Keyed):
    """What a fit left: its files in the zone's `models` folder, what it was asked for, and what it reported. The row outlives the files.

    choices: what was asked of it (`releases.learning.Learning.as_dict` and the columns); choices_digest: of those, so that the same is not
    learned twice; digest: of the model itself, part of every mechanism that uses it; report: rounds, why it stopped, how well somebody who
    has the model could tell who was learned from; never a value. epsilon, delta, contributions: of differential privacy, all or none.
    """

    source = models.ForeignKey("releases.SourceDataset", on_delete=models.PROTECT, related_name="trained_models")
    snapshot = models.ForeignKey("releases.Snapshot", on_delete=models.PROTECT, related_name="trained_models")
    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="trained_models")
    generator = models.CharField(max_length=50)
    generator_version = models.CharField(max_length=20)
    tier = models.CharField(max_length=30)
    schema = models.JSONField()  # DatasetSchema learned: de-identified, and only the variables asked for
    choices = models.JSONField()
    choices_digest = models.CharField(max_length=64)
    epsilon = models.FloatField(null=True, blank=True)
    delta = models.FloatField(null=True, blank=True)
    contributions = models.PositiveIntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64)
    files = models.JSONField()  # [{path (relative to the models folder), size, sha256}]
    report = models.JSONField(default=dict, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    run = models.OneToOneField("releases.Run", on_delete=models.PROTECT, related_name="made_model")
    destroyed_at = models.DateTimeField(null=True, blank=True)
    destroyed_because = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 (null: all or none)

    class Meta:
        ordering = ("-made_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("epsilon", "delta", "contributions"), name="model_private_whole"),
            models.CheckConstraint(condition=all_or_none("destroyed_at", "destroyed_because"), name="model_destroyed_whole"),
        )

    def __str__(self) -> str:
        return f"model of {self.generator}, {str(self.pk)[:8]}"

    @property
    def private(self) -> bool:
        """Whether it was learned with differential privacy."""
        return self.epsilon is not None
