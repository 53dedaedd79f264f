"""95 % intervals of shares and of areas under the ROC curve."""

from __future__ import annotations

import numpy as np

Z = 1.96


def wilson(count: int, n: int) -> tuple[float, float]:
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
