"""Missing cells filled from the model given the rest of the row; rules that hold in every record kept by every generated row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.fitting.estimator import fit
from generators.fitting.fitted import FittedModel
from generators.fitting.imputing import impute
from generators.fitting.kept_rules import Keeper, found
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema

ROWS = 1800
VISIT = TableSchema(
    "visit",
    (
        ColumnSchema("sex", Kind.CATEGORICAL, "string"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("outcome", Kind.CATEGORICAL, "string"),
        ColumnSchema("wait", Kind.INTEGER, "int64"),
        ColumnSchema("stay", Kind.INTEGER, "int64"),
        ColumnSchema("pulse", Kind.INTEGER, "int64"),
        ColumnSchema("pressure", Kind.INTEGER, "int64"),
        ColumnSchema("both", Kind.INTEGER, "int64"),
    ),
)
SCHEMA = DatasetSchema((VISIT,))


def visits() -> pa.Table:
    """Ward only where admitted; children never on ward B; no pressure under 10 years; pulse and pressure else missing together."""
    rng = np.random.default_rng(8)
    sex, age = rng.choice(["F", "M"], ROWS), rng.integers(0, 95, ROWS)
    admitted = rng.random(ROWS) < 0.4
    ward = np.where(age < 16, "P", np.where(rng.random(ROWS) < 0.5, "A", "B"))
    wait = rng.gamma(2, 30, ROWS).astype(int)
    stay = wait + rng.gamma(2, 60, ROWS).astype(int)
    lost = rng.random(ROWS) < 0.2
    pulse, pressure = rng.integers(50, 130, ROWS), 90 + age // 2 + rng.integers(0, 40, ROWS)
    return pa.table(
        {
            "sex": pa.array(sex.tolist(), mask=rng.random(ROWS) < 0.1),
            "age": age,
            "ward": pa.array(ward.tolist(), mask=~admitted),
            "outcome": np.where(admitted, "in", "out").tolist(),
            "wait": wait,
            "stay": stay,
            "pulse": pa.array(pulse, mask=lost),
            "pressure": pa.array(pressure, mask=lost | (age < 10)),
            "both": pa.array(pulse + wait, mask=lost),
        }
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table, FittedModel]:
    path = tmp_path_factory.mktemp("visits") / "visit.parquet"
    rows = visits()
    pq.write_table(rows, path)
    return path, rows, fit("cart", {"visit": path}, SCHEMA, seed=2)


@pytest.mark.promise("control.8")
def test_rules_that_hold_in_every_record_hold_in_every_generated_row(world: tuple[Path, pa.Table, FittedModel]) -> None:
    _, rows, fitted = world
    rules = fitted.tables["visit"].kept
    texts = {rule.text for rule in rules}
    assert "wait <= stay" in texts
    assert any(text.startswith("pressure is not null implies age >= 10") for text in texts)
    assert any("ward in ('A', 'B') implies age >= 16" in text or "ward in ('B', 'A') implies age >= 16" in text for text in texts)
    keeper = Keeper(VISIT, rules)
    assert not keeper.broken(rows).any()
    rng = np.random.default_rng(1)
    shuffled = pa.table({n: rows[n].take(pa.array(rng.permutation(ROWS))) for n in rows.column_names})
    assert keeper.broken(shuffled).mean() > 0.15
    made = next(iter(fitted.sample(3000, 5)))["visit"]
    assert not keeper.broken(made).any()
    plain = made.to_pylist()
    assert all((r["ward"] is None) == (r["outcome"] == "out") for r in plain)
    assert all(r["both"] == (None if r["pulse"] is None else r["pulse"] + r["wait"]) for r in plain)


@pytest.mark.promise("control.9")
def test_no_rule_found_tells_a_number_of_few_persons(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    age = rng.gamma(9, 700, ROWS).astype(int)
    group = np.where(age > 6000, "old", np.where(rng.random(ROWS) < 0.5, "a", "b"))
    pq.write_table(pa.table({"age": age, "group": group.tolist()}), tmp_path / "t.parquet")
    table = TableSchema("t", (ColumnSchema("age", Kind.INTEGER, "int64"), ColumnSchema("group", Kind.CATEGORICAL, "string")))
    told = [rule.text for rule in found(tmp_path / "t.parquet", table, POLICIES["internal"])]
    for value, count in zip(*np.unique(age, return_counts=True), strict=True):
        if count < POLICIES["internal"].minimum:
            assert not any(str(value) in text.split() for text in told)


@pytest.mark.promise("control.7")
def test_missing_cells_are_filled_from_the_model_and_known_ones_stay(world: tuple[Path, pa.Table, FittedModel], tmp_path: Path) -> None:
    _, rows, fitted = world
    path, rows = tmp_path / "some.parquet", rows.slice(0, 700)
    pq.write_table(rows, path)
    filled = impute(fitted, {"visit": path}, 4)["visit"]
    assert filled.schema.equals(rows.schema)
    for name in rows.column_names:
        known = pc.is_valid(rows[name])
        assert filled[name].filter(known).equals(rows[name].filter(known)), name
    assert filled["sex"].null_count == 0
    assert filled["pulse"].null_count < 0.05 * rows["pulse"].null_count
    # What is missing by a rule stays missing: no ward for those sent home, no pressure for small children.
    assert pc.sum(pc.is_valid(filled["ward"])).as_py() == pc.sum(pc.is_valid(rows["ward"])).as_py()
    assert not Keeper(VISIT, fitted.tables["visit"].kept).broken(filled).any()
    assert impute(fitted, {"visit": path}, 4)["visit"].equals(filled)
    # Pressure rises with age, also where it was filled in.
    lost = pc.and_(pc.is_null(rows["pressure"]), pc.is_valid(filled["pressure"]))
    age, pressure = (filled[n].filter(lost).to_numpy() for n in ("age", "pressure"))
    learned = np.corrcoef(*(rows[n].filter(pc.is_valid(rows["pressure"])).to_numpy() for n in ("age", "pressure")))[0, 1]
    assert np.corrcoef(age, pressure)[0, 1] > 0.6 * learned
    assert json.dumps([rule.text for rule in fitted.tables["visit"].kept])


@pytest.mark.promise("control.7")
def test_a_model_that_cannot_tell_how_likely_a_row_is_fills_nothing(world: tuple[Path, pa.Table, FittedModel]) -> None:
    path, _, _ = world
    with pytest.raises(InputError, match="autoregressive or cart"):
        impute(fit("copula", {"visit": path}, SCHEMA, seed=2), {"visit": path}, 4)
    with pytest.raises(InputError, match="no table"):
        impute(world[2], {"other": path}, 4)
