"""Planting a leak on purpose: real rows, rare real values, or one real person's row, put into a copy of generated files.

Runs inside the zone. What is planted is never told: only how many rows, of which table, in which columns.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.atomic import write_parquet
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.schema import DatasetSchema, Kind, TableSchema

KINDS = ("planted rows", "rare cells", "memorised record")
READ_AT_MOST = 200_000
"""Rows of train among which rare values and rare persons are looked for."""
NOISE = 0.01
"""Of a column's standard deviation: how far a memorised number is moved."""
_NUMBERS = (Kind.INTEGER, Kind.REAL)


@dataclass(frozen=True)
class Planted:
    """What was planted: into how many rows of which table, in which columns. Names and numbers, never a value."""

    table: str
    rows: int
    columns: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def plant(
    kind: str,
    amount: int,
    train: Mapping[str, Path],
    synthetic: Mapping[str, Path],
    schema: DatasetSchema,
    out: Path,
    *,
    seed: int,
    progress: Progress = silent,
) -> tuple[Planted, dict[str, Path]]:
    """Copy every file of `synthetic` into the folder `out`, with `amount` rows or cells of the widest table overwritten from `train`.

    Keys stay as they were generated, so that every row still leads where it led; no row is added or taken away. kind: one of `KINDS`;
    a memorised record is repeated `amount` times. Deterministic by seed. Memory: at most `READ_AT_MOST` rows of train.
    InputError when there is nothing to plant, or not the room.
    """
    table = _widest(schema, train, synthetic)
    columns = _planted_columns(table, schema)
    held = pq.ParquetFile(synthetic[table.name])
    rows = held.metadata.num_rows
    if not 1 <= amount <= rows:
        raise InputError(f"the version's table “{table.name}” has {rows:,} rows; plant between 1 and that many")
    draw = np.random.Generator(np.random.PCG64(seed))
    real = _real(train[table.name], columns, draw)
    if real.num_rows == 0:
        raise InputError(f"there are no records of “{table.name}” to plant")
    progress("choosing what to plant", 0.1)
    places = np.sort(draw.choice(rows, size=amount, replace=False))
    if kind == "planted rows":
        chosen = real.take(pa.array(draw.choice(real.num_rows, size=amount, replace=amount > real.num_rows)))
        changes = {name: (places, chosen.column(name)) for name in columns}
    elif kind == "memorised record":
        repeated = real.take(pa.array(np.full(amount, _rarest(real, table))))
        changes = {name: (places, _noised(repeated.column(name), real.column(name), table.column(name).kind, draw)) for name in columns}
    elif kind == "rare cells":
        changes = _rare_cells(real, columns, places, draw)
    else:
        raise InputError(f"a drill plants one of: {', '.join(KINDS)}")
    progress("planting", 0.3)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = {}
    for name, path in synthetic.items():
        made[name] = out / f"{name}.parquet"
        if name != table.name:
            shutil.copyfile(path, made[name])
    write_parquet(made[table.name], held.schema_arrow, _overwritten(held, changes))
    progress("planting", 1.0)
    return Planted(table.name, len(set(np.concatenate([p for p, _ in changes.values()]).tolist())), tuple(changes)), made


def _widest(schema: DatasetSchema, train: Mapping[str, Path], synthetic: Mapping[str, Path]) -> TableSchema:
    """The table with most columns that can be planted in."""
    tables = [t for t in schema.tables if not t.public and t.name in train and t.name in synthetic and _planted_columns(t, schema)]
    if not tables:
        raise InputError("no table of this version has a column that could hold a planted value")
    return max(tables, key=lambda t: len(_planted_columns(t, schema)))


def _planted_columns(table: TableSchema, schema: DatasetSchema) -> tuple[str, ...]:
    """Columns that are no key and no identifier."""
    keys = {*table.primary_key, table.person_key, *(c for key in table.foreign_keys for c in key.columns)}
    return tuple(c.name for c in table.columns if c.name not in keys and c.kind is not Kind.IDENTIFIER)


