"""Simulated patients of whom it is known what depends on what: a class, a number, a time until an event."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.basket import evaluate
from evaluation.comparison import Comparison, compare
from evaluation.results import Evaluation
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.schema import ColumnSchema, Kind, Role, TableSchema

SCHEMA = TableSchema(
    "visits",
    (
        ColumnSchema("patient", Kind.IDENTIFIER, "string"),
        ColumnSchema("sex", Kind.CATEGORICAL, "string", role=Role.QUASI_IDENTIFIER),
        ColumnSchema("ethnicity", Kind.CATEGORICAL, "string", role=Role.QUASI_IDENTIFIER),
        ColumnSchema("age", Kind.INTEGER, "int64"),
        ColumnSchema("marker", Kind.REAL, "float64"),
        ColumnSchema("admitted", Kind.BOOLEAN, "bool"),
        ColumnSchema("los_days", Kind.REAL, "float64"),
        ColumnSchema("follow_up", Kind.REAL, "float64"),
        ColumnSchema("relapsed", Kind.CATEGORICAL, "string"),
    ),
    person_key="patient",
)
INTERNAL = POLICIES["internal"]


def patients(rows: int, seed: int, flipped: str = "") -> pa.Table:
    """admitted depends on marker (log odds 2 a unit), los_days on marker (3 days) and age, the hazard of relapse on marker (1 a unit).

    flipped: the ethnic group of whom `admitted` says the opposite.
    """
    rng = np.random.default_rng(seed)
    marker, age = rng.normal(size=rows), rng.integers(18, 95, rows)
    ethnicity = rng.choice(["A", "B", "C"], rows, p=[0.6, 0.3, 0.1])
    admitted = rng.random(rows) < 1 / (1 + np.exp(1 - 2 * marker))
    relapse, censored = rng.exponential(1 / np.exp(marker)), rng.exponential(2, rows)
    return pa.table(
        {
            "patient": [f"{seed}-{i}" for i in range(rows)],
            "sex": rng.choice(["F", "M"], rows),
            "ethnicity": ethnicity,
            "age": age,
            "marker": marker,
            "admitted": np.where(ethnicity == flipped, ~admitted, admitted),
            "los_days": 5 + 3 * marker + 0.05 * age + rng.normal(size=rows),
            "follow_up": np.minimum(relapse, censored),
            "relapsed": np.where(relapse < censored, "yes", "no"),
        }
    )


@dataclass(frozen=True)
class Patients:
    """Train and holdout of such patients, in a folder."""

    folder: Path

    @staticmethod
    def of(folder: Path, train: pa.Table, holdout: pa.Table) -> Patients:
        pq.write_table(train, folder / "train.parquet")
        pq.write_table(holdout, folder / "holdout.parquet")
        return Patients(folder)

    def _paths(self, made: pa.Table) -> tuple[Path, Path, Path]:
        pq.write_table(made, self.folder / "made.parquet")
        return self.folder / "train.parquet", self.folder / "holdout.parquet", self.folder / "made.parquet"

    def compare(self, made: pa.Table, schema: TableSchema = SCHEMA) -> Comparison:
        return compare(*self._paths(made), schema, INTERNAL, 1)

    def evaluate(
        self,
        made: pa.Table,
        only: set[str],
        targets: tuple[str, ...] | None = (),
        *,
        schema: TableSchema = SCHEMA,
        policy: DisclosurePolicy = INTERNAL,
    ) -> Evaluation:
        return evaluate(*self._paths(made), schema, policy=policy, seed=1, targets=targets, only=only)


def replaced(table: pa.Table, name: str, values: object) -> pa.Table:
    """The table with other values in one column."""
    return table.set_column(table.column_names.index(name), name, pa.array(values))
