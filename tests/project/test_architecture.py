"""The shape of the code: who imports whom, sizes, names, what may not be written. Import-linter holds the layers; this holds the rest."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("synthportal", "releases", "generators", "evaluation")
EVALUATION_MAY_IMPORT = {"schema", "rules", "disclosure", "errors", "progress"}
LONGEST = 400
VAGUE = re.compile(r"(utils?|helpers?|managers?|misc|common|handle_data)\.py$|^process\.py$")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError|pragma: no cover")

pytestmark = pytest.mark.promise("install.4")


def modules(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from (file for file in sorted((ROOT / package).rglob("*.py")) if "migrations" not in file.parts)


def imported(file: Path) -> Iterator[str]:
    """The dotted names that `file` imports anywhere in it; `from a import b` gives both a and a.b."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.slow
def test_the_import_contracts_hold() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_evaluation_imports_of_generators_only_what_the_house_allows() -> None:
    files = {file.stem for file in (ROOT / "generators").iterdir()}
    found = {
        (file.name, name.split(".")[1])
        for file in modules("evaluation")
        for name in imported(file)
        if name.startswith("generators.") and name.split(".")[1] in files
    }

    assert {(file, name) for file, name in found if name not in EVALUATION_MAY_IMPORT} == set()


def test_nothing_unpickles() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(*PACKAGES)
        for name in imported(file)
        if name.split(".")[0] in ("pickle", "cloudpickle", "dill", "shelve", "joblib")
    ]

    assert wrong == []


LEARNING_LIBRARIES = ("torch", "opacus")


def test_only_models_know_the_learning_library() -> None:
    found = {file for file in modules(*PACKAGES) for name in imported(file) if name.split(".")[0] in LEARNING_LIBRARIES}

    assert {file.relative_to(ROOT).parts[:2] for file in found} <= {("generators", "models")}


def test_nothing_loads_the_learning_library_before_it_is_used() -> None:
    program = (
        "import sys, generators.registry, generators.fitting.fitted, generators.fitting.estimator, evaluation.dataset, synthportal.cli; "
        "print([m for m in sys.modules if m.partition('.')[0] in ('torch', 'opacus')])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "[]", done.stderr


def test_every_module_fits_on_a_few_screens() -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in modules(*PACKAGES)}

    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_modules_are_named_for_what_they_hold() -> None:
    assert [str(file) for file in modules(*PACKAGES, "tests") if VAGUE.search(file.name)] == []


def test_nothing_is_left_for_later() -> None:
    this = Path(__file__).name
    left = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in modules(*PACKAGES, "tests", "bench")
        if file.name != this
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if UNFINISHED.search(line)
    ]

    assert left == []
