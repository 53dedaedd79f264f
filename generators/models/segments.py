"""The codes of all parts side by side: one row of scores, cut into a segment for each part. Sampling from it, in NumPy alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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


def in_turn(
    unfolded: Floats,
    codes: Codes,
    parts: Sequence[Part],
    given: int,
    weights: Mapping[str, Floats],
    tables: Mapping[int, tuple[int, Floats]],
) -> Iterator[tuple[int, Floats]]:
    """For each generated part its scores, given what a decoder unfolded, (rows, width), and the codes of earlier parts; they may be filled
    in between. Spoils `unfolded`.

    weights: "write" and "write bias", from the width to all generated codes; where the decoder reads earlier parts too, "says" (a table:
    all generated codes, nothing said), and by part "inward" and "inward bias". tables: by number of a part the part its scores also hang
    on, and what that adds.
    """
    starts = offsets([part.size for part in parts])
    first = starts[given]
    write, bias, says = weights["write"], weights["write bias"], weights.get("says")
    seen = positive(unfolded) if says is None else unfolded
    for number, part in enumerate(parts[given:], start=given):
        begin, end = starts[number] - first, starts[number + 1] - first
        if says is not None:
            at = number - given
            seen = (unfolded * np.float32(1 / np.sqrt(1 + at))) @ weights["inward"][at]
            seen += weights["inward bias"][at]
            positive(seen)
        own: Floats = seen @ write[begin:end].T
        own += bias[begin:end]
        if number in tables:
            leader, table = tables[number]
            own += table[codes[:, leader]]
        yield number, own
        if says is not None and number + 1 < len(parts):
            # The place after the last where it says nothing.
            place = codes[:, number].astype(np.int64) + begin
            unfolded += says[place if part.of is None else np.where(applies(codes, parts, number), place, len(write))]


def likelihood(scores: Iterator[tuple[int, Floats]], codes: Codes, parts: Sequence[Part]) -> npt.NDArray[np.float64]:
    """(rows,): the logarithm of the probability of the rows' generated parts by the scores of `in_turn`."""
    total = np.zeros(len(codes))
    for number, own in scores:
        likely = log_shares(own, codes[:, number])
        total += likely if parts[number].of is None else np.where(applies(codes, parts, number), likely, 0)
    return total


def positive(values: Floats) -> Floats:
    """The values, those below nought made nought; in place."""
    return np.maximum(values, 0, out=values)


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


def following_of(saved: Saved, own: int, count: int, width: int) -> dict[str, Floats]:
    """What a decoder of so many generated codes and parts has besides where it reads earlier parts too; nothing where it does not."""
    following = saved.facts.get("following", False)
    if not isinstance(following, bool) or following != ("says" in saved.arrays):
        raise InputError(EDITED.format("says"))
    if not following:
        return {}
    return {
        "says": piece(saved, "says", own + 1, width),
        "inward": piece(saved, "inward", count, width, width),
        "inward bias": piece(saved, "inward.bias", count, width),
    }
