"""A summary in plain English: what leaves, what was suppressed and why."""

from __future__ import annotations

from dataclasses import dataclass

from generators.disclosure import DisclosurePolicy
from generators.summary import OTHER, ColumnSummary, MetadataSummary, TableSummary


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
