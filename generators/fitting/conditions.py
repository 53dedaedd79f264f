"""What the rows that are made must meet: conditions on columns, shares of values (balance), groups made more frequent (oversampling).

They are part of the mechanism: every process that makes rows reads them there. Rows are drawn from the model's distribution *given* the
conditions. Where the conditioned columns come first in the model (`Controls.first`) they are drawn first, from what the model says of them
together, and nothing is thrown away; elsewhere rows that miss a condition are drawn again. Either way the distribution is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding.categories import spelled
from generators.encoding.columns import first_moment, last_moment
from generators.encoding.conditions import CannotRestrict, Wanted, spans, unmet
from generators.encoding.table import TableEncoding
from generators.errors import InputError
from generators.fitting.controls import column_named, keys_of
from generators.rules.values import values_of
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MOST_TIMES = 1000.0
"""Most that a group can be oversampled."""
MOST_GROUPS = 1000
"""Combinations of balanced values, at most."""

_MARKS = {"given": "given ", "balance": "balance ", "oversample": "oversample "}
"""What the parameters of a mechanism that say this begin with, before the column."""


@dataclass(frozen=True)
class Conditions:
    """By column ("column" or "table.column") what was typed.

    given: ``F``, ``F|M``, ``65..80``, nothing for missing. balance: the shares wanted of values, ``yes:50|no:50`` (any weights).
    oversample: how many times as frequent rows with a value are to be beside the others, ``Bangladeshi:5``.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    balance: Mapping[str, str] = field(default_factory=dict)
    oversample: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.given or self.balance or self.oversample)

    def parameters(self) -> dict[str, str]:
        """For the mechanism: readable, and read back by `of`."""
        return {f"{mark}{name}": typed for what, mark in _MARKS.items() for name, typed in sorted(getattr(self, what).items())}

    @staticmethod
    def of(parameters: Mapping[str, str]) -> Conditions:
        """What the parameters of a mechanism say."""
        said = {
            what: {name.removeprefix(mark): typed for name, typed in parameters.items() if name.startswith(mark)}
            for what, mark in _MARKS.items()
        }
        return Conditions(**said)

    def sentences(self) -> tuple[str, ...]:
        """In words, for people who read the mechanism."""
        told = [f"only rows with {name} = {typed or 'missing'} were made" for name, typed in sorted(self.given.items())]
        told += [f"rows were drawn with {name} balanced: {', '.join(typed.split('|'))}" for name, typed in sorted(self.balance.items())]
        return (*told, *(f"rows with {name} {typed} times as frequent as learned" for name, typed in sorted(self.oversample.items())))

    def check(self, schema: DatasetSchema) -> None:
        """InputError names what can be seen to be wrong from the schema alone: a column there is not, a key, what is not written as it must
        be for a column of its kind, a column both conditioned and balanced. Whether any row can meet it, only the model can tell.
        """
        for name, parts in self._by_table(schema).items():
            table = schema.table(name)
            for column, typed in parts.get("given", {}).items():
                _checked(table.column(column), typed)
            combined = 1
            for column, typed in parts.get("balance", {}).items():
                _not_given(column, parts.get("given", {}))
                weights = _weights(column, typed)
                combined *= len(weights)
                for what, _ in weights:
                    _checked(table.column(column), what)
            if combined > MOST_GROUPS:
                raise InputError(f'table "{name}": {combined:,} combinations of balanced values; at most {MOST_GROUPS:,} can be')
            for column, typed in parts.get("oversample", {}).items():
                for what, weight in _weights(column, typed):
                    _not_too_often(column, weight)
                    _checked(table.column(column), what)

    def tables(self, schema: DatasetSchema, encodings: Mapping[str, TableEncoding]) -> dict[str, TableConditions]:
        """By table what its rows must meet, checked: InputError names a column there is not or a condition no row can meet."""
        self.check(schema)
        parts = self._by_table(schema)
        if lacking := [name for name in parts if name not in encodings]:
            raise InputError(f'a condition on table "{lacking[0]}" cannot be kept: the table was not learned')
        return {
            name: TableConditions.made(schema.table(name), encodings[name], **{w: each.get(w, {}) for w in _MARKS})
            for name, each in parts.items()
        }

    def _by_table(self, schema: DatasetSchema) -> dict[str, dict[str, dict[str, str]]]:
        """Table → what is asked ("given" and the others) → column → what was typed."""
        parts: dict[str, dict[str, dict[str, str]]] = {}
        for what in _MARKS:
            for named, typed in getattr(self, what).items():
                table, column = column_named(named, schema)
                if column in keys_of(table):
                    raise InputError(f'a condition on "{named}" cannot be kept: it is a key, which is issued anew')
                parts.setdefault(table.name, {}).setdefault(what, {})[column] = typed
        return parts


