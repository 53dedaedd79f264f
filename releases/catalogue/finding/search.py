"""Finding releases: words, filters, order, and how many each filter would leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import overload
from urllib.parse import urlencode
from zlib import crc32

import numpy as np

from releases.catalogue.finding.index import LARGEST, SIZES
from releases.catalogue.finding.shelf import Numbers, Shelf, Which, shelf
from releases.catalogue.finding.tokens import LONGEST_TEXT, Word, looked_for
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.models.listings import FACETS
from releases.catalogue.showing import words

BEST = "best"
SORTS = {BEST: "Best match first", "newest": "Newest first", "title": "Title, A to Z", "largest": "Most rows first"}
"""Orders of a list; the best match first where there are words."""
NONE = "none"
"""Stands in addresses for a value that a release does not state."""
MOST_VALUES = 200
"""Values of one filter that are read from an address."""
SHOWN = 12
"""Values of a filter that a page offers: the most common, and those chosen."""
LISTED = (
    *("state", "key_revoked", "display_held"),
    *("release__slug", "version", "title", "description", "subject", "purpose", "tier", "access_level", "licence"),
    *("organisation", "data_model", "row_count", "column_count", "published_at"),
)
"""What a list reads of a version."""
_IN_ORDER = {
    "size": [*(band for _, band in SIZES), LARGEST],
    "fidelity": ["lowest", "low", "higher"],
}


@dataclass(frozen=True)
class Choice:
    """One value of a filter: its code, its words, how many of the found releases have it, whether it is chosen.

    identity: of its box on the page, the same for the same value: whoever ticks it stays where they are while counts change.
    """

    code: str
    name: str
    count: int
    chosen: bool
    identity: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} ({self.count:,})"


@dataclass(frozen=True)
class Facet:
    """One filter: its name in addresses, its heading, its values, and how many values are not offered because they are rare."""

    name: str
    heading: str
    choices: tuple[Choice, ...]
    rarer: int

    @property
    def chosen(self) -> int:
        return sum(choice.chosen for choice in self.choices)


@dataclass(frozen=True)
class Found(Sequence[ReleaseVersion]):
    """The versions a search found, in its order, fetched when asked for: an item, a slice, all in turn.

    whole: with manifest, attestation and all else that a list does not show.
    """

    search: Search
    whole: bool = True

    def count(self, value: object = None) -> int:
        return len(self)

    def __len__(self) -> int:
        return self.search.total

    @overload
    def __getitem__(self, asked: int) -> ReleaseVersion: ...
    @overload
    def __getitem__(self, asked: slice) -> list[ReleaseVersion]: ...
    def __getitem__(self, asked: int | slice) -> ReleaseVersion | list[ReleaseVersion]:
        if isinstance(asked, int):
            start, stop, step = asked, asked + 1, 1
        else:
            start, stop, step = asked.indices(len(self))
        if start < 0 or step != 1:
            raise ValueError("a list of what was found is read forwards from its beginning")
        found = self._between(start, stop)
        return found if isinstance(asked, slice) else found[0]

    def __iter__(self) -> Iterator[ReleaseVersion]:
        for start in range(0, len(self), 200):
            yield from self._between(start, start + 200)

    def _between(self, start: int, stop: int) -> list[ReleaseVersion]:
        pks = self.search.page_of(start, stop)
        versions = ReleaseVersion.objects.select_related("release")
        fetched = (versions if self.whole else versions.only(*LISTED)).in_bulk(pks)
        # On show is asked again: nothing that was taken off stands in a list, whatever became of its listing. Not by the query: asked
        # for the state as well, SQLite goes through everything that is published instead of looking up these few.
        return [fetched[pk] for pk in pks if pk in fetched and fetched[pk].on_show]


@dataclass(frozen=True)
class Search:
    """What somebody asked for, with everything unknown left out. chosen: filter to the values chosen of it; sort: "" is as it comes."""

    text: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = ""

    @staticmethod
    def asked(query: Mapping[str, list[str]]) -> Search:
        """From the query string's lists of values; NULs and over-long values are cut, an unknown order is the usual one."""

        def values(name: str) -> tuple[str, ...]:
            some = query.get(name, [])[:MOST_VALUES]
            return tuple(dict.fromkeys(value.replace("\x00", "")[:LONGEST_TEXT] for value in some if value))

        chosen = {name: values(name) for name in FACETS if values(name)}
        text = " ".join((values("q") or ("",))[0].split())
        sort = (values("sort") or ("",))[0]
        return Search(text, chosen, sort if sort in SORTS else "")

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The search as names and values, the same for the same search."""
        parts = [("q", self.text)] if self.text else []
        parts += [(name, value) for name in FACETS for value in self.chosen.get(name, ())]
        return parts + ([("sort", self.sort)] if self.sort else [])

    @property
    def query(self) -> str:
        """The search as a query string that ends in "&", for links to pages of results."""
        return f"{urlencode(self.parameters)}&" if self.parameters else ""

    @property
    def narrowed(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.text or self.chosen)

    @cached_property
    def _read(self) -> tuple[tuple[Word, ...], tuple[str, ...]]:
        return looked_for(self.text)

    @property
    def words(self) -> tuple[Word, ...]:
        return self._read[0]

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Words of the text that say nothing of what is looked for."""
        return self._read[1]

    @property
    def nothing_to_look_for(self) -> bool:
        """Whether there is a text without a word in it: then nothing is found."""
        return bool(self.text.strip("_ ")) and not self.words

    @property
    def order(self) -> str:
        """The order in force: one of `SORTS`."""
        if self.sort and not (self.sort == BEST and not self.words):
            return self.sort
        return BEST if self.words else "newest"

    def found(self, *, whole: bool = True) -> Found:
        """The newest version on show of every release that has all the words and the chosen values, in order."""
        return Found(self, whole)

    def page_of(self, start: int, stop: int) -> list[int]:
        """Primary keys of the versions found, from number `start` to before `stop`, in order."""
        found: list[int] = self._in_order[start:stop].tolist()
        return found

    @property
    def total(self) -> int:
        """How many releases it finds."""
        return len(self._in_order)

    @cached_property
    def facets(self) -> tuple[Facet, ...]:
        """Every filter, its values counted among the releases that have the words and what is chosen of the other filters."""
        made = (self._facet(name, self._counts.get(name, {})) for name in FACETS)
        return tuple(facet for facet in made if facet.chosen or any(choice.code != NONE for choice in facet.choices))

    def choices(self, name: str) -> tuple[Choice, ...]:
        """The values of one filter."""
        return next((facet.choices for facet in self.facets if facet.name == name), ())

    @cached_property
    def _shelf(self) -> Shelf:
        return shelf()

    @cached_property
    def _fits(self) -> dict[str, Which]:
        """By filter of which something is chosen, which releases have it."""
        asked = {name: ["" if value == NONE else value for value in values] for name, values in self.chosen.items()}
        return {name: self._shelf.chosen(name, values) for name, values in asked.items()}

    @cached_property
    def _having_words(self) -> Which:
        """Which releases have all the words."""
        if self.nothing_to_look_for:
            return ~self._shelf.all
        which: Which = np.logical_and.reduce([self._shelf.all, *(self._shelf.having(word)[0] for word in self.words)])
        return which

    @cached_property
    def _in_order(self) -> Numbers:
        """Primary keys of all versions found, in order; of one score the newest first."""
        which = np.logical_and.reduce([self._having_words, *self._fits.values()])
        if self.order != BEST:
            return self._shelf.in_order(which, self.order)
        scores = np.sum([self._shelf.having(word)[1] for word in self.words], axis=0)
        return self._shelf.in_order(which, "newest", scores)

    @cached_property
    def _counts(self) -> dict[str, dict[str, int]]:
        """For each filter how many have each value."""
        counts = self._shelf.counted(self._fits, self._having_words)
        return {name: {value or NONE: count for value, count in each.items()} for name, each in counts.items()}

    def _facet(self, name: str, counts: dict[str, int]) -> Facet:
        chosen = self.chosen.get(name, ())
        values = {**counts, **{value: counts.get(value, 0) for value in chosen}}
        ordered = sorted(values, key=lambda value: (-values[value], value))
        offered = [value for number, value in enumerate(ordered) if number < SHOWN or value in chosen]
        rarer = len(ordered) - len(offered)
        if name == "year":
            offered.sort(reverse=True)
        elif name in _IN_ORDER:
            known = _IN_ORDER[name]
            offered.sort(key=lambda value: known.index(value) if value in known else len(known))
        choices = tuple(
            Choice(value, words.value(name, value), values[value], value in chosen, f"{name}-{crc32(value.encode(errors='replace')):08x}")
            for value in offered
        )
        return Facet(name, words.FACET_NAMES[name], choices, rarer)
