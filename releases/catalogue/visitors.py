"""May this visitor see rows of a release? The one place that says; preview, charts, interface, files, zip and records all ask it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from releases.catalogue.models import ReleaseVersion
from releases.catalogue.taking_in.freshness import freshness


@dataclass(frozen=True)
class Refusal:
    """Why no rows are shown. status: of the answer; reason: a sentence for the visitor; why: what the publisher said, or ""."""

    status: int
    reason: str
    why: str = ""


PAUSED = "Downloads are paused: this site has not heard from the publisher for too long, and could have missed a withdrawal."


def refused_rows(request: HttpRequest, version: ReleaseVersion) -> Refusal | None:
    """Why this visitor sees no row of this version, None when they may: 410 withdrawn, 403 others, 503 while the feed is too old."""
    if version.refusal is not None:
        status = 410 if version.state == ReleaseVersion.State.WITHDRAWN else 403
        return Refusal(status, version.refusal, version.state_reason)
    return Refusal(503, PAUSED) if freshness().refusing else None
