"""The lake in an S3-compatible object store: the publisher carries its folder out, the public site carries it in.

What is signed, verified and taken in is the same as with a folder: the store is a road, not a party. Objects have the names that files
have in the folder. Open capsules, the feed and the register lie under one address; safeguarded capsules under another, with credentials
of its own. Every write is whole or not at all, and what others wait for comes last: the data of a capsule, its manifest, its attestation,
the notice that announces it, then register and heartbeat. Killed anywhere, either side can simply be run again.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from releases.capsule import feed, files, layout, register
from releases.capsule.feed import Notice, NoticeKind
from releases.capsule.layout import CapsuleRefused
from releases.capsule.manifest import Manifest

if TYPE_CHECKING:
    from obstore.store import S3Store

COMING_IN = ".incoming"
_FIELDS = {"address", "endpoint", "region", "access_key_id", "secret_access_key"}
_LAST = (layout.MANIFEST, layout.ATTESTATION)
_SMALL = 1024 * 1024


class StoreUnreachable(Exception):
    """The object store did not do what it was asked. Says what was tried and why it failed; no address, no credential."""


@dataclass(frozen=True)
class ObjectLake:
    """open: where open capsules, feed and register lie; safeguarded: where the safeguarded capsules lie, None where this zone has none."""

    open: S3Store
    safeguarded: S3Store | None = None

    @staticmethod
    def of(opened: Path, safeguarded: Path | None = None) -> ObjectLake:
        """From the two files of address and credentials (see `store_of`)."""
        return ObjectLake(store_of(opened), store_of(safeguarded) if safeguarded else None)

    def holding(self, notice: Notice) -> S3Store:
        """The store in which this notice's capsule lies; CapsuleRefused when this zone has no credentials for it."""
        if notice.access_level == "open":
            return self.open
        if self.safeguarded is None:
            raise CapsuleRefused(f"notice {notice.sequence} is about safeguarded data, and no object store is set for them")
        return self.safeguarded


def store_of(file: Path) -> S3Store:
    """The store that a file of JSON names: address ("s3://bucket/prefix"), endpoint, region, access_key_id, secret_access_key.

    The file is readable by its owner alone. CapsuleRefused names what is wrong with it, never what it holds.
    """
    from obstore.store import S3Store

    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise CapsuleRefused(f"others can read {file.name}, which holds credentials; run: chmod 600")
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CapsuleRefused(f"{file.name}, which should hold the object store's address and credentials, is no readable JSON") from None
    if not isinstance(said, dict) or set(said) != _FIELDS or not all(isinstance(value, str) and value for value in said.values()):
        raise CapsuleRefused(f"{file.name} must hold these, as texts: {', '.join(sorted(_FIELDS))}")
    address, endpoint = urlsplit(said["address"]), urlsplit(said["endpoint"])
    if address.scheme != "s3" or not address.hostname:
        raise CapsuleRefused(f"{file.name}: the address must look like s3://bucket/prefix")
    local = endpoint.hostname in ("localhost", "127.0.0.1", "::1")
    if endpoint.scheme != "https" and not (endpoint.scheme == "http" and local):
        raise CapsuleRefused(f"{file.name}: the endpoint must be an https:// address")
    return S3Store(
        address.hostname,
        prefix=address.path.strip("/") or None,
        endpoint=said["endpoint"],
        region=said["region"],
        access_key_id=said["access_key_id"],
        secret_access_key=said["secret_access_key"],
        virtual_hosted_style_request=False,
        client_options={"allow_http": local, "timeout": "60s"},
        retry_config={"max_retries": 2},
    )


def carry_out(lake: Path, remote: ObjectLake) -> int:
    """Bring the object store up to the folder, by its publisher; the number of notices carried. Safe to repeat.

    CapsuleRefused when the store holds a notice that this publisher did not write; StoreUnreachable when it does not answer.
    """
    last = feed.head(lake)[0]
    known = max(_notices(remote.open, after=_beat(remote.open)), default=_beat(remote.open))
    if known > last:
        raise CapsuleRefused(f"the object store holds notice {known}, the lake ends at {last}: another publisher writes there")
    for sequence in range(known + 1, last + 1):
        notice = feed.own(lake, sequence)
        if notice is None:
            raise CapsuleRefused(f"notice {sequence} is missing from the lake")
        _carry_capsule(lake, notice, remote.holding(notice))
        _announce(lake, sequence, remote.open)
    for name in (register.REGISTER, feed.HEARTBEAT):
        content = feed.small_file(lake / feed.FEED / name, _SMALL)
        if content is not None:
            _put(remote.open, f"{feed.FEED}/{name}", content)
    return last - known


