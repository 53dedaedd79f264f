"""What holds tables together: whether keys refer to rows that are there, whether they are unique, and how many rows refer to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evaluation.comparison import reason
from evaluation.definitions import result
from evaluation.results import REFERS, Incomputable, MetricResult, Scope
from evaluation.tables.columns import ParquetRows, persons
from generators.disclosure import DisclosurePolicy
from generators.schema import DatasetSchema, ForeignKey, TableSchema

MOST_CHILDREN = 50
"""Parents with more children than this are counted together."""


@dataclass(frozen=True)
class Sides:
    """The files of a dataset, by table: what it was made from, real rows held out, and what was made."""

    train: Mapping[str, Path]
    holdout: Mapping[str, Path]
    synthetic: Mapping[str, Path]

    def named(self) -> tuple[tuple[str, Mapping[str, Path]], ...]:
        """The files of each side, with its name."""
        return ("train", self.train), ("holdout", self.holdout), ("synthetic", self.synthetic)


def keys(schema: DatasetSchema, sides: Sides, seed: int) -> list[MetricResult]:
    """Of every key that the schema has: whether it is unique, whether what it refers to is there. Read from the synthetic tables alone."""
    found = []
    for table in schema.tables:
        path = sides.synthetic.get(table.name)
        for key in _unique(table):
            scope = Scope("relationship", (table.name, *key))
            found.append(_measured("unique_keys", scope, seed, partial(_share_unique, path, key)))
        for link in table.foreign_keys:
            scope = scope_of(table, link)
            parent = sides.synthetic.get(link.parent)
            found.append(_measured("foreign_keys", scope, seed, partial(_share_found, path, parent, link)))
    return found


def children(schema: DatasetSchema, sides: Sides, policy: DisclosurePolicy, seed: int) -> list[MetricResult]:
    """How far numbers of children per parent are from the real ones, for every foreign key to a table that is no vocabulary."""
    found = []
    for table in schema.tables:
        for link in table.foreign_keys:
            if not schema.table(link.parent).public and link.parent != table.name:
                found.append(_children(table, schema.table(link.parent), link, sides, policy, seed))
    return found


def _children(table: TableSchema, parent: TableSchema, link: ForeignKey, sides: Sides, policy: DisclosurePolicy, seed: int) -> MetricResult:
    scope = scope_of(table, link)
    shares: dict[str, npt.NDArray[np.float64] | None] = {}
    parents: dict[str, int] = {}
    try:
        for name, files in sides.named():
            counts = numbers_of_children(files.get(table.name), files.get(link.parent), link)
            few = name != "synthetic" and _persons(name, files[parent.name], parent) < policy.minimum_table
            parents[name] = len(counts)
            shares[name] = None if few or not len(counts) else np.bincount(counts, minlength=MOST_CHILDREN + 1) / len(counts)
        real, held, made = shares["train"], shares["holdout"], shares["synthetic"]
        if real is None:
            raise Incomputable(f"suppressed: table {link.parent} is about fewer than {policy.minimum_table} persons")
        if made is None:
            raise Incomputable(f"the synthetic table {link.parent} has no rows")
    except Exception as error:
        return result("children", scope, None, failed=reason(error), seed=seed)
    more = {} if held is None else {"ceiling": _distance(real, held), "n_ceiling": parents["holdout"]}
    return result("children", scope, _distance(real, made), n=parents["synthetic"], seed=seed, **more)


def _persons(name: str, path: Path, table: TableSchema) -> int:
    """How many persons the real rows of a table are about: several of its rows may be about one."""
    return len(np.unique(persons(ParquetRows(name, path, table), table)))


def _distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    return float(np.abs(a - b).sum() / 2)


def _measured(metric: str, scope: Scope, seed: int, measure: Callable[[], tuple[float, int]]) -> MetricResult:
    try:
        value, rows = measure()
    except Exception as error:
        return result(metric, scope, None, failed=reason(error), seed=seed)
    return result(metric, scope, value, n=rows, seed=seed)


def scope_of(table: TableSchema, link: ForeignKey) -> Scope:
    """The scope of what is measured of a foreign key."""
    return Scope("relationship", (table.name, *link.columns, f"{REFERS}{link.parent}"))


def _unique(table: TableSchema) -> list[tuple[str, ...]]:
    """The primary key and the columns that are unique by themselves."""
    single: list[tuple[str, ...]] = [(c.name,) for c in table.columns if c.unique and (c.name,) != table.primary_key]
    return [table.primary_key, *single] if table.primary_key else single


def _read(path: Path | None, columns: tuple[str, ...]) -> pa.Table:
    if path is None:
        raise Incomputable("the table is missing")
    try:
        return pq.read_table(path, columns=list(dict.fromkeys(columns)))
    except (pa.ArrowException, OSError):
        raise Incomputable("the table cannot be read, or lacks a key column") from None


def _complete(table: pa.Table, columns: tuple[str, ...]) -> tuple[pa.Table, int]:
    """(rows in which no key column is missing, their columns renamed k0, k1, … as text; how many rows lack one)."""
    if any(name not in table.column_names for name in columns):
        raise Incomputable("the table lacks a key column")
    plain = pa.table({f"k{i}": pc.cast(table[name], pa.string()) for i, name in enumerate(columns)})
    whole = plain.drop_null()
    return whole, plain.num_rows - whole.num_rows


def _share_unique(path: Path | None, key: tuple[str, ...]) -> tuple[float, int]:
    whole, lacking = _complete(_read(path, key), key)
    if not whole.num_rows + lacking:
        raise Incomputable("the synthetic table has no rows")
    distinct = whole.group_by(whole.column_names).aggregate([]).num_rows
    if len(key) == 1:
        return distinct / max(1, whole.num_rows), whole.num_rows
    return distinct / (whole.num_rows + lacking), whole.num_rows + lacking


def _share_found(path: Path | None, parent: Path | None, link: ForeignKey) -> tuple[float, int]:
    """The share of rows whose foreign key is complete that find their parent; 1 where none has one."""
    whole, _ = _complete(_read(path, link.columns), link.columns)
    targets, _ = _complete(_read(parent, link.parent_columns), link.parent_columns)
    if not whole.num_rows:
        return 1.0, 0
    counts = whole.group_by(whole.column_names).aggregate([([], "count_all")])
    met = counts.join(targets.group_by(targets.column_names).aggregate([]), keys=targets.column_names, join_type="left semi")
    return float(pc.sum(met["count_all"]).as_py() or 0) / whole.num_rows, whole.num_rows


def matched(child: Path, parent: Path, link: ForeignKey) -> npt.NDArray[np.int64]:
    """Of every row of `child`, the place of the row of `parent` that its foreign key leads to, -1 without one; the first of several."""
    rows, targets = _read(child, link.columns), _read(parent, link.parent_columns)
    codes, known = np.zeros(rows.num_rows, np.int64), np.zeros(targets.num_rows, np.int64)
    for mine, theirs in zip(link.columns, link.parent_columns, strict=True):
        values = pc.cast(targets[theirs], pa.string())
        distinct = pc.unique(values.drop_null())
        step = max(1, len(distinct))
        places = [_place(column, distinct) for column in (pc.cast(rows[mine], pa.string()), values)]
        # both columns of a key so far are one code: missing or unknown in either is no code at all
        codes, known = (np.where((c < 0) | (p < 0), -1, c * step + p) for c, p in zip((codes, known), places, strict=True))
        every = np.unique(known)
        found = np.searchsorted(every, codes).clip(max=max(0, len(every) - 1))
        codes = np.where((codes >= 0) & (every[found] == codes), found, -1) if len(every) else np.full(len(codes), -1)
        known = np.where(known >= 0, np.searchsorted(every, known), -1)
    first = np.full(max(1, int(known.max(initial=-1)) + 1), -1)
    there = np.flatnonzero(known >= 0)[::-1]
    first[known[there]] = there
    return np.where(codes >= 0, first[np.maximum(codes, 0)], -1)


def _place(column: pa.ChunkedArray, distinct: pa.Array) -> npt.NDArray[np.int64]:
    found = pc.index_in(column, value_set=distinct, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def numbers_of_children(child: Path | None, parent: Path | None, link: ForeignKey) -> npt.NDArray[np.int64]:
    """Children of each parent row, at most `MOST_CHILDREN`."""
    rows, _ = _complete(_read(child, link.columns), link.columns)
    targets, _ = _complete(_read(parent, link.parent_columns), link.parent_columns)
    counts = rows.group_by(rows.column_names).aggregate([([], "count_all")])
    joined = targets.join(counts, keys=targets.column_names, join_type="left outer")
    values = np.asarray(pc.fill_null(joined["count_all"], 0).to_numpy(), dtype=np.int64)
    return np.minimum(values, MOST_CHILDREN)
