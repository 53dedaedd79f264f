"""Pages made before anybody asks."""

from __future__ import annotations

from django.db import models

from releases.catalogue.models.releases import ReleaseVersion


class ReadyPage(models.Model):
    """The page of one open version that is on show, as everybody sees it: made by `serving.ready_pages`, thrown away by `finding.index`
    with every change of what its release shows.

    body: compressed; site: the address it was made for; made_as: of which program, texts and settings.
    """

    version = models.OneToOneField(ReleaseVersion, on_delete=models.CASCADE, primary_key=True)
    body = models.BinaryField()
    site = models.TextField()
    made_as = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"page of version {self.version_id}"
