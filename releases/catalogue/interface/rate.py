"""How often one place asks: counted by the minute, in a file that all processes of a machine share, or for several machines on a server.

No address is written anywhere: a place is a keyed digest that also holds the minute, so that nobody can tell of two minutes whether the
same place asked. The file keeps of it only two positions in a table of counts. Two places that fall on the same positions share their
minute; that is why each has two, of which the smaller count holds (Cormode and Muthukrishnan 2005, count-min sketch). The server (Valkey
or Redis) keeps the digest for two minutes; while it does not answer, each machine counts in its file.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import logging
import mmap
import os
import struct
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest

from releases.catalogue.access.attempts import place_of

if TYPE_CHECKING:
    from redis import Redis

WINDOW = 60
"""Seconds."""
_SLOTS = 1 << 16
_SLOT = struct.Struct("<II")
_PATIENCE = 0.25
"""Seconds within which the server answers, or it is passed over."""
_SILENT = 10
"""Seconds for which a server that did not answer is not asked."""
_lock = Lock()
log = logging.getLogger(__name__)


def too_many(request: HttpRequest, now: float | None = None) -> int | None:
    """Counts this request; the seconds to wait where its place asked more often than the setting allows, else None.

    now: seconds since 1970. Where counts cannot be kept at all, nobody is counted: the catalogue stays readable.
    """
    most = settings.SYNTHPORTAL_RATE
    if not most:
        return None
    moment = time.time() if now is None else now
    window = int(moment // WINDOW)
    digest = _digest(_place(request), window)
    count = _counted_by_server(digest, moment) if settings.SYNTHPORTAL_RATE_SERVER else None
    if count is None:
        try:
            count = min(_counted(position, window) for position in _positions(digest))
        except OSError:
            return None
    return seconds_left(moment) if count > most else None


def seconds_left(now: float | None = None) -> int:
    """Seconds until the minute is over and counting begins again."""
    return WINDOW - int((time.time() if now is None else now) % WINDOW)


def _place(request: HttpRequest) -> str:
    """Who asks: an IPv4 address, or the network of an IPv6 one, of which a single household has 2^64."""
    text = place_of(request)
    try:
        found = ip_address(text)
    except ValueError:
        return text
    return str(int(found) >> 64) if isinstance(found, IPv6Address) else str(found)


def _digest(place: str, window: int) -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), f"rate {window} {place}".encode(), hashlib.sha256).digest()


def _counted_by_server(digest: bytes, moment: float) -> int | None:
    """One more on the server; the count of the minute there. None while the server does not answer: then it is not asked for a while."""
    from redis.exceptions import RedisError

    server = _server(settings.SYNTHPORTAL_RATE_SERVER)
    if moment < server.silent_until:
        return None
    name = f"synthportal:rate:{digest[:16].hex()}"
    try:
        with server.client.pipeline() as asked:
            asked.incr(name)
            asked.expire(name, 2 * WINDOW)
            count, _ = asked.execute()
    except RedisError as error:
        server.silent_until = moment + _SILENT
        log.warning("the server that counts requests does not answer (%s); this machine counts by itself", type(error).__name__)
        return None
    return int(count)


@dataclass
class _Server:
    """The server of counts. silent_until: when it is asked again, in seconds since 1970."""

    client: Redis
    silent_until: float = 0.0


@lru_cache(maxsize=4)
def _server(address: str) -> _Server:
    from redis import Redis

    return _Server(Redis.from_url(address, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE))


def _positions(digest: bytes) -> tuple[int, int]:
    first, second = struct.unpack_from("<II", digest)
    return first % _SLOTS, _SLOTS + second % _SLOTS


def _counted(position: int, window: int) -> int:
    """One more at this position; the count of the minute there."""
    table, descriptor = _table(Path(settings.SYNTHPORTAL_RATE_FILE))
    place = position * _SLOT.size
    with _lock:  # threads of this process; other processes are held off by the lock on the file
        fcntl.lockf(descriptor, fcntl.LOCK_EX, _SLOT.size, place)
        try:
            held, count = _SLOT.unpack_from(table, place)
            count = count + 1 if held == window & 0xFFFFFFFF else 1
            _SLOT.pack_into(table, place, window & 0xFFFFFFFF, min(count, 0xFFFFFFFF))
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, _SLOT.size, place)
    return int(count)


@lru_cache(maxsize=4)
def _table(file: Path) -> tuple[mmap.mmap, int]:
    """The table in memory, and the open file behind it; made on first use, readable by this site alone."""
    size = 2 * _SLOTS * _SLOT.size
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, size)
    return mmap.mmap(descriptor, size), descriptor
