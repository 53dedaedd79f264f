"""What reviewers and the public get to read."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from playwright.sync_api import Browser, sync_playwright

from evaluation import report
from evaluation.charts.cells import MISSING, OTHER, cells
from evaluation.charts.columns import column_agreement, distribution
from evaluation.definitions import DEFINITIONS
from evaluation.gates import judge
from evaluation.results import Chart, ChartTable, Evaluation, MetricResult, Scope
from generators.errors import InputError
from generators.schema import ColumnSchema, Kind, TableSchema
from tests.evaluation.conftest import INTERNAL, World

HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>\u2028"


def numbers_in(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for v in value.values() for n in numbers_in(v)]
    if isinstance(value, (list, tuple)):
        return [n for v in value for n in numbers_in(v)]
    return [float(value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


@pytest.mark.promise("evaluate.21")
def test_json_gives_back_the_same_evaluation_and_refuses_another_shape(third: Evaluation) -> None:
    assert Evaluation.from_json(third.to_json()) == third
    raw = json.loads(third.to_json())
    for change, sentence in (
        ({**raw, "surprise": 1}, "unknown field surprise"),
        ({k: v for k, v in raw.items() if k != "seed"}, "missing field seed"),
        ({**raw, "format": 2}, "format 2"),
        ({**raw, "results": [{**raw["results"][0], "value": "7"}]}, "value must be a number"),
        ([], "must be an object"),
    ):
        with pytest.raises(InputError, match=sentence):
            Evaluation.from_dict(change)
    with pytest.raises(InputError, match="NaN"):
        Evaluation.from_json('{"seed": NaN}')
    with pytest.raises(InputError, match="line 1"):
        Evaluation.from_json("{")


@pytest.mark.promise("evaluate.21")
def test_a_result_is_finite_or_says_why_not() -> None:
    words = {"metric": "tvd", "scope": Scope("table", ("t",)), "direction": "lower", "meaning": "", "source": ""}
    for value, more in ((float("nan"), {}), (1.0, {"ceiling": float("inf")}), (None, {})):
        with pytest.raises(InputError):
            MetricResult(value=value, **words, **more)
    with pytest.raises(InputError, match="scope must be one of"):
        Scope("planet")


@pytest.mark.promise("evaluate.14")
def test_no_cell_is_about_fewer_persons_than_the_minimum_on_either_real_side(tmp_path: Path) -> None:
    columns = (
        ColumnSchema("who", Kind.IDENTIFIER, "string"),
        ColumnSchema("ward", Kind.CATEGORICAL, "string"),
        ColumnSchema("cost", Kind.REAL, "float64"),
        ColumnSchema("day", Kind.DATE, "date32"),
        ColumnSchema("clock", Kind.TIME, "string", format="%H:%M"),
        ColumnSchema("age", Kind.INTEGER, "int64"),
    )
    small = World(TableSchema("t", columns, person_key="who"), tmp_path)
    rng = np.random.default_rng(0)
    frames = {}
    for name, n in (("train", 400), ("holdout", 90), ("made", 300)):
        # ten rows of one person with a ward, an age and a cost of their own
        ward = [
            *rng.choice([f"w{i}" for i in range(40)], n - 10, p=np.geomspace(1, 0.01, 40) / np.geomspace(1, 0.01, 40).sum()),
            *["alone"] * 10,
        ]
        frames[name] = pa.table(
            {
                "who": [*(f"{name}{i // 2}" for i in range(n - 10)), *["one"] * 10],
                "ward": [None if i % 60 == 0 else w for i, w in enumerate(ward)],
                "cost": [*rng.lognormal(3, 1.5, n - 10), *[123_456.789] * 10],
                "day": pa.array([*rng.integers(18_000, 19_000, n - 10), *[9_999] * 10], pa.int32()).cast(pa.date32()),
                "clock": [f"{h:02d}:30" for h in [*rng.integers(8, 20, n - 10), *[3] * 10]],
                "age": [*rng.integers(20, 70, n - 10), *[107] * 10],
            }
        )
        small.write(name, frames[name])
    c = small.compare("made")
    for column in columns[1:]:
        found = cells(c, column)
        assert found is not None
        assert "alone" not in found.labels
        assert not [x for x in found.labels if "107" in x or "123" in x or "1997" in x or x.startswith("03")]
        for side, people in (("train", c.people), ("holdout", c.held_out)):
            frame = frames[side].to_pandas()
            if column.name == "ward":
                shown = {x for x in found.labels if x not in (OTHER, MISSING)}
                groups = [frame.ward == x for x in shown] + [frame.ward.isna() if MISSING in found.labels else frame.ward == "w0"]
                if OTHER in found.labels:
                    groups.append(~frame.ward.isin(shown) & (frame.ward.notna() | (MISSING not in found.labels)))
                assert all(len(set(people[g.to_numpy()])) >= INTERNAL.minimum for g in groups)
        assert sum(found.real) == pytest.approx(1, abs=0.01)
    age = cells(c, columns[5])
    edges = sorted({int(x) for label in age.labels for x in re.findall(r"\d+", label)})
    frame = frames["holdout"].to_pandas()
    bins = np.searchsorted([int(re.findall(r"\d+", label)[0]) for label in age.labels[1:]], frame.age, side="right")
    assert edges
    assert all(len(set(c.held_out[bins == k])) >= INTERNAL.minimum for k in range(len(age.labels)))


@pytest.mark.promise("evaluate.14")
def test_a_column_of_too_few_people_has_no_chart(tmp_path: Path) -> None:
    column = ColumnSchema("x", Kind.REAL, "float64")
    small = World(TableSchema("t", (column,)), tmp_path)
    small.write("train", pa.table({"x": [1.5, 2.5, *[None] * 50]}))
    small.write("holdout", pa.table({"x": pa.array([None] * 20, pa.float64())}))
    small.write("made", pa.table({"x": [1.5] * 9}))
    assert distribution(small.compare("made"), column, 0) is None


@pytest.mark.promise("evaluate.14")
def test_shares_come_from_rounded_counts(world: World) -> None:
    c = world.compare("third")
    found = cells(c, world.schema.column("sex"))
    train = world.table("train")["sex"].to_pylist()
    rounded = [INTERNAL.rounded(train.count(x)) for x in found.labels]
    assert found.real == pytest.approx([n / sum(rounded) for n in rounded], abs=1e-4)
    assert found.real[0] != train.count(found.labels[0]) / len(train)


@pytest.mark.promise("evaluate.15")
def test_each_chart_has_one_message_its_numbers_and_words(third: Evaluation, world: World) -> None:
    wanted = {"column-agreement", "association-map", "association-differences", "plane", "propensity-scores", "discriminator-scores"}
    assert wanted | {"attack-risks", "subgroups", "predictions", "distribution-0"} <= {c.id for c in third.charts}
    for chart in third.charts:
        assert chart.title
        assert chart.alternative
        assert "bdata" not in json.dumps(chart.figure)
        assert {t["type"] for t in chart.figure["data"]} <= {"bar", "scatter"}
        if chart.id not in ("association-map", "plane", "attack-roc"):
            assert {len(t["x"]) for t in chart.figure["data"]} == {len(chart.table.rows)}
        assert {len(row) for row in chart.table.rows} == {len(chart.table.columns)}
    assert len({c.id for c in third.charts}) == len(third.charts)


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


def test_a_report_is_for_a_known_audience_and_reviewers_need_the_whole_evaluation(third: Evaluation) -> None:
    verdict = judge(third, "publicly-sourced")
    with pytest.raises(InputError, match="a report is for one of"):
        report.html(third, verdict, "everybody")
    with pytest.raises(InputError, match="only the public form"):
        report.html(report.public(third), verdict, "reviewers")


def hostile(third: Evaluation) -> Evaluation:
    """The same evaluation of a table whose names and categories are markup."""
    results = tuple(
        replace(r, scope=Scope(r.scope.kind, (HOSTILE, *(HOSTILE for _ in r.scope.names[1:]))), remark=HOSTILE) for r in third.results[:60]
    )
    chart = third.charts[0]
    named = replace(chart, title=HOSTILE, alternative=HOSTILE, table=ChartTable((HOSTILE, "x"), ((HOSTILE, 1.0),)))
    drawn: list[Chart | None] = [
        named,
        column_agreement([replace(r, scope=Scope("column", ("t", HOSTILE))) for r in third.of("tvd", "column")]),
    ]
    return replace(third, table=HOSTILE, results=results, charts=tuple(c for c in drawn if c), notes=(HOSTILE,))


@pytest.mark.promise("evaluate.19")
def test_names_that_look_like_markup_are_escaped(third: Evaluation) -> None:
    page = report.html(replace(hostile(third), charts=hostile(third).charts[:1]), judge(third, "publicly-sourced"), "reviewers", HOSTILE)
    assert "<script>window.ran" not in page
    assert "<img" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    figures = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL).group(1)
    assert not re.search("[<>&\u2028]", figures)
    assert json.loads(figures)["column-agreement"]["data"]


@pytest.mark.promise("evaluate.18")
def test_the_report_names_the_hash_of_all_it_runs_and_allows_no_other(third: Evaluation) -> None:
    page = report.html(third, judge(third, "publicly-sourced"), "reviewers")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 4
    assert not re.findall(r'(?:src|href)="', re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL))
    assert third.charts[0].title in page
    assert "95% interval" in page
    assert "scikit-learn" in page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is absent: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.mark.browser
@pytest.mark.promise("evaluate.18")
@pytest.mark.promise("evaluate.19")
@pytest.mark.parametrize("width", [1100, 320])
def test_the_report_opens_offline_without_a_complaint_on_a_desk_and_on_a_telephone(
    chromium: Browser, third: Evaluation, tmp_path: Path, width: int
) -> None:
    (tmp_path / "report.html").write_text(report.html(third, judge(third, "publicly-sourced")), encoding="utf-8")
    (tmp_path / "hostile.html").write_text(report.html(hostile(third), judge(third, "publicly-sourced"), title=HOSTILE), encoding="utf-8")
    context = chromium.new_context(viewport={"width": width, "height": 800}, offline=True)
    for name in ("report", "hostile"):
        page = context.new_page()
        told: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, told=told: told.append(message.text))
        page.on("pageerror", lambda error, told=told: told.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto((tmp_path / f"{name}.html").as_uri())
        page.locator("figure").first.scroll_into_view_if_needed()
        page.wait_for_selector(".js-plotly-plot .main-svg", timeout=20_000)
        assert told == []
        assert len(asked) == 1
        assert page.evaluate("window.ran") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.browser
@pytest.mark.promise("evaluate.18")
def test_without_scripts_and_on_paper_the_tables_stand_in_for_the_charts(chromium: Browser, third: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report.html(third, judge(third, "publicly-sourced")), encoding="utf-8")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    tables = page.locator("figure table")
    assert tables.count() == len(third.charts)
    assert all(tables.nth(k).is_visible() for k in range(tables.count()))
    assert not page.locator(".chart").first.is_visible()
    context.close()
