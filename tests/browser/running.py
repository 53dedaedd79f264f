"""The real thing, started as a hospital would start it: `synthportal serve` in a folder of its own, with accounts made by the services."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "a password of the tests"
STEWARD, REVIEWER = "steward@hospital.example", "reviewer@hospital.example"
ADMINISTRATOR, AUDITOR = "one@hospital.example", "auditor@hospital.example"
START_WITHIN = 180.0
COMMAND = [sys.executable, "-c", "from synthportal.cli import main; main()"]

_ACCOUNTS = f"""
import django; django.setup()
from releases.services import accounts
first = accounts.create_administrator(email="one@hospital.example", full_name="Ada One", password={PASSWORD!r})
second = accounts.create_administrator(email="two@hospital.example", full_name="Ben Two", password={PASSWORD!r})
given = (({STEWARD!r}, "Sam Steward", "steward"), ({REVIEWER!r}, "Ira Reviewer", "ig"), ({AUDITOR!r}, "Ana Auditor", "auditor"))
for email, name, role in given:
    person = accounts.set_up_account(email=email, full_name=name, password={PASSWORD!r})
    grant = accounts.propose_role(first, person, role=role)
    if not grant.effective:
        accounts.confirm_role(second, grant)
"""


@dataclass
class RunningSites:
    """Both sites, worker, publisher, ingest and queue."""

    var: Path
    secure: str
    public: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def public_key(self) -> Path:
        """What the hospital would hand out."""
        return self.var / "secure" / "publisher" / "signing.pub"

    @staticmethod
    def start(var: Path) -> RunningSites:
        """Start everything in `var` and wait until both sites answer; AssertionError with what was said when they do not."""
        ports = {"SYNTHPORTAL_SECURE_PORT": str(_free_port()), "SYNTHPORTAL_PUBLIC_PORT": str(_free_port())}
        environment = _environment(var) | ports
        log = var.with_name(f"{var.name}.log")
        with log.open("w") as said:
            process = subprocess.Popen([*COMMAND, "serve"], cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
        sites = RunningSites(
            var,
            f"http://localhost:{ports['SYNTHPORTAL_SECURE_PORT']}",
            f"http://localhost:{ports['SYNTHPORTAL_PUBLIC_PORT']}",
            process,
            log,
        )
        try:
            sites._wait()
            sites._fix_key()
            settings = {"DJANGO_SETTINGS_MODULE": "synthportal.settings.secure", "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, "-c", _ACCOUNTS], cwd=ROOT, env=environment | settings, check=True)
        except BaseException:
            sites.stop()
            raise
        return sites

    def _wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN
        while "Stop with Ctrl-C" not in self.log.read_text():
            assert self.process.poll() is None, "the sites did not start:\n" + self.log.read_text()
            assert time.monotonic() < deadline, "the sites took too long:\n" + self.log.read_text()
            time.sleep(0.2)

    def _fix_key(self) -> None:
        """The zone's key, before it is first used, the same in every run of the tests: who meets which gate hangs on it."""
        key = self.var / "secure" / "tokenisation.key"
        key.touch(mode=0o600)
        key.write_text("5" * 64)

    def verify(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """`synthportal verify …`"""
        return subprocess.run([*COMMAND, "verify", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False)

    def verify_audit(self) -> subprocess.CompletedProcess[str]:
        """`synthportal audit verify`, where the secure site runs."""
        return subprocess.run(
            [*COMMAND, "audit", "verify"], cwd=ROOT, env=_environment(self.var), capture_output=True, text=True, check=False
        )

    def stop(self) -> None:
        """End everything, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _environment(var: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"SYNTHPORTAL_VAR": str(var), "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
