"""How often one place asks: counted by the minute, in a file that all processes of this machine share.

No address is written anywhere: a place is a keyed digest that also holds the minute, and of that only two positions in a table of counts.
Two places that fall on the same positions share their minute; that is why each has two, of which the smaller count holds (Cormode and
Muthukrishnan 2005, count-min sketch).
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import mmap
import os
import struct
import time
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.http import HttpRequest

from releases.catalogue.access.attempts import place_of

WINDOW = 60
"""Seconds."""
_SLOTS = 1 << 16
_SLOT = struct.Struct("<II")
_lock = Lock()


def too_many(request: HttpRequest, now: float | None = None) -> int | None:
    """Counts this request; the seconds to wait where its place asked more often than the setting allows, else None.

    now: seconds since 1970. Where the file cannot be written, nobody is counted: the catalogue stays readable.
    """
    most = settings.SYNTHPORTAL_RATE
    if not most:
        return None
    moment = time.time() if now is None else now
    window = int(moment // WINDOW)
    try:
        count = min(_counted(position, window) for position in _positions(_place(request), window))
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


def _positions(place: str, window: int) -> tuple[int, int]:
    digest = hmac.new(settings.SECRET_KEY.encode(), f"rate {window} {place}".encode(), hashlib.sha256).digest()
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
