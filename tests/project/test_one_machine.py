"""`synthportal serve`: both sites, worker, publisher, ingest and queue, as a person starts them on one machine."""

from __future__ import annotations

import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthportal import queue_server
from tests.project.running import Running, gone, started

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Both sites, running in an empty folder."""
    with started(
        "serve", tmp_path_factory.mktemp("s") / "v", SYNTHPORTAL_SIGNING_KEY="/elsewhere", SYNTHPORTAL_SECURE_HOSTS="localhost"
    ) as running:
        running.until("Stop with Ctrl-C")
        yield running


@pytest.mark.promise("install.5")
def test_both_sites_answer_when_the_addresses_are_printed(served: Running) -> None:
    said = "".join(served.said)

    assert f"Secure site   http://localhost:{served.secure_port}" in said
    assert f"Public site   http://localhost:{served.public_port}" in said
    assert served.get(served.secure_port)[0] in (200, 302)
    assert served.get(served.public_port)[0] == 200


@pytest.mark.promise("install.8")
def test_each_process_is_told_only_what_it_needs(served: Running) -> None:
    children = served.children()

    assert set(children) == {"queue", "secure web", "secure worker", "secure cron", "secure publisher", "public web", "public ingest"}
    assert [name for name, environment in children.items() if "SYNTHPORTAL_SIGNING_KEY" in environment] == ["secure publisher"]
    assert children["secure publisher"]["SYNTHPORTAL_SIGNING_KEY"] != "/elsewhere"
    assert set(children["queue"]) <= {"PATH", "LANG", "SYNTHPORTAL_START"}
    for name in ("public web", "public ingest"):
        told = children[name]
        assert [
            variable for variable in told if variable.startswith("SYNTHPORTAL_SECURE") or variable in ("REDIS_URL", "SYNTHPORTAL_VAR")
        ] == []
        assert [variable for variable, value in told.items() if "/secure" in value] == []
    assert [variable for variable in children["secure web"] if variable.startswith("SYNTHPORTAL_PUBLIC")] == []


@pytest.mark.promise("install.9")
def test_secrets_and_the_zones_folders_are_private(served: Running, tmp_path_factory: pytest.TempPathFactory) -> None:
    var = Path(served.children()["secure web"]["SYNTHPORTAL_SECURE_VAR"]).parent
    for file in ("secure/secret_key", "public/secret_key", "secure/publisher/signing.key"):
        assert stat.S_IMODE((var / file).stat().st_mode) == 0o600, file
    for folder in ("secure", "public", "run"):
        assert stat.S_IMODE((var / folder).stat().st_mode) == 0o700, folder
    assert (var / "secure/secret_key").read_text() != (var / "public/secret_key").read_text()
    for keys in ("public/keys", "secure/keys"):
        (pinned,) = (var / keys).glob("*.pub")
        assert pinned.read_bytes() == (var / "secure/publisher/signing.pub").read_bytes()
    assert stat.S_IMODE((var / "run/queue.sock").stat().st_mode) & 0o077 == 0


@pytest.mark.promise("zones.20")
def test_the_sites_have_cookies_of_their_own_and_strict_headers(served: Running) -> None:
    from http.client import HTTPConnection

    cookies = {}
    for port, path in ((served.secure_port, "/sign-in/"), (served.public_port, "/")):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path, headers={"Host": "localhost"})
        response = connection.getresponse()
        response.read()
        connection.close()
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "camera=()" in response.headers["Permissions-Policy"]
        cookies[port] = {cookie.split("=")[0] for cookie in response.headers.get_all("Set-Cookie") or []}
    assert all(name.startswith("synthportal_secure_") for name in cookies[served.secure_port])
    assert cookies[served.public_port] == set()


@pytest.mark.promise("install.10")
def test_a_second_start_in_the_same_folder_is_refused_in_one_line(served: Running) -> None:
    var = Path(served.children()["secure web"]["SYNTHPORTAL_SECURE_VAR"]).parent

    with started("serve", var) as second:
        said = second.rest()

    assert second.process.returncode == 2
    assert said.strip().count("\n") == 0
    assert "is served by another synthportal" in said


@pytest.mark.promise("install.10")
def test_a_taken_port_is_named_in_one_line_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started("serve", tmp_path / "v", SYNTHPORTAL_PUBLIC_PORT=str(port)) as running:
            said = running.rest()

    assert running.process.returncode == 2
    assert said.strip().count("\n") == 0
    assert f"port {port} is taken by another program; stop that one, or name another port in SYNTHPORTAL_PUBLIC_PORT" in said


@pytest.mark.promise("install.10")
def test_a_port_that_is_no_number_is_refused_in_one_line(tmp_path: Path) -> None:
    with started("serve", tmp_path / "v", SYNTHPORTAL_SECURE_PORT="eighty") as running:
        assert "SYNTHPORTAL_SECURE_PORT must be a port number from 1 to 65535" in running.rest()
    assert running.process.returncode == 2


@pytest.mark.promise("install.6")
@pytest.mark.promise("install.5")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_whatever_ends_the_supervisor_ends_every_process(tmp_path: Path, number: signal.Signals) -> None:
    with started("serve", tmp_path / "v") as running:
        running.until("Stop with Ctrl-C")
        assert len(running.marked()) >= 8  # seven, and the web servers' own workers

        running.process.send_signal(number)
        running.process.wait(20)

        assert gone(running.mark)
        for port in (running.secure_port, running.public_port):
            with socket.socket() as attempt:
                assert attempt.connect_ex(("127.0.0.1", port)) != 0


def test_a_queue_server_on_the_path_is_preferred_to_the_packaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "redis-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert queue_server.command(tmp_path / "queue.sock")[0] == str(own)


@pytest.mark.promise("install.10")
def test_a_socket_path_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose a shorter SYNTHPORTAL_VAR"):
        queue_server.command(tmp_path / ("deep" * 30) / "queue.sock")
