"""What synthetic free text would tell about real people: their rare phrases word for word, and identifiers within it."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from stdnum.gb import nhs

from evaluation.comparison import Comparison, reason
from evaluation.definitions import result
from evaluation.fidelity.text import LIMIT, UNKNOWN, Words, texts, words
from evaluation.intervals import wilson
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import Ints, Rows, SampledRows, categories, persons_per_code
from evaluation.work import Work
from generators.schema import ColumnSchema

LENGTHS = (3, 4, 5)
"""Words of a phrase. A longer one that is rare begins with, or holds, one of these that is hardly less so."""

_NHS = re.compile(r"(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9])")
_EMAIL = re.compile(r"[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_TELEPHONE = re.compile(r"(?<![0-9+])(?:\+44 ?\(?0?\)?|\(?0)[1-37-9](?:[ ()-]?[0-9]){8,9}(?![0-9])")
# the second half never has C, I, K, M, O or V: "B12 3mg" is no postcode, nor is "T1 2nd"
_POSTCODE = re.compile(r"\b[A-Z]{1,2}[0-9][A-Z0-9]? [0-9](?!(?-i:st|nd|rd|th)\b)[ABD-HJLNP-UW-Z]{2}\b", re.IGNORECASE)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DAY, _YEAR = r"(?:0?[1-9]|[12][0-9]|3[01])", r"(?:19|20)[0-9]{2}"
_DATE = re.compile(
    rf"(?<![0-9])(?:{_DAY}([/.-])(?:0?[1-9]|1[0-2])\1(?:{_YEAR}|[0-9]{{2}})|{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    rf"|{_DAY}(?:st|nd|rd|th)?[ -]{_MONTH}[ -,]*{_YEAR})(?![0-9])",
    re.IGNORECASE,
)
# what every one of them holds, said so that Arrow can look for it: most texts need no closer look
_LIKELY = (
    r"(?i)@|[0-9](?:[ ()-]?[0-9]){8}|[a-z][0-9][a-z0-9]? [0-9][a-z]{2}|[0-9][/.-][0-9]{1,2}[/.-][0-9]|[0-9](?:st|nd|rd|th)?[ -][a-z]{3}"
)
PATTERNS = {"e-mail address": _EMAIL, "telephone number": _TELEPHONE, "postcode": _POSTCODE, "full date": _DATE}


def identified(text: str) -> tuple[str, ...]:
    """What a text holds that identifies somebody: an NHS number (by its check digit), an e-mail address, a UK telephone number, a full
    postcode, a day of a year as a date of birth is written.
    """
    found = ["NHS number"] if any(nhs.is_valid(number) for number in _NHS.findall(text)) else []
    return (*found, *(what for what, pattern in PATTERNS.items() if pattern.search(text)))


class RarePhrases:
    """The phrases of `LENGTHS` words that fewer persons of train than the minimum have used, in one column.

    A phrase is found word by word: each step knows the phrases of train that go on so, so that phrases of any table are looked up among
    train's without a list of all.
    """

    def __init__(self, train: Words, people: npt.NDArray[np.int32], minimum: int) -> None:
        self._steps: list[Ints] = []
        self._rare: dict[int, npt.NDArray[np.bool_]] = {}
        self._words = max(1, len(train.spelled))
        begun = train.codes
        for length in range(2, max(LENGTHS) + 1):
            keys, row = self._longer(train, begun, length)
            there = keys >= 0
            known, place = np.unique(keys[there], return_inverse=True)
            begun = np.full(len(keys), UNKNOWN)
            begun[there] = place
            self._steps.append(known)
            if length in LENGTHS:
                self._rare[length] = persons_per_code(place, people[row[there]], len(known)) < minimum

    def _longer(self, text: Words, begun: Ints, length: int) -> tuple[Ints, Ints]:
        """(keys of the phrases of `length` words, the text of each), from the codes of those one word shorter; negative where unknown."""
        last = text.codes[length - 1 :]
        start = begun[: len(last)]
        within = text.row[: len(last)] == text.row[length - 1 :]
        keys = np.where((start < 0) | (last < 0), UNKNOWN, start * self._words + last)
        # phrases do not go on from one text into the next; the places stay, so that the next step still lines up
        return np.where(within, keys, UNKNOWN), text.row[: len(last)]

    def within(self, text: Words) -> tuple[npt.NDArray[np.bool_], int]:
        """(which texts hold one of them, shape (rows,); how many different ones). text: coded as train was."""
        held = np.zeros(text.rows, np.bool_)
        different = 0
        begun = text.codes
        for length, known in enumerate(self._steps, start=2):
            keys, row = self._longer(text, begun, length)
            place = np.searchsorted(known, keys).clip(max=max(0, len(known) - 1))
            met = (keys >= 0) & (known[place] == keys) if len(known) else np.zeros(len(keys), np.bool_)
            begun = np.where(met, place, UNKNOWN)
            if length in self._rare:
                rare = met & self._rare[length][place] if len(known) else met
                held[row[rare]] = True
                different += len(np.unique(place[rare]))
        return held, different


def phrases(w: Work) -> list[MetricResult]:
    """Rare phrases of train that the synthetic texts hold, beside the held-out texts, which hold some by chance."""
    c = w.c
    columns = texts(c.table)
    any_held: dict[str, npt.NDArray[np.bool_]] = {}
    any_text: dict[str, npt.NDArray[np.bool_]] = {}
    different: dict[str, int] = {}
    found = []
    for place, column in enumerate(columns):
        w.tick(place / len(columns))
        found.append(_phrases(c, column, any_held, any_text, different))
    unchecked = [r.scope.label for r in found if r.failed]

    def share(rows: Rows) -> float:
        if rows.name not in any_held:
            raise Incomputable(f"not checked in {', '.join(unchecked)}" if unchecked else "there is no text")
        return float(any_held[rows.name].sum() / max(1, any_text[rows.name].sum()))

    return [_told(c, c.twins("rare_phrases", c.scope(), share), any_held, any_text, different, unchecked), *found]


def _phrases(
    c: Comparison,
    column: ColumnSchema,
    any_held: dict[str, npt.NDArray[np.bool_]],
    any_text: dict[str, npt.NDArray[np.bool_]],
    different: dict[str, int],
) -> MetricResult:
    """The share of one column's texts; what is found is added to that of the columns before."""
    scope = c.scope("column", column.name)
    if column.name in c.synthetic.defects:
        return result("rare_phrases", scope, None, failed=c.synthetic.defects[column.name], seed=c.seed)
    drawn = SampledRows(c.train, LIMIT, c.seed)
    train = words(drawn.column(column))
    rare = RarePhrases(train, c.people[drawn.chosen], c.policy.minimum)
    held: dict[str, npt.NDArray[np.bool_]] = {}
    text: dict[str, npt.NDArray[np.bool_]] = {}
    here: dict[str, int] = {}

    def share(rows: Rows) -> float:
        # the shuffle has train's texts in another order
        spoken = train if rows is c.shuffle else words(rows.column(column)).coded_as(train)
        held[rows.name], here[rows.name] = rare.within(spoken)
        text[rows.name] = spoken.with_words
        return float(held[rows.name].sum() / max(1, text[rows.name].sum()))

    one = c.twins("rare_phrases", scope, share)
    for name in held:
        for before, now in ((any_held, held), (any_text, text)):
            before[name] = now[name] | before[name] if name in before else now[name]
        different[name] = different.get(name, 0) + here[name]
    return _told(c, one, held, text, here, [])


