"""Signing in and one's own account in a real browser, with a security key that the browser simulates: axe and a telephone's width."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page

from releases.models import SignIn
from releases.services import accounts
from tests.browser import inspection
from tests.browser.conftest import chromium as chromium
from tests.secure.world import PASSWORD, People

KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": False,
    "isUserVerified": False,
    "automaticPresenceSimulation": True,
}


def inspected(tab: Page) -> list[str]:
    """What is wrong with the page as it is, on a large screen and a small one."""
    tab.set_viewport_size(inspection.LARGE)
    faults = inspection.serious_findings(tab)
    tab.set_viewport_size(inspection.SMALL)
    wide = inspection.overflow(tab)
    tab.set_viewport_size(inspection.LARGE)
    return [f"{tab.url}: {fault}" for fault in [*faults, *([wide] if wide else [])]]


def with_password(tab: Page, site: str, email: str) -> None:
    tab.goto(site + reverse("sign-in"))
    tab.get_by_label("E-mail address").fill(email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.promise("account.16")
def test_a_security_key_is_added_and_used_in_a_browser_and_every_page_of_it_is_read_by_anybody(
    transactional_db: None, people: People, live_server: Any, settings: Any, chromium: Browser
) -> None:
    site = live_server.url
    settings.SYNTHPORTAL_URL = site
    tab = chromium.new_context(viewport=inspection.LARGE).new_page()
    devices = tab.context.new_cdp_session(tab)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    complaints = inspection.watch(tab)
    tab.goto(site + reverse("forgotten"))
    faults = inspected(tab)
    _, secret = accounts.create_account(people.administrator, email="ann@hospital.test", full_name="Ann New")
    tab.goto(site + reverse("open-link", args=[secret]))
    faults += inspected(tab)

    with_password(tab, site, people.administrator.email)
    tab.goto(site + reverse("add-app"))
    faults += inspected(tab)
    tab.goto(site + reverse("add-key"))
    faults += inspected(tab)
    tab.get_by_role("button", name="Use the key now").click()
    tab.get_by_role("button", name="Make new recovery codes").click()
    tab.get_by_text("Print these").wait_for()
    faults += inspected(tab)
    tab.get_by_role("link", name="I have kept them").click()
    tab.get_by_text("10 recovery codes left").wait_for()
    faults += inspected(tab)
    tab.get_by_role("link", name="Remove My security key").click()
    faults += inspected(tab)
    for name, account in (("account", people.ig), ("account-reset", people.ig), ("new-account", None)):
        tab.goto(site + reverse(name, args=[account.pk] if account else []))
        faults += inspected(tab)
    tab.get_by_label("Full name").fill("Bob New")
    tab.get_by_label("E-mail address").fill("bob@hospital.test")
    tab.get_by_role("button", name="Create the account").click()
    tab.get_by_text("This site sends no mail").wait_for()
    faults += inspected(tab)
    tab.goto(f"{site}{reverse('remove-role', args=[people.ig.pk])}?role=ig")
    faults += inspected(tab)

    tab.get_by_role("button", name="Sign out").click()
    with_password(tab, site, people.administrator.email)
    tab.get_by_role("heading", name="Second step").wait_for()
    faults += inspected(tab)
    tab.get_by_role("button", name="Use my security key").click()
    tab.wait_for_url(f"{site}/")
    assert SignIn.objects.filter(account=people.administrator, how="key", second_factor=True).exists()
    tab.context.close()
    assert faults == []
    assert complaints == []
