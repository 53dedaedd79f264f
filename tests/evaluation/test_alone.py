"""Each metric by itself, the progress that people watch, and cancelling it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.basket import MEASURES
from evaluation.definitions import DEFINITIONS
from evaluation.results import Evaluation
from evaluation.work import Measure
from generators.errors import Cancelled, InputError
from synthportal.cli.evaluate_command import command
from synthportal.cli.judging import metric_list
from tests.evaluation.small import ROWS, Visits, sound


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Visits:
    return sound(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def ticks() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def whole(small: Visits, ticks: list[tuple[str, float]]) -> Evaluation:
    def watch(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        ticks.append((stage, fraction))

    return small.evaluate(progress=watch)


@pytest.mark.promise("metrics.24")
@pytest.mark.parametrize("step", MEASURES, ids=lambda step: step.stage.replace(" ", "-"))
def test_a_metric_measured_alone_is_what_it_is_in_the_whole_basket(small: Visits, whole: Evaluation, step: Measure) -> None:
    given = [m for m in step.metrics + step.single if whole.of(m)]
    stages: list[str] = []

    def watch(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        stages.append(stage)

    metric = given[-1] if given else step.metrics[0]
    alone = small.evaluate(only={metric}, progress=watch)
    assert alone.results == whole.of(metric)
    assert set(stages) - {"reading the tables", "drawing charts", "done"} <= {step.stage}
    assert not alone.charts
    if not given:
        assert any(DEFINITIONS[metric].title in note for note in alone.notes)


@pytest.mark.promise("metrics.24")
def test_every_metric_of_a_step_can_be_asked_for_and_comes_without_the_others(small: Visits, whole: Evaluation) -> None:
    for metric in ("tvd", "tvd_mean", "js", "rare_extremes", "structure", "uniques"):
        assert {r.metric for r in small.evaluate(only={metric}).results} == {metric}
    both = small.evaluate(only=["structure", "uniques"])
    assert set(both.results) == {*whole.of("structure"), *whole.of("uniques")}


@pytest.mark.promise("metrics.24")
def test_a_metric_nobody_knows_is_refused_by_name_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='there is no metric "likeness"; known: '):
        Visits(tmp_path).evaluate(only={"likeness"})


@pytest.mark.promise("metrics.24")
def test_the_command_line_names_every_metric() -> None:
    listed = [line.split("  ")[0] for line in metric_list().splitlines()]
    assert listed == sorted(DEFINITIONS)


@pytest.mark.promise("metrics.24")
def test_the_command_line_measures_one_metric_without_report_and_verdict(small: Visits, tmp_path: Path) -> None:
    sides = [word for side in ROWS for word in (f"--{side}", str(small.folder / f"{side}.parquet"))]
    done = CliRunner().invoke(command, [*sides, "--metric", "tvd_mean", "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0
    assert "tvd_mean (" in done.output
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["metrics.json"]
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert {r["metric"] for r in written["results"]} == {"tvd_mean"}
    assert "verdict" not in written


@pytest.mark.promise("metrics.25")
def test_progress_begins_ends_names_every_step_and_never_runs_backwards(whole: Evaluation, ticks: list[tuple[str, float]]) -> None:
    fractions = [fraction for _, fraction in ticks]
    assert fractions == sorted(fractions)
    assert ticks[0] == ("reading the tables", 0.0)
    assert ticks[-1] == ("done", 1.0)
    stages = {stage for stage, _ in ticks}
    for step in MEASURES:
        assert step.stage in stages or not any(whole.of(m) for m in step.metrics)


@pytest.mark.promise("metrics.25")
@pytest.mark.parametrize("step", MEASURES, ids=lambda step: step.stage.replace(" ", "-"))
def test_a_cancellation_takes_effect_at_the_next_tick_of_any_step(
    small: Visits, whole: Evaluation, ticks: list[tuple[str, float]], step: Measure
) -> None:
    told = [stage for stage, _ in ticks].count(step.stage)
    if not told:
        assert not any(whole.of(m) for m in step.metrics)
        return
    seen: list[str] = []

    def stop(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        seen.append(stage)
        if seen.count(step.stage) == min(told, 2):
            raise Cancelled

    with pytest.raises(Cancelled):
        small.evaluate(only=step.metrics, progress=stop)
    assert seen[-1] == step.stage
