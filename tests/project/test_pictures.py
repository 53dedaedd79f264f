"""Pictures of the documentation: each is taken by a test, each is used, and all together they are small."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 2_500_000
"""Of all pictures: the repository keeps every version of each."""
WALKS = [*(ROOT / "tests" / "browser").glob("*.py"), *(ROOT / "tests" / "secure" / "journeys").glob("*.py")]
TAKERS = {"inspect": "", "pictures": "how-to/"}
"""Methods of the walks that take a picture: what they put before the name they are given."""


def taken() -> set[str]:
    """Names of the pictures that tests take, without folder `docs/pictures` and ending."""
    names = set()
    for file in WALKS:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKERS:
                given = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                names |= {f"{TAKERS[node.func.attr]}{name}" for name in given[:1]}
    return names


@pytest.mark.promise("journeys.8")
def test_every_picture_there_is_is_taken_by_a_test_and_used_on_a_page() -> None:
    there = {path.relative_to(PICTURES).with_suffix("").as_posix() for path in PICTURES.rglob("*.png")}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    used = {name for page in pages for name in re.findall(r"\]\([^)\s]*pictures/([^)\s]+)\.png\)", page.read_text())}

    assert there == taken()
    assert there == used
    assert sum(path.stat().st_size for path in PICTURES.rglob("*.png")) <= MOST_BYTES


@pytest.mark.promise("journeys.8")
def test_every_picture_says_in_words_what_it_shows() -> None:
    for page in (ROOT / "docs" / "how-to").glob("*.md"):
        for words in re.findall(r"!\[([^\]]*)\]", page.read_text()):
            assert len(words.split()) >= 4, f"{page.name}: a picture without words"
