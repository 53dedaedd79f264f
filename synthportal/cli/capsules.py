"""Reading from a release capsule that was downloaded: a folder or a zip. Whether it can be trusted is another question: see `verify`."""

from __future__ import annotations

from pathlib import Path

from generators.errors import InputError
from generators.schema import DatasetSchema
from releases.capsule import layout
from releases.capsule.archive import OpenArchive
from releases.capsule.layout import CapsuleRefused

MOST_BYTES = 64 * 1024**2
"""A schema of 2,000 columns with long code lists fits many times."""


def schema_of(capsule: Path) -> DatasetSchema:
    """The schema a capsule publishes; InputError when there is none to read."""
    try:
        content = _from_folder(capsule) if capsule.is_dir() else _from_archive(capsule)
        return DatasetSchema.from_json(content.decode("utf-8"))
    except CapsuleRefused as refusal:
        raise InputError(f"{capsule.name}: {refusal.reason}") from None
    except UnicodeDecodeError:
        raise InputError(f"{capsule.name}: {layout.SCHEMA} is not UTF-8 text") from None
    except InputError as error:
        raise InputError(f"{capsule.name}: {error}") from None


def _from_folder(capsule: Path) -> bytes:
    file = capsule / layout.SCHEMA
    if not file.is_file():
        raise InputError(f"there is no {layout.SCHEMA}: is this the folder of a release?")
    if file.stat().st_size > MOST_BYTES:
        raise InputError(f"{layout.SCHEMA} is larger than {MOST_BYTES:,} bytes")
    return file.read_bytes()


def _from_archive(capsule: Path) -> bytes:
    opened = OpenArchive.open(capsule)
    if layout.SCHEMA not in opened.places:
        raise InputError(f"there is no {layout.SCHEMA}: is this the zip of a release?")
    if opened.places[layout.SCHEMA][1] > MOST_BYTES:
        raise InputError(f"{layout.SCHEMA} is larger than {MOST_BYTES:,} bytes")
    return b"".join(opened.content(layout.SCHEMA))
