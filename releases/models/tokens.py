"""Personal tokens: by what a program that works for somebody is known."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed


class PersonalToken(Keyed):
    """A token of one person. Only its SHA-256 is kept. It can do what that person can, and of that no more than its scopes.

    used_at: of the last use, to about an hour.
    """

    class Scope(models.TextChoices):
        READ = "read", "read what I may see"
        REGISTER = "register", "give datasets new data, and confirm a schema that did not change"
        REQUEST = "request", "ask for summaries, generations and releases"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at",)
        constraints = (
            models.UniqueConstraint(fields=("account", "name"), condition=models.Q(revoked_at__isnull=True), name="token_name_once"),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("made_at")), name="token_ends_after_it_begins"),
        )

    def __str__(self) -> str:
        return f"token “{self.name}”"
