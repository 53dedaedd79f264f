"""Where the site stands in the feed, the register it read, and what it refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection, models


class Standing(NamedTuple):
    """What of the feed's position answers hang on; the fields are those of `FeedPosition`."""

    revision: int
    digest: str
    sequence: int
    heartbeat_at: datetime | None


class FeedPosition(models.Model):
    """How far the feed was read: one row. heartbeat_at: the newest heartbeat that held while nothing was left to read.

    revision: grows with every change of what pages show, so that a process knows when a page it kept is of yesterday.
    """

    sequence = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64)
    heartbeat_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(null=True)
    revision = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(pk=1), name="one_feed_position"),)

    def __str__(self) -> str:
        return f"notice {self.sequence}"

    @classmethod
    def standing(cls) -> Standing | None:
        """Where the site stands at this moment. Every request asks, most of them more than once: a query that is written already."""
        with connection.cursor() as cursor:
            cursor.execute(_STANDING)
            found = cursor.fetchone()
        if found is None:
            return None
        revision, digest, sequence, heard_at = found
        if heard_at is not None and heard_at.tzinfo is None:
            heard_at = heard_at.replace(tzinfo=UTC)  # SQLite keeps times without their zone
        return Standing(revision, digest, sequence, heard_at)

    @classmethod
    def changed(cls) -> None:
        """Say that what pages show has changed: pages kept by other processes count no more. Call it in the transaction that changes."""
        cls.objects.filter(pk=1).update(revision=models.F("revision") + 1)


_STANDING = f"SELECT {', '.join(Standing._fields)} FROM {FeedPosition._meta.db_table} WHERE id = 1"  # noqa: S608 - names of our own


class FeedNotice(models.Model):
    """One signed notice that was taken in: what it said, its file's SHA-256, the key that signed it. Never changed afterwards."""

    sequence = models.PositiveIntegerField(primary_key=True)
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    slug = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    key_id = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"notice {self.sequence}"


class RegisterStatement(models.Model):
    """The newest register that the publisher signed: one row. content: the statement; envelope: as it was signed, to hand on."""

    at = models.DateTimeField()
    content = models.JSONField()
    envelope = models.TextField()
    key_id = models.CharField(max_length=64)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(pk=1), name="one_register"),)

    def __str__(self) -> str:
        return f"register of {self.at}"


class IngestRefusal(models.Model):
    """Something in the lake that does not hold. One row per notice and reason, however often it was met; resolved_at: when it had gone."""

    sequence = models.PositiveIntegerField(null=True)
    reason = models.TextField()
    first_met = models.DateTimeField()
    last_met = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    resolved_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.reason
