"""Applications for safeguarded data, what was signed, grants, tokens, downloads by name, and reaching those who hold files."""

from __future__ import annotations

from django.db import models

from releases.catalogue.models.accounts import CatalogueAccount, Keyed, all_or_none
from releases.catalogue.models.releases import Release, ReleaseVersion


class LicenceText(models.Model):
    """An End User Licence as somebody signed it: its very text, kept whatever becomes of the file."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    version = models.CharField(max_length=20)
    text = models.TextField()

    def __str__(self) -> str:
        return f"End User Licence {self.version}"


class TrainingProof(Keyed):
    """Proof of training in handling data, sealed on disk under the row's key, with the last day it holds.

    An officer accepts or rejects it.
    """

    account = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="proofs")
    course = models.CharField(max_length=200)
    valid_until = models.DateField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    given_at = models.DateTimeField()
    accepted = models.BooleanField(null=True, blank=True)
    looked_at_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    looked_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-given_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("accepted", "looked_at_by", "looked_at"), name="proof_looked_at_whole"),
            models.CheckConstraint(
                condition=models.Q(looked_at_by__isnull=True) | ~models.Q(looked_at_by=models.F("account")), name="proof_by_another"
            ),
        )


class Application(Keyed):
    """One person's application for one release. Its state changes by `access.states` alone."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        WITH_REFEREE = "with-referee", "With your referee"
        SUBMITTED = "submitted", "With the access officer"
        RETURNED = "returned", "Returned to you"
        GRANTED = "granted", "Granted"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"

    class Use(models.TextChoices):
        RESEARCH = "research", "Research, not for profit"
        EDUCATION = "education", "Teaching or learning"

    class RefereeRole(models.TextChoices):
        CLINICAL = "clinical", "Clinical lead"
        ACADEMIC = "academic", "Academic lead"
        EDUCATION = "education", "Education lead"

    OPEN = (State.DRAFT, State.WITH_REFEREE, State.SUBMITTED, State.RETURNED)

    account = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="applications")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="applications")
    state = models.CharField(max_length=20, choices=State.choices, default=State.DRAFT)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    use = models.CharField(max_length=20, choices=Use.choices, blank=True)
    intended_use = models.TextField(blank=True)
    referee_name = models.CharField(max_length=200, blank=True)
    referee_email = models.EmailField(blank=True)
    referee_role = models.CharField(max_length=20, choices=RefereeRole.choices, blank=True)
    referee_page = models.URLField(max_length=500, blank=True)
    asked = models.PositiveIntegerField(default=0)
    decided_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-changed_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "release"),
                condition=models.Q(state__in=("draft", "with-referee", "submitted", "returned")),
                name="one_open_application",
            ),
            models.CheckConstraint(condition=all_or_none("decided_by", "decided_at"), name="application_decided_whole"),
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True) | ~models.Q(decided_by=models.F("account")), name="application_by_another"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=("granted", "refused")) | models.Q(decided_by__isnull=False),
                name="application_decided_by_one",
            ),
        )

    def __str__(self) -> str:
        return f"application of {self.account} for {self.release}"


class Signature(models.Model):
    """A name typed under an application and a licence. It holds while the application says what it said (`application_digest`)."""

    class Capacity(models.TextChoices):
        APPLICANT = "applicant", "applicant"
        REFEREE = "referee", "referee"

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="signatures")
    capacity = models.CharField(max_length=20, choices=Capacity.choices)
    typed_name = models.CharField(max_length=200)
    licence = models.ForeignKey(LicenceText, on_delete=models.PROTECT, related_name="+")
    application_digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.capacity} {self.typed_name}"


class Grant(Keyed):
    """Leave to have the files of one release, all its versions, for a time. Whether it opens anything now says `access.grants.why_not`."""

    account = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="grants")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="grants")
    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="grant")
    licence = models.ForeignKey(LicenceText, on_delete=models.PROTECT, related_name="+")
    granted_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_by = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-granted_at",)
        constraints = (
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("granted_at")), name="grant_ends_after_it_begins"),
            models.CheckConstraint(condition=all_or_none("ended_by", "ended_at"), name="grant_ended_whole"),
            models.CheckConstraint(condition=~models.Q(granted_by=models.F("account")), name="grant_by_another"),
        )


class AccessToken(Keyed):
    """A personal token: only its SHA-256 is kept. It opens what its person's grants open, of the releases it names and no other."""

    account = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    releases = models.ManyToManyField(Release, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at",)
        constraints = (
            models.UniqueConstraint(fields=("account", "name"), condition=models.Q(revoked_at__isnull=True), name="access_token_name_once"),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("made_at")), name="access_token_ends_after_it_begins"),
        )


class HandOut(models.Model):
    """Bytes of a safeguarded file handed to somebody, written down before the first of them goes. path: "" is the whole capsule."""

    account = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="handouts")
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="handouts")
    token = models.ForeignKey(AccessToken, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    version = models.ForeignKey(ReleaseVersion, on_delete=models.PROTECT, related_name="handouts")
    path = models.CharField(max_length=250, blank=True)
    at = models.DateTimeField()
    start = models.PositiveBigIntegerField()
    length = models.PositiveBigIntegerField()
    whole = models.BooleanField()

    class Meta:
        ordering = ("-at",)
        indexes = (models.Index(fields=["grant", "at"], name="handouts_of_a_day"),)

    def __str__(self) -> str:
        return f"{self.path or 'capsule'} of {self.version}"


class HolderNotice(Keyed):
    """Somebody who holds files of a version was told that it is withdrawn, suspended or off display, or back.

    Of a withdrawn one they confirm deletion. state_at: when it became so, which tells one time from another.
    """

    class Told(models.TextChoices):
        WITHDRAWN = "withdrawn", "Withdrawn"
        SUSPENDED = "suspended", "Suspended"
        PUBLISHED = "published", "No longer suspended"
        OFF_DISPLAY = "off-display", "Off display"
        ON_DISPLAY = "on-display", "On display again"

    account = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, related_name="notices")
    version = models.ForeignKey(ReleaseVersion, on_delete=models.PROTECT, related_name="holder_notices")
    state = models.CharField(max_length=20, choices=Told.choices)
    state_at = models.DateTimeField()
    told_at = models.DateTimeField()
    reminded = models.PositiveIntegerField(default=0)
    reminded_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    said = models.TextField(blank=True)

    class Meta:
        ordering = ("told_at",)
        constraints = (models.UniqueConstraint(fields=("account", "version", "state", "state_at"), name="told_once_of_each"),)


class UseNote(models.Model):
    """What came of a grant, told at its end. deleted: whether the copies are gone."""

    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, related_name="use_note")
    text = models.TextField()
    publications = models.TextField(blank=True)
    deleted = models.BooleanField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"use note of grant {self.grant_id}"
