"""What the public gets of an evaluation: nothing that tells one person from nobody."""

import datetime
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from evaluation import report
from evaluation.basket import evaluate
from evaluation.definitions import DEFINITIONS
from evaluation.gates import judge
from evaluation.report.publication import COUNTED, SYNTHETIC_ONLY, nearest, step
from evaluation.results import Evaluation, MetricResult
from generators.errors import InputError
from tests.evaluation.conftest import INTERNAL, World

TIER = "privately-sourced"
PLANTED: dict[str, dict[str, Any]] = {
    "a number far outside": {"los_minutes": 99_999, "heart_rate": 250},
    "categories of their own": {"diagnosis_code": "X99", "disposition": "Vanished"},
    "a date far away": {"arrival_date": datetime.date(1901, 1, 1)},
    "a group of their own": {"ethnicity": "Nobody else", "sex": "Q"},
    "rows alone": {},
}
ROWS = 6


def numbers_in(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for v in value.values() for n in numbers_in(v)]
    if isinstance(value, (list, tuple)):
        return [n for v in value for n in numbers_in(v)]
    return [float(value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


@pytest.mark.promise("evaluate.16")
def test_the_public_form_holds_allowed_metrics_rounded_and_attacks_as_bands(third: Evaluation, copied: Evaluation) -> None:
    public = report.public(third, "publicly-sourced")
    assert public.audience == "public"
    for r in public.results:
        assert DEFINITIONS[r.metric].told == "figure" or r.value is None
        assert r.scope.kind != "pair"
        for figure in (r.value, r.floor, r.ceiling, *(r.interval or ())):
            assert figure is None or figure == round(figure, 2)
        assert r.n_ceiling is None
        assert r.n in (None, third.rows["synthetic"])
    assert public.find("rare_values").remark in ("none", "some")
    assert public.find("collisions").remark == "no more than among people the generator never saw"
    assert report.public(copied, "publicly-sourced").find("collisions").remark.startswith("more than")
    assert public.find("rule_violations").ceiling is None
    assert public.find("rare_extremes") is None
    assert {c.audience for c in public.charts} == {"public"}
    assert report.public(public, "publicly-sourced") is public
    with pytest.raises(InputError, match="was made for the tier"):
        report.public(public, "structural")


@pytest.mark.promise("evaluate.16")
def test_exact_numbers_of_real_rows_and_people_are_in_no_public_file(world: World, third: Evaluation) -> None:
    exact = set()
    for name in ("train", "holdout"):
        table = world.table(name)
        exact |= {len(table), len(set(table["patient_id"].to_pylist()))}
    exact = {n for n in exact if n % INTERNAL.rounding}
    assert exact
    public = report.public(third, "publicly-sourced")
    assert not exact & set(numbers_in(public.as_dict()))
    page = report.html(public, judge(third, "publicly-sourced"), "public")
    visible = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert not [n for n in exact if re.search(rf"\b{n:,}\b|\b{n}\b", visible)]


@pytest.mark.promise("evaluate.16")
def test_without_enough_real_people_the_public_form_measures_nothing_on_them(third: Evaluation) -> None:
    few = replace(third, rows={**third.rows, "holdout": None})
    assert {r.metric for r in report.public(few).results} == {"structure", "rule_violations"}
    assert report.public(few).charts == ()


@pytest.mark.promise("evaluate.17")
def test_a_structural_release_publishes_nothing_measured_on_real_data(third: Evaluation) -> None:
    public = report.public(third, "structural")
    assert {r.metric for r in public.results} == {"structure", "rule_violations"}
    assert all(r.floor is None and r.ceiling is None for r in public.results)
    assert public.charts == ()
    assert set(public.rows) == set(public.persons) == {"synthetic"}
    page = report.html(third, judge(third, "structural"), "public")
    assert "Real rows" not in page
    assert "No figure about real data is published" in page


@pytest.fixture(scope="module")
def planted(world: World) -> Callable[..., Evaluation]:
    """Evaluates the third sample against train with one person more, who has several rows."""
    train = world.table("train")

    def evaluated(change: dict[str, Any], only: tuple[str, ...] | None = None) -> Evaluation:
        rows = [{**row, "patient_id": "planted", **change} for row in train.slice(0, ROWS).to_pylist()]
        path = world.write("planted", pa.concat_tables([train, pa.Table.from_pylist(rows, schema=train.schema)]))
        others = (world.path("holdout"), world.path("third"), world.schema)
        return evaluate(path, *others, policy=INTERNAL, seed=3, targets=("disposition",), only=only)

    return evaluated


def differences(one: Evaluation, other: Evaluation, metrics: tuple[str, ...] | None = None) -> list[str]:
    """What differs by more than a step of its rounding, or is there in one only."""

    def results(e: Evaluation) -> dict[tuple[str, tuple[str, ...]], MetricResult]:
        return {(r.metric, r.scope.names): r for r in e.results if metrics is None or r.metric in metrics}

    first, second = results(one), results(other)
    found = [f"{key} is in one only" for key in set(first) ^ set(second)]
    people = min(one.persons["train"] or 0, one.persons["holdout"] or 0)
    for key in set(first) & set(second):
        a, b = first[key], second[key]
        if replace(a, value=None, floor=None, ceiling=None, failed="") != replace(b, value=None, floor=None, ceiling=None, failed=""):
            found.append(f"{key}: words, interval or rows")
        for x, y in ((a.value, b.value), (a.floor, b.floor), (a.ceiling, b.ceiling)):
            if (x is None) != (y is None) or (x is not None and abs(x - y) > step(a.metric, max(x, y), people) + 1e-9):
                found.append(f"{key}: {x} and {y}")
    return found


@pytest.mark.promise("metrics.1")
@pytest.mark.parametrize("kind", PLANTED)
def test_one_planted_person_moves_no_public_figure_by_more_than_its_rounding(
    kind: str, third: Evaluation, planted: Callable[..., Evaluation]
) -> None:
    metrics = (*COUNTED, *SYNTHETIC_ONLY, "kl", "kl_mean", "collisions", "rare_values", "voas_williamson", "projection")
    other = report.public(planted(PLANTED[kind], metrics), TIER)
    assert other.results
    assert differences(report.public(third, TIER), other, metrics) == []


@pytest.mark.promise("metrics.1")
def test_the_public_report_of_a_table_with_a_planted_person_is_that_without(third: Evaluation, planted: Callable[..., Evaluation]) -> None:
    other = planted({name: value for change in PLANTED.values() for name, value in change.items()})
    without, with_ = report.public(third, TIER), report.public(other, TIER)
    assert differences(without, with_) == []
    for side, unit in (("rows", 100), ("persons", 10)):
        for name in ("train", "holdout", "synthetic"):
            assert abs(getattr(without, side)[name] - getattr(with_, side)[name]) <= unit
    assert [o.public for o in judge(third, TIER).outcomes] == [o.public for o in judge(other, TIER).outcomes]
    assert [(c.id, len(c.table.rows)) for c in without.charts] == [(c.id, len(c.table.rows)) for c in with_.charts]
    assert words_of(report.html(third, judge(third, TIER), "public")) == words_of(report.html(other, judge(other, TIER), "public"))
    whole = visible(report.html(other, judge(other, TIER), "public")) + with_.to_json()
    assert not [trace for trace in ("X99", "Vanished", "1901", "Nobody else", "99,999", "99999", "planted") if trace in whole]


def visible(page: str) -> str:
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


def words_of(page: str) -> Counter[str]:
    """The texts of a page without their numbers."""
    return Counter(re.sub(r"\d+(?:[.,]\d+)*%?", "#", text.strip()) for text in re.split(r"<[^>]+>", visible(page)) if text.strip())


@pytest.mark.promise("metrics.3")
def test_every_number_on_the_public_page_is_in_the_public_json_or_says_nothing_of_real_people(third: Evaluation) -> None:
    public = report.public(third, TIER)
    known = {abs(n) for n in numbers_in(public.as_dict())}
    # as percentages, as agreement, as one in so many
    known |= {round(form, 2) for n in known for form in (100 * n, 1 - n, 100 * (1 - n))}
    so_many = [1 / n for n in known if 0 < n < 1]
    page = visible(report.html(third, judge(third, TIER), "public"))
    verdict = judge(third, TIER)
    told = [*(d.meaning + d.source + d.title for d in DEFINITIONS.values()), *(o.public for o in verdict.outcomes), *verdict.sentences]
    fixed = " ".join([*told, json.dumps(public.versions), *public.notes, json.dumps(public.policy), "version 1 of 3"])
    for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", re.sub(r"&#?\w+;|<[^>]+>", " ", page)):
        value = float(number.rstrip(",").replace(",", ""))
        rounded = any(abs(n - value) <= 0.06 * value for n in so_many) and value >= 1
        assert number in fixed or rounded or any(abs(n - value) < 1e-6 for n in known), number


@pytest.mark.promise("metrics.2")
def test_public_figures_are_rounded_by_how_many_people_they_are_about(third: Evaluation) -> None:
    public = report.public(third, TIER)
    for r in public.results:
        alone = r.metric in SYNTHETIC_ONLY
        for x in (r.value, r.floor, r.ceiling):
            assert x is None or x == nearest(x, 0.01 if alone else step(r.metric, x, public.persons["holdout"]))
        assert r.subsampled is None
        assert r.n_ceiling is None
        assert r.interval is None or alone
        assert r.floor is None or r.metric in COUNTED
        assert r.scope.kind not in ("pair", "subgroup")
        assert r.remark is None or r.value is None
    assert [step("tvd", 0.5, people) for people in (None, 60, 200, 500, 1000)] == [0.1, 0.1, 0.05, 0.02, 0.01]
    assert [step("target_auc", 0.5, people) for people in (60, 1000)] == [0.1, 0.05]
    assert [step("propensity_ratio", x, 1000) for x in (0.1, 1.2, 7.0, 80.0)] == [0.5, 0.5, 5.0, 50.0]
    assert [nearest(x, 0.05) for x in (0.0, 0.024, 0.026, -0.4, 0.975)] == [0.0, 0.0, 0.05, -0.4, 1.0]
    assert public.rows == {"train": 2400, "holdout": 1100, "synthetic": third.rows["synthetic"]}


@pytest.mark.promise("metrics.4")
def test_bands_are_told_by_the_conditions_of_the_version_the_verdict_names(third: Evaluation, copied: Evaluation) -> None:
    for found, words in ((third, "no more than"), (copied, "more than")):
        for version in (2, 3):
            band = report.public(found, "publicly-sourced", version=version).find("collisions")
            assert band.remark.startswith(words)
            assert (band.value, band.n, band.interval, band.ceiling) == (None, None, None, None)
    # a share no condition hangs on is not told at all: one person could tip a bare comparison
    assert report.public(third, "structural", version=2).find("exposed_recognised") is None
    told = {r.metric for r in report.public(third, "publicly-sourced", version=2).results if DEFINITIONS[r.metric].told == "band"}
    assert "exposed_recognised" not in told
    assert not {r.metric for r in report.public(third, TIER).results if DEFINITIONS[r.metric].told == "withheld"}


@pytest.mark.promise("metrics.5")
def test_a_metric_that_failed_is_public_without_its_reason_and_the_reviewers_read_why(third: Evaluation) -> None:
    why = "too few of the 17 people of ward 9"
    broken = tuple(
        replace(r, value=None, failed=why, floor=None, ceiling=None, interval=None) if r.metric == "tvd_mean" else r for r in third.results
    )
    failed = replace(third, results=broken)
    verdict = judge(failed, TIER)
    assert report.public(failed, TIER).find("tvd_mean").failed == "not available"
    page = visible(report.html(failed, verdict, "public"))
    assert why not in page
    assert "Not measured: not available" in page
    assert why in report.html(failed, verdict)
    failing = judge(replace(third, results=tuple(r for r in third.results if r.metric != "structure")), TIER)
    assert "may not be released" in visible(report.html(third, failing, "public"))
