"""What changed when: versions by the moment something about them last changed, for feeds and harvesters."""

from __future__ import annotations

from typing import Any

from django.db.models import DateTimeField, QuerySet
from django.db.models.functions import Coalesce, Greatest

from releases.catalogue.models import ReleaseVersion


def by_change() -> QuerySet[Any]:
    """Versions whose capsule or notice was taken in, with `changed`: when they were published, suspended, resumed, withdrawn, audited,
    given a DOI.
    """
    others = (Coalesce(name, "state_at") for name in ("reaudited_at", "doi_at"))
    changed = Greatest("published_at", "state_at", *others, output_field=DateTimeField())
    return ReleaseVersion.objects.annotate(changed=changed).select_related("release")


def told(version: ReleaseVersion) -> str:
    """What happened last, in a word or two."""
    if version.state != ReleaseVersion.State.PUBLISHED:
        return str(version.get_state_display())
    if version.withheld:
        return "Not handed out"
    return "Published" if version.version == 1 else "New version"
