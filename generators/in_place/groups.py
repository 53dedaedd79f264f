"""Rows grouped by value, where they live: `generators.counts.grouped.Grouped` whose questions a place answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis  # type: ignore[import-untyped]
import ibis.expr.types as ir  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa

from generators.counts.grouped import Bools, Codes, Ints, Range
from generators.in_place.relation import PERSON, VALUE, Relation, class_among, class_of, integers

NONE = -1


@dataclass(frozen=True)
class Domain:
    """The values of which groups are. codes: ascending, one a value; values: as the place knows them, ascending where `ordered`.

    Where not ordered, the values of few persons may stay where they are: then there are more codes than values, and the codes without a
    value can only be asked about together.
    """

    codes: Ints
    values: Sequence[Any]
    ordered: bool

    def classed(self, value: ir.Value, classes: Ints) -> ir.Value:
        """The class of each row by its value. classes: one a code, −1: none."""
        if not len(classes):
            return ibis.null("int64")
        if self.ordered:
            first = np.concatenate(([0], np.flatnonzero(classes[1:] != classes[:-1]) + 1))
            return class_of(value, [self.values[i] for i in first.tolist()], [int(c) for c in classes[first]])
        untold = np.unique(classes[len(self.values) :])
        if len(untold) > 1:
            raise ValueError("values of few persons that stayed in their place can only be asked about together")
        told = classes[: len(self.values)]
        kinds, counts = np.unique(told, return_counts=True)
        otherwise = int(untold[0]) if len(untold) else int(kinds[counts.argmax()])
        listed = {int(k): [self.values[int(i)] for i in np.flatnonzero(told == k)] for k in kinds if k != otherwise}
        return class_among(value, listed, otherwise)


@dataclass(frozen=True)
class PlaceGroups:
    """See `generators.counts.grouped.Grouped`. relation: rows with their value, none of them missing."""

    relation: Relation
    domain: Domain
    codes: Ints
    persons: Ints
    rows: Ints
    largest: Ints

    @property
    def most(self) -> int:
        return self.relation.most

    def only(self, chosen: Bools) -> PlaceGroups:
        return replace(self, codes=self.codes[chosen], persons=self.persons[chosen], rows=self.rows[chosen], largest=self.largest[chosen])

    def merged(self, labels: Codes, size: int) -> PlaceGroups:
        return grouped_in_place(self._classed(np.asarray(labels, dtype=np.int64)))

    def among(self, chosen: Bools) -> tuple[int, int]:
        count = np.count_nonzero(chosen)
        if count == 0:
            return 0, 0
        if count == 1:
            return int(self.persons[chosen][0]), int(self.largest[chosen][0])
        if self.most <= 1:
            return int(self.rows[chosen].sum()), 1
        persons, _, largest = self._classed(np.where(chosen, 0, NONE)).crowd()
        return persons, largest

    def at_least(self, least: int, chosen: Bools) -> bool:
        rows = int(self.rows[chosen].sum())
        if rows < least:
            return False
        if rows >= least * self.most or self.persons[chosen].max() >= least:
            return True  # nobody has more than `most` rows
        return self.among(chosen)[0] >= least

    def windows(self, least: int, middles: Ints) -> PlaceWindows:
        return PlaceWindows(self, least)

    def persons_by(self, labels: Ints) -> dict[int, int]:
        """Distinct persons by label (one a code; −1: of no interest)."""
        relation = self._classed(labels)
        if relation.persons:
            pairs = relation.rows.select(VALUE, PERSON).distinct()
            asked = pairs.group_by(VALUE).agg(persons=pairs.count())
        else:
            asked = relation.by(VALUE)
        found = relation.answer(asked)
        return dict(zip(integers(found, VALUE).tolist(), integers(found, "persons").tolist(), strict=True))

    def _classed(self, labels: Ints) -> Relation:
        """Rows with their class for a value, without those that have none. labels: one a code of these groups."""
        classes = np.full(len(self.domain.codes), NONE, dtype=np.int64)
        classes[np.searchsorted(self.domain.codes, self.codes)] = labels
        relation = self.relation.valued(self.domain.classed(self.relation.rows[VALUE], classes))
        return relation.where(relation.rows[VALUE].notnull())


@dataclass(frozen=True)
class PlaceWindows:
    """Ranges of codes, counted in one pass over the rows for all that do not overlap."""

    groups: PlaceGroups
    least: int

    def have(self, ranges: Sequence[Range]) -> list[bool]:
        answers = [False] * len(ranges)
        for layer in _layers(ranges):
            labels = np.full(len(self.groups.codes), NONE, dtype=np.int64)
            for i in layer:
                labels[ranges[i][0] : ranges[i][1]] = i
            found = self.groups.persons_by(labels)
            for i in layer:
                answers[i] = found.get(i, 0) >= self.least
        return answers


def _layers(ranges: Sequence[Range]) -> list[list[int]]:
    """The ranges dealt into as few layers as can be, such that those of one do not overlap."""
    layers: list[list[int]] = []
    for i in sorted(range(len(ranges)), key=lambda i: ranges[i]):
        layer = next((each for each in layers if ranges[each[-1]][1] <= ranges[i][0]), None)
        if layer is None:
            layers.append([i])
        else:
            layer.append(i)
    return layers


def grouped_in_place(relation: Relation, what: str = "") -> PlaceGroups:
    """Rows grouped by whole numbers, which are their codes; none of them missing."""
    found = relation.answer(relation.by(VALUE).order_by(VALUE), what)
    codes = integers(found, VALUE)
    return numbered(relation, codes, [int(c) for c in codes], found)


def numbered(relation: Relation, codes: Ints, values: Sequence[Any], found: pa.Table) -> PlaceGroups:
    """Groups of ordered values. found: persons, rows, largest of each."""
    persons, rows, largest = (integers(found, name) for name in ("persons", "rows", "largest"))
    return PlaceGroups(relation, Domain(codes, values, ordered=True), codes, persons, rows, largest)


def named(relation: Relation, least: int | None, kept: Collection[str], what: str) -> tuple[PlaceGroups, list[Any]]:
    """(groups, the values of the codes that have one). Rows grouped by values that have no order, none missing.

    least: of values with fewer persons only figures travel, except those in `kept`; None: all travel.
    """
    each = relation.by(VALUE)
    if least is not None:
        told = (each.persons >= least) | each[VALUE].isin(list(kept)) if kept else each.persons >= least
        each = each.mutate(**{VALUE: ibis.ifelse(told, each[VALUE], ibis.null(each[VALUE].type()))})
        each = each.group_by([VALUE, "persons", "rows", "largest"]).agg(values=each.count())
    else:
        each = each.mutate(values=ibis.literal(1, "int64"))
    found = relation.answer(each, what)
    shown = np.asarray(found[VALUE].is_valid().to_numpy(), dtype=np.bool_)
    order = np.concatenate((np.flatnonzero(shown), np.flatnonzero(~shown)))
    repeats = integers(found, "values")[order]
    values = found[VALUE].filter(pa.array(shown)).to_pylist()
    persons, rows, largest = (np.repeat(integers(found, name)[order], repeats) for name in ("persons", "rows", "largest"))
    codes = np.arange(len(persons), dtype=np.int64)
    return PlaceGroups(relation, Domain(codes, values, ordered=False), codes, persons, rows, largest), values
