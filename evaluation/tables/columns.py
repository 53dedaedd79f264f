"""The tables an evaluation compares, read a column at a time, and their values as numbers or categories.

Three sides are compared with train by the same code: the synthetic table, the real holdout, and the naive shuffle of train; each is a
`Rows`. Instants never pass through pandas, whose range ends in 2262: they are int64 microseconds from Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.errors import InputError
from generators.schema import ColumnSchema, Kind, TableSchema

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ORDERED = frozenset({Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.DATETIME, Kind.TIME})
"""Kinds whose values have an order and a distance."""
NAMED = frozenset({Kind.CATEGORICAL, Kind.BOOLEAN})
"""Kinds whose values are names."""

KEPT = 300_000_000
"""Bytes of columns kept in memory, a side: a million rows of 20 columns are about 120 MB, since categories are kept as codes."""

_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "timestamp[us]": pa.timestamp("us"),
}


def measured(table: TableSchema) -> tuple[ColumnSchema, ...]:
    """The columns whose distribution is compared: neither keys, nor identifiers, nor free text."""
    return tuple(c for c in table.columns if c.kind in ORDERED | NAMED and c.name != table.person_key)


class Rows(Protocol):
    """Rows of one side, read a column at a time."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...

    @property
    def further(self) -> tuple[str, ...]:
        """Columns that are there and not in the schema."""
        ...

    def column(self, column: ColumnSchema) -> pa.Array:
        """All values of `column`, of the type its schema says."""
        ...


class ParquetRows:
    """The rows of a canonical Parquet file.

    defects: by column name, one line on what keeps the column from being compared (absent, or of another type). further: columns the schema
    does not know. Columns are kept once read, as long as there is room (`KEPT`); later ones are read each time. Raises InputError when the
    file cannot be read as Parquet.
    """

    def __init__(self, name: str, path: Path, table: TableSchema) -> None:
        self.name, self.path = name, Path(path)
        self._kept: dict[str, pa.Array] = {}
        self._room = KEPT
        try:
            with pq.ParquetFile(self.path) as file:
                self.rows: int = file.metadata.num_rows
                found = file.schema_arrow
        except FileNotFoundError:
            raise InputError(f"the {name} table: there is no file {self.path.name}") from None
        except (pa.ArrowException, OSError):
            raise InputError(f"the {name} table: {self.path.name} is not a Parquet file that can be read") from None
        names = list(found.names)
        self.further = tuple(sorted({n for n in names if n not in table.names}))
        self.reordered = [n for n in names if n in table.names] != [n for n in table.names if n in names]
        self.defects: dict[str, str] = {}
        for column in table.columns:
            if column.name not in names:
                self.defects[column.name] = f'column "{column.name}" is missing from the {name} table'
            elif names.count(column.name) > 1:
                self.defects[column.name] = f'column "{column.name}" is in the {name} table more than once'
            elif not _castable(found.field(column.name).type, _TYPES[column.storage]):
                kind = found.field(column.name).type
                self.defects[column.name] = (
                    f'column "{column.name}" of the {name} table holds {kind} where the schema says {column.storage}'
                )

    def column(self, column: ColumnSchema) -> pa.Array:
        return plain(self.encoded(column))

    def encoded(self, column: ColumnSchema) -> pa.Array:
        """As `column`; categories as codes into their distinct values (an Arrow dictionary)."""
        if column.name in self.defects:
            raise InputError(self.defects[column.name])
        if column.name not in self._kept:
            array = self._read(column)
            if self._room < array.nbytes:
                return array
            self._room -= array.nbytes
            self._kept[column.name] = array
        return self._kept[column.name]

    def _read(self, column: ColumnSchema) -> pa.Array:
        wanted = _TYPES[column.storage]
        named = [column.name] if column.kind in NAMED | {Kind.TIME} and pa.types.is_string(wanted) else []
        array = pq.read_table(self.path, columns=[column.name], read_dictionary=named).column(0).combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.unify_dictionaries().chunks) if array.num_chunks else pa.array([], array.type)
        if pa.types.is_dictionary(array.type):
            if named and array.type.value_type == wanted and not array.dictionary.null_count:
                return array
            array = array.dictionary_decode()
        try:
            array = array if array.type == wanted else array.cast(wanted)
        except pa.ArrowInvalid:
            # Arrow's message quotes the value
            raise InputError(
                f'column "{column.name}" of the {self.name} table holds {array.type} values that are no {column.storage}'
            ) from None
        return array.dictionary_encode() if named else array

    def check(self, columns: Sequence[ColumnSchema]) -> None:
        """Try every column's type; what cannot be read becomes a defect."""
        for column in columns:
            if column.name not in self.defects:
                try:
                    self.column(column)
                except InputError as error:
                    self.defects[column.name] = str(error)


