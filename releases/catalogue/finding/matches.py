"""Where a release has the words of a search, with the words marked."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from releases.catalogue.finding.search import Search
from releases.catalogue.finding.tokens import CHUNK, HUMP, WORD, Word, stem, token
from releases.catalogue.models import ListedColumns, ReleaseVersion
from releases.catalogue.showing import words as spoken

MOST_COLUMNS = 5
MOST_CODES = 3
MOST_READ = 2_000
"""Codes of a column that are looked at again."""
SNIPPET = 180
"""Characters of a description that a list shows."""

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Match:
    """One release of a list with the words marked. columns: those that have one; more: how many columns beyond these."""

    title: SafeString
    line: SafeString
    subject: SafeString
    columns: tuple[SafeString, ...] = ()
    more: int = 0
    others: tuple[SafeString, ...] = ()

    @property
    def columns_said(self) -> SafeString:
        more = f" and {self.more:,} more" if self.more else ""
        return mark_safe(", ".join(self.columns) + more)  # noqa: S308 - what is marked is escaped

    @property
    def others_said(self) -> SafeString:
        return mark_safe("; ".join(self.others))  # noqa: S308 - what is marked is escaped


def matches(search: Search, versions: Sequence[ReleaseVersion]) -> dict[int, Match]:
    """Of each version, by its primary key, where it has the words of `search`: one query for all their columns."""
    if not search.words:
        return {each.pk: Match(escape(each.title), escape(_first_line(each.description)), escape(each.subject)) for each in versions}
    releases = [each.release_id for each in versions]
    found = ListedColumns.objects.filter(listing__in=releases).values_list("listing_id", "tokens", "lines")
    columns = {release: (tokens, lines) for release, tokens, lines in found}
    marker = Marker(search.words)
    return {each.pk: _match(marker, each, *columns.get(each.release_id, ("", ""))) for each in versions}


class _Seen(dict[str, Spans]):
    """Of each word that was met what of it was looked for: found out once."""

    def __init__(self, within: Callable[[str], Spans]) -> None:
        super().__init__()
        self._within = within

    def __missing__(self, written: str) -> Spans:
        found = self[written] = self._within(written)
        return found


class Marker:
    """Finds the words of one search in texts."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self._together = tuple(word.raw for word in words if word.parts)
        self._begun = tuple(word.raw for word in words if not word.whole)
        self._whole = {word.raw for word in words if word.whole}
        self._stems = {word.stem for word in words} | {part for word in words for part in word.parts}
        self._seen = _Seen(self._within)
        self._marked: dict[str, SafeString | None] = {}
        ways = {f"{word.raw}{'' if word.whole else '[a-z0-9]*'}" for word in words} | {word.stem for word in words}
        ways |= {part for word in words for part in word.parts}
        self.tokens = re.compile(rf"(?<= )(?:{'|'.join(sorted(ways, key=len, reverse=True))})(?= )")
        """Finds them among tokens that stand between blanks."""

    def marked(self, text: str) -> SafeString:
        """The text as HTML, each word of it that was looked for in a <mark>."""
        return self.found(text) or escape(text)

    def found(self, text: str) -> SafeString | None:
        """The same, None for a text without any of the words."""
        if text not in self._marked:
            self._marked[text] = self._found(unicodedata.normalize("NFC", text))
        return self._marked[text]

    def _found(self, text: str) -> SafeString | None:
        parts, done = [], 0
        for start, end in self.spans(text):
            parts += [html.escape(text[done:start]), "<mark>", html.escape(text[start:end]), "</mark>"]
            done = end
        return mark_safe("".join([*parts, html.escape(text[done:])])) if parts else None  # noqa: S308 - every part is escaped

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they stand, in order."""
        if not self._together:
            yield from self._words(text, 0)
            return
        for chunk in CHUNK.finditer(text):
            if "".join(map(token, WORD.findall(chunk[0]))).startswith(self._together):
                yield chunk.span()
            else:
                yield from self._words(chunk[0], chunk.start())

    def _words(self, text: str, offset: int) -> Iterator[tuple[int, int]]:
        if not any(map(self._seen.__getitem__, WORD.findall(text))):
            return  # most texts have none
        for found in WORD.finditer(text):
            for start, end in self._seen[found[0]]:
                yield offset + found.start() + start, offset + found.start() + end

    def _within(self, written: str) -> Spans:
        """All of a word, or the parts of ArrivalTime."""
        (_, plain, stemmed), *parts = _pieces(written)
        if self._is_one(plain, stemmed):
            return ((0, len(written)),)
        return tuple(span for span, plain, stemmed in parts if self._is_one(plain, stemmed))

    def _is_one(self, plain: str, stemmed: str) -> bool:
        return bool(plain) and (plain.startswith(self._begun) or plain in self._whole or stemmed in self._stems)


@lru_cache(maxsize=65_536)
def _pieces(written: str) -> tuple[tuple[tuple[int, int], str, str], ...]:
    """A word, then its parts where it is put together as ArrivalTime is: where each stands in it, its token, its stem."""
    parts = HUMP.split(written)
    ends = list(accumulate(map(len, parts)))
    spans = [(0, len(written)), *(zip([0, *ends], ends, strict=False) if len(parts) > 1 else ())]
    plain = [token(written[start:end]) for start, end in spans]
    return tuple((span, each, stem(each)) for span, each in zip(spans, plain, strict=True))


def _match(marker: Marker, version: ReleaseVersion, tokens: str, columns: str) -> Match:
    found = [(len(set(marker.tokens.findall(each))), line) for each, line in zip(tokens.split("\n"), columns.split("\n"), strict=True)]
    having = [line for number, line in sorted(found, key=lambda each: -each[0]) if number]
    others = (
        ("short name", version.release.slug),
        ("made for", spoken.purpose(version.purpose)),
        ("organisation", version.organisation),
        ("data model", version.data_model),
        ("how it was made:", spoken.tier(version.tier)),
    )
    return Match(
        title=marker.marked(version.title),
        line=marker.marked(_line(version.description, marker)),
        subject=marker.marked(version.subject),
        columns=tuple(_column(json.loads(line), marker) for line in having[:MOST_COLUMNS]),
        more=max(len(having) - MOST_COLUMNS, 0),
        others=tuple(mark_safe(f"{name} {text}") for name, value in others if (text := marker.found(value))),  # noqa: S308 - escaped
    )


def _column(line: dict[str, Any], marker: Marker) -> SafeString:
    """A column: its name, and of what is told of it, its unit and its codes only what has a word."""
    name, told = marker.marked(line["name"]), line["told"]
    parts: list[str] = []
    if marker.found(told) is not None:
        parts.append(marker.marked(_around(told, marker, 90)))
    if (unit := marker.found(line["unit"])) is not None:
        parts.append(f"in {unit}")
    codes = [each[:60] for each in line["codes"][:MOST_READ]]
    having = [found for each in codes if (found := marker.found(each))] if marker.found("\n".join(codes)) is not None else []
    if having:
        more = f" and {len(having) - MOST_CODES:,} more" if len(having) > MOST_CODES else ""
        parts.append(f"{'codes' if len(having) > 1 else 'code'} {', '.join(having[:MOST_CODES])}{more}")
    return mark_safe(f"{name} ({'; '.join(parts)})") if parts else name  # noqa: S308 - what is marked is escaped


def _line(description: str, marker: Marker) -> str:
    """The first line, or what stands around the first word found, where that is elsewhere."""
    first = _first_line(description)
    if marker.found(first):
        return first
    whole = " ".join(description.split())
    return _around(whole, marker, SNIPPET) if marker.found(whole) else first


def _first_line(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= SNIPPET else f"{line[: SNIPPET - 3].rsplit(' ', 1)[0]} …"


def _around(text: str, marker: Marker, room: int) -> str:
    """About `room` characters of the text around the first word found, cut at blanks."""
    if len(text) <= room:
        return text
    at = next(marker.spans(text))[0]
    start = max(0, min(at - room // 3, len(text) - room))
    piece = text[start : start + room]
    if start:
        piece = f"… {piece.partition(' ')[2] if ' ' in piece[: room // 3] else piece}"
    if start + room < len(text):
        piece = f"{piece.rsplit(' ', 1)[0]} …"
    return piece
