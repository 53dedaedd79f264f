"""What was done about access, written down for good."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from releases.catalogue.models import AccessEvent, CatalogueAccount


def record(actor: CatalogueAccount | None, action: str, about: models.Model | str, **detail: Any) -> None:
    """Append one event, in the transaction of what it tells of. detail: plain values; no secret, no text of a person's own."""
    named = about if isinstance(about, str) else f"{about._meta.model_name} {about.pk}"
    AccessEvent.objects.create(at=timezone.now(), actor=actor, action=action, about=named, detail=detail)
