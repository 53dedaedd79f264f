"""The DOI of a version: what a trust sends to DataCite for one, and how the one it was given is written down here.

The catalogue has no account with a registration agency and asks none: an administrator sends the request and records the answer.
Source: DataCite REST API (DOIs as JSON:API documents); DataCite's recommendation for the characters of a DOI.
"""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases.catalogue.finding import index
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.standards import datacite
from releases.catalogue.standards.described import described, site_at

_DOI = re.compile(r"10\.[0-9]{4,9}/[-._;()/:a-z0-9]{1,150}")
_PREFIX = re.compile(r"10\.[0-9]{4,9}")


class DoiRefused(ValueError):
    """Why it is not written, or asked for; a sentence."""


def request(slug: str, version: int, *, publish: bool = False) -> dict[str, Any]:
    """What DataCite is sent: POST to `/dois`, or PUT to `/dois/<DOI>` where the version has one. Without `publish` it stays a draft."""
    if not settings.SYNTHPORTAL_PERMANENT_URL:
        raise DoiRefused("set SYNTHPORTAL_PUBLIC_URL first: a DOI leads to an address that stays")
    wanted = _version(slug, version)
    attributes = datacite.metadata(described(wanted, site_at(settings.SYNTHPORTAL_PERMANENT_URL), with_tables=False))
    if not wanted.doi:
        if not _PREFIX.fullmatch(settings.SYNTHPORTAL_DOI_PREFIX):
            raise DoiRefused("set SYNTHPORTAL_PUBLIC_DOI_PREFIX to the prefix that your registration agency gave you, such as 10.12345")
        attributes["prefix"] = settings.SYNTHPORTAL_DOI_PREFIX
    if publish:
        attributes["event"] = "publish"
    return {"data": {"type": "dois", "attributes": attributes}}


def record(slug: str, version: int, doi: str, *, correct: bool = False) -> ReleaseVersion:
    """Write down the DOI of a version; from then on its page, its citations and every description name it.

    correct: replace one that was written down wrongly. DoiRefused tells why it is not written.
    """
    name = doi.strip().removeprefix("https://doi.org/").removeprefix("doi:").lower()
    if not _DOI.fullmatch(name):
        raise DoiRefused("a DOI looks like 10.12345/abc-def: the prefix, a slash, then letters, digits and -._;()/:")
    prefix = settings.SYNTHPORTAL_DOI_PREFIX
    if prefix and not name.startswith(f"{prefix}/"):
        raise DoiRefused(f"this DOI does not begin with {prefix}/, the prefix in SYNTHPORTAL_PUBLIC_DOI_PREFIX")
    with transaction.atomic():
        found = _version(slug, version)
        if found.doi == name:
            return found
        if found.doi and not correct:
            raise DoiRefused(f"version {version} of {slug} has the DOI {found.doi} already; --correct replaces a wrong one")
        other = ReleaseVersion.objects.filter(doi=name).select_related("release").first()
        if other is not None:
            raise DoiRefused(f"this DOI is that of version {other.version} of {other.release.slug}")
        found.doi, found.doi_at = name, timezone.now()
        found.save(update_fields=["doi", "doi_at"])
        index.shelve({found.release_id}, settings.SYNTHPORTAL_STORE)
    return found


def _version(slug: str, version: int) -> ReleaseVersion:
    found = ReleaseVersion.objects.select_related("release").filter(release__slug=slug, version=version).first()
    if found is None or found.manifest == {}:
        raise DoiRefused(f"this catalogue holds no version {version} of {slug}")
    return found