def _real(path: Path, columns: Sequence[str], draw: np.random.Generator) -> pa.Table:
    """The named columns of a file, at most `READ_AT_MOST` of its rows: whole row groups, chosen by chance."""
    opened = pq.ParquetFile(path)
    groups, batches, read = draw.permutation(opened.num_row_groups), [], 0
    for group in groups:
        batches.append(opened.read_row_group(int(group), columns=list(columns)))
        read += batches[-1].num_rows
        if read >= READ_AT_MOST:
            break
    if not batches:
        return opened.schema_arrow.empty_table().select(list(columns))
    return pa.concat_tables(batches).slice(0, READ_AT_MOST).combine_chunks()


def _counts(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How often each row's value occurs in the column."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    codes = coded.indices.to_numpy(zero_copy_only=False)
    counts: np.ndarray[Any, np.dtype[np.int64]] = np.bincount(codes, minlength=len(coded.dictionary))[codes]
    return counts


def _rarest(real: pa.Table, table: TableSchema) -> int:
    """The row whose values are together the least likely: the largest sum of −log of shares, numbers by distance from their middle."""
    score = np.zeros(real.num_rows)
    for name in real.column_names:
        if table.column(name).kind in _NUMBERS:
            values = real.column(name).to_numpy().astype(float)
            spread = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
            if spread > 0:
                score += np.nan_to_num(np.abs(values - np.nanmedian(values)) / spread)
        else:
            score -= np.log(_counts(real.column(name)) / real.num_rows)
    return int(score.argmax())


def _noised(repeated: pa.ChunkedArray, real: pa.ChunkedArray, kind: Kind, draw: np.random.Generator) -> pa.ChunkedArray:
    """Numbers moved a little, whole ones by whole steps; everything else as it is."""
    if kind not in _NUMBERS or repeated.null_count:
        return repeated
    values, spread = repeated.to_numpy().astype(float), pc.stddev(real).as_py() or 0.0
    moved = values + draw.normal(0.0, NOISE * spread, len(values))
    if kind is Kind.INTEGER:
        moved = np.rint(moved)
    return pa.chunked_array([pa.array(moved).cast(repeated.type, safe=False)])


def _rare_cells(real: pa.Table, columns: Sequence[str], places: Any, draw: np.random.Generator) -> dict[str, Any]:
    """For each place a column and its rarest real value of one or two records; columns in turn, those with the rarest values first."""
    rare = []
    for name in columns:
        counts, valid = _counts(real.column(name)), real.column(name).is_valid().to_numpy()
        distinct = len(real.column(name).unique())
        rows = np.flatnonzero((counts <= 2) & valid)
        # Where nearly every value is rare, a rare value points at nobody: such columns come last.
        if len(rows):
            rare.append((distinct > real.num_rows / 2, name, rows))
    if not rare:
        raise InputError("no column has a value that only one or two records hold; choose another kind of drill")
    rare.sort(key=lambda each: each[0])
    if any(not common for common, _, _ in rare):
        rare = [each for each in rare if not each[0]]
    changes = {}
    for turn, (_, name, rows) in enumerate(rare):
        mine = places[turn :: len(rare)]
        if len(mine):
            changes[name] = (mine, real.column(name).take(pa.array(draw.choice(rows, size=len(mine)))))
    return changes


def _overwritten(held: pq.ParquetFile, changes: Mapping[str, tuple[Any, pa.ChunkedArray]]) -> Iterator[pa.RecordBatch]:
    """The file's batches with the planted values in their places."""
    start = 0
    for batch in held.iter_batches():
        arrays = []
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name in changes:
                places, values = changes[name]
                here = np.flatnonzero((places >= start) & (places < start + batch.num_rows))
                if len(here):
                    mask = np.zeros(batch.num_rows, dtype=bool)
                    mask[places[here] - start] = True
                    array = pc.replace_with_mask(array, mask, values.take(pa.array(here)).combine_chunks().cast(array.type))
            arrays.append(array)
        start += batch.num_rows
        yield pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
