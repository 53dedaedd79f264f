"""How often things were downloaded: counts by day, nobody's name."""

from __future__ import annotations

from django.db import models

from releases.catalogue.models.releases import ReleaseVersion


class DownloadCount(models.Model):
    """Whole downloads of one file, or of the whole capsule (path ""), on one day. No address, no name, no cookie."""

    version = models.ForeignKey(ReleaseVersion, on_delete=models.CASCADE, related_name="downloads")
    path = models.CharField(max_length=250, blank=True)
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["version", "path", "day"], name="one_count_per_day"),)

    def __str__(self) -> str:
        return f"{self.path or 'capsule'} on {self.day}: {self.count}"
