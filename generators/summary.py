"""The metadata summary: all that a low-fidelity generator ever sees of a dataset, and all that leaves.

Every figure in it is about at least `policy.minimum` distinct persons of the *train* part and was rounded after that was known;
`generators.summarise` makes it. A summary is frozen, has one JSON form and one digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from generators.disclosure import DisclosurePolicy
from generators.errors import InputError

FORMAT = 1
"""Version of the JSON layout; a reader refuses a newer one."""

OTHER = "Other"

Scalar = str | int | float


@dataclass(frozen=True)
class Cell:
    """Released figures of one value: distinct persons who have it and rows that hold it, both rounded.

    A figure is None where it may not leave: `rows` where one person makes up half of them or more, `persons` where not counted.
    """

    value: Scalar
    persons: int | None
    rows: int | None

    @property
    def weight(self) -> int:
        """How often to generate it, relative to the column's other cells: rows, or persons where rows may not leave."""
        return self.rows if self.rows is not None else self.persons or 0


@dataclass(frozen=True)
class Step:
    """Released figures of a range of values. `low` and `high` are means over windows of persons, never a record's own extreme."""

    low: Scalar
    high: Scalar
    persons: int | None
    rows: int | None

    @property
    def weight(self) -> int:
        """As `Cell.weight`."""
        return self.rows if self.rows is not None else self.persons or 0


@dataclass(frozen=True)
class Distribution:
    """Released values: `values` one by one, `other` pooled rare ones, `steps` for what lies between.

    pooled: how many rare values `other` pools, where that may be told. unit: "value", or the unit dates and times were coarsened to
    ("month", "quarter", "year", "hour"). Empty when everything was withheld.
    """

    values: tuple[Cell, ...] = ()
    other: Cell | None = None
    pooled: int | None = None
    steps: tuple[Step, ...] = ()
    unit: str = "value"

    @property
    def empty(self) -> bool:
        return not (self.values or self.other or self.steps)

    @property
    def weight(self) -> int:
        """Sum of all weights."""
        return sum(c.weight for c in self.values) + sum(s.weight for s in self.steps) + (self.other.weight if self.other else 0)


@dataclass(frozen=True)
class ColumnSummary:
    """One column. absent: "identifier" or "free text" (nothing observed leaves), "withheld" (too few persons have a value), or "".

    nulls: the missing values, None when fewer persons than the minimum (perhaps none) lack one.
    hours: for date-times, the hour of day by itself.
    """

    name: str
    kind: str
    absent: str = ""
    decimals: int | None = None
    format: str | None = None
    nulls: Cell | None = None
    distribution: Distribution = Distribution()
    hours: Distribution | None = None


