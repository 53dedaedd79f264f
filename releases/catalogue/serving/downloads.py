"""Handing out bytes: single files and whole capsules, from the store alone, resumable, counted once per whole download."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header, http_date

from releases.capsule import archive, files
from releases.catalogue.access import handouts
from releases.catalogue.models import DownloadCount, ReleaseVersion, StoredFile
from releases.catalogue.serving import store
from releases.catalogue.serving.ranges import wanted

log = logging.getLogger(__name__)

# The bytes behind an address never change, so whoever has them may keep them. Caches in between ask again after an hour: a release can
# be withdrawn, and must then not live on in a proxy.
CACHING = "public, max-age=31536000, s-maxage=3600, immutable"

_ROBOT = re.compile(r"bot\b|crawl|spider|slurp|preview|monitor|facebookexternalhit|headless", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """A stretch of a download: literal bytes, a file, or a file that lies sealed."""

    size: int
    literal: bytes | None = None
    file: Path | None = None
    sealed: StoredFile | None = None


@dataclass(frozen=True)
class Download:
    """Something to hand out. etag: quoted, strong; path: what is counted ("" is the whole capsule)."""

    version: ReleaseVersion
    path: str
    name: str
    media_type: str
    etag: str
    modified: datetime
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


def single(stored: StoredFile) -> Download:
    """One file of a version."""
    version = stored.version
    name = f"{version.archive_name.removesuffix('.zip')}-{stored.path.rsplit('/', 1)[-1]}"
    return Download(version, stored.path, name, stored.media_type, f'"{stored.sha256}"', version.published_at, (_part(stored),))


def whole(version: ReleaseVersion) -> Download:
    """The capsule as one zip, put together while it is sent: its bytes follow from the stored files."""
    stored = {each.path: each for each in version.files.all()}
    entries = [archive.Entry(each.path, each.size, each.crc32) for each in stored.values()]
    parts: list[Part] = []
    digest = hashlib.sha256()
    for segment in archive.plan(version.archive_name.removesuffix(".zip"), entries):
        if segment.literal is not None:
            parts.append(Part(segment.size, literal=segment.literal))
            digest.update(segment.literal)
        else:
            each = stored[str(segment.path)]
            parts.append(_part(each))
            digest.update(each.sha256.encode())
    etag = f'"zip-{digest.hexdigest()}"'
    return Download(version, "", version.archive_name, "application/zip", etag, version.published_at, tuple(parts))


def _part(stored: StoredFile) -> Part:
    return Part(stored.size, sealed=stored) if stored.sealed_as else Part(stored.size, file=store.held(stored))


def response(request: HttpRequest, download: Download) -> HttpResponseBase:
    """The answer to GET or HEAD: 200, 206, 304, 412 or 416; 429 when a grant's downloads of the day are used up.

    Bytes of a safeguarded version are written down by name before the first of them goes; not written down, they do not go.
    """
    size = download.size
    want = wanted(request.method or "GET", request.headers, size=size, etag=download.etag, modified=download.modified)
    if want.status in (200, 206):
        complete = request.method == "GET" and (want.start, want.length) == (0, size)
        if download.version.access_level != "open" and request.method == "GET":
            try:
                handouts.hand_out(request, download.version, download.path, start=want.start, length=want.length, whole=complete)
            except handouts.TooManyHandOuts:
                refused = render(request, "catalogue/access/too_many.html", status=429)
                refused.headers["Retry-After"] = "86400"
                return refused
        count = complete and not _ROBOT.search(request.headers.get("User-Agent", ""))
        answer: HttpResponseBase
        internal = _handed_over(request, download)
        if request.method == "HEAD":
            answer = HttpResponse(status=want.status)
        elif internal is not None:
            if count:
                counted(download)
            return _by_the_proxy(download, internal)
        else:
            body = _bytes(download.parts, want.start, want.length, (lambda: counted(download)) if count else None)
            answer = StreamingHttpResponse(body, status=want.status)
        answer.headers["Content-Type"] = download.media_type
        answer.headers["Content-Length"] = str(want.length)
        answer.headers["Content-Disposition"] = content_disposition_header(True, download.name) or "attachment"
    else:
        answer = HttpResponse(status=want.status)
        del answer.headers["Content-Type"]
    if want.status == 206:
        answer.headers["Content-Range"] = f"bytes {want.start}-{want.start + want.length - 1}/{size}"
    if want.status == 416:
        answer.headers["Content-Range"] = f"bytes */{size}"
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["ETag"] = download.etag
    answer.headers["Last-Modified"] = http_date(download.modified.timestamp())
    answer.headers["Cache-Control"] = CACHING
    return answer


def _handed_over(request: HttpRequest, download: Download) -> str | None:
    """The address by which the proxy finds the file itself; None where no proxy is set, or only this process can answer.

    nginx compares If-Range with an ETag of its own, which it does not send here: those requests are answered by us.
    """
    prefix, part = settings.SYNTHPORTAL_ACCEL, download.parts[0]
    if not prefix or len(download.parts) != 1 or part.file is None or "If-Range" in request.headers:
        return None
    return f"{prefix}{part.file.relative_to(settings.SYNTHPORTAL_STORE).as_posix()}"


def _by_the_proxy(download: Download, internal: str) -> HttpResponse:
    """Says to nginx which file to send, under which headers: ranges are its own work."""
    answer = HttpResponse(content_type=download.media_type)
    answer.headers["X-Accel-Redirect"] = internal
    answer.headers["Content-Disposition"] = content_disposition_header(True, download.name) or "attachment"
    answer.headers["ETag"] = download.etag
    answer.headers["Cache-Control"] = CACHING
    return answer


def _bytes(parts: Sequence[Part], start: int, length: int, done: Callable[[], None] | None) -> Iterator[bytes]:
    """`length` bytes from `start`; `done` is called when all were taken, not when the reader went away."""
    left = length
    for part in parts:
        if left <= 0:
            break
        if start >= part.size:
            start -= part.size
            continue
        take = min(part.size - start, left)
        if part.literal is not None:
            yield part.literal[start : start + take]
        elif part.file is not None or part.sealed is not None:
            with store.opened(part.sealed) if part.sealed is not None else cast(Path, part.file).open("rb") as stream:
                stream.seek(start)
                yield from files.chunks(stream, take)
        start, left = 0, left - take
    if done is not None:
        done()


def counted(download: Download) -> None:
    """Count one whole download. A count that cannot be written is lost: the download is not."""
    key: dict[str, Any] = {"version": download.version, "path": download.path, "day": timezone.localdate()}
    try:
        DownloadCount.objects.get_or_create(**key)
        DownloadCount.objects.filter(**key).update(count=F("count") + 1)
    except DatabaseError:
        log.warning("a download of %s could not be counted", download.name)
