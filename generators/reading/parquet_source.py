"""A Parquet file brought to the few types canonical files have, checked on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generators.atomic import write_parquet
from generators.errors import InputError
from generators.progress import Progress, silent
from generators.reading.dataset import MAX_COLUMNS, checked_names

_BATCH_ROWS = 65_536
_EXACT_DECIMALS = 15
"""Decimal digits a 64-bit float keeps exactly."""

Convert = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True)
class StagedParquet:
    """The staged file: columns c0, c1 … of canonical types; `names` are theirs; `decimals` by position where the source's type says."""

    path: Path
    names: list[str]
    rows: int
    types: list[pa.DataType]
    decimals: list[int | None]
    remarks: list[tuple[int, str]]


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet files do."""
    with open(path, "rb") as file:
        return file.read(4) in (b"PAR1", b"PARE")


def stage_parquet(
    source: Path, staged: Path, place: str, *, maximum_columns: int = MAX_COLUMNS, progress: Progress = silent
) -> StagedParquet:
    """Copy `source` to `staged` in canonical types. InputError when it is damaged, cut off, encrypted or holds nested values."""
    progress("checking the file", 0.0)
    with open(source, "rb") as file:
        if file.read(4) == b"PARE":
            raise InputError(f"{place}: the Parquet file is encrypted; decrypt it before sending it")
    try:
        reader = pq.ParquetFile(source)
    except (pa.ArrowException, OSError):
        raise InputError(f"{place}: the Parquet file is damaged or was cut off (its end is missing); send it again whole") from None
    with reader:
        fields = reader.schema_arrow
        names = checked_names(list(fields.names), place, maximum_columns)
        if not names:
            raise InputError(f"{place}: the Parquet file has no columns")
        total = reader.metadata.num_rows
        if total == 0:
            raise InputError(f"{place}: the Parquet file has columns but no record; was the export complete?")
        plans = [_plan(f, i, place) for i, f in enumerate(fields, 1)]
        schema = pa.schema([pa.field(f"c{i}", plan.type) for i, plan in enumerate(plans)])

        def converted() -> Iterator[pa.RecordBatch]:
            for batch in reader.iter_batches(batch_size=_BATCH_ROWS):
                arrays = [plan.convert(batch.column(i)) for i, plan in enumerate(plans)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

        try:
            rows = write_parquet(
                staged, schema, converted(), watch=lambda done: progress("reading records", done / total, done, total), compression="lz4"
            )
        except (pa.ArrowException, UnicodeDecodeError):
            raise InputError(f"{place}: a part of the Parquet file could not be read; it is damaged: send it again") from None
        except OSError as error:
            if error.errno is None:
                # how the reader reports pages that do not decode; a failing disk has an errno
                raise InputError(f"{place}: a part of the Parquet file could not be read; it is damaged: send it again") from None
            raise
    remarks = [(i, plan.remark) for i, plan in enumerate(plans) if plan.remark]
    return StagedParquet(staged, names, rows, [p.type for p in plans], [p.decimals for p in plans], remarks)


@dataclass(frozen=True)
class _Plan:
    type: pa.DataType
    convert: Convert
    decimals: int | None = None
    remark: str = ""


def _plan(field: pa.Field, position: int, place: str) -> _Plan:
    """How a column of the file's type becomes one of a canonical type."""
    kind = field.type
    types = pa.types
    if types.is_dictionary(kind):
        inner = _plan(pa.field(field.name, kind.value_type), position, place)
        return _Plan(inner.type, lambda a: inner.convert(a.dictionary_decode()), inner.decimals, inner.remark)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind):
        return _Plan(pa.string(), _to(pa.string()))
    if types.is_boolean(kind):
        return _Plan(kind, _same)
    if types.is_uint64(kind):
        return _Plan(pa.string(), _to(pa.string()))
    if types.is_integer(kind):
        return _Plan(pa.int64(), _to(pa.int64()))
    if types.is_floating(kind):
        return _Plan(pa.float64(), _finite)
    if types.is_decimal(kind):
        if kind.scale <= 0 and kind.precision > 18:
            return _Plan(pa.string(), _to(pa.string()))
        if kind.scale <= 0:
            return _Plan(pa.int64(), _to(pa.int64()))
        remark = (
            ""
            if kind.precision <= _EXACT_DECIMALS
            else f"decimals of {kind.precision} digits were read as numbers of about {_EXACT_DECIMALS} digits"
        )
        return _Plan(pa.float64(), _to(pa.float64()), min(kind.scale, _EXACT_DECIMALS), remark)
    if types.is_date(kind):
        return _Plan(pa.date32(), _to(pa.date32()))
    if types.is_timestamp(kind):
        remark = "datetimes with a time zone were taken to UTC" if kind.tz and kind.tz.upper() not in ("UTC", "Z", "+00:00") else ""
        return _Plan(pa.timestamp("us"), _micro, None, remark)
    if types.is_time(kind):
        return _Plan(pa.string(), _clock)
    raise InputError(
        f"{place}: column {position} holds {_words(kind)} values, which a table cannot have here; "
        "turn it into plain columns or leave it out"
    )


def _words(kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):
        return "nested (list or structure)"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "binary"
    return str(kind).split("[")[0]


def _same(array: pa.Array) -> pa.Array:
    return array


def _to(target: pa.DataType) -> Convert:
    return lambda array: array.cast(target)


def _finite(array: pa.Array) -> pa.Array:
    """Floats with NaN and infinities as missing: no canonical column holds them."""
    wide = array.cast(pa.float64())
    return pc.if_else(pc.is_finite(wide), wide, pa.scalar(None, pa.float64()))


def _micro(array: pa.Array) -> pa.Array:
    if array.type.tz:
        array = array.cast(pa.timestamp(array.type.unit))
    return array.cast(pa.timestamp("us"), safe=array.type.unit != "ns")


def _clock(array: pa.Array) -> pa.Array:
    """Times of day as HH:MM:SS text; fractions of a second are cut."""
    return pc.utf8_slice_codeunits(array.cast(pa.string()), 0, 8)
