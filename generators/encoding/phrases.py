"""Free text taken apart into phrases that enough persons use.

A text that enough persons have is one phrase. Of any other its first segments are kept (what stands between full stops, commas, dashes,
line ends), each as far as enough persons begin a segment so, and as long as enough persons have these segments one after the other. What
looks like an identifier is kept of nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from generators.encoding.people import People

Ints = npt.NDArray[np.int64]

MOST_PHRASES = 4
"""Most phrases of one text."""
_MOST_WORDS = 8
"""Most words of the beginning of a segment that is kept without the rest."""
SPAN = 5
"""Words over which what stands together must be shared: phrases that fewer persons use are looked for among so many."""

_BETWEEN = re.compile(r"\s*[.;,!?|]+\s+|\s+[-–—:/]+\s+|\s*[\r\n]+\s*")
_WORD = re.compile(r"[^\W_]+")
_IDENTIFYING = re.compile(
    r"\S*@|[0-9](?:[ ()-]?[0-9]){5}|[0-9]{5}|\b[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}\b|[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{2,4}"
    r"|[0-9]{1,2}(?:st|nd|rd|th)?[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -,]*[0-9]{4}",
    re.IGNORECASE,
)


def identifying(text: str) -> bool:
    """Whether it holds what looks like a number, address or date that says who somebody is."""
    return _IDENTIFYING.search(text) is not None


def beginnings(segment: str) -> list[int]:
    """Where its first words end, up to what identifies somebody: as far as each of them it may be kept without the rest."""
    found = _IDENTIFYING.search(segment)
    limit = len(segment) if found is None else found.start()
    return [match.end() for match in islice(_WORD.finditer(segment), _MOST_WORDS) if match.end() <= limit]


def words(text: str) -> int:
    """How many words it has."""
    return len(_WORD.findall(text))


def segments(text: str) -> list[str]:
    """The segments of a text, each with what stands before it, so that joined they are the text again."""
    cuts = [match.start() for match in _BETWEEN.finditer(text) if match.start() > 0]
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return [piece for piece in pieces if piece]


@dataclass(frozen=True)
class Phrased:
    """vocabulary: the phrases of each place in a text; codes: (rows, places) the number of the phrase, −1: none; rare: texts that too few
    persons have; ends: which first phrases may be all of a text: those that enough persons have as such, and beginnings nobody has.
    """

    vocabulary: tuple[tuple[str, ...], ...]
    codes: Ints
    rare: tuple[str, ...]
    ends: tuple[bool, ...]


def phrased(texts: Sequence[str], place: Ints, persons: People, minimum: int) -> Phrased:
    """texts: different ones; place: (rows,) the text of each row; persons: of each row."""
    names, sequences, whole = _sequences(texts, place, persons, minimum)
    levels = [sequences[place, 0]]
    levels[0] = _shared([levels[0]], len(names) + 1, persons, minimum)
    length = np.array([words(name) for name in names] + [0], np.int64)
    for level in range(1, sequences.shape[1]):
        following = np.where(levels[-1] >= 0, sequences[place, level], -1)
        for width in range(1, level + 1):
            # over more phrases than two only where those between are so short that a phrase of few words spans them all
            between = sum((length[each] for each in levels[level - width + 1 :]), np.zeros(len(place), np.int64))
            near = np.ones(len(place), np.bool_) if width == 1 else between <= SPAN - 2
            kept = _shared([*levels[level - width :], following], len(names) + 1, persons, minimum)
            following = np.where(near, kept, following)
        if not (following >= 0).any():
            break
        levels.append(following)
    vocabulary, codes = [], []
    for level_codes in levels:
        used = np.unique(level_codes[level_codes >= 0])
        rank = np.full(len(names) + 1, -1, np.int64)
        rank[used] = np.arange(len(used))
        vocabulary.append(tuple(names[i] for i in used))
        codes.append(rank[level_codes])
    safe = {text for text, shared in zip(texts, whole, strict=True) if shared}
    rare = tuple(text for text, shared in zip(texts, whole, strict=True) if not shared)
    hidden = set(rare)
    ends = tuple(name in safe or name not in hidden for name in vocabulary[0])
    return Phrased(tuple(vocabulary), np.stack(codes, axis=1), rare, ends)


def _shared(levels: list[Ints], size: int, persons: People, minimum: int) -> Ints:
    """The last of `levels`, −1 where fewer than `minimum` persons have just these phrases one after the other."""
    last = levels[-1]
    rows = np.flatnonzero(last >= 0)
    key = np.zeros(len(rows), np.int64)
    for level in levels:
        key = np.unique(key * size + level[rows] + 1, return_inverse=True)[1]
    enough = persons.of(rows).by_code(key, int(key.max(initial=-1)) + 1) >= minimum
    kept = np.full(len(last), -1, np.int64)
    kept[rows[enough[key]]] = last[rows[enough[key]]]
    return kept


def _sequences(texts: Sequence[str], place: Ints, persons: People, minimum: int) -> tuple[list[str], Ints, list[bool]]:
    """(names of phrases; (texts, places) the phrases of each text before their order is looked at, −1: none; whether each is shared)."""
    spoken_by = persons.by_code(place, len(texts))
    whole = [n >= minimum and not identifying(text) for n, text in zip(spoken_by.tolist(), texts, strict=True)]
    number: dict[str, int] = {}
    pieces: list[str] = []
    lists: list[list[int]] = []
    for text in texts:
        own = []
        for piece in segments(text):
            if piece not in number:
                number[piece] = len(pieces)
                pieces.append(piece)
            own.append(number[piece])
        lists.append(own)
    cut, complete = _beginnings(pieces, lists, place, persons, minimum)
    names: dict[str, int] = {}
    most = max([1, *(min(len(own), MOST_PHRASES) for own in lists)])
    found = np.full((len(texts), most), -1, np.int64)
    for row, (text, own) in enumerate(zip(texts, lists, strict=True)):
        if whole[row]:
            found[row, 0] = names.setdefault(text, len(names))
            continue
        for at, segment in enumerate(own[:most]):
            kept = pieces[segment][: cut[segment]]
            if not kept:
                break
            found[row, at] = names.setdefault(kept, len(names))
            if not complete[segment]:
                break
    return list(names), found, whole


def _beginnings(
    pieces: Sequence[str], lists: Sequence[Sequence[int]], place: Ints, persons: People, minimum: int
) -> tuple[list[int], list[bool]]:
    """(how many letters of each segment enough persons have in common; whether that is all of it)."""
    counts = np.array([len(own) for own in lists], np.int64)
    flat = np.array([piece for own in lists for piece in own], np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    number = counts[place]
    row = np.repeat(np.arange(len(place)), number)
    within = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
    piece = flat[np.repeat(starts[place], number) + within]
    whose = People(persons.numbers[row])
    safe = whose.by_code(piece, len(pieces)) >= minimum
    cut = [len(text) if kept and not identifying(text) else 0 for text, kept in zip(pieces, safe.tolist(), strict=True)]
    ends = [beginnings(text) for text in pieces]
    complete = [length > 0 for length in cut]
    for depth in range(_MOST_WORDS):
        begun: dict[str, int] = {}
        code = np.full(len(pieces), -1, np.int64)
        for which, (text, end) in enumerate(zip(pieces, ends, strict=True)):
            if depth < len(end):
                code[which] = begun.setdefault(text[: end[depth]], len(begun))
        there = code[piece] >= 0
        if not there.any():
            break
        begun_by = whose.of(there).by_code(code[piece[there]], len(begun)) >= minimum
        for which in (int(n) for n in np.flatnonzero(code >= 0)):
            if not complete[which] and begun_by[code[which]]:
                cut[which] = ends[which][depth]
    return cut, complete
