"""What changed when: versions by the moment something about them last changed, for feeds and harvesters."""

from __future__ import annotations

from typing import Any

from django.db.models import DateTimeField, QuerySet
from django.db.models.functions import Coalesce, Greatest

from releases.catalogue.models import ReleaseVersion


def by_change() -> QuerySet[Any]:
    """Versions whose capsule or notice was taken in, with `changed`: when they were published, suspended, resumed, withdrawn or audited."""
    changed = Greatest("published_at", "state_at", Coalesce("reaudited_at", "state_at"), output_field=DateTimeField())
    return ReleaseVersion.objects.annotate(changed=changed).select_related("release")


def told(version: ReleaseVersion) -> str:
    """What happened last, in a word or two."""
    if version.state != ReleaseVersion.State.PUBLISHED:
        return str(version.get_state_display())
    if version.withheld:
        return "Not handed out"
    return "Published" if version.version == 1 else "New version"
