"""How well something was predicted, with what each person adds to the score: from that come intervals, also of differences.

Of a score S, a row's influence is what S would change by if the row counted a little more; the variance of S is the sum over persons of
the squared sum of their rows' influences (the infinitesimal jackknife: B. Efron 1982, clustered by person). It needs no resampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.intervals import Z
from evaluation.results import Incomputable
from evaluation.tables.columns import Floats, Ints

Bools = npt.NDArray[np.bool_]
BLOCK = 500
"""Rows whose pairs are compared at a time."""


@dataclass(frozen=True)
class Score:
    """value: the score. influence: of each row, shape (rows,); zero for rows that do not count."""

    value: float
    influence: Floats

    def __sub__(self, other: Score) -> Score:
        """The difference of two scores of the same rows."""
        return Score(self.value - other.value, self.influence - other.influence)

    def error(self, people: npt.NDArray[np.integer]) -> float:
        """The standard error, rows of one person (codes from 0, shape (rows,)) taken together."""
        return float(np.sqrt(np.square(np.bincount(people, weights=self.influence)).sum()))

    def interval(self, people: npt.NDArray[np.integer], lowest: float = -np.inf, highest: float = np.inf) -> tuple[float, float]:
        """The 95 % interval, cut at what the score can be."""
        half = Z * self.error(people)
        return max(lowest, self.value - half), min(highest, self.value + half)


def area(positive: Bools, scores: Floats, counted: Bools | None = None) -> Score:
    """Area under the ROC curve: how often a positive row is ranked above another, ties counted half. 0.5 guessing … 1.

    counted: the rows it is about, else all. Influence: E. DeLong and others, Biometrics 1988. Incomputable without both classes.
    """
    counted = np.ones(len(positive), bool) if counted is None else counted
    up, down = positive & counted, ~positive & counted
    m, n = int(up.sum()), int(down.sum())
    if not m or not n:
        raise Incomputable("one class only")
    high, low = np.sort(scores[up]), np.sort(scores[down])
    influence = np.zeros(len(positive))
    below = (np.searchsorted(low, scores[up], "left") + np.searchsorted(low, scores[up], "right")) / (2 * n)
    above = 1 - (np.searchsorted(high, scores[down], "left") + np.searchsorted(high, scores[down], "right")) / (2 * m)
    value = float(below.mean())
    influence[up], influence[down] = (below - value) / m, (above - value) / n
    return Score(value, influence)


def areas(classes: Ints, probabilities: Floats, counted: Bools | None = None) -> Score:
    """Mean area of each class against the rest; shapes (n,), (n, classes). Classes absent among the counted rows are left out."""
    found = []
    for k in range(probabilities.shape[1]):
        try:
            found.append(area(classes == k, probabilities[:, k], counted))
        except Incomputable:
            continue
    if not found:
        raise Incomputable("one class only")
    return Score(float(np.mean([f.value for f in found])), np.mean([f.influence for f in found], axis=0))


def balanced_accuracy(classes: Ints, probabilities: Floats, priors: Floats) -> Score:
    """Mean over classes of the share of its rows that are told right; guessing 1 / classes … 1.

    Told is the class whose probability most exceeds its share of the rows learned from (`priors`): the best rule for this score.
    """
    told = np.argmax(probabilities / np.maximum(priors, 1e-12), axis=1)
    there = [k for k in range(probabilities.shape[1]) if (classes == k).any()]
    influence = np.zeros(len(classes))
    recalls = []
    for k in there:
        rows = classes == k
        right = (told[rows] == k).astype(np.float64)
        recalls.append(float(right.mean()))
        influence[rows] = (right - right.mean()) / (len(right) * len(there))
    if len(recalls) < 2:
        raise Incomputable("one class only")
    return Score(float(np.mean(recalls)), influence)


def share(hit: Floats, counted: Bools) -> Score:
    """The share of the counted rows that are hit (0 … 1, in part where it is not certain). Incomputable when none is counted."""
    n = int(counted.sum())
    if not n:
        raise Incomputable("nobody to count")
    value = float(hit[counted].mean())
    return Score(value, np.where(counted, (hit - value) / n, 0.0))


def r_squared(values: Floats, predictions: Floats, counted: Bools | None = None) -> Score:
    """1 − Σ (y − ŷ)² / Σ (y − ȳ)²: 1 perfect, 0 no better than the mean, below 0 worse than it.

    Incomputable when the counted values are all the same.
    """
    counted = np.ones(len(values), bool) if counted is None else counted
    around = np.square(values - values[counted].mean()) * counted if counted.any() else np.zeros(len(values))
    total = float(around.sum())
    if total <= 0:
        raise Incomputable("one value only")
    missed = np.square(values - predictions) * counted
    ratio = float(missed.sum()) / total
    return Score(1 - ratio, -(missed - ratio * around) / total)


def concordance(times: Floats, events: Bools, risks: Floats, counted: Bools | None = None) -> Score:
    """Harrell's C: of the pairs of which one is known to have had the event earlier, the share in which that one had the higher risk.

    A pair counts when the earlier time is an event's, or both times are the same and one of them is an event's (whoever was censored then
    lasted longer); two events at the same time do not. Equal risks count half. 0.5 guessing … 1. F. E. Harrell and others, JAMA 1982.
    Incomputable without such a pair. Shapes (n,); time and memory grow with n² and n.
    """
    counted = np.ones(len(times), bool) if counted is None else counted
    chosen = np.flatnonzero(counted)
    t, e, r = times[chosen], events[chosen], risks[chosen]
    right, pairs = np.zeros(len(t)), np.zeros(len(t))
    earlier = np.flatnonzero(e)
    for start in range(0, len(earlier), BLOCK):
        rows = earlier[start : start + BLOCK]
        after = (t[rows, None] < t) | ((t[rows, None] == t) & ~e)
        better = after * ((r[rows, None] > r) + 0.5 * (r[rows, None] == r))
        pairs[rows] += after.sum(axis=1)
        right[rows] += better.sum(axis=1)
        pairs += after.sum(axis=0)
        right += better.sum(axis=0)
    total = float(pairs.sum())  # every pair twice, like every pair that is right
    if total <= 0:
        raise Incomputable("no two people of whom one is known to have had the event earlier")
    value = float(right.sum()) / total
    influence = np.zeros(len(times))
    influence[chosen] = 2 * (right - value * pairs) / total
    return Score(value, influence)
