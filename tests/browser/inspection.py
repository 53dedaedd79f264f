"""What every page is held to: nothing serious from axe, no sideways scrolling on a telephone, nothing the content policy refuses."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SMALL = {"width": 320, "height": 640}
LARGE = {"width": 1280, "height": 900}
PATIENCE = 15  # fifths of a second
SERIOUS = ("serious", "critical")

_axe = Axe()


def watch(page: Page) -> list[str]:
    """Complaints of the browser while pages are open: content policy violations, script errors, requests that lead nowhere."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "requestfailed",
        lambda request: complaints.append(f"{request.url}: {request.failure}") if "ERR_ABORTED" not in str(request.failure) else None,
    )
    return complaints


def serious_findings(page: Page) -> list[str]:
    """axe's serious and critical findings on the page as it is now."""
    found = _axe.run(page).response["violations"]
    return [
        f"{page.url}: {violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in found
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def overflow(page: Page) -> str | None:
    """How far the page is wider than the window and through which element, or None.

    The header folds its menu a moment after the window was made small: later, on a busy machine.
    """
    for _ in range(PATIENCE):
        wide = _wider(page)
        if wide is None:
            return None
        page.wait_for_timeout(200)
    return wide


def _wider(page: Page) -> str | None:
    return page.evaluate(
        """() => {
            const wide = document.documentElement.scrollWidth - window.innerWidth;
            if (wide <= 0) { return null; }
            const culprits = [...document.querySelectorAll("body *")]
                .filter((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest(".sp-scroll, .nhsuk-scroll"))
                .map((e) => e.tagName + "." + e.className).slice(0, 3);
            return location.pathname + " is " + wide + " px too wide: " + culprits.join(", ");
        }"""
    )


def heading_levels(page: Page) -> list[int]:
    """Levels of the headings in reading order, without that of the list of errors, which stands before them all."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main h1, main h2, main h3, main h4")]
            .filter((heading) => !heading.closest(".nhsuk-error-summary")).map((heading) => Number(heading.tagName[1]))"""
    )
