"""Both sites, worker, scheduler, publisher, ingest and queue on one machine: what each is told, and what is prepared before the start.

Each process gets an environment of its own, made from nothing: the public ones hear of no secure folder, database or queue, and only the
publisher hears where the signing key is.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from generators.errors import InputError
from releases.capsule import signing
from synthportal import guardian, queue_server
from synthportal.supervisor import Program, StartFailed, Supervisor

ROOT = Path(__file__).resolve().parent.parent
DEMONSTRATION = "demonstration.json"
"""The file in `var` that says that this is a demonstration, and how far it is filled."""
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_BOTH = ("SYNTHPORTAL_HTTPS", "SYNTHPORTAL_HSTS_SECONDS", "SYNTHPORTAL_COMPRESS_STATIC")
_PUBLISHER_PAUSE = "2"
_INGEST_PAUSE = "2"


@dataclass(frozen=True)
class OneMachine:
    """Where things are on this machine.

    var: the folder of both zones, the lake and the queue's socket; address: what the sites listen on;
    redis_url: a queue server that runs already, or "" to run one; demonstration: whether every page says that this is one.
    """

    var: Path
    address: str = "127.0.0.1"
    secure_port: int = 8000
    public_port: int = 8001
    redis_url: str = ""
    demonstration: bool = False

    @staticmethod
    def from_environment(*, demonstration: bool = False) -> OneMachine:
        """As SYNTHPORTAL_VAR, SYNTHPORTAL_ADDRESS, SYNTHPORTAL_SECURE_PORT, SYNTHPORTAL_PUBLIC_PORT and REDIS_URL say.

        A folder that a demonstration was filled into stays one, whoever serves it: its passwords were printed.
        """
        var = Path(os.environ.get("SYNTHPORTAL_VAR") or ROOT / "var").expanduser().absolute()
        return OneMachine(
            var=var,
            address=os.environ.get("SYNTHPORTAL_ADDRESS") or "127.0.0.1",
            secure_port=_port("SYNTHPORTAL_SECURE_PORT", 8000),
            public_port=_port("SYNTHPORTAL_PUBLIC_PORT", 8001),
            redis_url=os.environ.get("REDIS_URL", ""),
            demonstration=demonstration or (var / DEMONSTRATION).exists(),
        )

    @property
    def lake(self) -> Path:
        return Path(os.environ.get("SYNTHPORTAL_LAKE") or self.var / "lake").expanduser().absolute()

    @property
    def queue_socket(self) -> Path:
        return self.var / "run" / "queue.sock"

    @property
    def signing_key(self) -> Path:
        return self.var / "secure" / "publisher" / "signing.key"

    @property
    def secure_address(self) -> str:
        return f"http://{_shown(self.address)}:{self.secure_port}"

    @property
    def public_address(self) -> str:
        return f"http://{_shown(self.address)}:{self.public_port}"

    def environment(self, site: str, process: str, *, publisher: bool = False) -> dict[str, str]:
        """The whole environment of a process of `site` ("secure" or "public"), logging as `process`."""
        prefix = f"SYNTHPORTAL_{site.upper()}_"
        environment = {name: value for name, value in os.environ.items() if name in (*_INHERITED, *_BOTH) or name.startswith(prefix)}
        environment |= {
            "DJANGO_SETTINGS_MODULE": f"synthportal.settings.{site}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            f"{prefix}VAR": str(self.var / site),
            "SYNTHPORTAL_LAKE": str(self.lake),
            "SYNTHPORTAL_PROCESS": process,
            "SYNTHPORTAL_COLLECTED_STATIC": "1",
            "SYNTHPORTAL_DEMONSTRATION": "1" if self.demonstration else "0",
        }
        if site == "secure":
            environment.setdefault("SYNTHPORTAL_SECURE_URL", f"http://localhost:{self.secure_port}")
            environment["REDIS_URL"] = self.redis_url or queue_server.url(self.queue_socket)
        else:
            environment["SYNTHPORTAL_PUBLIC_PORT"] = str(self.public_port)
        if publisher:
            environment["SYNTHPORTAL_SIGNING_KEY"] = str(self.signing_key)
        return environment

    def programs(self) -> list[Program]:
        """Every process of this machine, in the order of starting."""
        programs = []
        if not self.redis_url:
            kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            programs.append(Program("queue", queue_server.command(self.queue_socket), kept))
        return [
            *programs,
            Program("secure-web", self._web("secure", self.secure_port), self.environment("secure", "web")),
            Program("worker", _django("worker"), self.environment("secure", "worker")),
            Program("cron", _django("cron"), self.environment("secure", "cron")),
            Program("publisher", _django("publisher", "--loop", _PUBLISHER_PAUSE), self.environment("secure", "publisher", publisher=True)),
            Program("public-web", self._web("public", self.public_port), self.environment("public", "web")),
            Program("ingest", _django("ingest", "--loop", _INGEST_PAUSE), self.environment("public", "ingest")),
        ]

    def _web(self, site: str, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
            *("--host", self.address, "--port", str(port)),
            *("--workers", "1", "--blocking-threads", "4", "--log-level", "warning"),
            f"synthportal.wsgi_{site}:application",
        ]

    def ready(self) -> bool:
        """Whether both sites answer."""
        return all(_answers(self.address, port) for port in (self.secure_port, self.public_port))


def prepare(machine: OneMachine) -> list[str]:
    """Make what is not there yet: folders, signing key and its pinned public half, databases, collected static files. Nothing to print."""
    for folder in (machine.var, machine.var / "run", machine.var / "secure", machine.var / "public"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    machine.lake.mkdir(parents=True, exist_ok=True)
    if not machine.redis_url:
        queue_server.command(machine.queue_socket)
    _pin_key(machine)
    for site in ("secure", "public"):
        environment = machine.environment(site, "prepare")
        manage(environment, "migrate", "--noinput", "--verbosity", "0")
        _collect_static(machine.var / site / "static", environment)
    return []


def serve(machine: OneMachine, prepare: Callable[[OneMachine], list[str]] = prepare) -> None:
    """Prepare and run everything until told to stop. `prepare` returns the lines to print with the addresses.

    Raises InputError (one line) for what can be mended by whoever started it: a taken port, a folder in use, no queue server.
    """
    with in_use(machine.var):
        for name, port in (("SYNTHPORTAL_SECURE_PORT", machine.secure_port), ("SYNTHPORTAL_PUBLIC_PORT", machine.public_port)):
            _free(machine.address, port, name)
        lines = prepare(machine)
        supervisor = Supervisor(machine.programs(), ready=machine.ready)
        supervisor.announce = lambda: _announce(supervisor, machine, lines)
        try:
            supervisor.run()
        except StartFailed as error:
            raise InputError(str(error)) from None


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run one of Django's commands with `environment`; InputError, naming the command, when it fails."""
    if run(_django(*arguments), environment):
        raise InputError(f'the command "{arguments[0]}" failed on the {environment["DJANGO_SETTINGS_MODULE"].rpartition(".")[2]} site')


