"""A dataset of the secure zone, its snapshots, and what was made of each: working copy, split, destruction record."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class SourceDataset(Keyed):
    """A dataset that a data controller owns and stewards look after."""

    title = models.CharField(max_length=200)
    description = models.TextField()
    controller = models.CharField("data controller", max_length=200)
    subject = models.CharField(max_length=100)
    stewards = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="sources")
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()

    class Meta:
        ordering = ("title", "registered_at")

    def __str__(self) -> str:
        return self.title

    @property
    def latest_snapshot(self) -> Snapshot | None:
        return self.snapshots.order_by("-number").first()

    @property
    def current_snapshot(self) -> Snapshot | None:
        """The newest snapshot with a working copy and a split: what summaries and evaluations are made from."""
        return self.snapshots.filter(state=Snapshot.State.READY).order_by("-number").first()


class Snapshot(Keyed):
    """One state of the source: a file, or a folder of several tables. `location` of an upload is relative to the uploads folder; of what
    was pointed at, absolute. `sha256` and `size` are over all its files."""

    class Origin(models.TextChoices):
        UPLOAD = "upload", "uploaded file"
        POINTED = "pointed", "file under a secure folder"

    class State(models.TextChoices):
        RECEIVED = "received", "being read"
        PROFILED = "profiled", "waiting for the schema to be confirmed"
        CONFIRMED = "confirmed", "being prepared"
        READY = "ready", "ready"

    source = models.ForeignKey(SourceDataset, on_delete=models.PROTECT, related_name="snapshots")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=State.choices, default=State.RECEIVED)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    original_name = models.CharField(max_length=200)
    location = models.TextField()
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    files = models.JSONField(default=list, blank=True)  # of a folder: [{path (in it), name (for people), size, sha256}]
    table_names = models.JSONField(default=dict, blank=True)  # of a folder: {file or folder in it: name of its table}
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField()
    proposed_schema = models.JSONField(null=True, blank=True)
    findings = models.JSONField(default=list, blank=True)  # [{table, column, level, message, reason}], never a value
    proposed_rules = models.JSONField(default=list, blank=True)  # [{table, name, text, sentence, holds}], for the steward to choose from
    rows = models.BigIntegerField(null=True, blank=True)
    drift = models.JSONField(default=list, blank=True)  # sentences: how the proposed schema differs from the last confirmed one
    data_model = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 (null: nobody said; "": the hospital's own)
    confirmed_schema = models.JSONField(null=True, blank=True)
    schema_digest = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 (null: the decision is all or none)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("source", "number")
        constraints = (
            models.UniqueConstraint(fields=("source", "number"), name="snapshot_number_once"),
            models.CheckConstraint(
                condition=all_or_none("confirmed_by", "confirmed_at", "confirmed_schema", "schema_digest"), name="schema_confirmed_whole"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("received", "profiled")) | models.Q(confirmed_at__isnull=False),
                name="snapshot_prepared_after_confirmation",
            ),
        )

    def __str__(self) -> str:
        return f"{self.source}, snapshot {self.number}"


class WorkingCopy(Keyed):
    """The snapshot de-identified: direct identifiers dropped, keys replaced by keyed tokens; still personal data."""

    snapshot = models.OneToOneField(Snapshot, on_delete=models.PROTECT, related_name="working_copy")
    schema = models.JSONField()  # DatasetSchema, de-identified
    tables = models.JSONField()  # [{name, path (relative to the working folder), rows, sha256}]
    made_at = models.DateTimeField()
    run = models.ForeignKey("releases.Run", on_delete=models.PROTECT, related_name="+")
    destroyed_at = models.DateTimeField(null=True, blank=True)  # its files and those of the split; what was made from them stays

    def __str__(self) -> str:
        return f"working copy of {self.snapshot}"


class SplitRecord(Keyed):
    """Train and holdout of a snapshot, by person. `digest` is over the holdout's hashed persons."""

    snapshot = models.OneToOneField(Snapshot, on_delete=models.PROTECT, related_name="split")
    digest = models.CharField(max_length=64)
    by_person = models.BooleanField()
    train = models.JSONField()  # {table: {path, rows, sha256}}, paths relative to the working folder
    holdout = models.JSONField()
    train_persons = models.BigIntegerField()
    holdout_persons = models.BigIntegerField()
    train_rows = models.BigIntegerField()
    holdout_rows = models.BigIntegerField()
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"split of {self.snapshot}"


class DestructionRecord(Keyed):
    """That a file holding real records was destroyed: which, when, why."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="destructions")
    what = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    destroyed_at = models.DateTimeField()
    run = models.ForeignKey("releases.Run", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("snapshot", "what"), name="destroyed_once"),)

    def __str__(self) -> str:
        return f"{self.what} of {self.snapshot}, destroyed"
