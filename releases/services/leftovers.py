"""What a process that was killed left behind, and no row knows of: destroyed once it is certain that nobody is still writing it."""

from __future__ import annotations

import time
from pathlib import Path

from django.db import transaction

from releases import audit, files
from releases.models import Snapshot
from releases.services.recorded import recorded

SETTLED = 24 * 3600.0
"""Seconds without a write after which nobody is still writing a file."""


@recorded("destroy_leftovers", by_system=True)
def destroy_leftovers(*, settled: float = SETTLED) -> int | None:
    """Destroy uploads that were never registered and capsules that were never finished; how many, or None when there were none.

    A worker or site killed with -9 cannot tidy up after itself, and an upload half received holds records.
    """
    before = time.time() - settled
    known = {str(key) for key in Snapshot.objects.values_list("pk", flat=True)}
    uploads = [path for path in files.folder("uploads").iterdir() if path.name not in known and _last_write(path) < before]
    capsules = [path for path in files.folder("capsules").glob("*/.*") if _last_write(path) < before]
    if not uploads and not capsules:
        return None
    for path in (*uploads, *capsules):
        if path.is_dir() and not path.is_symlink():
            files.discard(path)
        else:
            path.unlink(missing_ok=True)
    with transaction.atomic():
        audit.record(None, "destroy_leftovers", uploads=len(uploads), capsules=len(capsules))
    return len(uploads) + len(capsules)


def _last_write(path: Path) -> float:
    """When anything in it was last written (seconds since 1970); now, when it vanishes while we look."""
    try:
        return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    except FileNotFoundError:
        return time.time()
