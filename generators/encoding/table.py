"""Tables as codes and back: how each column is coded, learned from records under a disclosure policy.

What an encoding holds (vocabularies, bins, bounds) rests on the minimum of persons of the policy, or on a released summary. It holds no
value that fewer persons have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.counts.sentinels import sentinel_values
from generators.disclosure import DisclosurePolicy
from generators.encoding import binning, categories, texts
from generators.encoding.categories import Categories
from generators.encoding.clocks import ClockColumn, ticks
from generators.encoding.coded import Codes, Part
from generators.encoding.columns import MICROSECONDS, ColumnEncoding, MomentColumn, NumberColumn, moments, plain
from generators.encoding.conditions import CannotRestrict, Restriction, Wanted, unmet
from generators.encoding.derived import Derived, apply, prepare, split
from generators.encoding.people import People
from generators.encoding.released import ReleasedCategories, ReleasedSteps, Untold, released_columns
from generators.encoding.texts import Texts
from generators.errors import InputError
from generators.schema import ColumnSchema, Kind, TableSchema
from generators.summary_parts import TableSummary

FORMAT = 1
"""Version of the stored form; a reader refuses a newer one."""

_KINDS: dict[str, Callable[[Mapping[str, Any], str], ColumnEncoding]] = {
    each.kind: each.from_dict
    for each in (Categories, NumberColumn, MomentColumn, ClockColumn, Texts, ReleasedCategories, ReleasedSteps, Untold)
}


@dataclass(frozen=True, eq=False)
class TableEncoding:
    """How the columns of one table are coded, in their order; keys and identifiers have no codes.

    columns: those with codes, auxiliary ones of `generators.encoding.derived` among them; derived: those that are computed from others, in
    the order in which they can be; order: the columns of the table that `decode` gives, in the order of its schema.
    """

    table: str
    columns: tuple[ColumnEncoding, ...]
    derived: tuple[Derived, ...] = ()
    order: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableEncoding) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a coded row."""
        parts: list[Part] = []
        for column in self.columns:
            parts += column.parts(len(parts))
        return tuple(parts)

    @cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """By column: the number of its first part, and one more than that of its last."""
        found: dict[str, tuple[int, int]] = {}
        at = 0
        for column in self.columns:
            number = len(column.parts(at))
            found[column.column] = (at, at + number)
            at += number
        return found

    def encode(self, rows: pa.Table) -> Codes:
        """(rows of a canonical table, with at least the columns of `order`) → (rows, parts). The same table gives the same codes."""
        rows = prepare(self.derived, rows) if self.derived else rows
        codes = np.empty((rows.num_rows, len(self.parts)), np.int32, order="F")
        for number, column in enumerate(self.columns):
            if column.column not in rows.column_names:
                raise InputError(f'table "{self.table}" has no column "{column.column}", which the encoding needs')
            first, _ = self.places[column.column]
            try:
                parts = column.encode(rows.column(column.column), np.random.default_rng([number, 5]))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise unfit(self.table, column.column) from None
            for offset, part in enumerate(parts):
                codes[:, first + offset] = part
        return codes

    def decode(
        self,
        codes: Codes,
        rng: np.random.Generator,
        within: Mapping[str, tuple[float, float]] | None = None,
        fixed: Mapping[str, pa.Array] | None = None,
    ) -> pa.Table:
        """(rows, parts) → the columns of `order` as canonical Arrow; text is dictionary-encoded.

        within: by column the least and the most that values drawn from a bin may be (numbers; microseconds since 1970; ticks of the clock).
        fixed: columns whose values are known: they stand in place of what would be decoded, before derived columns are computed.
        """
        arrays = {}
        for column in self.columns:
            if fixed and column.column in fixed:
                arrays[column.column] = fixed[column.column]
                continue
            first, last = self.places[column.column]
            arrays[column.column] = column.decode(codes[:, first:last], rng, (within or {}).get(column.column))
        made = pa.table(arrays)
        return apply(self.derived, made).select(list(self.order)) if self.derived else made

    def restrictions(self, conditions: Mapping[str, str]) -> dict[str, Restriction]:
        """What conditions leave of the columns, by column. conditions: by column, as typed: ``F|M``, ``65..80``, nothing for missing.

        InputError where a column has no codes, a value is not in its vocabulary, or no row can meet the condition; `CannotRestrict` for
        columns that are worked out from others.
        """
        columns = {c.column: c for c in self.columns}
        found = {}
        computed = {d.column for d in self.derived}
        for name, typed in conditions.items():
            if name in computed:
                raise CannotRestrict(f'column "{name}" of table "{self.table}" is worked out from other columns')
            if name not in columns or name not in self.order:
                raise InputError(
                    f'there is no column "{name}" to set a condition on in table "{self.table}"; there are: {", ".join(self.order)}'
                )
            found[name] = columns[name].restricted(Wanted.parse(typed))
            if not found[name].codes.any():
                raise unmet(name, typed, "no row can meet it")
        return found

    def allowed(self, conditions: Mapping[str, str]) -> dict[int, npt.NDArray[np.bool_]]:
        """By number of the first part of each column: the codes that may meet its condition; see `restrictions`.

        Where a restriction is not `exact`, rows of a bin at its edge may miss it: rows that do are to be drawn again.
        """
        return {self.places[name][0]: each.codes for name, each in self.restrictions(conditions).items()}

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        columns = [{"column": c.column, "kind": c.kind, **c.as_dict()} for c in self.columns]
        derived = [d.as_dict() for d in self.derived]
        return {"format": FORMAT, "table": self.table, "columns": columns, "derived": derived, "order": list(self.order)}

    @staticmethod
    def from_dict(raw: Any) -> TableEncoding:
        """What `as_dict` gave; InputError for a newer format and for anything that does not fit together."""
        lists = ("columns", "derived", "order")
        if not isinstance(raw, Mapping) or not all(isinstance(raw.get(name), list) for name in lists):
            raise InputError(
                'a stored encoding must be an object with the lists "columns", "derived", "order"; use the file as it was saved'
            )
        if raw.get("format") != FORMAT:
            raise InputError(f"the stored encoding has format {raw.get('format')!r}; this program reads format {FORMAT}")
        columns: list[ColumnEncoding] = []
        for each in raw["columns"]:
            if not isinstance(each, Mapping) or not isinstance(each.get("column"), str) or each.get("kind") not in _KINDS:
                raise InputError("a column of the stored encoding lacks its name or kind; use the file as it was saved")
            columns.append(_KINDS[each["kind"]](each, each["column"]))
        if len({c.column for c in columns}) != len(columns):
            raise InputError("the stored encoding names a column twice; use the file as it was saved")
        derived = tuple(Derived.from_dict(each) for each in raw["derived"])
        there = {*(c.column for c in columns), *(d.column for d in derived)} - {name for d in derived for name in d.auxiliaries}
        if sorted(raw["order"], key=str) != sorted(there) or not all(set(d.inputs) <= there for d in derived):
            raise InputError('"order" of the stored encoding does not fit its columns; use the file as it was saved')
        return TableEncoding(str(raw.get("table", "")), tuple(columns), derived, tuple(raw["order"]))


