"""What reviewers and the public get to read."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from evaluation import report
from evaluation.charts.columns import column_agreement
from evaluation.definitions import result
from evaluation.gates import judge
from evaluation.report.uses import use_lines
from evaluation.report.words import attack_lines, share
from evaluation.results import Chart, ChartTable, Evaluation, MetricResult, Scope
from generators.errors import InputError
from tests.browser.inspection import LARGE, SMALL, heading_levels, overflow, serious_findings, watch

HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>\u2028"
SECTIONS = (
    "If someone attacked it",
    "Is it any good for …",
    "Conditions for a release",
    "How much alike",
    "Is everybody served alike",
    "Methods",
)


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
    assert json.loads(figures)[third.charts[0].id]["data"]


@pytest.mark.promise("evaluate.18")
def test_the_report_names_the_hash_of_all_it_runs_and_allows_no_other(third: Evaluation) -> None:
    page = report.html(third, judge(third, "publicly-sourced"), "reviewers")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 4
    assert not re.findall(r'(?:src|href)="(?!#)', re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL))
    assert escape(third.charts[0].title) in page
    assert "95% interval" in page
    assert "scikit-learn" in page


@pytest.mark.promise("report.1")
def test_what_an_attacker_would_get_is_said_in_words(third: Evaluation, copied: Evaluation) -> None:
    safe = attack_lines(third, judge(third, "privately-sourced"))
    assert len(safe) == 4
    assert all(line.answer.startswith("No:") for line in safe)
    assert all(line.met is not False for line in safe)
    assert "no better than guessing" in safe[1].figure
    leaking = attack_lines(copied, judge(copied, "privately-sourced"))
    assert leaking[3].met is False
    assert leaking[3].answer.startswith("Perhaps: rows equal real rows more often than chance explains")
    assert leaking[3].figure.startswith("all of the rows")
    assert not any(line.answer.startswith("No") for line in leaking)
    assert "not met" in leaking[3].gate


@pytest.mark.promise("report.1")
def test_the_public_reads_of_attacks_what_the_conditions_say_and_no_figure(third: Evaluation, copied: Evaluation) -> None:
    for found in (third, copied):
        for tier in ("structural", "publicly-sourced", "privately-sourced"):
            lines = attack_lines(report.public(found, tier), judge(found, tier))
            assert {line.figure for line in lines} == {""}
            assert not re.search(r"\d", " ".join(line.answer for line in lines))
    assert attack_lines(report.public(copied, "structural"), judge(copied, "structural"))[3].answer.startswith("Perhaps")


@pytest.mark.promise("report.1")
def test_what_was_not_attacked_is_not_called_safe(third: Evaluation) -> None:
    nothing = replace(third, results=tuple(r for r in third.results if r.metric in ("rare_values", "structure")))
    lines = attack_lines(nothing, judge(nothing, "privately-sourced"))
    assert [line.answer.startswith("No:") for line in lines] == [False] * 4
    assert lines[1].answer.startswith(("This was not measured", "Not known"))


@pytest.mark.promise("report.1")
def test_shares_are_told_as_people_say_them() -> None:
    words = {
        0: "none",
        1: "all",
        0.5: "about half",
        0.0025: "about 1 in 400",
        0.00248: "about 1 in 400",
        1 / 7: "about 1 in 7",
        0.98: "98%",
    }
    assert {value: share(value) for value in words} == words


@pytest.mark.promise("report.2")
def test_what_the_release_is_good_for_is_said_by_use(third: Evaluation, shuffled: Evaluation) -> None:
    good = {line.use: line.good for line in use_lines(third)}
    assert good["To write and test software"] == good["To look at columns one by one"] == good["To see how columns go together"] == "yes"
    poor = {line.use: line for line in use_lines(shuffled)}
    assert poor["To look at columns one by one"].good == "yes"
    assert poor["To see how columns go together"].good == "no"
    assert "Do not look for relationships" in poor["To see how columns go together"].answer
    # the public is not told associations; pairs of columns say as much
    public = {line.use: line.good for line in use_lines(report.public(shuffled))}
    assert public["To see how columns go together"] == "no"
    assert "To train a model that predicts" not in {line.use for line in use_lines(report.public(shuffled, "structural"))}


@pytest.mark.promise("report.2")
def test_of_several_tables_the_worst_answers(third: Evaluation) -> None:
    scope = [Scope("table", (name,)) for name in ("a", "b")]
    both = replace(third, results=(result("tvd_mean", scope[0], 0.01), result("tvd_mean", scope[1], 0.4)))
    assert [line.good for line in use_lines(both)] == ["no"]
    unknown = replace(third, results=(result("tvd_mean", scope[0], None, failed="no rows"),))
    assert use_lines(unknown)[0].answer == "This was not measured."


@pytest.mark.promise("report.5")
def test_attempts_and_accepted_conditions_are_told_to_both_audiences(shuffled: Evaluation) -> None:
    verdict = judge(shuffled, "privately-sourced")
    soft = next(o.gate for o in verdict.outcomes if o.overridable)
    answered = judge(shuffled, "privately-sourced", overrides={soft: "not-needed-for-purpose"})
    for audience in ("reviewers", "public"):
        page = report.html(shuffled, answered, audience, attempts=7)
        assert "Versions made to choose from</dt><dd>7<" in page
        assert "their number is told" in page
        assert "accepted: the stated purpose does not need it" in page
        assert "Versions made" not in report.html(shuffled, answered, audience)


@pytest.mark.promise("report.5")
def test_the_answer_comes_before_the_evidence(third: Evaluation) -> None:
    for audience in ("reviewers", "public"):
        page = report.html(third, judge(third, "privately-sourced"), audience)
        places = [page.index(f">{section}</h2>") for section in SECTIONS if f">{section}</h2>" in page]
        assert places == sorted(places)
        assert len(places) >= 5
        assert page.index('class="verdict') < places[0]


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


@pytest.fixture(scope="module")
def pages(third: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of both audiences, and one of a table whose names are markup, as files. Of many columns alike a few are enough."""
    folder = tmp_path_factory.mktemp("reports")
    third = few_of_each(third)
    verdict = judge(third, "privately-sourced")
    written = {
        "reviewers": report.html(third, verdict, attempts=3),
        "public": report.html(third, verdict, "public", attempts=3),
        "hostile": report.html(hostile(third), verdict, title=HOSTILE),
    }
    for name, text in written.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in written}


