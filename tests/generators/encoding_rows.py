"""Tables with every kind of column, for the tests of the encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from generators.schema import ColumnSchema, Kind, TableSchema

TABLE = TableSchema(
    "visits",
    (
        ColumnSchema("person", Kind.IDENTIFIER, "string"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("priority", Kind.CATEGORICAL, "int64"),
        ColumnSchema("emergency", Kind.BOOLEAN, "bool"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
        ColumnSchema("cost", Kind.REAL, "float64", decimals=2),
        ColumnSchema("waited", Kind.INTEGER, "int64", sentinels=("-999",)),
        ColumnSchema("arrived", Kind.DATE, "date32"),
        ColumnSchema("seen", Kind.DATETIME, "timestamp[us]"),
        ColumnSchema("clock", Kind.TIME, "string", format="%H:%M"),
        ColumnSchema("complaint", Kind.FREE_TEXT, "string"),
    ),
    person_key="person",
)

_WARDS = ("Medical", "Surgical", "Stroke", "Paediatrics")
_COMPLAINTS = ("chest pain", "fall at home", "short of breath since this morning", "ankle injury, via 111")


def visits(rows: int = 2000, seed: int = 0) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.int64]]]:
    """(table, the number of each row's person): about two rows a person, no column a function of others, some cells missing."""
    rng = np.random.default_rng(seed)
    persons = rng.integers(0, max(1, rows // 2), rows)
    absent = rng.random(rows) < 0.1
    cost = np.where(rng.random(rows) < 0.4, 0.0, np.round(rng.lognormal(4, 1.5, rows), 2))
    waited = np.where(rng.random(rows) < 0.05, -999, rng.poisson(40, rows) * 5)
    day = np.datetime64("2023-01-01", "D") + rng.integers(0, 365, rows)
    seen = np.datetime64("2023-01-01T00:00:00", "us") + rng.integers(0, 365 * 24 * 3600, rows) * np.timedelta64(1_000_000, "us")
    minutes = rng.integers(0, 96, rows) * 15
    columns = {
        "person": pa.array([f"P{n}" for n in persons]),
        "ward": pa.array(rng.choice(_WARDS, rows, p=[0.5, 0.3, 0.15, 0.05]), mask=absent),
        "priority": pa.array(rng.integers(1, 6, rows)),
        "emergency": pa.array(rng.random(rows) < 0.3),
        "age": pa.array(np.clip(rng.normal(50, 20, rows), 0, 105).astype(np.int64)),
        "cost": pa.array(cost, mask=absent),
        "waited": pa.array(waited),
        "arrived": pa.array(day),
        "seen": pa.array(seen, mask=absent),
        "clock": pa.array([f"{m // 60:02d}:{m % 60:02d}" for m in minutes]),
        "complaint": pa.array(rng.choice(_COMPLAINTS, rows)),
    }
    return pa.table(columns), persons


def one_column(values: Any, kind: Kind, storage: str, **facts: Any) -> tuple[pa.Table, TableSchema]:
    """(table, schema) of the one column x."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.table({"x": array}), TableSchema("t", (ColumnSchema("x", kind, storage, **facts),))
