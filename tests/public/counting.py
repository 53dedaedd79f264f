"""A site at another address that counts the bytes it sends: what a reader fetched, however it asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Counted:
    """address: of the counting way; sent: bytes that came from the site through it."""

    address: str
    sent: int = 0


@contextmanager
def counting(address: str) -> Iterator[Counted]:
    """Pass everything on to `address` (http://host:port) and count what comes back."""
    host, port = address.removeprefix("http://").split(":")
    listening = socket.create_server(("127.0.0.1", 0))
    counted = Counted(f"http://127.0.0.1:{listening.getsockname()[1]}")

    def pass_on(source: socket.socket, target: socket.socket, *, count: bool) -> None:
        try:
            while piece := source.recv(65536):
                if count:
                    counted.sent += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                reader, _ = listening.accept()
            except OSError:
                return
            site = socket.create_connection((host, int(port)))
            open_ones.extend((reader, site))
            threading.Thread(target=pass_on, args=(reader, site), kwargs={"count": False}, daemon=True).start()
            threading.Thread(target=pass_on, args=(site, reader), kwargs={"count": True}, daemon=True).start()

    open_ones: list[socket.socket] = []
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)
        for each in open_ones:
            each.close()
