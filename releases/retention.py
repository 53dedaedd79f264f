"""How long a trained model is kept: it is personal data, needed only while its request is being prepared."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from releases.models import ReleaseRequest, Run, TrainedModel

State = ReleaseRequest.State
CLOSED = {
    State.CANCELLED: "The request was cancelled.",
    State.REJECTED: "The request was rejected.",
    State.WITHDRAWN: "The release was withdrawn.",
}


def due(trained: TrainedModel) -> str:
    """Why the model is to be destroyed by now; empty while it is not."""
    request, now = trained.request, timezone.now()
    if request.state in CLOSED:
        return CLOSED[State(request.state)]
    publication = getattr(request, "publication", None)
    after = timedelta(days=settings.SYNTHPORTAL_MODEL_DAYS_AFTER_RELEASE)
    if publication is not None and publication.published_at is not None and publication.published_at + after <= now:
        return f"The request was published {settings.SYNTHPORTAL_MODEL_DAYS_AFTER_RELEASE} days ago or more."
    if trained.made_at + timedelta(days=settings.SYNTHPORTAL_MODEL_DAYS) <= now:
        return f"It was {settings.SYNTHPORTAL_MODEL_DAYS} days old."
    return ""


def in_use(trained: TrainedModel) -> bool:
    """Whether a run that generates from it waits or goes on."""
    return trained.runs.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists()
