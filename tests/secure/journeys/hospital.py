"""The people of the hospital, each in a browser of their own, and what every page they come by is held to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from playwright.sync_api import Browser, BrowserContext, Locator, Page

from releases import jobs
from releases.models import ReleaseRequest
from tests.browser import inspection, pictures
from tests.secure import world as build

PATIENCE = 30_000
"""Milliseconds a page may take on a busy machine."""


@dataclass
class Hospital:
    """The secure site at `address`. inspected: kinds of pages somebody came by already; faults: what was found wrong with any."""

    browser: Browser
    address: str
    inspected: set[str]
    faults: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def signs_in(self, who: str) -> Person:
        """Somebody at their home page, who signed in by the form."""
        context = self.browser.new_context(viewport=inspection.LARGE)
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.faults.append(f"{page.url}: {message.text}") if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        person = Person(self, page)
        person.opens("/")
        page.get_by_label("E-mail address").fill(f"{who}@hospital.test")
        page.get_by_label("Password").fill(build.PASSWORD)
        person.presses("Sign in")
        assert "/sign-in/" not in page.url
        return person

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@dataclass
class Person:
    """Somebody with a browser. Every page they land on is inspected, once for each kind of page."""

    hospital: Hospital
    page: Page

    def opens(self, path: str) -> None:
        """Open an address of the site."""
        self.page.goto(f"{self.hospital.address}{path}")
        self.inspects()

    def opens_request(self, request: ReleaseRequest, beside: str = "") -> None:
        """Open the page of a request, or one beside it."""
        self.opens(f"/requests/{request.pk}/{beside}")

    def follows(self, words: str) -> None:
        """Follow the link that begins with these words."""
        self.page.get_by_role("link", name=re.compile(f"^{re.escape(words)}")).or_(
            self.page.get_by_role("button", name=re.compile(f"^{re.escape(words)}")).and_(self.page.locator("a"))
        ).first.click()
        self.inspects()

    def presses(self, words: str) -> None:
        """Press the button of these words, and land on the page it leads to; one at the same address asks again, and is another kind."""
        before = self.page.url
        self.page.get_by_role("button", name=words, exact=True).click()
        self.inspects(", asking again" if self.page.url == before else "")

    def is_refused(self, words: str, sentence: str) -> None:
        """Press the button, and read why it is not done; that the browser complains of the status is no fault of the page."""
        faults = self.hospital.faults
        before = len(faults)
        self.presses(words)
        self.sees(sentence)
        faults[before:] = [fault for fault in faults[before:] if not re.search(r"status of 4(03|09|22)", fault)]

    def writes(self, label: str, words: str) -> None:
        """Fill the first field whose label begins so."""
        self.page.get_by_label(re.compile(f"^{re.escape(label)}")).first.fill(words)

    def picks(self, label: str, within: Locator | None = None) -> None:
        """Check the box of exactly this label."""
        (within or self.page).get_by_label(label, exact=True).first.check()

    def sees(self, *sentences: str) -> None:
        """Each is on the page, and visible."""
        for words in sentences:
            self.page.get_by_text(words).first.wait_for()

    def sees_nothing_of(self, *sentences: str) -> None:
        """None is on the page, also not hidden."""
        for words in sentences:
            assert self.page.get_by_text(words).count() == 0, f"{self.page.url} says “{words}”"

    def waits_for_work(self) -> None:
        """The worker does what is waiting; then the page again."""
        jobs.perform_queued()
        self.page.reload()
        self.inspects()

    def pictures(self, name: str, top: str | None = None, tall: int = 1000) -> None:
        """A picture for the how-to pages, when new ones are wanted: from the element `top` (a selector) down."""
        pictures.take(self.page, f"how-to/{name}", top=self.page.locator(top) if top else None, tall=tall)

    def inspects(self, how: str = "") -> None:
        """Hold the page against what every page is held to, at the width of a desk and of a small telephone."""
        self.page.get_by_role("heading", level=1).first.wait_for()
        kind = re.sub(r"[0-9a-f-]{36}", "…", self.page.url.removeprefix(self.hospital.address).split("?")[0]) + how
        if kind in self.hospital.inspected:
            return
        self.hospital.inspected.add(kind)
        faults = self.hospital.faults
        faults += inspection.serious_findings(self.page)
        levels = inspection.heading_levels(self.page)
        if levels[0] != 1 or any(below - above > 1 for above, below in pairwise(levels)):
            faults.append(f"{self.page.url}: headings {levels}")
        self.page.set_viewport_size(inspection.SMALL)
        wide = inspection.overflow(self.page)
        faults += [wide] if wide else []
        faults += inspection.serious_findings(self.page)
        self.page.set_viewport_size(inspection.LARGE)

    # What several journeys have in common.

    def reviews(self, request: ReleaseRequest, decision: str = "Approve") -> None:
        """Answer the checklist and say what is decided; the next page repeats it."""
        if not self.page.url.endswith(f"{request.pk}/review/"):
            self.opens_request(request, "review/")
        for question in self.page.locator(".sp-check").all():
            self.picks("Yes", question)
        self.picks(decision)

    def signs(self, request: ReleaseRequest) -> None:
        """Approve, on the review page and on the page that repeats what is signed."""
        self.reviews(request)
        self.presses("Continue")
        self.presses("Sign and approve")
        self.sees("You approved this release.")
