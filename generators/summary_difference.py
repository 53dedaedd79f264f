"""What changed between two released summaries, figure by figure. Only what both of them tell is compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generators.summary import ColumnSummary, Distribution, MetadataSummary, Scalar, TableSummary

Figure = tuple[int | None, int | None]
"""(persons, rows) as released."""


@dataclass(frozen=True)
class Change:
    """One figure. column: "" for the table's own; what: "new", "gone" or "changed"; before, after: None where there is none."""

    table: str
    column: str
    figure: str
    what: str
    before: Figure | None
    after: Figure | None


def difference(new: MetadataSummary, old: MetadataSummary) -> tuple[Change, ...]:
    """Changes in the order of the new summary, then what is gone; nothing where all figures are the same."""
    before, after = dict(_told(old)), dict(_told(new))
    changes = []
    for place in [*after, *(p for p in before if p not in after)]:
        then, now = before.get(place), after.get(place)
        if then != now:
            changes.append(Change(*place, "new" if then is None else "gone" if now is None else "changed", then, now))
    return tuple(changes)


Place = tuple[str, str, str]


def _told(summary: MetadataSummary) -> Iterator[tuple[Place, Figure]]:
    """Every figure by its place: table, column, what it is of."""
    for table in summary.tables:
        yield from _told_of(table)
    for told in summary.relationships:
        name = f"rows for each of {told.parent or 'the persons'} by {', '.join(told.columns)}"
        yield (told.child, name, "all"), (None, told.parents)
        yield from _shape(told.child, name, told.children)
        if told.nulls is not None:
            yield (told.child, name, "(missing)"), (told.nulls.persons, told.nulls.rows)


def _told_of(table: TableSummary) -> Iterator[tuple[Place, Figure]]:
    if not table.withheld:
        yield (table.name, "", "all"), (table.persons, table.rows)
    for column in table.columns:
        yield from _column(table.name, column)
    if table.rows_per_person is not None:
        yield from _shape(table.name, "rows of each person", table.rows_per_person)
    for pattern in table.missing:
        yield (table.name, "missing together", " + ".join(pattern.columns)), (pattern.persons, pattern.rows)
    for crossed in table.cross_tabulations:
        name = " × ".join(a.column for a in crossed.axes)
        for cell in crossed.cells:
            labels = [str(axis.labels[at]) for axis, at in zip(crossed.axes, cell.at, strict=True)]
            yield (table.name, name, ", ".join(labels)), (cell.persons, cell.rows)


def _column(table: str, column: ColumnSummary) -> Iterator[tuple[Place, Figure]]:
    yield from _shape(table, column.name, column.distribution)
    if column.hours is not None:
        for cell in column.hours.values:
            yield (table, column.name, f"hour {cell.value}"), (cell.persons, cell.rows)
    for cell in column.sentinels:
        yield (table, column.name, f"{cell.value} (special value)"), (cell.persons, cell.rows)
    if column.nulls is not None:
        yield (table, column.name, "(missing)"), (column.nulls.persons, column.nulls.rows)


def _shape(table: str, name: str, shape: Distribution) -> Iterator[tuple[Place, Figure]]:
    for cell in shape.values:
        yield (table, name, shown(cell.value)), (cell.persons, cell.rows)
    for step in shape.steps:
        yield (table, name, f"{shown(step.low)} to {shown(step.high)}"), (step.persons, step.rows)
    for rolled in shape.rolled:
        yield (table, name, f"{rolled.level} {rolled.code}"), (rolled.persons, rolled.rows)
    if shape.other is not None:
        yield (table, name, "Other (rare values together)"), (shape.other.persons, shape.other.rows)


def shown(value: Scalar) -> str:
    """A released value as people read it."""
    return value if isinstance(value, str) else f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
