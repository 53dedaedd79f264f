"""What lists show and search looks through: of each release its newest version on show. Made from `ReleaseVersion` by `finding.index`."""

from __future__ import annotations

from django.db import models

from releases.catalogue.models.releases import Release, ReleaseVersion

FACETS = ("subject", "purpose", "tier", "fidelity", "access_level", "data_model", "size", "year", "organisation")
"""What a list can be narrowed by: fields of `Listing`, all of them text."""


class Listing(models.Model):
    """A release in lists: narrow rows, so that counting ten thousand of them is quick. The words it is found by lie beside it in
    `catalogue_words`, a full-text table of the database's own kind.

    title_key: what titles are sorted by, the same in every database; made_as: format of what `finding.index` wrote.
    """

    release = models.OneToOneField(Release, on_delete=models.CASCADE, primary_key=True)
    version = models.OneToOneField(ReleaseVersion, on_delete=models.CASCADE)
    title_key = models.BinaryField()
    row_count = models.PositiveBigIntegerField()
    published_at = models.DateTimeField()
    subject = models.TextField(blank=True)
    purpose = models.TextField(blank=True)
    tier = models.TextField(blank=True)
    fidelity = models.TextField(blank=True)
    access_level = models.TextField(blank=True)
    data_model = models.TextField(blank=True)
    size = models.TextField(blank=True)
    year = models.TextField(blank=True)
    organisation = models.TextField(blank=True)
    made_as = models.PositiveSmallIntegerField(db_index=True)

    class Meta:
        indexes = (
            models.Index(fields=["-published_at", "title_key", "release"], name="listed_newest"),
            models.Index(fields=["title_key", "release"], name="listed_by_title"),
            models.Index(fields=["-row_count", "title_key", "release"], name="listed_largest"),
            *(models.Index(fields=[name], name=f"listed_{name}") for name in FACETS),
        )

    def __str__(self) -> str:
        return f"listing of release {self.release_id}"


class ListedColumns(models.Model):
    """The columns of a listed release as search tells of them, a line each: tokens: those it is found by, each between blanks; lines: its
    name, description and codes as JSON.
    """

    listing = models.OneToOneField(Listing, on_delete=models.CASCADE, primary_key=True)
    tokens = models.TextField(blank=True)
    lines = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"columns of release {self.listing_id}"
