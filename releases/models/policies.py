"""Release policies made in this installation: one person of IG writes a draft, another puts it in force."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class PolicyRecord(Keyed):
    """A version of the release policy, as a draft until somebody who did not write it puts it in force; from then on it never changes.

    content: `ReleasePolicy.as_dict()`; based_on: id of the policy the draft began from.
    """

    number = models.PositiveIntegerField(unique=True)
    content = models.JSONField()
    based_on = models.CharField(max_length=40)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    put_in_force_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    in_force_at = models.DateTimeField(null=True, blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("put_in_force_by", "in_force_at"), name="policy_in_force_whole"),
            models.CheckConstraint(
                condition=models.Q(put_in_force_by__isnull=True) | ~models.Q(put_in_force_by=models.F("author")),
                name="policy_takes_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(in_force_at__isnull=True) | models.Q(discarded_at__isnull=True), name="policy_in_force_or_discarded"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The id that decisions made under it record; those of shipped policies begin otherwise."""
        return f"hospital-policy-{self.number}"

    @property
    def open(self) -> bool:
        """Whether it is a draft that can still be changed, discarded or put in force."""
        return self.in_force_at is None and self.discarded_at is None