@dataclass(frozen=True)
class TableConditions:
    """What the rows of one table must meet. groups: of each its share of the rows and its conditions by column (one group without balance).

    masks: by group, of those columns that have codes: for each code of the column's first part whether a row of it may meet the condition.
    times: (column, typed, how many times as frequent).
    """

    table: TableSchema
    shares: tuple[float, ...]
    groups: tuple[Mapping[str, Wanted], ...]
    masks: tuple[Mapping[int, Bools], ...]
    times: tuple[tuple[str, Wanted, float], ...] = ()

    @staticmethod
    def made(
        table: TableSchema, encoding: TableEncoding, given: Mapping[str, str], balance: Mapping[str, str], oversample: Mapping[str, str]
    ) -> TableConditions:
        """See `Conditions.tables`."""
        weighted = [[(name, what, weight) for what, weight in _weights(name, typed)] for name, typed in balance.items()]
        shares, groups, masks = [], [], []
        for chosen in product(*weighted):
            share = float(np.prod([weight for _, _, weight in chosen]))
            typed = dict(given)
            for name, what, _ in chosen:
                _not_given(name, given)
                typed[name] = what
            shares.append(share)
            groups.append({name: _checked(table.column(name), what) for name, what in typed.items()})
            masks.append(_masks(encoding, typed))
        total = sum(shares)
        times = []
        for name, typed_times in oversample.items():
            for what, weight in _weights(name, typed_times):
                _not_too_often(name, weight)
                _masks(encoding, {name: what})
                times.append((name, _checked(table.column(name), what), weight))
        return TableConditions(table, tuple(s / total for s in shares), tuple(groups), tuple(masks), tuple(times))

    def drawn_groups(self, rows: int, rng: np.random.Generator) -> Ints:
        """(rows,) the group of each row: as many of each as its share says, within one row, in any order."""
        if len(self.shares) == 1:
            return np.zeros(rows, dtype=np.int64)
        exact = np.asarray(self.shares) * rows
        counts = np.floor(exact).astype(np.int64)
        left = rows - int(counts.sum())
        # Who gets the rows that are left over is drawn, so that the shares hold over many partitions too.
        rest = exact - counts
        if left:
            counts[rng.choice(len(counts), left, replace=False, p=rest / rest.sum())] += 1
        return rng.permutation(np.repeat(np.arange(len(counts)), counts))

    def missed(self, rows: pa.Table, groups: Ints) -> Bools:
        """(rows,) whether a row misses a condition of its group, on columns that `rows` has."""
        missed = np.zeros(rows.num_rows, dtype=np.bool_)
        for number, wanted in enumerate(self.groups):
            mine = groups == number
            if not mine.any():
                continue
            for name, what in wanted.items():
                if name in rows.column_names:
                    missed |= mine & ~meets(rows[name], self.table.column(name), what)
        return missed

    def declined(self, rows: pa.Table, rng: np.random.Generator) -> Bools:
        """(rows,) whether a row is given up for one of a group that is to be more frequent."""
        if not self.times:
            return np.zeros(rows.num_rows, dtype=np.bool_)
        weights, most = np.ones(rows.num_rows), 1.0
        for name in dict.fromkeys(n for n, _, _ in self.times):
            factor, of_column = np.ones(rows.num_rows), [1.0]
            for other, wanted, times in self.times:
                if other == name:
                    factor[meets(rows[name], self.table.column(name), wanted)] = times
                    of_column.append(times)
            weights *= factor
            most *= max(of_column)
        return np.asarray(rng.random(rows.num_rows) >= weights / most, dtype=np.bool_)


def meets(values: pa.ChunkedArray, column: ColumnSchema, wanted: Wanted) -> Bools:
    """(rows,) whether a value of a canonical column is among those wanted."""
    value = values_of(values, column)
    if value.what in ("text", "truth"):
        array = value.data if value.what == "text" else pa.array(value.data)
        coded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
        fits = np.asarray([spelled(v) in wanted.values for v in coded.dictionary.to_pylist()] + [False], dtype=np.bool_)
        codes = pc.fill_null(coded.indices, len(fits) - 1).to_numpy(zero_copy_only=False)
        found = fits[codes] & value.valid
    else:
        found = np.zeros(len(value.valid), dtype=np.bool_)
        for low, high in _spans(column, wanted):
            found |= (value.data >= low) & (value.data <= high)
        found &= value.valid
    return np.asarray(found | ~value.valid if wanted.missing else found, dtype=np.bool_)


def _spans(column: ColumnSchema, wanted: Wanted) -> list[tuple[float, float]]:
    if column.kind in (Kind.DATE, Kind.DATETIME):
        return spans(wanted, column.name, first_moment, last_moment)
    if column.kind is Kind.TIME:
        return spans(wanted, column.name, lambda word: _time(word, column), lambda word: _time(word, column))
    return spans(wanted, column.name, float, float)


def _time(word: str, column: ColumnSchema) -> float:
    value = values_of(pa.chunked_array([pa.array([word])]), column)
    if not value.valid[0]:
        raise ValueError
    return float(value.data[0])


def _checked(column: ColumnSchema, typed: str) -> Wanted:
    """The condition, if it can be read for a column of this kind."""
    wanted = Wanted.parse(typed)
    if column.storage in ("int64", "float64", "date32", "timestamp[us]") or column.kind is Kind.TIME:
        _spans(column, wanted)
    elif wanted.ranges:
        raise unmet(column.name, typed, "a range needs a column of numbers, dates or times")
    return wanted


def _not_given(name: str, given: Mapping[str, str]) -> None:
    if name in given:
        raise InputError(f'"{name}" has a condition already; a column is either conditioned or balanced')


def _not_too_often(name: str, times: float) -> None:
    if times > MOST_TIMES:
        raise InputError(f'rows of a value of "{name}" can be at most {MOST_TIMES:g} times as frequent')


def _masks(encoding: TableEncoding, typed: Mapping[str, str]) -> dict[int, Bools]:
    """By number of the first part of a column its codes that may meet the condition; not of columns computed from others."""
    found: dict[int, Bools] = {}
    for name, what in typed.items():
        try:
            found |= encoding.allowed({name: what})
        except CannotRestrict:
            continue
    return found


def _weights(name: str, typed: str) -> list[tuple[str, float]]:
    """``yes:50|no:50`` → values and weights; InputError shows the form."""
    found: list[tuple[str, float]] = []
    for piece in typed.split("|"):
        what, colon, number = piece.rpartition(":")
        try:
            weight: Any = float(number)
        except ValueError:
            weight = float("nan")
        if not colon or not 0 < weight < float("inf"):
            raise InputError(f'"{name}": write each value and a number more than 0, such as yes:50|no:50')
        found.append((what.strip(), weight))
    return found
