"""The keys of several tables: which column numbers a table's rows, which refers to which other table, and who the rows are about.

A name alone is no proof, and neither is inclusion (small numbers are included in everything): a reference is proposed where a name, or
the want of any other candidate, speaks for it *and* every value is found there. Everything is counted over all records; no value is told.
"""

# ruff: noqa: S608  (SQL is put together from names that `quoted` and `scan` have escaped)
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import duckdb

from generators.engine import engine, first_row, quoted, scan
from generators.errors import InputError
from generators.profiling import key_meaning, key_names
from generators.profiling.identifiers import spelled
from generators.profiling.key_meaning import Counts
from generators.reading.dataset import Dataset, Finding
from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema
from generators.working_copy.relations import same_key

WIDEST_KEY = 3
"""Most columns of a primary key that is looked for."""

_PARTS = 8
"""Most columns of a table that are tried as parts of a composite key."""

_LONE = 50
"""Most columns without a telling name whose references are looked for by content alone."""

_DISTINCT_ENOUGH = 20
"""Fewest different values of a column that content alone may call a reference."""


@dataclass(frozen=True)
class _Candidate:
    """That `key` of `table` may be a foreign key. strength: as `key_names.refers`."""

    table: str
    key: ForeignKey
    strength: int

    @property
    def columns(self) -> str:
        return ", ".join(f'"{name}"' for name in self.key.columns)


def related(
    dataset: Dataset, schema: DatasetSchema, findings: tuple[Finding, ...], person_names: tuple[str, ...]
) -> tuple[DatasetSchema, tuple[Finding, ...]]:
    """The schema of several tables with their keys, and the findings with the reasons; of one table, both as they are.

    person_names: patterns of the names (`spelled`) of columns that say who a person is. Findings about single tables that keys prove
    wrong (a column that nobody need leave out because it is a key) are taken back.
    """
    if len(schema.tables) < 2:
        return schema, findings
    with engine(dataset.tables[0].path.parent, "the keys of the tables") as connection:
        search = _Search(connection, dataset.paths, schema, person_names)
        meant = key_meaning.Meaning(search.schema_with_keys(), search.counts, search.person_column)
        after = meant.schema_with_roles()
    kept = (f for f in findings if not key_meaning.superseded(f, schema, after))
    return after, (*kept, *search.found, *meant.found)


