"""The metadata summary: all that a low-fidelity generator ever sees of a dataset, and all that leaves.

Every figure in it is about at least `policy.minimum` distinct persons of the *train* part and was rounded after that was known;
`generators.summarising.summarise` makes it. A summary is frozen, has one JSON form and one digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, cast

from generators import summary_reading as reading
from generators.digests import digest, readable, without_defaults
from generators.disclosure import LATER, DisclosurePolicy
from generators.errors import InputError
from generators.summary_parts import (
    OTHER,
    Axis,
    Cell,
    ColumnSummary,
    CrossCell,
    CrossTabulation,
    Distribution,
    Magnitude,
    MissingPattern,
    PrivacySpent,
    RelationshipSummary,
    Rollup,
    Scalar,
    Step,
    TableSummary,
)

__all__ = [
    "FORMAT",
    "OTHER",
    "Axis",
    "Cell",
    "ColumnSummary",
    "CrossCell",
    "CrossTabulation",
    "Distribution",
    "Magnitude",
    "MetadataSummary",
    "MissingPattern",
    "PrivacySpent",
    "RelationshipSummary",
    "Rollup",
    "Scalar",
    "Step",
    "TableSummary",
    "without",
]

FORMAT = 1
"""Version of the JSON layout; a reader refuses a newer one."""

_LATER = {
    "rolled": (),
    "sentinels": (),
    "magnitude": None,
    "missing": (),
    "cross_tabulations": (),
    "relationships": (),
    "privacy": None,
    "withheld": False,
    **LATER,
}
"""Parts the layout was given later, and their defaults, which are not written."""


@dataclass(frozen=True)
class MetadataSummary:
    """The aggregates of one snapshot under one disclosure policy. counts: which part was counted, always "train only".

    relationships: of tables to each other; privacy: what noise spends, None where the policy adds none.
    """

    policy: DisclosurePolicy
    schema_digest: str
    tables: tuple[TableSummary, ...]
    made_by: str = "summarise 1"
    counts: str = "train only"
    format: int = FORMAT
    relationships: tuple[RelationshipSummary, ...] = ()
    privacy: PrivacySpent | None = None

    def table(self, name: str) -> TableSummary:
        """The table called `name`; InputError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise InputError(f'the summary has no table "{name}"; it has: {", ".join(t.name for t in self.tables)}')

    def as_dict(self) -> dict[str, Any]:
        return cast(dict[str, Any], without_defaults(asdict(self), _LATER))

    def to_json(self) -> str:
        """Readable JSON, the same bytes for the same summary."""
        return readable(self.as_dict())

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        return digest(self.as_dict())

    @staticmethod
    def from_json(text: str, digest: str | None = None) -> MetadataSummary:
        """Read what `to_json` wrote. With `digest`, a summary that is not the one of that digest is refused.

        InputError for anything that is not a summary, is of a newer format, or was edited.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"the summary is not JSON (line {error.lineno}, column {error.colno})") from None
        summary = MetadataSummary.from_dict(raw)
        if digest is not None and summary.digest != digest:
            raise InputError("the summary is not the one that was made: its digest differs; use the original file, or summarise again")
        return summary

    @staticmethod
    def from_dict(raw: Any) -> MetadataSummary:
        """As `from_json`, from parsed JSON."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("tables"), list | tuple):
            raise InputError('a summary must be an object with "policy", "schema_digest" and a list "tables"')
        if raw.get("format") != FORMAT:
            raise InputError(f"the summary has format {raw.get('format')!r}; this program reads format {FORMAT}")
        try:
            return MetadataSummary(
                policy=DisclosurePolicy.from_dict(raw["policy"]),
                schema_digest=str(raw["schema_digest"]),
                tables=tuple(reading.table(t) for t in raw["tables"]),
                made_by=str(raw["made_by"]),
                counts=str(raw["counts"]),
                relationships=tuple(reading.relationship(r) for r in raw.get("relationships", ())),
                privacy=reading.privacy(raw.get("privacy")),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("the summary lacks a part, or a part has the wrong shape; use the file as summarise wrote it") from None


def without(summary: MetadataSummary, *columns: tuple[str, str]) -> MetadataSummary:
    """The summary less some columns, each (table, column): for releases that need only some variables."""
    dropped = set(columns)
    tables = tuple(replace(t, columns=tuple(c for c in t.columns if (t.name, c.name) not in dropped)) for t in summary.tables)
    return replace(summary, tables=tables)
