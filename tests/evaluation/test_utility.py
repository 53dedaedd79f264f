"""What a release is good for: prediction beside real rows, agreement of inference; against hand-worked cases and known coefficients."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

from evaluation.dataset import evaluate as evaluate_dataset
from evaluation.results import Incomputable
from evaluation.tables.columns import SampledRows
from evaluation.utility import tasks
from evaluation.utility.inference import agreement
from evaluation.utility.regression import Design, Estimates, linear, logistic, proportional_hazards
from evaluation.utility.scores import area, areas, balanced_accuracy, concordance, r_squared
from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind
from tests.evaluation.predicted import SCHEMA, Patients, patients, replaced

RNG = np.random.default_rng(7)
PREDICTED = {"target_skill", "target_auc", "target_accuracy", "target_r2", "target_concordance"}
INFERRED = {"inference_overlap", "inference_signs", "inference_size"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Patients:
    return Patients.of(tmp_path_factory.mktemp("patients"), patients(500, 1), patients(400, 2))


@pytest.mark.promise("utility.4")
def test_areas_accuracy_and_r_squared_agree_with_scikit_learn() -> None:
    y, p = RNG.integers(0, 2, 200), RNG.random(200).round(1)
    assert area(y == 1, p).value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    classes, shares = RNG.integers(0, 3, 200), RNG.dirichlet((1, 1, 1), 200)
    assert areas(classes, shares).value == pytest.approx(roc_auc_score(classes, shares, multi_class="ovr"), abs=1e-12)
    even = np.full(3, 1 / 3)
    assert balanced_accuracy(classes, shares, even).value == pytest.approx(
        balanced_accuracy_score(classes, shares.argmax(axis=1)), abs=1e-12
    )
    values, told = RNG.normal(size=100), RNG.normal(size=100)
    assert r_squared(values, told).value == pytest.approx(r2_score(values, told), abs=1e-12)
    assert r_squared(values, told).value < 0
    counted = RNG.random(200) < 0.5
    assert area(y == 1, p, counted).value == pytest.approx(roc_auc_score(y[counted], p[counted]), abs=1e-12)


@pytest.mark.promise("utility.4")
def test_concordance_is_counted_as_by_hand() -> None:
    # 1 dies at 1, 2 is censored at 2, 3 dies at 3, 4 dies at 3, 5 is censored at 3, 6 is censored at 4
    times, events = np.array([1.0, 2, 3, 3, 3, 4]), np.array([True, False, True, True, False, False])
    risks = np.array([5.0, 9, 4, 4, 4, 1])
    # pairs: 1 with 2 (wrong), with 3, 4, 5, 6 (right); 3 and 4 each with 5 (tie) and with 6 (right); 3 with 4 does not count
    assert concordance(times, events, risks).value == pytest.approx((4 + 2 * 0.5 + 2) / 9)
    with pytest.raises(Incomputable):
        concordance(times, np.zeros(6, bool), risks)


@pytest.mark.promise("utility.4")
def test_concordance_agrees_with_going_through_all_pairs() -> None:
    times, events, risks = RNG.integers(1, 30, 150).astype(float), RNG.random(150) < 0.5, RNG.normal(size=150).round(1)
    right = pairs = 0.0
    for i, j in combinations(range(150), 2):
        a, b = (i, j) if (times[i], not events[i]) <= (times[j], not events[j]) else (j, i)
        if not events[a] or (times[a] == times[b] and events[b]):
            continue
        pairs += 1
        right += 1 if risks[a] > risks[b] else 0.5 if risks[a] == risks[b] else 0
    assert concordance(times, events, risks).value == pytest.approx(right / pairs, abs=1e-12)


@pytest.mark.promise("utility.4")
def test_intervals_cover_and_rows_of_one_person_count_once() -> None:
    errors, values = [], []
    for _ in range(200):
        y, p = RNG.random(300) < 0.4, RNG.normal(size=300)
        p += y
        found = area(y, p)
        values.append(found.value)
        errors.append(found.error(np.arange(300)))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)
    twice = area(np.repeat(y, 2), np.repeat(p, 2))
    assert twice.value == pytest.approx(found.value)
    assert twice.error(np.repeat(np.arange(300), 2)) == pytest.approx(found.error(np.arange(300)))
    for score in (r_squared(p, p * 0.9), concordance(np.exp(p), y, -p + RNG.normal(size=300))):
        assert abs(score.influence.sum()) < 1e-9
        assert score.error(np.arange(300)) > 0


@pytest.mark.promise("utility.5")
def test_regressions_find_the_coefficients_data_were_made_with() -> None:
    n = 4000
    x = RNG.normal(size=(n, 3))
    true = np.array([1.0, -0.5, 0.0])
    fits = {
        "linear": linear(x, x @ true + RNG.normal(size=n)),
        "logistic": logistic(x, RNG.random(n) < 1 / (1 + np.exp(0.5 - x @ true))),
    }
    died, gone = RNG.exponential(np.exp(-x @ true)), RNG.exponential(2, n)
    fits["hazards"] = proportional_hazards(x, np.minimum(died, gone).round(2), died < gone)  # rounded: with ties
    for name, fit in fits.items():
        assert np.all(np.abs(fit.coefficients - true) < 3.5 * fit.errors), name
        assert np.all((fit.errors > 0.01) & (fit.errors < 0.08)), name


@pytest.mark.promise("utility.5")
def test_proportional_hazards_agree_with_a_case_worked_by_hand() -> None:
    # two people, the exposed one dies first: the likelihood e^b / (e^b + 1) and the penalty b² / 2 meet where 1 / (1 + e^b) = b
    found = proportional_hazards(np.array([[1.0], [0.0], [0.0]]), np.array([1.0, 2, 2]), np.array([True, True, False]), penalty=1.0)
    b = found.coefficients[0]
    assert 1 - np.exp(b) / (np.exp(b) + 2) == pytest.approx(b, abs=1e-6)


@pytest.mark.promise("utility.6")
def test_agreement_of_inference_is_counted_as_by_hand() -> None:
    real = Estimates(np.array([1.0, -1.0, 0.1]), np.array([0.1, 0.1, 0.1]))
    same = agreement(real, real)
    assert (same.overlap, same.signs, same.size) == (1, 1, 0)
    half = agreement(real, Estimates(real.coefficients + 1.96 * 0.1, real.errors))
    assert half.overlap == pytest.approx(0.5)
    assert half.size == pytest.approx(1.96)
    away = agreement(real, Estimates(-real.coefficients, real.errors))
    assert away.signs == 0  # the third is not clear: its interval holds 0
    assert away.overlap == pytest.approx((2 * 1.96 * 0.1 - 0.2) / (2 * 1.96 * 0.1) / 3)
    assert agreement(Estimates(np.array([0.0]), np.array([1.0])), Estimates(np.array([1.0]), np.array([1.0]))).signs is None
    with pytest.raises(Incomputable):
        agreement(Estimates(np.empty(0), np.empty(0)), Estimates(np.empty(0), np.empty(0)))


@pytest.mark.promise("utility.1")
def test_targets_are_read_and_what_cannot_be_predicted_is_refused_by_name() -> None:
    assert tasks.parse("admitted", SCHEMA).kind == "classification"
    assert tasks.parse("los_days", SCHEMA).kind == "regression"
    survival = tasks.parse("follow_up~relapsed", SCHEMA)
    assert (survival.kind, survival.time, survival.target, survival.text) == ("survival", "follow_up", "relapsed", "follow_up~relapsed")
    for text, why in (
        ("height", 'no column "height"'),
        ("patient", "cannot be predicted"),
        ("sex~relapsed", '"sex" is no number'),
        ("follow_up~los_days", '"los_days" does not say yes or no'),
        ("follow_up~gone", 'no column "gone"'),
    ):
        with pytest.raises(InputError, match=why):
            tasks.parse(text, SCHEMA)
    odd = replace(SCHEMA, columns=(*SCHEMA.columns, ColumnSchema("a~b", Kind.REAL, "float64")))
    assert tasks.parse("a~b", odd).time is None


@pytest.mark.promise("utility.2")
def test_targets_are_proposed_from_schema_and_train_alone(world: Patients) -> None:
    found = tasks.proposed(SCHEMA, world.compare(patients(300, 3)))
    assert [task.text for task in found] == ["follow_up~relapsed", "admitted", "los_days"]
    assert all(task.why and not task.chosen for task in found)
    other = world.compare(patients(50, 4))
    assert tasks.proposed(SCHEMA, other) == found  # whatever the synthetic rows are
    rare = replaced(patients(500, 1), "admitted", [True] * 4 + [False] * 496)
    few = Patients.of(world.folder / "..", rare, patients(400, 2)).compare(patients(50, 4))
    assert "admitted" not in [task.text for task in tasks.proposed(SCHEMA, few)]


@pytest.mark.promise("utility.3")
def test_all_three_kinds_are_predicted_between_a_shuffle_and_real_rows(world: Patients) -> None:
    found = world.evaluate(patients(500, 3), PREDICTED)
    for metric, target, low in (
        ("target_auc", "admitted", 0.5),
        ("target_r2", "los_days", 0),
        ("target_concordance", "follow_up~relapsed", 0.5),
    ):
        r = found.find(metric, target)
        assert low + 0.15 < r.value < 1
        assert abs(r.value - r.ceiling) < 0.1
        assert r.floor < low + 0.15
        assert r.interval[0] < r.value < r.interval[1]
        assert r.remark.startswith("nobody chose a target; proposed: ")
    assert found.find("target_accuracy", "admitted").value > 0.65
    skill = found.find("target_skill")
    assert skill.floor < 0.2 < skill.value < 1
    assert abs(skill.value - skill.ceiling) < 0.15
    assert world.evaluate(patients(500, 3), PREDICTED).to_json() == found.to_json()


@pytest.mark.promise("utility.3")
def test_a_table_without_a_connection_is_no_use_for_prediction(world: Patients) -> None:
    made = patients(500, 3)
    mixed = replaced(made, "admitted", np.random.default_rng(1).permutation(made["admitted"].to_numpy(zero_copy_only=False)))
    found = world.evaluate(mixed, PREDICTED, targets=("admitted",))
    assert found.find("target_skill").value < 0.3 < found.find("target_skill").ceiling
    assert found.find("target_auc", "admitted").remark is None
    assert [r.scope.label for r in found.results] == ["whole table", "admitted", "admitted"]
    assert not world.evaluate(mixed, PREDICTED, targets=None).results


@pytest.mark.promise("utility.6")
def test_another_real_sample_leads_to_the_same_conclusions_and_a_shuffle_does_not(world: Patients) -> None:
    found = world.evaluate(patients(500, 3), INFERRED)
    assert [found.find("inference_signs", target).value for target in ("los_days", "follow_up~relapsed")] == [1, 1]
    assert found.find("inference_signs").value > found.find("inference_signs").floor
    assert found.find("inference_overlap").value > 0.6 > found.find("inference_overlap").floor
    assert found.find("inference_size").value < 2.5 < found.find("inference_size").floor
    assert "proportional hazards of follow_up~relapsed" in found.find("inference_size", "follow_up~relapsed").remark
    backwards = patients(500, 3)
    backwards = replaced(backwards, "marker", -backwards["marker"].to_numpy())
    turned = world.evaluate(backwards, INFERRED, targets=("admitted",))
    assert turned.find("inference_signs", "admitted").value < 1
    assert turned.find("inference_overlap", "admitted").value < found.find("inference_overlap", "admitted").value


@pytest.mark.promise("utility.7")
def test_no_coefficient_and_no_class_is_about_fewer_persons_than_the_minimum(world: Patients, tmp_path: Path) -> None:
    def with_rare(table: pa.Table) -> pa.Table:
        sexes = table["sex"].to_pylist()
        sexes[:4] = ["X"] * 4
        missing = table["marker"].to_pylist()
        missing[:4] = [None] * 4
        return replaced(replaced(table, "sex", sexes), "marker", missing)

    rare = Patients.of(tmp_path, with_rare(patients(500, 1)), with_rare(patients(400, 2)))
    c = rare.compare(with_rare(patients(300, 3)))
    sides = SampledRows(c.train, 500, 1), SampledRows(c.holdout, 400, 1)
    design = Design(c.usable, *sides, c.people, c.held_out, c.policy.minimum)
    assert [term.category for term in design.terms if term.column.name == "sex"] in (["F"], ["M"])
    assert not [t for t in design.terms if t.category == "X" or (t.column.name == "marker" and not t.scale)]
    found = rare.evaluate(with_rare(patients(300, 3)), {"target_auc"}, targets=("sex",)).find("target_auc", "sex")
    assert found.value is not None
    four = replace(POLICIES["internal"], minimum=4)
    shown = rare.evaluate(with_rare(patients(300, 3)), {"target_auc"}, targets=("sex",), policy=four)
    assert shown.find("target_auc", "sex").value != found.value


@pytest.mark.promise("utility.8")
def test_what_cannot_be_learned_is_told_in_one_line_each(world: Patients) -> None:
    one = replaced(patients(300, 3), "admitted", [True] * 300)
    found = world.evaluate(one, PREDICTED | INFERRED, targets=("admitted", "los_days"))
    assert found.find("target_auc", "admitted").failed == 'the target "admitted" shows one class only in the synthetic table'
    assert found.find("inference_overlap", "admitted").failed == "one class only"
    assert found.find("target_skill").value == pytest.approx(found.find("target_r2", "los_days").value / 2)
    unseen = world.evaluate(replaced(patients(300, 3), "relapsed", ["perhaps"] * 300), PREDICTED, targets=("relapsed",))
    assert unseen.find("target_auc", "relapsed").failed == 'the synthetic table has no value of "relapsed" to learn from'
    assert unseen.find("target_skill").failed == unseen.find("target_auc", "relapsed").failed
    empty = world.evaluate(patients(300, 3).slice(0, 0), PREDICTED | INFERRED)
    assert {r.failed for r in empty.results} == {"the synthetic table has no rows"}
    ten = world.evaluate(patients(10, 3), PREDICTED | INFERRED)
    assert all(r.value is not None or "\n" not in r.failed for r in ten.results)
    without = world.evaluate(patients(300, 3).drop_columns(["admitted"]), {"target_auc"}, targets=("admitted",))
    assert without.find("target_auc", "admitted").failed == 'column "admitted" is missing from the synthetic table'


@pytest.mark.promise("utility.8")
def test_ten_real_people_teach_nothing_that_is_shown(tmp_path: Path) -> None:
    few = Patients.of(tmp_path, patients(4, 1), patients(10, 2)).evaluate(patients(10, 3), PREDICTED | INFERRED, targets=("admitted",))
    assert {r.failed for r in few.results} == {"suppressed: train is about fewer than 5 persons"}
    held = Patients.of(tmp_path, patients(50, 1), patients(4, 2)).evaluate(patients(10, 3), PREDICTED | INFERRED, targets=("admitted",))
    assert {r.failed for r in held.results} == {"suppressed: the holdout is about fewer than 5 persons"}


@pytest.mark.promise("utility.8")
def test_a_table_with_nothing_to_predict_says_so(tmp_path: Path) -> None:
    schema = replace(SCHEMA, columns=tuple(c for c in SCHEMA.columns if c.name in ("patient", "sex", "ethnicity", "age")))
    world = Patients.of(tmp_path, patients(100, 1).select(schema.names), patients(100, 2).select(schema.names))
    found = world.evaluate(patients(100, 3).select(schema.names), PREDICTED, schema=schema)
    assert [(r.metric, r.failed) for r in found.results] == [("target_skill", "no column looks like something to predict; name a target")]


@pytest.mark.promise("utility.1")
def test_of_several_tables_only_the_one_with_the_target_is_predicted(world: Patients, tmp_path: Path) -> None:
    other = replace(SCHEMA, name="other", columns=tuple(c for c in SCHEMA.columns if c.name not in ("follow_up", "relapsed")))
    paths = {}
    for side, seed in (("train", 1), ("holdout", 2), ("made", 3)):
        Patients.of(tmp_path, patients(200, seed), patients(200, seed).select(other.names))
        (tmp_path / "train.parquet").rename(tmp_path / f"{side}-visits")
        (tmp_path / "holdout.parquet").rename(tmp_path / f"{side}-other")
        paths[side] = {"visits": tmp_path / f"{side}-visits", "other": tmp_path / f"{side}-other"}
    policy = replace(POLICIES["internal"], minimum_table=10)
    found = evaluate_dataset(
        *paths.values(), DatasetSchema((SCHEMA, other)), policy=policy, targets=("follow_up~relapsed",), only={"target_concordance"}
    )
    assert [r.scope.names for r in found.results] == [("visits", "follow_up~relapsed")]
    with pytest.raises(InputError, match='no table has a column "weight~gone"'):
        evaluate_dataset(*paths.values(), DatasetSchema((SCHEMA, other)), policy=policy, targets=("weight~gone",))