class _Search:
    """One look for the keys of a dataset."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, paths: Mapping[str, Path], schema: DatasetSchema, person_names: tuple[str, ...]
    ) -> None:
        self.connection, self.paths, self.person_names = connection, paths, person_names
        self.tables = {t.name: t for t in schema.tables}
        self.shared = self.shared_names()
        self.counts = {t.name: self.counted(t) for t in schema.tables}
        self.found: list[Finding] = []

    def schema_with_keys(self) -> DatasetSchema:
        """The tables with primary and foreign keys; kinds, roles and person keys as they were."""
        for name in self.tables:
            self.primary(name)
        candidates = sorted(self.candidates(), key=lambda c: -c.strength)
        for candidate in candidates:
            self.propose(candidate)
        self.by_content({(c.table, name) for c in candidates for name in c.key.columns})
        for name in self.tables:
            self.composite(name)
        for candidate in self.composite_candidates():
            self.propose(candidate)
        return self.schema

    def shared_names(self) -> set[str]:
        """Names of keys that several tables have, `spelled`: also those that only end in "id" (`itemid`)."""
        words = Counter(word for table in self.tables.values() for word in {spelled(name) for name in table.names})
        return {w for w, n in words.items() if n > 1 and (key_names.keyish(w) or w.endswith("id")) and not key_names.generic(w)}

    @property
    def schema(self) -> DatasetSchema:
        return DatasetSchema(tuple(self.tables.values()))

    def note(self, table: str, column: str | None, message: str, reason: str = "", level: Literal["note", "warning"] = "note") -> None:
        self.found.append(Finding(table, column, level, message, reason))

    # Counting

    def counted(self, table: TableSchema) -> dict[str, Counts]:
        """Of the columns that may be keys, or parts of keys."""
        columns = [c for c in table.columns if c.storage in ("string", "int64") and self.possible(table, c)]
        if not columns:
            return {}
        selects = ["count(*)"]
        for c in columns:
            v = quoted(c.name)
            span = f"max({v})::HUGEINT - min({v}) + 1" if c.storage == "int64" else "NULL"
            selects += [f"count({v})", f"count(DISTINCT {v})", span]
        rows, *values = first_row(self.connection, f"SELECT {', '.join(selects)} FROM {scan(self.paths[table.name])}")
        return {
            c.name: Counts(rows, values[3 * i], values[3 * i + 1], None if values[3 * i + 2] is None else int(values[3 * i + 2]))
            for i, c in enumerate(columns)
        }

    def possible(self, table: TableSchema, column: ColumnSchema) -> bool:
        if column.kind is Kind.TIME or (column.kind is Kind.FREE_TEXT and not key_names.keyish(column.name)):
            return False
        if column.kind is Kind.IDENTIFIER or key_names.keyish(column.name):
            return True
        word = spelled(column.name)
        if word in self.shared:
            return True
        return any(word == key_names.singular(name) or word.endswith("_" + key_names.singular(name)) for name in self.tables)

    def unmatched(self, candidate: _Candidate) -> tuple[int, int]:
        """(rows that refer to something, those whose parent is not there)."""
        child, parent = self.tables[candidate.table], self.tables[candidate.key.parent]
        present = " AND ".join(f"t0.{quoted(name)} IS NOT NULL" for name in candidate.key.columns)
        source = f"{scan(self.paths[child.name])} AS t0"
        (rows,) = first_row(self.connection, f"SELECT count(*) FROM {source} WHERE {present}")
        join = f"ANTI JOIN {scan(self.paths[parent.name])} AS t1 ON {same_key(child, candidate.key, parent, 't0', 't1')}"
        (dangling,) = first_row(self.connection, f"SELECT count(*) FROM {source} {join} WHERE {present}")
        return int(rows), int(dangling)

    # Primary keys

    def primary(self, name: str) -> None:
        """The column that numbers the rows of a table, by its values first and its name second."""
        table, counts = self.tables[name], self.counts[name]
        ranked = [(key_names.own_key(name, column), column) for column in counts]
        fit = [
            (self.rank(rank, column), column)
            for rank, column in ranked
            if counts[column].numbers_rows and (rank is not None or (self.key_like(table, column) and counts[column].rows > 1))
        ]
        own = [column for rank, column in ranked if rank in (0, 1) and counts[column].present]
        if own and not any(column in own for _, column in fit):
            fit = []  # a column that says it is the key, and is not: another that happens to differ in every row is none either
        self.tables[name] = replace(table, primary_key=(min(fit, key=lambda f: f[0])[1],) if fit else ())
        if own and not fit:
            of = counts[own[0]]
            missing = f"missing in {of.rows - of.present:,} of {of.rows:,} rows" if of.present < of.rows else ""
            repeated = f"{of.present - of.distinct:,} of {of.rows:,} rows repeat an earlier one" if of.distinct < of.present else ""
            self.note(
                name,
                own[0],
                "named like the key of its table but not one: the table has no primary key",
                " and ".join(filter(None, (repeated, missing))),
                "warning",
            )

    def rank(self, own: int | None, column: str) -> int:
        """Which of several columns that number the rows is the key, the least first: the one named after the table; the one that other
        tables know by that name; a name any table could use (`row_id`); another.
        """
        if own in (0, 1):
            return own
        elsewhere = any(key_names.own_key(other, column) in (0, 1) for other in self.tables)
        if spelled(column) in self.shared and not elsewhere:
            return 2
        return 4 if own is None else 3

    def key_like(self, table: TableSchema, column: str) -> bool:
        schema = table.column(column)
        if column == table.person_key:
            return True
        if key_names.SEQUENCE.search(spelled(column)):
            return False
        if spelled(column) in self.shared:
            return True
        return schema.kind is Kind.IDENTIFIER and (key_names.keyish(column) or schema.storage == "string")

    def composite(self, name: str) -> None:
        """Two or three columns that number the rows together: keys and what counts within them, the fewest that do."""
        table, counts = self.tables[name], self.counts[name]
        if table.primary_key or any(key_names.own_key(name, c) in (0, 1) for c in counts):
            return
        keys = {c for key in table.foreign_keys for c in key.columns} | {c for c in counts if self.key_like(table, c)}
        within = {c for c in counts if key_names.SEQUENCE.search(spelled(c))}
        parts = [c for c in counts if c in keys | within and counts[c].present == counts[c].rows][:_PARTS]
        for width in range(2, WIDEST_KEY + 1):
            for columns in combinations(parts, width):
                if keys & set(columns) and self.numbers_rows(name, columns):
                    self.tables[name] = replace(table, primary_key=columns)
                    listed = ", ".join(f'"{c}"' for c in columns)
                    self.note(
                        name, None, f"{listed} taken as the primary key", "together different in every row; none of them is by itself"
                    )
                    return

    def numbers_rows(self, name: str, columns: tuple[str, ...]) -> bool:
        rows = self.counts[name][columns[0]].rows
        product = 1
        for column in columns:
            product *= self.counts[name][column].distinct
        if product < rows:
            return False
        listed = ", ".join(quoted(c) for c in columns)
        (distinct,) = first_row(self.connection, f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM {scan(self.paths[name])})")
        return bool(distinct == rows)

    # Foreign keys

    def candidates(self) -> Iterator[_Candidate]:
        """For each column the table its name refers to most strongly."""
        for name, counts in self.counts.items():
            for column in counts:
                fit = [c for parent in self.tables.values() if (c := self.named(name, column, parent)) is not None]
                if fit:
                    yield max(fit, key=lambda c: (c.strength, self.whole(c), len(c.key.parent_columns[0]), self.rows(c.key.parent)))

    def named(self, name: str, column: str, parent: TableSchema) -> _Candidate | None:
        if len(parent.primary_key) != 1 or not self.counts[name][column].present:
            return None
        (key,) = parent.primary_key
        same = parent.name == name
        if same and column == key:
            return None
        strength = key_names.refers(column, parent.name, key, same_table=same)
        if not strength and not same and self.person_column(column) and key_meaning.of_persons(parent, self.person_column):
            strength = 1
        if not strength:
            return None
        if self.tables[name].primary_key == (column,) and not self.subordinate(name, column, parent, key):
            return None
        return _Candidate(name, ForeignKey((column,), parent.name, (key,)), strength)

    def whole(self, candidate: _Candidate) -> bool:
        """Whether the parent's key is named after it: not itself a part of something else by the same key."""
        return key_names.own_key(candidate.key.parent, candidate.key.parent_columns[0]) is not None

    def subordinate(self, name: str, column: str, parent: TableSchema, key: str) -> bool:
        """Whether a table whose own key has the name of another's key is the part and not the whole: one death for each person."""
        mine, theirs = key_names.own_key(name, column), key_names.own_key(parent.name, key)
        if (mine is None) != (theirs is None):
            return mine is None
        return self.after(name, parent.name)

    def after(self, name: str, other: str) -> bool:
        """Of two tables with one key: whether this is the smaller, or the later of two as large."""
        order = list(self.tables)
        return (-self.rows(name), order.index(name)) > (-self.rows(other), order.index(other))

    def rows(self, name: str) -> int:
        return next((c.rows for c in self.counts[name].values()), 0)

    def person_column(self, column: str) -> bool:
        """Whether a column's name says that it says who a person is."""
        return any(re.search(pattern, spelled(column)) for pattern in self.person_names)

    def propose(self, candidate: _Candidate) -> None:
        """Take a candidate up when every value is found in the parent, or say how many are not."""
        rows, dangling = self.unmatched(candidate)
        column = candidate.key.columns[0]
        if not rows:
            return
        parent = ", ".join(f'"{candidate.key.parent}.{name}"' for name in candidate.key.parent_columns)
        if dangling:
            strong = (candidate.strength >= 4 and self.whole(candidate)) or 2 * dangling <= rows
            self.note(
                candidate.table,
                column,
                f"not taken as a reference to {parent}: {dangling:,} of {rows:,} rows refer to what is not there",
                "its name says that it is one; leave it so, or mend the files",
                "warning" if strong else "note",
            )
            return
        by_content = candidate.strength == 0
        reason = f"all {rows:,} values are there" + (", and among the keys of no other table" if by_content else ", and the name says so")
        self.accept(candidate, f"refers to {parent}", reason, "warning" if by_content else "note")

    def accept(self, candidate: _Candidate, message: str, reason: str, level: Literal["note", "warning"]) -> None:
        table = self.tables[candidate.table]
        if candidate.key in table.foreign_keys:
            return
        self.tables[table.name] = replace(table, foreign_keys=(*table.foreign_keys, candidate.key))
        try:
            self.schema.parents_first()
        except InputError:
            self.tables[table.name] = table
            message, reason, level = f"{message}, but is left out", "with it the tables would refer to each other in a circle", "warning"
        self.note(table.name, candidate.key.columns[0], message, reason, level)

    def by_content(self, named: set[tuple[str, str]]) -> None:
        """References of columns whose name tells nothing: all values in the key of one table, and of one table alone."""
        lone = [
            (name, column)
            for name, counts in self.counts.items()
            for column, of in counts.items()
            if (name, column) not in named
            and self.tables[name].primary_key != (column,)
            and self.tables[name].column(column).kind is Kind.IDENTIFIER
            and of.distinct >= _DISTINCT_ENOUGH
        ]
        for name, column in lone[:_LONE]:
            fit = []
            for parent in self.tables.values():
                if parent.name == name or len(parent.primary_key) != 1 or self.counts[parent.name][parent.primary_key[0]].dense:
                    continue
                candidate = _Candidate(name, ForeignKey((column,), parent.name, parent.primary_key), 0)
                if self.unmatched(candidate)[1] == 0:
                    fit.append(candidate)
            if len(fit) == 1:
                self.propose(fit[0])

    def composite_candidates(self) -> Iterator[_Candidate]:
        """Tables that have all columns of another's composite key, by name."""
        for parent in list(self.tables.values()):
            if len(parent.primary_key) < 2:
                continue
            for name, counts in self.counts.items():
                by_word = {spelled(column): column for column in counts}
                columns = tuple(by_word.get(spelled(c), "") for c in parent.primary_key)
                if name == parent.name or not all(columns):
                    continue
                if self.tables[name].primary_key == columns and not self.after(name, parent.name):
                    continue
                yield _Candidate(name, ForeignKey(columns, parent.name, parent.primary_key), 4)
