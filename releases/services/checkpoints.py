"""What a fit keeps in order to go on if its worker dies: personal data, destroyed when its run ends."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.utils import timezone

from releases import audit, files
from releases.models import DestructionRecord, Run
from releases.services.recorded import recorded


@recorded("destroy_checkpoints", by_system=True)
def destroy_checkpoints(run: Run) -> DestructionRecord | None:
    """Destroy what a finished fit kept in order to go on if its worker died, with a record; None when it kept nothing."""
    folder = files.folder("checkpoints") / str(run.pk)
    held = sorted(path for path in folder.rglob("*") if path.is_file())
    if not held:
        files.discard(folder)
        return None
    digests = "".join(files.sha256(path) for path in held)
    size = sum(path.stat().st_size for path in held)
    files.discard(folder)
    with transaction.atomic():
        record = DestructionRecord.objects.create(
            snapshot=run.snapshot,
            what=f"checkpoints of learning {run.pk}, attempt {run.attempt}",
            sha256=hashlib.sha256(digests.encode()).hexdigest(),
            size=size,
            reason="The learning ended.",
            destroyed_at=timezone.now(),
            run=run,
        )
        audit.record(None, "destroy_checkpoints", run, record=record.pk, sha256=record.sha256)
    return record
