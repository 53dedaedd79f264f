"""A capsule as one zip file, whose bytes follow from its content alone.

Entries are stored, not deflated: Parquet would not shrink, compressors differ between machines, and every byte of the archive can
be compared with what it must be. The layout is known before any file is read, so that a server can send any range of it.
Source of the format: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5 (zip64 extras only where a number needs them).
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from releases.capsule import files, layout
from releases.capsule.layout import CapsuleRefused

_EPOCH_DATE = (1 << 5) | 1  # 1 January 1980, the earliest a zip can say
_UTF8 = 0x800
_ATTRIBUTES = 0o100644 << 16
_BIG = 0xFFFFFFFF
_MAX_DIRECTORY = 2 * 1024**2


@dataclass(frozen=True)
class Entry:
    """One file of the archive: its path in the capsule, bytes, CRC-32."""

    path: str
    size: int
    crc: int


@dataclass(frozen=True)
class Segment:
    """A stretch of the archive: literal bytes, or the content of the file at `path`."""

    offset: int
    size: int
    literal: bytes | None = None
    path: str | None = None


def folder_name(slug: str, version: int) -> str:
    """The one folder inside the archive, and the stem of its file name."""
    return f"{slug}-v{version}"


def plan(root: str, entries: Sequence[Entry]) -> tuple[Segment, ...]:
    """The archive of `entries` under the folder `root`: segments in order, without gaps; their sizes sum to the archive's."""
    segments: list[Segment] = []
    directory: list[bytes] = []
    offset = 0
    for entry in sorted(entries, key=lambda each: each.path):
        name = f"{root}/{entry.path}".encode()
        big = entry.size >= _BIG
        local_extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if big else b""
        size = _BIG if big else entry.size
        needed = 45 if big or offset >= _BIG else 20
        numbers = (_UTF8, 0, 0, _EPOCH_DATE, entry.crc, size, size, len(name))
        header = struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 45 if big else 20, *numbers, len(local_extra)) + name + local_extra
        wide = [entry.size, entry.size] if big else []
        if offset >= _BIG:
            wide.append(offset)
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        directory.append(
            struct.pack(
                "<4sHHHHHHLLLHHHHHLL",
                b"PK\x01\x02",
                (3 << 8) | needed,
                needed,
                *numbers,
                len(extra),
                0,
                0,
                0,
                _ATTRIBUTES,
                min(offset, _BIG),
            )
            + name
            + extra
        )
        segments.append(Segment(offset, len(header), literal=header))
        segments.append(Segment(offset + len(header), entry.size, path=entry.path))
        offset += len(header) + entry.size
    central = b"".join(directory)
    count = len(entries)
    end = b""
    if offset >= _BIG or len(central) >= _BIG or count >= 0xFFFF:
        end += struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, (3 << 8) | 45, 45, 0, 0, count, count, len(central), offset)
        end += struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + len(central), 1)
    shorts = (min(count, 0xFFFF), min(count, 0xFFFF), min(len(central), _BIG), min(offset, _BIG), 0)
    end += struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, *shorts)
    segments.append(Segment(offset, len(central) + len(end), literal=central + end))
    return tuple(segments)


def length(segments: Sequence[Segment]) -> int:
    """Bytes of the whole archive."""
    return segments[-1].offset + segments[-1].size


def crc32(path: Path) -> int:
    """CRC-32 of a file, as zip archives carry it."""
    value = 0
    with path.open("rb") as stream:
        for chunk in files.chunks(stream):
            value = zlib.crc32(chunk, value)
    return value


def pack(folder: Path, archive: Path, root: str) -> None:
    """Write the archive of a capsule folder; the whole file appears or nothing. The same folder gives the same bytes."""
    entries = [
        Entry(each.relative_to(folder).as_posix(), each.stat().st_size, crc32(each)) for each in sorted(folder.rglob("*")) if each.is_file()
    ]
    temporary = archive.with_name(f".{archive.name}.part")
    try:
        with temporary.open("wb") as writing:
            for segment in plan(root, entries):
                if segment.literal is not None:
                    writing.write(segment.literal)
                    continue
                with (folder / str(segment.path)).open("rb") as reading:
                    for chunk in files.chunks(reading):
                        writing.write(chunk)
            writing.flush()
            os.fsync(writing.fileno())
        temporary.replace(archive)
    finally:
        temporary.unlink(missing_ok=True)
    files.sync_folder(archive.parent)


@dataclass(frozen=True)
class OpenArchive:
    """An archive whose directory was read, nothing of it trusted yet: where each file's content lies, and the CRC it claims."""

    archive: Path
    root: str
    places: dict[str, tuple[int, int]]

    @staticmethod
    def open(archive: Path) -> OpenArchive:
        """Read the directory of `archive`; CapsuleRefused for anything but plain stored files under one folder."""
        refused = CapsuleRefused("the file is not a capsule's zip archive, or it is damaged")
        try:
            with archive.open("rb") as stream:
                stream.seek(-22, os.SEEK_END)
                end = stream.read(22)
                if end[:4] != b"PK\x05\x06" or end[20:] != b"\0\0" or struct.unpack("<L", end[12:16])[0] > _MAX_DIRECTORY:
                    raise refused
            with zipfile.ZipFile(archive) as opened:
                found = opened.infolist()
        except CapsuleRefused:
            raise
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, struct.error, UnicodeError, MemoryError):
            raise refused from None
        if not 1 <= len(found) <= layout.MAX_FILES + 2:
            raise refused
        root = found[0].orig_filename.split("/")[0]
        places: dict[str, tuple[int, int]] = {}
        for info in found:
            folder, _, path = info.orig_filename.partition("/")
            if folder != root or info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise refused
            name = layout.safe_path(path)
            if name in places:
                raise CapsuleRefused("the archive holds a file twice")
            head = 30 + len(info.orig_filename.encode("utf-8", "surrogateescape")) + (20 if info.file_size >= _BIG else 0)
            places[name] = (info.header_offset + head, info.file_size)
        if sum(size for _, size in places.values()) > layout.MAX_TOTAL:
            raise CapsuleRefused("the archive is larger than this program accepts")
        return OpenArchive(archive, root, places)

    def content(self, path: str) -> Iterator[bytes]:
        """The bytes of one file, in pieces."""
        offset, size = self.places[path]
        with self.archive.open("rb") as stream:
            stream.seek(offset)
            yield from files.chunks(stream, size)

    def check_frame(self, crcs: dict[str, int]) -> None:
        """CapsuleRefused unless every byte around the files' contents is what `plan` says, and nothing precedes or follows."""
        entries = [Entry(path, size, crcs[path]) for path, (_, size) in self.places.items()]
        segments = plan(self.root, entries)
        damaged = CapsuleRefused("the archive has bytes that are not part of the capsule, or its headers were changed")
        if self.archive.stat().st_size != length(segments):
            raise damaged
        with self.archive.open("rb") as stream:
            for segment in segments:
                if segment.literal is not None:
                    stream.seek(segment.offset)
                    if stream.read(segment.size) != segment.literal:
                        raise damaged
                elif self.places[str(segment.path)][0] != segment.offset:
                    raise damaged
