"""What the tables of a snapshot are called before a steward has said so (docs/decisions/0009)."""

from __future__ import annotations

from generators.reading.dataset import safe_name
from generators.schema import DatasetSchema
from releases.incoming import Received
from releases.models import Snapshot


def proposed(snapshot: Snapshot, earlier: DatasetSchema | None) -> dict[str, str]:
    """Name of the table by file (or folder of files) of the snapshot.

    A lone table is named by the dataset's title, which a steward typed: the name is published, and a file's own name may be a
    patient's. Several are named after their files, for the steward to look at and change before anything is made of them; a file that
    was there before keeps the name it was given then.
    """
    entries = list(dict.fromkeys(Received(**each).entry for each in snapshot.files)) or [snapshot.location.rsplit("/", 1)[-1]]
    if len(entries) == 1:
        lone = earlier.tables[0].name if earlier and len(earlier.tables) == 1 else safe_name(snapshot.source.title).lower()
        return {entries[0]: lone}
    return {entry: _earlier_name(snapshot, entry) or safe_name(entry).lower() for entry in entries}


def _earlier_name(snapshot: Snapshot, entry: str) -> str | None:
    last = snapshot.source.snapshots.filter(number__lt=snapshot.number, confirmed_schema__isnull=False).order_by("-number").first()
    return last.table_names.get(entry) if last else None
