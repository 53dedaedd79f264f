"""Steps: ranges of numbers or dates of which each is about enough persons, with averages of enough persons for edges."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from generators.counts.grouped import Bools, Grouped, Ints, Range, Windows
from generators.counts.person_counts import running
from generators.disclosure import DisclosurePolicy
from generators.summary_parts import Scalar, Step

Found = TypeVar("Found")


@dataclass(frozen=True)
class Edges:
    """How codes become released values. value: of one code's number; low, mean, high: of an average of numbers, rounded up, to nearest,
    down. numbers: what each code stands for when averaging (ascending); None: the code itself.
    """

    value: Callable[[Any], Scalar]
    low: Callable[[float], Scalar]
    mean: Callable[[float], Scalar]
    high: Callable[[float], Scalar]
    numbers: npt.NDArray[Any] | None = None

    def of(self, codes: Ints) -> npt.NDArray[Any]:
        return codes if self.numbers is None else self.numbers[codes]


def figures(policy: DisclosurePolicy, persons: int, rows: int, largest: int) -> tuple[int | None, int | None]:
    """(persons, rows) that may leave, or (None, None); rows alone None where the largest contributor has half of them or more."""
    if persons < policy.minimum:
        return None, None
    return policy.rounded(persons), policy.rounded(rows) if 2 * largest < rows else None


class _Rest:
    """The values that do not stand by themselves, ascending. numbers: what they stand for; weights: the persons who have each;
    starts: where their rows begin, were all sorted by value, and the end. least: the fewest persons a figure may be about.
    """

    def __init__(self, groups: Grouped, rest: Bools, edges: Edges, policy: DisclosurePolicy) -> None:
        self.groups = groups.only(rest)
        self.numbers, self.whole = edges.of(self.groups.codes), edges.numbers is None
        self.weights = self.groups.persons
        self.starts = running(self.groups.rows)
        self.least, self.most = policy.minimum, groups.most
        total = int(self.starts[-1])
        # Only as many persons are counted as make a difference to the number of steps.
        enough = 2 * policy.minimum * policy.maximum_steps
        everyone = enough if total >= enough * self.most else groups.among(rest)[0]
        wanted = max(1, min(policy.maximum_steps, everyone // (2 * policy.minimum)))
        self.candidates = np.unique(np.searchsorted(self.starts, np.linspace(0, total, wanted + 1)[1:-1]))
        self.ample = running(self.weights >= self.least)

    def enough(self, ranges: Sequence[Range]) -> list[bool]:
        """Of each range of values, whether it has `least` persons; all that must be counted are counted together."""
        plain = [self._plainly(first, after) for first, after in ranges]
        unsure = [r for r, known in zip(ranges, plain, strict=True) if known is None]
        counted = iter(self.windows.have(unsure) if unsure else ())
        return [next(counted) if known is None else known for known in plain]

    def _plainly(self, first: int, after: int) -> bool | None:
        """What the figures of the single values say already."""
        rows = int(self.starts[after] - self.starts[first])
        if rows < self.least:
            return False
        if rows >= self.least * self.most or self.ample[after] > self.ample[first]:
            return True  # nobody has more than `most` rows; one value alone has enough
        return None

    @cached_property
    def windows(self) -> Windows:
        middles = np.concatenate((self.starts[self.candidates], [0, self.starts[-1]]))
        return self.groups.windows(self.least, middles)

    def counted(self, cuts: Sequence[int]) -> tuple[Ints, Ints]:
        """(persons, most rows of one of them) of each step from cut to cut."""
        step = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
        steps = self.groups.merged(step, len(cuts) - 1)
        return steps.persons, steps.largest

    def mean(self, first: int, after: int) -> float:
        """Mean of the values first … after − 1, each as often as it has persons: repeats of one person do not pull it."""
        weights, numbers = self.weights[first:after], self.numbers[first:after]
        if self.whole:
            return int((numbers * weights).sum()) / int(weights.sum())
        mean = float((numbers.astype(np.float64) * (weights / weights.sum())).sum())
        return min(max(mean, float(numbers[0])), float(numbers[-1]))


Search = Generator[Range, bool, Found]
"""Asks about one range after another, is told whether each has enough persons, and ends with what it found."""


def _together(part: _Rest, searches: Iterable[Search[Found]]) -> list[Found]:
    """What each search finds. What they ask at the same time is asked in one question."""
    all_searches = list(searches)
    found: dict[int, Found] = {}
    asked: dict[int, Range] = {i: next(search) for i, search in enumerate(all_searches)}
    while asked:
        answers = dict(zip(asked, part.enough(list(asked.values())), strict=True))
        asked = {}
        for i, answer in answers.items():
            try:
                asked[i] = all_searches[i].send(answer)
            except StopIteration as end:
                found[i] = end.value
    return [found[i] for i in range(len(all_searches))]


def protected_steps(groups: Grouped, rest: Bools, edges: Edges, policy: DisclosurePolicy) -> tuple[Step, ...] | None:
    """Steps over the values in `rest`, () when there are none, None when too few persons have them."""
    if not rest.any():
        return ()
    part = _Rest(groups, rest, edges, policy)
    values = len(part.numbers)
    inside, until = _together(part, [_forward(part, 0, values), _backward(part, 0, values)])
    if inside is None or until is None or inside >= until:
        return None
    first_window, last_window = _together(part, [_forward(part, inside, until), _backward(part, inside, until)])
    if first_window is None or last_window is None:
        return None
    cuts = _cuts(part, inside, until)
    bounds = [
        part.mean(inside, first_window),
        *_together(part, [_edge(part, c, inside, until) for c in cuts[1:-1]]),
        part.mean(last_window, until),
    ]
    bounds = list(accumulate(bounds, max))
    highest = edges.high(bounds[-1])
    lowest = _lesser(edges.low(bounds[0]), highest)
    # Rounding to nearest must not carry an inner edge beyond the outer ones.
    ends = [lowest, *(_lesser(_greater(edges.mean(b), lowest), highest) for b in bounds[1:-1]), highest]
    rows = np.diff(part.starts[cuts])
    few = bool((2 * part.most >= rows).any())
    persons, largest = part.counted(cuts) if few else (rows, rows)
    steps = []
    for i, (low, high) in enumerate(pairwise(ends)):
        count = int(rows[i])
        if 2 * part.most < count:
            steps.append(Step(low, high, None, policy.rounded(count)))
        else:
            steps.append(Step(low, high, *figures(policy, int(persons[i]), count, int(largest[i]))))
    return tuple(steps)


def _lesser(a: Scalar, b: Scalar) -> Scalar:
    return b if b < a else a  # type: ignore[operator]


def _greater(a: Scalar, b: Scalar) -> Scalar:
    return b if b > a else a  # type: ignore[operator]


def _forward(part: _Rest, first: int, after: int) -> Search[int | None]:
    """The first value index beyond `first` such that the values before it have enough persons; None when not even all have.

    Nearly the first: rows are tried in doubling numbers.
    """
    rows = part.least
    while True:
        end = int(np.searchsorted(part.starts, part.starts[first] + rows))
        end = min(max(end, first + 1), after)
        if (yield first, end):
            return end
        if end >= after:
            return None
        rows *= 2


def _backward(part: _Rest, first: int, after: int) -> Search[int | None]:
    """The last value index such that the values from it to `after` have enough persons; None when not even all have."""
    rows = part.least
    while True:
        begin = int(np.searchsorted(part.starts, part.starts[after] - rows, side="right")) - 1
        begin = max(min(begin, after - 1), first)
        if (yield begin, after):
            return begin
        if begin <= first:
            return None
        rows *= 2


def _cuts(part: _Rest, inside: int, until: int) -> list[int]:
    """Value indices at which steps begin and end: near quantiles of the rows, between them at least `minimum` persons each."""
    values = len(part.numbers)
    candidates = [int(c) for c in part.candidates if inside < c < until]
    alone = part.enough(list(pairwise([0, *candidates])))
    cuts = [0]
    i = 0
    while i < len(candidates):
        if not alone[i]:
            # Further from the last cut there are no fewer persons, so that the search ends at a candidate that is enough alone.
            end = next((j for j in range(i, len(candidates)) if alone[j]), len(candidates))
            answers = part.enough([(cuts[-1], c) for c in candidates[i:end]])
            i = next((j for j, answer in enumerate(answers, start=i) if answer), end)
            if i == len(candidates):
                break
        cuts.append(candidates[i])
        i += 1
    while len(cuts) > 1 and not part.enough([(cuts[-1], values)])[0]:
        cuts.pop()
    return [*cuts, values]


def _edge(part: _Rest, cut: int, inside: int, until: int) -> Search[float]:
    """Mean of a window of enough persons around the cut, widened until it has them, never beyond inside … until."""
    rows = (part.least + 1) // 2
    while True:
        begin = int(np.searchsorted(part.starts, part.starts[cut] - rows, side="right")) - 1
        after = int(np.searchsorted(part.starts, part.starts[cut] + rows))
        begin, after = max(begin, inside), min(max(after, begin + 1), until)
        if (yield begin, after) or (begin == inside and after == until):
            return part.mean(begin, after)
        rows *= 2
