"""What every row that a person can address has in common."""

from __future__ import annotations

import uuid

from django.db import models


class Keyed(models.Model):
    """A row addressed by an opaque UUID: an address tells nobody how many there are or guesses the next."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


def all_or_none(*fields: str) -> models.Q:
    """A CHECK under which these nullable columns are filled together or not at all: no half decision."""
    filled = models.Q(**{f"{name}__isnull": False for name in fields})
    empty = models.Q(**{f"{name}__isnull": True for name in fields})
    return filled | empty