def carry_in(remote: ObjectLake, lake: Path, *, after: int, apart: Path | None = None) -> int:
    """Bring the folder up to the object store for a reader that has taken in notice `after`; the number of notices brought.

    apart: where safeguarded capsules are put instead, None where they lie in the same folder.

    Nothing is believed here: whoever reads the folder verifies it. Capsules of notices up to `after` are removed from the folder: the
    reader has copied them. CapsuleRefused when something in the store cannot lie in a lake; StoreUnreachable when it does not answer.
    """
    (lake / feed.FEED).mkdir(parents=True, exist_ok=True)
    # Fetched first and written last: a heartbeat never tells of notices that are not here yet.
    said = {name: _small(remote.open, f"{feed.FEED}/{name}") for name in (register.REGISTER, feed.HEARTBEAT)}
    waiting = sorted(_notices(remote.open, after=after))
    notices: list[tuple[Notice, bytes]] = []
    for sequence in waiting:
        envelope = _small(remote.open, f"{feed.FEED}/{feed.notice_name(sequence)}") or b""
        try:
            notices.append((feed.unverified(envelope, sequence), envelope))
        except CapsuleRefused:
            _keep(lake / feed.FEED / feed.notice_name(sequence), envelope)  # the reader refuses it, and says why
            break
    wanted = {notice.place: notice for notice, _ in notices if notice.kind is NoticeKind.PUBLISHED}
    gone = {notice.place for notice, _ in notices if notice.kind is NoticeKind.WITHDRAWN}
    for folder in {lake, apart or lake}:
        _tidy(folder, set(wanted) - gone)
    for notice, content in notices:
        if notice.kind is NoticeKind.PUBLISHED and notice.place not in gone:
            _fetch_capsule(remote.holding(notice), notice, apart if apart and notice.access_level == "safeguarded" else lake)
        _keep(lake / feed.FEED / feed.notice_name(notice.sequence), content)
    for name, beside in said.items():
        if beside is not None:
            _keep(lake / feed.FEED / name, beside)
    return len(notices)


def carry_capsule_in(remote: ObjectLake, lake: Path, notice: Path) -> None:
    """Bring one capsule into the folder `lake`, the one that the feed's file `notice` announces; nothing is believed here either.

    CapsuleRefused when the notice cannot be read or its capsule cannot lie in a lake; StoreUnreachable when the store does not answer.
    """
    envelope = feed.small_file(notice, _SMALL)
    if envelope is None:
        raise CapsuleRefused(f"{notice.name} is missing from the feed")
    said = feed.unverified(envelope, int(notice.name[:8]))
    _fetch_capsule(remote.holding(said), said, lake)


def _carry_capsule(lake: Path, notice: Notice, store: S3Store) -> None:
    place = lake / notice.place
    here = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file() and not path.is_symlink()}
    if notice.kind is NoticeKind.PUBLISHED:
        signed = feed.small_file(place / layout.ATTESTATION, layout.MAX_ATTESTATION)
        if signed is not None and _small(store, f"{notice.place}/{layout.ATTESTATION}", layout.MAX_ATTESTATION) == signed:
            return  # the last of its files is there, so all are
        for name in sorted(here, key=lambda each: (_LAST.index(each) if each in _LAST else -1, each)):
            _put(store, f"{notice.place}/{name}", place / name)
    elif notice.kind is NoticeKind.WITHDRAWN:
        with _asking("remove a withdrawn capsule"):
            left = [each for each in _listed(store, notice.place) if each.removeprefix(f"{notice.place}/") not in _LAST]
            for start in range(0, len(left), 1000):
                _obstore().delete(store, left[start : start + 1000])


def _announce(lake: Path, sequence: int, store: S3Store) -> None:
    from obstore.exceptions import AlreadyExistsError

    name = f"{feed.FEED}/{feed.notice_name(sequence)}"
    content = feed.small_file(lake / name, _SMALL) or b""
    with _asking("write a notice"):
        try:
            _obstore().put(store, name, content, mode="create")
        except AlreadyExistsError:
            if _small(store, name) != content:
                raise CapsuleRefused(f"the object store holds another notice {sequence}: another publisher writes there") from None


