"""Where a release has the words of a search, with the words marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Match:
    """One release of a list with the words marked. columns: those that have one; more: how many columns beyond these."""

    title: SafeString
    line: SafeString
    subject: SafeString
    columns: tuple[SafeString, ...] = ()
    more: int = 0
    others: tuple[SafeString, ...] = ()


def matches(search: Search, versions: Sequence[ReleaseVersion]) -> dict[int, Match]:
    """Of each version, by its primary key, where it has the words of `search`: one query for all their columns."""
    if not search.words:
        return {each.pk: Match(escape(each.title), escape(_first_line(each.description)), escape(each.subject)) for each in versions}
    releases = [each.release_id for each in versions]
    columns = dict(ListedColumns.objects.filter(listing__in=releases).values_list("listing_id", "lines"))
    return {each.pk: _match(search.words, each, columns.get(each.release_id, [])) for each in versions}


def marked(text: str, words: Sequence[Word]) -> SafeString:
    """The text as HTML, each word of it that was looked for in a <mark>."""
    text = unicodedata.normalize("NFC", text)
    parts, done = [], 0
    for start, end in _spans(text, words):
        parts += [escape(text[done:start]), "<mark>", escape(text[start:end]), "</mark>"]
        done = end
    return mark_safe("".join([*parts, escape(text[done:])]))  # noqa: S308 - every part is escaped


def _spans(text: str, words: Sequence[Word]) -> Iterable[tuple[int, int]]:
    for chunk in CHUNK.finditer(text):
        together = "".join(token(each) for each in WORD.findall(chunk[0]))
        if any(word.parts and together.startswith(word.raw) for word in words):
            yield chunk.span()
            continue
        for found in WORD.finditer(chunk[0]):
            start = chunk.start() + found.start()
            if _is_one(found[0], words):
                yield start, chunk.start() + found.end()
                continue
            for part in HUMP.split(found[0]):
                if part != found[0] and _is_one(part, words):
                    yield start, start + len(part)
                start += len(part)


def _is_one(written: str, words: Sequence[Word]) -> bool:
    plain = token(written)
    return bool(plain) and any(_matches(plain, word) for word in words)


def _matches(plain: str, word: Word) -> bool:
    if stem(plain) == word.stem or stem(plain) in word.parts:
        return True
    return plain == word.raw if word.whole else plain.startswith(word.raw)


def _match(words: Sequence[Word], version: ReleaseVersion, lines: Sequence[dict[str, object]]) -> Match:
    pattern = _pattern(words)
    found = [(len(set(pattern.findall(str(line["tokens"])))), line) for line in lines]
    having = [line for number, line in sorted(found, key=lambda each: -each[0]) if number]
    others = [
        marked(f"{name} {text}", words)
        for name, text in (
            ("short name", version.release.slug),
            ("made for", spoken.purpose(version.purpose)),
            ("organisation", version.organisation),
            ("data model", version.data_model),
            ("how it was made:", spoken.tier(version.tier)),
        )
        if any(True for _ in _spans(text, words))
    ]
    return Match(
        title=marked(version.title, words),
        line=marked(_line(version.description, words), words),
        subject=marked(version.subject, words),
        columns=tuple(_column(line, words) for line in having[:MOST_COLUMNS]),
        more=max(len(having) - MOST_COLUMNS, 0),
        others=tuple(others),
    )


def _pattern(words: Sequence[Word]) -> re.Pattern[str]:
    """Finds the tokens of one column, which stand between blanks, that are one of the words."""
    ways = set()
    for word in words:
        ways.add(f"{word.raw}{'' if word.whole else '[a-z0-9]*'}")
        ways |= {word.stem, *word.parts}
    return re.compile(rf"(?<= )(?:{'|'.join(sorted(ways, key=len, reverse=True))})(?= )")


def _column(line: dict[str, object], words: Sequence[Word]) -> SafeString:
    """A column: its name, and of what is told of it and its codes only what has a word."""
    parts = [marked(str(line["name"]), words)]
    told = str(line["told"])
    if any(True for _ in _spans(told, words)):
        parts.append(marked(_around(told, words, 90), words))
    codes = line["codes"][:MOST_READ] if isinstance(line["codes"], list) else []
    having = [str(code) for code in codes if any(True for _ in _spans(str(code), words))]
    if having:
        more = f" and {len(having) - MOST_CODES:,} more" if len(having) > MOST_CODES else ""
        shown = mark_safe(", ".join(marked(code[:60], words) for code in having[:MOST_CODES]))  # noqa: S308 - marked escapes
        parts.append(mark_safe(f"{'codes' if len(having) > 1 else 'code'} {shown}{more}"))  # noqa: S308
    if len(parts) == 1:
        return parts[0]
    return mark_safe(f"{parts[0]} ({'; '.join(parts[1:])})")  # noqa: S308 - both parts are escaped


def _line(description: str, words: Sequence[Word]) -> str:
    """The first line, or what stands around the first word found, where that is elsewhere."""
    first = _first_line(description)
    if any(True for _ in _spans(first, words)):
        return first
    whole = " ".join(description.split())
    return _around(whole, words, SNIPPET) if any(True for _ in _spans(whole, words)) else first


def _first_line(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= SNIPPET else f"{line[: SNIPPET - 3].rsplit(' ', 1)[0]} …"


def _around(text: str, words: Sequence[Word], room: int) -> str:
    """About `room` characters of the text around the first word found, cut at blanks."""
    if len(text) <= room:
        return text
    at = next(iter(_spans(text, words)))[0]
    start = max(0, min(at - room // 3, len(text) - room))
    piece = text[start : start + room]
    if start:
        piece = f"… {piece.partition(' ')[2] if ' ' in piece[: room // 3] else piece}"
    if start + room < len(text):
        piece = f"{piece.rsplit(' ', 1)[0]} …"
    return piece
