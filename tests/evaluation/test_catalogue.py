"""Every figure says what it is and what it stands on and beside; no metric is silently missing; the catalogue says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation import reference
from evaluation.basket import MEASURES
from evaluation.definitions import DEFINITIONS
from evaluation.gates import load, versions
from evaluation.results import Evaluation, MetricResult

ROOT = Path(__file__).resolve().parent.parent.parent
BETWEEN_TABLES = {"foreign_keys", "unique_keys", "children", "children_by_parent", "parent_child"}
"""Measured between tables, so by no step of the basket of one."""
NO_FLOOR = {
    "structure": "is about the schema, which a shuffle keeps",
    "rows_per_person": "a shuffle keeps the rows each person has",
    "subgroup_worst": "is the worst of its groups, which have twins",
}
NO_CEILING = {
    "structure": "real rows are as the schema says, or are refused",
    "subgroup_worst": "is the worst of its groups, which have twins",
    "subgroup_prediction_gap": "is a difference from learning on real rows, which have none",
    "subgroup_false_positives": "is a difference from learning on real rows, which have none",
    "subgroup_false_negatives": "is a difference from learning on real rows, which have none",
    "subgroup_error_spread": "is a difference from learning on real rows, which have none",
}
OTHER_UNITS = {"rare_values", "rare_extremes", "exposed_recognised", "sequence_transitions", "sequence_gaps", "rows_per_person"}
"""n counts something else than rows: rare values, people, steps."""


@pytest.fixture(scope="module", params=["third", "shuffled", "copied"])
def evaluation(request: pytest.FixtureRequest) -> Evaluation:
    found: Evaluation = request.getfixturevalue(request.param)
    return found


def complete(evaluation: Evaluation, r: MetricResult) -> None:
    """Everything the catalogue promises of a figure."""
    definition = DEFINITIONS[r.metric]
    assert (r.direction, r.meaning, r.source) == (definition.direction, definition.meaning, definition.source)
    assert r.seed == evaluation.seed
    for line in (r.failed, r.remark, r.subsampled):
        assert line is None or (line and "\n" not in line and len(line) < 400)
    if r.value is None:
        assert r.failed or r.remark
        return
    assert r.n is not None
    if r.interval is not None:
        assert r.interval[0] <= r.interval[1]
    assert r.floor is not None or r.metric in NO_FLOOR
    assert r.ceiling is not None or r.metric in NO_CEILING
    assert r.ceiling is None or r.n_ceiling is not None
    rows = evaluation.rows["synthetic"]
    assert rows is not None
    assert r.subsampled or r.n >= rows or r.metric in OTHER_UNITS


@pytest.mark.promise("metrics.20")
def test_every_figure_says_what_it_is_and_what_it_stands_on_and_beside(evaluation: Evaluation) -> None:
    wrong = []
    for r in evaluation.results:
        try:
            complete(evaluation, r)
        except AssertionError as error:
            wrong.append(f"{r.metric} {r.scope}: {str(error).splitlines()[0] if str(error) else error}")
    assert not wrong


@pytest.mark.promise("metrics.21")
def test_no_metric_is_missing_without_a_word(evaluation: Evaluation) -> None:
    given = {r.metric for r in evaluation.results}
    told = next((note for note in evaluation.notes if note.startswith("Nothing here to measure these on")), "")
    for step in MEASURES:
        for metric in step.metrics + step.single:
            assert metric in given or DEFINITIONS[metric].title in told, metric


@pytest.mark.promise("metrics.22")
def test_every_metric_is_measured_by_one_step_or_between_tables() -> None:
    measured = [metric for step in MEASURES for metric in step.metrics + step.single]
    assert len(measured) == len(set(measured))
    assert set(measured) | BETWEEN_TABLES == set(DEFINITIONS)


@pytest.mark.promise("metrics.23")
def test_the_catalogue_is_what_the_definitions_and_the_gates_say() -> None:
    page = reference.page()
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8") == page, (
        "stale: python -m evaluation.reference > docs/reference/metrics.md"
    )
    for name, definition in DEFINITIONS.items():
        assert page.count(f"### {definition.title}\n`{name}`\n") == 1
        assert definition.meaning in page
        assert definition.source in page
    assert f"Gates: version {load().version}." in page


@pytest.mark.promise("metrics.23")
@pytest.mark.parametrize("version", [v.number for v in versions()])
def test_the_catalogue_names_every_gate_of_any_version(version: int) -> None:
    gates = load(version)
    page = reference.page(gates)
    for tier, of_tier in gates.tiers.items():
        for gate in of_tier:
            entry = page.split(f"\n`{gate.metric}`\n")[1].split("\n###")[0]
            assert tier in entry
            assert gate.level in entry
