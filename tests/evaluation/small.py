"""A small table of visits in which every step of the basket finds something to measure, and the measuring of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.basket import evaluate
from evaluation.results import Evaluation
from generators.disclosure import POLICIES
from generators.progress import Progress, silent
from generators.schema import ColumnSchema, Kind, Role, Rule, TableSchema

SCHEMA = TableSchema(
    "visits",
    (
        ColumnSchema("patient", Kind.IDENTIFIER, "string"),
        ColumnSchema("sex", Kind.CATEGORICAL, "string", role=Role.QUASI_IDENTIFIER),
        ColumnSchema("age", Kind.INTEGER, "int64", role=Role.QUASI_IDENTIFIER),
        ColumnSchema("dose", Kind.REAL, "float64", decimals=1),
        ColumnSchema("seen", Kind.DATE, "date32"),
        ColumnSchema("left", Kind.DATETIME, "timestamp[us]"),
        ColumnSchema("dead", Kind.BOOLEAN, "bool", role=Role.SENSITIVE),
        ColumnSchema("note", Kind.FREE_TEXT, "string"),
    ),
    person_key="patient",
    rules=(Rule("adults have doses", "dose is not null where age >= 18"),),
)
ROWS = {"train": 160, "holdout": 160, "synthetic": 120}
SEEDS = {"train": 1, "holdout": 2, "synthetic": 3}


def visits(rows: int, seed: int) -> pa.Table:
    """Rows of which four in five are about a person of their own."""
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 90, rows)
    day = dt.date(2024, 2, 29)
    at = [day + dt.timedelta(int(k)) for k in rng.integers(0, 300, rows)]
    words = np.array(["seen", "well", "home", "pain", "fever", "rest"])
    return pa.table(
        {
            "patient": [f"{seed}-{int(i)}" for i in rng.integers(0, rows, rows)],
            "sex": rng.choice(["F", "M"], rows),
            "age": age,
            "dose": (age / 9 + rng.normal(5, 1, rows)).round(1),
            "seen": pa.array(at, pa.date32()),
            "left": pa.array([dt.datetime.combine(d, dt.time(12)) for d in at], pa.timestamp("us")),
            "dead": age + rng.normal(0, 20, rows) > 60,
            "note": [" ".join(rng.choice(words, 4)) for _ in range(rows)],
        }
    )


@dataclass(frozen=True)
class Visits:
    """The three sides as files in `folder`."""

    folder: Path

    def write(self, side: str, table: pa.Table) -> None:
        pq.write_table(table, self.folder / f"{side}.parquet")

    def table(self, side: str) -> pa.Table:
        return visits(ROWS[side], SEEDS[side])

    def evaluate(self, only: Collection[str] | None = None, progress: Progress = silent) -> Evaluation:
        """Measured with a target, so that no step is left out but those that need a fit function."""
        train, holdout, synthetic = (self.folder / f"{side}.parquet" for side in ROWS)
        return evaluate(
            train, holdout, synthetic, SCHEMA, policy=POLICIES["internal"], seed=3, targets=("dead",), only=only, progress=progress
        )


def sound(folder: Path) -> Visits:
    """Three sides without a defect."""
    found = Visits(folder)
    for side in ROWS:
        found.write(side, found.table(side))
    return found