def _told(
    c: Comparison,
    one: MetricResult,
    held: dict[str, npt.NDArray[np.bool_]],
    text: dict[str, npt.NDArray[np.bool_]],
    different: dict[str, int],
    unchecked: list[str],
) -> MetricResult:
    """The result with its interval, the numbers of texts and of different phrases."""
    if one.value is None:
        return one
    remarks = [f"{different['synthetic']:,} different phrases"]
    if one.ceiling is not None:
        remarks.append(f"{different['holdout']:,} in the held-out texts")
    if unchecked:
        remarks.append(f"not checked in {', '.join(unchecked)}")
    texts_ = {name: int(there.sum()) for name, there in text.items()}
    return result(
        one.metric,
        one.scope,
        one.value,
        floor=one.floor,
        ceiling=one.ceiling,
        interval=wilson(int(held["synthetic"].sum()), texts_["synthetic"]),
        n=texts_["synthetic"],
        n_ceiling=texts_.get("holdout") if one.ceiling is not None else None,
        seed=c.seed,
        subsampled=f"rare among {LIMIT:,} texts learned from, drawn at random" if c.train.rows > LIMIT else None,
        remark="; ".join(remarks),
    )


def identifiers(w: Work) -> list[MetricResult]:
    """Synthetic texts that hold what identifies somebody. No real text is read."""
    c = w.c
    columns = texts(c.table)
    found = []
    marked = np.zeros(c.synthetic.rows, np.bool_)
    kinds: dict[str, int] = {}
    for place, column in enumerate(columns):
        w.tick(place / len(columns))
        scope = c.scope("column", column.name)
        try:
            rows, here = _marked(c.synthetic.column(column))
        except Exception as error:
            found.append(result("text_identifiers", scope, None, failed=reason(error), seed=c.seed))
            continue
        marked |= rows
        kinds = {what: kinds.get(what, 0) + here.get(what, 0) for what in {**kinds, **here}}
        found.append(_counted(c, found_in=int(rows.sum()), kinds=here, column=column))
    failed = [r for r in found if r.failed]
    if failed and not marked.any():
        return [result("text_identifiers", c.scope(), None, failed=failed[0].failed, seed=c.seed), *found]
    return [_counted(c, found_in=int(marked.sum()), kinds=kinds, column=None), *found]


def _counted(c: Comparison, *, found_in: int, kinds: dict[str, int], column: ColumnSchema | None) -> MetricResult:
    scope = c.scope() if column is None else c.scope("column", column.name)
    remark = ", ".join(f"{what}: {count:,} texts" if count > 1 else f"{what}: 1 text" for what, count in sorted(kinds.items()))
    return result("text_identifiers", scope, found_in, n=c.synthetic.rows, seed=c.seed, remark=remark or None)


def _marked(array: pa.Array) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    """(which texts hold an identifier, texts by kind of it). Equal texts are read once."""
    codes, values = categories(array)
    distinct = pa.array(values, pa.string())
    likely = np.flatnonzero(np.asarray(pc.match_substring_regex(distinct, _LIKELY)))
    what = {int(i): identified(values[i]) for i in likely}
    times = np.bincount(codes, minlength=len(values) + 1)
    hit = np.zeros(len(values) + 1, np.bool_)
    kinds: dict[str, int] = {}
    for i, names in what.items():
        hit[i] = bool(names)
        for name in names:
            kinds[name] = kinds.get(name, 0) + int(times[i])
    return hit[codes], kinds