def few_of_each(evaluation: Evaluation) -> Evaluation:
    """All kinds of result and of chart, of columns, pairs and groups a few of each."""
    counted: Counter[str] = Counter()
    kept = []
    for r in evaluation.results:
        counted[r.metric + r.scope.kind] += 1
        if counted[r.metric + r.scope.kind] <= 3:
            kept.append(r)
    charts = [c for c in evaluation.charts if not re.fullmatch(r"distribution-([3-9]|\d\d)", c.id)]
    shorter = (replace(c, table=ChartTable(c.table.columns, c.table.rows[:25])) for c in charts)
    return replace(evaluation, results=tuple(kept), charts=tuple(shorter))


def drawn(page: Page) -> None:
    """Scrolls through the report until every chart is drawn."""
    for place in page.locator("figure").all():
        place.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('.main-svg').length >= document.querySelectorAll('[data-chart]').length")


@pytest.mark.browser
@pytest.mark.promise("evaluate.18")
@pytest.mark.promise("evaluate.19")
@pytest.mark.promise("report.6")
@pytest.mark.parametrize("window", [LARGE, SMALL], ids=["desk", "telephone"])
@pytest.mark.parametrize("name", ["reviewers", "public", "hostile"])
def test_the_report_opens_offline_without_a_complaint(chromium: Browser, pages: dict[str, Path], name: str, window: dict[str, int]) -> None:
    context = chromium.new_context(viewport=window, offline=True)
    page = context.new_page()
    complaints = watch(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    drawn(page)
    assert complaints == []
    assert len(asked) == 1
    assert page.evaluate("window.ran") is None
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert overflow(page) is None
    levels = heading_levels(page)
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    context.close()


@pytest.mark.browser
@pytest.mark.promise("report.6")
@pytest.mark.parametrize(("name", "window"), [("reviewers", LARGE), ("public", SMALL)], ids=["desk", "telephone"])
def test_axe_finds_nothing_serious_in_the_report(chromium: Browser, pages: dict[str, Path], name: str, window: dict[str, int]) -> None:
    # axe is put into the page, which the report's own policy would refuse
    context = chromium.new_context(viewport=window, bypass_csp=True)
    page = context.new_page()
    page.goto(pages[name].as_uri())
    drawn(page)
    assert serious_findings(page) == []
    context.close()


@pytest.mark.browser
@pytest.mark.promise("evaluate.18")
def test_without_scripts_the_tables_stand_in_for_the_charts(chromium: Browser, pages: dict[str, Path]) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["reviewers"].as_uri())
    tables = page.locator("figure table")
    assert tables.count() == page.locator("figure").count() >= 12
    assert all(tables.nth(k).is_visible() for k in range(tables.count()))
    assert not page.locator(".chart").first.is_visible()
    context.close()


@pytest.mark.browser
@pytest.mark.promise("report.7")
@pytest.mark.parametrize("window", [LARGE, SMALL], ids=["desk", "telephone"])
def test_on_paper_every_chart_and_every_table_is_there_and_nothing_is_cut_off(
    chromium: Browser, pages: dict[str, Path], window: dict[str, int]
) -> None:
    context = chromium.new_context(viewport=window, offline=True)
    page = context.new_page()
    page.goto(pages["reviewers"].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })")
    # what printing does, held: the events that the browser sends, then the sheet's width and the print style
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 980})
    page.wait_for_function("document.querySelectorAll('.main-svg').length >= document.querySelectorAll('[data-chart]').length")
    hidden = page.evaluate(
        "() => [...document.querySelectorAll('section, figure, figure .chart svg.main-svg, table, .line')]"
        ".filter((e) => e.getBoundingClientRect().height < 4).map((e) => e.tagName + e.className)"
    )
    assert hidden == []
    assert (
        page.evaluate("() => Math.max(...[...document.querySelectorAll('table, .main-svg')].map((e) => e.getBoundingClientRect().right))")
        <= 689
    )
    assert overflow(page) is None
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    paper = page.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") + paper.count(b"/Type/Page/") >= 15
    context.close()
