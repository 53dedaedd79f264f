"""The plain-English account of a release: for patients, versioned, approved by a PPI member who did not write it. Append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed
from releases.models.requests import ReleaseRequest


class PlainAccount(Keyed):
    """One version of the text."""

    request = models.ForeignKey(ReleaseRequest, on_delete=models.PROTECT, related_name="plain_accounts")
    number = models.PositiveIntegerField()
    text = models.TextField()
    writer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("request", "number"), name="plain_account_number_once"),
            models.CheckConstraint(condition=~models.Q(text=""), name="plain_account_says_something"),
        )

    def __str__(self) -> str:
        return f"plain-English account, version {self.number}"


class PlainAccountApproval(Keyed):
    """That a PPI member finds one version of the text right and plain."""

    account = models.OneToOneField(PlainAccount, on_delete=models.PROTECT, related_name="approval")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    writer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()

    class Meta:
        ordering = ("approved_at",)
        constraints = (models.CheckConstraint(condition=~models.Q(approver=models.F("writer")), name="nobody_approves_their_own_account"),)

    def __str__(self) -> str:
        return f"approval of {self.account}"
