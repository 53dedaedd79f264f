"""What a list of results shows of a release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime

from releases.catalogue.finding.matches import matches
from releases.catalogue.finding.search import Search
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.showing import words


def hits(search: Search, versions: Sequence[ReleaseVersion]) -> list[dict[str, Any]]:
    """The releases of one page of the results of `search`."""
    found = matches(search, versions)
    return [
        {
            "address": version.release.get_absolute_url(),
            "open": version.access_level == "open",
            "tier": words.tier(version.tier),
            "colour": words.TIER_COLOURS.get(version.tier, "grey"),
            "size": f"{version.row_count:,} rows × {version.column_count:,} columns",
            "about": " · ".join(filter(None, _about(version))),
            "match": found[version.pk],
        }
        for version in versions
    ]


def _about(version: ReleaseVersion) -> tuple[str, ...]:
    return (
        f"Made for: {words.purpose(version.purpose)}",
        version.organisation,
        version.data_model,
        _day(localtime(version.published_at).date()),
    )


@lru_cache(maxsize=4_096)
def _day(day: date) -> str:
    return date_format(day, "j F Y")
