"""The rows of a fitted generator, a partition at a time: what the model of each table draws, given the rows it hangs on, and rules kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from generators.encoding.coded import Codes
from generators.encoding.derived import recomputed
from generators.errors import InputError
from generators.fitting import context as contexts
from generators.fitting.conditions import Conditions
from generators.fitting.context import Hanging
from generators.fitting.fitted_table import FittedTable
from generators.fitting.kept_rules import Keeper
from generators.generating.layout import Layout, Place, layout
from generators.generating.skeleton import Rows
from generators.learning.threads import one_thread
from generators.mechanism import Mechanism
from generators.rules.enforcement import Enforce, enforcer
from generators.schema import DatasetSchema, Rule, TableSchema


class RowsOfTables:
    """The rows of one model, a partition at a time."""

    def __init__(self, schema: DatasetSchema, tables: Mapping[str, FittedTable], whole: Mechanism) -> None:
        self.schema, self.tables = schema, tables
        asked = Conditions.of(dict(whole.parameters))
        self._conditions = asked.tables(schema, {name: table.encoding for name, table in tables.items()}) if asked else {}
        self.layout: Layout = layout(schema)
        self._keepers: dict[str, Keeper] = {}
        self._mend: dict[str, Enforce] = {}
        for name, table in tables.items():
            own = schema.table(name)
            self._keepers[name] = Keeper(own, (*own.rules, *table.kept))

    def mended(self, place: Place, rows: pa.Table, rng: np.random.Generator) -> pa.Table:
        """The rows, in which columns that are computed from others are so, and no rule is broken that held in every record."""
        table = self.tables.get(place.name)
        if table is None:
            return rows
        keeper = self._keepers[place.name]
        rows = self._computed(table, keeper, rows)
        if not keeper or not keeper.broken(rows).any():
            return rows
        if place.name not in self._mend:
            self._mend[place.name] = _mending(place.table, table.kept)
        fewer = self._mend[place.name](rows, rng)
        again = recomputed(table.encoding.derived, fewer)
        fewer = again if keeper.broken(again).sum() <= keeper.broken(fewer).sum() else fewer
        return fewer if keeper.broken(fewer).sum() < keeper.broken(rows).sum() else rows

    def _computed(self, table: FittedTable, keeper: Keeper, rows: pa.Table) -> pa.Table:
        """With computed columns as they follow, where rules, which come first, let them be so."""
        if not table.encoding.derived or not self.schema.table(table.encoding.table).rules:
            return rows  # no confirmed rule: nothing was changed
        again = recomputed(table.encoding.derived, rows)
        return again if keeper.broken(again).sum() <= keeper.broken(rows).sum() else rows

    def filled(self, place: Place, rows: Mapping[str, Rows], codes: dict[str, Codes], rng: np.random.Generator) -> pa.Table | None:
        """The learned columns of `place`, None where there are none. rows: the skeleton of the partition; codes: of the tables made so far,
        to which its own are added.
        """
        fitted = self.tables.get(place.name)
        if fitted is None:
            return None
        keeper = self._keepers[place.name]
        hanging, conditions = self._hanging(place, rows, codes), self._conditions.get(place.name)
        with one_thread():
            codes[place.name], made = fitted.draw(hanging, rng, conditions, keeper if keeper else None)
        return made

    def _hanging(self, place: Place, rows: Mapping[str, Rows], codes: Mapping[str, Codes]) -> Hanging:
        mine = rows[place.name]
        whose = contexts.belonging(self.layout, place)
        group = None
        if whose == "person":
            group = mine.owner
        elif whose == "parent" and place.driver is not None:
            group = mine.parents[place.driver]
        if group is not None and (group < 0).any():
            group = np.where(group < 0, mine.count + np.arange(mine.count), group)  # about nobody: by itself
        parents = None
        above = contexts.parent_of(place)
        if above in codes and place.driver is not None:
            at = mine.parents[place.driver]
            parents = np.where(at[:, None] < 0, -1, codes[above][np.maximum(at, 0)])
        numbers = {}
        for child in contexts.hanging_on(self.layout, place):
            if child.driver is not None and child.name in rows:
                at = rows[child.name].parents[child.driver]
                numbers[contexts.ROWS + child.name] = np.bincount(at[at >= 0], minlength=mine.count)
        return Hanging.of(group, mine.count, parents, numbers)


def _mending(table: TableSchema, kept: tuple[Rule, ...]) -> Enforce:
    """Keeps the rules of `table`, and those that were found as well where all can be kept together: what was found may be said twice."""
    own = {rule.name for rule in table.rules}
    try:
        return enforcer(replace(table, rules=(*table.rules, *(rule for rule in kept if rule.name not in own))))
    except InputError:
        return enforcer(table)
