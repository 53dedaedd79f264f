"""A column of free text as codes: its first phrase, the one after it, and so on. See `generators.encoding.phrases` for what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generators.disclosure import DisclosurePolicy
from generators.encoding import stored_form as form
from generators.encoding.barred import Barred
from generators.encoding.categories import coded
from generators.encoding.coded import Part
from generators.encoding.conditions import Restriction, Wanted, unmet
from generators.encoding.people import People
from generators.encoding.phrases import SPAN, beginnings, phrased, segments, words

Codes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

NOTHING_SHARED = "[synthetic text]"
"""What a column holds in which no two words are shared by enough persons, and which may not be missing."""


@dataclass(frozen=True)
class Texts:
    """phrases: of the first place, the second …; weights: rounded rows of each first phrase; together: for each further place, which
    phrases may follow one another, as rows of numbers from that place backwards: two each, and three or four where those between are
    short; ends: which first phrases may be all of a text; barred: what must not be put together; other: whether there is a code for texts
    of which nothing is kept, which comes out as one of the first phrases; missing: whether there is one for missing. kept, shortened,
    dropped: rounded rows.
    """

    column: str
    phrases: tuple[tuple[str, ...], ...]
    weights: tuple[int, ...]
    together: tuple[tuple[tuple[int, ...], ...], ...]
    ends: tuple[bool, ...]
    barred: Barred
    other: bool
    missing: bool
    kept: int = 0
    shortened: int = 0
    dropped: int = 0

    kind: ClassVar[str] = "texts"

    @property
    def size(self) -> int:
        """Codes of the first part."""
        return len(self.phrases[0]) + self.other + self.missing

    def parts(self, first: int) -> list[Part]:
        """One for each place of a phrase; of the further ones the code 0 is for the end of the text."""
        found = [Part(self.column, "phrase", self.size)]
        for level, names in enumerate(self.phrases[1:], start=1):
            before = (0, len(self.phrases[0])) if level == 1 else (1, len(self.phrases[level - 1]) + 1)
            found.append(Part(self.column, f"phrase {level + 1}", len(names) + 1, of=first + level - 1, within=before))
        return found

    def encode(self, array: pa.Array, rng: np.random.Generator) -> list[Codes]:
        """One column → the codes of each part."""
        place, values, null = coded(array, pa.string())
        texts = np.full((len(values), len(self.phrases)), 0, np.int32)
        for row, text in enumerate(values.to_pylist()):
            texts[row] = self._coded(text)
        codes = texts[place] if len(values) else np.full((len(place), len(self.phrases)), -1, np.int32)
        if null is not None:
            codes[null] = 0
            codes[null, 0] = self.size - 1 if self.missing else -1
        lost = np.flatnonzero(codes[:, 0] < 0)
        if len(lost):
            known = np.flatnonzero(codes[:, 0] >= 0)
            codes[lost] = codes[rng.choice(known, len(lost))] if len(known) else 0
        return [np.ascontiguousarray(codes[:, level]) for level in range(len(self.phrases))]

    @cached_property
    def _numbers(self) -> tuple[dict[str, int], ...]:
        return tuple({name: number for number, name in enumerate(names)} for names in self.phrases)

    @cached_property
    def _allowed(self) -> tuple[set[tuple[int, ...]], ...]:
        return tuple(set(rows) for rows in self.together)

    @cached_property
    def _short(self) -> tuple[list[int], ...]:
        return tuple([words(name) for name in names] for names in self.phrases)

    def _coded(self, text: str) -> list[int]:
        """The codes of one text: whole if it is a phrase, else its first segments as far as they are known."""
        codes = [0] * len(self.phrases)
        whole = self._numbers[0].get(text)
        if whole is not None and self.ends[whole]:
            codes[0] = whole
            return codes
        path: list[int] = []
        for level, piece in enumerate(segments(text)[: len(self.phrases)]):
            number, complete = self._beginning(piece, level)
            if number is None or not self._follows(path, number):
                break
            path.append(number)
            if not complete:
                break
        path = self._ended(path)
        if not path:
            shorter = (self._numbers[0].get(text[:end]) for end in reversed(beginnings(text)))
            path = next(([number] for number in shorter if number is not None and self.ends[number]), [])
        if not path:
            codes[0] = len(self.phrases[0]) if self.other else -1
            return codes
        codes[0] = path[0]
        for level, number in enumerate(path[1:], start=1):
            codes[level] = number + 1
        return codes

    def _ended(self, path: list[int]) -> list[int]:
        """As much of a text as may stand alone."""
        while len(path) > 1 and self.barred.has(self._joined(path)):
            path = path[:-1]
        return [] if len(path) == 1 and not self.ends[path[0]] else path

    def _joined(self, path: list[int]) -> str:
        return "".join(self.phrases[level][number] for level, number in enumerate(path))

    def _beginning(self, piece: str, level: int) -> tuple[int | None, bool]:
        """(the phrase that is the longest beginning of a segment, whether it is all of it)."""
        numbers = self._numbers[level]
        if piece in numbers:
            return numbers[piece], True
        for end in reversed(beginnings(piece)):
            if piece[:end] in numbers:
                return numbers[piece[:end]], False
        return None, False

    def _follows(self, path: list[int], number: int) -> bool:
        """Whether a phrase may stand after these: enough persons have them together, as far back as a short phrase could reach."""
        level = len(path)
        if not level:
            return True
        for width in range(1, level + 1):
            between = sum(self._short[level - back][path[level - back]] for back in range(1, width))
            if width > 1 and between > SPAN - 2:
                break
            if (number, *reversed(path[level - width :])) not in self._allowed[level - 1]:
                return False
        return True

    def decode(self, codes: Codes, rng: np.random.Generator, bounds: tuple[float, float] | None = None) -> pa.Array:
        """(rows, parts) → the texts, dictionary-encoded. A phrase that may not follow ends the text."""
        first = codes[:, 0]
        null = first == self.size - 1 if self.missing else None
        if self.other:
            pooled = np.flatnonzero(first == len(self.phrases[0]))
            if len(pooled):
                first = first.copy()
                share = np.cumsum(np.where(self.ends, self.weights, 0), dtype=np.float64)
                first[pooled] = np.searchsorted(share, rng.random(len(pooled)) * share[-1], side="right")
                codes = np.column_stack([first, np.where((codes[:, :1] == len(self.phrases[0])), 0, codes[:, 1:])]).astype(np.int32)
        if len(self.phrases) == 1:
            return pa.DictionaryArray.from_arrays(pa.array(first, pa.int32(), mask=null), self._first)
        found, place = _different(codes, [len(names) + 2 for names in self.phrases])
        usual = self.phrases[0][int(np.argmax(np.where(self.ends, self.weights, 0)))]
        texts = [self._said(row) or usual for row in found.tolist()]
        spoken = list(dict.fromkeys(texts))
        number = {text: i for i, text in enumerate(spoken)}
        rank = np.array([number[text] for text in texts], np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(rank[place], pa.int32(), mask=null), pa.array(spoken, pa.string()))

    @cached_property
    def _first(self) -> pa.Array:
        return pa.array(self.phrases[0], pa.string())

    def _said(self, codes: list[int]) -> str:
        if not 0 <= codes[0] < len(self.phrases[0]):
            return ""
        path = [codes[0]]
        for code in codes[1:]:
            if code < 1 or not self._follows(path, code - 1):
                break
            path.append(code - 1)
        return self._joined(self._ended(path))

    def restricted(self, wanted: Wanted) -> Restriction:
        """What a condition leaves: texts that are one phrase, or missing."""
        allowed = np.zeros(self.size, np.bool_)
        if wanted.ranges:
            raise unmet(self.column, "..", "a range needs a column of numbers, dates or times")
        for word in wanted.values:
            if word not in self._numbers[0]:
                raise unmet(self.column, word, "this text is not generated: too few persons have it, or nobody")
            allowed[self._numbers[0][word]] = True
        if wanted.missing and self.missing:
            allowed[-1] = True
        return Restriction(allowed, exact=len(self.phrases) == 1 or not wanted.values)

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "phrases": [list(names) for names in self.phrases],
            "weights": list(self.weights),
            "together": [[list(row) for row in rows] for rows in self.together],
            "ends": list(self.ends),
            "barred": self.barred.bits,
            "salt": self.barred.salt,
            "other": self.other,
            "missing": self.missing,
            "kept": self.kept,
            "shortened": self.shortened,
            "dropped": self.dropped,
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any], column: str) -> Texts:
        """What `as_dict` gave; InputError names the column and what is wrong."""
        levels = form.field(raw, "phrases", list, column)
        if not levels or not all(isinstance(names, list) for names in levels):
            raise form.refused(column, '"phrases" are no lists')
        phrases = tuple(tuple(form.values({"phrases": names}, "phrases", "string", column)) for names in levels)
        weights = form.numbers(raw, "weights", np.int64, column)
        together = form.field(raw, "together", list, column)
        if len(weights) != len(phrases[0]) or (weights < 0).any() or len(together) != len(phrases) - 1:
            raise form.refused(column, '"weights" or "together" do not fit the phrases')
        rows = []
        for level, each in enumerate(together, start=1):
            if not isinstance(each, list) or not all(_fits(row, phrases, level) for row in each):
                raise form.refused(column, '"together" does not fit the phrases')
            rows.append(tuple(tuple(row) for row in each))
        other, missing = form.field(raw, "other", bool, column), form.field(raw, "missing", bool, column)
        ends = form.field(raw, "ends", list, column)
        barred = Barred(form.field(raw, "barred", str, column), form.field(raw, "salt", str, column))
        if len(ends) != len(weights) or not all(isinstance(e, bool) for e in ends) or not set(barred.bits) <= set("0123456789abcdef"):
            raise form.refused(column, '"ends" or "barred" do not fit the phrases')
        numbers = [form.field(raw, name, int, column) for name in ("kept", "shortened", "dropped")]
        read = Texts(column, phrases, tuple(weights.tolist()), tuple(rows), tuple(ends), barred, other, missing, *numbers)
        if not read.size or not barred.bits or not len(barred.salt) <= 64 or (weights.size and not weights[np.array(ends)].sum()):
            raise form.refused(column, "it has no phrases")
        return read


def _fits(row: Any, phrases: tuple[tuple[str, ...], ...], level: int) -> bool:
    if not isinstance(row, list) or not 2 <= len(row) <= level + 1:
        return False
    return all(type(n) is int and 0 <= n < len(phrases[level - back]) for back, n in enumerate(row))


def _different(codes: Codes, sizes: list[int]) -> tuple[Codes, Ints]:
    """(different rows of codes, the place of each row's among them)."""
    key = codes[:, 0].astype(np.int64)
    for level in range(1, codes.shape[1]):
        key = np.unique(key * sizes[level] + codes[:, level], return_inverse=True)[1]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return codes[first], place


def learn(array: pa.Array, column: str, persons: People, policy: DisclosurePolicy, *, nullable: bool) -> Texts:
    """How to code a column of free text."""
    place, values, null = coded(array, pa.string())
    missing = null is not None and persons.of(null).count >= policy.minimum
    rows = np.arange(len(place)) if null is None else np.flatnonzero(~null)
    whose = persons.of(rows)
    found = phrased(values.to_pylist(), place[rows].astype(np.int64), whose, policy.minimum)
    names, ends = found.vocabulary, found.ends
    counts = np.bincount(found.codes[found.codes[:, 0] >= 0, 0], minlength=len(names[0]))
    if len(names) == 1:  # nothing can follow: what may not be all of a text is of no use
        names, counts = (tuple(name for name, may in zip(names[0], ends, strict=True) if may),), counts[np.array(ends, np.bool_)]
        ends = (True,) * len(names[0])
    if not any(ends):
        names, ends, counts = ((NOTHING_SHARED,),), (True,), np.ones(1, np.int64)
        missing, names = (True, ((),)) if missing or nullable else (False, names)
        ends, counts = (ends, counts) if names[0] else ((), counts[:0])
    read = Texts(
        column,
        names,
        tuple(max(1, policy.rounded(int(n))) for n in counts),
        _together(names, found.codes) if names[0] else (),
        ends,
        Barred.of(found.rare, values.to_pylist()),
        bool(names[0]),
        missing,
    )
    texts = [read._coded(text) for text in values.to_pylist()]
    said = np.array([code[0] < len(names[0]) for code in texts], np.bool_)[place[rows]]
    whole = np.array([read._said(code) == text for code, text in zip(texts, values.to_pylist(), strict=True)], np.bool_)[place[rows]]

    def told(which: npt.NDArray[np.bool_]) -> int:
        return policy.rounded(int(which.sum())) if whose.of(which).count >= policy.minimum else 0

    other = bool(names[0]) and whose.of(~said).count >= policy.minimum
    return replace(read, other=other, kept=told(said & whole), shortened=told(said & ~whole), dropped=told(~said))


def _together(names: tuple[tuple[str, ...], ...], codes: Ints) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Which phrases follow one another in the rows; see `Texts`."""
    together = []
    length = [np.array([words(name) for name in level] + [0], np.int64) for level in names]
    for level in range(1, len(names)):
        here = codes[:, level] >= 0
        found: set[tuple[int, ...]] = set()
        for width in range(1, level + 1):
            path = codes[here][:, level - width : level + 1][:, ::-1]
            between = sum((length[level - back][codes[here, level - back]] for back in range(1, width)), np.zeros(int(here.sum())))
            near = path if width == 1 else path[between <= SPAN - 2]
            found |= {tuple(row) for row in np.unique(near, axis=0).tolist()}
        together.append(tuple(sorted(found)))
    return tuple(together)
