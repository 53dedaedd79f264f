"""Finding a release in browsers: as it is typed, with the keyboard, on a telephone, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser import inspection
from tests.browser.conftest import chromium as chromium
from tests.capsule.world import Publisher
from tests.public.test_downloads import TakeIn
from tests.public.test_finding import CORPUS, column

LONG = "emergency_department_visits_of_2019_to_2026"
"""A table's name, which no line of a telephone holds."""


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    yield chromium
    for context in chromium.contexts:
        context.close()


@pytest.mark.browser
@pytest.mark.promise("find.9")
def test_a_release_is_found_while_somebody_types(
    browser: Browser, transactional_db: None, live_server: LiveServer, publisher: Publisher, take_in: TakeIn
) -> None:
    for each in CORPUS:
        columns = each.get("columns", [column(f"visit_{number}", "Age in years") for number in range(50)])
        schema = {"tables": [{"name": LONG, "columns": columns}]}
        publisher.publish(**{k: v for k, v in each.items() if k != "columns"}, schema=schema)
    assert take_in().refusal is None
    page = browser.new_context(viewport=inspection.LARGE).new_page()
    page.set_default_timeout(30_000)
    complaints = inspection.watch(page)
    page.goto(f"{live_server.url}/datasets/")
    count = page.get_by_role("status")
    expect(count).to_contain_text("5 datasets")
    box = page.get_by_role("searchbox")
    box.press_sequentially("hba1c", delay=20)
    expect(count).to_contain_text("2 datasets, best match first")
    expect(box).to_be_focused()
    expect(page).to_have_url(f"{live_server.url}/datasets/?q=hba1c")
    expect(page).to_have_title("hba1c – Synthetic data catalogue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Datasets for “hba1c”")
    expect(page.locator("article mark").first).to_have_text("HbA1c")
    tick = page.get_by_label("Pathology (1)")
    tick.focus()
    page.keyboard.press("Space")
    expect(count).to_contain_text("1 dataset,")
    expect(page.get_by_label("Pathology (1)")).to_be_focused()
    assert inspection.serious_findings(page) == []
    page.go_back()
    expect(count).to_contain_text("2 datasets")
    page.goto(f"{live_server.url}/datasets/?q=glycated+surgery")
    expect(page.get_by_role("heading", name="Nothing fits all of that")).to_be_visible()
    assert inspection.serious_findings(page) == []
    page.set_viewport_size(inspection.SMALL)
    page.goto(f"{live_server.url}/datasets/?q=hba1c&subject=Pathology")
    assert inspection.overflow(page) is None
    page.goto(f"{live_server.url}/datasets/{CORPUS[0]['slug']}/")
    assert inspection.overflow(page) is None, "nor where a sentence has a long name"
    assert complaints == []
    plain = browser.new_context(viewport=inspection.SMALL, java_script_enabled=False).new_page()
    plain.goto(f"{live_server.url}/datasets/")
    plain.get_by_role("searchbox").fill("hba1c")
    plain.get_by_role("button", name="Search").click()
    plain.get_by_text("Filter and sort").click()
    plain.get_by_label("Pathology (1)").check()
    plain.get_by_role("button", name="Show results").click()
    expect(plain.get_by_role("status")).to_contain_text("1 dataset,")
    expect(plain).to_have_url(f"{live_server.url}/datasets/?q=hba1c&subject=Pathology&sort=")