def learn(
    rows: pa.Table,
    table: TableSchema,
    policy: DisclosurePolicy,
    persons: npt.NDArray[Any],
    *,
    leave_out: Collection[str] = (),
    apart: Collection[frozenset[str]] = (),
) -> TableEncoding:
    """How to code `rows`, a canonical table. persons: (rows,) the number of each row's person; leave_out: columns to leave out; apart:
    pairs of columns none of which is computed from the other.

    Keys, identifiers and columns the table lacks are left out by themselves. InputError where there are no rows.
    """
    if not rows.num_rows:
        raise InputError(f'table "{table.name}" has no rows to learn from')
    wanted = coded_columns(table, rows.column_names, leave_out)
    order = tuple(c.name for c in wanted)
    for column in wanted:
        kind = rows.schema.field(column.name).type
        if not pa.types.is_null(kind) and _text(kind) != (column.storage == "string"):
            raise unfit(table.name, column.name)
    whole, who = replace(table, columns=tuple(wanted)), np.asarray(persons, np.int64)
    left, reduced, derived = split(rows.select(list(order)), whole, policy, who, apart=apart)
    people = People(persons)
    columns = tuple(_learned(left.column(c.name), c, table.name, people, policy) for c in reduced.columns)
    return TableEncoding(table.name, columns, derived, order)


