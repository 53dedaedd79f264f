"""A public site that runs: its own processes and a real web server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from releases.capsule.signing import pin
from tests.capsule.world import Publisher

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass(frozen=True)
class Site:
    address: str
    publisher: Publisher
    environment: dict[str, str]

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Message, bytes]:
        request = urllib.request.Request(self.address + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()


@contextmanager
def served(publisher: Publisher, **settings: str) -> Iterator[Site]:
    """A site on a port of its own that has taken in what the publisher published, served by the server that `serve` uses.

    settings: variables of its environment besides.
    """
    var = publisher.folder / "var"
    pin(publisher.signer.public_pem(), var / "public/keys")
    environment = {
        "PATH": os.environ["PATH"],
        "SYNTHPORTAL_VAR": str(var),
        "SYNTHPORTAL_LAKE": str(publisher.lake),
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
        "PYTHONWARNINGS": "error",
        **settings,
    }
    for command in (["migrate", "-v0"], ["ingest"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    port = free_port()
    command = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "synthportal.wsgi_public:application"]
    server = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    site = Site(f"http://127.0.0.1:{port}", publisher, environment)
    deadline = time.monotonic() + 60
    while True:
        try:
            site.get("/")
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    try:
        yield site
    finally:
        server.terminate()
        server.wait(20)
