"""The bias audit: a group whose labels were flipped is found, another real sample serves nobody worse, small groups stay unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation.bias.predictions import flags
from evaluation.report import public
from evaluation.results import Evaluation
from generators.disclosure import POLICIES
from tests.evaluation.predicted import SCHEMA, Patients, patients, replaced

AUDIT = {
    "subgroup_worst",
    "subgroup_prediction_gap",
    "subgroup_false_positives",
    "subgroup_false_negatives",
    "subgroup_error_spread",
}
ABOUT = "predicting admitted"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Patients:
    return Patients.of(tmp_path_factory.mktemp("patients"), patients(700, 1), patients(700, 2))


@pytest.fixture(scope="module")
def fair(world: Patients) -> Evaluation:
    return world.evaluate(patients(700, 3), AUDIT, targets=("admitted", "los_days", "follow_up~relapsed"))


@pytest.fixture(scope="module")
def flipped(world: Patients) -> Evaluation:
    return world.evaluate(patients(700, 3, flipped="B"), AUDIT, targets=("admitted",))


@pytest.mark.promise("fairness.1")
def test_each_group_has_what_is_lost_of_every_kind_of_target(fair: Evaluation) -> None:
    for target in ("admitted", "los_days", "follow_up~relapsed"):
        for column, group in (("sex", "F"), ("sex", "M"), ("ethnicity", "A"), ("age", "18–39")):
            r = fair.find("subgroup_prediction_gap", column, group, f"predicting {target}")
            assert abs(r.value) < 0.2
            assert r.floor > r.value
            assert r.interval[0] < r.value < r.interval[1]
            assert r.audience == "reviewers"


@pytest.mark.promise("fairness.3")
def test_another_real_sample_serves_no_group_worse(fair: Evaluation, world: Patients) -> None:
    assert fair.find("subgroup_worst").value == 0
    for seed in (5, 6):
        again = world.evaluate(patients(400, seed), {"subgroup_worst"}, targets=("admitted",))
        assert again.find("subgroup_worst").value < 0.05


@pytest.mark.promise("fairness.3")
def test_a_group_whose_labels_were_flipped_is_named_as_the_worst_served(flipped: Evaluation) -> None:
    worst = flipped.find("subgroup_worst")
    assert worst.value > 0.05
    assert worst.remark.startswith("ethnicity: B, predicting admitted")
    gaps = {group: flipped.find("subgroup_prediction_gap", "ethnicity", group, ABOUT).value for group in "ABC"}
    assert gaps["B"] > 0.2 > gaps["A"]


@pytest.mark.promise("fairness.2")
def test_error_rates_of_the_synthetic_model_stand_beside_those_of_the_real_one(flipped: Evaluation, fair: Evaluation) -> None:
    for metric in ("subgroup_false_positives", "subgroup_false_negatives"):
        harmed = flipped.find(metric, "ethnicity", "B", ABOUT)
        assert harmed.value > harmed.ceiling + 0.15
        spared = fair.find(metric, "ethnicity", "B", ABOUT)
        assert abs(spared.value - spared.ceiling) < 0.15
        assert spared.ceiling == harmed.ceiling
        assert fair.find(metric, "ethnicity", "B", "predicting los_days") is None
    spread = flipped.find("subgroup_error_spread", "ethnicity", "all groups shown", ABOUT)
    assert spread.value > spread.ceiling + 0.15


@pytest.mark.promise("fairness.2")
def test_as_many_are_flagged_as_are_wanted_and_equal_risks_alike() -> None:
    assert flags(np.array([0.1, 0.9, 0.5, 0.3]), 0.5).tolist() == [0, 1, 1, 0]
    assert flags(np.array([0.0, 1, 1, 1]), 0.5).tolist() == pytest.approx([0, 2 / 3, 2 / 3, 2 / 3])
    assert flags(np.full(4, 0.2), 0.25).tolist() == [0.25] * 4


@pytest.mark.promise("fairness.4")
def test_groups_about_too_few_people_are_not_shown_and_only_counted(tmp_path: Path) -> None:
    def with_few(table: pa.Table, few: int) -> pa.Table:
        groups = np.where(np.arange(len(table)) < few, "few", table["ethnicity"].to_numpy(zero_copy_only=False))
        return replaced(table, "ethnicity", groups)

    for train, holdout in ((4, 40), (40, 4)):
        world = Patients.of(tmp_path, with_few(patients(300, 1), train), with_few(patients(300, 2), holdout))
        found = world.evaluate(with_few(patients(300, 3), 40), AUDIT, targets=("admitted", "los_days"))
        assert not [r for r in found.results if "few" in r.scope.names or "few" in (r.remark or "")]
        hidden = found.find("subgroup_prediction_gap", "ethnicity", "groups not shown", "predicting los_days")
        assert hidden.value is None
        assert hidden.failed.startswith("suppressed: 1 of 4 groups")


@pytest.mark.promise("fairness.4")
def test_of_a_group_in_which_too_few_have_the_outcome_no_rate_is_shown(tmp_path: Path) -> None:
    def spared(table: pa.Table) -> pa.Table:
        c = table["ethnicity"].to_numpy(zero_copy_only=False) == "C"
        admitted = table["admitted"].to_numpy(zero_copy_only=False) & ~c
        admitted[np.flatnonzero(c)[:4]] = True
        return replaced(table, "admitted", admitted)

    world = Patients.of(tmp_path, spared(patients(300, 1)), spared(patients(300, 2)))
    found = world.evaluate(spared(patients(300, 3)), AUDIT, targets=("admitted",))
    assert {r.scope.names[2] for r in found.results if "ethnicity" in r.scope.names} == {"A", "B", "groups not shown", "all groups shown"}


@pytest.mark.promise("fairness.5")
def test_the_public_report_tells_of_groups_in_a_band_alone(flipped: Evaluation, fair: Evaluation) -> None:
    for evaluation, said in ((flipped, "some group is served clearly worse"), (fair, "no group is served clearly worse")):
        told = public(evaluation, "privately-sourced").results
        assert [r.metric for r in told] == ["subgroup_worst"]
        assert told[0].value is None
        assert told[0].remark.startswith(said)


@pytest.mark.promise("fairness.1")
def test_without_groups_or_without_a_target_the_audit_says_so(world: Patients, tmp_path: Path) -> None:
    schema = replace(SCHEMA, columns=tuple(c for c in SCHEMA.columns if c.name in ("patient", "marker", "admitted")))
    alone = Patients.of(tmp_path, patients(200, 1).select(schema.names), patients(200, 2).select(schema.names))
    found = alone.evaluate(patients(200, 3).select(schema.names), AUDIT, schema=schema)
    assert [(r.metric, r.failed) for r in found.results] == [("subgroup_worst", "no column tells people apart into at most twelve groups")]
    one = world.evaluate(replaced(patients(100, 3), "admitted", [True] * 100), AUDIT, targets=("admitted",))
    assert [r.failed for r in one.results] == ['the target "admitted" shows one class only in the synthetic table']
    strict = replace(POLICIES["internal"], minimum=300, rounding=300, minimum_table=600)
    few = world.evaluate(patients(100, 3), {"subgroup_worst"}, targets=("admitted",), policy=strict)
    assert few.find("subgroup_worst").value is not None or few.find("subgroup_worst").failed
