"""How often things were downloaded: counts by day, nobody's name."""

from __future__ import annotations

from django.db import models

from releases.catalogue.models.releases import ReleaseVersion


class FetchedPosition(models.Model):
    """How far the log of files that nginx sent by itself was read: one row. inode: of the log, 0 before the first."""

    inode = models.PositiveBigIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(pk=1), name="one_fetched_position"),)

    def __str__(self) -> str:
        return f"byte {self.offset}"


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
