"""Names of a capsule's files, its limits, and the refusal. Nothing here reads a file.

A capsule is a folder: data, dictionary, summary, public report, texts, and `manifest.json`, which lists every other file by
SHA-256. Publishing adds `attestation.dsse.json`, a signature over the manifest, and changes no other byte.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

FORMAT = "synthportal-capsule/1"
"""Version of the folder's layout; a reader refuses another."""

MANIFEST = "manifest.json"
ATTESTATION = "attestation.dsse.json"
SCHEMA = "schema.json"
DICTIONARY_JSON = "dictionary.json"
DICTIONARY_CSV = "dictionary.csv"
SUMMARY = "summary.json"
REPORT_JSON = "report.json"
REPORT_HTML = "report.html"
README = "README.md"
ACCOUNT = "account.md"
"""For patients, in plain English: Markdown of headings and paragraphs."""
LICENCE = "LICENCE.txt"
DISCLAIMER_FILE = "DISCLAIMER.txt"
DATA = "data"
EXAMPLES = "examples"

DISCLAIMER = "These data are artificially generated, any resemblance to real patients is coincidental."
"""The standing disclaimer: on every page, file and download of a release, in exactly these words."""

TIERS = ("structural", "publicly-sourced", "privately-sourced")
ACCESS_LEVELS = ("open", "safeguarded")
FILE_ROLES = ("data", "schema", "dictionary", "summary", "report", "text", "example")

MAX_MANIFEST = 4 * 1024**2
"""Bytes. Two thousand tables fit; a manifest meant to fill the reader's memory does not."""
MAX_ATTESTATION = 1024**2
MAX_FILES = 5_000
MAX_LINE = 1_000
"""Characters of one line that a person wrote."""
MAX_TOTAL = 256 * 1024**3
"""Bytes of all files of one capsule."""

LICENCES = {
    "CC-BY-4.0": ("Creative Commons Attribution 4.0 International", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-NC-4.0": ("Creative Commons Attribution-NonCommercial 4.0 International", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "CC0-1.0": ("Creative Commons Zero 1.0 Universal", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "OGL-UK-3.0": (
        "Open Government Licence 3.0 (United Kingdom)",
        "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
    ),
}
"""Licences by SPDX identifier: name and address of the full text."""

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")
_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class CapsuleRefused(Exception):
    """A capsule, notice or heartbeat that cannot be trusted. `reason` is one sentence fit to show and log; it quotes no data value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_slug(text: object) -> bool:
    """Whether `text` may name a release in addresses and folders: 1–80 of a–z, 0–9 and inner hyphens."""
    return isinstance(text, str) and _SLUG.fullmatch(text) is not None


def is_digest(text: object) -> bool:
    """Whether `text` is a SHA-256 in lower-case hex."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def safe_path(text: object) -> str:
    """`text` when it is a plain relative path of at most two parts; CapsuleRefused for anything that could leave the folder."""
    if not isinstance(text, str) or len(text) > 250:
        raise CapsuleRefused("a file name in the capsule is not a short text")
    parts = text.split("/")
    if len(parts) > 2 or not all(_COMPONENT.fullmatch(part) for part in parts) or any(part.endswith(".") for part in parts):
        raise CapsuleRefused(f"the file name {shown(text)} is not a plain name inside the capsule")
    return text


def shown(text: object) -> str:
    """A foreign text, quoted for a log line or a page: escaped (no control character) and cut short."""
    quoted = json.dumps(str(text)[:60])
    return quoted


def data_names(tables: Iterable[str]) -> dict[str, str]:
    """A file stem for each table, the same for the same tables: ASCII, no separators, no two alike on any file system."""
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for table in tables:
        ascii_name = unicodedata.normalize("NFKD", table).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", ascii_name).strip("_-")[:80] or "table"
        candidate, number = stem, 2
        while candidate.lower() in taken:
            candidate, number = f"{stem}_{number}", number + 1
        taken.add(candidate.lower())
        stems[table] = candidate
    return stems


def canonical_json(value: Any) -> bytes:
    """The one encoding of `value` that is signed and accepted: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def readable_json(value: Any) -> bytes:
    """The encoding of JSON files that people open: indented by one, UTF-8, keys in the given order, the same bytes each time."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def parse_json(content: bytes, what: str) -> Any:
    """Parsed JSON; CapsuleRefused("<what> is not JSON") for anything else, nested beyond reason, or with a key twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key twice")
        return found

    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise CapsuleRefused(f"{what} is not well-formed JSON") from None
