"""Servers that tests start for themselves, each in a private folder on a unix socket, and stop again."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class ServerAbsent(Exception):
    """The program is not on this machine; the message says what to install."""


@dataclass
class QueueServer:
    """A Redis-compatible server: `url` for clients."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        from synthportal import queue_server

        return queue_server.url(self.folder / "queue.sock")

    @classmethod
    def start(cls) -> Self:
        from generators.errors import InputError  # the public site's tests, which start other servers, may not load it
        from synthportal import queue_server

        folder = Path(tempfile.mkdtemp(prefix="sp-queue-"))
        try:
            command = queue_server.command(folder / "queue.sock")
        except InputError as error:
            shutil.rmtree(folder)
            raise ServerAbsent(str(error)) from None
        server = cls(folder, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        _wait(lambda: (folder / "queue.sock").exists(), "the queue server")
        return server

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class PostgresqlServer:
    """A PostgreSQL server in a folder of its own, run by an ordinary user (it refuses to run as root)."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    @classmethod
    def start(cls) -> Self:
        programs = _postgresql_programs()
        folder = Path(tempfile.mkdtemp(prefix="sp-postgresql-"))
        account = None
        if os.geteuid() == 0:
            account = next((name for name in ("postgres", "nobody") if _exists(name)), None)
            if account is None:
                raise ServerAbsent("PostgreSQL does not run as root, and there is no account postgres or nobody")
            shutil.chown(folder, account)
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            user=account,
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        server = cls(
            folder,
            subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
                user=account,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ),
        )
        ready = [programs / "pg_isready", "-q", "-h", folder, "-U", "postgres"]
        _wait(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL")
        return server

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def _postgresql_programs() -> Path:
    folders = [*sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True), *os.get_exec_path()]
    for folder in map(Path, folders):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise ServerAbsent("PostgreSQL's server is not on this machine (apt-get install postgresql)")


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def _wait(ready: object, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not start within {seconds:.0f} s")
        time.sleep(0.05)
