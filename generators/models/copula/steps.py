"""Parts as steps of a standard normal variable: the wider a step, the more frequent its code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from generators.encoding.coded import CodedRows, applies
from generators.models.alike import orders

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EDGE = 8.0
"""Beyond so many standard deviations nothing is drawn."""
TRACES = 24
"""Terms of the Hermite series by which a latent correlation becomes one of scores."""


@dataclass(frozen=True)
class Steps:
    """One part's steps. order: codes from the lowest step to the highest, (size,). frequency: (1, size), or (size of the part it is
    within, size): how frequent each code is, by code of that part; rows sum to 1.
    """

    order: npt.NDArray[np.int32]
    frequency: Floats

    def __post_init__(self) -> None:
        edges = np.cumsum(self.frequency[:, self.order], axis=1)
        edges[edges >= 1 - 1e-9] = 1.0
        rank = np.empty(len(self.order), dtype=np.int64)
        rank[self.order] = np.arange(len(self.order))
        high = edges[:, rank]
        low = np.concatenate([np.zeros((len(edges), 1)), edges[:, :-1]], axis=1)[:, rank]
        object.__setattr__(self, "_flat", (edges + np.arange(len(edges))[:, None]).ravel())
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "scores", _scores(low, high))

    low: Floats = None  # type: ignore[assignment]  # made above
    high: Floats = None  # type: ignore[assignment]
    scores: Floats = None  # type: ignore[assignment]

    def codes(self, normal: Floats, row: Ints | None) -> npt.NDArray[np.int32]:
        """(rows,) values of the normal variable → the codes on whose steps they lie. row: the code of the part it is within."""
        uniform = np.minimum(ndtr(normal), 1 - 1e-9)
        flat: npt.NDArray[np.float64] = self.__dict__["_flat"]
        size = len(self.order)
        if row is None:
            place = np.searchsorted(flat, uniform, side="right")
        else:
            place = np.searchsorted(flat, uniform + row, side="right") - row * size
        found: npt.NDArray[np.int32] = self.order[np.clip(place, 0, size - 1)]
        return found

    def hermite(self, weight: Floats) -> Floats:
        """(TRACES,): coefficients of the score, a step function of the normal variable, in normalised Hermite polynomials of order 1 on.

        weight: how frequent each row of `frequency` is. c_k = Σ s (h_{k-1}(a) φ(a) − h_{k-1}(b) φ(b)) / √k over steps (a, b] of score s.
        """
        a, b = _normal(self.low), _normal(self.high)
        fa, fb = _density(a), _density(b)
        past_a, past_b, now_a, now_b = np.zeros_like(a), np.zeros_like(b), np.ones_like(a), np.ones_like(b)
        found = np.empty(TRACES)
        for k in range(1, TRACES + 1):
            found[k - 1] = (weight[:, None] * self.scores * (now_a * fa - now_b * fb)).sum() / np.sqrt(k)
            past_a, now_a = now_a, (a * now_a - np.sqrt(k - 1) * past_a) / np.sqrt(k)
            past_b, now_b = now_b, (b * now_b - np.sqrt(k - 1) * past_b) / np.sqrt(k)
        return found


def _normal(share: Floats) -> Floats:
    found: Floats = np.clip(ndtri(share), -EDGE, EDGE)
    return found


def _density(z: Floats) -> Floats:
    found: Floats = np.where(np.abs(z) >= EDGE, 0.0, np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))
    return found


def _scores(low: Floats, high: Floats) -> Floats:
    """The mean of a standard normal variable over each step; of an empty step, where it would be."""
    a, b = _normal(low), _normal(high)
    wide = high - low
    return np.where(wide > 0, (_density(a) - _density(b)) / np.where(wide > 0, wide, 1.0), np.clip(a, -4, 4))


def frequencies(rows: CodedRows, number: int, least: int) -> Floats:
    """How frequent the codes of a part are, by code of the part it is within.

    What fewer than `least` persons have together is not told apart: the part's own frequencies stand for it.
    """
    part, used = rows.parts[number], applies(rows.codes, rows.parts, number)
    mine = rows.codes[used, number].astype(np.int64)
    own = np.bincount(mine, minlength=part.size).astype(np.float64)
    own = own / own.sum() if own.sum() else np.full(part.size, 1 / part.size)
    if part.of is None or (min(part.of, number), max(part.of, number)) in rows.apart:
        return own[None]
    above = rows.parts[part.of].size
    cells = rows.codes[used, part.of].astype(np.int64) * part.size + mine
    cell = np.unique(rows.persons[used] * (above * part.size) + cells) % (above * part.size)
    known = np.bincount(cell, minlength=above * part.size) >= least
    counts = (np.bincount(cells, minlength=above * part.size) * known).reshape(above, part.size).astype(np.float64)
    missed = np.bincount(cells // part.size, minlength=above) - counts.sum(axis=1)
    counts += (missed + part.size)[:, None] * own
    table: Floats = counts / counts.sum(axis=1, keepdims=True)
    return table


def steps_of(rows: CodedRows, least: int) -> tuple[Steps, ...]:
    """The steps of every part."""
    return tuple(Steps(order, frequencies(rows, i, least)) for i, order in enumerate(orders(rows)))
