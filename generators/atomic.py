"""Files that appear whole or not at all: a temporary name beside the target, fsync, rename."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from generators.errors import InputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def room_for(target: Path) -> Iterator[None]:
    """Turns a full disk, a quota or a file size limit while writing `target` into an InputError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise InputError(
                f'no room left on the disk while writing "{target.name}"; nothing was kept; free some space and try again'
            ) from None
        raise


@contextmanager
def writing(target: Path) -> Iterator[IO[bytes]]:
    """A binary file to write; it becomes `target` when the block ends well, and vanishes when it does not.

    Raises InputError when the disk is full; any other OSError as it is.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    with room_for(target):
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """The rename itself survives a power cut only when the folder is synced too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_parquet(
    target: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    watch: Callable[[int], None] = lambda rows: None,
    compression: str = "zstd",
    group_rows: int = 131_072,
) -> int:
    """Stream `batches` (columns in the order of `schema`, castable to its types) into one Parquet file, whole or not at all.

    `watch(rows)` is called after every batch with the rows so far; what it raises stops the work and leaves nothing.
    Small batches are gathered into row groups of about `group_rows` rows (fewer for wide tables, so memory stays flat).
    Returns the number of rows.
    """
    group_rows = max(1024, min(group_rows, 8_000_000 // max(1, len(schema))))
    rows = 0
    with writing(target) as file:
        writer = pq.ParquetWriter(file, schema, compression=compression)
        try:
            waiting: list[pa.RecordBatch] = []
            held = 0
            for batch in batches:
                waiting.append(
                    pa.RecordBatch.from_arrays([_cast(a, f.type) for a, f in zip(batch.columns, schema, strict=True)], schema=schema)
                )
                held += batch.num_rows
                if held >= group_rows:
                    writer.write_table(pa.Table.from_batches(waiting, schema), row_group_size=group_rows)
                    waiting, held = [], 0
                rows += batch.num_rows
                watch(rows)
            if waiting or rows == 0:
                writer.write_table(pa.Table.from_batches(waiting, schema), row_group_size=group_rows)
            writer.close()
        except BaseException:
            # closing twice is harmless; closing after a failed write raises the same again
            with suppress(Exception):
                writer.close()
            raise
    return rows


def _cast(array: pa.Array, type_: pa.DataType) -> pa.Array:
    return array if array.type.equals(type_) else array.cast(type_)
