"""What counts as a word, and when two words are the same: one answer for every database, so that each only compares plain tokens.

A text's tokens are its words in lower case without accents, each also as its stem, so that "operations" is found by "operation". British
and American spelling have one stem ("haemoglobin", "hemoglobin"). Pieces that belong together ("E11.9", "arrival_time") are also one
token. Every token is of a-z and 0-9: other letters are written as their number.
Stems: M. F. Porter, English (Porter 2) stemming algorithm, by snowballstemmer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import local

import snowballstemmer

MOST_WORDS = 8
"""Words of a search that are looked for."""
LONGEST_TEXT = 200
"""Characters of a search that are read."""
_LONGEST = 40
"""Characters of a word that count."""

WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
CHUNK = re.compile(rf"{WORD.pattern}(?:[._/-]{WORD.pattern})*")
"""Words that nothing but a point, hyphen, slash or low line parts: a code, a column's name."""
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a name like ArrivalTime is put together."""

PASSED_OVER = frozenset(
    "a about all an and any are as at be by can contain containing contains data dataset datasets do does find for from has have having "
    "i in into is it list me my not of on or release releases show table tables that the there these to use we what where which who "
    "with".split()
)
"""Words of a question that say nothing of what is looked for; they count when there are no others."""

_OWN = local()
"""A stemmer keeps the word it is at, so that each thread has its own."""
_SPELLINGS = (
    (re.compile(r"ae|oe"), "e"),
    (re.compile(r"(?<=[a-z]{2})our(?=$|s$|al|ed$|ing$)"), "or"),
    (re.compile(r"(?<=[a-z]{2})(i|y)s(?=e$|ed$|es$|er|ing$|ation)"), r"\1z"),
    (re.compile(r"(?<=[bt])re(?=s?$)"), "er"),
    (re.compile(r"sulph"), "sulf"),
    (re.compile(r"mme(?=s?$)"), "m"),
)


@dataclass(frozen=True)
class Word:
    """A word that is looked for. text: as it was written.

    raw: found as the beginning of a token (`whole`: only as all of it, of short numbers); stem: found as a token;
    parts: where it is put together, stems that are found side by side as well.
    """

    text: str
    raw: str
    stem: str
    parts: tuple[str, ...] = ()
    whole: bool = False


@lru_cache(maxsize=65_536)
def token(word: str) -> str:
    """A word as a token: lower case, no accents, of a-z and 0-9 only."""
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(
        letter if letter.isascii() else f"x{ord(letter):06x}"
        for letter in letters
        if letter.isalnum() and not unicodedata.combining(letter)
    )[:_LONGEST]


@lru_cache(maxsize=65_536)
def stem(plain: str) -> str:
    """The stem of a token; numbers, codes and short words are their own."""
    if len(plain) < 3 or not plain.isalpha():
        return plain
    for spelling, other in _SPELLINGS:
        plain = spelling.sub(other, plain)
    if not hasattr(_OWN, "stemmer"):
        _OWN.stemmer = snowballstemmer.stemmer("english")
    return str(_OWN.stemmer.stemWord(plain))


def tokens(text: str, *, humps: bool = False) -> Iterator[str]:
    """The tokens of a text, some more than once. humps: of a name, also the parts of ArrivalTime."""
    for chunk in CHUNK.findall(unicodedata.normalize("NFC", text)):
        words = WORD.findall(chunk)
        for word in words:
            yield from _both(word)
            if humps and len(parts := HUMP.split(word)) > 1:
                for part in parts:
                    yield from _both(part)
        if len(words) > 1:
            yield _together(words)


def looked_for(text: str) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    """The words of a search, and those of it that were passed over. Nothing in a search is a command: what is no word parts words."""
    text = unicodedata.normalize("NFC", text[:LONGEST_TEXT])
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    found = {word.raw: word for chunk in CHUNK.findall(text) if (word := _word(chunk)).raw}
    telling = [word for word in found.values() if word.raw not in PASSED_OVER]
    passed = [word.text for word in found.values() if word.raw in PASSED_OVER] if telling else []
    return tuple((telling or list(found.values()))[:MOST_WORDS]), tuple(passed)


def _word(chunk: str) -> Word:
    words = WORD.findall(chunk)
    if len(words) > 1:
        together = _together(words)
        return Word(chunk, together, together, tuple(stem(each) for each in map(token, words) if each))
    raw = token(chunk)
    return Word(chunk, raw, stem(raw), whole=raw.isdigit() and len(raw) < 3)


def _both(word: str) -> Iterator[str]:
    raw = token(word)
    if raw:
        yield raw
        if stem(raw) != raw:
            yield stem(raw)


def _together(words: list[str]) -> str:
    return "".join(token(word) for word in words)[:_LONGEST]
