"""Every defect on every side: refused in one line, or told in one line while the rest of the basket is measured. Never a record's value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation.basket import MEASURES
from evaluation.definitions import DEFINITIONS
from evaluation.results import Evaluation
from generators.errors import InputError
from tests.evaluation.small import ROWS, SCHEMA, sound

SECRET = "ZQXJKV"
"""Stands in values that no line may show."""
EACH_PART = (
    "structure",
    "rare_values",
    "collisions",
    "nearer_to_train",
    "uniques",
    "tvd_mean",
    "pairwise_accuracy",
    "association_rmse",
    "rule_violations",
    "sdmetrics_quality",
    "subgroup_tvd",
)
"""A cheap metric of each part, where the whole basket would take too long."""


def with_values(name: str, values: Callable[[int], object]) -> Callable[[pa.Table], pa.Table]:
    """The column with other values; of the type that these have."""
    return lambda t: t.set_column(t.column_names.index(name), name, pa.array(values(len(t))))


def _infinite(n: int) -> object:
    return np.where(np.arange(n) % 2, np.inf, -np.inf)


DEFECTS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "missing": lambda t: t.drop_columns(["dose"]),
    "renamed": lambda t: t.rename_columns([{"dose": "amount"}.get(name, name) for name in t.column_names]),
    "another kind": with_values("dose", lambda n: [SECRET] * n),
    "numbers where categories were": with_values("sex", lambda n: np.full(n, 31.25)),
    "values that do not fit": with_values("age", lambda n: np.full(n, 31.25)),
    "reordered": lambda t: t.select(t.column_names[::-1]),
    "further column": lambda t: t.append_column("further", pa.array([SECRET] * len(t))),
    "empty": lambda t: t.slice(0, 0),
    "all null": with_values("dose", lambda n: pa.nulls(n, pa.float64())),
    "no category at all": with_values("sex", lambda n: pa.nulls(n, pa.string())),
    "every column null": lambda t: pa.table({f.name: t[f.name] if f.name == "patient" else pa.nulls(len(t), f.type) for f in t.schema}),
    "one class": with_values("dead", lambda n: np.ones(n, bool)),
    "unseen categories": with_values("sex", lambda n: [f"{SECRET} {i % 3}" for i in range(n)]),
    "infinite": with_values("dose", _infinite),
    "ten rows": lambda t: t.slice(0, 10),
    "one row": lambda t: t.slice(0, 1),
}
REFUSED = {
    "missing": 'column "dose" is missing from the {side} table',
    "renamed": 'column "dose" is missing from the {side} table',
    "another kind": 'column "dose" of the {side} table holds string where the schema says float64',
    "numbers where categories were": 'column "sex" of the {side} table holds double where the schema says string',
    "values that do not fit": 'column "age" of the {side} table holds double values that are no int64',
    "empty": "the {side} table has no rows",
}
"""Train and holdout with such a defect are no evaluation's measure."""
UNHURT = {
    "missing": "age",
    "renamed": "age",
    "another kind": "age",
    "numbers where categories were": "age",
    "values that do not fit": "dose",
    "reordered": "dose",
    "further column": "dose",
    "all null": "age",
    "no category at all": "age",
    "one class": "age",
    "unseen categories": "age",
    "infinite": "age",
    "ten rows": "age",
}
"""A column that is measured all the same."""


@pytest.mark.promise("metrics.26")
@pytest.mark.promise("metrics.27")
@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("side", ROWS)
def test_a_defect_is_told_in_one_line_and_the_rest_is_measured(tmp_path: Path, side: str, defect: str) -> None:
    small = sound(tmp_path)
    small.write(side, DEFECTS[defect](small.table(side)))
    if side != "synthetic" and defect in REFUSED:
        with pytest.raises(InputError) as caught:
            small.evaluate()
        line = str(caught.value)
        assert line.startswith(REFUSED[defect].format(side=side))
        assert_clear(line)
        return
    found = small.evaluate(only=None if side == "synthetic" else EACH_PART)
    nothing_is_missing(found, [m for step in MEASURES for m in step.metrics] if side == "synthetic" else EACH_PART)
    for r in found.results:
        for line in (r.failed, r.remark):
            assert line is None or line.count("\n") == 0
        if r.value is None:
            assert_clear(r.failed or r.remark or "")
    text = found.to_json()
    assert Evaluation.from_json(text) == found
    assert SECRET not in text or defect == "unseen categories"  # of enough people, categories are shown
    if side == "synthetic" and defect in REFUSED:
        failed = [r.failed for r in found.results if r.failed]
        assert any(line.startswith(REFUSED[defect].format(side=side)) for line in failed)
    if defect in UNHURT:
        assert all(r.value is not None for r in found.results if r.metric in ("tvd", "js") and r.scope.names[1:] == (UNHURT[defect],))
        assert found.find("tvd_mean").value is not None or side != "synthetic"


def nothing_is_missing(found: Evaluation, metrics: object) -> None:
    given = {r.metric for r in found.results}
    told = " ".join(found.notes)
    for metric in metrics:  # type: ignore[attr-defined]
        assert metric in given or DEFINITIONS[metric].title in told, metric


def assert_clear(line: str) -> None:
    """One line, of some words, without the name of an exception or a value."""
    assert "\n" not in line
    assert 10 < len(line) < 400
    assert SECRET not in line
    assert "31.25" not in line
    assert "could not be computed (" not in line, line


@pytest.mark.promise("metrics.26")
def test_another_order_of_columns_changes_no_figure(tmp_path: Path) -> None:
    small = sound(tmp_path)
    before = small.evaluate(only=EACH_PART)
    for side in ROWS:
        small.write(side, small.table(side).select(SCHEMA.names[::-1]))
    assert small.evaluate(only=EACH_PART).results == before.results
