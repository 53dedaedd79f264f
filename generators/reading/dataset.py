"""What reading a file gives: tables in canonical Parquet, the schema we think they have, and what we noticed.

Findings are for the steward inside the zone. They name columns and count rows; they never hold a value of a record.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generators.errors import InputError
from generators.schema import DatasetSchema

MAX_COLUMNS = 2000
"""Most columns a table may have."""

MAX_NAME = 200
"""Most characters a column name may have."""

RESERVED_NAMES = frozenset({"file_row_number"})
"""Names the engine gives to columns of its own."""


@dataclass(frozen=True)
class Finding:
    """Something noticed about a table (`column` is None) or one of its columns.

    level: "note" (good to know) or "warning" (look at it before confirming).
    message: what we took it for or did; reason: why we think so ("" when the message says all).
    """

    table: str
    column: str | None
    level: Literal["note", "warning"]
    message: str
    reason: str = ""


@dataclass(frozen=True)
class TableFile:
    """One table in a canonical Parquet file. `source_name`: the name of the file it was read from, for people."""

    name: str
    path: Path
    rows: int
    source_name: str = ""


@dataclass(frozen=True)
class Dataset:
    """Tables in canonical Parquet, the schema proposed for (or confirmed of) them, and the findings of reading them."""

    tables: tuple[TableFile, ...]
    schema: DatasetSchema
    findings: tuple[Finding, ...] = ()

    def table(self, name: str) -> TableFile:
        """The file of table `name`; InputError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise InputError(f'the data have no table "{name}"; they have: {", ".join(t.name for t in self.tables)}')

    @property
    def paths(self) -> dict[str, Path]:
        """Path of each table's file by table name."""
        return {table.name: table.path for table in self.tables}


def safe_name(file_name: str) -> str:
    """A table name from a file's name: letters, digits, ``_`` and ``-`` only, at most 64, never a path.

    ``../../etc/passwd.csv`` → ``passwd``; ``C:\\x\\visits 2020.csv`` → ``visits_2020``; nothing usable → ``table``.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFKC", file_name))[-1]
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|pq))+$", "", last, flags=re.IGNORECASE)
    return re.sub(r"[^\w-]+", "_", stem).strip("_-")[:64] or "table"


def checked_names(names: list[str], place: str, maximum: int = MAX_COLUMNS) -> list[str]:
    """Column names without surrounding blanks; InputError by *position* for any that cannot be used.

    Positions rather than names: in a file without a header the first line is a record, and a record's values are never shown.
    """
    if len(names) > maximum:
        raise InputError(f"{place}: {len(names):,} columns; at most {maximum:,} are read; leave out those that nobody needs")
    stripped = [name.strip() for name in names]
    blank = [str(i) for i, name in enumerate(stripped, 1) if not name]
    if blank:
        raise InputError(f"{place}: no name for column {_listed(blank)} in the header; give every column a name")
    for i, name in enumerate(stripped, 1):
        if len(name) > MAX_NAME:
            raise InputError(f"{place}: the name of column {i} has {len(name):,} characters; at most {MAX_NAME} are allowed")
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
            raise InputError(f"{place}: the name of column {i} holds a control character or line break; rename it")
        if name.casefold() in RESERVED_NAMES:
            raise InputError(f"{place}: column {i} has the reserved name {name}; rename it")
    first: dict[str, int] = {}
    for i, name in enumerate(stripped, 1):
        earlier = first.setdefault(name.casefold(), i)
        if earlier != i:
            how = "have the same name" if stripped[earlier - 1] == name else "have names that differ only in capital letters"
            raise InputError(f"{place}: columns {earlier} and {i} {how}; rename one of them")
    return stripped


def _listed(positions: list[str]) -> str:
    shown = ", ".join(positions[:5])
    return shown if len(positions) <= 5 else f"{shown} and {len(positions) - 5} more"
