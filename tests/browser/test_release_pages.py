"""The pages of a release in a real browser: a desk, a telephone, a keyboard, no scripts, paper."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, Response

from releases.capsule.publish import publish
from tests.browser.inspection import LARGE, SMALL, heading_levels, overflow, serious_findings, watch
from tests.capsule.world import Publisher, attestation
from tests.public import visits_release
from tests.public.relational_release import publish_relational
from tests.public.running import Site, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VISITS = "/datasets/visits/v1/"
PAGES = (
    "/datasets/ed-visits/",
    "/datasets/visits/",
    "/datasets/two-tables/",
    f"{VISITS}rows/?sort=age&order=descending",
    "/datasets/two-tables/v1/columns/",
    "/datasets/ed-visits/v1/column/?table=visits&name=triage",
    f"{VISITS}load/",
    "/datasets/ed-visits/changes/",
    "/datasets/ed-visits/uses/",
    "/datasets/ed-visits/uses/tell/",
    "/datasets/ed-visits/v1/report/",
)
MOST = 300_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a release of two versions, one of many columns and examples, and one of two tables."""
    publisher = Publisher.new(tmp_path_factory.mktemp("release-pages"))
    publisher.publish()
    publisher.publish(version=2, rows=60)
    visits_release.main(publisher.folder)
    publish(publisher.folder / "capsule", publisher.lake, publisher.signer, attestation())
    publish_relational(publisher)
    with served(publisher) as site:
        yield site


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=LARGE)
    yield context.new_page()
    context.close()


@pytest.mark.promise("show.8")
@pytest.mark.promise("back.7")
def test_every_page_of_a_release_is_sound_on_a_desk_and_on_a_telephone(tab: Page, site: Site) -> None:
    complaints = watch(tab)
    for address in PAGES:
        tab.set_viewport_size(LARGE)
        answer = tab.goto(site.address + address)
        assert answer is not None
        assert answer.status == 200, address
        tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert serious_findings(tab) == []
        levels = heading_levels(tab)
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), (address, levels)
        tab.set_viewport_size(SMALL)
        assert overflow(tab) is None
    assert serious_findings(tab) == []
    assert complaints == []


@pytest.mark.promise("show.7")
def test_a_page_with_all_it_loads_is_light_and_charts_are_fetched_when_they_are_seen(tab: Page, site: Site) -> None:
    got: list[Response] = []
    tab.on("response", lambda answer: got.append(answer))
    for address in PAGES:
        got.clear()
        tab.goto(site.address + address, wait_until="load")
        # What lies still is kept compressed (`collectstatic`); the page itself is counted as it is written.
        sizes = {each.url: len(each.body() if each.request.resource_type == "document" else gzip.compress(each.body())) for each in got}
        drawn = [url for url in sizes if "plotly-basic" in url]
        assert sum(sizes.values()) - sum(sizes[url] for url in drawn) < MOST, (address, sizes)
        assert not drawn or tab.locator(".sp-chart--drawn").count()
    got.clear()
    tab.goto(f"{site.address}/datasets/ed-visits/")
    assert not [each for each in got if "plotly-basic" in each.url]
    assert tab.locator(".main-svg").count() == 0
    tab.locator("[data-chart]").first.scroll_into_view_if_needed()
    tab.locator("[data-chart]:has(.main-svg)").first.wait_for()
    assert len([each for each in got if "plotly-basic" in each.url]) == 1


@pytest.mark.promise("show.8")
def test_the_keyboard_finds_the_data_sorts_rows_and_opens_what_is_folded(tab: Page, site: Site) -> None:
    tab.goto(site.address + VISITS)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to main content"
    tab.get_by_role("link", name="Get the data").first.focus()
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#get")
    folded = tab.locator("summary", has_text="In polars, DuckDB")
    folded.focus()
    tab.keyboard.press("Enter")
    tab.get_by_text("SELECT * FROM").wait_for()
    tab.goto(f"{site.address}{VISITS}rows/")
    tab.get_by_role("link", name="age", exact=True).focus()
    tab.keyboard.press("Enter")
    tab.locator("th[aria-sort=ascending]", has_text="age").wait_for()
    region = tab.get_by_role("region", name="Table: Rows of")
    region.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(300)
    assert region.evaluate("(each) => each.scrollLeft") > 0


@pytest.mark.promise("show.7")
def test_without_scripts_everything_is_there_as_text_tables_and_links(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport=SMALL)
    tab = context.new_page()
    tab.goto(f"{site.address}/datasets/ed-visits/")
    assert not tab.locator("[data-chart]").first.is_visible()
    tab.locator("summary", has_text="The numbers in a table").first.click()
    assert tab.get_by_role("table", name="Columns agree").is_visible()
    assert tab.locator("#pandas-1").is_visible()
    assert not tab.locator("[data-copy=pandas-1]").is_visible()
    assert tab.locator(".sp-sparkline").count() == 2
    tab.get_by_role("link", name="Look at all rows, sort them").click()
    tab.get_by_role("link", name="triage").click()
    assert tab.locator("th[aria-sort=ascending]", has_text="triage").is_visible()
    tab.get_by_role("link", name="Next").click()
    assert tab.get_by_text("Rows 26 to 50 of 60").is_visible()
    context.close()


@pytest.mark.promise("show.8")
def test_on_paper_nothing_is_folded_away_and_nothing_asks_to_be_clicked(tab: Page, site: Site) -> None:
    tab.goto(f"{site.address}/datasets/ed-visits/")
    tab.emulate_media(media="print")
    assert tab.locator(".sp-reach").is_hidden()
    assert tab.locator("[data-copy]").first.is_hidden()
    assert tab.get_by_text("Mechanism (SHA-256)").is_visible()
    assert tab.get_by_role("table", name="Columns agree").is_visible()
    assert tab.locator(".sp-chart:not(.sp-chart--drawn):visible").count() == 0


@pytest.mark.promise("show.9")
def test_somebody_finds_a_release_understands_it_and_loads_it_by_the_line_they_copied(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(viewport=LARGE, permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    complaints = watch(tab)
    tab.goto(site.address)
    tab.get_by_role("searchbox").or_(tab.get_by_role("textbox")).first.fill("triage")
    tab.keyboard.press("Enter")
    tab.locator("main").get_by_role("link", name="Emergency department visits").first.click()
    tab.get_by_role("link", name="triage").first.click()
    assert tab.get_by_role("row", name="red").first.is_visible()
    tab.go_back()
    tab.get_by_role("link", name="Get the data").first.click()
    tab.get_by_role("button", name="Copy the pandas line").click()
    tab.get_by_role("button", name="Copied").wait_for()
    line = tab.evaluate("navigator.clipboard.readText()")
    program = [sys.executable, "-c", f"{line}; print(table.shape[1] > 2)"]
    loaded = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert loaded.stdout == "True\n", loaded.stderr
    assert complaints == []
    context.close()
