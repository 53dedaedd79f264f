"""Stopped, killed, watched: what a command leaves behind, and what it draws."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from generators.simulated import write_emergency_csv
from synthportal.cli.outputs import WORK_PREFIX
from tests.cli.conftest import COMMAND, Run

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

pytestmark = pytest.mark.slow


def started(place: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command that has just made its work folder."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=place, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(place.glob(f"{WORK_PREFIX}*/work/*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emergency_csv(tmp_path_factory.mktemp("many") / "visits.csv", rows=60_000)


@pytest.mark.promise("cli.12")
@pytest.mark.parametrize("after", [0.0, 0.7], ids=["at once", "in the engine"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_leaves_nothing_behind(place: Path, many: Path, number: signal.Signals, after: float) -> None:
    with started(place, "run", str(many), "--out", "results") as process:
        time.sleep(after)
        process.send_signal(number)
        try:
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert said.splitlines()[-1].startswith("stopped")
    assert "Traceback" not in said
    assert list(place.iterdir()) == []


@pytest.mark.promise("cli.12")
def test_what_a_killed_command_left_is_removed_by_the_next_one(run: Run, place: Path, many: Path, visits: Path) -> None:
    process = started(place, "run", str(many), "--out", "results")
    process.kill()
    process.communicate(timeout=60)
    (left,) = place.glob(f"{WORK_PREFIX}*")
    assert left.stat().st_mode & 0o077 == 0
    assert run("schema", visits, "--out", "schema.json").code == 0
    assert [path.name for path in place.iterdir()] == ["schema.json"]


@pytest.mark.promise("cli.12")
def test_a_command_leaves_the_work_of_one_that_still_runs_alone(run: Run, place: Path, many: Path, visits: Path) -> None:
    process = started(place, "run", str(many), "--rows", "100", "--out", "results")
    assert run("schema", visits, "--out", "schema.json").code == 0
    process.communicate(timeout=240)
    assert process.returncode in (0, 3)
    assert (place / "results" / "report.html").exists()


@pytest.mark.promise("cli.14")
def test_a_progress_bar_is_drawn_on_a_terminal(place: Path, many: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, "split", str(many), "--out", "parts"], cwd=place, env=ENVIRONMENT, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        assert ready
        try:
            part = os.read(ours, 4096)
        except OSError:  # the terminal closes with its last user
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert process.wait() == 0
    assert b"split  [" in seen
    assert b"%" in seen


@pytest.mark.promise("cli.14")
def test_no_progress_bar_is_drawn_into_a_file(run: Run, place: Path, visits: Path) -> None:
    ended = run("split", visits, "--out", "parts")
    assert "\r" not in ended.err
    assert "%" not in ended.err


@pytest.mark.promise("cli.12")
def test_records_never_pass_through_the_system_temporary_folder(place: Path, many: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o500)
    done = subprocess.run(
        [*COMMAND, "split", str(many), "--out", "parts"],
        cwd=place,
        env={**ENVIRONMENT, "TMPDIR": str(elsewhere)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(elsewhere.iterdir()) == []
