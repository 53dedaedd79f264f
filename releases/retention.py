"""How long personal data are kept in the zone: a raw upload until its working copy is made, a trained model while its request is prepared,
a working copy while anything needs it.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from releases.models import ReleaseRequest, Run, Snapshot, TrainedModel, WorkingCopy

State = ReleaseRequest.State
RAW = "raw upload"
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


def unconfirmed(snapshot: Snapshot) -> str:
    """Why a raw upload is to be destroyed although no working copy was made of it; empty while it is not, or while a run reads it."""
    days = settings.SYNTHPORTAL_UPLOAD_DAYS
    kept = snapshot.origin == Snapshot.Origin.UPLOAD and snapshot.state != Snapshot.State.READY and not raw_gone(snapshot)
    if not kept or snapshot.received_at + timedelta(days=days) > timezone.now():
        return ""
    if snapshot.runs.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
        return ""
    return f"No working copy was made of it within {days} days."


def raw_gone(snapshot: Snapshot) -> bool:
    """Whether the raw upload was destroyed, and is on record as destroyed."""
    return snapshot.destructions.filter(what__startswith=RAW).exists()


def raw_files(snapshot: Snapshot) -> list[tuple[str, int, str]]:
    """(what it is, bytes, SHA-256) of every raw file. Not by its name, which may be a patient's."""
    if not snapshot.files:
        return [(RAW, snapshot.size, snapshot.sha256)]
    return [
        (f"{RAW}, file {number} of {len(snapshot.files)}", each["size"], each["sha256"]) for number, each in enumerate(snapshot.files, 1)
    ]


def superseded(copy: WorkingCopy) -> str:
    """Why a working copy is to be destroyed by now; empty while it is not, or while anything needs it."""
    days = settings.SYNTHPORTAL_WORKING_COPY_DAYS
    if not days or copy.destroyed_at is not None:
        return ""
    newer = WorkingCopy.objects.filter(snapshot__source=copy.snapshot.source, snapshot__number__gt=copy.snapshot.number)
    since = newer.order_by("made_at").values_list("made_at", flat=True).first()
    if since is None or since + timedelta(days=days) > timezone.now() or needed(copy):
        return ""
    return f"A newer snapshot has been ready for {days} days or more, and nothing needs this one."


def needed(copy: WorkingCopy) -> bool:
    """Whether a run goes on it, an open request may still use it, or a release made from it is out: re-audits need the held-out records."""
    snapshot = copy.snapshot
    if snapshot.runs.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
        return True
    if any(not trained.destroyed_at for trained in TrainedModel.objects.filter(snapshot=snapshot)):
        return True
    done = (State.CANCELLED, State.REJECTED, State.WITHDRAWN)
    return ReleaseRequest.objects.filter(versions__snapshot=snapshot).exclude(state__in=done).exists()
