"""Working copies that nothing needs any more: destroyed on schedule, with a record of each file."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from releases import audit, files, retention
from releases.models import DestructionRecord, WorkingCopy
from releases.services.recorded import locked, recorded


@recorded("destroy_working_copies", by_system=True)
def destroy_superseded() -> int | None:
    """Destroy working copies, with their train and holdout, whose time has come; how many, or None. The worker does it."""
    done = 0
    for copy in WorkingCopy.objects.filter(destroyed_at__isnull=True).select_related("snapshot__source", "snapshot__split"):
        because = retention.superseded(copy)
        done += bool(because) and _destroyed(copy, because)
    return done or None


def _destroyed(copy: WorkingCopy, because: str) -> bool:
    """Files and row while the dataset is locked, so that no run begins on it meanwhile; killed between the two, it is done again."""
    with transaction.atomic():
        locked(copy.snapshot.source)
        copy = locked(copy)
        if copy.destroyed_at is not None or not retention.superseded(copy):
            return False
        now, snapshot = timezone.now(), copy.snapshot
        for what, path, sha256 in _held(copy):
            place = files.folder("working") / path
            DestructionRecord.objects.create(
                snapshot=snapshot,
                what=what,
                sha256=sha256,
                size=place.stat().st_size if place.is_file() else 0,
                reason=because,
                destroyed_at=now,
                run=copy.run,
            )
        for folder in {(files.folder("working") / path).parent for _, path, _ in _held(copy)}:
            files.discard(folder)
        copy.destroyed_at = now
        copy.save()
        audit.record(None, "destroy_working_copies", snapshot, because=because, files=sum(1 for _ in _held(copy)))
    return True


def _held(copy: WorkingCopy) -> Iterator[tuple[str, str, str]]:
    """(what it is, path in the working folder, SHA-256) of every file; not by a table's name."""
    for number, table in enumerate(copy.tables, 1):
        yield f"working copy, file {number} of {len(copy.tables)}", table["path"], table["sha256"]
    split = copy.snapshot.split
    for side, held in (("train", split.train), ("holdout", split.holdout)):
        for number, table in enumerate(held.values(), 1):
            yield f"{side}, file {number} of {len(held)}", table["path"], table["sha256"]
