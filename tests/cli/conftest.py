"""The command line as a person uses it: arguments in; exit code, standard output and standard error out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from generators.simulated import write_emergency_csv
from synthportal.cli.commands import synthportal
from synthportal.cli.outcome import exit_code_of

COMMAND = [sys.executable, "-c", "from synthportal.cli import main; main()"]
"""The `synthportal` script, also where it is not installed."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, through everything but the interpreter's start."""

    def runner(*arguments: object) -> Ended:
        capfd.readouterr()
        code = exit_code_of(lambda: synthportal.main([str(a) for a in arguments], prog_name="synthportal", standalone_mode=False))
        said = capfd.readouterr()
        return Ended(code, said.out, said.err)

    return runner


@pytest.fixture(scope="session")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated emergency-department visits as a CSV file."""
    return write_emergency_csv(tmp_path_factory.mktemp("visits") / "visits.csv", rows=1500)


@pytest.fixture(scope="session")
def stays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table of five columns, for what does not depend on the columns: the fewer, the quicker the evaluation."""
    rows = "".join(f"P{i // 2:04d},{'FM'[i % 2]},W{i % 5},{20 + i * 7 % 60},{i % 28 + 1:02d}/0{i % 9 + 1}/2024\n" for i in range(800))
    file = tmp_path_factory.mktemp("stays") / "stays.csv"
    file.write_text("patient_id,sex,ward,age,admitted\n" + rows)
    return file


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder, in which a command leaves nothing but what it was asked for."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
