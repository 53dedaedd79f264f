"""Which bytes of a thing does this request want? RFC 9110: preconditions (13), ranges (14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.http import http_date, parse_http_date_safe

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


@dataclass(frozen=True)
class Wanted:
    """The answer: its status (200, 206, 304, 412, 416) and, of 200 and 206, the first byte and how many."""

    status: int
    start: int = 0
    length: int = 0


def wanted(method: str, headers: Mapping[str, str], *, size: int, etag: str, modified: datetime) -> Wanted:
    """Judge If-Match, If-None-Match, If-Modified-Since, If-Range and Range.

    A request for several ranges gets the whole (200), as the standard allows: nobody needs multipart answers, and a list of a thousand
    ranges would be a way to tire the server. So does a Range header that is not understood.
    """
    if "If-Match" in headers and not _among(headers["If-Match"], etag):
        return Wanted(412)
    if "If-None-Match" in headers:
        if _among(headers["If-None-Match"].replace("W/", ""), etag):
            return Wanted(304)
    elif "If-Modified-Since" in headers:
        since = parse_http_date_safe(headers["If-Modified-Since"])
        if since is not None and int(modified.timestamp()) <= since:
            return Wanted(304)
    whole = Wanted(200, 0, size)
    if method != "GET" or "Range" not in headers:
        return whole
    condition = headers.get("If-Range", "").strip()
    if condition and condition not in (etag, http_date(modified.timestamp())):
        return whole
    match = _ONE_RANGE.fullmatch(headers["Range"].strip())
    if match is None or not (match[1] or match[2]):
        return whole
    if not match[1]:
        suffix = min(int(match[2]), size)
        return Wanted(206, size - suffix, suffix) if suffix else Wanted(416)
    start, end = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    if match[2] and int(match[2]) < start:
        return whole  # not a range at all
    return Wanted(206, start, end - start + 1) if start < size else Wanted(416)


def _among(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in [each.strip() for each in header.split(",")]
