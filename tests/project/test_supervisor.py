"""The supervisor, on small programs that behave well and badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthportal import guardian

ROOT = Path(__file__).resolve().parent.parent.parent
Start = Callable[[str], subprocess.Popen[str]]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are found by their environment in /proc, which only Linux has")


PRELUDE = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from synthportal.supervisor import Program, StartFailed, Supervisor

def run(*programs, **settings):
    environment = {{"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}}
    supervisor = Supervisor([Program(n, [sys.executable, "-c", c], environment) for n, c in programs], **settings)
    supervisor.announce = lambda: supervisor.say("all are up, mark " + supervisor.mark)
    try:
        supervisor.run()
    except StartFailed as error:
        print("failed:", error)
        sys.exit(2)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that runs a script with `run(programs)` at hand: a supervisor of (name, Python code) pairs."""
    started: list[subprocess.Popen[str]] = []

    def start_one(script: str) -> subprocess.Popen[str]:
        code = PRELUDE + textwrap.dedent(script)
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def read_until(process: subprocess.Popen[str], part: str) -> str:
    """What `process` prints up to the line that holds `part`."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if part in line:
            return seen
    raise AssertionError(f"{part!r} was never printed, but:\n{seen}")


def mark_in(text: str) -> str:
    return text.rsplit("mark ", 1)[1].split()[0]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
SLEEPER = "import time; print('here'); time.sleep(600)"
# A child whose own child has a session of its own and no ear for SIGTERM, as a worker's work-horse may have.
FAMILY = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
time.sleep(600)
"""


@LINUX
@pytest.mark.slow
@pytest.mark.promise("install.5")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_ends_every_process_within_seconds(start: Start, number: signal.Signals) -> None:
    process = start(f"run(('sleeper', {SLEEPER!r}), ('family', {FAMILY!r}))")
    mark = mark_in(read_until(process, "all are up"))
    assert within(5, lambda: len(guardian.marked(mark)) == 3)

    process.send_signal(number)

    assert process.wait(15) == 0
    assert guardian.marked(mark) == []


@LINUX
@pytest.mark.slow
@pytest.mark.promise("install.6")
def test_killing_the_supervisor_leaves_no_process_behind(start: Start) -> None:
    process = start(f"run(('sleeper', {SLEEPER!r}), ('stubborn', {STUBBORN!r}), ('family', {FAMILY!r}))")
    mark = mark_in(read_until(process, "all are up"))
    assert within(5, lambda: len(guardian.marked(mark)) == 4)

    process.kill()

    assert within(15, lambda: guardian.marked(mark) == [])


@LINUX
@pytest.mark.promise("install.6")
def test_a_child_ends_with_a_killed_supervisor_even_when_the_guardian_is_gone(start: Start) -> None:
    process = start(f"run(('sleeper', {SLEEPER!r}))")
    mark = mark_in(read_until(process, "all are up"))
    watchers = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    for pid in watchers:
        if pid not in guardian.marked(mark):
            os.kill(pid, signal.SIGKILL)

    process.kill()

    assert within(5, lambda: guardian.marked(mark) == [])


@LINUX
@pytest.mark.promise("install.7")
def test_a_process_that_dies_is_started_again_and_what_it_left_is_ended(start: Start) -> None:
    leaves_one = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); import time; time.sleep(1); sys.exit(3)"
    process = start(f"run(('brief', {leaves_one!r}))")
    mark = mark_in(read_until(process, "all are up"))
    read_until(process, "brief ended (exit 3); starting it again")
    read_until(process, "brief ended (exit 3); starting it again")

    assert len(guardian.marked(mark)) <= 2
    process.terminate()
    assert process.wait(15) == 0
    assert guardian.marked(mark) == []


def test_a_process_that_keeps_dying_while_starting_ends_the_start_with_one_line(start: Start) -> None:
    process = start(f"run(('good', {SLEEPER!r}), ('broken', 'print(\"no such setting\"); raise SystemExit(1)'), ready=lambda: False)")

    output = process.communicate(timeout=30)[0]

    assert process.returncode == 2
    assert "broken | no such setting" in output
    assert "failed: broken ended 4 times while starting" in output


def test_a_program_that_is_not_there_is_named(start: Start) -> None:
    process = start(
        """
        try:
            Supervisor([Program("ghost", ["/nowhere/ghost"], {})]).run()
        except StartFailed as error:
            print(error)
        """
    )

    assert "ghost: /nowhere/ghost could not be started (No such file or directory)" in process.communicate(timeout=15)[0]


def test_each_line_carries_the_name_of_its_process_and_the_last_one_needs_no_line_end(start: Start) -> None:
    process = start('run((\'talker\', \'print("one"); print("two", end=""); import time; time.sleep(0.5)\'))')

    text = read_until(process, "talker ended")
    process.terminate()
    process.wait(15)

    assert "talker | one\n" in text
    assert "talker | two\n" in text


def test_a_process_is_given_its_own_environment_and_nothing_else(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHPORTAL_SIGNING_KEY", "/nowhere")
    process = start("run(('lister', 'import os, time; print(sorted(os.environ)); time.sleep(600)'))")

    text = read_until(process, "PYTHONUNBUFFERED")
    process.terminate()
    process.wait(15)

    assert "SYNTHPORTAL_START" in text
    assert "SYNTHPORTAL_SIGNING_KEY" not in text


def test_a_reader_that_goes_away_does_not_leave_processes_behind(start: Start) -> None:
    process = start(f"run(('sleeper', {SLEEPER!r}))")
    mark = mark_in(read_until(process, "all are up"))
    assert process.stdout is not None
    process.stdout.close()

    process.terminate()

    process.wait(15)
    assert within(5, lambda: guardian.marked(mark) == [])
