"""A fitted generator: for every table how it is coded, what its rows are given, and the model that draws them.

What it holds besides the weights of its models passed disclosure control or is charged noise; the weights are personal data, and stay in
the secure zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generators.digests import digest
from generators.disclosure import DisclosurePolicy
from generators.encoding.coded import Codes, Part
from generators.encoding.table import TableEncoding
from generators.fitting import context as contexts
from generators.fitting.context import Context, Hanging
from generators.fitting.controls import Controls
from generators.generating.layout import Layout, Place, layout
from generators.generating.partition import LearnedRows
from generators.generating.plan import PARTITION, Plan, plan
from generators.generating.skeleton import Rows
from generators.generating.workers import partitions
from generators.learning.model import Allowed, Model
from generators.mechanism import Mechanism, mechanism
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

if TYPE_CHECKING:
    from generators.fitting.files import Pieces

CODES = 12_000_000
"""Codes of one partition, at most: wide tables are made in smaller ones."""


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
    """One table. model: draws rows given their context; of_alike: draws what is the same in all rows that belong together, or None.

    above: the parts of the table its rows hang on.
    """

    encoding: TableEncoding
    context: Context
    model: Model
    of_alike: Model | None = None
    above: tuple[Part, ...] = ()

    def draw(self, hanging: Hanging, rng: np.random.Generator) -> tuple[Codes, pa.Table]:
        """The codes of all parts of the rows, and their columns."""
        context, own = self.context, self.encoding.parts
        codes = np.zeros((hanging.count, len(own)), dtype=np.int32)
        self._draw_alike(hanging, codes, rng)
        made: list[pa.Table] = []
        steps = hanging.steps(one_by_one=bool(context.before))
        places = np.empty(hanging.count, dtype=np.int64)
        places[np.concatenate(steps)] = np.arange(hanging.count)
        leaders = places[_leaders(hanging)]
        alike = {self.encoding.parts[n].column for n in context.alike}
        for rows in steps:
            here = hanging.take(rows) if len(steps) > 1 else hanging
            given = contexts.given_codes(context, own, self.above, here, codes)
            given = np.concatenate((given, codes[rows][:, context.alike]), axis=1) if context.alike else given
            drawn = _InOrder(self.model, self.encoding, context).sample(given, rng)
            later = bool(made) and bool(here.rank[0] > 0)
            same = [n for n in made[0].column_names if n in alike] if later else []
            fixed = {n: pc.take(made[0][n].combine_chunks(), pa.array(leaders[here.group])) for n in same}
            made.append(self.encoding.decode(drawn, rng, fixed=fixed))
            codes[rows] = drawn
        if len(made) == 1:
            return codes, made[0]
        return codes, pa.concat_tables(made).unify_dictionaries().combine_chunks().take(pa.array(places))

    def _draw_alike(self, hanging: Hanging, codes: Codes, rng: np.random.Generator) -> None:
        if self.of_alike is None:
            return
        first = hanging.take(_leaders(hanging))
        given = contexts.given_codes(contexts.of_alike(self.context), self.encoding.parts, self.above, first, codes)
        codes[:, self.context.alike] = self.of_alike.sample(given, rng)[hanging.group]


def _leaders(hanging: Hanging) -> Any:
    """By group its first row."""
    first = np.flatnonzero(hanging.rank == 0)
    return first[np.argsort(hanging.group[first], kind="stable")]


@dataclass(frozen=True)
class _InOrder:
    """A model of rows as the encoding numbers their parts: what is alike is given, the rest comes in the order of the model."""

    model: Model
    encoding: TableEncoding
    context: Context

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """(rows, given parts, those that are alike last) → (rows, all parts of the encoding)."""
        order, alike = self.context.order, self.context.alike
        codes = np.empty((len(given), len(self.encoding.parts)), dtype=np.int32)
        if alike:
            codes[:, alike] = given[:, given.shape[1] - len(alike) :]
        if order:
            first = given.shape[1]
            moved = None if allowed is None else {first + order.index(n): mask for n, mask in allowed.items() if n in order}
            codes[:, order] = self.model.sample(given, rng, moved)
        return codes


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

    def mechanism(self, allowed_uses: tuple[str, ...] = (), given: Mapping[str, str] | None = None) -> Mechanism:
        """Everything that decides what this generator can reveal. given: conditions that every row meets, by column."""
        parameters = {"model": self.digest, "seed of learning": str(self.seed)} | self.controls.parameters()
        parameters |= {f"given {column}": condition for column, condition in (given or {}).items()}
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
        given: Mapping[str, str] | None = None,
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
        return _LearnedRows(self)


class _LearnedRows:
    """The rows of one model, a partition at a time."""

    def __init__(self, fitted: FittedModel) -> None:
        self.fitted = fitted
        self.layout: Layout = layout(fitted.schema)

    def filled(self, place: Place, rows: Mapping[str, Rows], codes: dict[str, Codes], rng: np.random.Generator) -> pa.Table | None:
        """The learned columns of `place`, None where there are none. rows: the skeleton of the partition; codes: of the tables made so far,
        to which its own are added.
        """
        fitted = self.fitted.tables.get(place.name)
        if fitted is None:
            return None
        codes[place.name], made = fitted.draw(self._hanging(place, rows, codes), rng)
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
