"""Cases with known answers: an evaluator that cannot fail is worse than none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation.comparison import compare
from evaluation.fidelity import likeness, structure
from evaluation.gates import judge
from evaluation.privacy import safety
from evaluation.results import Evaluation
from evaluation.tables.coded import Coded
from evaluation.tables.columns import measured
from generators.mechanism import mechanism
from generators.registry import GENERATORS, generate
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from generators.summarising.summarise import summarise
from tests.evaluation.conftest import INTERNAL, World


def outcome(evaluation: Evaluation, tier: str, gate: str) -> bool:
    return next(o.passed for o in judge(evaluation, tier).outcomes if o.gate == gate)


@pytest.mark.promise("evaluate.11")
def test_a_third_real_sample_passes_the_strictest_gates(third: Evaluation) -> None:
    verdict = judge(third, "privately-sourced")
    assert verdict.passed, verdict.failed_hard
    unmet = {o.gate for o in verdict.outcomes if not o.passed}
    assert unmet <= {"rare_extremes"}  # real people have real extremes


@pytest.mark.promise("evaluate.11")
def test_a_shuffle_passes_as_single_columns_and_fails_as_learned_data(shuffled: Evaluation) -> None:
    assert judge(shuffled, "publicly-sourced").passed
    assert not outcome(shuffled, "publicly-sourced", "associations")
    assert [o.gate for o in judge(shuffled, "privately-sourced").failed_hard] == ["associations"]


@pytest.mark.promise("evaluate.6")
def test_a_copy_of_train_fails_in_every_tier_though_its_likeness_is_perfect(copied: Evaluation) -> None:
    for tier in ("structural", "publicly-sourced", "privately-sourced"):
        assert "collisions" in [o.gate for o in judge(copied, tier).failed_hard]
    assert copied.find("tvd_mean").value == 0
    assert copied.find("collisions").value == 1
    assert copied.find("collisions").ceiling == 0
    assert copied.find("rare_row_collisions").value > 0.9


@pytest.mark.promise("evaluate.5")
def test_the_discriminator_cannot_tell_real_from_real_and_tells_a_shuffle(third: Evaluation, shuffled: Evaluation) -> None:
    real, mixed = third.find("discriminator_auc"), shuffled.find("discriminator_auc")
    assert abs(real.value - 0.5) < 0.06
    assert real.interval[0] < 0.53
    assert mixed.value > 0.9
    assert real.floor > 0.9
    assert abs(mixed.ceiling - 0.5) < 0.06


@pytest.mark.promise("evaluate.1")
def test_every_figure_of_the_whole_table_has_both_twins(third: Evaluation) -> None:
    for result in third.results:
        # the structure is the synthetic table's alone; the worst served group is already a difference from what real rows give
        if result.scope.kind == "table" and result.metric not in ("structure", "subgroup_worst"):
            assert result.floor is not None, result.metric
            assert result.ceiling is not None, result.metric
            assert result.failed is None


@pytest.mark.promise("evaluate.1")
def test_a_twin_evaluated_as_if_it_were_synthetic_scores_what_it_scores_as_a_twin(world: World, shuffled: Evaluation) -> None:
    asif = world.compare("holdout")
    coded = Coded(asif)
    parts = (likeness.columns(asif, coded), likeness.pairs(asif, coded), likeness.associations(asif, coded)[0])
    found = {r.metric: r for part in parts for r in part if r.scope.kind == "table"} | {r.metric: r for r in safety.copies(asif)}
    for metric in ("tvd_mean", "ks_complement_mean", "pairwise_accuracy", "association_rmse", "collisions"):
        assert found[metric].value == pytest.approx(found[metric].ceiling, abs=1e-12)
        assert shuffled.find(metric).ceiling == pytest.approx(found[metric].ceiling, abs=1e-9)
    for metric in ("tvd_mean", "pairwise_accuracy", "association_rmse"):
        assert shuffled.find(metric).value == pytest.approx(shuffled.find(metric).floor, abs=0.01)


@pytest.mark.promise("evaluate.3")
def test_the_agreement_of_pairs_is_the_mean_over_all_pairs(world: World, third: Evaluation) -> None:
    columns = len(measured(world.schema))
    listed = third.of("pairwise_accuracy", "pair")
    assert len(listed) == min(100, columns * (columns - 1) // 2)
    assert [r.value for r in listed] == sorted(r.value for r in listed)
    assert third.find("pairwise_accuracy").subsampled == "1,146 rows of each side, drawn at random"  # rows, not pairs
    assert listed[0].value < third.find("pairwise_accuracy").value < 1


@pytest.mark.promise("evaluate.9")
def test_sdmetrics_scores_are_there_and_no_gate_uses_them(third: Evaluation, shuffled: Evaluation) -> None:
    assert 0.9 < third.find("sdmetrics_quality").value <= 1
    assert 0.9 < third.find("sdmetrics_diagnostic").value <= 1
    assert shuffled.find("sdmetrics_quality").value < third.find("sdmetrics_quality").value
    for tier in ("structural", "publicly-sourced", "privately-sourced"):
        assert not [o for o in judge(third, tier).outcomes if o.metric.startswith("sdmetrics")]


def test_the_target_is_predicted_as_well_from_real_rows_and_not_from_a_shuffle(third: Evaluation) -> None:
    found = third.find("target_auc", "disposition")
    assert found.value > 0.75
    assert found.ceiling > 0.75
    assert abs(found.floor - 0.5) < 0.12


@pytest.mark.promise("evaluate.8")
def test_broken_rules_are_counted_exactly(world: World, third: Evaluation) -> None:
    assert third.find("rule_violations").value == 0
    table = world.table("third")
    wait, stay = table["wait_minutes"].to_numpy().copy(), table["los_minutes"].to_numpy()
    wait[:7] = stay[:7] + 1
    world.write("impatient", table.set_column(table.column_names.index("wait_minutes"), "wait_minutes", pa.array(wait)))
    found = likeness.rule_breaks(world.compare("impatient"))
    whole = found[0]
    broken = [r for r in found[1:] if r.value]
    assert whole.value == pytest.approx(7 / len(table))
    assert [r.remark for r in broken] == ["wait_minutes <= los_minutes"]
    assert broken[0].interval[0] < broken[0].value < broken[0].interval[1]


@pytest.mark.promise("evaluate.6")
def test_a_coarse_table_that_collides_by_chance_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    schema = TableSchema("coarse", tuple(ColumnSchema(n, Kind.BOOLEAN, "bool") for n in "abc"))
    coarse = World(schema, tmp_path_factory.mktemp("coarse"))
    rng = np.random.default_rng(0)
    for name, n in (("train", 400), ("holdout", 100), ("made", 400)):
        coarse.write(name, pa.table({c: pa.array(rng.random(n) < 0.4) for c in "abc"}))
    found = coarse.evaluate("made")
    assert found.find("collisions").value == found.find("collisions").ceiling == 1
    assert judge(found, "publicly-sourced").passed


PLANTS = {
    "category": ("diagnosis_code", "Z99.9"),
    "key": ("patient_id", "a token of one person"),
    "identifier": ("visit", "V-0001"),
    "free text": ("complaint", "fell off the clock tower"),
}


@pytest.mark.promise("evaluate.7")
@pytest.mark.parametrize("what", PLANTS)
def test_a_planted_rare_value_is_found_and_stops_the_release(world: World, what: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    column, value = PLANTS[what]
    extra = (ColumnSchema("visit", Kind.IDENTIFIER, "string"), ColumnSchema("complaint", Kind.FREE_TEXT, "string"))
    planted = World(
        TableSchema(world.schema.name, (*world.schema.columns, *extra), person_key="patient_id"), tmp_path_factory.mktemp("planted")
    )
    for name in ("train", "holdout", "shuffle"):
        table = world.table(name)
        table = table.append_column("visit", pa.array([f"{name}-{i}" for i in range(len(table))]))
        table = table.append_column("complaint", pa.array(["unwell"] * len(table)))
        if name != "holdout":
            cells = table[column].to_pylist()
            cells[11] = value
            before = planted.write(f"{name}-clean", table)
            table = table.set_column(table.column_names.index(column), column, pa.array(cells, pa.string()))
        planted.write(name, table)
    assert before.is_file()

    def whole(synthetic: str) -> float | None:
        return next(r.value for r in safety.rare(planted.compare(synthetic)) if r.metric == "rare_values")

    assert whole("shuffle-clean") == 0
    assert whole("shuffle") == 1


@pytest.mark.promise("evaluate.7")
def test_a_planted_rare_value_fails_the_hard_gate_and_the_sentence_names_the_column_only(world: World, shuffled: Evaluation) -> None:
    train, made = world.table("train"), world.table("shuffle")
    at = train.column_names.index("diagnosis_code")
    rare = World(world.schema, world.folder / "rare")
    rare.folder.mkdir()
    for name, table in (("train", train), ("made", made)):
        rare.write(name, table.set_column(at, "diagnosis_code", pa.array(["Z99.9", *table["diagnosis_code"].to_pylist()[1:]])))
    rare.write("holdout", world.table("holdout"))
    others = tuple(r for r in shuffled.results if not r.metric.startswith("rare_"))
    verdict = judge(replace(shuffled, results=(*safety.rare(rare.compare("made")), *others)), "publicly-sourced")
    assert [o.gate for o in verdict.failed_hard] == ["rare_values"]
    assert "diagnosis_code (1)" in verdict.failed_hard[0].sentence
    assert "Z99.9" not in str(verdict.as_dict())


def test_public_codes_and_the_pool_are_not_rare_values(tmp_path_factory: pytest.TempPathFactory) -> None:
    schema = TableSchema("t", (ColumnSchema("code", Kind.CATEGORICAL, "string", codes=("A", "B", "C")),))
    small = World(schema, tmp_path_factory.mktemp("codes"))
    small.write("train", pa.table({"code": ["A"] * 60 + ["B", "Other", "D"]}))
    small.write("holdout", pa.table({"code": ["A"] * 20}))
    small.write("made", pa.table({"code": ["A", "B", "C", "Other"]}))
    small.write("leaky", pa.table({"code": ["A", "D"]}))
    assert small.evaluate("made").find("rare_values").value == 0
    assert small.evaluate("leaky").find("rare_values").value == 1


@pytest.mark.promise("evaluate.6")
@pytest.mark.promise("evaluate.7")
@pytest.mark.parametrize(("generator", "tier"), [("structural", "structural"), ("marginal", "publicly-sourced")])
def test_what_the_generators_make_meets_the_conditions_of_safety(
    world: World, third: Evaluation, tmp_path: Path, generator: str, tier: str
) -> None:
    schema = DatasetSchema((world.schema,))
    summary = summarise({world.schema.name: world.path("train")}, schema, INTERNAL) if generator == "marginal" else None
    made = generate(mechanism(generator, GENERATORS[generator].version, schema, summary), schema, summary, 3000, 1, tmp_path)
    c = compare(world.path("train"), world.path("holdout"), made[0].path, world.schema, INTERNAL, 0)
    others = tuple(r for r in third.results if r.metric not in ("structure", "rare_values", "collisions"))
    found = replace(third, results=(*structure.structure(c), *safety.rare(c), *safety.copies(c), *others))
    assert judge(found, tier).passed, judge(found, tier).failed_hard
