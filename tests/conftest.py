"""What all tests share: promises, strict skips, no network, the shared reference data, servers of their own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.promises import PromiseRecorder, StrictSkips

if TYPE_CHECKING:
    from tests.servers import PostgresqlServer, QueueServer

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SYNTHPORTAL_SHARED") or ROOT.parent / "shared")

_PUBLIC = os.environ.get("DJANGO_SETTINGS_MODULE", "").endswith("test_public")
# One process has one site's settings: the public site's tests have a run of their own (see the Makefile).
collect_ignore = [] if _PUBLIC else ["public"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(PromiseRecorder(), "promise-recorder")
    if os.environ.get("SYNTHPORTAL_STRICT_SKIPS") == "1":
        config.pluginmanager.register(StrictSkips(), "strict-skips")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip("the shared reference data are absent: put them in ../shared beside the repository or name them in SYNTHPORTAL_SHARED")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the shared reference data, for tests marked `shared`."""
    return SHARED / "data"


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test talks to another machine: a connection to anywhere but this one is refused."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError("a test tried to reach another machine")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of the tests' own, on a unix socket; `.url` is what SYNTHPORTAL_SECURE_DATABASE takes."""
    from tests.servers import PostgresqlServer, ServerAbsent  # the public site's process must not load the secure zone's modules

    try:
        server = PostgresqlServer.start()
    except ServerAbsent as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def queue_server() -> Iterator[QueueServer]:
    """A queue server of the tests' own, on a unix socket; `.url` is what REDIS_URL takes."""
    from tests.servers import QueueServer, ServerAbsent  # the public site's process must not load the secure zone's modules

    try:
        server = QueueServer.start()
    except ServerAbsent as error:
        pytest.skip(str(error))
    yield server
    server.stop()
