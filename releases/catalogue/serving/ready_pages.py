"""Pages of datasets made before anybody asks, so that the first visitor waits no longer than the next.

Of every open release the page of its newest version on show, as it is while the site is fresh: what it says of downloads is filled in
when it is sent. Ingest makes them while it has nothing to take in; every process sends them. They lie in the database, so that the
transaction that changes what a release shows throws them away (`finding.index.shelve`), and who sends one has asked
`visitors.refused_rows` before. A page made for another address, or by another program, counts as none.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest

from releases.catalogue.models import FeedPosition, ReadyPage, ReleaseVersion
from releases.catalogue.taking_in.freshness import freshness

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Pages of one transaction."""
DOWNLOADS = "\x00downloads\x00"
"""Stands in a page that is kept for what is said of downloads; no text of a release holds a NUL."""
_SETTINGS = ("DEMONSTRATION", *(f"SYNTHPORTAL_{name}" for name in ("PERMANENT_URL", "PUBLISHER", "CONTACT", "COUNTRY", "DATA_HOLDER")))
_failed: set[int] = set()
"""Versions whose page could not be made by this process."""
_READ = """
    SELECT shown.id, shown.version, shown.state, shown.key_revoked, shown.display_held, shown.access_level, ready.body,
        (SELECT COALESCE(SUM(count), 0) FROM catalogue_downloadcount counted WHERE counted.version_id = shown.id)
    FROM catalogue_release release
        JOIN catalogue_listing listing ON listing.release_id = release.id
        JOIN catalogue_releaseversion shown ON shown.id = listing.version_id
        JOIN catalogue_readypage ready ON ready.version_id = shown.id
    WHERE release.slug = %s AND ready.site = %s AND ready.made_as = %s
"""

Make = Callable[[HttpRequest, ReleaseVersion], str]
"""The page of a version, with `DOWNLOADS` in it once."""


def downloads_said(count: int) -> str:
    """How often something was downloaded, as its page says it."""
    return f"{count:,} time{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Ready:
    """A page that is ready. version: whose it is, with no more of it than what refusals hang on."""

    version: ReleaseVersion
    _body: bytes
    _downloads: int

    @property
    def content(self) -> bytes:
        """The page. Whoever sends it knows that this visitor may see rows."""
        return zlib.decompress(self._body).replace(DOWNLOADS.encode(), downloads_said(self._downloads).encode())


def ready_page(request: HttpRequest, slug: str) -> Ready | None:
    """The page of this release's newest version on show, where it is ready and says what is so now: one query for all of it."""
    if not settings.SYNTHPORTAL_KEEP_PAGES or freshness().stale:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_READ, [slug, request.build_absolute_uri("/"), made_as()])
        found = cursor.fetchone()
    if found is None:
        return None
    pk, number, state, revoked, held, access_level, body, downloads = found
    version = ReleaseVersion(
        pk=pk, version=number, state=state, key_revoked=bool(revoked), display_held=bool(held), access_level=access_level
    )
    return Ready(version, body, int(downloads)) if version.on_show and access_level == "open" else None


def make_ready(make: Make, *, until: float | None = None, stop: Callable[[], bool] = lambda: False) -> int:
    """Make the pages that are missing, the newest releases first, until `time.monotonic()` is `until`; how many were made."""
    if not settings.SYNTHPORTAL_KEEP_PAGES:
        return 0
    made = 0
    while not stop() and (until is None or time.monotonic() < until):
        some = _make_some(make, until, stop)
        if not some:
            break
        made += some
    return made


def _make_some(make: Make, until: float | None, stop: Callable[[], bool]) -> int:
    revision = _revision()
    if revision is None or freshness().stale:
        return 0
    request = _request()
    try:
        site = request.build_absolute_uri("/")
    except DisallowedHost:
        return 0  # nobody can ask for a page there either
    known = ReadyPage.objects.filter(site=site, made_as=made_as()).values("version")
    missing = ReleaseVersion.objects.on_show().filter(access_level="open", listing__isnull=False).exclude(pk__in=known)
    missing = missing.exclude(pk__in=_failed).select_related("release").order_by("-published_at", "pk")
    pages: list[ReadyPage] = []
    for version in missing[:AT_ONCE]:
        if stop() or (until is not None and pages and time.monotonic() >= until):
            break
        try:
            body = zlib.compress(make(request, version).encode())
        except DatabaseError:
            raise
        except Exception as error:
            # Ingest goes on: withdrawals are waiting behind it. Whoever asks for the page has it made, or meets what is wrong with it.
            log.error("the page of %s could not be made: %s", version.get_absolute_url(), type(error).__name__)
            _failed.add(version.pk)
            continue
        pages.append(ReadyPage(version=version, body=body, site=site, made_as=made_as()))
    with transaction.atomic():
        # A change of what is on show waits for this or is seen by it: no page is older than what its release shows.
        if FeedPosition.objects.select_for_update().get(pk=1).revision != revision:
            return 0
        ReadyPage.objects.filter(version__in=[each.version_id for each in pages]).delete()
        ReadyPage.objects.bulk_create(pages)
    return len(pages)


def _revision() -> int | None:
    return FeedPosition.objects.filter(pk=1).values_list("revision", flat=True).first()


def _request() -> HttpRequest:
    """As a visitor asks who comes by the address of this site."""
    parts = urlsplit(settings.SYNTHPORTAL_URL)
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": parts.netloc, "HTTP_X_FORWARDED_PROTO": parts.scheme}
    server = {"SERVER_NAME": parts.hostname or "", "SERVER_PORT": str(parts.port or ""), "wsgi.url_scheme": parts.scheme}
    return WSGIRequest({**asked, **server, "wsgi.input": io.BytesIO()})


@lru_cache(maxsize=1)
def made_as() -> str:
    """What pages hang on beside the catalogue: the program and its texts, the names of the static files, and the settings they show."""
    digest = hashlib.sha256()
    catalogue, texts = Path(__file__).resolve().parents[1], settings.BASE_DIR / "templates"
    program = [*catalogue.rglob("*.py"), *(catalogue.parent / "capsule").rglob("*.py")]
    for file in sorted((*program, *(texts / "catalogue").rglob("*.html"), *(texts / "shared").rglob("*.html"))):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    named = sorted(getattr(staticfiles_storage, "hashed_files", {}).items())
    said = [[name, str(getattr(settings, name, ""))] for name in _SETTINGS]
    digest.update(json.dumps([said, named]).encode())
    return digest.hexdigest()
