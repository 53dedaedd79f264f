"""The codes of all parts side by side: one row of scores, cut into a segment for each part. Sampling from it, in NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes, Part, applies
from generators.errors import InputError
from generators.learning.model import Saved

Floats = npt.NDArray[np.float32]

CELLS = 2_000_000
"""Scores computed at a time: so many stay near the processor, whatever is asked for."""

EDITED = 'a saved model was changed or damaged: "{}" is missing or of another form; fit it again'


def offsets(sizes: Sequence[int]) -> npt.NDArray[np.int64]:
    """Where each segment begins, and after the last where it ends: (parts + 1,)."""
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))]).astype(np.int64)


def positions(codes: Codes, parts: Sequence[Part]) -> npt.NDArray[np.int64]:
    """(rows, parts): of each code its place among all codes; the place after the last where its part says nothing."""
    starts = offsets([part.size for part in parts])
    placed = codes.astype(np.int64) + starts[:-1]
    for number, part in enumerate(parts):
        if part.of is not None:
            placed[~applies(codes, parts, number), number] = starts[-1]
    return placed


def drawn(scores: Floats, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """(rows, codes) scores → (rows,) a code for each row, drawn with probabilities as the exponentials of its scores; spoils `scores`."""
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    np.cumsum(scores, axis=1, out=scores)
    total = scores[:, -1]
    # Rounding could put the point on the whole sum, where no code lies.
    point = np.minimum(rng.random(len(scores), dtype=np.float32) * total, np.nextafter(total, np.float32(0)))
    codes: npt.NDArray[np.int32] = (scores > point[:, None]).argmax(axis=1).astype(np.int32)
    return codes


def likeliest(scores: Floats) -> npt.NDArray[np.int32]:
    """(rows, codes) scores → (rows,) the code with the highest."""
    codes: npt.NDArray[np.int32] = scores.argmax(axis=1).astype(np.int32)
    return codes


def log_shares(scores: Floats, codes: npt.NDArray[np.int32]) -> Floats:
    """(rows, codes) scores, (rows,) → (rows,) the logarithm of the probability of each row's code; spoils `scores`."""
    scores -= scores.max(axis=1, keepdims=True)
    own = scores[np.arange(len(scores)), codes]
    np.exp(scores, out=scores)
    shares: Floats = own - np.log(scores.sum(axis=1))
    return shares


def piece(saved: Saved, name: str, *shape: int) -> Floats:
    """The saved array of that name, float32 and of that shape (−1: any length); InputError names one that is not as it was saved."""
    found = saved.arrays.get(name)
    if found is None or found.dtype != np.float32 or found.ndim != len(shape):
        raise InputError(EDITED.format(name))
    if any(want not in (-1, have) for want, have in zip(shape, found.shape, strict=True)) or not np.isfinite(found).all():
        raise InputError(EDITED.format(name))
    return found


def tables_of(saved: Saved, parts: Sequence[Part], given: int) -> dict[int, tuple[int, Floats]]:
    """By number of a generated part the earlier part its scores also hang on, and what that adds."""
    tables = {}
    leaders = saved.facts.get("leaders")
    if not isinstance(leaders, list):
        raise InputError(EDITED.format("leaders"))
    for pair in leaders:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(x, int) for x in pair):
            raise InputError(EDITED.format("leaders"))
        number, leader = pair
        if not (given <= number < len(parts) and 0 <= leader < number):
            raise InputError(EDITED.format("leaders"))
        tables[number] = (leader, piece(saved, f"table.{number}", parts[leader].size, parts[number].size))
    return tables
