"""Looks for many byte strings at once in all that a system leaves behind, opened as far as it can be: archives, Parquet, databases, queues.

The search is by windows of eight bytes: a table says which may begin a needle's window, and whoever passes is compared in full.
"""

from __future__ import annotations

import base64
import gzip
import io
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_BITS = 24
_MIX = np.uint64(0x9E3779B97F4A7C15)
_PIECE = 4 << 20
_PACKED = re.compile(rb"(?:eJ|eN|eA|eF|H4sI)[A-Za-z0-9+/_-]{14,}")
"""Base64 of what begins as zlib and gzip do."""
_ORDINARY = bytes.maketrans(b"-_", b"+/")


class Searcher:
    """Finds needles (each at least eight bytes) in documents."""

    def __init__(self, needles: Mapping[bytes, str]) -> None:
        self.needles = dict(needles)
        self.longest = max(map(len, self.needles))
        windows: dict[int, list[bytes]] = {}
        for needle in self.needles:
            windows.setdefault(int.from_bytes(needle[-8:], "little"), []).append(needle)
        self.windows = windows
        self.sorted = np.array(sorted(windows), dtype=np.uint64)
        self.maybe = np.zeros(1 << _BITS, dtype=np.bool_)
        self.maybe[self._slot(self.sorted)] = True

    @staticmethod
    def _slot(words: Any) -> Any:
        return (words * _MIX) >> np.uint64(64 - _BITS)

    def found(self, document: bytes) -> set[str]:
        """Where the cells are (column and record) whose forms the document holds."""
        hits: set[str] = set()
        for start in range(0, max(1, len(document)), _PIECE):
            begin = max(0, start - self.longest)
            hits |= self._in_piece(document[begin : start + _PIECE])
        return hits

    def _in_piece(self, piece: bytes) -> set[str]:
        hits: set[str] = set()
        for shift in range(8):
            count = (len(piece) - shift) // 8
            if count < 1:
                break
            words = np.frombuffer(piece, dtype="<u8", offset=shift, count=count)
            positions = np.flatnonzero(self.maybe[self._slot(words)])
            candidates = words[positions]
            nearest = np.minimum(np.searchsorted(self.sorted, candidates), len(self.sorted) - 1)
            for position in positions[self.sorted[nearest] == candidates]:
                end = int(position) * 8 + shift + 8
                for needle in self.windows.get(int(words[position]), ()):
                    if piece.endswith(needle, 0, end):
                        hits.add(self.needles[needle])
        return hits

    def sweep(self, documents: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
        """Document name → the cells found in it; documents that hold none are left out."""
        left: dict[str, set[str]] = {}
        for name, document in documents:
            for part, opened in opened_up(name, document):
                if hits := self.found(opened):
                    left.setdefault(part, set()).update(hits)
        return left


def opened_up(name: str, document: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """The document itself and what is in it: members of archives, columns of Parquet, rows of SQLite."""
    yield name, document
    if depth > 3:
        return
    # Texts that were compressed and written in letters: results in the queue, sessions in a database.
    for packed in _PACKED.findall(document):
        for inflated in _inflated(packed):
            yield from opened_up(f"{name} (in letters)", inflated, depth + 1)
    if document.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(document)) as archive:
            for member in archive.namelist():
                yield f"{name}!{member} (its name)", member.encode()
                yield from opened_up(f"{name}!{member}", archive.read(member), depth + 1)
    elif document.startswith(b"\x1f\x8b"):
        yield from opened_up(f"{name} (unzipped)", gzip.decompress(document), depth + 1)
    elif document[:1] == b"\x78" and len(document) > 2:
        try:
            yield from opened_up(f"{name} (inflated)", zlib.decompress(document), depth + 1)
        except zlib.error:
            return
    elif document.startswith(b"PAR1"):
        yield from parquet_opened(name, document)
    elif document.startswith(b"SQLite format 3"):
        with tempfile.NamedTemporaryFile(suffix=".sqlite3") as copy:
            copy.write(document)
            copy.flush()
            yield from database_opened(name, Path(copy.name))


def _inflated(packed: bytes) -> Iterator[bytes]:
    try:
        plain = base64.b64decode(packed.translate(_ORDINARY) + b"==")
        yield zlib.decompressobj(wbits=47).decompress(plain)
    except (ValueError, zlib.error):
        return


def parquet_opened(name: str, document: bytes) -> Iterator[tuple[str, bytes]]:
    """The columns as text and the footer's smallest and largest values; nothing when it is damaged (its bytes are searched anyway)."""
    try:
        table = pq.read_table(io.BytesIO(document))
        footer = pq.read_metadata(io.BytesIO(document))
    except (pa.ArrowException, OSError):
        return
    for field in table.schema:
        column = table.column(field.name)
        plain = [f"{v!r} {v}" for v in column.to_pylist() if v is not None]
        yield f"{name}[{field.name}]", "\n".join(plain).encode()
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            wide = pa.float64() if pa.types.is_floating(column.type) else pa.uint64() if column.type == pa.uint64() else pa.int64()
            numbers = pc.drop_null(column.cast(wide))
            yield f"{name}[{field.name}] (as numbers)", numbers.to_numpy().tobytes()
    for group in range(footer.num_row_groups):
        for i in range(footer.num_columns):
            statistics = footer.row_group(group).column(i).statistics
            if statistics is not None and statistics.has_min_max:
                yield f"{name} (footer, column {i})", f"{statistics.min}\n{statistics.max}".encode()
    yield f"{name} (key-value metadata)", repr(footer.metadata).encode()


def database_opened(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    """Every cell of every table of a SQLite file, whatever page it lies on; and the statements that made the tables."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        yield f"{name} (schema)", b"\n".join(bytes(sql) for _, sql in tables if sql)
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cells = []
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                cells += [c if isinstance(c, bytes) else repr(c).encode() for c in row if c is not None]
            yield f"{name}, table {table.decode()}", b"\n".join(cells)


def folder_documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder and its name; a SQLite file in use is read with what is still in its log."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder.parent))
        yield f"{name} (its name)", str(path.relative_to(folder)).encode()
        if path.is_symlink() or not path.is_file():
            continue
        try:
            document = path.read_bytes()
        except FileNotFoundError:
            continue
        yield name, document
        if document.startswith(b"SQLite format 3"):
            yield from database_opened(name, path)


def queue_documents(connection: Any) -> Iterator[tuple[str, bytes]]:
    """Every key of a Redis-compatible server and its value, inflated where it is compressed."""
    for key in connection.scan_iter(count=1000):
        yield "queue (a key)", key
        kind = connection.type(key).decode()
        parts: list[bytes] = []
        if kind == "string":
            parts = [connection.get(key) or b""]
        elif kind == "hash":
            parts = [part for pair in connection.hgetall(key).items() for part in pair]
        elif kind == "list":
            parts = connection.lrange(key, 0, -1)
        elif kind == "set":
            parts = list(connection.smembers(key))
        elif kind == "zset":
            parts = [member for member in connection.zrange(key, 0, -1)]
        elif kind == "stream":
            parts = [part for _, fields in connection.xrange(key) for pair in fields.items() for part in pair]
        else:
            raise AssertionError(f"a kind of queue value this search does not know: {kind}")
        for part in parts:
            yield f"queue, {key.decode()}", part
