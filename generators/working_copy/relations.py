"""Keys between tables: who each row is about, through them, and whether they hold in the files."""

# ruff: noqa: S608  (SQL is put together from names that `quoted` and `scan` have escaped)
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from generators.engine import engine, first_row, quoted, scan
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading.casting import as_text
from generators.reading.dataset import Dataset
from generators.schema import REACHED, ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema

_SHOWN = 5
"""Most problems one message names."""

_ROW = "(t0.file_row_number + 1)"


def key_text(column: ColumnSchema, value: str) -> str:
    """SQL: the text a key is known by, whatever its storage: 5 and "5" are one person; so are an NHS number's spellings."""
    text = f"trim({as_text(column, value)})"
    spaced = f"regexp_full_match({text}, '[0-9]{{3}}[ -][0-9]{{3}}[ -][0-9]{{4}}')"
    return f"CASE WHEN {spaced} THEN regexp_replace({text}, '[ -]', '', 'g') ELSE {text} END"


@dataclass(frozen=True)
class PeopleOf:
    """Who each row of a table is about, as SQL. source: its `FROM` clause, in which the table is `t0`, numbered (`t0.file_row_number`);
    person: the person's key there, NULL where nobody is reached; column: what that key is; route: the foreign keys it was reached through.
    """

    source: str
    person: str
    column: ColumnSchema
    route: tuple[ForeignKey, ...] = ()


def people_of(schema: DatasetSchema, name: str, paths: Mapping[str, Path]) -> PeopleOf | None:
    """Who the rows of table `name` are about; None where no row is about anybody. paths: the canonical file of each table."""
    table = schema.table(name)
    if table.counts_by is not None:
        column = ColumnSchema(REACHED, Kind.IDENTIFIER, "string") if table.person_key is None else table.column(table.person_key)
        return PeopleOf(f"{scan(paths[name], numbered=True)} AS t0", f"t0.{quoted(table.counts_by)}", column)
    route = schema.person_route(name)
    return _along(schema, name, route, paths) if route else None


def _along(schema: DatasetSchema, name: str, route: Sequence[ForeignKey], paths: Mapping[str, Path]) -> PeopleOf:
    for each in (name, *(key.parent for key in route)):
        if each not in paths:
            raise InputError(f'no file was given for table "{each}", through which the persons of table "{name}" are reached')
    source = f"{scan(paths[name], numbered=True)} AS t0"
    child = schema.table(name)
    for i, key in enumerate(route):
        parent = schema.table(key.parent)
        source += f" LEFT JOIN {scan(paths[parent.name])} AS t{i + 1} ON {same_key(child, key, parent, f't{i}', f't{i + 1}')}"
        child = parent
    column = child.column(child.person_key or "")
    return PeopleOf(source, f"t{len(route)}.{quoted(column.name)}", column, tuple(route))


def same_key(child: TableSchema, key: ForeignKey, parent: TableSchema, here: str, there: str) -> str:
    """SQL: whether a row of `here` refers to one of `there`, as the tokens of their keys would say."""
    pairs = []
    for name, other in zip(key.columns, key.parent_columns, strict=True):
        mine, theirs = child.column(name), parent.column(other)
        left, right = f"{here}.{quoted(name)}", f"{there}.{quoted(other)}"
        if mine.storage == theirs.storage and mine.storage != "string":
            pairs.append(f"{left} = {right}")
        else:
            pairs.append(f"{key_text(mine, left)} = {key_text(theirs, right)}")
    return " AND ".join(pairs)


def check_keys(dataset: Dataset, schema: DatasetSchema, *, part: bool = False, progress: Progress = silent) -> None:
    """InputError that names the first few of `key_problems`; nothing is written."""
    problems = key_problems(dataset, schema, part=part, progress=progress)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more such problems" if len(problems) > _SHOWN else ""
        raise InputError("; ".join(problems[:_SHOWN]) + more)


