"""Two reviewers of one capacity and the requester, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from releases.models import ReleaseRequest
from releases.services import requests
from tests.browser import inspection
from tests.browser.conftest import chromium as chromium
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.test_deliberation import asks


@pytest.fixture
def submitted(committed_world: World) -> ReleaseRequest:
    request = requests.submit(committed_world.people.steward, committed_world.ready)
    asks(request, signatures={"ig": 2})
    return request


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    yield chromium
    for context in chromium.contexts:
        context.close()


def signed_in(browser: Browser, address: str, who: str) -> Page:
    page = browser.new_context(viewport=inspection.LARGE).new_page()
    page.set_default_timeout(30_000)
    page.goto(address)
    page.get_by_label("E-mail address").fill(f"{who}@hospital.test")
    page.get_by_label("Password").fill(build.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).wait_for()
    return page


def held(page: Page) -> None:
    """The page against what every page is held to, on a large window and on a small telephone."""
    assert inspection.serious_findings(page) == []
    page.set_viewport_size(inspection.SMALL)
    assert inspection.overflow(page) is None
    assert inspection.serious_findings(page) == []
    page.set_viewport_size(inspection.LARGE)


def sides(page: Page) -> dict[str, float]:
    """How far the checklist begins to the right of the evidence's end, and how far below it; measured at one moment."""
    return dict(
        page.evaluate(
            """() => {
              const box = name => document.querySelector(".sp-review__" + name).getBoundingClientRect();
              const [evidence, checklist] = [box("evidence"), box("checklist")];
              return { right: checklist.left - evidence.right, below: checklist.top - evidence.bottom };
            }"""
        )
    )


@pytest.mark.browser
@pytest.mark.promise("marks.9", "marks.10")
def test_two_reviewers_mark_blindly_the_requester_answers_and_both_see_all_after_both_have_signed(
    browser: Browser, live_server: LiveServer, submitted: ReleaseRequest
) -> None:
    first, second, author = (signed_in(browser, live_server.url, who) for who in ("ig", "other_ig", "steward"))
    where = f"{live_server.url}/requests/{submitted.pk}"
    for page, mark, words in ((first, "Question", "Which years are these?"), (second, "Fine", "It reads well.")):
        page.goto(f"{where}/review/")
        page.get_by_role("link", name="Mark it item by item").click()
        about = page.locator("section").filter(has=page.get_by_role("heading", name="The description"))
        about.get_by_label(mark, exact=True).check()
        about.locator("textarea").fill(words)
        about.get_by_role("checkbox").check()
        page.get_by_role("button", name="Keep these marks").click()
        page.get_by_text("Your mark is kept.").wait_for()
        held(page)
    for page, other in ((first, "It reads well."), (second, "Which years are these?")):
        for name in ("", "marks/", "review/"):
            page.goto(f"{where}/{name}")
            assert page.get_by_text(other).count() == 0
    author.goto(f"{where}/")
    author.get_by_role("link", name="What the reviewers ask and say").click()
    assert author.get_by_text("It reads well.").count() == 0  # a question comes at once, the rest with the decision
    author.locator("textarea").fill("2019 to 2024.")
    held(author)
    author.get_by_role("button", name="Send these answers").click()
    author.get_by_text("Your answers are with the reviewers.").wait_for()
    for page in (first, second):
        page.goto(f"{where}/review/")
        held(page)
        assert sides(page)["right"] >= 0
        page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
        assert page.get_by_role("heading", name="Checklist").is_visible()
        assert page.locator("#checklist").evaluate("e => e.getBoundingClientRect().top") < 200  # it stays beside what is read
        page.set_viewport_size(inspection.SMALL)
        assert sides(page)["below"] >= 0
        page.set_viewport_size(inspection.LARGE)
        for question in page.locator(".sp-check").all():
            question.get_by_label("Yes", exact=True).check()
        page.get_by_label("Approve", exact=True).check()
        page.get_by_role("button", name="Continue").click()
        held(page)
        page.get_by_role("button", name="Sign and approve").click()
        page.get_by_text("You approved this release.").wait_for()
    for page, other in ((first, "It reads well."), (second, "2019 to 2024.")):
        page.goto(f"{where}/marks/")
        page.get_by_text(other).wait_for()
