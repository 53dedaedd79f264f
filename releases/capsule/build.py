"""Building an unsigned capsule: the folder that will be published, byte for byte the same for the same input."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from releases.capsule import files, layout, texts
from releases.capsule.layout import CapsuleRefused
from releases.capsule.manifest import CapsuleDescription, FileEntry, Manifest, check_description

Content = bytes | str | Path
"""A finished file: its bytes, its text, or where it lies."""

MEDIA_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "py": "text/x-python; charset=utf-8",
}


@dataclass(frozen=True)
class CapsuleTable:
    """One table of the release: its finished Parquet and spreadsheet-safe CSV files, and its rows."""

    name: str
    parquet: Path
    csv: Path
    rows: int


def build(
    folder: Path,
    description: CapsuleDescription,
    *,
    tables: Sequence[CapsuleTable],
    schema: Mapping[str, Any],
    report_json: Content,
    report_html: Content,
    summary: Content | None = None,
    examples: Mapping[str, Content] = MappingProxyType({}),
    account: Content | None = None,
    unit_words: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Write the capsule into `folder`, which must not exist; the SHA-256 (hex) of its manifest.

    schema: a dataset schema as parsed JSON (`DatasetSchema.as_dict()`); the dictionary is made from it.
    report_json, report_html: the *public* report. summary: the disclosure-controlled summary, only of publicly-sourced releases.
    examples: scripts that learn from the release, by file name; not of structural ones, which have nothing to teach.
    account: what was made and what it means for a patient, in plain English.
    unit_words: the schema's units as people read them, by code.
    The same input gives the same bytes. The folder appears whole, with its manifest, or not at all.
    CapsuleRefused names what cannot be published.
    """
    check_description(description)
    if (summary is not None) != (description.tier == "publicly-sourced"):
        raise CapsuleRefused("a summary belongs to publicly-sourced releases, and to no other")
    if examples and description.tier == "structural":
        raise CapsuleRefused("there is nothing to learn from a structural release, so it has no examples")
    if not tables:
        raise CapsuleRefused("a release needs at least one table")
    if folder.exists():
        raise CapsuleRefused(f"the folder {layout.shown(folder.name)} exists already; build a capsule into a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
    building.mkdir()
    try:
        digest = _write(building, description, tables, schema, report_json, report_html, summary, examples, account, unit_words)
        files.sync_tree(building)
        building.rename(folder)
    finally:
        files.discard(building)
    files.sync_folder(folder.parent)
    return digest


def _write(
    building: Path,
    description: CapsuleDescription,
    tables: Sequence[CapsuleTable],
    schema: Mapping[str, Any],
    report_json: Content,
    report_html: Content,
    summary: Content | None,
    examples: Mapping[str, Content],
    account: Content | None,
    unit_words: Mapping[str, str],
) -> str:
    stems = layout.data_names(table.name for table in tables)
    if len(stems) != len(tables):
        raise CapsuleRefused("two tables of the release have the same name")
    (building / layout.DATA).mkdir()
    entries = []
    for table in tables:
        for suffix, source in (("parquet", table.parquet), ("csv", table.csv)):
            entries.append(_put(building, f"{layout.DATA}/{stems[table.name]}.{suffix}", source, "data", table.name, table.rows))
    if description.made.rows != sum(table.rows for table in tables):
        raise CapsuleRefused("the description's number of rows is not that of the tables")
    if examples:
        (building / layout.EXAMPLES).mkdir()
    for name, script in sorted(examples.items()):
        entries.append(_put(building, f"{layout.EXAMPLES}/{name}", script, "example"))
    if account is not None:
        entries.append(_put(building, layout.ACCOUNT, account, "text"))
    columns = texts.dictionary(schema, unit_words)
    entries += [
        _put(building, layout.SCHEMA, layout.readable_json(schema), "schema"),
        _put(building, layout.DICTIONARY_JSON, layout.readable_json(columns), "dictionary"),
        _put(building, layout.DICTIONARY_CSV, texts.dictionary_csv(columns), "dictionary"),
        _put(building, layout.REPORT_JSON, report_json, "report"),
        _put(building, layout.REPORT_HTML, report_html, "report"),
        _put(building, layout.LICENCE, texts.licence_text(description), "text"),
        _put(building, layout.DISCLAIMER_FILE, texts.disclaimer_text(description), "text"),
        _put(building, layout.README, texts.readme(description, list(entries)), "text"),
    ]
    if summary is not None:
        entries.append(_put(building, layout.SUMMARY, summary, "summary"))
    content = Manifest(description, tuple(sorted(entries, key=lambda entry: entry.path))).to_bytes()
    Manifest.from_bytes(content)  # what is written must be what a reader accepts
    files.write_durably(building / layout.MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def _put(building: Path, path: str, content: Content, role: str, table: str | None = None, rows: int | None = None) -> FileEntry:
    target = building / layout.safe_path(path)
    if isinstance(content, Path):
        size, digest = files.copy_durably(content, target)
    else:
        whole = content.encode("utf-8") if isinstance(content, str) else content
        files.write_durably(target, whole)
        size, digest = len(whole), hashlib.sha256(whole).hexdigest()
    return FileEntry(path, size, digest, MEDIA_TYPES[path.rsplit(".", 1)[1]], role, table, rows)
