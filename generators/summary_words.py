"""A summary in plain English: what leaves, what was suppressed and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generators.disclosure import DisclosurePolicy
from generators.summary import OTHER, ColumnSummary, Magnitude, MetadataSummary, TableSummary


@dataclass(frozen=True)
class ColumnDescription:
    """What a person reads about one column: `leaves` and `suppressed` are plain sentences."""

    table: str
    column: str
    kind: str
    leaves: tuple[str, ...]
    suppressed: tuple[str, ...]


@dataclass(frozen=True)
class TableDescription:
    """What a person reads about a table beside its columns; `table` is "" for what is about the whole summary."""

    table: str
    leaves: tuple[str, ...]
    suppressed: tuple[str, ...]


def describe_tables(summary: MetadataSummary) -> tuple[TableDescription, ...]:
    """Table by table, in plain English, what leaves beside the columns: totals, rows per person, what is missing together,
    cross-tabulations, relationships; last, what noise spends.
    """
    found = [_described_table(table, summary) for table in summary.tables]
    if summary.privacy is not None:
        spent = summary.privacy
        noise = (
            f"Every count carries noise ({spent.mechanism}): epsilon {spent.epsilon:g} and delta {spent.delta:g} for each {spent.unit}, "
            f"{spent.composition}; at most {spent.contributions:,} rows of one person count in each table."
        )
        found.append(TableDescription("", (noise,), ("Every exact count.",)))
    return tuple(found)


def _described_table(table: TableSummary, summary: MetadataSummary) -> TableDescription:
    policy = summary.policy
    least, rounded = f"{policy.minimum} persons", f"rounded to {policy.rounding}"
    if table.withheld:
        reason = f"All its figures, its size too: it has fewer than {policy.minimum_table:,} persons."
        return TableDescription(table.name, ("The names and kinds of its columns.",), (reason,))
    leaves = [f"The number of persons{' and of rows' if table.rows is not None else ''}, {rounded}."]
    suppressed = [] if table.rows is not None else ["The number of rows: one person makes up half of them or more."]
    suppressed.append("Where released figures would tell a suppressed one, the smallest of them too.")
    if table.rows_per_person is not None and not table.rows_per_person.empty:
        leaves.append(f"How many rows a person has, each number of at least {least}, {rounded}.")
    if table.missing:
        leaves.append(f"{_counted(len(table.missing), 'set')} of columns that are missing together, of at least {least}, {rounded}.")
        suppressed.append(f"Sets of columns that are missing together in fewer than {least}.")
    for crossed in table.cross_tabulations:
        names = " by ".join(a.column for a in crossed.axes)
        leaves.append(f"A cross-tabulation, {names}: {_counted(len(crossed.cells), 'cell')} of at least {least}, {rounded}.")
        suppressed.append(f"Cells of {names} with fewer than {least}, and others that would tell them: they look like empty ones.")
    for relation in (r for r in summary.relationships if r.child == table.name):
        whom = relation.parent or "person"
        leaves.append(f"How many rows refer to each {whom} by {', '.join(relation.columns)}, none included, {rounded}.")
    return TableDescription(table.name, tuple(leaves), tuple(suppressed))


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s, each"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _sums(magnitude: Magnitude, leaves: list[str], suppressed: list[str], policy: DisclosurePolicy) -> None:
    rules = []
    if policy.dominance_n:
        most = "the largest contributor" if policy.dominance_n == 1 else f"the {policy.dominance_n} largest contributors"
        rules.append(f"{most} together less than {policy.dominance_k} % of it")
    if policy.p_percent:
        rules.append(f"all but the two largest contributors at least {policy.p_percent} % of the largest")
    if magnitude.mean is not None:
        leaves.append(f"Sum and mean, rounded: {' and '.join(rules)}.")
    else:
        suppressed.append(f"Sum and mean: they leave only with {' and '.join(rules)}, and where they are exact.")


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
    if policy.noisy:
        return ColumnDescription(table.name, column.name, column.kind, *_noisy(column))
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
    elif not shape.steps and not shape.rolled:
        suppressed.append(f"Any value of fewer than {least}, if there is one.")
    if shape.rolled:
        levels = _listed(sorted({r.level for r in shape.rolled}))
        groups = "1 group" if len(shape.rolled) == 1 else f"{len(shape.rolled):,} groups, each"
        leaves.append(f"{groups} of rare codes with the same {levels} by the public code list, of at least {least}{rounded}.")
        suppressed.append(f"Codes of fewer than {least}: told only as the {levels} they belong to.")
    if column.sentinels:
        which = "1 value" if len(column.sentinels) == 1 else f"{len(column.sentinels):,} values, each"
        leaves.append(f"{which} that stands for 'not known' or the like, of at least {least}{rounded}.")
    if column.magnitude is not None:
        _sums(column.magnitude, leaves, suppressed, policy)
    if column.hours is not None:
        leaves.append(f"The hour of day by itself ({len(column.hours.values)} hours).")
    if shape.unit in ("month", "quarter", "year"):
        suppressed.append(f"The exact day: dates are coarsened to the {shape.unit}.")
    if shape.unit == "hour":
        suppressed.append("The exact time: times are coarsened to the hour.")
    if any(c.rows is None and c.persons is None for c in shape.values):
        suppressed.append("The figure of one value, which with the others would tell a suppressed one; the value itself leaves.")
    if any(c.rows is None and c.persons is not None for c in shape.values):
        suppressed.append("Numbers of rows where one person makes up half of them or more; numbers of persons stand in.")
    if column.nulls is None:
        suppressed.append(f"Missing values: no figure leaves, since fewer than {least} (perhaps none) lack a value.")
    else:
        leaves.append(f"The number of missing values{rounded}.")
    return ColumnDescription(table.name, column.name, column.kind, tuple(leaves), tuple(suppressed))


def _noisy(column: ColumnSummary) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What leaves of a column, and what does not, where every count carries noise."""
    shape = column.distribution
    noun = shape.unit if shape.unit != "value" else "value"
    leaves = []
    if shape.values:
        leaves.append(f"{_counted(len(shape.values), noun)} with a noisy count.")
    if shape.steps:
        leaves.append(f"{_counted(len(shape.steps), 'range')} of a public grid with a noisy count.")
    if column.sentinels:
        leaves.append(f"{_counted(len(column.sentinels), 'value')} that stands for 'not known' or the like, with a noisy count.")
    if column.hours is not None:
        leaves.append(f"The hour of day by itself ({len(column.hours.values)} hours), with noisy counts.")
    if column.nulls is not None:
        leaves.append("The noisy number of missing values.")
    suppressed = ["Every exact count, and values whose noisy count does not stand out from the noise."]
    if shape.unit in ("month", "quarter", "year"):
        suppressed.append(f"The exact day: dates are coarsened to the {shape.unit}.")
    return tuple(leaves), tuple(suppressed)
