"""Releases as their verified capsules describe them. Rows are written by ingest alone, after every check; files lie in the store."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.urls import reverse

from releases.capsule import archive, layout


class Release(models.Model):
    """A released dataset: all versions under one short name."""

    slug = models.SlugField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return reverse("catalogue:dataset", args=[self.slug])


class VersionQuerySet(models.QuerySet["ReleaseVersion"]):
    def on_show(self) -> VersionQuerySet:
        """Versions that stand in lists: published, signed by a key that still counts, and not taken off display here."""
        return self.filter(state=ReleaseVersion.State.PUBLISHED, key_revoked=False, display_held=False)

    def newest(self) -> VersionQuerySet:
        """Of each release only the newest version of those selected."""
        newer = self.filter(release=models.OuterRef("release"), version__gt=models.OuterRef("version"))
        return self.filter(~models.Exists(newer))


class ReleaseVersion(models.Model):
    """One published version. Its texts come from the signed manifest; `state` from the latest notice about it.

    organisation: the data controller; data_model: "OMOP CDM 5.4", or "" where it is the hospital's own; fidelity: lowest, low, higher;
    year: of publication; display_held: taken off display on this site while a report is looked into (`giving.reports`); doi:
    "10.12345/abc" in small letters, "" until one is recorded (`standards.doi`).
    """

    class State(models.TextChoices):
        PUBLISHED = "published", "Published"
        SUSPENDED = "suspended", "Suspended"
        WITHDRAWN = "withdrawn", "Withdrawn"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=State.choices)
    state_at = models.DateTimeField()
    state_reason = models.TextField(blank=True)
    key_revoked = models.BooleanField(default=False)
    display_held = models.BooleanField(default=False)
    reaudited_at = models.DateTimeField(null=True)
    doi = models.CharField(max_length=200, blank=True)
    doi_at = models.DateTimeField(null=True)

    title = models.TextField()
    description = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    tier = models.CharField(max_length=40, blank=True)
    access_level = models.CharField(max_length=40)
    licence = models.TextField(blank=True)
    purpose = models.TextField(blank=True)
    row_count = models.PositiveBigIntegerField(default=0)
    column_count = models.PositiveIntegerField(default=0)
    column_names = models.TextField(blank=True)
    organisation = models.TextField(blank=True)
    data_model = models.TextField(blank=True)
    fidelity = models.CharField(max_length=20, blank=True)
    year = models.PositiveSmallIntegerField(default=0)
    manifest = models.JSONField(default=dict)
    attestation = models.JSONField(default=dict)

    manifest_sha256 = models.CharField(max_length=64)
    attestation_sha256 = models.CharField(max_length=64)
    key_id = models.CharField(max_length=64)
    notice_sequence = models.PositiveIntegerField()
    published_at = models.DateTimeField()

    objects = VersionQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["release", "version"], name="one_row_per_version"),
            models.UniqueConstraint(fields=["doi"], condition=~models.Q(doi=""), name="one_version_per_doi"),
        )
        indexes = (
            models.Index(fields=["state", "-published_at"], name="newest_on_show"),
            models.Index(fields=["key_id", "key_revoked", "state"], name="signed_by"),
        )

    def __str__(self) -> str:
        return f"{self.release.slug} version {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("catalogue:version", args=[self.release.slug, self.version])

    @property
    def doi_address(self) -> str:
        """Where its DOI leads from; "" while it has none."""
        return f"https://doi.org/{self.doi}" if self.doi else ""

    @property
    def archive_name(self) -> str:
        """File name of the whole capsule as a zip."""
        return f"{archive.folder_name(self.release.slug, self.version)}.zip"

    @property
    def refusal(self) -> str | None:
        """Why nothing of this version is handed out to anybody; None when it is, to everybody or to who may (`visitors.refused_rows`)."""
        if self.state == self.State.WITHDRAWN:
            return "This release was withdrawn."
        if self.state == self.State.SUSPENDED:
            return "This release is suspended while it is looked into."
        if self.key_revoked:
            return "This release is not handed out: the key that signed it was revoked."
        if self.display_held:
            return "This release was taken off display while a report about it is looked into."
        return None

    @property
    def on_show(self) -> bool:
        """As `VersionQuerySet.on_show`."""
        return self.refusal is None

    @property
    def withheld(self) -> bool:
        """Whether what is told about it may be what is wrong with it: suspended, taken off display, or signed by a revoked key."""
        return self.refusal is not None and self.state != self.State.WITHDRAWN

    @property
    def licence_link(self) -> tuple[str, str] | None:
        """Name and address of the licence, where it is one of the known."""
        return layout.LICENCES.get(self.licence)

    @property
    def made(self) -> dict[str, Any]:
        """How it was made, from the manifest."""
        made: dict[str, Any] = self.manifest.get("made", {})
        return made


class StoredFile(models.Model):
    """One file of a version; its content lies in the store under its SHA-256. crc32: what the whole capsule's zip needs.

    sealed_as: of a safeguarded file, the name under which it lies sealed instead; `serving.store.opened` reads either.
    """

    version = models.ForeignKey(ReleaseVersion, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=250)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    sealed_as = models.CharField(max_length=64, blank=True)
    crc32 = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=120)
    role = models.CharField(max_length=20)
    table = models.TextField(blank=True)
    row_count = models.PositiveBigIntegerField(null=True)

    class Meta:
        ordering = ("path",)
        constraints = (models.UniqueConstraint(fields=["version", "path"], name="one_row_per_file"),)

    def __str__(self) -> str:
        return self.path

    def get_absolute_url(self) -> str:
        return reverse("catalogue:file", args=[self.version.release.slug, self.version.version, self.path])
