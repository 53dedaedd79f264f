"""The listings in memory: which releases have a word, what is chosen, in what order, and how many each filter would leave.

Finding, counting and ordering ten thousand listings takes a database tens of milliseconds, and is asked with every search. Here each
filter's values are whole numbers in an array, each order is everybody's place in it, and of a word the database is asked once which
releases have it. All of it is kept until the catalogue changes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from django.db import connection

from releases.catalogue.finding import full_text
from releases.catalogue.finding.tokens import Word
from releases.catalogue.models import FeedPosition, Listing
from releases.catalogue.models.listings import FACETS

ORDERS = ("newest", "title", "largest")
WORDS_HELD = 16 * 1024**2
"""Bytes of what is known of words that a process holds at most."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Which = np.ndarray[Any, np.dtype[np.bool_]]
"""Of each release on the shelf, whether it is meant."""
Scores = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Shelf:
    """ids: of all listed releases, ascending; versions: the primary keys of what is shown of them. places: by order, everybody's in it.

    codes: by filter, of each release the place of its value in `values`.
    """

    ids: Numbers
    versions: Numbers
    places: Mapping[str, Numbers]
    codes: Mapping[str, Numbers]
    values: Mapping[str, tuple[str, ...]]
    _words: OrderedDict[tuple[Any, ...], tuple[Which, Scores]] = field(default_factory=OrderedDict)
    _lock: Any = field(default_factory=Lock)

    @property
    def all(self) -> Which:
        """Every release."""
        return np.ones(len(self.ids), bool)

    def having(self, word: Word) -> tuple[Which, Scores]:
        """Which releases have the word, and what each scores by where it has it (`full_text.FIELDS`)."""
        key = (word.raw, word.stem, word.parts, word.whole)
        with self._lock:
            known = self._words.get(key)
            if known is not None:
                self._words.move_to_end(key)
                return known
        scores = np.zeros(len(self.ids), np.uint8)
        which = np.zeros(len(self.ids), bool)
        for weight, releases in full_text.having(word):
            at = self._at(releases)
            scores[at] += weight
            which[at] = True
        with self._lock:
            self._words[key] = which, scores
            while len(self._words) > max(1, WORDS_HELD // max(1, 2 * len(self.ids))):
                self._words.popitem(last=False)
        return which, scores

    def chosen(self, name: str, values: Sequence[str]) -> Which:
        """Which releases have one of these values of a filter."""
        places = [place for place, value in enumerate(self.values[name]) if value in values]
        return np.isin(self.codes[name], places)

    def in_order(self, which: Which, order: str, scores: Scores | None = None) -> Numbers:
        """What is shown of these releases, in one of `ORDERS`; scores: the highest first, and those of one score in that order."""
        at = np.flatnonzero(which)
        places = self.places[order][at]
        if scores is not None:
            places = places - scores[at].astype(np.int64) * len(self.ids)
        return self.versions[at[np.argsort(places)]]

    def counted(self, chosen: Mapping[str, Which], among: Which) -> dict[str, dict[str, int]]:
        """By filter, how many releases among those that count have each value and what is chosen of the other filters."""
        counts = {}
        for name in FACETS:
            counting = np.logical_and.reduce([among, *(fit for other, fit in chosen.items() if other != name)])
            numbers = np.bincount(self.codes[name][counting], minlength=len(self.values[name]))
            counts[name] = {value: int(number) for value, number in zip(self.values[name], numbers, strict=True) if number}
        return counts

    def _at(self, releases: Numbers) -> Numbers:
        """Where these stand on the shelf; those that came since are not on it."""
        at = np.searchsorted(self.ids, releases)
        at[at == len(self.ids)] = 0
        return at[self.ids[at] == releases] if len(self.ids) else at[:0]


_kept: dict[str, tuple[object, Shelf]] = {}
_lock = Lock()


def shelf() -> Shelf:
    """The listings as they are now: as kept, where nothing has changed since (`FeedPosition.changed`)."""
    # Read first: what changes while the listings are read makes them old at once, never new.
    position = FeedPosition.standing()
    stands_for = (position.revision, position.digest) if position else None
    database = str(connection.settings_dict["NAME"])
    with _lock:
        known = _kept.get(database)
    if known is not None and known[0] == stands_for:
        return known[1]
    made = _read()
    with _lock:
        _kept.clear()
        _kept[database] = (stands_for, made)
    return made


def _read() -> Shelf:
    first = ("release_id", "version_id", "title_key", "published_at", "row_count")
    rows = list(Listing.objects.order_by("release_id").values_list(*first, *FACETS))
    columns = list(zip(*rows, strict=True)) or [()] * (len(first) + len(FACETS))
    ids, versions, titles, published, sizes = columns[: len(first)]
    names = [bytes(each) for each in titles]
    by_title = sorted(range(len(rows)), key=lambda at: (names[at], ids[at]))
    # Sorted already by title and number, which a stable sort keeps.
    orders = {
        "title": by_title,
        "newest": sorted(by_title, key=lambda at: published[at], reverse=True),
        "largest": sorted(by_title, key=lambda at: sizes[at], reverse=True),
    }
    codes, values = {}, {}
    for name, column in zip(FACETS, columns[len(first) :], strict=True):
        values[name] = tuple(sorted(set(column)))
        code = {value: place for place, value in enumerate(values[name])}
        codes[name] = np.fromiter((code[value] for value in column), np.int64, len(rows))
    places = {name: np.argsort(np.asarray(order, np.int64)) for name, order in orders.items()}
    return Shelf(np.asarray(ids, np.int64), np.asarray(versions, np.int64), places, codes, values)
