"""Limits that a sample of rows suggests: a number that never lies beyond a threshold where a column has certain values, or beyond another.

A threshold is told only where enough persons have that very number (the boundary of a rule is crowded, the end of a tail is not), and where
rows beyond it would be expected if the columns had nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.rules.language import literal, name
from generators.rules.proposals import Proposal
from generators.rules.values import values_of
from generators.schema import ColumnSchema, Kind, Role, TableSchema

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

EXPECTED = 20.0
"""Rows that would lie beyond the threshold by chance, at least."""

EACH = 5.0
"""… of each value the rule speaks of."""

CROWDED = 0.25
"""Share of the rows expected at the very threshold that must be there."""

EDGE = 0.05
"""Share of the rows one below the largest difference that must have it."""

BEYOND = 0.002
"""Share of rows in which one number would be beyond the other if they had nothing to do with each other, at least."""

SMALL = 40
"""Most values of a column that thresholds may hang on."""

MOST = 40
"""Most limits of one number by another that are looked at."""


def limits(rows: pa.Table, table: TableSchema, least: int) -> list[Proposal]:
    """What `rows` (canonical Arrow, a sample) suggest. least: fewest persons a threshold may be about."""
    usable = [c for c in table.columns if c.name != table.person_key and c.role is not Role.DIRECT_IDENTIFIER and not c.unique]
    numbers = [c for c in usable if c.kind in (Kind.INTEGER, Kind.REAL) and not c.sentinels and c.storage in ("int64", "float64")]
    read = {c.name: _numbers(rows, c) for c in numbers}
    numbers = [c for c in numbers if np.isfinite(read[c.name]).sum() >= 4 * least]
    found: list[Proposal] = []
    for column in usable:
        states = _states(rows, column)
        for number in numbers if states else ():
            if number.name != column.name:
                found += [*_thresholds(read[number.name], number, column, states, least, below=True)]
                found += [*_thresholds(read[number.name], number, column, states, least, below=False)]
    return [*found, *_between(read, numbers, least)]


def _numbers(rows: pa.Table, column: ColumnSchema) -> Floats:
    value = values_of(rows[column.name], column)
    return np.where(value.valid, value.data, np.nan).astype(np.float64)


def _states(rows: pa.Table, column: ColumnSchema) -> list[tuple[str | None, npt.NDArray[np.bool_]]]:
    """Of a column with few values each of them, as a rule writes it; of another whether it is there (None)."""
    array = rows[column.name].combine_chunks()
    if column.kind in (Kind.CATEGORICAL, Kind.BOOLEAN):
        coded = pc.dictionary_encode(array)
        if len(coded.dictionary) <= SMALL:
            codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
            return [(literal(v), codes == n) for n, v in enumerate(coded.dictionary.to_pylist())]
    there = np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False), dtype=np.bool_)
    return [(None, there)] if not there.all() else []


def _thresholds(
    values: Floats,
    number: ColumnSchema,
    column: ColumnSchema,
    states: list[tuple[str | None, npt.NDArray[np.bool_]]],
    least: int,
    *,
    below: bool,
) -> Iterator[Proposal]:
    """Where `column` has some values (or any) the number is never below (above) a threshold, which it is elsewhere."""
    known = np.isfinite(values)
    ends: list[tuple[float, str | None, int]] = []
    for text, here in states:
        mine = values[here & known]
        if len(mine) >= least:
            ends.append((float(mine.min() if below else mine.max()), text, len(mine)))
    everything = values[known]
    for threshold in sorted({end for end, _, _ in ends}):
        beyond = float((everything < threshold).mean() if below else (everything > threshold).mean())
        some = [e for e in ends if (e[0] >= threshold if below else e[0] <= threshold) and e[2] * beyond >= EACH]
        count = sum(e[2] for e in some)
        if not some or count * beyond < EXPECTED:
            continue
        names = {e[1] for e in some}
        here = np.logical_or.reduce([rows for text, rows in states if text in names])
        at = int((here & (values == threshold)).sum())
        if at < least or at < CROWDED * count * float((everything == threshold).mean()):
            continue
        written = literal(int(threshold) if threshold == int(threshold) else threshold)
        signs = (">=", "<") if below else ("<=", ">")
        number_name, cause = name(number.name), _written(column, [e[1] for e in some])
        yield Proposal(
            f"{cause} implies {number_name} {signs[0]} {written}",
            f"where {cause}, {number.name} is never {'below' if below else 'above'} {written}",
            (f"{cause} and {number_name} = {written}", f"{number_name} {signs[1]} {written}"),
        )


def _written(column: ColumnSchema, values: list[str | None]) -> str:
    if values == [None]:
        return f"{name(column.name)} is not null"
    return f"{name(column.name)} = {values[0]}" if len(values) == 1 else f"{name(column.name)} in ({', '.join(str(v) for v in values)})"


def _between(read: dict[str, Floats], numbers: list[ColumnSchema], least: int) -> Iterator[Proposal]:
    """One whole number never more than so much above another."""
    whole = [c.name for c in numbers if c.kind is Kind.INTEGER]
    pairs: list[tuple[float, str, str, int]] = []
    for a, b in permutations(whole, 2):
        both = np.isfinite(read[a]) & np.isfinite(read[b])
        if both.sum() < 4 * least:
            continue
        x, y = read[a][both], read[b][both]
        gap = x - y
        most = float(gap.max())
        if most > 0 and (gap == most).sum() < max(least, EDGE * (gap == most - 1).sum()):
            continue
        most = max(most, 0.0)
        beyond = float((x - np.roll(y, len(y) // 2 + 1) > most).mean())
        if beyond >= BEYOND and beyond * len(x) >= EXPECTED and (gap < most).mean() >= 0.05 and (most == 0 or (gap == most).sum() >= least):
            pairs.append((beyond, a, b, int(most)))
    for _, first, second, most in sorted(pairs, reverse=True)[:MOST]:
        mine, other = name(first), name(second) if not most else f"{name(second)} + {most}"
        support = f"{mine} = {other}" if most else f"{mine} < {other}"
        yield Proposal(f"{mine} <= {other}", f"{first} is never more than {second}" + (f" and {most}" if most else ""), (support,))
