"""Real samples of the simulated emergency department: train, holdout, a third sample, and what was made from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.basket import evaluate
from evaluation.comparison import Comparison, compare
from evaluation.results import Evaluation
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.schema import Kind, TableSchema
from generators.simulated import EMERGENCY_SCHEMA, emergency_department

INTERNAL = POLICIES["internal"]


@dataclass(frozen=True)
class World:
    """Paths by name ("train", "holdout", "third", "shuffle", "copy") of tables of one schema, without any rare value."""

    schema: TableSchema
    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def table(self, name: str) -> pa.Table:
        return pq.read_table(self.path(name))

    def write(self, name: str, table: pa.Table) -> Path:
        pq.write_table(table, self.path(name))
        return self.path(name)

    def compare(self, name: str) -> Comparison:
        return compare(self.path("train"), self.path("holdout"), self.path(name), self.schema, INTERNAL, 3)

    def evaluate(self, name: str, *, policy: DisclosurePolicy = INTERNAL, target: str | None = None) -> Evaluation:
        return evaluate(
            self.path("train"),
            self.path("holdout"),
            self.path(name),
            self.schema,
            policy=policy,
            seed=3,
            targets=() if target is None else (target,),
        )


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    schema = EMERGENCY_SCHEMA.deidentified().tables[0]
    kept = tuple(c for c in schema.columns if c.kind is not Kind.FREE_TEXT and c.name != "visit_id")
    schema = replace(schema, columns=kept, primary_key=())
    table = emergency_department(rows=4800, seed=5).select([c.name for c in kept])
    codes = np.asarray(table["patient_id"].combine_chunks().dictionary_encode().indices)
    side = np.random.default_rng(1).random(int(codes.max()) + 1)[codes]
    found = World(schema, tmp_path_factory.mktemp("world"))
    frames = {
        name: table.filter(pa.array((side >= a) & (side < b)))
        for name, a, b in (("train", 0.0, 0.5), ("holdout", 0.5, 0.75), ("third", 0.75, 1.0))
    }
    common = {c.name: _common(frames["train"], c.name) for c in kept if c.kind is Kind.CATEGORICAL and c.storage == "string"}
    for name, frame in frames.items():
        for column, values in common.items():
            pooled = [v if v is None or v in values else "Other" for v in frame[column].to_pylist()]
            frame = frame.set_column(frame.column_names.index(column), column, pa.array(pooled, pa.string()))
        found.write(name, frame)
    train = found.table("train")
    rng = np.random.default_rng(2)
    tokens = pa.array([f"new-{i}" for i in range(len(train))])
    shuffled = {c: train[c].take(pa.array(rng.permutation(len(train)))) for c in train.column_names}
    found.write("shuffle", pa.table(shuffled | {"patient_id": tokens}).select(train.column_names))
    found.write("copy", train.set_column(0, "patient_id", tokens))
    return found


def _common(train: pa.Table, column: str) -> set[str]:
    """Values of at least the minimum of persons."""
    people: dict[str, set[str]] = {}
    for value, who in zip(train[column].to_pylist(), train["patient_id"].to_pylist(), strict=True):
        people.setdefault(value, set()).add(who)
    return {v for v, whos in people.items() if v is not None and len(whos) >= INTERNAL.minimum}


@pytest.fixture(scope="session")
def third(world: World) -> Evaluation:
    """A third real sample, evaluated as if it were synthetic."""
    return world.evaluate("third", target="disposition")


@pytest.fixture(scope="session")
def shuffled(world: World) -> Evaluation:
    """A shuffle of train: what the best generator of single columns could make."""
    return world.evaluate("shuffle")


@pytest.fixture(scope="session")
def copied(world: World) -> Evaluation:
    """A copy of train under new keys."""
    return world.evaluate("copy")
