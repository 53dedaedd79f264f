"""Which given parts of a row tell anything about it: counted on half of the persons, judged on the other half, and the other way round.

Some tell only together: when a person came first says little about how often they came, nor the other way round; that a row is the first of
nine says that it is an early one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes

ROWS = 20_000
"""Rows looked at, at most: what so many do not show is worth no part."""
CELLS = 2_000_000
"""Larger tables of two parts are not made."""
LEAST = 0.002
"""Nats a row that must be gained."""
WEIGHT = 4.0
"""Rows that the marginal distribution counts for, within each code of the given part."""

Ints = npt.NDArray[np.int64]


def telling(
    given: Codes, sizes: Sequence[int], own: Codes, own_sizes: Sequence[int], persons: Ints, seed: int, together: Sequence[int] = ()
) -> list[int]:
    """The numbers of those parts of `given` that tell something about any part of `own`.

    given: (rows, given parts); own: (rows, parts). A given part tells something when the log-likelihood of a part of persons it was not
    counted on is higher, given it, than without it: by more than two standard errors, over persons, and by `LEAST` a row. together: those
    of which two may tell something together, though one or neither does by itself.
    """
    rng = np.random.default_rng([seed, 0x74656C])
    if not given.shape[1] or not own.shape[1] or len(own) < 20:
        return []
    people, person = np.unique(persons, return_inverse=True)
    turn = rng.permutation(len(people))[person.reshape(-1)]
    if len(own) > ROWS:
        kept = turn < np.sort(turn)[ROWS - 1]
        given, own, turn = given[kept], own[kept], turn[kept]
    first = turn % 2 == 0
    if first.all() or not first.any():
        return []
    person = np.unique(turn, return_inverse=True)[1].reshape(-1)
    found = set()
    for j, size in enumerate(sizes):
        if any(_gains(given[:, j], size, own[:, i], k, first, person) for i, k in enumerate(own_sizes)):
            found.add(j)
    for j in together:
        for beside in together:
            if beside == j or j in found:
                continue
            both = given[:, beside].astype(np.int64) * sizes[j] + given[:, j]
            if any(_gains(both, sizes[j] * sizes[beside], own[:, i], k, first, person, sizes[j]) for i, k in enumerate(own_sizes)):
                found |= {j, beside}
    return sorted(found)


def _gains(
    given: npt.NDArray[Any], size: int, own: npt.NDArray[np.int32], k: int, first: npt.NDArray[np.bool_], person: Ints, within: int = 0
) -> bool:
    """Whether `given` tells something about `own`. within: of two parts in one, how many codes the second has: what only the two tell."""
    if size < 2 or k < 2 or size * k > CELLS:
        return False
    gain = np.empty(len(own))
    for half in (first, ~first):
        behind = np.bincount(own[half], minlength=k)[None, :] + 0.5
        behind /= behind.sum()
        joint = np.bincount(given[half].astype(np.int64) * k + own[half], minlength=size * k).reshape(size, k)
        if within:
            alone = joint.reshape(-1, within, k).sum(axis=1)
            behind = (alone + WEIGHT * behind) / (alone.sum(axis=1, keepdims=True) + WEIGHT)
        a, b = given[~half], own[~half]
        before = behind[a // within if within else 0, b]
        gain[~half] = np.log((joint[a, b] + WEIGHT * before) / (joint.sum(axis=1)[a] + WEIGHT)) - np.log(before)
    if gain.mean() < LEAST:
        return False
    each = np.bincount(person, weights=gain)
    return bool(each.mean() > 2 * each.std(ddof=1) / np.sqrt(len(each)))
