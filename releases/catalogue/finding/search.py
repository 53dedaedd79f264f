"""Finding releases: words, filters, order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q

from releases.catalogue.models import ReleaseVersion, VersionQuerySet
from releases.catalogue.showing import words

SORTS = {"newest": "Newest first", "title": "Title, A to Z", "largest": "Most rows first"}
_ORDER = {"newest": ("-published_at", "title"), "title": ("title", "pk"), "largest": ("-row_count", "title")}
_MOST_WORDS = 8


@dataclass(frozen=True)
class Choice:
    """One value of a filter: its code, its words, how many of the found releases have it, whether it is chosen."""

    code: str
    name: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Search:
    """What somebody asked for, with everything unknown left out."""

    text: str = ""
    tier: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    sort: str = "newest"

    @staticmethod
    def asked(query: Mapping[str, list[str]]) -> Search:
        """From the query string's lists of values; NULs and over-long words are dropped, an unknown order is the newest first."""

        def values(name: str) -> tuple[str, ...]:
            return tuple(dict.fromkeys(value.replace("\x00", "")[:200] for value in query.get(name, []) if value))

        sort = (values("sort") or ("newest",))[0]
        text = " ".join((values("q") or ("",))[0].split())
        return Search(text, values("tier"), values("purpose"), values("subject"), sort if sort in SORTS else "newest")

    @property
    def query(self) -> str:
        """The search as a query string that ends in "&", for links to pages of results."""
        parts = [("q", self.text)] if self.text else []
        parts += [(name, value) for name in ("tier", "purpose", "subject") for value in getattr(self, name)]
        parts += [("sort", self.sort)] if self.sort != "newest" else []
        return f"{urlencode(parts)}&" if parts else ""

    @property
    def words(self) -> list[str]:
        return self.text.lower().split()[:_MOST_WORDS]

    def found(self) -> VersionQuerySet:
        """The newest version on show of every release that has all the words and the chosen values, in order."""
        versions = self._with_words()
        for name in ("tier", "purpose", "subject"):
            if getattr(self, name):
                versions = versions.filter(**{f"{name}__in": getattr(self, name)})
        return versions.order_by(*_ORDER[self.sort])

    def _with_words(self) -> VersionQuerySet:
        # Newest among those on show: a suspended version 2 leaves version 1 to be found.
        shown = ReleaseVersion.objects.on_show()
        newest: dict[int, tuple[int, int]] = {}
        for pk, release, number in shown.values_list("pk", "release_id", "version"):
            newest[release] = max(newest.get(release, (0, 0)), (number, pk))
        versions = ReleaseVersion.objects.filter(pk__in=[pk for _, pk in newest.values()]).select_related("release")
        for word in self.words:
            versions = versions.filter(
                Q(title__icontains=word)
                | Q(description__icontains=word)
                | Q(column_names__icontains=word.replace(" ", "_"))
                | Q(subject__icontains=word)
                | Q(release__slug__icontains=word)
            )
        return versions

    def choices(self, name: str) -> list[Choice]:
        """The values of filter `name` among the releases that have the words, with counts, most common first."""
        counts: dict[str, int] = {}
        for value in self._with_words().values_list(name, flat=True):
            counts[value] = counts.get(value, 0) + 1
        for value in getattr(self, name):
            counts.setdefault(value, 0)
        named = {"tier": words.tier, "purpose": words.purpose}.get(name, str)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [Choice(value, named(value), count, value in getattr(self, name)) for value, count in ordered]

    def matched(self, version: ReleaseVersion) -> str:
        """Where the words were found, as a sentence's end; empty for a search without words."""
        if not self.words:
            return ""
        columns = [name for name in version.column_names.splitlines() if any(word in name.lower() for word in self.words)]
        places = [
            place
            for place, text in (("title", version.title), ("description", version.description), ("subject", version.subject))
            if any(word in text.lower() for word in self.words)
        ]
        if columns:
            more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
            places.append(f"columns {', '.join(columns[:5])}{more}" if len(columns) > 1 else f"column {columns[0]}")
        return f"Found in: {'; '.join(places)}" if places else ""
