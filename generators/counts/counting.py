"""A table whose rows can be grouped and whose persons can be counted, wherever it lives; and the one that is a Parquet file.

What decides which figures may leave (`generators.summarising.summarise` and what it calls) sees a table through `Counted` alone, so that
the same counts give the same summary from every place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from generators.counts import relationship_counts
from generators.counts.axes import Classes, cells_of, crossed_codes
from generators.counts.column_codes import HOURS, ColumnCodes, column_codes
from generators.counts.grouped import Grouped
from generators.counts.person_counts import Codes, Groups, Persons, grouped
from generators.counts.person_keys import persons_of
from generators.errors import InputError
from generators.schema import ColumnSchema, ForeignKey, TableSchema
from generators.summarising.dominance import Contributions, contributions
from generators.summarising.missing_patterns import together
from generators.summarising.steps import Edges


@dataclass(frozen=True)
class Crowd:
    """True figures of some rows, never to be shown: distinct persons, rows, and the rows of the person who has most of them."""

    persons: int
    rows: int
    largest: int


@dataclass(frozen=True)
class CountedColumn:
    """The rows of a table grouped by the values of a column. groups: of the rows that have one; missing: the rest, None if there is none.

    labels, edges, unit, grow, decimals: as in `generators.counts.column_codes.ColumnCodes`; hours: of date-times, grouped by hour of day.
    sentinels: those of the schema that occur, in its order, and the rows that hold each, which are neither in `groups` nor missing.
    """

    groups: Grouped
    missing: Crowd | None
    labels: tuple[str, ...] | None = None
    edges: Edges | None = None
    unit: str = "value"
    grow: bool = True
    decimals: int | None = None
    hours: Grouped | None = None
    sentinels: tuple[tuple[str, Crowd], ...] = ()


class Counted(Protocol):
    """One table, counted where it is."""

    @property
    def schema(self) -> TableSchema: ...

    @property
    def everyone(self) -> Crowd:
        """All rows."""
        ...

    def column(self, column: ColumnSchema, date_unit: str) -> CountedColumn:
        """Grouped by the values of a column; dates by calendar unit, times by hour."""
        ...

    def rows_per_person(self) -> Grouped:
        """Persons grouped by how many rows they have: each person is one row of the result."""
        ...

    def magnitude(self, column: ColumnSchema) -> Contributions | None:
        """What persons contribute to the sum of a numeric column; None where that is not exact (see `generators.summarising.dominance`)."""
        ...

    def missing_together(self, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Grouped]:
        """(patterns, rows grouped by pattern): the code of a group is the place of its pattern, which names those of `columns` that are
        missing in its rows, in their order; () where none is. Sentinels and values are not missing; numbers that are not finite are.
        """
        ...

    def crossed(self, axes: Sequence[Classes], date_unit: str) -> Grouped:
        """Grouped by cell of a cross-tabulation: the classes of a row as the digits of a number, the last axis counting fastest."""
        ...

    def children(self, key: ForeignKey, parent: Counted) -> tuple[Grouped, Crowd | None]:
        """The rows of `parent` (of the same place) grouped by how many rows of this table refer to each by `key`, and the rows of this
        table that refer to none because part of the key is missing (None: there is none). Rows whose parent is not there count nowhere.
        """
        ...

    def persons_with(self, others: Sequence[Counted]) -> int:
        """How many persons this table and `others` (of the same place) have together, by their `counts_by`, which all of them have."""
        ...


class ParquetTable:
    """A canonical Parquet file as `Counted`. Columns may be asked for from several threads."""

    def __init__(self, schema: TableSchema, path: Path) -> None:
        names = pq.read_schema(path).names
        for name in (*schema.names, *((schema.persons_by,) if schema.persons_by else ())):
            if name not in names:
                raise InputError(f'table "{schema.name}": the file lacks the column "{name}" of the schema')
        self.schema, self.path = schema, path
        self._lacking: dict[str, npt.NDArray[np.uint8]] = {}  # a bit a row of each column in which something is missing

    @cached_property
    def persons(self) -> Persons:
        """Who each row is about."""
        return persons_of(self.path, self.schema.name, self.schema.counts_by)

    @property
    def everyone(self) -> Crowd:
        return Crowd(self.persons.count, self.persons.rows, self.persons.most)

    def column(self, column: ColumnSchema, date_unit: str) -> CountedColumn:
        read: ColumnCodes = column_codes(self.path, self.schema.name, column, date_unit)
        groups, missing, sentinels = self._grouped(read.codes, read.size, read.sentinels)
        if missing is not None:
            self._lacking[column.name] = np.packbits(read.codes == read.size)
        hours = None if read.hours is None else self._grouped(read.hours, len(HOURS))[0]
        return CountedColumn(groups, missing, read.labels, read.edges, read.unit, read.grow, read.decimals, hours, sentinels)

    def magnitude(self, column: ColumnSchema) -> Contributions | None:
        return contributions(column_codes(self.path, self.schema.name, column, "month"), self.persons)

    def missing_together(self, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Groups]:
        for name in columns:
            if name not in self._lacking:
                read = column_codes(self.path, self.schema.name, self.schema.column(name), "year")
                self._lacking[name] = np.packbits(read.codes == read.size)
        patterns, codes = together(columns, self._lacking, self.persons.rows)
        return patterns, grouped(codes, max(1, len(patterns)), self.persons)

    def rows_per_person(self) -> Groups:
        rows = self.persons.rows_each()
        return grouped(rows, self.persons.most + 1, Persons.one_row_each(self.persons.count))

    def crossed(self, axes: Sequence[Classes], date_unit: str) -> Groups:
        return grouped(crossed_codes(self.path, self.schema.name, axes, date_unit), cells_of(axes), self.persons)

    def children(self, key: ForeignKey, parent: Counted) -> tuple[Grouped, Crowd | None]:
        parent = _same_place(parent)
        of_rows = relationship_counts.children_of(parent.path, self.path, key)
        groups = grouped(of_rows, int(of_rows.max(initial=0)) + 1, parent.persons)
        lacking = relationship_counts.lacking(self.path, key)
        return groups, self._grouped(lacking.astype(np.uint8), 1)[1] if lacking.any() else None

    def persons_with(self, others: Sequence[Counted]) -> int:
        tables = [(_same_place(t).path, t.schema.counts_by or "") for t in (self, *others)]
        return relationship_counts.distinct_together(tables)

    def _grouped(
        self, codes: Codes, size: int, sentinels: tuple[str, ...] = ()
    ) -> tuple[Groups, Crowd | None, tuple[tuple[str, Crowd], ...]]:
        """Rows grouped by the codes below `size`; the rows of code `size`, whose value is missing; those of each sentinel."""
        groups = grouped(codes, size + 1 + len(sentinels), self.persons)
        present = groups.codes < size
        beyond = {
            int(groups.codes[i]) - size: Crowd(int(groups.persons[i]), int(groups.rows[i]), int(groups.largest[i]))
            for i in np.flatnonzero(~present)
        }
        kept = groups.only(present) if beyond else groups
        return kept, beyond.get(0), tuple((text, beyond[n]) for n, text in enumerate(sentinels, 1) if n in beyond)


def _same_place(table: Counted) -> ParquetTable:
    if not isinstance(table, ParquetTable):
        raise TypeError(f'table "{table.schema.name}" is not a Parquet file: tables that are counted together lie in one place')
    return table
