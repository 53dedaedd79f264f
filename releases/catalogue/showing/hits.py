"""What a list of results shows of a release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from releases.catalogue.finding.matches import matches
from releases.catalogue.finding.search import Search
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.showing import words


def hits(search: Search, versions: Sequence[ReleaseVersion]) -> list[dict[str, Any]]:
    """The releases of one page of the results of `search`."""
    found = matches(search, versions)
    return [
        {
            "version": version,
            "tier": words.tier(version.tier),
            "colour": words.TIER_COLOURS.get(version.tier, "grey"),
            "purpose": words.purpose(version.purpose),
            "match": found[version.pk],
        }
        for version in versions
    ]
