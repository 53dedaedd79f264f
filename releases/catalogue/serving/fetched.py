"""Downloads of files that nginx sent by itself, counted from the log it writes of them: whole ones, without address, name or time of day.

A line says: the day, the status, the bytes sent, the Content-Range, the release, the version's number and the file. What was read is
remembered with what was counted, in one transaction, so that nothing counts twice, and also over a log that is rotated by renaming.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import F

from releases.catalogue.models import DownloadCount, FetchedPosition, ReleaseVersion

log = logging.getLogger(__name__)

AT_ONCE = 8 * 1024**2
"""Bytes of the log of one transaction."""
_LINE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d) (?P<status>200|206) (?P<sent>\d{1,18}) "
    r'"(?P<range>-|bytes \d{1,18}-\d{1,18}/\d{1,18})" (?P<slug>[-a-zA-Z0-9_]{1,80}) (?P<version>[1-9]\d{0,5}) (?P<name>[\w.-]{1,250})'
)

Key = tuple[str, int, str, date]
"""Release, version, path, day."""


def count_fetched() -> int:
    """Count what the log says since it was last read: how many downloads."""
    if not settings.SYNTHPORTAL_FETCHED_LOG:
        return 0
    place = Path(settings.SYNTHPORTAL_FETCHED_LOG)
    counted = 0
    try:
        while (more := _count_some(place)) is not None:
            counted += more
    except OSError as error:
        log.error("the log of files that nginx sent cannot be read: %s", error.strerror)
    return counted


def _count_some(place: Path) -> int | None:
    """The same for a stretch of it; None where nothing is left."""
    with transaction.atomic():
        FetchedPosition.objects.get_or_create(pk=1)
        position = FetchedPosition.objects.select_for_update().get(pk=1)
        found = _opened(place, position)
        if found is None:
            return None
        with found:
            found.seek(position.offset)
            lines = found.read(AT_ONCE)
        whole = lines[: lines.rfind(b"\n") + 1] or (lines if len(lines) == AT_ONCE else b"")
        position.offset += len(whole)
        position.save()
        if not whole:
            return None
        downloads = Counter(key for line in whole.decode("utf-8", "replace").splitlines() if (key := _download(line)) is not None)
        return _write(downloads)


def _opened(place: Path, position: FetchedPosition) -> BinaryIO | None:
    """The log to read on in: what is left of the one that was renamed, then the new one from its beginning."""
    before = place.with_name(f"{place.name}.1")
    if position.inode and before.exists() and before.stat().st_ino == position.inode and before.stat().st_size > position.offset:
        return before.open("rb")
    if not place.exists():
        return None
    opened = place.open("rb")
    status = os.fstat(opened.fileno())
    if status.st_ino != position.inode or status.st_size < position.offset:
        position.inode, position.offset = status.st_ino, 0
    return opened


def _download(line: str) -> Key | None:
    """What a line says was downloaded whole: all of a file, or a range of it from its first byte to its last."""
    said = _LINE.fullmatch(line)
    if said is None:
        return None
    if said["status"] == "206":
        parts = re.fullmatch(r"bytes 0-(\d+)/(\d+)", said["range"])
        if parts is None or not int(parts[1]) + 1 == int(parts[2]) == int(said["sent"]):
            return None
    try:
        return said["slug"], int(said["version"]), f"data/{said['name']}", date.fromisoformat(said["day"])
    except ValueError:
        return None


def _write(downloads: Counter[Key]) -> int:
    """Only what there is is counted: nobody makes up a file by asking for it."""
    slugs = {slug for slug, _, _, _ in downloads}
    found = ReleaseVersion.objects.filter(release__slug__in=slugs).values_list("release__slug", "version", "files__path", "pk")
    known = {(slug, number, path): pk for slug, number, path, pk in found}
    counted = 0
    for (slug, number, path, day), times in sorted(downloads.items()):
        version = known.get((slug, number, path))
        if version is not None:
            row, _ = DownloadCount.objects.get_or_create(version_id=version, path=path, day=day)
            DownloadCount.objects.filter(pk=row.pk).update(count=F("count") + times)
            counted += times
    return counted
