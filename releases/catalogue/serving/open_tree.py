"""Open data files under their public addresses, for nginx to send without asking: docs/decisions/0030.

Beside the store's contents lies a tree of links, `open/tree/<release>.v<version>/<file>`, each to a folder named by the SHA-256 of what it
stands for, so that nginx knows the ETag. To know it nginx asks the file system about every part of the path, so there are few.
Only tables of open versions on show stand in the tree. What is taken off display leaves it before the transaction
that says so ends; what is put on show enters after, and whoever puts it there looks again whether it still is.
nginx comes to the tree by `open/<thousands of seconds since 1970>` alone. Those names are made as far ahead as the newest heartbeat
allows anything to be handed out: when the publisher is not heard any more they run out, whether or not a process of ours still runs.
Whatever is not there is asked of a process of ours.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from releases.catalogue.models import FeedPosition, ReleaseVersion, StoredFile, VersionQuerySet
from releases.catalogue.serving import store as content

log = logging.getLogger(__name__)

STRETCH = 1000
"""Seconds for which one of these names is good."""
MOST_AHEAD = 200
"""Such names at once."""
KINDS = ("parquet", "csv")


def follow(releases: Iterable[int], store: Path) -> None:
    """Bring the tree in step with these releases: within the transaction that changes what is on show, and once more after it."""
    if not settings.SYNTHPORTAL_FETCHED_LOG:
        return
    some = sorted(set(releases))
    _hide(some, store)
    transaction.on_commit(partial(_settle, some, store))


def mend(store: Path) -> None:
    """Make the tree what it has to be, whatever it is; away with it where nginx sends nothing by itself."""
    if not settings.SYNTHPORTAL_FETCHED_LOG:
        shutil.rmtree(store / "open", ignore_errors=True)
        return
    shown = {_name(slug, number) for slug, number in _shown().values_list("release__slug", "version")}
    for folder in (store / "open" / "tree").glob("*"):
        if folder.name not in shown:
            _away(folder, store)
    shutil.rmtree(store / "open" / "until", ignore_errors=True)  # where an earlier program had the names of the time
    _settle(None, store)


def keep_fresh(store: Path, now: float | None = None) -> None:
    """Name the stretches of time in which the tree may be used: as far ahead as the newest heartbeat allows, those gone by no more."""
    if not settings.SYNTHPORTAL_FETCHED_LOG:
        return
    heard = FeedPosition.objects.filter(pk=1).values_list("heartbeat_at", flat=True).first()
    first = int((time.time() if now is None else now) // STRETCH)
    last = int((heard.timestamp() + settings.SYNTHPORTAL_REFUSE_AFTER) // STRETCH) - 1 if heard else first - 1
    wanted = {str(each) for each in range(first, min(last, first + MOST_AHEAD) + 1)}
    folder = store / "open"
    folder.mkdir(parents=True, exist_ok=True)
    there = {each.name for each in folder.iterdir() if each.name.isdigit()}
    for name in there - wanted:
        (folder / name).unlink(missing_ok=True)
    for name in wanted - there:
        (folder / name).symlink_to("tree")


def _shown() -> VersionQuerySet:
    return ReleaseVersion.objects.on_show().filter(access_level="open")


def _hide(releases: list[int] | None, store: Path) -> None:
    """Take out of the tree what of these releases, or of all, is not on show now."""
    hidden = ReleaseVersion.objects.exclude(pk__in=_shown().values("pk"))
    if releases is not None:
        hidden = hidden.filter(release__in=releases)
    for slug, number in hidden.values_list("release__slug", "version"):
        _away(_folder(store, slug, number), store)


def _settle(releases: list[int] | None, store: Path) -> None:
    """Put into the tree what of these releases, or of all, is on show, and take out again what is not any more."""
    shown = _shown() if releases is None else _shown().filter(release__in=releases)
    files = StoredFile.objects.filter(version__in=shown, role="data", sealed_as="").select_related("version__release")
    few = ("path", "sha256", "version__version", "version__published_at", "version__release__slug")
    try:
        for stored in files.only(*few).iterator(chunk_size=1_000):
            _put(stored, store)
    except OSError as error:
        # Without its link a file is sent by a process of ours.
        log.error("the tree of open files could not be written: %s", error.strerror)
    _hide(releases, store)


def _put(stored: StoredFile, store: Path) -> None:
    kind = stored.path.rpartition(".")[2]
    within, _, name = stored.path.partition("/")
    if kind not in KINDS or within != "data":
        return
    place = _folder(store, stored.version.release.slug, stored.version.version) / name
    held = store / "open" / "contents" / stored.sha256 / f"content.{kind}"
    if not held.exists():
        held.parent.mkdir(parents=True, exist_ok=True)
        published = stored.version.published_at.timestamp()
        os.utime(content.place(store, stored.sha256), (published, published))
        os.link(content.place(store, stored.sha256), held)
    if not place.is_symlink():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(held.parent, place.parent))


def _folder(store: Path, slug: str, number: int) -> Path:
    return store / "open" / "tree" / _name(slug, number)


def _name(slug: str, number: int) -> str:
    return f"{slug}.v{number}"


def _away(folder: Path, store: Path) -> None:
    """Out of the tree, all at once; then removed."""
    gone = store / "open" / ".gone" / secrets.token_hex(16)
    gone.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)