def _castable(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if found == wanted or pa.types.is_null(found):
        return True
    text = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    number = pa.types.is_integer(found) or pa.types.is_floating(found)
    instant = pa.types.is_timestamp(found) or pa.types.is_date(found)
    if pa.types.is_string(wanted):
        return bool(text or pa.types.is_integer(found))  # keys are issued as the source stored them, and compared as text
    if pa.types.is_integer(wanted) or pa.types.is_floating(wanted):
        return bool(number)
    return bool(instant and (pa.types.is_timestamp(wanted) or pa.types.is_date(wanted)))


@dataclass
class ShuffledRows:
    """The naive floor: every column of `source` permuted by itself, so that columns stay true and everything between them is lost."""

    source: Rows
    seed: int
    name: str = "shuffle"

    @property
    def rows(self) -> int:
        return self.source.rows

    @property
    def further(self) -> tuple[str, ...]:
        return self.source.further

    def column(self, column: ColumnSchema) -> pa.Array:
        return plain(self.encoded(column))

    def encoded(self, column: ColumnSchema) -> pa.Array:
        """See `ParquetRows.encoded`."""
        order = np.random.default_rng([self.seed, *column.name.encode()]).permutation(self.source.rows)
        return encoded(self.source, column).take(pa.array(order))


class SampledRows:
    """At most `limit` rows of `source`, drawn once with `seed`, in their order. chosen: their places in `source`."""

    def __init__(self, source: Rows, limit: int, seed: int) -> None:
        self.source, self.name, self.further = source, source.name, source.further
        self.rows = min(limit, source.rows)
        whole = self.rows == source.rows
        chosen = None if whole else np.sort(np.random.default_rng(seed).choice(source.rows, self.rows, replace=False))
        self.chosen: Ints = np.arange(source.rows) if chosen is None else chosen
        self._whole = whole

    def column(self, column: ColumnSchema) -> pa.Array:
        return plain(self.encoded(column))

    def encoded(self, column: ColumnSchema) -> pa.Array:
        """See `ParquetRows.encoded`."""
        array = encoded(self.source, column)
        return array if self._whole else array.take(pa.array(self.chosen))


def encoded(rows: Rows, column: ColumnSchema) -> pa.Array:
    """A column for `categories`: as codes where `rows` has them so, else as `Rows.column` gives it."""
    made: Any = getattr(rows, "encoded", rows.column)
    return made(column)


def plain(array: pa.Array) -> pa.Array:
    """`array` of values, whether or not they came as codes."""
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def numbers(column: ColumnSchema, array: pa.Array) -> Floats:
    """The values of a column of an `ORDERED` kind as floats, NaN where missing; infinities stay.

    Unit: the column's own for numbers, days for dates, microseconds for datetimes (both since 1970), seconds for times of day.
    """
    if column.kind is Kind.TIME:
        return _times(column, array)
    if pa.types.is_string(array.type):
        codes, values = categories(array)
        table = np.array([_float(v) for v in values] + [np.nan])
        return table[codes]
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    elif pa.types.is_date(array.type):
        array = array.cast(pa.int32())
    # a copy: Arrow lends its own memory, which may not be written
    return np.array(pc.fill_null(array.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False), np.float64)


def categories(array: pa.Array) -> tuple[Ints, list[Any]]:
    """Values as codes into the list of distinct values; missing is coded as the length of the list. Not every value need be there."""
    codes, values = _coded(array)
    return codes.astype(np.int64), values.to_pylist()


def _coded(array: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """As `categories`, the values still in Arrow."""
    found = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes = pc.fill_null(found.indices, len(found.dictionary)) if found.null_count else found.indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), np.int32), found.dictionary


def persons(rows: Rows, table: TableSchema) -> npt.NDArray[np.int32]:
    """Who each row is about, as codes from 0; rows without a key count as one person.

    Without a person key, or the column of working copies that stands in for one, every row is another person.
    """
    if table.person_key is not None:
        key = table.column(table.person_key)
    elif table.persons_by in rows.further:
        key = ColumnSchema(str(table.persons_by), Kind.IDENTIFIER, "string")
    else:
        return np.arange(rows.rows, dtype=np.int32)
    return _coded(rows.column(key))[0]


def persons_per_code(codes: npt.NDArray[Any], people: npt.NDArray[np.int32], size: int) -> Ints:
    """Distinct persons behind each code 0 … size − 1."""
    if not len(codes):
        return np.zeros(size, np.int64)
    width = int(people.max()) + 1
    joint = np.sort(codes.astype(np.int64) * width + people)
    first = np.concatenate(([True], joint[1:] != joint[:-1]))
    return np.bincount(joint[first] // width, minlength=size)


def _times(column: ColumnSchema, array: pa.Array) -> Floats:
    codes, values = categories(array)
    table = np.array([_seconds(v, column.format) for v in values] + [np.nan])
    return table[codes]


@lru_cache(maxsize=4096)
def _seconds(text: Any, pattern: str | None) -> float:
    for form in (pattern, "%H:%M", "%H:%M:%S"):
        if form:
            try:
                at = datetime.strptime(str(text), form)
            except ValueError:
                continue
            return at.hour * 3600.0 + at.minute * 60 + at.second + at.microsecond / 1e6
    return float("nan")


def _float(text: Any) -> float:
    try:
        return float(text)
    except (ValueError, OverflowError):
        return float("nan")
