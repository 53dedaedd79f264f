"""What the command line says of itself."""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from synthportal.cli import reference
from synthportal.cli.commands import COMMANDS
from tests.cli.conftest import COMMAND, Run

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS_COMMANDS = ("schema", "split", "summarise", "generate", "evaluate", "run", "conform", "verify")


@pytest.mark.promise("cli.1")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(run: Run, name: str) -> None:
    ended = run(name, "verify", "--help") if name == "audit" else run(name, "--help")
    assert ended.code == 0
    assert "Example" in ended.out
    assert f"synthportal {name}" in ended.out.split("Example")[1]


@pytest.mark.promise("cli.1")
def test_help_says_what_the_exit_codes_mean(run: Run) -> None:
    ended = run("--help")
    assert ended.code == 0
    for meaning in ("0 done", "2 bad input", "3 the", "130 stopped"):
        assert meaning in ended.out


@pytest.mark.promise("cli.1")
def test_help_answers_at_once() -> None:
    began = time.monotonic()
    subprocess.run([*COMMAND, "--help"], check=True, capture_output=True, cwd=ROOT)
    assert time.monotonic() - began < 2  # half a second on an idle machine; the tests' machine may be busy


@pytest.mark.promise("cli.1")
def test_help_loads_none_of_the_heavy_parts() -> None:
    program = (
        "import sys; from synthportal.cli.commands import synthportal, COMMANDS\n"
        "for name in COMMANDS: synthportal.get_command(None, name)\n"
        "heavy = {'pyarrow', 'numpy', 'pandas', 'duckdb', 'sklearn', 'django', 'plotly'} & set(sys.modules)\n"
        "sys.exit(','.join(sorted(heavy)) or 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.promise("cli.2")
def test_the_reference_page_is_what_the_commands_say() -> None:
    written = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert written == reference.page(), "stale: python -m synthportal.cli.reference > docs/reference/cli.md"


@pytest.mark.promise("cli.2")
def test_every_option_of_the_how_to_page_exists() -> None:
    page = (ROOT / "docs" / "how-to" / "command-line.md").read_text()
    for word in {word.strip("`,.") for word in page.split() if word.startswith("--")}:
        assert word in reference.page(), word
    for name in RESULTS_COMMANDS:
        assert f"synthportal {name}" in page


def test_an_unknown_command_and_an_unknown_option_are_one_line_each(run: Run) -> None:
    for arguments in (["sumarise"], ["schema", "--ot", "x"], ["schema"], ["schema", "no-such-file.csv"]):
        ended = run(*arguments)
        assert ended.code == 2
        assert len(ended.err.splitlines()) == 1
        assert ended.err.startswith("error: ")


def test_the_version_is_the_package_s(run: Run) -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").out == f"synthportal, version {package}\n"
