"""What codes of one part have in common, so that a network need not learn each by itself.

The embedding of a code is its own and that of what it belongs to: codes of an ordered part lie between two of a few knots (the linear
spline basis: C. de Boor, A Practical Guide to Splines, 1978), codes of a large part without order belong to its groups. The own share
begins small, so that it says only what enough rows say, and drawing knows the sum alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Part

KNOTS = 8
FEWEST = 4
"""Codes in order from which on they share knots."""
OWN, ALONE, SHARED = 0.02, 0.1, 0.2
"""How far embeddings begin from nought: of a code that shares, of one that does not, of what is shared."""


@dataclass(frozen=True)
class Sharing:
    """size: how many features there are to share; places: int64 (2, places in the embedding) two of them, and weights: float32, how much of
    each: 0 where a code shares nothing.
    """

    size: int
    places: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]

    def begun(self, width: int, random: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(own embeddings, those of the features) before anything is learned: float32 (codes and groups, width), (size, width)."""
        spread = np.where(self.weights.any(axis=0), np.float32(OWN), np.float32(ALONE))
        own = random.standard_normal((len(spread), width), dtype=np.float32) * spread[:, None]
        return own, random.standard_normal((self.size, width), dtype=np.float32) * np.float32(SHARED)


def sharing(
    parts: Sequence[Part], starts: Mapping[int, int] | Sequence[int], total: int, groups: Mapping[int, npt.NDArray[np.int32]]
) -> Sharing:
    """What codes share, always within one part.

    starts: by number of a part where its codes begin in an embedding of `total` rows; groups: by number of a large part, (codes, 2), first
    the group of each code.
    """
    places, weights = np.zeros((2, total), dtype=np.int64), np.zeros((2, total), dtype=np.float32)
    size = 0
    for number, part in enumerate(parts):
        first, last = part.ordered_codes or (0, part.size)
        if part.ordered and last - first >= FEWEST:
            knots = min(KNOTS, (last - first) // 2)
            along = np.linspace(0, knots - 1, last - first)
            below = np.minimum(along.astype(np.int64), knots - 2)
            here = slice(starts[number] + first, starts[number] + last)
            places[:, here] = size + below, size + below + 1
            weights[:, here] = 1 - (along - below), along - below
            size += knots
        elif not part.ordered and number in groups:
            of_code = groups[number][:, 0]
            places[0, starts[number] : starts[number] + part.size] = size + of_code
            weights[0, starts[number] : starts[number] + part.size] = 1
            size += int(of_code.max()) + 1
    return Sharing(max(1, size), places, weights)
