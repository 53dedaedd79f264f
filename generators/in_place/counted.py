"""A table of a place as `generators.counts.counting.Counted`: the counts a canonical file of it would give, made where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ibis  # type: ignore[import-untyped]
import ibis.expr.types as ir  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa

from generators.counts.axes import Classes, cells_of
from generators.counts.column_codes import HOURS, periods_from
from generators.counts.counting import Counted, CountedColumn, Crowd
from generators.counts.grouped import Grouped
from generators.counts.person_counts import Groups, Persons, grouped, narrowest
from generators.counts.sentinels import sentinel_values
from generators.engine import ARROW_TYPES
from generators.errors import InputError
from generators.in_place.classes import class_on
from generators.in_place.groups import PlaceGroups, grouped_in_place, named, numbered
from generators.in_place.numbers import Numbers, numbers_of
from generators.in_place.relation import PERSON, VALUE, Relation, integers, whole_sum
from generators.in_place.views import Source
from generators.schema import ColumnSchema, ForeignKey, Kind, TableSchema
from generators.summarising.dominance import EXACT, LARGEST, Contributions
from generators.summary_parts import OTHER

MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Facts:
    """Of a column, sentinels aside. present: rows that have a value; low, high: of numbers (of dates: their periods), None without any."""

    present: int
    low: Any = None
    high: Any = None


class PlaceTable:
    """`least`: of values that fewer persons have only the figures travel, not the values, where nothing needs them."""

    def __init__(self, source: Source, name: str, least: int) -> None:
        self.source, self.least = source, least
        self.raw: TableSchema = source.schema.table(name)
        self.schema: TableSchema = source.schema.deidentified().table(name)
        self._facts: dict[tuple[str, str], Facts] = {}
        self._checked = False

    @property
    def everyone(self) -> Crowd:
        each, persons = self._rows_of_persons
        return Crowd(int(persons.sum()), int((each * persons).sum()), int(each.max(initial=0)))

    @cached_property
    def _rows_of_persons(self) -> tuple[Any, Any]:
        """(numbers of rows, how many persons have so many)."""
        relation = self.source.relation(self.raw, (), most=2)
        if not relation.persons:
            (rows,) = integers(relation.answer(relation.rows.agg(rows=relation.rows.count())), "rows")
            return np.array([1]), np.array([rows])
        each = relation.rows.group_by(PERSON).agg(n=relation.rows.count())
        told = each.mutate(nobody=each[PERSON].isnull())
        found = relation.answer(told.group_by(["n", "nobody"]).agg(persons=told.count()).order_by("n"))
        nobody = np.asarray(found["nobody"].to_numpy(zero_copy_only=False), dtype=np.bool_)
        rows, persons = integers(found, "n"), integers(found, "persons")
        if nobody.any():
            self._no_person(int(rows[nobody].sum()))
        return rows, persons

    def _no_person(self, rows: int) -> None:
        if self.raw.person_key:
            what = f'the person key "{self.raw.person_key}" is missing in {rows:,} rows; choose another person key, or mend the data'
        else:
            what = f"{rows:,} rows reach no person through the foreign keys; mend the data, or correct the keys of the schema"
        raise InputError(f'table "{self.raw.name}": {what}')

    @property
    def most(self) -> int:
        return self.everyone.largest

    def column(self, column: ColumnSchema, date_unit: str) -> CountedColumn:
        relation, value = self._valued(column)
        facts = self.facts(column, date_unit)
        found = self._grouped(relation, value, column, date_unit, facts)
        missing, sentinels = self._absent(column, facts)
        return replace(found, missing=missing, sentinels=sentinels)

    def _grouped(self, relation: Relation, value: ir.Value, column: ColumnSchema, date_unit: str, facts: Facts) -> CountedColumn:
        what = f', column "{column.name}"'
        present = relation.where(value.notnull())
        if column.kind is Kind.TIME:
            return CountedColumn(grouped_in_place(present.valued(_hour_of_text(value)), what), None, labels=HOURS, unit="hour")
        if column.kind in (Kind.DATE, Kind.DATETIME):
            groups = self._shifted(present.valued(_period(value, date_unit)), facts.low or 0, what)
            hours = None
            if column.kind is Kind.DATETIME:
                hour = value.hour().cast("int64") if column.storage != "date32" else ibis.literal(0, "int64")
                hours = grouped_in_place(present.valued(hour), what)
            return CountedColumn(groups, None, edges=periods_from(facts.low or 0, date_unit), unit=date_unit, hours=hours)
        if column.kind in (Kind.INTEGER, Kind.REAL):
            return self._numbers(present, value, column, facts, what)
        return self._categories(present, value, column, what)

    def _shifted(self, relation: Relation, least: int, what: str) -> PlaceGroups:
        """Grouped by whole numbers, whose codes are what they exceed the least by."""
        found = relation.answer(relation.by(VALUE).order_by(VALUE), what)
        values = integers(found, VALUE)
        return numbered(relation, values - least, values.tolist(), found)

    def _numbers(self, present: Relation, value: ir.Value, column: ColumnSchema, facts: Facts, what: str) -> CountedColumn:
        numbers = numbers_of(column, facts.low, facts.high)
        relation = present.valued(numbers.coded(value))
        if numbers.least is not None:
            groups = self._shifted(relation, numbers.least, what)
            return CountedColumn(groups, None, edges=numbers.edges(), decimals=numbers.places)
        found = relation.answer(relation.by(VALUE).order_by(VALUE), what)
        values = found[VALUE].to_numpy()
        groups = numbered(relation, np.arange(len(values), dtype=np.int64), values.tolist(), found)
        return CountedColumn(groups, None, edges=numbers.edges(values))

    def _categories(self, present: Relation, value: ir.Value, column: ColumnSchema, what: str) -> CountedColumn:
        if column.storage == "bool":
            relation = present.valued(ibis.ifelse(value, ibis.literal(1, "int64"), ibis.literal(0, "int64")))
            return CountedColumn(grouped_in_place(relation, what), None, labels=("false", "true"), grow=False)
        relation = present.valued(value)
        if column.storage in ("int64", "float64"):
            found = relation.answer(relation.by(VALUE).order_by(VALUE), what)
            values = found[VALUE].to_pylist()
            groups = numbered(relation, np.arange(len(values), dtype=np.int64), values, found)
        else:
            textual = column.storage == "string" and column.code_system is None
            groups, values = named(relation, self.least if textual else None, (OTHER,), what)
        labels = pa.array(values, ARROW_TYPES[column.storage]).cast(pa.string()).to_pylist()
        hidden = len(groups.codes) - len(labels)
        return CountedColumn(groups, None, labels=(*labels, *[""] * hidden), grow=column.storage == "string")

    def _valued(self, column: ColumnSchema) -> tuple[Relation, ir.Value]:
        """(the rows, the column's value in them, missing where it is a sentinel)."""
        relation = self.source.relation(self.raw, (column,), self.most)
        value: ir.Value = relation.rows["c0"]
        sentinels = sentinel_values(column, self.raw.name)
        if sentinels is not None:
            value = ibis.ifelse(_is_sentinel(value, sentinels), ibis.null(value.type()), value)
        return relation, value

    def _absent(self, column: ColumnSchema, facts: Facts) -> tuple[Crowd | None, tuple[tuple[str, Crowd], ...]]:
        """The rows without a value, and those of each sentinel."""
        if facts.present == self.everyone.rows:
            return None, ()
        relation = self.source.relation(self.raw, (column,), self.most)
        value = relation.rows["c0"]
        place: ir.Value = ibis.ifelse(value.isnull(), ibis.literal(0, "int64"), ibis.null("int64"))
        sentinels = sentinel_values(column, self.raw.name)
        for n, sentinel in enumerate(sentinels if sentinels is not None else (), start=1):
            place = ibis.ifelse(_is_sentinel(value, [sentinel]), ibis.literal(n, "int64"), place)
        absent = relation.valued(place)
        groups = grouped_in_place(absent.where(absent.rows[VALUE].notnull()), f', column "{column.name}"')
        crowds = {int(c): Crowd(int(groups.persons[i]), int(groups.rows[i]), int(groups.largest[i])) for i, c in enumerate(groups.codes)}
        return crowds.get(0), tuple((text, crowds[n]) for n, text in enumerate(column.sentinels, 1) if n in crowds)

    def facts(self, column: ColumnSchema, date_unit: str) -> Facts:
        """All columns' at once, in one pass over the table."""
        if (column.name, date_unit) not in self._facts:
            self._look(date_unit)
        return self._facts[column.name, date_unit]

    def _look(self, date_unit: str) -> None:
        columns = [c for c in self.schema.columns if not (self.schema.tokenised(c) or c.kind in (Kind.IDENTIFIER, Kind.FREE_TEXT))]
        spelled = [self.source.spelled(self.raw, c) for c in columns]
        relation = self.source.relation(self.raw, columns, self.most)
        asked: dict[str, ir.Value] = {"all_rows": relation.rows.count()}
        for i, column in enumerate(columns):
            value = relation.rows[f"c{i}"]
            sentinels = sentinel_values(column, self.raw.name)
            if sentinels is not None:
                value = ibis.ifelse(_is_sentinel(value, sentinels), ibis.null(value.type()), value)
            asked[f"n{i}"] = value.count()
            if column.kind in (Kind.DATE, Kind.DATETIME):
                value = _period(value, date_unit)
            elif column.kind not in (Kind.INTEGER, Kind.REAL):
                continue
            asked[f"low{i}"], asked[f"high{i}"] = value.min(), value.max()
        row = relation.answer(relation.rows.agg(**asked)).to_pylist()[0]
        self._refuse_misfits([(c, s.fallible) for c, s in zip(columns, spelled, strict=True) if s.fallible])
        for i, column in enumerate(columns):
            self._facts[column.name, date_unit] = Facts(int(row[f"n{i}"]), row.get(f"low{i}"), row.get(f"high{i}"))

    def _refuse_misfits(self, fallible: Sequence[tuple[ColumnSchema, str]]) -> None:
        """InputError for values that cannot be what the schema says, with their number alone."""
        if self._checked or not fallible:
            return
        selects = {f"f{i}": f"CASE WHEN {sql} THEN 1 ELSE 0 END" for i, (_, sql) in enumerate(fallible)}
        relation = self.source.related(self.raw, selects, dict.fromkeys(selects, "int64"), self.most, name="misfits")
        row = relation.answer(relation.rows.agg(**{n: whole_sum(relation.rows[n]) for n in selects})).to_pylist()[0]
        for i, (column, _) in enumerate(fallible):
            if row[f"f{i}"]:
                raise InputError(
                    f'table "{self.raw.name}", column "{column.name}": {row[f"f{i}"]:,} values are not {column.kind} values'
                    f"{f' written as {column.format}' if column.format else ''}; correct the schema, or mend the data"
                )
        self._checked = True

    def rows_per_person(self) -> Groups:
        each, persons = self._rows_of_persons
        most = int(each.max(initial=0))
        rows = np.repeat(each.astype(narrowest(most + 1)), persons)
        return grouped(rows, most + 1, Persons.one_row_each(len(rows)))

    def magnitude(self, column: ColumnSchema) -> Contributions | None:
        numbers, relation = self._counted_in_units(column)
        if numbers is None or numbers.least is None or numbers.places is None:
            return None
        facts = self.facts(column, "month")
        if facts.present == 0 or facts.present * max(abs(numbers.least), abs(numbers.highest)) >= EXACT:
            return None
        rows = relation.rows.mutate(size=relation.rows[VALUE].abs())
        sums = relation.answer(rows.agg(total=whole_sum(rows[VALUE]), absolute=whole_sum(rows["size"]))).to_pylist()[0]
        each = rows.group_by(PERSON).agg(size=whole_sum(rows["size"])) if relation.persons else rows.select("size")
        top = relation.answer(each.select("size").order_by(ibis.desc("size")).limit(LARGEST))
        # Whoever has rows without a value contributes nothing, which is among the largest where few contribute.
        largest = [int(v) for v in integers(top, "size")]
        largest += [0] * (min(LARGEST, self._contributors()) - len(largest))
        return Contributions(int(sums["total"]), int(sums["absolute"]), tuple(largest), facts.present, numbers.places)

    def _contributors(self) -> int:
        return self.everyone.persons

    def _counted_in_units(self, column: ColumnSchema) -> tuple[Numbers | None, Relation]:
        relation, value = self._valued(column)
        if column.kind not in (Kind.INTEGER, Kind.REAL):
            return None, relation
        facts = self.facts(column, "month")
        numbers = numbers_of(column, facts.low, facts.high)
        return numbers, relation.where(value.notnull()).valued(numbers.coded(value))

    def missing_together(self, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Grouped]:
        chosen = [self.schema.column(name) for name in columns]
        relation = self.source.relation(self.raw, chosen, self.most)
        word: ir.Value = ibis.literal("")
        for i in range(len(chosen)):
            word = word + ibis.ifelse(relation.rows[f"c{i}"].isnull(), "1", "0")
        groups, words = named(relation.valued(word), None, (), "")
        patterns = [tuple(name for name, bit in zip(columns, each, strict=True) if bit == "1") for each in words]
        return patterns, groups

    def crossed(self, axes: Sequence[Classes], date_unit: str) -> Grouped:
        relation = self.source.relation(self.raw, [a.column for a in axes], self.most)
        cell: ir.Value = ibis.literal(0, "int64")
        for i, axis in enumerate(axes):
            value = relation.rows[f"c{i}"]
            if axis.column.kind in (Kind.DATE, Kind.DATETIME):
                value = _period(value, date_unit)
            elif axis.column.kind is Kind.TIME:
                value = _hour_of_text(value)
            facts = self.facts(axis.column, date_unit)
            digit = class_on(axis, value, facts.low, facts.high, date_unit)
            sentinels = sentinel_values(axis.column, self.raw.name)
            if sentinels is not None:
                other = ibis.literal(axis.count, "int64")
                digit = ibis.ifelse(_is_sentinel(relation.rows[f"c{i}"], sentinels), other, digit)
            cell = cell * axis.size + digit
        assert cells_of(axes) < 1 << 62  # noqa: S101 - held where cross-tabulations are approved
        return grouped_in_place(relation.valued(cell))

    def children(self, key: ForeignKey, parent: Counted) -> tuple[Grouped, Crowd | None]:
        above = _same_place(parent)
        names = [f"k{i}" for i in range(len(key.columns))]
        texts = [
            self.source.as_text(self.raw.column(mine), above.raw.column(theirs))
            for mine, theirs in zip(key.columns, key.parent_columns, strict=True)
        ]
        mine = self._keyed(self, key.columns, texts, "child")
        theirs = self._keyed(above, key.parent_columns, texts, "parent")
        lacking = ibis.or_(*(mine.rows[n].isnull() for n in names))
        referring = mine.rows.filter(~lacking)
        counts = referring.group_by(names).agg(n=referring.count())
        joined = theirs.rows.left_join(counts, [theirs.rows[n] == counts[n] for n in names])
        kept = {VALUE: ibis.coalesce(counts["n"], ibis.literal(0, "int64"))}
        if theirs.persons:
            kept[PERSON] = theirs.rows[PERSON]
        together = replace(theirs, rows=joined.select(**kept), views={**theirs.views, **mine.views})
        without = mine.where(lacking).crowd()
        return grouped_in_place(together), Crowd(*without) if without[1] else None

    def _keyed(self, table: PlaceTable, columns: Sequence[str], texts: Sequence[bool], name: str) -> Relation:
        selects = {f"k{i}": self.source.key(table.raw, c, "t0", text=t) for i, (c, t) in enumerate(zip(columns, texts, strict=True))}
        types = {f"k{i}": "string" if t else _kind(table.raw.column(c)) for i, (c, t) in enumerate(zip(columns, texts, strict=True))}
        return self.source.related(table.raw, selects, types, table.most, name=name)

    def persons_with(self, others: Sequence[Counted]) -> int:
        views: dict[str, str] = {}
        everybody: ir.Table | None = None
        for i, table in enumerate((self, *(_same_place(t) for t in others))):
            relation = table.source.related(table.raw, {}, {}, table.most, name=f"persons{i}")
            views |= relation.views
            who = relation.rows.select(PERSON)
            everybody = who if everybody is None else everybody.union(who)
        assert everybody is not None  # noqa: S101 - this table is among them
        people = everybody.distinct()
        (count,) = integers(replace(relation, views=views).answer(people.agg(n=people.count())), "n")
        return int(count)


def _kind(column: ColumnSchema) -> str:
    return {"int64": "int64", "float64": "float64", "bool": "boolean", "date32": "date", "timestamp[us]": "timestamp(6)"}[column.storage]


def _same_place(table: Counted) -> PlaceTable:
    if not isinstance(table, PlaceTable):
        raise TypeError(f'table "{table.schema.name}" lies elsewhere: tables that are counted together lie in one place')
    return table


def _is_sentinel(value: ir.Value, sentinels: Any) -> ir.Value:
    """Whether a value is one of some sentinels."""
    plain = [s.as_py() for s in sentinels]
    if value.type().is_floating():
        return ibis.or_(*(value == ibis.literal(repr(s)).cast("float64") for s in plain))
    return value.isin(plain)


def _hour_of_text(value: ir.Value) -> ir.Value:
    """Of a canonical time of day."""
    return value.substr(0, 2).cast("int64")


def _period(value: ir.Value, unit: str) -> ir.Value:
    """The number of the calendar unit a date is in, from year 0."""
    months = value.year().cast("int64") * 12 + value.month().cast("int64") - 1
    return months if unit == "month" else ((months - months % MONTHS[unit]) / MONTHS[unit]).cast("int64")