def key_problems(dataset: Dataset, schema: DatasetSchema, *, part: bool = False, progress: Progress = silent) -> tuple[str, ...]:
    """What is wrong with the keys of canonical files under a confirmed schema: missing or repeated primary keys, references to rows that
    are not there, rows that reach no person or several. Each a sentence with table, columns, number of rows, first row, and the way out.

    part: the data are one side of a split, where a reference from one person to another may lead to the other side: only references that
    say who a row is about are followed. InputError for foreign keys that go round in a circle. Memory does not grow with the rows.
    """
    schema.parents_first()
    found: list[str] = []
    with engine(dataset.tables[0].path.parent, "the keys of the tables") as connection:
        check = _Check(connection, schema, dataset.paths)
        for i, table in enumerate(schema.tables):
            progress("checking the keys", i / len(schema.tables))
            found += _meaning(schema, table)
            found += check.primary(table)
            for key in table.foreign_keys:
                if not part or _follows_person(schema, table, key):
                    found += check.foreign(table, key)
            if not found:
                found += check.persons(table)
    return tuple(found)


def _meaning(schema: DatasetSchema, table: TableSchema) -> Iterator[str]:
    """What a schema says of keys that the working copy could not keep, whatever the values are."""
    out = "choose one kind and role for both, or take the foreign key out"
    if table.public and (table.person_key or any(not schema.table(k.parent).public for k in table.foreign_keys)):
        yield (
            f'table "{table.name}" is marked public, which copies it whole, but its rows lead to persons or to records; '
            "only a code list that somebody else has published is public: take the mark away"
        )
    for key in table.foreign_keys:
        parent = schema.table(key.parent)
        for mine, theirs in zip(map(table.column, key.columns), map(parent.column, key.parent_columns), strict=True):
            place = f'column "{mine.name}" of table "{table.name}" refers to "{parent.name}.{theirs.name}", but'
            if table.dropped(mine) or parent.dropped(theirs):
                yield f"{place} one of the two is a direct identifier, which is left out; {out}"
            elif table.tokenised(mine) and not parent.tokenised(theirs):
                what = "is public and keeps its keys; make the column categorical" if parent.public else f"does not hold tokens; {out}"
                yield f"{place} becomes a token while the other {what}"
            elif parent.tokenised(theirs) and not table.tokenised(mine):
                yield f"{place} stays as it is while the other becomes a token; make the column an identifier"


