"""Reading a summary's parts back from parsed JSON. KeyError, TypeError or InputError where a part is not what it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from generators.errors import InputError
from generators.summary_parts import (
    Axis,
    Cell,
    ColumnSummary,
    CrossCell,
    CrossTabulation,
    Distribution,
    Magnitude,
    MissingPattern,
    PrivacySpent,
    RelationshipSummary,
    Rollup,
    Scalar,
    Step,
    TableSummary,
)


def table(raw: Mapping[str, Any]) -> TableSummary:
    per_person = raw["rows_per_person"]
    return TableSummary(
        name=str(raw["name"]),
        persons=int(raw["persons"]),
        rows=_count(raw["rows"]),
        columns=tuple(_column(c) for c in raw["columns"]),
        rows_per_person=None if per_person is None else _distribution(per_person),
        missing=tuple(
            MissingPattern(tuple(str(c) for c in m["columns"]), _count(m["persons"]), _count(m["rows"])) for m in raw.get("missing", ())
        ),
        cross_tabulations=tuple(_cross_tabulation(c) for c in raw.get("cross_tabulations", ())),
        withheld=bool(raw.get("withheld", False)),
    )


def relationship(raw: Mapping[str, Any]) -> RelationshipSummary:
    """A relationship between two tables."""
    return RelationshipSummary(
        child=str(raw["child"]),
        columns=tuple(str(c) for c in raw["columns"]),
        parent=str(raw["parent"]),
        parents=_count(raw["parents"]),
        children=_distribution(raw["children"]),
        nulls=None if raw["nulls"] is None else _cell(raw["nulls"]),
    )


def privacy(raw: Mapping[str, Any] | None) -> PrivacySpent | None:
    """What the noise of a summary spends; None where there is none."""
    if raw is None:
        return None
    return PrivacySpent(
        epsilon=_number(raw["epsilon"]),
        delta=_number(raw["delta"]),
        contributions=int(raw["contributions"]),
        mechanism=str(raw["mechanism"]),
        composition=str(raw["composition"]),
        unit=str(raw["unit"]),
    )


def _cross_tabulation(raw: Mapping[str, Any]) -> CrossTabulation:
    axes = tuple(Axis(str(a["column"]), tuple(_scalar(v) for v in a["labels"]), tuple(_scalar(v) for v in a["edges"])) for a in raw["axes"])
    cells = tuple(CrossCell(tuple(int(i) for i in c["at"]), _count(c["persons"]), _count(c["rows"])) for c in raw["cells"])
    for place in cells:
        if len(place.at) != len(axes) or any(not 0 <= i < len(a.labels) for i, a in zip(place.at, axes, strict=True)):
            raise InputError("the summary has a cross-tabulation with a cell outside its axes")
    return CrossTabulation(axes, cells)


def _column(raw: Mapping[str, Any]) -> ColumnSummary:
    return ColumnSummary(
        name=str(raw["name"]),
        kind=str(raw["kind"]),
        absent=str(raw["absent"]),
        decimals=_count(raw["decimals"]),
        format=None if raw["format"] is None else str(raw["format"]),
        nulls=None if raw["nulls"] is None else _cell(raw["nulls"]),
        distribution=_distribution(raw["distribution"]),
        hours=None if raw["hours"] is None else _distribution(raw["hours"]),
        sentinels=tuple(_cell(c) for c in raw.get("sentinels", ())),
        magnitude=_magnitude(raw.get("magnitude")),
    )


def _magnitude(raw: Mapping[str, Any] | None) -> Magnitude | None:
    if raw is None:
        return None
    return Magnitude(*(None if raw[part] is None else _number(raw[part]) for part in ("total", "mean")))


def _distribution(raw: Mapping[str, Any]) -> Distribution:
    return Distribution(
        values=tuple(_cell(c) for c in raw["values"]),
        other=None if raw["other"] is None else _cell(raw["other"]),
        pooled=_count(raw["pooled"]),
        steps=tuple(Step(_scalar(s["low"]), _scalar(s["high"]), _count(s["persons"]), _count(s["rows"])) for s in raw["steps"]),
        unit=str(raw["unit"]),
        rolled=tuple(Rollup(str(r["level"]), str(r["code"]), _count(r["persons"]), _count(r["rows"])) for r in raw.get("rolled", ())),
    )


def _cell(raw: Mapping[str, Any]) -> Cell:
    return Cell(_scalar(raw["value"]), _count(raw["persons"]), _count(raw["rows"]))


def _count(raw: Any) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        raise InputError("the summary has a count that is not a whole number")
    return raw


def _scalar(raw: Any) -> Scalar:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise InputError("the summary has a value that is neither a text nor a number")
    return raw


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise InputError("the summary has a figure that is not a number")
    return float(raw)
