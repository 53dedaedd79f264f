"""The shared front end in a real browser, under the sites' content security policy."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser import kit
from tests.browser.inspection import LARGE, SMALL, overflow, serious_findings, watch

SHARED = Path(__file__).resolve().parent.parent.parent / "static" / "shared"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with kit.served(kit.html()) as address:
        yield address


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=LARGE)
    yield context.new_page()
    context.close()


def draw_charts(tab: Page) -> None:
    for chart in tab.locator("[data-chart]").all():
        chart.scroll_into_view_if_needed()
    tab.locator(".sp-chart:has(.main-svg)").nth(1).wait_for()


@pytest.mark.promise("pages.1")
def test_charts_draw_and_components_start_without_breaking_the_content_policy(tab: Page, address: str) -> None:
    complaints = watch(tab)
    tab.goto(address)
    draw_charts(tab)
    assert tab.locator(".sp-chart--drawn").count() == 2
    assert complaints == []


@pytest.mark.promise("pages.2")
@pytest.mark.parametrize("window", [LARGE, SMALL], ids=["large", "small"])
def test_axe_finds_nothing_serious_on_any_component(tab: Page, address: str, window: dict[str, int]) -> None:
    tab.set_viewport_size(window)
    tab.goto(address)
    draw_charts(tab)
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert serious_findings(tab) == []


@pytest.mark.promise("pages.3")
def test_no_component_is_wider_than_a_small_telephone(tab: Page, address: str) -> None:
    tab.set_viewport_size(SMALL)
    tab.goto(address)
    draw_charts(tab)
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert overflow(tab) is None


@pytest.mark.promise("pages.4")
def test_without_scripts_tables_stand_in_for_charts_and_forms_still_send(chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(address)
    assert not tab.locator(".sp-chart").first.is_visible()
    tab.locator("summary", has_text="The numbers in a table").first.click()
    assert tab.locator("figure table").first.is_visible()
    assert not tab.locator("[data-copy]").is_visible()
    assert tab.locator("button", has_text="Submit").is_enabled()
    context.close()


@pytest.mark.promise("pages.5")
def test_a_refused_button_is_disabled_beside_the_sentence_that_says_why(tab: Page, address: str) -> None:
    tab.goto(address)
    assert tab.locator("button", has_text="Approve").is_disabled()
    assert tab.get_by_text("You made this request: somebody else reviews it.").is_visible()


@pytest.mark.promise("pages.6")
def test_a_form_is_sent_once_however_often_its_button_is_clicked(tab: Page, address: str) -> None:
    sent: list[str] = []

    def taken(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(status=204)  # the page stays, as it does while an answer is on its way

    tab.route("**/sent", taken)
    tab.goto(address)
    tab.evaluate("document.querySelector('form').noValidate = true")
    tab.locator("button", has_text="Submit").click()
    tab.evaluate("document.querySelector('form').requestSubmit()")
    tab.wait_for_timeout(300)
    assert sent == ["POST"]


def test_errors_on_top_lead_to_their_fields(tab: Page, address: str) -> None:
    tab.goto(address)
    for link in tab.locator(".nhsuk-error-summary__list a").all():
        target = (link.get_attribute("href") or "").removeprefix("#")
        assert tab.locator(f'[id="{target}"]').count() == 1


def test_what_goes_wrong_with_a_field_is_read_out_with_it(tab: Page, address: str) -> None:
    tab.goto(address)
    described = tab.locator("#id_title").get_attribute("aria-describedby") or ""
    assert [tab.locator(f'[id="{each}"]').count() for each in described.split()] == [1, 1]


def test_hostile_text_in_charts_and_tables_is_text(tab: Page, address: str) -> None:
    tab.goto(address)
    draw_charts(tab)
    assert tab.locator("figure a").count() == 0
    assert tab.locator("svg .xtick text").first.text_content() == kit.HOSTILE


@pytest.mark.promise("pages.7")
def test_no_style_sheet_or_script_of_ours_calls_another_host() -> None:
    for file in [*SHARED.rglob("*.css"), *(SHARED / "js").glob("*.js")]:
        text = re.sub(r"http://www\.w3\.org/\S+", "", file.read_text())
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", text), file.name
        assert "@font-face" not in text, file.name


@pytest.mark.promise("pages.7")
def test_vendored_files_are_the_ones_that_were_recorded() -> None:
    recorded = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (SHARED / "VENDORED.sha256").read_text(), re.MULTILINE))
    found = {
        hashlib.sha256(file.read_bytes()).hexdigest(): file.relative_to(SHARED).as_posix()
        for folder in ("htmx", "nhsuk", "plotly")
        for file in sorted((SHARED / folder).rglob("*"))
        if file.is_file()
    }
    assert found == recorded
