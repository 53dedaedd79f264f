"""The whole path as people walk it, one method a step: every page they come by is inspected."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import inspection, pictures
from tests.browser.inspection import LARGE, SMALL
from tests.browser.running import ADMINISTRATOR, AUDITOR, PASSWORD, REVIEWER, STEWARD, RunningSites

PATIENCE = 240.0
"""Seconds any one job may take on a busy machine."""


@dataclass
class Journey:
    """One walk through both sites. scripts: whether JavaScript runs; pictured: whether pictures for the documentation are taken."""

    sites: RunningSites
    browser: Browser
    scripts: bool = True
    pictured: bool = False
    faults: list[str] = field(default_factory=list)
    inspected: set[str] = field(default_factory=set)
    contexts: list[BrowserContext] = field(default_factory=list)

    def visitor(self) -> Page:
        """Somebody's browser, with no cookies."""
        context = self.browser.new_context(viewport=LARGE, java_script_enabled=self.scripts, accept_downloads=True)
        context.set_default_timeout(30_000)
        self.contexts.append(context)
        page = context.new_page()
        self.faults_of(page)
        return page

    def faults_of(self, page: Page) -> None:
        page.on("console", lambda message: self.faults.append(f"{page.url}: {message.text}") if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))

    def close(self) -> None:
        for context in self.contexts:
            context.close()

    def inspect(self, page: Page, picture: str | None = None, tall: int = 1500) -> None:
        """Hold the page against what every page is held to, once for each kind of page. Without scripts only its width can be told."""
        if picture and self.pictured:
            pictures.take(page, picture, tall=tall)
        kind = re.sub(r"[0-9a-f-]{36}|/datasets/[^/]+", "…", page.url.split("?")[0])
        if kind in self.inspected or not self.scripts:
            return
        self.inspected.add(kind)
        self.faults += inspection.serious_findings(page)
        page.set_viewport_size(SMALL)
        wide = inspection.overflow(page)
        if wide:
            self.faults.append(wide)
        self.faults += inspection.serious_findings(page)
        page.set_viewport_size(LARGE)

    # The steps, in order.

    def sign_in(self, email: str) -> Page:
        page = self.visitor()
        page.goto(f"{self.sites.secure}/")
        self.inspect(page)
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1).wait_for()
        assert "/sign-in/" not in page.url
        return page

    def register(self, page: Page, title: str, file: Path) -> None:
        page.goto(f"{self.sites.secure}/sources/new/")
        page.get_by_label("Name of the dataset").fill(title)
        page.get_by_label("What is in it?").fill("Made-up records for a test of the whole path.")
        page.get_by_label("Data controller").fill("A hospital of the tests")
        page.get_by_label("Subject").fill("emergency care")
        self.inspect(page)
        page.get_by_role("button", name="Register").click()
        page.locator("input[type=file]").set_input_files(file)
        self.inspect(page)
        page.get_by_role("button", name="Send").click()
        self.follow(page, "Confirm the schema")

    def confirm_schema(self, page: Page) -> None:
        for select in page.locator("select[name$='-person']").all():
            if select.input_value() == "":
                select.select_option("-none-")
        self.inspect(page, "how-to/schema")
        page.get_by_role("button", name="Confirm: this is what the data hold").click()
        self.inspect(page)
        page.get_by_role("button", name="Make the working copy and destroy the original").click()
        self.follow(page, "Go to the dataset")
        self.inspect(page)

    def summarise(self, page: Page) -> None:
        page.get_by_role("button", name="Make a metadata summary").click()
        page.get_by_label("Public", exact=True).check()
        self.inspect(page)
        page.locator("main form button[type=submit]").first.click()
        self.follow(page, "See exactly what would leave")
        self.draw(page)
        self.inspect(page, "summary")

    def ask(self, page: Page, title: str, generator: str) -> None:
        """A request with its purpose and every variable justified."""
        page.goto(f"{self.sites.secure}/sources/")
        page.get_by_role("link", name=title).first.click()
        page.get_by_role("link", name="Ask for a release").click()
        page.get_by_label("Name of the release you are asking for").fill(title)
        self.inspect(page)
        page.get_by_role("button", name="Begin").click()
        self.inspect(page)
        page.get_by_role("link", name="Purpose").click()
        page.get_by_label("Code development").check()
        page.get_by_label("Who will use it, and what for?").fill("Students who write code before they get access.")
        page.get_by_label("Description shown to the public").fill("Made-up visits to an emergency department.")
        page.get_by_label(re.compile("^Structural" if generator == "structural" else "^Publicly-sourced")).check()
        page.get_by_label(re.compile("^Open")).check()
        self.inspect(page)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="Variables and why").click()
        page.locator("#every").check()
        page.locator("#why-all").fill("The exercises use it.")
        self.inspect(page)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="What somebody would predict").click()
        page.locator("main input[type=checkbox]").first.check()
        self.inspect(page)
        page.get_by_role("button", name="Save").click()

    def generate(self, page: Page, generator: str, rows: int) -> None:
        page.get_by_role("link", name="Method and data").click()
        page.locator(f"input[name=method][value={generator}]").check()
        self.inspect(page, "how-to/methods")
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("How many rows?").fill(str(rows))
        self.inspect(page)
        page.locator("main form button[type=submit]").first.click()
        self.follow(page, "Watch the evaluation", "See the version")
        if "/versions/" not in page.url:
            self.follow(page, "See the evidence")
        self.draw(page)
        self.inspect(page, "how-to/evidence")

    def submit(self, page: Page) -> None:
        page.get_by_role("button", name="Choose this version").click()
        self.inspect(page)
        request = page.url
        page.get_by_role("link", name="Which one should I release?").click()
        self.draw(page)
        self.inspect(page)
        page.goto(request)
        answer = page.get_by_role("link", name="Answer what is not met")
        if answer.count():
            answer.click()
            for choice in page.locator("main select").all():
                choice.select_option("not-needed-for-purpose")
            for sentence in page.locator("main textarea").all():
                sentence.fill("The exercises do not rest on it.")
            self.inspect(page, "how-to/not-met", tall=1100)
            page.get_by_role("button", name="Save these answers").click()
        page.get_by_role("link", name=re.compile("^Submit")).click()
        self.inspect(page)
        page.get_by_role("button", name="Submit for review").click()
        page.get_by_text("The request is with the reviewers.").wait_for()

    def review(self, title: str) -> None:
        """Information Governance reads, answers the checklist, and signs."""
        page = self.sign_in(REVIEWER)
        self.inspect(page, "home")
        page.get_by_role("link", name=re.compile(re.escape(title))).first.click()
        review = page.get_by_role("button", name="Review this request")
        if review.count():
            review.click()
        self.draw(page)
        self.inspect(page, "review")
        for field_set in page.locator(".sp-check").all():
            field_set.get_by_label("Yes", exact=True).check()
        page.get_by_label("Approve", exact=True).check()
        page.get_by_role("button", name="Continue").click()
        self.inspect(page)
        page.get_by_role("button", name="Sign and approve").click()
        page.get_by_role("heading", level=1).wait_for()

    def look_around(self, title: str) -> None:
        """The pages beside the way of a release: lists, accounts, the audit trail, further forms, what is not there."""
        page = self.sign_in(STEWARD)
        for path in ("/sources/", "/requests/", "/password/"):
            page.goto(f"{self.sites.secure}{path}")
            self.inspect(page)
        page.goto(f"{self.sites.secure}/sources/")
        page.get_by_role("link", name=title).first.click()
        source = page.url
        for beside in ("stewards/", "data/", "requests/new/"):
            page.goto(f"{source}{beside}")
            self.inspect(page)
        page.get_by_label("Name of the release you are asking for").fill(f"{title}, given up")
        page.get_by_role("button", name="Begin").click()
        page.goto(f"{page.url}cancel/")
        self.inspect(page)
        self.inspect_absent(page, f"{self.sites.secure}/nowhere/")
        page = self.sign_in(ADMINISTRATOR)
        for path in ("/accounts/", "/accounts/new/", "/drills/", "/drills/new/"):
            page.goto(f"{self.sites.secure}{path}")
            self.inspect(page)
        page.goto(f"{self.sites.secure}/accounts/")
        page.get_by_role("link", name="Ira Reviewer").first.click()
        self.inspect(page)
        page = self.sign_in(REVIEWER)
        for path in ("/releases/", "/policy-check/?gates=2", "/drills/", "/notices/", "/notices/mail/", "/register/"):
            page.goto(f"{self.sites.secure}{path}")
            self.inspect(page)
        page.goto(f"{self.sites.secure}/releases/")
        page.get_by_role("link", name=title).first.click()
        self.inspect(page)
        page.get_by_role("link", name="Suspend this release").click()
        self.inspect(page)
        self.draft_a_policy(page, title)
        page = self.sign_in(AUDITOR)
        page.goto(f"{self.sites.secure}/audit/")
        self.inspect(page)
        page.get_by_role("button", name="Check the list now").click()
        page.get_by_text("The list is whole.").wait_for()
        page.get_by_text("published release compared").wait_for()
        self.inspect(page)
        page.goto(f"{source}custody/")
        self.inspect(page)
        page = self.visitor()
        for path in ("/patients/", "/register/"):
            page.goto(f"{self.sites.public}{path}")
            self.inspect(page)
        page.goto(f"{self.sites.public}/datasets/?q=nothingofthename")
        self.inspected.discard(page.url.split("?")[0])  # the page of no results is another one
        self.inspect(page)
        self.inspect_absent(page, f"{self.sites.public}/nowhere/")

    def draft_a_policy(self, page: Page, title: str) -> None:
        """A draft of the release policy, what it would change, and given up again; then the form of a standing approval."""
        page.goto(f"{self.sites.secure}/policies/")
        self.inspect(page)
        page.get_by_role("button", name="Begin a draft").click()
        page.get_by_label("What does it change, and why?").fill("Reviewers are to decide within a day.")
        page.get_by_label("A decision is promised within (working days)").first.fill("1")
        self.inspect(page)
        page.get_by_role("button", name="Save, and see what it would change").click()
        page.get_by_text("1 working day", exact=True).first.wait_for()
        self.inspect(page)
        draft = page.url
        for path in ("put-in-force/", "discard/"):
            page.goto(f"{draft}{path}")
            self.inspect(page)
        page.get_by_role("button", name="Discard the draft").click()
        page.get_by_text("The draft is discarded.").wait_for()
        page.goto(f"{self.sites.secure}/standing-approvals/")
        self.inspect(page)
        page.goto(f"{self.sites.secure}/requests/")
        page.get_by_role("link", name=title).first.click()
        page.goto(f"{page.url}standing-approval/")
        page.get_by_text("complete data protection impact assessment").wait_for()
        self.inspect(page)

    def withdraw(self, title: str, address: str) -> None:
        """Information Governance takes the release back; the public site's page at `address` says so once it has heard of it."""
        page = self.sign_in(REVIEWER)
        page.goto(f"{self.sites.secure}/releases/")
        page.get_by_role("link", name=title).first.click()
        page.get_by_role("link", name="Withdraw this release for good").click()
        self.inspect(page)
        page.get_by_label("There is an error in the data").check()
        page.get_by_label("One sentence for the public").fill("The arrival times were shifted.")
        page.get_by_label("What people inside should know").fill("Seen by the warehouse.")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="Withdraw this release?").wait_for()
        self.inspected.discard(re.sub(r"[0-9a-f-]{36}", "…", page.url))  # the page that asks again has the same address
        self.inspect(page)
        page.get_by_role("button", name="Withdraw the release").click()
        page.get_by_text("The release is withdrawn.").wait_for()
        page, before = self.visitor(), len(self.faults)
        deadline = time.monotonic() + PATIENCE
        while True:
            page.goto(address)
            if page.get_by_text("was withdrawn").count():
                break
            assert time.monotonic() < deadline, "the public site did not hear of the withdrawal"
            page.wait_for_timeout(500)
        page.get_by_text("The arrival times were shifted.").wait_for()
        kind = re.sub(r"/datasets/[^/]+", "…", page.url)
        self.inspected.discard(kind)
        self.inspect(page)
        self.faults[before:] = [fault for fault in self.faults[before:] if "status of 410" not in fault]

    def inspect_absent(self, page: Page, address: str) -> None:
        """The page for an address that leads nowhere; that the browser complains of the status is no fault of the page."""
        before = len(self.faults)
        page.goto(address)
        self.faults[before:] = [fault for fault in self.faults[before:] if "status of 404" not in fault]
        self.inspect(page)

    def find(self, title: str) -> Page:
        """The dataset's page on the public site, found by searching, once it is there."""
        page = self.visitor()
        page.goto(self.sites.public)
        self.inspect(page)
        hit = page.get_by_role("link", name=title)
        deadline = time.monotonic() + PATIENCE
        while True:
            page.goto(f"{self.sites.public}/datasets/?q={title.split()[-1]}")
            if hit.count():
                break
            assert time.monotonic() < deadline, "the release did not reach the public site"
            page.wait_for_timeout(500)
        self.inspect(page)
        hit.first.click()
        self.draw(page)
        self.inspect(page, "dataset")
        return page

    def download(self, page: Page, folder: Path) -> Path:
        """The capsule, as a researcher downloads it."""
        with page.expect_download() as started:
            page.get_by_role("button", name="Download everything (zip)").or_(
                page.get_by_role("link", name="Download everything (zip)")
            ).click()
        target = folder / started.value.suggested_filename
        started.value.save_as(target)
        return target

    def walk(self, title: str, file: Path, generator: str, rows: int) -> Page:
        """All of it, up to the dataset's page on the public site."""
        page = self.sign_in(STEWARD)
        self.inspect(page)
        self.register(page, title, file)
        self.confirm_schema(page)
        self.summarise(page)
        self.ask(page, title, generator)
        self.generate(page, generator, rows)
        self.submit(page)
        self.review(title)
        return self.find(title)

    def follow(self, page: Page, *names: str) -> None:
        """Wait for a run to succeed and follow the link it then shows (one of `names`); what the page says when it fails."""
        deadline = time.monotonic() + PATIENCE
        looked = False
        while True:
            if page.get_by_text("It did not work").count():
                raise AssertionError(page.locator("main").inner_text())
            for name in names:
                link = page.get_by_role("button", name=name)
                if link.count():
                    link.first.click()
                    return
            assert time.monotonic() < deadline, f"{names} did not come: {page.locator('main').inner_text()}"
            if not looked and "/runs/" in page.url:
                self.inspect(page)
                looked = True
            page.wait_for_timeout(400)
            if not self.scripts:
                page.reload()

    def draw(self, page: Page) -> None:
        """Bring the charts in view that can be, so that they are part of what is inspected."""
        if self.scripts:
            for chart in page.locator("[data-chart]").all()[:3]:
                if chart.is_visible():
                    chart.scroll_into_view_if_needed()
            page.wait_for_timeout(300)
            page.evaluate("window.scrollTo(0, 0)")
