"""What a release cannot tell, in sentences: from its kind, what it does not meet, its report and what was left out of it."""

from __future__ import annotations

from collections.abc import Sequence

from releases.catalogue.models import ReleaseVersion
from releases.catalogue.showing import contents
from releases.catalogue.showing.dictionary import Table

OF_TIER = {
    "structural": (
        "Values are arbitrary: how common each is, and how they go together, is made up.",
        "Rules between columns hold only where they are listed.",
    ),
    "publicly-sourced": (
        "Each column was made by itself: how two columns go together is chance.",
        "Rare values were pooled, and the highest and lowest numbers cut.",
    ),
    "privately-sourced": (
        "A relationship that is weak or rare in the real data may be missing here, and one that is here may not be real.",
        "Small groups are followed less well than large ones.",
    ),
}
MOST_NAMES = 8


def limitations(version: ReleaseVersion, tables: Sequence[Table], report: contents.Measured) -> tuple[str, ...]:
    """The sentences, the weightiest first."""
    said = list(OF_TIER.get(version.tier, ()))
    columns = [column for table in tables for column in table.columns]
    withheld = [column.name for column in columns if column.absent.startswith("Withheld")]
    if withheld:
        said.append(f"Not followed, because too few people share a value: {_listed(withheld)}.")
    words = [column.name for column in columns if column.code == "free text"]
    if words:
        said.append(f"Free text is a placeholder: {_listed(words)}.")
    if any(table.person_key or any(column.code == "identifier" for column in table.columns) for table in tables):
        said.append("Identifiers are made up: they cannot be linked to any other data.")
    attempts = version.made.get("attempts", 1)
    if isinstance(attempts, int) and attempts > 1:
        said.append(f"It was chosen among {attempts:,} versions, so its figures look a little better than chance would have it.")
    return tuple([*said, *report.notes])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
