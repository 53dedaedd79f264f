"""From scores of coded parts to the correlation of the normal variables behind them, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST = 0.995
"""No two parts are taken to hang together more than so: the matrix stays invertible."""


def implied(latent: Floats, hermite: Floats) -> Floats:
    """(C, C) correlation of the normal variables, (C, K) Hermite coefficients of the scores → (C, C) covariance of the scores.

    Mehler: cov(s_i, s_j) = Σ_k R_ij^k c_ik c_jk (for example C. S. Kelley, Psychometrika 1970, on tetrachoric series).
    """
    total = np.zeros_like(latent)
    for k in range(hermite.shape[1], 0, -1):
        total = (total + np.outer(hermite[:, k - 1], hermite[:, k - 1])) * latent
    return total


def latent_of(covariance: Floats, hermite: Floats) -> Floats:
    """The correlation of the normal variables that gives the scores this covariance: `implied`, which rises with it, turned round."""
    low, high = np.full_like(covariance, -MOST), np.full_like(covariance, MOST)
    for _ in range(40):
        middle = (low + high) / 2
        above = implied(middle, hermite) > covariance
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    found = (low + high) / 2
    found = (found + found.T) / 2
    spread = np.sqrt((hermite**2).sum(axis=1))
    found[np.outer(spread, spread) < 1e-6] = 0.0  # a part with one code says nothing
    np.fill_diagonal(found, 1.0)
    return found


def proper(matrix: Floats, shrink: float) -> Floats:
    """Shrunk towards independence, without negative eigenvalues, ones on the diagonal."""
    mixed = (1 - shrink) * matrix
    np.fill_diagonal(mixed, 1.0)
    values, vectors = np.linalg.eigh(mixed)
    if values[0] >= 1e-3:
        return mixed
    fixed = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    spread = np.sqrt(np.diag(fixed))
    fixed /= np.outer(spread, spread)
    even: Floats = (fixed + fixed.T) / 2
    return even


def without_pairs(matrix: Floats, apart: frozenset[tuple[int, int]], rounds: int = 50) -> Floats:
    """The correlation of most entropy with these entries, those of pairs that are apart left open.

    Such pairs are independent given the others, so that nothing was learned of them but what follows from the others (A. Dempster,
    Covariance selection, Biometrics 1972; T. Speed and H. Kiiveri, Annals of Statistics 1986).
    """
    if not apart:
        return matrix
    found = matrix.copy()
    pairs = sorted(apart)
    for a, b in pairs:
        found[a, b] = found[b, a] = 0.0
    found = proper(found, 0.0)
    for _ in range(rounds):
        moved = 0.0
        for a, b in pairs:
            rest = np.setdiff1d(np.arange(len(found)), (a, b))
            value = float(found[a, rest] @ np.linalg.solve(found[np.ix_(rest, rest)], found[rest, b]))
            moved = max(moved, abs(value - found[a, b]))
            found[a, b] = found[b, a] = value
        if moved < 1e-6:
            break
    return found