def from_summary(summary: TableSummary, table: TableSchema, *, leave_out: Collection[str] = ()) -> TableEncoding:
    """How to code a table of which only a released summary is known (`generators.encoding.released`): no record is looked at."""
    names = [c.name for c in coded_columns(table, table.names, leave_out)]
    return TableEncoding(table.name, tuple(released_columns(summary, table, names)), (), tuple(names))


def coded_columns(table: TableSchema, there: Collection[str], leave_out: Collection[str] = ()) -> list[ColumnSchema]:
    """The columns of a table that are coded: those `there`, without keys, identifiers and what is left out."""
    issued = {table.person_key, *table.primary_key, *(name for key in table.foreign_keys for name in key.columns), *leave_out}
    return [c for c in table.columns if c.name in there and c.name not in issued and c.kind is not Kind.IDENTIFIER]


def _text(kind: pa.DataType) -> bool:
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(held) or pa.types.is_large_string(held))


def unfit(table: str, column: str) -> InputError:
    """The error for a column that is not stored as its schema says; its values are not told."""
    return InputError(f'table "{table}", column "{column}": it does not hold what the schema says; bring the table to the schema first')


def _learned(array: pa.ChunkedArray, column: ColumnSchema, table: str, people: People, policy: DisclosurePolicy) -> ColumnEncoding:
    own = sentinel_values(column, table)
    if column.kind in (Kind.INTEGER, Kind.REAL) and column.storage in ("int64", "float64"):
        values, null = plain(array, column.storage)
        sentinels = None if own is None else plain(own, column.storage)[0]
        coded = binning.learn(values, null, people, policy, column=column.name, decimals=column.decimals, sentinels=sentinels)
        return NumberColumn(column.name, column.storage, coded)
    if column.storage in ("date32", "timestamp[us]"):
        values, null = moments(array)
        days = np.floor_divide(values, MICROSECONDS)
        sentinels = None if own is None else np.floor_divide(moments(own)[0], MICROSECONDS)
        coded = binning.learn(days, null, people, policy, column=column.name, sentinels=sentinels, placeholder=10_957)
        there = np.ones(len(values), np.bool_) if null is None else ~null
        clock = (values - days * MICROSECONDS)[there]
        whose = people.of(there)
        # what fewer than the minimum of persons have (a second among minutes) does not show in the unit either
        unit = next((u for u in (MICROSECONDS, 60_000_000, 1_000_000, 1_000) if whose.of(clock % u != 0).count < policy.minimum), 1)
        if unit == MICROSECONDS:
            return MomentColumn(column.name, column.storage, coded, None, unit)
        times = binning.learn(clock // unit, None, whose, policy, column=column.name)
        return MomentColumn(column.name, column.storage, coded, times, unit)
    if column.kind is Kind.TIME and column.storage == "string":
        pattern = column.format or "%H:%M"
        values, null = ticks(array, pattern)
        return ClockColumn(column.name, pattern, binning.learn(values, null, people, policy, column=column.name))
    if column.kind is Kind.FREE_TEXT and column.storage == "string":
        return texts.learn(array, column.name, people, policy, nullable=column.nullable)
    return categories.learn(array, column, people, policy)
