"""Questions about the rows of a place, as Ibis expressions: the same for every place. Only their answers, which are aggregates, travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis  # type: ignore[import-untyped]
import ibis.expr.types as ir  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa

from generators.counts.grouped import Ints
from generators.in_place.places import Place

PERSON = "p"
VALUE = "v"


@dataclass(frozen=True)
class Relation:
    """Rows of a place. rows: an Ibis table over the views in `views` (SQL by name), with a column `PERSON` unless every row is another
    person (`persons` False); most: the most rows one person has in the table these rows are of; about: the table, in words.
    """

    place: Place
    rows: ir.Table
    views: Mapping[str, str]
    about: str
    persons: bool
    most: int = 2

    def valued(self, value: ir.Value) -> Relation:
        """With the column `VALUE` and nothing else but the person."""
        columns: dict[str, Any] = {VALUE: value}
        if self.persons:
            columns[PERSON] = self.rows[PERSON]
        return replace(self, rows=self.rows.select(**columns))

    def where(self, condition: ir.BooleanValue) -> Relation:
        return replace(self, rows=self.rows.filter(condition))

    def answer(self, question: ir.Table, what: str = "") -> pa.Table:
        """What the place says; InputError names the table, and `what` of it."""
        sql = self.place.sql(question)
        views = ", ".join(f"{name} AS ({view})" for name, view in self.views.items())
        whole = f"WITH {views}, {sql[5:]}" if sql.startswith("WITH ") else f"WITH {views} {sql}"
        schema = pa.schema([(name, kind.to_pyarrow()) for name, kind in question.schema().items()])
        return self.place.answer(whole, schema, f"{self.about}{what}")

    def by(self, *names: str) -> ir.Table:
        """Of the columns `names` together: (their values, persons, rows, largest), missing values too."""
        rows = self.rows
        if not self.persons or self.most <= 1:
            each = rows.group_by(list(names)).agg(rows=rows.count())
            return each.mutate(persons=each.rows, largest=ibis.literal(1, "int64"))
        pairs = rows.group_by([*names, PERSON]).agg(n=rows.count())
        return pairs.group_by(list(names)).agg(persons=pairs.count(), rows=whole_sum(pairs.n), largest=pairs.n.max())

    def crowd(self, what: str = "") -> tuple[int, int, int]:
        """(persons, rows, largest) of all rows."""
        one = self.rows.mutate(everything=ibis.literal(1, "int64"))
        found = replace(self, rows=one).by("everything")
        table = self.answer(found.select("persons", "rows", "largest"), what)
        return (0, 0, 0) if not table.num_rows else tuple(int(table[c][0].as_py()) for c in ("persons", "rows", "largest"))  # type: ignore[return-value]


def whole_sum(column: ir.Value) -> ir.Value:
    return column.sum().cast("int64")


def number(value: Any) -> ir.Value:
    """A number as a literal that every dialect reads to the last bit: a floating one from its text, rounded correctly."""
    if isinstance(value, float | np.floating):
        return ibis.literal(repr(float(value))).cast("float64")
    return ibis.literal(int(value), "int64")


def class_of(value: ir.Value, starts: Sequence[Any], classes: Sequence[int]) -> ir.Value:
    """The class of an ordered value: classes[i] from starts[i] on (the first from the beginning); NULL where the class is −1.

    A tree of comparisons, as deep as the logarithm of their number.
    """
    if len(classes) == 1:
        return ibis.literal(classes[0], "int64") if classes[0] >= 0 else ibis.null("int64")
    middle = len(classes) // 2
    left, right = class_of(value, starts[:middle], classes[:middle]), class_of(value, starts[middle:], classes[middle:])
    return ibis.ifelse(value < number(starts[middle]), left, right)


def class_among(value: ir.Value, listed: Mapping[int, Sequence[Any]], otherwise: int) -> ir.Value:
    """The class of a value by lists of values, else `otherwise`; NULL where the class is −1."""

    def told(label: int) -> ir.Value:
        return ibis.literal(label, "int64") if label >= 0 else ibis.null("int64")

    found = told(otherwise)
    for label, values in listed.items():
        if values:
            found = ibis.ifelse(value.isin(list(values)), told(label), found)
    return found


def integers(table: pa.Table, name: str) -> Ints:
    return np.asarray(table[name].to_numpy(), dtype=np.int64)
