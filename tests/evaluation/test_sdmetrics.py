"""Our two scores are SDMetrics' own, to nine decimals, on tables with missing values, constants, rare and unseen categories."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.fidelity import sdm
from evaluation.tables.columns import ORDERED, ParquetRows
from generators.schema import ColumnSchema, Kind, TableSchema

TABLE = TableSchema(
    "t",
    (
        ColumnSchema("sex", Kind.CATEGORICAL, "string"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("site", Kind.CATEGORICAL, "string"),
        ColumnSchema("dead", Kind.BOOLEAN, "bool"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
        ColumnSchema("dose", Kind.REAL, "float64"),
        ColumnSchema("cost", Kind.REAL, "float64"),
        ColumnSchema("seen", Kind.DATE, "date32"),
    ),
)


def table(rows: int, seed: int) -> pa.Table:
    """Columns that hang together, with missing values."""
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 90, rows)
    sex = rng.choice(["F", "M"], rows)
    ward = np.where(rng.random(rows) < 0.8, np.where(sex == "F", "A", "B"), rng.choice(["C", "D"], rows))
    return pa.table(
        {
            "sex": sex,
            "ward": pa.array(ward, mask=rng.random(rows) < 0.1),
            "site": np.where(age > 60, "old", rng.choice(["x", "y"], rows)),
            "dead": pa.array(age > 70, mask=rng.random(rows) < 0.05),
            "age": age,
            "dose": pa.array(age + rng.normal(0, 9, rows), mask=rng.random(rows) < 0.1),
            "cost": pa.array(age * 3 + rng.normal(0, 90, rows)),
            "seen": pa.array((18_000 + 2 * age).astype(np.int32), pa.date32()),
        }
    )


def with_column(name: str, values: object) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.set_column(t.column_names.index(name), name, pa.array(values, t.schema.field(name).type))  # type: ignore[arg-type]


CASES: dict[str, Callable[[pa.Table], pa.Table]] = {
    "alike": lambda t: t,
    "unseen categories": with_column("ward", ["X"] * 300),
    "constant": with_column("age", [40] * 300),
    "all null": with_column("dose", [None] * 300),
    "no category": with_column("sex", [None] * 300),
    "one huge number": with_column("cost", [1e17] * 300),
    "far away": with_column("cost", [1e6 + i for i in range(300)]),
}


@pytest.mark.promise("evaluate.9")
@pytest.mark.promise("likeness.4")
@pytest.mark.parametrize(
    ("case", "turned"), [*((case, False) for case in CASES), *((case, True) for case in ("unseen categories", "all null", "constant"))]
)
def test_the_scores_are_those_of_the_library(tmp_path: Path, case: str, turned: bool) -> None:
    pq.write_table(table(400, 1), tmp_path / "a.parquet")
    pq.write_table(CASES[case](table(300, 2)), tmp_path / "b.parquet")
    sides = [ParquetRows(name, tmp_path / f"{name}.parquet", TABLE) for name in ("a", "b")]
    real, made = reversed(sides) if turned else sides
    found = sdm.scores(real, made, TABLE.columns, seed=0)
    quality, diagnostic = published(real, made)
    assert found.quality == pytest.approx(quality, abs=1e-9)
    assert found.diagnostic == pytest.approx(diagnostic, abs=1e-9)


@pytest.mark.promise("evaluate.9")
def test_a_table_without_a_strong_pair_is_scored_by_its_shapes(tmp_path: Path) -> None:
    one = replace(TABLE, columns=TABLE.columns[:1])
    for name, seed in (("a", 1), ("b", 2)):
        pq.write_table(table(200, seed).select(["sex"]), tmp_path / f"{name}.parquet")
    real, made = (ParquetRows(name, tmp_path / f"{name}.parquet", one) for name in ("a", "b"))
    quality, _ = published(real, made, one)
    assert sdm.scores(real, made, one.columns, seed=0).quality == pytest.approx(quality, abs=1e-9)


def published(real: ParquetRows, made: ParquetRows, schema: TableSchema = TABLE) -> tuple[float, float]:
    """SDMetrics' own scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about its own renamings and about constant columns
        from sdmetrics.reports import DiagnosticReport, QualityReport

        kinds = {
            c.name: "numerical" if c.kind in ORDERED else "boolean" if c.kind is Kind.BOOLEAN else "categorical" for c in schema.columns
        }
        described = {"tables": {"t": {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}}}
        scores = []
        for report in (QualityReport(), DiagnosticReport()):
            report.generate({"t": frame(real, schema)}, {"t": frame(made, schema)}, described, verbose=False)
            scores.append(float(report.get_score()))
    assert all(math.isfinite(score) for score in scores)
    return scores[0], scores[1]


def frame(rows: ParquetRows, schema: TableSchema) -> pd.DataFrame:
    """As SDMetrics wants it: dates as numbers, categories as text."""
    found = {}
    for column in schema.columns:
        array = rows.column(column)
        if column.kind in ORDERED:
            values = array.cast(pa.int32()) if column.kind is Kind.DATE else array
            found[column.name] = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        else:
            found[column.name] = pd.Series([None if v is None else str(v) for v in array.to_pylist()], dtype=object)
    return pd.DataFrame(found)