@dataclass(frozen=True)
class TableSummary:
    """One table of the train part. rows: None when one person makes up half of them or more. rows_per_person: None without a person key."""

    name: str
    persons: int
    rows: int | None
    columns: tuple[ColumnSummary, ...]
    rows_per_person: Distribution | None = None

    def column(self, name: str) -> ColumnSummary:
        """The column called `name`; InputError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise InputError(f'the summary of table "{self.name}" has no column "{name}"')


@dataclass(frozen=True)
class MetadataSummary:
    """The aggregates of one snapshot under one disclosure policy. counts: which part was counted, always "train only"."""

    policy: DisclosurePolicy
    schema_digest: str
    tables: tuple[TableSummary, ...]
    made_by: str = "summarise 1"
    counts: str = "train only"
    format: int = FORMAT

    def table(self, name: str) -> TableSummary:
        """The table called `name`; InputError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise InputError(f'the summary has no table "{name}"; it has: {", ".join(t.name for t in self.tables)}')

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> str:
        """Readable JSON, the same bytes for the same summary."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

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
                tables=tuple(_table(t) for t in raw["tables"]),
                made_by=str(raw["made_by"]),
                counts=str(raw["counts"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("the summary lacks a part, or a part has the wrong shape; use the file as summarise wrote it") from None


def _table(raw: Mapping[str, Any]) -> TableSummary:
    per_person = raw["rows_per_person"]
    return TableSummary(
        name=str(raw["name"]),
        persons=int(raw["persons"]),
        rows=_count(raw["rows"]),
        columns=tuple(_column(c) for c in raw["columns"]),
        rows_per_person=None if per_person is None else _distribution(per_person),
    )


def _column(raw: Mapping[str, Any]) -> ColumnSummary:
    return ColumnSummary(
        name=str(raw["name"]),
        kind=str(raw["kind"]),
        absent=str(raw["absent"]),
        decimals=_count(raw["decimals"]),
        format=None if raw["format"] is None else str(raw["format"]),
        nulls=None if raw["nulls"] is None else _cell(raw["nulls"]),
        distribution=_distribution(raw["distribution"]),
        hours=None if raw["hours"] is None else _distribution(raw["hours"]),
    )


def _distribution(raw: Mapping[str, Any]) -> Distribution:
    return Distribution(
        values=tuple(_cell(c) for c in raw["values"]),
        other=None if raw["other"] is None else _cell(raw["other"]),
        pooled=_count(raw["pooled"]),
        steps=tuple(Step(_scalar(s["low"]), _scalar(s["high"]), _count(s["persons"]), _count(s["rows"])) for s in raw["steps"]),
        unit=str(raw["unit"]),
    )


def _cell(raw: Mapping[str, Any]) -> Cell:
    return Cell(_scalar(raw["value"]), _count(raw["persons"]), _count(raw["rows"]))


def _count(raw: Any) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        raise InputError("the summary has a count that is not a whole number")
    return raw


def _scalar(raw: Any) -> Scalar:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise InputError("the summary has a value that is neither a text nor a number")
    return raw


@dataclass(frozen=True)
class ColumnDescription:
    """What a person reads about one column: `leaves` and `suppressed` are plain sentences."""

    table: str
    column: str
    kind: str
    leaves: tuple[str, ...]
    suppressed: tuple[str, ...]


def describe(summary: MetadataSummary) -> tuple[ColumnDescription, ...]:
    """Column by column, in plain English: what would leave, and what was suppressed and why. Says nothing the summary does not hold."""
    return tuple(_described(table, column, summary.policy) for table in summary.tables for column in table.columns)


def without(summary: MetadataSummary, *columns: tuple[str, str]) -> MetadataSummary:
    """The summary less some columns, each (table, column): for releases that need only some variables."""
    dropped = set(columns)
    tables = tuple(replace(t, columns=tuple(c for c in t.columns if (t.name, c.name) not in dropped)) for t in summary.tables)
    return replace(summary, tables=tables)


def _described(table: TableSummary, column: ColumnSummary, policy: DisclosurePolicy) -> ColumnDescription:
    leaves: list[str] = []
    suppressed: list[str] = []
    least = f"{policy.minimum} persons"
    shape = column.distribution
    if column.absent in ("identifier", "free text"):
        what = "identifier" if column.absent == "identifier" else "free text"
        leaves.append("Its name and kind" + (", and its public format." if column.format else "."))
        suppressed.append(
            f"All its contents: {what} never leaves." if what == "free text" else "All its contents: identifiers never leave."
        )
        return ColumnDescription(table.name, column.name, column.kind, tuple(leaves), tuple(suppressed))
    if column.absent == "withheld":
        leaves.append("Its name and kind.")
        suppressed.append(f"All its values: too few persons have one, or no value is shared by {least}.")
        return ColumnDescription(table.name, column.name, column.kind, tuple(leaves), tuple(suppressed))
    rounded = f", counts rounded to {policy.rounding}"
    if shape.values:
        noun = shape.unit if shape.unit != "value" else "value"
        number = f"1 {noun}" if len(shape.values) == 1 else f"{len(shape.values):,} {noun}s, each"
        leaves.append(f"{number} of at least {least}{rounded}.")
    if shape.steps:
        ranges = "1 range" if len(shape.steps) == 1 else f"{len(shape.steps):,} ranges, each"
        leaves.append(f"{ranges} of at least {least}, with averages for edges{rounded}.")
        suppressed.append(f"The lowest and highest {least}: extremes are drawn in.")
    if shape.other is not None:
        leaves.append(f"One pooled figure ({OTHER}) of at least {least}.")
        if shape.pooled is None:
            suppressed.append(f"Rare values are pooled as {OTHER}, with the next most common where they are too few by themselves.")
        else:
            suppressed.append(f"{shape.pooled:,} rare values pooled as {OTHER}, each fewer than {least}.")
    elif not shape.steps:
        suppressed.append(f"Any value of fewer than {least}, if there is one.")
    if column.hours is not None:
        leaves.append(f"The hour of day by itself ({len(column.hours.values)} hours).")
    if shape.unit in ("month", "quarter", "year"):
        suppressed.append(f"The exact day: dates are coarsened to the {shape.unit}.")
    if shape.unit == "hour":
        suppressed.append("The exact time: times are coarsened to the hour.")
    if any(c.rows is None for c in shape.values):
        suppressed.append("Numbers of rows where one person makes up half of them or more; numbers of persons stand in.")
    if column.nulls is None:
        suppressed.append(f"Missing values: no figure leaves, since fewer than {least} (perhaps none) lack a value.")
    else:
        leaves.append(f"The number of missing values{rounded}.")
    return ColumnDescription(table.name, column.name, column.kind, tuple(leaves), tuple(suppressed))
