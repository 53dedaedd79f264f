"""Pictures for the documentation, taken while tests walk through the pages: `SYNTHPORTAL_PICTURES=1` asks for new ones.

Days, times, digests and numbers of places on this machine are made the same in every picture, so that new ones differ only where
pages do. With Pillow installed the files are a third of the size.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from playwright.sync_api import Locator, Page

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "pictures"
WIDE = 1280
EDGE = 16
"""Pixels of the page left around what a picture is cropped to."""

_STEADY = r"""() => {
    const steady = [
        [/\b\d{1,2} (January|February|March|April|May|June|July|August|September|October|November|December) 20\d\d\b/g,
            (day) => new Date(day) > new Date() ? "4 September 2026" : "4 June 2026"],
        [/\b\d{1,2}:\d\d\b(?!:)/g, "10:30"],
        [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "5b1f0c2e-8d34-4a6b-9c70-2f4e6a8b0d13"],
        [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}\b/g, (digest) => "3f9a71c0b2d84e65".repeat(4).slice(0, digest.length)],
        [/\b[0-9a-f]{8}-[0-9a-f]{3}\b/g, "5b1f0c2e-8d3"],
        [/\b(less than a minute|\d+ (seconds?|minutes?))\b/g, "2 minutes"],
    ];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode;
        const same = steady.reduce((words, [pattern, put]) => words.replace(pattern, put), text.nodeValue);
        if (same !== text.nodeValue) { text.nodeValue = same; }
    }
    document.activeElement?.blur();
    window.scrollTo(0, 0);
}"""


def wanted() -> bool:
    """Whether this run of the tests makes new pictures."""
    return os.environ.get("SYNTHPORTAL_PICTURES") == "1"


def take(page: Page, name: str, *, top: Locator | None = None, tall: int = 1000) -> None:
    """A picture of the page, `docs/pictures/<name>.png`: its whole width, from `top` (or its head) down, at most `tall` pixels.

    Nothing is written unless new pictures are wanted, but what it is to show must be there.
    """
    if top is not None:
        assert top.first.is_visible(), f"the picture {name} has nothing to show"
    if not wanted():
        return
    page.evaluate(_STEADY)
    start = 0.0
    if top is not None:
        box = top.first.bounding_box()
        assert box is not None
        start = max(0.0, box["y"] - EDGE)
    end = page.evaluate("() => Math.max(...[...document.querySelectorAll('main, header')].map((e) => e.getBoundingClientRect().bottom))")
    height = max(200.0, min(float(tall), float(end) - start))
    target = FOLDER / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target, full_page=True, clip={"x": 0, "y": start, "width": WIDE, "height": height}, animations="disabled")
    _fewer_colours(target)


def _fewer_colours(picture: Path) -> None:
    if find_spec("PIL") is None:
        return
    from PIL import Image

    with Image.open(picture) as opened:
        drawn = opened.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    drawn.save(picture, optimize=True)
