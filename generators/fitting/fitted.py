"""A fitted generator: for every table how it is coded, what its rows are given, and the model that draws them.

What it holds besides the weights of its models passed disclosure control or is charged noise; the weights are personal data, and stay in
the secure zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.digests import digest
from generators.disclosure import DisclosurePolicy
from generators.encoding.coded import Codes, Part
from generators.encoding.derived import recomputed
from generators.encoding.table import TableEncoding
from generators.errors import InputError
from generators.fitting import context as contexts
from generators.fitting.conditions import Conditions, TableConditions
from generators.fitting.context import Context, Hanging
from generators.fitting.controls import Controls
from generators.fitting.drawing import ROUNDS, Bools, Ints, Judge, Sampler, settled
from generators.fitting.kept_rules import Keeper
from generators.generating.layout import Layout, Place, layout
from generators.generating.partition import LearnedRows
from generators.generating.plan import PARTITION, Plan, plan
from generators.generating.skeleton import Rows
from generators.generating.workers import partitions
from generators.learning.model import Model
from generators.mechanism import Mechanism, mechanism
from generators.rules.enforcement import Enforce, enforcer
from generators.schema import DatasetSchema, Rule, TableSchema
from generators.summary import MetadataSummary

if TYPE_CHECKING:
    from generators.fitting.files import Pieces

CODES = 12_000_000
"""Codes of one partition, at most: wide tables are made in smaller ones."""
LATER = 8
"""As `ROUNDS`, of rows after the first of those that belong together: they are fewer, and there are many steps."""


@dataclass(frozen=True)
class TableRecord:
    """How the model of one table came about. rows, persons: learned from and held out together, as released.

    tried: every setting, with its mean surprise of held-out rows in nats and its membership; membership: of the model that is kept, None
    where it could not be measured; bound: what it can be at most, under differential privacy. epochs: (number, loss, loss of held-out rows)
    of the fit that was kept; stopped: why it ended, in words. given: what its rows are given; alike: columns that are the same in all rows
    that belong together.
    """

    rows: int | None
    persons: int | None
    options: Mapping[str, str]
    tried: tuple[Mapping[str, Any], ...] = ()
    membership: Mapping[str, Any] | None = None
    bound: float | None = None
    epochs: tuple[tuple[int, float | None, float | None], ...] = ()
    stopped: str = ""
    given: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class FitRecord:
    """What a fit says about itself: JSON, no clock, no value. ledger: what was spent of differential privacy; notes: sentences."""

    seed: int
    tables: Mapping[str, TableRecord]
    ledger: Mapping[str, Any] | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As parsed JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> FitRecord:
        """What `as_dict` gave."""
        tables = {}
        for name, each in raw["tables"].items():
            lists = {n: tuple(each[n]) for n in ("tried", "given", "alike")}
            tables[name] = TableRecord(**{**each, **lists, "epochs": tuple((e[0], e[1], e[2]) for e in each["epochs"])})
        return FitRecord(int(raw["seed"]), tables, raw["ledger"], dict(raw["libraries"]), tuple(raw["notes"]))


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
        codes = np.empty((len(given), len(self.encoding.parts)), dtype=np.int32)
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


def _mending(table: TableSchema, kept: tuple[Rule, ...]) -> Enforce:
    """Keeps the rules of `table`, and those that were found as well where all can be kept together: what was found may be said twice."""
    own = {rule.name for rule in table.rules}
    try:
        return enforcer(replace(table, rules=(*table.rules, *(rule for rule in kept if rule.name not in own))))
    except InputError:
        return enforcer(table)


def _leaders(hanging: Hanging) -> Any:
    """By group its first row."""
    first = np.flatnonzero(hanging.rank == 0)
    return first[np.argsort(hanging.group[first], kind="stable")]


@dataclass(frozen=True)
class FittedModel:
    """What `generators.fitting.estimator.fit` gives: all that is needed to make rows, and how it came about.

    summary: the released numbers of rows and of rows that hang on each other, nothing else. tables: by name; a table that is not among them
    had too few persons to be learned and is filled with placeholders.
    """

    generator: str
    version: str
    schema: DatasetSchema
    summary: MetadataSummary
    tables: Mapping[str, FittedTable]
    options: Mapping[str, str]
    policy: DisclosurePolicy
    seed: int
    record: FitRecord
    controls: Controls = field(default_factory=Controls)

    @cached_property
    def pieces(self) -> Pieces:
        """As it is stored."""
        from generators.fitting.files import pieces

        return pieces(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all it holds."""
        return digest(self.pieces.facts)

    def to_bytes(self) -> bytes:
        """For a pipe; `generators.fitting.files.from_bytes` reads it."""
        return self.pieces.to_bytes()

    @property
    def partition_rows(self) -> int:
        """Rows of one partition: fewer of wide tables, so that memory stays flat."""
        widest = max((len(t.encoding.parts) for t in self.tables.values()), default=1)
        return max(10_000, min(PARTITION, CODES // max(1, widest)))

    def mechanism(self, allowed_uses: tuple[str, ...] = (), given: Mapping[str, str] | Conditions | None = None) -> Mechanism:
        """Everything that decides what this generator can reveal. given: conditions that every row meets, by column, or also shares
        and frequencies of groups.
        """
        parameters = {"model": self.digest, "seed of learning": str(self.seed)} | self.controls.parameters()
        parameters |= (given if isinstance(given, Conditions) else Conditions(given=given or {})).parameters()
        parameters |= {f"option {name}": value for name, value in self.options.items()}
        if self.record.ledger is not None:
            parameters |= {name: str(self.record.ledger[name]) for name in ("epsilon", "delta", "contributions")} | {"unit": "person"}
        return mechanism(self.generator, self.version, self.schema, self.summary, parameters=parameters, allowed_uses=allowed_uses)

    def plan(
        self, rows: int | Mapping[str, int] | None, seed: int, *, scale: float | None = None, mechanism: Mechanism | None = None
    ) -> Plan:
        """What `generators.generating.plan.plan` gives for it."""
        whole = mechanism or self.mechanism()
        return plan(whole, self.schema, self.summary, rows, seed, scale=scale, partition_rows=self.partition_rows)

    def sample(
        self,
        rows: int | Mapping[str, int] | None,
        seed: int,
        given: Mapping[str, str] | Conditions | None = None,
        *,
        scale: float | None = None,
        workers: int = 1,
    ) -> Iterator[dict[str, pa.Table]]:
        """Generated tables by name, a partition at a time, the same whatever the number of processes (`workers`).

        rows, scale: as `generators.registry.generate` takes them; given: as `mechanism`.
        """
        yield from partitions(self.plan(rows, seed, scale=scale, mechanism=self.mechanism(given=given)), workers, self)

    def begin(self, whole: Mechanism) -> LearnedRows:
        """What makes the rows of the partitions of a plan of this mechanism."""
        return _LearnedRows(self, whole)


class _LearnedRows:
    """The rows of one model, a partition at a time."""

    def __init__(self, fitted: FittedModel, whole: Mechanism) -> None:
        self.fitted = fitted
        asked = Conditions.of(dict(whole.parameters))
        self._conditions = asked.tables(fitted.schema, {name: table.encoding for name, table in fitted.tables.items()}) if asked else {}
        self.layout: Layout = layout(fitted.schema)
        self._keepers: dict[str, Keeper] = {}
        self._mend: dict[str, Enforce] = {}
        for name, table in fitted.tables.items():
            schema = fitted.schema.table(name)
            self._keepers[name] = Keeper(schema, (*schema.rules, *table.kept))

    def mended(self, place: Place, rows: pa.Table, rng: np.random.Generator) -> pa.Table:
        """The rows, in which columns that are computed from others are so, and no rule is broken that held in every record."""
        table = self.fitted.tables.get(place.name)
        if table is None:
            return rows
        keeper = self._keepers[place.name]
        rows = self._computed(table, keeper, rows)
        if not keeper or not keeper.broken(rows).any():
            return rows
        if place.name not in self._mend:
            self._mend[place.name] = _mending(place.table, table.kept)
        fewer = self._mend[place.name](rows, rng)
        return fewer if keeper.broken(fewer).sum() < keeper.broken(rows).sum() else rows

    def _computed(self, table: FittedTable, keeper: Keeper, rows: pa.Table) -> pa.Table:
        """With computed columns as they follow, where rules, which come first, let them be so."""
        if not table.encoding.derived or not self.fitted.schema.table(table.encoding.table).rules:
            return rows  # no confirmed rule: nothing was changed
        again = recomputed(table.encoding.derived, rows)
        return again if keeper.broken(again).sum() <= keeper.broken(rows).sum() else rows

    def filled(self, place: Place, rows: Mapping[str, Rows], codes: dict[str, Codes], rng: np.random.Generator) -> pa.Table | None:
        """The learned columns of `place`, None where there are none. rows: the skeleton of the partition; codes: of the tables made so far,
        to which its own are added.
        """
        fitted = self.fitted.tables.get(place.name)
        if fitted is None:
            return None
        keeper = self._keepers[place.name]
        hanging, conditions = self._hanging(place, rows, codes), self._conditions.get(place.name)
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