@dataclass(frozen=True)
class _Check:
    connection: duckdb.DuckDBPyConnection
    schema: DatasetSchema
    paths: Mapping[str, Path]

    def primary(self, table: TableSchema) -> Iterator[str]:
        if table.person_key is not None and table.person_key not in table.primary_key:
            yield from self.missing(table, (table.person_key,), "person key", "choose another person key, or mend the file")
        if table.primary_key:
            out = "take the primary key out of the schema, or mend the file"
            yield from self.missing(table, table.primary_key, "primary key", out)
            yield from self.repeated(table, table.primary_key, f"the primary key {_listed(table.primary_key)}", out)

    def missing(self, table: TableSchema, columns: Sequence[str], what: str, out: str) -> Iterator[str]:
        null = " OR ".join(f"t0.{quoted(name)} IS NULL" for name in columns)
        count, first = first_row(self.connection, f"SELECT count(*), min({_ROW}) FROM {self.scan(table.name)} WHERE {null}")
        if count:
            yield f'table "{table.name}": the {what} {_listed(columns)} is missing in {_rows(count)} (first: row {first:,}); {out}'

    def repeated(self, table: TableSchema, columns: Sequence[str], what: str, out: str) -> Iterator[str]:
        names = ", ".join(f"t0.{quoted(name)}" for name in columns)
        present = " AND ".join(f"t0.{quoted(name)} IS NOT NULL" for name in columns)
        each = f"SELECT count(*) AS n FROM {self.scan(table.name)} WHERE {present} GROUP BY {names}"
        (count,) = first_row(self.connection, f"SELECT coalesce(sum(n - 1), 0) FROM ({each})")
        if not count:
            return
        numbered = f"SELECT {_ROW} AS r, row_number() OVER (PARTITION BY {names} ORDER BY t0.file_row_number) AS n"
        (first,) = first_row(self.connection, f"SELECT min(r) FROM ({numbered} FROM {self.scan(table.name)} WHERE {present}) WHERE n > 1")
        yield f'table "{table.name}": {what} repeats an earlier row in {_rows(count)} (first: row {first:,}); {out}'

    def foreign(self, table: TableSchema, key: ForeignKey) -> Iterator[str]:
        parent = self.schema.table(key.parent)
        out = "take the foreign key out of the schema, or mend the files"
        if set(key.parent_columns) != set(parent.primary_key):
            what = f'{_listed(key.parent_columns)}, which table "{table.name}" refers to,'
            yield from self.repeated(parent, key.parent_columns, what, out)
        present = " AND ".join(f"t0.{quoted(name)} IS NOT NULL" for name in key.columns)
        join = f"ANTI JOIN {scan(self.paths[parent.name])} AS t1 ON {same_key(table, key, parent, 't0', 't1')}"
        count, first = first_row(self.connection, f"SELECT count(*), min({_ROW}) FROM {self.scan(table.name)} {join} WHERE {present}")
        if count:
            yield (
                f'table "{table.name}": {_listed(key.columns)} refers in {_rows(count)} to what no row of table "{parent.name}" has in '
                f"{_listed(key.parent_columns)} (first: row {first:,}); {out}"
            )

    def persons(self, table: TableSchema) -> Iterator[str]:
        """Rows that reach nobody, or somebody else by another way that is as short."""
        route = self.schema.person_route(table.name)
        if not route or table.counts_by is not None:
            return
        people = _along(self.schema, table.name, route, self.paths)
        count, first = first_row(self.connection, f"SELECT count(*), min({_ROW}) FROM {people.source} WHERE {people.person} IS NULL")
        if count:
            yield (
                f'table "{table.name}": {_rows(count)} (first: row {first:,}) {"reaches" if count == 1 else "reach"} no person, because '
                f"{_way(route)} is missing there; mend the file, or give the table a person key"
            )
        for other in _routes(self.schema, table.name, len(route)):
            if other != route:
                yield from self.differing(table, route, other)

    def differing(self, table: TableSchema, one: Sequence[ForeignKey], other: Sequence[ForeignKey]) -> Iterator[str]:
        persons = []
        for route in (one, other):
            people = _along(self.schema, table.name, route, self.paths)
            persons.append(f"SELECT {_ROW} AS r, {key_text(people.column, people.person)} AS person FROM {people.source}")
        count, first = first_row(
            self.connection,
            f"SELECT count(*), min(a.r) FROM ({persons[0]}) AS a JOIN ({persons[1]}) AS b USING (r) WHERE a.person <> b.person",
        )
        if count:
            yield (
                f'table "{table.name}": {_rows(count)} (first: row {first:,}) reach one person through {_way(one)} and another '
                f"through {_way(other)}; give the table a person key that says whose row it is, or take one of the keys out"
            )

    def scan(self, name: str) -> str:
        return f"{scan(self.paths[name], numbered=True)} AS t0"


def _follows_person(schema: DatasetSchema, table: TableSchema, key: ForeignKey) -> bool:
    """Whether a row and the row it refers to are on the same side of every split, or the parent is on both."""
    if table.person_key is None:
        return key in schema.person_route(table.name)[:1]
    parent = schema.table(key.parent)
    return parent.public or (key.columns == (table.person_key,) and key.parent_columns == (parent.person_key,))


def _routes(schema: DatasetSchema, name: str, length: int) -> Iterator[tuple[ForeignKey, ...]]:
    """Every way of `length` foreign keys from a table to one with a person key."""
    for key in schema.table(name).foreign_keys:
        parent = schema.table(key.parent)
        if parent.public or parent.name == name:
            continue
        if length == 1 and parent.person_key:
            yield (key,)
        elif length > 1 and not parent.person_key:
            for rest in _routes(schema, parent.name, length - 1):
                yield (key, *rest)


def _way(route: Sequence[ForeignKey]) -> str:
    """`"visit_id" → visits → persons`."""
    return " → ".join((_listed(route[0].columns), *(key.parent for key in route)))


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _rows(count: int) -> str:
    return f"{count:,} row" + ("" if count == 1 else "s")
