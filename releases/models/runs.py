"""A run of long work. This row, not the queue, is the truth about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class Run(Keyed):
    """One piece of long work, over all its attempts.

    attempt: 1 for the first try; token: secret of the current attempt, without which nothing can be reported about it.
    fraction: 0 … 1 of the whole job; rows, total: rows done and rows in all where the stage has rows.
    """

    class Kind(models.TextChoices):
        PROFILE = "profile", "Reading the file"
        PREPARE = "prepare", "Preparing the working copy"
        SUMMARISE = "summarise", "Summarising"
        FIT = "fit", "Learning from the records"
        GENERATE = "generate", "Generating"
        EVALUATE = "evaluate", "Evaluating"
        REAUDIT = "reaudit", "Re-auditing"
        DRILL = "drill", "Making a drill"

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        SUCCEEDED = "succeeded", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    FINISHED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)

    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.QUEUED)
    source = models.ForeignKey("releases.SourceDataset", on_delete=models.PROTECT, related_name="runs")
    snapshot = models.ForeignKey("releases.Snapshot", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    summary = models.ForeignKey("releases.SummaryRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    version = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    trained = models.ForeignKey("releases.TrainedModel", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    rounds = models.JSONField(null=True, blank=True)  # of learning: [what was learned, number of the round, most rounds, loss]
    parameters = models.JSONField(default=dict, blank=True)  # names, numbers, seeds; never data
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )  # None: the system
    stage = models.CharField(max_length=200, blank=True)
    fraction = models.FloatField(default=0.0)
    rows = models.BigIntegerField(null=True, blank=True)
    total = models.BigIntegerField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    token = models.CharField(max_length=32)
    lost = models.PositiveSmallIntegerField(default=0)  # workers that died on it since somebody last started it
    queued_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)  # why it failed or was cancelled, fit to show

    class Meta:
        ordering = ("-queued_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("cancel_requested_by", "cancel_requested_at"), name="run_cancel_whole"),
            models.CheckConstraint(
                condition=models.Q(state__in=("queued", "running"), finished_at__isnull=True)
                | models.Q(state__in=("succeeded", "failed", "cancelled"), finished_at__isnull=False),
                name="run_finished_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="running") | models.Q(claimed_at__isnull=False, heartbeat_at__isnull=False),
                name="run_claimed_whole",
            ),
            models.CheckConstraint(condition=models.Q(fraction__gte=0.0, fraction__lte=1.0), name="run_fraction_is_a_share"),
        )
        indexes = (models.Index(fields=("state", "heartbeat_at"), name="run_by_heartbeat"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"

    @property
    def job_id(self) -> str:
        """Id of the queue's job for the current attempt; chosen by us, so that it is known before it is queued."""
        return f"run-{self.pk}-{self.attempt}"

    @property
    def finished(self) -> bool:
        return self.state in self.FINISHED

    @property
    def active(self) -> bool:
        return not self.finished
