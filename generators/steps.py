"""Steps: ranges of numbers or dates of which each is about enough persons, with averages of enough persons for edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.disclosure import DisclosurePolicy
from generators.person_counts import Groups, Ints
from generators.summary_parts import Scalar, Step

Bools = npt.NDArray[np.bool_]


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

    def __init__(self, groups: Groups, rest: Bools, edges: Edges, policy: DisclosurePolicy) -> None:
        self.groups, self.ranks = groups, np.flatnonzero(rest)
        self.numbers, self.whole = edges.of(groups.codes[rest]), edges.numbers is None
        self.weights = groups.persons[rest]
        self.starts = np.concatenate(([0], np.cumsum(groups.rows[rest])))
        self.least, self.most = policy.minimum, groups.everyone.most
        total = int(self.starts[-1])
        # Only as many persons are counted as make a difference to the number of steps.
        enough = 2 * policy.minimum * policy.maximum_steps
        everyone = enough if total >= enough * self.most else groups.among(rest)[0]
        wanted = max(1, min(policy.maximum_steps, everyone // (2 * policy.minimum)))
        self.candidates = np.unique(np.searchsorted(self.starts, np.linspace(0, total, wanted + 1)[1:-1]))
        self.ample = _running(self.weights >= self.least)

    def enough(self, first: int, after: int) -> bool:
        """Whether the values first … after − 1 have `least` persons."""
        rows = int(self.starts[after] - self.starts[first])
        if rows < self.least:
            return False
        if rows >= self.least * self.most or self.ample[after] > self.ample[first]:
            return True  # nobody has more than `most` rows; one value alone has enough
        far, at, people = self.near
        until = min(after, int(np.searchsorted(far, far[first], side="right")) - 1)
        if len(np.unique(people[at[first] : at[until]])) >= self.least:
            return True
        return until < after and self.groups.at_least(self.least, self._chosen(first, after))

    @cached_property
    def near(self) -> tuple[Ints, Ints, Ints]:
        """Of values near a possible cut: (how many values before each are not, how many rows before each are of such, their persons).

        Where enough persons have a value nobody asks who they are: such values count as not near.
        """
        reach, total = 8 * self.least, int(self.starts[-1])
        middles = np.concatenate((self.starts[self.candidates], [0, total]))
        begin = np.searchsorted(self.starts, middles - reach, side="right") - 1
        after = np.searchsorted(self.starts, middles + reach)
        covered = np.zeros(len(self.weights) + 1, dtype=np.int64)
        np.add.at(covered, np.maximum(begin, 0), 1)
        np.add.at(covered, np.minimum(after, len(self.weights)), -1)
        near = (np.cumsum(covered[:-1]) > 0) & (self.weights < self.least)
        chosen = np.zeros(len(self.groups.codes), dtype=np.bool_)
        chosen[self.ranks[near]] = True
        return _running(~near), _running(np.where(near, np.diff(self.starts), 0)), self.groups.people_of(chosen)

    def _chosen(self, first: int, after: int) -> Bools:
        chosen = np.zeros(len(self.groups.codes), dtype=np.bool_)
        chosen[self.ranks[first:after]] = True
        return chosen

    def counted(self, cuts: Sequence[int]) -> tuple[Ints, Ints]:
        """(persons, most rows of one of them) of each step from cut to cut."""
        step = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
        rest = np.zeros(len(self.groups.codes), dtype=np.bool_)
        rest[self.ranks] = True
        steps = self.groups.only(rest).merged(step, len(cuts) - 1)
        return steps.persons, steps.largest

    def mean(self, first: int, after: int) -> float:
        """Mean of the values first … after − 1, each as often as it has persons: repeats of one person do not pull it."""
        weights, numbers = self.weights[first:after], self.numbers[first:after]
        if self.whole:
            return int((numbers * weights).sum()) / int(weights.sum())
        mean = float((numbers.astype(np.float64) * (weights / weights.sum())).sum())
        return min(max(mean, float(numbers[0])), float(numbers[-1]))


def _running(values: Bools | Ints) -> Ints:
    """Sums of the values before each, and of all."""
    return np.concatenate(([0], np.cumsum(values, dtype=np.int64)))


def protected_steps(groups: Groups, rest: Bools, edges: Edges, policy: DisclosurePolicy) -> tuple[Step, ...] | None:
    """Steps over the values in `rest`, () when there are none, None when too few persons have them."""
    if not rest.any():
        return ()
    part = _Rest(groups, rest, edges, policy)
    values = len(part.numbers)
    inside = _forward(part, 0, values)
    until = _backward(part, 0, values)
    if inside is None or until is None or inside >= until:
        return None
    first_window = _forward(part, inside, until)
    last_window = _backward(part, inside, until)
    if first_window is None or last_window is None:
        return None
    cuts = _cuts(part, inside, until)
    bounds = [
        part.mean(inside, first_window),
        *(_edge(part, c, inside, until) for c in cuts[1:-1]),
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


def _forward(part: _Rest, first: int, after: int) -> int | None:
    """The first value index beyond `first` such that the values before it have enough persons; None when not even all have.

    Nearly the first: rows are tried in doubling numbers.
    """
    rows = part.least
    while True:
        end = int(np.searchsorted(part.starts, part.starts[first] + rows))
        end = min(max(end, first + 1), after)
        if part.enough(first, end):
            return end
        if end >= after:
            return None
        rows *= 2


def _backward(part: _Rest, first: int, after: int) -> int | None:
    """The last value index such that the values from it to `after` have enough persons; None when not even all have."""
    rows = part.least
    while True:
        begin = int(np.searchsorted(part.starts, part.starts[after] - rows, side="right")) - 1
        begin = max(min(begin, after - 1), first)
        if part.enough(begin, after):
            return begin
        if begin <= first:
            return None
        rows *= 2


def _cuts(part: _Rest, inside: int, until: int) -> list[int]:
    """Value indices at which steps begin and end: near quantiles of the rows, between them at least `minimum` persons each."""
    values = len(part.numbers)
    cuts = [0]
    for candidate in (int(c) for c in part.candidates if inside < c < until):
        if part.enough(cuts[-1], candidate):
            cuts.append(candidate)
    while len(cuts) > 1 and not part.enough(cuts[-1], values):
        cuts.pop()
    return [*cuts, values]


def _edge(part: _Rest, cut: int, inside: int, until: int) -> float:
    """Mean of a window of enough persons around the cut, widened until it has them, never beyond inside … until."""
    rows = (part.least + 1) // 2
    while True:
        begin = int(np.searchsorted(part.starts, part.starts[cut] - rows, side="right")) - 1
        after = int(np.searchsorted(part.starts, part.starts[cut] + rows))
        begin, after = max(begin, inside), min(max(after, begin + 1), until)
        if part.enough(begin, after) or (begin == inside and after == until):
            return part.mean(begin, after)
        rows *= 2
