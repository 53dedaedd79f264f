"""Reading an encoding back from JSON that anybody may have edited: types, sizes, finite numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.errors import InputError


def refused(column: str, what: str) -> InputError:
    """The error for a stored encoding that cannot be used."""
    return InputError(f'the stored encoding of column "{column}": {what}; use the file as it was saved')


def field(raw: Mapping[str, Any], name: str, kind: type | tuple[type, ...], column: str) -> Any:
    """`raw[name]`, if it is there and of that type; truth values are no numbers."""
    value = raw.get(name)
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise refused(column, f'"{name}" is missing or of the wrong type')
    if isinstance(value, float) and not math.isfinite(value):
        raise refused(column, f'"{name}" is no finite number')
    return value


def numbers(raw: Mapping[str, Any], name: str, dtype: type, column: str) -> npt.NDArray[Any]:
    """`raw[name]` as a one-dimensional array of int64 or float64, all finite."""
    values = field(raw, name, list, column)
    plain = (int,) if dtype is np.int64 else (int, float)
    if not all(isinstance(v, plain) and not isinstance(v, bool) for v in values):
        raise refused(column, f'"{name}" holds something else than numbers')
    try:
        array: npt.NDArray[Any] = np.array(values, dtype=dtype)
    except (OverflowError, ValueError):
        raise refused(column, f'"{name}" holds a number that is too large') from None
    if not np.isfinite(array).all():
        raise refused(column, f'"{name}" holds a number that is not finite')
    return array


def rising(array: npt.NDArray[Any], name: str, column: str, *, strictly: bool = True) -> None:
    """Refuses numbers that do not rise."""
    steps = array[1:] > array[:-1] if strictly else array[1:] >= array[:-1]
    if not steps.all():
        raise refused(column, f'"{name}" is not in order')


def values(raw: Mapping[str, Any], name: str, storage: str, column: str) -> list[Any]:
    """`raw[name]` as different values of that storage."""
    found = field(raw, name, list, column)
    if storage in ("int64", "float64"):
        found = numbers(raw, name, np.int64 if storage == "int64" else np.float64, column).tolist()
    elif not all(isinstance(v, bool if storage == "bool" else str) for v in found):
        raise refused(column, f'"{name}" holds values of another type')
    if len(set(found)) != len(found):
        raise refused(column, f'"{name}" holds a value twice')
    return list(found)
