"""SDMetrics' quality and diagnostic scores, for comparison with what others publish. Never a sole gate: its pair trends skip weak pairs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.results import Incomputable
from evaluation.tables.columns import ORDERED, Rows, SampledRows, numbers
from generators.schema import ColumnSchema, Kind

LIMIT = 10_000
"""Most rows per side: its contingency tables of wide categories are slow."""


@dataclass(frozen=True)
class Scores:
    """SDMetrics' two overall scores, each 0 … 1, higher is better; None where SDMetrics gives none."""

    quality: float | None
    diagnostic: float | None


def frame(rows: Rows, columns: Sequence[ColumnSchema]) -> pd.DataFrame:
    """The columns as SDMetrics wants them: dates, datetimes and times as numbers (pandas' instants end in 2262), categories as text."""
    found: dict[str, Any] = {}
    for column in columns:
        array = rows.column(column)
        if column.kind in ORDERED:
            values = numbers(column, array)
            values[np.isinf(values)] = np.nan
            found[column.name] = values
        else:
            found[column.name] = pd.Series([None if v is None else str(v) for v in array.to_pylist()], dtype=object)
    return pd.DataFrame(found)


def metadata(columns: Sequence[ColumnSchema], table: str = "table") -> dict[str, Any]:
    """SDMetrics' description of those columns."""
    kinds = {c.name: "numerical" if c.kind in ORDERED else "boolean" if c.kind is Kind.BOOLEAN else "categorical" for c in columns}
    return {"tables": {table: {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}}}


def scores(train: Rows, other: Rows, columns: Sequence[ColumnSchema], *, seed: int, limit: int = LIMIT) -> Scores:
    """Both scores of `other` against train, on at most `limit` rows a side. Raises Incomputable when there is nothing to score."""
    if not columns or not train.rows or not other.rows:
        raise Incomputable("nothing to score")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about its own renamings and about constant columns
        # imported late: its import takes seconds
        from sdmetrics.reports import DiagnosticReport, QualityReport

        real = {"table": frame(SampledRows(train, limit, seed), columns)}
        synthetic = {"table": frame(SampledRows(other, limit, seed + 1), columns)}
        described = metadata(columns)
        found: list[float | None] = []
        for report in (QualityReport(), DiagnosticReport()):
            report.generate(real, synthetic, described, verbose=False)
            score = float(report.get_score())
            found.append(score if math.isfinite(score) else None)
    return Scores(*found)
