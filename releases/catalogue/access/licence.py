"""The End User Licence: its editions, the one in force, and whether what somebody signed still counts.

An edition is a file `<version>--<first day>.txt` of the folder `SYNTHPORTAL_PUBLIC_LICENCES`. What is signed is the SHA-256 of its bytes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from releases.catalogue.models import LicenceText

_NAME = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})--(\d{4}-\d\d-\d\d)\.txt")


class NoLicence(Exception):
    """No End User Licence is in force, so that nobody can sign one."""


@dataclass(frozen=True)
class Edition:
    """One text. since: its first day; sha256 (hex) of its bytes."""

    version: str
    since: date
    text: str
    sha256: str

    @property
    def short(self) -> str:
        """The first characters of its digest, to compare by eye."""
        return self.sha256[:12]


def editions() -> tuple[Edition, ...]:
    """All of them, oldest first."""
    found = []
    for path in Path(settings.SYNTHPORTAL_LICENCES).glob("*.txt"):
        if named := _NAME.fullmatch(path.name):
            content = path.read_bytes()
            since = date.fromisoformat(named[2])
            found.append(Edition(named[1], since, content.decode("utf-8"), hashlib.sha256(content).hexdigest()))
    return tuple(sorted(found, key=lambda each: (each.since, each.version)))


def in_force(today: date | None = None) -> Edition:
    """The edition that is signed today; NoLicence when there is none."""
    today = today or timezone.localdate()
    current = [each for each in editions() if each.since <= today]
    if not current:
        raise NoLicence("no End User Licence is in force; put one into the folder that SYNTHPORTAL_PUBLIC_LICENCES names")
    return current[-1]


def kept(edition: Edition) -> LicenceText:
    """The edition as a row, kept for as long as anybody signed it."""
    return LicenceText.objects.get_or_create(sha256=edition.sha256, defaults={"version": edition.version, "text": edition.text})[0]


def lapsed(sha256: str, today: date | None = None) -> date | None:
    """Since when a signature of this text counts no more; None while it does: its edition is in force, or was until a grace ago."""
    today = today or timezone.localdate()
    every = [each for each in editions() if each.since <= today]
    digests = [each.sha256 for each in every]
    if sha256 not in digests:
        return date.min  # not a text of ours any more: it was changed, or taken away
    place = len(digests) - 1 - digests[::-1].index(sha256)
    if place == len(every) - 1:
        return None
    until = every[place + 1].since + settings.SYNTHPORTAL_LICENCE_GRACE
    return until if until <= today else None
