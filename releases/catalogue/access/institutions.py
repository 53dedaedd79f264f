"""E-mail addresses: which person is behind one, and is it an institution's?"""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

from django.conf import settings


def canonical(email: str) -> str:
    """The person behind an address: capitals, dots and what follows a plus sign before the @ do not make another one."""
    local, _, domain = unicodedata.normalize("NFKC", email).strip().casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain.rstrip('.')}"


def institutional(email: str) -> bool:
    """Whether the address ends as `SYNTHPORTAL_PUBLIC_INSTITUTIONS` lists."""
    return _listed(canonical(email).rpartition("@")[2])


def institutional_page(address: str) -> bool:
    """Whether a web page is on an institution's own site, over https."""
    try:
        parts = urlsplit(address)
        plain = parts.scheme == "https" and parts.username is None and parts.port in (None, 443)
    except ValueError:
        return False
    return plain and _listed((parts.hostname or "").rstrip("."))


def endings() -> str:
    """The ends of addresses that count, in words; "nhs.net" says what ".nhs.net" would say again."""
    listed = settings.SYNTHPORTAL_INSTITUTIONS
    *first, last = [end for end in listed if not (end.startswith(".") and end[1:] in listed)] or ["(none is set)"]
    return f"{', '.join(first)} or {last}" if first else last


def _listed(host: str) -> bool:
    """ ".ac.uk" is every host below it, not itself; "nhs.net" is that host."""
    ends = [end.casefold() for end in settings.SYNTHPORTAL_INSTITUTIONS]
    host = host.casefold()
    return host.isascii() and any(host == end or (end.startswith(".") and host.endswith(end)) for end in ends)
