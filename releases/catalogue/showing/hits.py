"""What a list of results shows of a release."""

from __future__ import annotations

from typing import Any

from releases.catalogue.finding.search import Search
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.showing import words


def hit(version: ReleaseVersion, search: Search) -> dict[str, Any]:
    """One release among the results of `search`."""
    return {
        "version": version,
        "tier": words.tier(version.tier),
        "colour": words.TIER_COLOURS.get(version.tier, "grey"),
        "purpose": words.purpose(version.purpose),
        "line": _first_line(version.description),
        "matched": search.matched(version),
    }


def _first_line(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= 180 else f"{line[:177].rsplit(' ', 1)[0]} …"
