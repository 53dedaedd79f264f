"""Numbers that some people round more than others: shares of values on ever wider grids (1, 5, 10, 50 …).

A value on a wide grid may be there by chance. How many are is worked out by expectation and maximisation over the nested grids (Dempster,
Laird, Rubin 1977): a value rounded to grid g lies on the wider grid G with the chance g / G.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generators.encoding.people import People

Floats = npt.NDArray[np.float64]

_WIDER = (1, 5, 10, 50, 100, 500, 1000)
_ROUNDS = 100
_TOLD = 0.05
"""Least share of values on wider grids for which it is worth it."""


def heaps(values: Floats, finest: float, persons: People, minimum: int) -> tuple[tuple[float, float], ...]:
    """(grid, share) of each grid, the finest first; () where nearly all values are on the finest by their own.

    values: (n,) multiples of `finest`; persons: whose. A grid that fewer than `minimum` of them are on counts with the next finer one.
    """
    if persons.count < 10 * minimum:
        return ()
    steps = np.rint(values / finest)
    width = np.array([w for w in _WIDER if w <= np.ptp(steps)] or [1], dtype=np.float64)
    level = np.zeros(len(values), np.int64)
    for number, wide in enumerate(width):
        level[np.mod(steps, wide) == 0] = number
    seen = np.bincount(level, minlength=len(width)).astype(np.float64)
    people = persons.by_code(level, len(width))
    for number in range(len(width) - 1, 0, -1):
        if people[number] < minimum:
            seen[number - 1] += seen[number]
            seen[number] = 0
    seen /= seen.sum()
    wider = np.append(width[1:], np.inf)
    chance = np.minimum(1.0, width[:, None] / width[None, :]) * (1 - width / wider)[None, :]
    chance *= width[None, :] >= width[:, None]
    share = np.full(len(width), 1 / len(width))
    for _ in range(_ROUNDS):
        joint = share[:, None] * chance
        share = (seen * joint / np.maximum(joint.sum(axis=0), 1e-300)).sum(axis=1)
        share /= share.sum()
    share[share < 0.005] = 0.0
    share /= share.sum()
    if 1 - share[0] < _TOLD:
        return ()
    return tuple((float(wide * finest), round(float(part), 3)) for wide, part in zip(width, share, strict=True) if part > 0)


def rounded(values: Floats, shares: tuple[tuple[float, float], ...], rng: np.random.Generator) -> Floats:
    """The values, each rounded to a grid drawn by its share."""
    grids = np.array([grid for grid, _ in shares])
    ends = np.cumsum([share for _, share in shares])
    grid = grids[np.searchsorted(ends[:-1], rng.random(len(values)) * ends[-1], side="right")]
    return np.asarray(np.rint(values / grid) * grid)
