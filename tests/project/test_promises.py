"""The check of promises against tests, on pages and records made for it, and with a real run of pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import promises

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = """# Promises

Lines of the specification: A.1.1, A.1.2.

## install: Setting up
- **install.1** It starts. (A.1.1)
- **install.2** It stops, too. (A.1.2, A.1.1)
"""
KEPT = {"test_start": (["install.1"], "passed"), "test_stop": (["install.2", "install.1"], "passed")}

pytestmark = pytest.mark.promise("install.1")


def test_a_page_whose_promises_are_all_kept_has_no_disagreement() -> None:
    assert promises.disagreements(promises.read(PAGE), KEPT) == []


def test_one_test_skipped_for_something_absent_is_made_up_for_by_another_that_passed() -> None:
    assert promises.disagreements(promises.read(PAGE), {**KEPT, "test_more": (["install.2"], "skipped")}) == []


@pytest.mark.parametrize(
    ("page", "tests", "fault"),
    [
        (PAGE, {"test_start": (["install.1"], "passed")}, "install.2 is shown by no test: It stops, too."),
        (PAGE, {**KEPT, "test_more": (["install.2"], "failed")}, "install.2 is not kept: test_more failed"),
        (
            PAGE,
            {"test_start": (["install.1"], "passed"), "test_more": (["install.2"], "skipped")},
            "install.2 is not kept: test_more skipped",
        ),
        (PAGE, {**KEPT, "test_more": (["install.2"], "not run")}, "install.2 is not kept: test_more not run"),
        (PAGE, {**KEPT, "test_odd": (["install.9"], "passed")}, "test_odd shows install.9, which nobody promised"),
        (PAGE + "- **install.1** It starts again. (A.1.1)\n", KEPT, "install.1 is promised twice"),
        (PAGE.replace("A.1.1, A.1.2.", "A.1.1, A.1.2, A.4."), KEPT, "line A.4 of the specification is fulfilled by no promise"),
        (PAGE.replace("(A.1.1)", "(A.7.1)"), KEPT, "install.1 names A.7.1, which is no line of the specification"),
        (PAGE.replace("It starts. (A.1.1)", "It starts."), KEPT, "line 6 is not of the form: - **area.1** Sentence. (A.1.1)"),
        (PAGE.replace("## install", "## set"), KEPT, 'line 6: install.1 stands under the area "set"'),
        (
            PAGE.replace("Lines of", "Some of"),
            KEPT,
            'the page has no line "Lines of the specification: A.1.1, ….", so nothing says what must be promised',
        ),
    ],
)
def test_every_disagreement_is_told(page: str, tests: dict[str, tuple[list[str], str]], fault: str) -> None:
    assert fault in promises.disagreements(promises.read(page), tests)


SUITE = """
import pytest

@pytest.mark.promise("install.1")
def test_kept(): pass

@pytest.mark.promise("install.2")
def test_broken(): assert False

@pytest.mark.promise("install.3")
@pytest.mark.promise("install.4")
def test_absent(): pytest.skip("no such server")

@pytest.fixture
def fragile():
    yield
    raise RuntimeError

@pytest.mark.promise("install.5")
def test_falls_afterwards(fragile): pass

def test_unmarked(): pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  promise(id): shows a promise\n")
    (tmp_path / "conftest.py").write_text(
        "import os, pathlib\nfrom tests import promises\npromises.ROOT = pathlib.Path(__file__).parent\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(promises.PromiseRecorder())\n"
        "    if os.environ.get('SYNTHPORTAL_STRICT_SKIPS') == '1':\n"
        "        config.pluginmanager.register(promises.StrictSkips())\n"
    )
    return tmp_path


def run(suite: Path, **environment: str) -> str:
    """What pytest prints about `suite`, run with `environment`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SYNTHPORTAL_", "PYTEST_", "COV"))}
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:django", "-p", "no:valkey", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=suite, env={**clean, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, check=False
    )
    return done.stdout


def test_a_run_records_the_worst_outcome_of_every_marked_test(suite: Path) -> None:
    run(suite, SYNTHPORTAL_PROMISES_RUN="part")

    record = json.loads((suite / ".promises" / "part.json").read_text())

    assert {name.split("::")[1]: (entry["promises"], entry["outcome"]) for name, entry in record.items()} == {
        "test_kept": (["install.1"], "passed"),
        "test_broken": (["install.2"], "failed"),
        "test_absent": (["install.3", "install.4"], "skipped"),
        "test_falls_afterwards": (["install.5"], "failed"),
    }


def test_a_run_of_a_part_of_the_tests_records_nothing(suite: Path) -> None:
    run(suite)

    assert not (suite / ".promises").exists()


@pytest.mark.promise("install.3")
def test_a_skip_is_a_failure_where_everything_must_be_present(suite: Path) -> None:
    lenient = run(suite)
    strict = run(suite, SYNTHPORTAL_STRICT_SKIPS="1")
    (suite / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    strict_module = run(suite, SYNTHPORTAL_STRICT_SKIPS="1")

    assert "1 skipped" in lenient.splitlines()[-1]
    assert "skipped" not in strict.splitlines()[-1]
    assert "skipped where nothing may be: Skipped: no such server" in strict
    assert "1 error" in strict_module.splitlines()[-1]
    assert "no_such_module" in strict_module


def test_the_check_says_what_is_wrong_and_fails_and_counts_when_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, folder = tmp_path / "promises.md", tmp_path / "runs"
    page.write_text(PAGE)
    folder.mkdir()
    assert promises.main(page, folder) == 1
    assert "promises: install.1 is shown by no test: It starts." in capsys.readouterr().out

    (folder / "main.json").write_text(json.dumps({name: {"promises": ids, "outcome": outcome} for name, (ids, outcome) in KEPT.items()}))

    assert promises.main(page, folder) == 0
    assert "2 promises, 2 lines of the specification, 2 marked tests: all kept" in capsys.readouterr().out


def test_the_page_of_this_project_is_well_formed() -> None:
    page = promises.read((ROOT / "docs" / "promises.md").read_text())

    assert page.faults == ()
    assert len({p.number for p in page.promises}) == len(page.promises)
