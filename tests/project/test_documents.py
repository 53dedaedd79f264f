"""Pages of documentation say what is there: links lead somewhere, every setting is listed, the two commands are on top."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_READ = re.compile(
    r"""(?:environment\.(?:text|flag|integer|listed|path|mail_server)|environ(?:\.get)?[\[(]|_port)\(?["'](?P<name>[A-Z_]+)["']"""
)
_OURS = {"SYNTHPORTAL_TEST_VAR", "SYNTHPORTAL_START"}
"""Not settings: how the tests' processes and a start's processes know each other."""


@pytest.mark.promise("docs.20")
@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(document: Path) -> None:
    targets = [link for link in _LINK.findall(document.read_text()) if "://" not in link and not link.startswith("mailto:")]

    assert [link for link in targets if not (document.parent / link).exists()] == []


@pytest.mark.promise("docs.20")
def test_every_setting_the_code_reads_is_listed_and_every_listed_one_is_read() -> None:
    read = {match["name"] for file in (ROOT / "synthportal").rglob("*.py") for match in _READ.finditer(file.read_text())}
    read = {name for name in read if name.startswith(("SYNTHPORTAL_", "REDIS_"))} - _OURS
    listed = set(re.findall(r"`((?:SYNTHPORTAL|REDIS)_[A-Z_]+)`", (ROOT / "docs" / "deploy.md").read_text().split("## Every setting")[1]))

    assert read - listed == set()
    assert listed - read <= {"SYNTHPORTAL_SECURE_VAR", "SYNTHPORTAL_PUBLIC_VAR"}


@pytest.mark.promise("install.2")
def test_the_readme_begins_with_the_two_commands_and_the_makefile_has_them() -> None:
    top = "\n".join((ROOT / "README.md").read_text().splitlines()[:12])
    makefile = (ROOT / "Makefile").read_text()

    for target in ("demo", "test"):
        assert f"make {target}" in top
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "SYNTHPORTAL_STRICT_SKIPS=1" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.promise("install.2")
def test_the_lock_files_name_versions_and_no_place() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "requirements-queue.lock", "requirements-validators.lock"):
        text = (ROOT / name).read_text()
        entries = [line for line in text.splitlines() if line and not line.lstrip().startswith(("#", "--hash"))]
        assert all(re.match(r"[a-z0-9._-]+==\S+", line) for line in entries), name
        assert "://" not in text
        assert "+cpu" not in text
    assert "--hash=sha256:" in (ROOT / "requirements-queue.lock").read_text()
    assert "torch" not in (ROOT / "requirements.lock").read_text()


@pytest.mark.promise("docs.23")
def test_every_claim_of_the_threat_model_names_promises_that_exist() -> None:
    promised = set(re.findall(r"^- \*\*([a-z]+\.\d+)\*\*", (ROOT / "docs" / "promises.md").read_text(), re.MULTILINE))
    text = (ROOT / "docs" / "threat-model.md").read_text()
    claims = re.findall(r"^- (.+)$", text, re.MULTILINE)

    assert len(claims) > 40
    for claim in claims:
        named = re.findall(r"`([a-z]+\.\d+)`", claim)
        assert named, f"no promise shows: {claim}"
        assert set(named) <= promised, f"{sorted(set(named) - promised)} promised nowhere: {claim}"
    parts = text.split("\n## ")[3:]
    assert [part.splitlines()[0] for part in parts if "*Left:*" not in part] == []


@pytest.mark.promise("docs.21")
def test_every_decision_has_context_decision_and_consequence() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequence")), page.name
