"""Datasets as they come in: one file, several, a zip archive of them, or a folder that is pointed at. Whole or not at all.

What lies in the uploads folder is named by us, from what files were called; a file of a table that consists of several lies in a
folder of its own, `<table>/<file>`.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from generators.errors import InputError
from generators.reading.dataset import safe_name
from generators.reading.tables import DATA_SUFFIXES
from releases import files

MOST_FILES = 1_000
"""Files a dataset may have."""

_NEVER_DATA = ("__MACOSX", ".")
"""How the names of folders and files begin that programs leave behind."""

_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Incoming:
    """A file that is being sent: what it was called, its bytes, how many were announced."""

    name: str
    stream: IO[bytes]
    size: int


@dataclass(frozen=True)
class Received:
    """A file of a snapshot. path: relative to the folder of its dataset; name: as people may see it."""

    path: str
    name: str
    size: int
    sha256: str

    @property
    def entry(self) -> str:
        """What stands for its table in that folder: the file, or the folder it shares with others."""
        return self.path.split("/")[0]


def digest(received: Sequence[Received]) -> str:
    """SHA-256 (hex) over every file's place, size and SHA-256; of a lone file its own."""
    if len(received) == 1:
        return received[0].sha256
    parts = sorted([each.path, each.size, each.sha256] for each in received)
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def as_rows(received: Iterable[Received]) -> list[dict[str, object]]:
    """As a snapshot records them."""
    return [asdict(each) for each in received]


def receive_files(sent: Sequence[Incoming], folder: Path, *, limit: int) -> list[Received]:
    """Stream the files of several tables, or the members of one zip archive, into the new `folder`.

    InputError, naming the file, when one of them is not CSV or Parquet by its name, is cut off or empty, when all are more than `limit`
    bytes, or when an archive is damaged, encrypted, or holds no table. The caller removes the folder then.
    """
    if len(sent) == 1 and is_archive(sent[0].name):
        return _unpacked(sent[0], folder, limit)
    for each in sent:
        if is_archive(each.name):
            raise InputError("send a zip archive by itself, or the files themselves")
        if not _is_data(each.name):
            raise InputError(f"“{files.display_name(each.name)}” is neither CSV nor Parquet by its name; nothing was kept")
    _bounded(len(sent), sum(each.size for each in sent), limit)
    places = _places([(files.display_name(each.name),) for each in sent])
    return [_written(each.stream, place, folder, each.size, limit) for each, place in zip(sent, places, strict=True)]


def is_archive(name: str) -> bool:
    """Whether a file's name says that it is a zip archive."""
    return name.lower().endswith(".zip")


def listed(folder: Path, roots: Sequence[Path]) -> list[Received]:
    """The data files of a folder that is pointed at, and of the folders in it, each of which is a table of several files.

    InputError when there is none, or one of them cannot be read or leads out of the allowed folders.
    """
    found = []
    for path in _data_files(folder):
        place = path.relative_to(folder).as_posix()
        if not any(path.resolve().is_relative_to(root) for root in roots):
            raise InputError(f"“{place}” is a link that leads out of the allowed folders; put the file itself there")
        try:
            size, sha256 = path.stat().st_size, files.sha256(path)
        except OSError:
            raise InputError(f"“{place}” cannot be read; ask whoever looks after the folder for permission") from None
        if size == 0:
            raise InputError(f"“{place}” is empty")
        found.append(Received(place, _shown(place.split("/")), size, sha256))
    if not found:
        raise InputError("the folder holds no CSV or Parquet file")
    _bounded(len(found), 0, 1)
    return found


def unchanged(folder: Path, recorded: Sequence[Received]) -> str | None:
    """The first file of a folder that is not as it was recorded (missing, changed, or new since), or None."""
    present = {path.relative_to(folder).as_posix() for path in _data_files(folder)}
    for each in recorded:
        path = folder / each.path
        try:
            same = each.path in present and path.stat().st_size == each.size and files.sha256(path) == each.sha256
        except OSError:  # may not be read any more
            same = False
        if not same:
            return each.name
    return next(iter(sorted(present - {each.path for each in recorded})), None)


def _data_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_NEVER_DATA):
            continue
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.is_file() and _is_data(p.name) and not p.name.startswith(_NEVER_DATA))
        elif path.is_file() and _is_data(path.name):
            yield path


def _unpacked(archive: Incoming, folder: Path, limit: int) -> list[Received]:
    try:
        with zipfile.ZipFile(archive.stream) as zipped:
            members = list(_members(zipped))
            if not members:
                raise InputError("the archive holds no CSV or Parquet file; nothing was kept")
            # A member is never unpacked beyond the size it announces, so what all announce is what all can take.
            _bounded(len(members), sum(info.file_size for info, _ in members), limit)
            received = []
            for (info, _), place in zip(members, _places([parts for _, parts in members]), strict=True):
                with zipped.open(info) as stream:
                    received.append(_written(stream, place, folder, info.file_size, limit))
            return received
    except (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the archive is damaged or not a zip archive this site can read; nothing was kept; please send it again") from None


def _members(zipped: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    """The data files of an archive, each with its folders and name; a folder that holds everything is looked through."""
    found = []
    for info in zipped.infolist():
        parts = tuple(p for p in PurePosixPath(info.filename.replace("\\", "/")).parts if p not in ("/", "..", "."))
        if info.is_dir() or not parts or any(p.startswith(_NEVER_DATA) for p in parts) or not _is_data(parts[-1]):
            continue
        if info.flag_bits & _ENCRYPTED:
            raise InputError("the archive is protected by a password; send it without one; nothing was kept")
        found.append((info, parts))
    while found and all(len(parts) > 1 for _, parts in found) and len({parts[0] for _, parts in found}) == 1:
        found = [(info, parts[1:]) for info, parts in found]
    for info, parts in found:
        if len(parts) > 2:
            raise InputError("the archive has folders within folders; a file is a table, or a folder of files of one table")
        yield info, parts


def _places(names: Sequence[tuple[str, ...]]) -> list[tuple[str, str]]:
    """(path of ours, name for people) for every file, from what it was called. InputError when two would be the same."""
    places: dict[str, str] = {}
    for parts in names:
        *folders, last = parts
        stored = safe_name(last) + PurePosixPath(last).suffix.lower()
        path = "/".join([*(safe_name(f) for f in folders), stored])
        shown = _shown(parts)
        earlier = next((name for known, name in places.items() if known.casefold() == path.casefold()), None)
        if earlier is not None:
            raise InputError(f"“{earlier}” and “{shown}” would become one file here; rename one of them; nothing was kept")
        places[path] = shown
    return list(places.items())


def _written(stream: IO[bytes], place: tuple[str, str], folder: Path, size: int, limit: int) -> Received:
    path, name = place
    try:
        sha256 = files.receive(iter(lambda: stream.read(files.CHUNK), b""), folder / path, size=size, limit=limit)
    except InputError as error:
        raise InputError(f"“{name}”: {error}") from None
    return Received(path, name, size, sha256)


def _bounded(count: int, size: int, limit: int) -> None:
    if count > MOST_FILES:
        raise InputError(f"{count:,} files; a dataset has at most {MOST_FILES:,}; put files of one table together")
    if size > limit:
        raise InputError(
            f"the files are together larger than the {limit:,} bytes this site accepts; put them in a secure folder and point at it instead"
        )


def _shown(parts: Sequence[str]) -> str:
    return " / ".join(files.display_name(part) for part in parts)


def _is_data(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in DATA_SUFFIXES