def run(command: list[str], environment: dict[str, str], text: str = "") -> int:
    """Run `command` to its end with `text` as its standard input; its exit code. It ends when this process does; Ctrl-C is not for it."""
    return subprocess.run(  # noqa: S603 - our own programs
        command, env=environment, input=text.encode(), check=False, start_new_session=True, preexec_fn=guardian.die_with_parent
    ).returncode


@contextmanager
def in_use(var: Path) -> Iterator[None]:
    """Hold `var` for this process; InputError when another holds it. The kernel lets go when the process ends, however it ends."""
    var.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(var / ".in-use", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{var} is served by another synthportal; stop that one, or name another folder in SYNTHPORTAL_VAR") from None
        yield


def _pin_key(machine: OneMachine) -> None:
    if not machine.signing_key.is_file():
        signing.create_key(machine.signing_key.parent)
    for site in ("secure", "public"):
        keys = Path(os.environ.get(f"SYNTHPORTAL_{site.upper()}_KEYS") or machine.var / site / "keys")
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        for public_half in machine.signing_key.parent.glob("*.pub"):
            signing.pin(public_half.read_bytes(), keys)  # by key id: after a rotation both keys are pinned


def _collect_static(folder: Path, environment: dict[str, str]) -> None:
    """Collect a site's static files into `folder`, unless it holds the collection of just these."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "static").rglob("*")):
        if file.is_file():
            state = file.stat()
            digest.update(f"{file.relative_to(ROOT)} {state.st_size} {state.st_mtime_ns}\n".encode())
    marker = folder / ".collected"
    if marker.is_file() and marker.read_text() == digest.hexdigest():
        return
    manage(environment, "collectstatic", "--noinput", "--clear", "--verbosity", "0")
    marker.write_text(digest.hexdigest())


def _django(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "django", *arguments]


def _port(name: str, default: int) -> int:
    value = os.environ.get(name) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise InputError(f"{name} must be a port number from 1 to 65535")
    return int(value)


def _free(address: str, port: int, name: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((address, port))
        except PermissionError:
            raise InputError(f"port {port} may not be used by this account; name another one in {name}") from None
        except OSError:
            raise InputError(f"port {port} is taken by another program; stop that one, or name another port in {name}") from None


def _answers(address: str, port: int) -> bool:
    connection = HTTPConnection(_shown(address), port, timeout=2)
    try:
        connection.request("GET", "/", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def _shown(address: str) -> str:
    return "localhost" if address in ("127.0.0.1", "0.0.0.0", "::", "::1") else address  # noqa: S104 - compared, not bound


def _announce(supervisor: Supervisor, machine: OneMachine, more: list[str]) -> None:
    lines = [
        "",
        f"Secure site   {machine.secure_address}",
        f"Public site   {machine.public_address}",
        *more,
        "Stop with Ctrl-C.",
        "",
    ]
    for line in lines:
        supervisor.say(line)
