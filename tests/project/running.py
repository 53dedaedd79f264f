"""`synthportal serve` and `synthportal demo` as a person starts them, in a folder and on ports of the test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from synthportal import guardian

ROOT = Path(__file__).resolve().parent.parent.parent
START = "from synthportal.cli import main; main()"


def free_port() -> int:
    """A port nobody uses just now."""
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])


@dataclass
class Running:
    """One started command; `said` is what it has printed so far."""

    process: subprocess.Popen[str]
    secure_port: int
    public_port: int
    said: list[str] = field(default_factory=list)

    def until(self, part: str) -> str:
        """Wait for a line that holds `part`, and return it. AssertionError with all that was said when the command ends without it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if part in line:
                return line
        raise AssertionError(f"{part!r} was never printed, but:\n{''.join(self.said)}")

    def rest(self) -> str:
        """Everything it says to its end."""
        assert self.process.stdout is not None
        self.said += self.process.stdout.readlines()
        self.process.wait(30)
        return "".join(self.said)

    def get(self, port: int, path: str = "/") -> tuple[int, str]:
        """Status and text of a page of the site on `port`."""
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def children(self) -> dict[str, dict[str, str]]:
        """The environment of each process it started, by the last part of its command's meaning: settings and process name."""
        found: dict[str, dict[str, str]] = {}
        for pid in self.marked():
            environment = environment_of(pid)
            name = f"{environment.get('DJANGO_SETTINGS_MODULE', 'queue').rpartition('.')[2]} {environment.get('SYNTHPORTAL_PROCESS', '')}"
            found[name.strip()] = environment
        return found

    def marked(self) -> list[int]:
        """Ids of all processes of this start, grandchildren included."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in task.read_text().split():
            if mark := environment_of(int(pid)).get(guardian.MARK):
                self.mark = mark
        return guardian.marked(self.mark)


def environment_of(pid: int) -> dict[str, str]:
    """The environment the process `pid` was started with."""
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes().decode()
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in content.split("\0") if "=" in entry)


@contextmanager
def started(command: str, var: Path, *, inside_a_shell: bool = False, **environment: str) -> Iterator[Running]:
    """`synthportal COMMAND` with its data in `var`, as the child of a shell where that is asked; ended, with all it started, at the end."""
    secure_port, public_port = free_port(), free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SYNTHPORTAL_", "DJANGO_", "REDIS_", "COV"))}
    arguments = [sys.executable, "-c", START, command]
    process = subprocess.Popen(
        ["/bin/sh", "-c", '"$@"; exit $?', "sh", *arguments] if inside_a_shell else arguments,
        env={
            **clean,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SYNTHPORTAL_VAR": str(var),
            "SYNTHPORTAL_SECURE_PORT": str(secure_port),
            "SYNTHPORTAL_PUBLIC_PORT": str(public_port),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Running(process, secure_port, public_port)
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def gone(mark: str, seconds: float = 15) -> bool:
    """Whether every process of the start `mark` ends within `seconds`."""
    end = time.monotonic() + seconds
    while guardian.marked(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def ended(pid: int, seconds: float = 15) -> bool:
    """Whether the process `pid` ends within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False
