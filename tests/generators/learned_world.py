"""A small clinic, simulated: people and their visits, for tests of learned generators. Everything hangs together in a known way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generators.schema import ColumnSchema, DatasetSchema, ForeignKey, Kind, TableSchema


def key(name: str) -> ColumnSchema:
    return ColumnSchema(name, Kind.IDENTIFIER, "string", nullable=False, issued="int64")


SEX = ColumnSchema("sex", Kind.CATEGORICAL, "string", nullable=False)
WARD = ColumnSchema("ward", Kind.CATEGORICAL, "string", nullable=False)
DAY = ColumnSchema("day", Kind.DATE, "date32", nullable=False)
SCORE = ColumnSchema("score", Kind.INTEGER, "int64")

PERSON = TableSchema("person", (key("person_id"), SEX, ColumnSchema("age", Kind.INTEGER, "int64")), "person_id", ("person_id",))
VISIT = TableSchema(
    "visit",
    (key("visit_id"), key("person_id"), DAY, WARD, SCORE),
    "person_id",
    ("visit_id",),
    (ForeignKey(("person_id",), "person", ("person_id",)),),
)
CLINIC = DatasetSchema((PERSON, VISIT))

VISITS = TableSchema("visits", (key("visit_id"), key("person_id"), SEX, DAY, WARD, SCORE), "person_id", ("visit_id",))
ONE_TABLE = DatasetSchema((VISITS,))
WARDS = np.array(["medical", "surgical", "maternity"])


@dataclass(frozen=True)
class World:
    """Files of train, by table, and their schema."""

    train: dict[str, Path]
    schema: DatasetSchema


def clinic(people: int = 400, seed: int = 0) -> dict[str, pa.Table]:
    """Women of whom most go to maternity, and people who mostly stay in the ward they began in, one to five visits each."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], people)
    age = rng.integers(20, 80, people)
    visits = np.where(age > 50, rng.integers(3, 6, people), rng.integers(1, 4, people))
    whose = np.repeat(np.arange(people), visits)
    begun = np.where(sex == "F", rng.choice(3, people, p=[0.1, 0.1, 0.8]), rng.choice(3, people, p=[0.5, 0.5, 0.0]))
    ward = np.where(rng.random(len(whose)) < 0.9, begun[whose], rng.integers(0, 3, len(whose)))
    first = rng.integers(0, 300, people)
    turn = np.arange(len(whose)) - np.repeat(np.cumsum(visits) - visits, visits)
    day = 18_000 + first[whose] + 30 * turn + rng.integers(0, 10, len(whose))
    score = np.where(rng.random(len(whose)) < 0.1, -1, 10 * ward + rng.integers(0, 10, len(whose)))
    tokens = np.array([f"p{i:06d}" for i in range(people)])
    order = rng.permutation(len(whose))
    person = pa.table({"person_id": tokens, "sex": sex, "age": age})
    visit = {
        "visit_id": [f"v{i:06d}" for i in range(len(whose))],
        "person_id": tokens[whose],
        "day": pa.array(day.astype(np.int32)).cast(pa.date32()),
        "ward": WARDS[ward],
        "score": pa.array(score, mask=score < 0),
    }
    visits_with = pa.table({**visit, "sex": sex[whose]}).select(VISITS.names)
    return {"person": person, "visit": pa.table(visit).take(pa.array(order)), "visits": visits_with.take(pa.array(order))}


def world(folder: Path, schema: DatasetSchema, people: int = 400, seed: int = 0) -> World:
    """The tables of `schema` as canonical files in `folder`."""
    tables = clinic(people, seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for table in schema.tables:
        paths[table.name] = folder / f"{table.name}.parquet"
        pq.write_table(tables[table.name], paths[table.name])
    return World(paths, schema)
