"""The model of one table, and how its rows are drawn: what is alike in rows that belong together first, then row after row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.encoding.coded import Codes, Part
from generators.encoding.table import TableEncoding
from generators.fitting import context as contexts
from generators.fitting.conditions import TableConditions
from generators.fitting.context import Context, Hanging
from generators.fitting.drawing import ROUNDS, Bools, Ints, Judge, Sampler, settled
from generators.fitting.kept_rules import Keeper
from generators.learning.model import Model
from generators.schema import Rule

LATER = 8
"""As `ROUNDS`, of rows after the first of those that belong together: they are fewer, and there are many steps."""


@dataclass(frozen=True)
class FittedTable:
    """One table. model: draws rows given their context, None where all their columns are alike; of_alike: draws what is the same in all
    rows that belong together, or None. restricts: whether the models can be restricted to some codes.

    above: the parts of the table its rows hang on. kept: rules that held in every record, and hold in every row that is made.
    """

    encoding: TableEncoding
    context: Context
    model: Model | None
    of_alike: Model | None = None
    above: tuple[Part, ...] = ()
    kept: tuple[Rule, ...] = ()
    restricts: bool = True

    def draw(
        self,
        hanging: Hanging,
        rng: np.random.Generator,
        conditions: TableConditions | None = None,
        keeper: Keeper | None = None,
    ) -> tuple[Codes, pa.Table]:
        """The codes of all parts of the rows, and their columns. conditions: what rows must meet; keeper: rules they are to keep."""
        context, own = self.context, self.encoding.parts
        codes = np.zeros((hanging.count, len(own)), dtype=np.int32)
        groups = None if conditions is None else self._groups(conditions, hanging, rng)
        self._draw_alike(hanging, codes, groups, conditions, rng)
        made: list[pa.Table] = []
        steps = hanging.steps(one_by_one=bool(context.before))
        places = np.empty(hanging.count, dtype=np.int64)
        places[np.concatenate(steps)] = np.arange(hanging.count)
        leaders = places[_leaders(hanging)]
        alike = {own[n].column for n in context.alike}
        for rows in steps:
            here = hanging.take(rows) if len(steps) > 1 else hanging
            given = contexts.given_codes(context, own, self.above, here, codes)
            given = np.concatenate((given, codes[rows][:, context.alike]), axis=1) if context.alike else given
            same = [n for n in made[0].column_names if n in alike] if made and here.rank[0] > 0 else []
            fixed = {n: pc.take(made[0][n].combine_chunks(), pa.array(leaders[here.group])) for n in same}
            mine = None if groups is None else groups[rows]
            codes[rows], table = self._drawn(given, fixed, mine, conditions, keeper, rng, LATER if made else ROUNDS)
            made.append(table)
        if len(made) == 1:
            return codes, made[0]
        return codes, pa.concat_tables(made).unify_dictionaries().combine_chunks().take(pa.array(places))

    def _groups(self, conditions: TableConditions, hanging: Hanging, rng: np.random.Generator) -> Ints:
        """By row the group of conditions it must meet: one for all rows that belong together, where they have anything in common."""
        if not self.context.alike:
            return conditions.drawn_groups(hanging.count, rng)
        return conditions.drawn_groups(int(hanging.group.max(initial=-1)) + 1, rng)[hanging.group]

    def _drawn(
        self,
        given: Codes,
        fixed: Mapping[str, pa.Array],
        groups: Ints | None,
        conditions: TableConditions | None,
        keeper: Keeper | None,
        rng: np.random.Generator,
        rounds: int,
    ) -> tuple[Codes, pa.Table]:
        """One step: rows that hang on none of each other. given: their given codes, those that are alike last."""

        def draw(places: Ints) -> tuple[Codes, pa.Table]:
            every = len(places) == len(given)
            theirs = given if every else given[places]
            drawn = self._codes(theirs, None if groups is None else groups[places], conditions, rng)
            known = fixed if every else {name: column.take(pa.array(places)) for name, column in fixed.items()}
            return drawn, self.encoding.decode(drawn, rng, fixed=known)

        if conditions is None and keeper is None:
            return draw(np.arange(len(given)))
        missed: Judge | None = None
        if conditions is not None and groups is not None:
            asked, wanted = groups, conditions

            def missed(rows: pa.Table, places: Ints) -> Bools:
                return wanted.missed(rows, asked[places]) | wanted.declined(rows, rng)

        broken: Judge | None = None if keeper is None else lambda rows, places: keeper.broken(rows)
        return settled(draw, len(given), missed=missed, broken=broken, rounds=rounds)

    def _codes(self, given: Codes, groups: Ints | None, conditions: TableConditions | None, rng: np.random.Generator) -> Codes:
        """The codes of all parts, as the encoding numbers them."""
        order, alike = self.context.order, self.context.alike
        codes = np.empty((len(given), len(self.encoding.parts)), dtype=np.int32, order="F")
        if alike:
            codes[:, alike] = given[:, given.shape[1] - len(alike) :]
        if self.model is not None:
            codes[:, order] = self._sampled(self.model, order, given, groups, conditions, rng)
        return codes

    def _sampled(
        self,
        model: Model,
        order: tuple[int, ...],
        given: Codes,
        groups: Ints | None,
        conditions: TableConditions | None,
        rng: np.random.Generator,
    ) -> Codes:
        if conditions is None or groups is None:
            return model.sample(given, rng)
        sampler = Sampler(model, order, self.encoding.parts, self.restricts)
        codes = np.empty((len(given), len(order)), dtype=np.int32)
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            codes[rows] = sampler.sample(given[rows], rng, conditions.masks[group])
        return codes

    def _draw_alike(
        self, hanging: Hanging, codes: Codes, groups: Ints | None, conditions: TableConditions | None, rng: np.random.Generator
    ) -> None:
        if self.of_alike is None:
            return
        leaders = _leaders(hanging)
        first, theirs = hanging.take(leaders), None if groups is None else groups[leaders]
        given = contexts.given_codes(contexts.of_alike(self.context), self.encoding.parts, self.above, first, codes)
        drawn = self._sampled(self.of_alike, self.context.alike, given, theirs, conditions, rng)
        codes[:, self.context.alike] = drawn[hanging.group]


def _leaders(hanging: Hanging) -> Ints:
    """By group its first row."""
    first = np.flatnonzero(hanging.rank == 0)
    ordered: Ints = first[np.argsort(hanging.group[first], kind="stable")]
    return ordered
