"""Columns that another column's value, or the range it lies in, determines; suggested by a sample of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.encoding.derived import Derived
from generators.encoding.derived_search import Columns, Equation, Function
from generators.schema import Kind

Ints = npt.NDArray[np.int64]

MOST_VALUES = 5_000
"""Most different values of a column that determines another."""

MOST_BANDS = 24
"""Most ranges of a number that determine another column."""

RARE = 0.05
"""Largest share of rows whose value is one of too few persons for the map to tell what follows from it."""


def equations(columns: Columns, chosen: Mapping[str, Derived], wanted: frozenset[str] | None = None) -> Iterator[Equation]:
    """What the sample suggests, ranges first. wanted: only these columns are looked for."""
    targets = [
        n for n in columns.schemas if n not in chosen and (wanted is None or n in wanted) and 1 < columns.distinct[n] + _missing(columns, n)
    ]
    targets = [n for n in targets if columns.what(n) in ("number", "text", "truth")]
    for target in sorted(targets, key=lambda n: columns.distinct[n]):
        yield from _one(columns, target)


def _missing(columns: Columns, name: str) -> bool:
    return bool((columns.sample.codes(name)[0] < 0).any())


def _one(columns: Columns, target: str) -> Iterator[Equation]:
    """The functions that give `target`, those by few constants first."""
    found: list[tuple[int, Function]] = []
    for source in columns.schemas:
        if source == target or columns.distinct[source] < 2:
            continue
        kind = columns.schemas[source].kind
        ranged = columns.what(source) in ("number", "moment", "duration") and kind is not Kind.CATEGORICAL
        if ranged and columns.distinct[source] > 8 and columns.distinct[target] <= MOST_BANDS:
            bands = _bands(columns, source, target)
            if bands is not None:
                found.append((len(bands.facts["cuts"]), bands))
                continue
        if (
            columns.what(source) in ("number", "text", "truth")
            and kind is not Kind.REAL
            and columns.distinct[target] <= columns.distinct[source]
        ):
            pairs = _pairs(columns, source, target)
            if pairs is not None:
                found.append((len(pairs.facts["pairs"]), pairs))
    for size, function in sorted(found, key=lambda f: (f[0], f[1].inputs)):
        yield (Function(function.target, function.inputs, function.form, function.facts, weight=float(size)),)


def _cells(values: pa.Array) -> list[Any]:
    return list(values.to_pylist())


def _worth(codes: Ints, constants: int) -> bool:
    """Whether so many constants tell more than they cost: Bayesian information criterion, and by a wide margin."""
    counts = np.bincount(codes + 1).astype(np.float64)
    shares = counts[counts > 0] / len(codes)
    return float(-(shares * np.log(shares)).sum()) * len(codes) > 2 * constants * math.log(len(codes)) + 20


def _bands(columns: Columns, source: str, target: str) -> Function | None:
    """One value for each range of `source`."""
    if _sorted_runs(columns.sample, source, target) is None:
        return None
    runs = _sorted_runs(columns, source, target)
    if runs is None:
        return None
    starts, ordered, there, missing = runs
    values = _cells(columns.codes(target)[1])
    facts_values = [None if there[s] < 0 else values[int(there[s])] for s in starts]
    cuts = []
    for start in starts[1:]:
        cut = _cut(columns, source, ordered[start - 1], ordered[start])
        if cut is None:
            return None
        cuts.append(cut)
    if not cuts and missing is None:
        return None
    codes, _ = columns.codes(target)
    if not _worth(codes, len(cuts) + 1) or not _enough_each(columns, starts, there):
        return None
    empty = None if missing is None or missing < 0 else values[missing]
    return Function(target, (source,), "bands", {"cuts": cuts, "values": facts_values, "missing": empty})


def _sorted_runs(columns: Columns, source: str, target: str) -> tuple[Ints, Any, Ints, int | None] | None:
    """(where runs of one value of `target` begin, sorted values of `source`, the target's codes in that order, code where it is missing).

    None where the target is no function of ranges of the source.
    """
    value = columns.value(source)
    codes, _ = columns.codes(target)
    missing: int | None = None
    if not value.valid.all():
        left = np.unique(codes[~value.valid])
        if len(left) > 1:
            return None
        missing = int(left[0])
    places = np.flatnonzero(value.valid)
    if len(places) < 20:
        return None
    places = places[np.argsort(value.data[places], kind="stable")]
    ordered, there = value.data[places], codes[places]
    changes = np.flatnonzero(there[1:] != there[:-1]) + 1
    if len(changes) >= MOST_BANDS or (ordered[changes] == ordered[changes - 1]).any():
        return None
    return np.concatenate(([0], changes)), ordered, there, missing


def _enough_each(columns: Columns, starts: Ints, there: Ints) -> bool:
    ends = np.append(starts[1:], len(there))
    return bool((ends - starts >= 2 * columns.policy.minimum).all())


def _cut(columns: Columns, source: str, below: Any, above: Any) -> float | int | None:
    """A number above `below` and at most `above` that tells of no single person; None where there is none.

    Either of two neighbours on a grid that enough persons have, or a round number between.
    """
    value = columns.value(source)
    whole = columns.schemas[source].kind in (Kind.INTEGER, Kind.DATE, Kind.DATETIME, Kind.TIME)
    if columns.enough(value.valid & (value.data == above)):
        return int(above) if whole else float(above)
    if whole and columns.enough(value.valid & (value.data == below)):
        step = 1 if columns.schemas[source].kind is Kind.INTEGER else 1_000_000
        return int(below) + step if int(below) + step <= int(above) else None
    low, high = float(below), float(above)
    size = max(abs(low), abs(high), 1e-12)
    for digits in range(1, 4):
        step_size = 10.0 ** (math.floor(math.log10(size)) + 1 - digits)
        cut = math.floor(high / step_size) * step_size
        if low < cut <= high:
            return round(cut) if whole else float(f"{cut:.12g}")
    return None


def _pairs(columns: Columns, source: str, target: str) -> Function | None:
    """One value of `target` for each value of `source`."""
    if _determined(columns.sample, source, target) is None:
        return None
    codes, values = columns.codes(source)
    if len(values) > MOST_VALUES:
        return None
    follows = _determined(columns, source, target)
    there, their_values = columns.codes(target)
    if follows is None:
        return None
    enough = columns.shares_enough(codes, len(values)) & (follows[1:] > -2)
    kept = np.flatnonzero(enough)
    rare = (codes >= 0) & ~enough[np.maximum(codes, 0)]
    if len(kept) < 1 or rare.mean() > RARE or not _worth(there, len(kept) + 1):
        return None
    keys, cells = _cells(values), _cells(their_values)
    empty_rows = codes < 0
    empty = cells[int(follows[0])] if follows[0] >= 0 and columns.enough(empty_rows) else None
    told = [[keys[n], None if follows[n + 1] < 0 else cells[int(follows[n + 1])]] for n in kept]
    often = [None if f < 0 else cells[int(f)] for f in follows[1:][kept]]
    other = max(dict.fromkeys(often), key=lambda v: sum(int((codes == k).sum()) for k, o in zip(kept, often, strict=True) if o == v))
    if columns.what(source) == "number" and columns.schemas[source].kind is Kind.INTEGER and rare.any():
        return None
    return Function(target, (source,), "map", {"pairs": told, "missing": empty, "other": other})


def _determined(columns: Columns, source: str, target: str) -> Ints | None:
    """By code of the source (missing first) the code of the target (−1 missing, −2 none seen); None where there are two."""
    codes, values = columns.codes(source)
    there, _ = columns.codes(target)
    follows = np.full(len(values) + 1, -2, dtype=np.int64)
    follows[codes + 1] = there
    return follows if bool((follows[codes + 1] == there).all()) else None
