"""Raw uploads nobody made use of: destroyed on schedule, with a record of each file."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from releases import audit, files, retention
from releases.models import DestructionRecord, Snapshot
from releases.services.recorded import locked, recorded


@recorded("destroy_unconfirmed", by_system=True)
def destroy_unconfirmed() -> int | None:
    """Destroy uploads whose schema nobody confirmed in time, or whose preparation never came to an end; how many, or None."""
    waiting = Snapshot.objects.filter(origin=Snapshot.Origin.UPLOAD).exclude(state=Snapshot.State.READY)
    return sum(_destroyed(snapshot) for snapshot in waiting if retention.unconfirmed(snapshot)) or None


def _destroyed(snapshot: Snapshot) -> bool:
    """Files and record while the dataset is locked, so that nobody confirms it meanwhile; killed between the two, it is done again."""
    with transaction.atomic():
        locked(snapshot.source)
        snapshot = locked(snapshot)
        because, run = retention.unconfirmed(snapshot), snapshot.runs.order_by("queued_at").first()
        if not because or run is None:
            return False
        held = retention.raw_files(snapshot)
        for what, size, sha256 in held:
            DestructionRecord.objects.create(
                snapshot=snapshot, what=what, sha256=sha256, size=size, reason=because, destroyed_at=timezone.now(), run=run
            )
        files.discard((files.folder("uploads") / snapshot.location).parent)
        audit.record(None, "destroy_unconfirmed", snapshot, because=because, files=len(held))
    return True
