"""The whole road in browsers: apply, referee, access officer, token, download, withdrawal, deletion confirmed."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from releases.capsule import feed
from releases.capsule.feed import NoticeKind
from releases.catalogue.access import accounts
from releases.catalogue.access.clock import tick
from tests.browser import inspection
from tests.browser.conftest import chromium as chromium
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_downloads import TakeIn


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    yield chromium
    for context in chromium.contexts:
        context.close()


def opened(browser: Browser, address: str) -> Page:
    """A page in a browser of its own."""
    page = browser.new_context(viewport=inspection.LARGE).new_page()
    page.set_default_timeout(30_000)
    page.goto(address)
    return page


def held(page: Page) -> None:
    """The page against what every page is held to, on a large window and on a small telephone."""
    assert inspection.serious_findings(page) == []
    page.set_viewport_size(inspection.SMALL)
    assert inspection.overflow(page) is None
    page.set_viewport_size(inspection.LARGE)


def mailed(to: str) -> str:
    """Send what waits; the link in the newest mail to that address."""
    tick()
    body = [str(message.body) for message in mail.outbox if message.to == [to]][-1]
    return re.findall(r"http://\S+/", body)[0]


def signed_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(build.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.browser
@pytest.mark.promise("grant.14")
@pytest.mark.promise("back.7")
def test_from_applying_to_a_confirmed_deletion(
    browser: Browser,
    transactional_db: None,
    live_server: LiveServer,
    publisher: Publisher,
    take_in: TakeIn,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.SYNTHPORTAL_URL = live_server.url
    notice = publisher.publish(rows=50, **build.SAFEGUARDED)
    take_in()
    (tmp_path / "certificate.pdf").write_bytes(build.PDF)
    # Registers.
    ada = opened(browser, f"{live_server.url}/datasets/{build.SLUG}/")
    complaints = inspection.watch(ada)
    ada.get_by_role("button", name="Apply for access").first.click()
    ada.get_by_role("link", name="Make an account").click()
    for label, text in (
        ("Your full name", "Ada Byron"),
        ("Your e-mail address at your institution", "ada@uni.ac.uk"),
        ("Your institution", "University"),
        ("What you are there", "Analyst"),
        ("Choose a password", build.PASSWORD),
    ):
        ada.get_by_label(label, exact=True).fill(text)
    held(ada)
    ada.get_by_role("button", name="Make the account").click()
    ada.get_by_role("heading", name="Look at your e-mail").wait_for()
    ada.goto(mailed("ada@uni.ac.uk"))
    held(ada)
    ada.get_by_label("The password you chose").fill(build.PASSWORD)
    ada.get_by_role("button", name="Confirm").click()
    held(ada)
    signed_in(ada, "ada@uni.ac.uk")
    ada.get_by_text("You have given no certificate yet.").wait_for()
    # Applies: a task list.
    ada.goto(f"{live_server.url}/datasets/{build.SLUG}/")
    ada.get_by_role("button", name="Apply for access").first.click()
    ada.get_by_role("button", name="Begin").click()
    held(ada)
    ada.get_by_role("link", name="Training").click()
    ada.get_by_label("Name of the training").fill("Data Security Awareness")
    ada.get_by_label("Last day it is valid").fill((timezone.localdate() + timedelta(days=90)).isoformat())
    ada.get_by_label("The certificate").set_input_files(str(tmp_path / "certificate.pdf"))
    held(ada)
    ada.get_by_role("button", name="Send the certificate").click()
    ada.get_by_role("link", name="Referee").click()
    ada.get_by_label("Their full name").fill("Mary Somerville")
    ada.get_by_label("Their e-mail address at their institution").fill("mary@uni.ac.uk")
    ada.get_by_label("Academic lead").check()
    ada.get_by_label("A page that shows them in this role").fill("https://www.uni.ac.uk/people/mary")
    held(ada)
    ada.get_by_role("button", name="Keep").click()
    ada.get_by_role("link", name="Purpose").click()
    ada.get_by_label("Research, not for profit").check()
    ada.get_by_label("What do you want to do with them?").fill(build.USE)
    ada.get_by_label("It is lawful and not commercial").check()
    ada.get_by_role("button", name="Keep").click()
    ada.get_by_role("link", name="Licence: read, sign and send").click()
    ada.get_by_label("I have read the End User Licence").check()
    ada.get_by_label("Type your full name").fill("Ada Byron")
    held(ada)
    ada.get_by_role("button", name="Sign and send").click()
    ada.get_by_text("We have written to your referee.").wait_for()
    held(ada)
    # The referee signs, by the link alone.
    mary = opened(browser, mailed("mary@uni.ac.uk"))
    held(mary)
    mary.get_by_label("I know this person").check()
    mary.get_by_label("I have read the End User Licence").check()
    mary.get_by_label("Type your full name").fill("Mary Somerville")
    mary.get_by_role("button", name="Sign as referee").click()
    mary.get_by_role("heading", name="Thank you").wait_for()
    # The access officer looks and decides.
    grace = opened(browser, accounts.add_officer(email="grace@trust.nhs.uk", full_name="Grace Okoro"))
    grace.get_by_label("Choose a password").fill(build.PASSWORD)
    grace.get_by_role("button", name="Set the password").click()
    signed_in(grace, "grace@trust.nhs.uk")
    held(grace)
    secret = grace.locator("code.sp-break").inner_text()
    grace.get_by_label("The six figures").fill(pyotp.TOTP(secret).now())
    grace.get_by_role("button", name="Go on").click()
    held(grace)
    grace.get_by_role("button", name="I have kept them").click()
    held(grace)
    grace.get_by_role("link", name="Ada Byron: Data Security Awareness").click()
    grace.get_by_label("Yes: the person").check()
    held(grace)
    grace.get_by_role("button", name="Keep").click()
    grace.get_by_role("link", name=f"Ada Byron: {build.SAFEGUARDED['title']}").click()
    held(grace)
    grace.get_by_role("button", name="Decide").click()
    grace.get_by_label("Grant access").check()
    grace.get_by_label("I opened the page named").check()
    held(grace)
    grace.get_by_role("button", name="Decide").click()
    grace.get_by_text("Your decision is on record").wait_for()
    # Ada makes a token, and a program downloads with it.
    ada.goto(f"{live_server.url}/account/")
    held(ada)
    ada.get_by_role("link", name="Make a token").click()
    ada.get_by_label("A name for it").fill("notebook")
    held(ada)
    ada.get_by_role("button", name="Make the token").click()
    held(ada)
    token = ada.locator("#token").inner_text()
    request = urllib.request.Request(live_server.url + build.FILE, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert answer.read() == (publisher.lake / notice.place / "data/visits.parquet").read_bytes()
    grace.goto(f"{live_server.url}/officer/downloads/")
    grace.get_by_text("token notebook").wait_for()
    held(grace)
    grace.goto(f"{live_server.url}/officer/grants/")
    held(grace)
    # Ada reports something; it is taken off display, answered and put back.
    ada.goto(f"{live_server.url}/datasets/{notice.slug}/v{notice.version}/report/")
    ada.get_by_label("I believe that it tells something about a real person").check()
    ada.get_by_label("What did you see, and where?").fill("The oldest row of the table.")
    ada.get_by_role("button", name="Send the report").click()
    ada.get_by_text("Report sent").wait_for()
    held(ada)
    grace.goto(f"{live_server.url}/officer/reports/")
    held(grace)
    grace.get_by_role("link", name="version 1").first.click()
    held(grace)
    grace.get_by_role("button", name="Take it off display now").click()
    grace.get_by_label("Your answer").fill("It is chance: nobody real is like this.")
    grace.get_by_role("button", name="Send the answer").click()
    grace.get_by_role("link", name="Put it back").click()
    held(grace)
    grace.get_by_label("Why may it be shown again?").fill("Looked into.")
    grace.get_by_role("button", name="Put it back").click()
    grace.get_by_text("Nothing is off display.").wait_for()
    held(grace)
    # Withdrawn: Ada is told, and confirms.
    feed.announce(publisher.lake, publisher.signer, NoticeKind.WITHDRAWN, about=notice, at=datetime.now(UTC), reason="Somebody could show.")
    take_in()
    ada.goto(mailed("ada@uni.ac.uk"))
    held(ada)
    ada.get_by_label("I have deleted every copy").check()
    ada.get_by_role("button", name="Confirm").click()
    ada.get_by_role("heading", name="Thank you").wait_for()
    grace.goto(f"{live_server.url}/officer/holders/")
    grace.get_by_text("Nobody owes an answer.").wait_for()
    held(grace)
    assert complaints == []
