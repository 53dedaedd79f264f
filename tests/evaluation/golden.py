"""What golden cases are made of: real rows turned into releases of which it is known what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evaluation.tables.columns import ORDERED, measured
from generators.schema import ColumnSchema, Kind, TableSchema

Draw = np.random.Generator


def strangers(table: pa.Table, schema: TableSchema) -> pa.Table:
    """The same rows under new keys."""
    if schema.person_key is None:
        return table
    tokens = pa.array([f"new-{i}" for i in range(len(table))])
    return table.set_column(table.column_names.index(schema.person_key), schema.person_key, tokens)


def copied(train: pa.Table, schema: TableSchema, draw: Draw) -> pa.Table:
    return strangers(train, schema)


def shuffled(train: pa.Table, schema: TableSchema, draw: Draw) -> pa.Table:
    """Every column by itself."""
    columns = {name: train[name].take(pa.array(draw.permutation(len(train)))) for name in train.column_names}
    return strangers(pa.table(columns), schema)


def noisy(train: pa.Table, schema: TableSchema, draw: Draw) -> pa.Table:
    """A copy with 1 % noise: numbers moved by a hundredth of their range, one in a hundred of the other values somebody else's."""
    return _changed(train, schema, lambda column, values: _moved(column, values, draw, 0.0, 0.01))


def drifted(third: pa.Table, schema: TableSchema, draw: Draw) -> pa.Table:
    """Real rows of another year: every number a good deal higher."""
    return _changed(third, schema, lambda column, values: _moved(column, values, draw, 0.25, 0.0))


def _changed(table: pa.Table, schema: TableSchema, change: Callable[[ColumnSchema, pa.ChunkedArray], pa.Array]) -> pa.Table:
    for column in measured(schema):
        table = table.set_column(table.column_names.index(column.name), column.name, change(column, table[column.name]))
    return strangers(table, schema)


def _moved(column: ColumnSchema, values: pa.ChunkedArray, draw: Draw, shift: float, noise: float) -> pa.Array:
    if column.kind in (Kind.INTEGER, Kind.REAL):
        found = np.asarray(pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        width = np.nanmax(found) - np.nanmin(found)
        least, most = np.nanmin(found) + shift * width, np.nanmax(found) + shift * width
        found = np.clip(found + shift * width + draw.normal(0, noise, len(found)) * width, least, most)
        whole = np.round(found, 0 if column.kind is Kind.INTEGER else column.decimals or 1)
        return pc.cast(pa.array(whole, mask=np.isnan(whole)), values.type)
    swapped = draw.random(len(values)) < noise
    return values.take(pa.array(np.where(swapped, draw.permutation(len(values)), np.arange(len(values))))).combine_chunks()


def leaf_one(train: pa.Table, schema: TableSchema, draw: Draw) -> pa.Table:
    """Sequential trees grown until every leaf is one row of train (or rows that cannot be told apart): each column from those before it."""
    from sklearn.tree import DecisionTreeRegressor

    columns = measured(schema)
    codes = np.column_stack([_numbers(column, train[column.name]) for column in columns])
    size = len(train)
    donors = draw.integers(0, size, size)
    made = np.empty_like(codes)
    made[:, 0] = codes[donors, 0]
    picked = [donors]
    for place in range(1, len(columns)):
        tree = DecisionTreeRegressor(min_samples_leaf=1, random_state=0).fit(codes[:, :place], codes[:, place])
        order = np.argsort(home := tree.apply(codes[:, :place]), kind="stable")
        leaf = tree.apply(made[:, :place])
        first, last = np.searchsorted(home[order], leaf, "left"), np.searchsorted(home[order], leaf, "right")
        donors = order[first + (draw.random(size) * (last - first)).astype(np.int64)]
        made[:, place] = codes[donors, place]
        picked.append(donors)
    by_name = {column.name: train[column.name].take(pa.array(donors)) for column, donors in zip(columns, picked, strict=True)}
    rest = {name: train[name].take(pa.array(picked[0])) for name in train.column_names if name not in by_name}
    return strangers(pa.table(by_name | rest).select(train.column_names), schema)


def _numbers(column: ColumnSchema, values: pa.ChunkedArray) -> np.ndarray:
    """The values as numbers a tree can split on; missing is below all."""
    if column.kind in ORDERED and column.kind is not Kind.TIME:
        ordered = (
            values
            if pa.types.is_floating(values.type)
            else pc.cast(values, pa.int64() if not pa.types.is_date32(values.type) else pa.int32())
        )
        found = np.asarray(ordered.to_numpy(zero_copy_only=False), np.float64)
    else:
        coded = pc.rank(values, sort_keys="ascending", tiebreaker="dense")
        found = np.asarray(coded.to_numpy(zero_copy_only=False), np.float64)
        found[np.asarray(values.is_null())] = np.nan
    return np.nan_to_num(found, nan=-1e18)


def planted(third: pa.Table, train: pa.Table, schema: TableSchema, rows: list[int]) -> pa.Table:
    """Real rows of others, some of them replaced by these rows of train."""
    return strangers(pa.concat_tables([third.slice(len(rows)), train.take(pa.array(rows))]), schema)


def loneliest(train: pa.Table, schema: TableSchema) -> int:
    """The row that is equal to others' in the fewest columns, whoever they are."""
    codes = np.column_stack([_numbers(column, train[column.name]) for column in measured(schema)])
    best = np.zeros(len(codes), np.int64)
    for place, row in enumerate(codes):
        equal = (codes == row).sum(axis=1)
        equal[place] = 0
        best[place] = equal.max()
    return int(best.argmin())
