"""95 % intervals of shares and of areas under the ROC curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Z = 1.96


def wilson(count: float, n: float) -> tuple[float, float]:
    """95 % interval of the share count / n: Wilson (1927). 0 … 1 when n is 0."""
    if n == 0:
        return 0.0, 1.0
    p = count / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * float(np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))) / (1 + Z**2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def difference(count: int, n: int, other: int, m: int) -> tuple[float, float]:
    """95 % interval of count / n − other / m: Newcombe (1998), method 10, from Wilson's intervals. n, m > 0."""
    p, q = count / n, other / m
    (pl, ph), (ql, qh) = wilson(count, n), wilson(other, m)
    return (p - q) - float(np.hypot(p - pl, qh - q)), (p - q) + float(np.hypot(ph - p, q - ql))


def area(auc: float, negatives: int, positives: int) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve: Hanley and McNeil (1982), Radiology 143, eq. 2."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    half = Z * float(np.sqrt(max(0.0, variance) / (negatives * positives)))
    return max(0.0, auc - half), min(1.0, auc + half)


def clustered(values: npt.NDArray[np.float64], groups: npt.NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of a mean of values within 0 … 1 that come in groups: rows nearest to the same person rise and fall together.

    Wilson's, for as many independent values as have the groups' variance (design effect: L. Kish, Survey Sampling, 1965, ch. 5).
    """
    n, mean = len(values), float(values.mean())
    _, inverse = np.unique(groups, return_inverse=True)
    sums = np.bincount(inverse, weights=values - mean)
    variance = float((sums**2).sum()) / n**2
    behind = min(float(n), mean * (1 - mean) / variance) if variance > 0 else float(len(sums))
    return wilson(mean * behind, behind)


def dealt(values: npt.NDArray[np.float64], groups: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of a share of rows that lie nearer to one side than to another, to which groups of points were dealt at random.

    values: 1, 0 or ½ where both are as near, shape (rows,); groups: to whose point each row is nearest; sizes: points of each group.
    Whoever attracts many rows brings all of them to the side they were dealt to, beyond what so many points attract on average: that makes
    the variance of dealing (J. Neyman 1923, a finite population without replacement).
    """
    n, mean = len(values), float(values.mean())
    told = values != 0.5
    drawn = np.bincount(groups[told], minlength=len(sizes)).astype(np.float64)
    drawn -= drawn.sum() * sizes / sizes.sum()
    half = Z * float(np.sqrt(mean * (1 - mean) * (drawn**2).sum())) / n
    return max(0.0, mean - half), min(1.0, mean + half)


def median(values: npt.NDArray[np.float64], persons: npt.NDArray[np.int64]) -> float:
    """The median over rows, each weighed so that every person counts once however many rows they have.

    Without that, what a few people with very many rows are like would decide, on one side and not on the other.
    """
    ordered, behind = _by_share(values, persons)
    at = np.searchsorted(behind, [0.5 - 1e-12, 0.5 + 1e-12]).clip(max=len(ordered) - 1)
    return float(ordered[at].mean())


def middle(values: npt.NDArray[np.float64], persons: npt.NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of that median, between two of the ordered values (binomial ranks of persons, normal approximation)."""
    ordered, behind = _by_share(values, persons)
    n = len(np.unique(persons))
    half = Z * np.sqrt(n) / 2
    low, high = (np.searchsorted(behind, (place + 1 - 1e-9) / n) for place in (np.floor(n / 2 - half), np.ceil(n / 2 + half)))
    return float(ordered[np.clip(low, 0, len(ordered) - 1)]), float(ordered[np.clip(high, 0, len(ordered) - 1)])


def _by_share(values: npt.NDArray[np.float64], persons: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(the values, rising; the share of all persons that lies up to each of them)."""
    order = np.argsort(values, kind="stable")
    _, inverse, rows = np.unique(persons, return_inverse=True, return_counts=True)
    return values[order], np.cumsum(1 / rows[inverse][order]) / len(rows)
