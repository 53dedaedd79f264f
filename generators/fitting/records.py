"""The tables of train as they are learned from: who each row is about, which rows belong together, which row each hangs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.encoding.coded import Codes
from generators.errors import InputError
from generators.fitting.context import ROWS, Hanging, belonging, hanging_on, parent_of
from generators.generating.layout import Layout, Place
from generators.schema import DatasetSchema, Kind, TableSchema

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """One table of train. rows: its file; persons: by row the number of its person, each row another where it is about nobody."""

    place: Place
    rows: pa.Table
    persons: Ints


def read(place: Place, path: Path) -> Records:
    """The canonical file of a table. InputError when it cannot be read, lacks a column or has no rows."""
    table = place.table
    wanted = list(dict.fromkeys([*table.names, *([table.counts_by] if table.counts_by else [])]))
    try:
        with pq.ParquetFile(path) as file:
            lacking = [name for name in wanted if name not in file.schema_arrow.names]
            if lacking:
                raise InputError(f'table "{table.name}": {path.name} has no column "{lacking[0]}", which the schema has')
            rows = file.read(columns=wanted)
    except FileNotFoundError:
        raise InputError(f'table "{table.name}": there is no file {path.name}') from None
    except (pa.ArrowException, OSError):
        raise InputError(f'table "{table.name}": {path.name} is not a Parquet file that can be read') from None
    if not rows.num_rows:
        raise InputError(f'table "{table.name}" has no rows to learn from')
    return Records(place, rows, numbered(rows, [table.counts_by]) if table.counts_by else np.arange(rows.num_rows))


def issued_columns(place: Place, schema: DatasetSchema) -> frozenset[str]:
    """Columns that are never learned since generation fills them by itself: keys, identifiers, numbers that differ in every row."""
    table = place.table
    names = {*place.copied, *(c.name for c in table.columns if c.kind is Kind.IDENTIFIER)}
    names |= {table.person_key} if table.person_key else set()
    for column in table.columns:
        if (column.unique or table.primary_key == (column.name,)) and not _public(schema, table, column.name):
            names.add(column.name)
    own = [table.column(n) for n in table.primary_key if n not in place.copied and n != table.person_key]
    if not any(c.kind is Kind.IDENTIFIER or c.unique for c in own):
        names |= {c.name for c in own if c.kind in (Kind.INTEGER, Kind.REAL)}
    return frozenset(names)


def _public(schema: DatasetSchema, table: TableSchema, column: str) -> bool:
    return any(column in key.columns and schema.table(key.parent).public for key in table.foreign_keys)


def without_keys(table: TableSchema, issued: frozenset[str]) -> TableSchema:
    """The table as its encoding sees it: keys of vocabularies are columns like others."""
    kept = tuple(c for c in table.columns if c.name not in issued)
    return replace(table, columns=kept, person_key=None, primary_key=(), foreign_keys=(), rules=(), persons_by=None)


def numbered(rows: pa.Table, columns: Sequence[str]) -> Ints:
    """By row a number, equal where all `columns` are; rows that lack one of them have one each."""
    found = np.zeros(rows.num_rows, dtype=np.int64)
    missing = np.zeros(rows.num_rows, dtype=np.bool_)
    for name in columns:
        codes, null = _codes(rows[name])
        missing |= null
        _, found = np.unique(found * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
        found = found.reshape(-1).astype(np.int64)
    most = int(found.max(initial=-1)) + 1
    found[missing] = most + np.arange(int(missing.sum()))
    return found


def _codes(column: pa.ChunkedArray) -> tuple[Ints, npt.NDArray[np.bool_]]:
    coded = column.combine_chunks()
    coded = coded if pa.types.is_dictionary(coded.type) else pc.dictionary_encode(coded)
    indices = coded.indices
    null = indices.is_null().to_numpy(zero_copy_only=False)
    return pc.fill_null(indices, 0).to_numpy(zero_copy_only=False).astype(np.int64), null


def referred(child: Records, parent: Records) -> Ints:
    """By row of the child the row of the parent it hangs on, −1 for none."""
    driver = child.place.driver
    if driver is None:
        raise TypeError("a root hangs on nothing")
    both = [
        pa.concat_tables(
            [
                pa.table({"k": child.rows[mine].cast(pa.string())}),
                pa.table({"k": parent.rows[theirs].cast(pa.string())}),
            ]
        )["k"]
        for mine, theirs in zip(driver.columns, driver.parent_columns, strict=True)
    ]
    joint = numbered(pa.table({str(i): column for i, column in enumerate(both)}), [str(i) for i in range(len(both))])
    mine, theirs = joint[: child.rows.num_rows], joint[child.rows.num_rows :]
    at = np.full(int(joint.max(initial=-1)) + 1, -1)
    at[theirs] = np.arange(len(theirs))
    return at[mine]


def hanging(arranged: Layout, records: Mapping[str, Records], name: str, codes: Mapping[str, Codes], ranks: dict[str, Ints]) -> Hanging:
    """How the rows of table `name` hang together. codes: of the tables before it; ranks: the place of their rows in time, added to."""
    here = records[name]
    place, count = here.place, here.rows.num_rows
    above = parent_of(place)
    at = referred(here, records[above]) if above in records else None
    parents = np.where(at[:, None] < 0, -1, codes[above][np.maximum(at, 0)]) if at is not None and above in codes else None
    numbers = {}
    for child in hanging_on(arranged, place):
        if child.name in records:
            those = referred(records[child.name], here)
            numbers[ROWS + child.name] = np.bincount(those[those >= 0], minlength=count)
    whose = belonging(arranged, place)
    group = None
    if whose == "person":
        group = here.persons
    elif whose == "parent" and at is not None:
        group = np.where(at < 0, len(at) + np.arange(count), at)
    before = np.zeros(count, dtype=np.int64)
    if at is not None and above in ranks:
        before = np.where(at < 0, 0, ranks[above][np.maximum(at, 0)])
    made = Hanging.of(group, count, parents, numbers, np.lexsort((before, _time(place.table, here.rows))))
    ranks[name] = made.rank
    return made


def _time(table: TableSchema, rows: pa.Table) -> Ints:
    """What orders rows: the first date of the table, missing ones last; all alike where there is none."""
    dated = next((c for c in table.columns if c.kind in (Kind.DATE, Kind.DATETIME) and c.storage in ("date32", "timestamp[us]")), None)
    if dated is None:
        return np.zeros(rows.num_rows, dtype=np.int64)
    column = rows[dated.name].combine_chunks()
    ticks = pc.cast(pc.cast(column, pa.int32()) if dated.storage == "date32" else column, pa.int64())
    known: Ints = pc.fill_null(ticks, np.iinfo(np.int64).max).to_numpy(zero_copy_only=False)
    return known


def constant(rows: pa.Table, column: str, hanging: Hanging) -> bool:
    """Whether the column is the same in all rows that belong together, throughout, and not the same in all rows there are."""
    codes, null = _codes(rows[column])
    codes = np.where(null, -1, codes)
    follows = hanging.before >= 0
    return bool((codes != codes[0]).any() and (codes[follows] == codes[hanging.before[follows]]).all())
