"""Generators of other packages: added by an entry point, and harmless when they are broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generators import reference
from generators.errors import InputError
from generators.learning.known import OURS, known, learned_generators, learner_of

ROOT = Path(__file__).resolve().parent.parent.parent

PACKAGE = """
from generators.learning.known import LearnedGenerator
from generators.models.copula.learner import Copula

class Second(Copula):
    pass

MINE = LearnedGenerator(name="{name}", version="7", title="Another copula", fidelity="Fair.", privacy="As ours.", cost="Seconds.",
    choose_when="Never.", learner="another_package:Second")
"""


def installed(folder: Path, name: str = "another", target: str = "another_package:MINE") -> dict[str, str]:
    """A package beside ours, as pip would leave it; the environment of a process that sees it."""
    (folder / "another_package.py").write_text(PACKAGE.format(name=name))
    info = folder / "another_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[synthportal.generators]\nsecond = {target}\n")
    return {**os.environ, "PYTHONPATH": str(folder)}


def listed(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from synthportal.cli import main; main()", "generators", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.promise("learned.40")
def test_another_package_adds_a_generator(tmp_path: Path) -> None:
    environment = installed(tmp_path)

    assert "another  Another copula" in listed(environment).stdout
    told = listed(environment, "another")
    assert "choose it for: Never." in told.stdout, told.stderr


@pytest.mark.promise("learned.40")
@pytest.mark.parametrize(
    ("name", "target"), [("copula", "another_package:MINE"), ("another", "another_package:Second"), ("another", "no_such_package:MINE")]
)
def test_one_that_cannot_be_used_is_told_and_breaks_nothing(tmp_path: Path, name: str, target: str) -> None:
    ended = listed(installed(tmp_path, name, target))

    assert ended.returncode == 0
    assert ended.stdout.count("tier: ") == 3 + len(OURS)
    assert 'warning: the installed generator "second"' in ended.stderr


def test_every_generator_of_ours_can_be_loaded() -> None:
    assert known().refused == ()
    for name, info in learned_generators().items():
        learner = learner_of(name)
        assert learner.__module__.startswith("generators.models.")
        assert info.installed


def test_an_unknown_generator_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="autoregressive"):
        learner_of("nothing")


@pytest.mark.promise("learned.41")
def test_the_page_of_the_generators_is_what_the_registry_says() -> None:
    written = (ROOT / "docs" / "reference" / "generators.md").read_text()

    assert written == reference.page(), "stale: python -m generators.reference > docs/reference/generators.md"
