"""A fitted generator: for every table how it is coded, what its rows are given, and the model that draws them.

What it holds besides the weights of its models passed disclosure control or is charged noise; the weights are personal data, and stay in
the secure zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from generators.digests import digest
from generators.disclosure import DisclosurePolicy
from generators.fitting.conditions import Conditions
from generators.fitting.controls import Controls
from generators.fitting.fitted_table import FittedTable
from generators.fitting.learned_rows import RowsOfTables
from generators.generating.partition import LearnedRows
from generators.generating.plan import PARTITION, Plan, plan
from generators.generating.workers import partitions
from generators.mechanism import Mechanism, mechanism
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

if TYPE_CHECKING:
    from generators.fitting.files import Pieces

LEAST_ROWS = 10_000
"""Rows of one partition, at least."""
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
        return max(LEAST_ROWS, min(PARTITION, CODES // max(1, widest)))

    def mechanism(
        self,
        allowed_uses: tuple[str, ...] = (),
        given: Mapping[str, str] | None = None,
        balance: Mapping[str, str] | None = None,
        oversample: Mapping[str, str] | None = None,
    ) -> Mechanism:
        """Everything that decides what this generator can reveal. given, balance, oversample: by column, what rows must meet
        (`generators.fitting.conditions.Conditions`).
        """
        parameters = {"model": self.digest, "seed of learning": str(self.seed)} | self.controls.parameters()
        parameters |= Conditions(given or {}, balance or {}, oversample or {}).parameters()
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
        balance: Mapping[str, str] | None = None,
        oversample: Mapping[str, str] | None = None,
        *,
        scale: float | None = None,
        workers: int = 1,
    ) -> Iterator[dict[str, pa.Table]]:
        """Generated tables by name, a partition at a time, the same whatever the number of processes (`workers`).

        rows, scale: as `generators.registry.generate` takes them; given, balance, oversample: as
        `mechanism` takes them.
        """
        whole = self.mechanism(given=given, balance=balance, oversample=oversample)
        yield from partitions(self.plan(rows, seed, scale=scale, mechanism=whole), workers, self)

    def begin(self, whole: Mechanism) -> LearnedRows:
        """What makes the rows of the partitions of a plan of this mechanism."""
        return RowsOfTables(self.schema, self.tables, whole)