def _fetch_capsule(store: S3Store, notice: Notice, lake: Path) -> None:
    """The capsule of a notice into the folder, unless the very same objects were brought before. One that lacks files is not brought."""
    place = lake / notice.place
    with _asking("list a capsule"):
        objects = {o["path"]: (o["e_tag"], o["size"]) for page in _obstore().list(store, f"{notice.place}/") for o in page}
    marks = lake / COMING_IN / f"{notice.place.replace('/', '.')}.json"
    mark = layout.canonical_json(sorted([name, *tag] for name, tag in objects.items()))
    if place.is_dir() and marks.is_file() and marks.read_bytes() == mark:
        return
    content = _small(store, f"{notice.place}/{layout.MANIFEST}", layout.MAX_MANIFEST)
    attestation = _small(store, f"{notice.place}/{layout.ATTESTATION}", layout.MAX_ATTESTATION)
    if content is None or attestation is None:
        return
    entries = Manifest.from_bytes(content).files
    if any(objects.get(f"{notice.place}/{entry.path}", (None, -1))[1] != entry.size for entry in entries):
        return
    folder = lake / COMING_IN / notice.place.replace("/", ".")
    files.discard(folder)
    folder.mkdir(parents=True)
    for entry in entries:
        target = folder / entry.path
        target.parent.mkdir(exist_ok=True)
        _download(store, f"{notice.place}/{entry.path}", target, entry.size)
    files.write_durably(folder / layout.MANIFEST, content)
    files.write_durably(folder / layout.ATTESTATION, attestation)
    files.sync_tree(folder)
    files.discard(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(place)
    files.sync_folder(place.parent)
    files.replace_durably(marks, mark)


def _download(store: S3Store, name: str, target: Path, size: int) -> None:
    with _asking("fetch a file"), target.open("xb") as writing:
        written = 0
        for chunk in _obstore().get(store, name).stream(min_chunk_size=files.CHUNK):
            written += len(chunk)
            if written > size:
                raise CapsuleRefused(f"{layout.shown(name)} in the object store is larger than its manifest says")
            writing.write(chunk)


def _tidy(lake: Path, wanted: set[str]) -> None:
    """Remove capsules that no waiting notice announces, and what a killed reader left half-fetched."""
    for level in layout.ACCESS_LEVELS:
        for place in (lake / level).glob("*/*"):
            if place.relative_to(lake).as_posix() not in wanted:
                files.discard(place)
    names = {place.replace("/", ".") for place in wanted}
    for leftover in (lake / COMING_IN).glob("*"):
        if leftover.is_dir():
            files.discard(leftover)
        elif leftover.stem not in names:
            leftover.unlink()


def _keep(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        files.replace_durably(path, content)


def _beat(store: S3Store) -> int:
    """Up to which notice the store's heartbeat says that it goes; 0 where there is none, or none that can be read."""
    content = _small(store, f"{feed.FEED}/{feed.HEARTBEAT}")
    return feed.beaten(content) if content else 0


def _notices(store: S3Store, *, after: int) -> list[int]:
    with _asking("list the feed"):
        pages = _obstore().list(store, f"{feed.FEED}/", offset=f"{feed.FEED}/{feed.notice_name(after)}")
        names = [each["path"].removeprefix(f"{feed.FEED}/") for page in pages for each in page]
    return [number for name in names if (number := feed.numbered(name)) is not None and number > after]


def _listed(store: S3Store, place: str) -> list[str]:
    return [each["path"] for page in _obstore().list(store, f"{place}/") for each in page]


def _put(store: S3Store, name: str, content: bytes | Path) -> None:
    with _asking("write a file"):
        _obstore().put(store, name, content)


def _small(store: S3Store, name: str, largest: int = _SMALL) -> bytes | None:
    """A small object's content; None when it is not there; CapsuleRefused when it is larger than `largest` bytes."""
    with _asking("read a small file"):
        try:
            found = _obstore().get(store, name)
        except FileNotFoundError:
            return None
        if found.meta["size"] > largest:
            raise CapsuleRefused(f"{layout.shown(name)} in the object store is larger than {largest} bytes")
        return bytes(found.bytes())


@contextmanager
def _asking(what: str) -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        # Its message holds the endpoint's address: the kind of error is enough to know whom to ask.
        raise StoreUnreachable(f"the object store did not let us {what}: {type(error).__name__}") from None


def _obstore() -> Any:
    """Loaded when an object store is set: an extra that most installations do without."""
    import obstore

    return obstore
