"""The codes of parts in an order in which neighbours are alike, also of parts that have none of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, Part, applies

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Order = npt.NDArray[np.int32]

SEEN = 20_000
"""Rows looked at."""
FREQUENT = 24
"""So many codes of another part say where the codes of an unordered part lie."""


def outside(part: Part) -> Ints:
    """The codes of an ordered part that are no values, such as that for missing."""
    codes = np.arange(part.size)
    first, last = part.ordered_codes or (0, part.size)
    return codes[(codes < first) | (codes >= last)]


def orders(rows: CodedRows) -> tuple[Order, ...]:
    """For each part its codes, each once: (size,). Of unordered parts in the order in which they go best with the other parts; of ordered
    parts as they are, codes that are no values at the end they go with. Parts that are apart say nothing of each other.
    """
    found = [np.arange(part.size, dtype=np.int32) for part in rows.parts]
    wanted = [i for i, part in enumerate(rows.parts) if part.size > 2 and (not part.ordered or outside(part).size)]
    if not wanted or not rows.rows:
        return tuple(found)
    sample = rows.take(np.linspace(0, rows.rows - 1, min(rows.rows, SEEN)).astype(np.int64))
    looks, owners = _looks(sample)
    for i in wanted:
        apart = {b if a == i else a for a, b in rows.apart if i in (a, b)} | {i}
        found[i] = _ordered(sample, i, looks[:, ~np.isin(owners, list(apart))])
    return tuple(found)


def _middles(codes: npt.NDArray[np.int32], size: int) -> Floats:
    """(size,): mid-ranks of the codes, of mean 0 and of a spread of about 1."""
    seen = np.bincount(codes, minlength=size) / max(1, len(codes))
    found: Floats = (np.cumsum(seen) - seen / 2 - 0.5) * np.sqrt(12)
    return found


def _looks(rows: CodedRows) -> tuple[npt.NDArray[np.float32], Ints]:
    """What each row looks like to the codes of an unordered part: mid-ranks of ordered parts, the frequent codes of others."""
    columns: list[Floats] = []
    owners: list[int] = []
    for j, part in enumerate(rows.parts):
        if part.of is not None:
            continue
        codes = rows.codes[:, j]
        share = np.bincount(codes, minlength=part.size) / len(codes)
        if part.ordered:
            columns.append(_middles(codes, part.size)[codes])
            owners.append(j)
        for code in outside(part) if part.ordered else np.argsort(-share, kind="stable")[:FREQUENT]:
            if share[code] > 0:
                columns.append((codes == code) / np.sqrt(share[code]))
                owners.append(j)
    if not columns:
        return np.zeros((rows.rows, 0), dtype=np.float32), np.zeros(0, dtype=np.int64)
    looks = np.stack(columns, axis=1).astype(np.float32)
    return looks - looks.mean(axis=0), np.array(owners)


def _ordered(rows: CodedRows, number: int, looks: npt.NDArray[np.float32]) -> Order:
    """Codes in the order of the first axis of a correspondence analysis with the other parts (M. Greenacre 1984, ch. 4)."""
    part, used = rows.parts[number], applies(rows.codes, rows.parts, number)
    mine, size = rows.codes[used, number], rows.parts[number].size
    if not looks.shape[1] or not used.any():
        return np.arange(size, dtype=np.int32)
    seen = np.bincount(mine, minlength=size).astype(np.float64)
    turn = np.argsort(mine, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(mine[turn]) > 0])
    means = np.zeros((size, looks.shape[1]))
    means[mine[turn][starts]] = np.add.reduceat(looks[used][turn], starts, axis=0, dtype=np.float64)
    means /= (seen + 10.0)[:, None]
    weight = seen / seen.sum()
    if part.ordered:
        axis = (weight * _middles(mine, size)) @ means
        strange = outside(part)
        high = means[strange] @ axis >= 0
        return np.concatenate([strange[~high], np.setdiff1d(np.arange(size), strange), strange[high]]).astype(np.int32)
    means -= weight @ means
    weighted = np.sqrt(weight)[:, None] * means
    _, _, axes = np.linalg.svd(weighted.T @ weighted)
    place = means @ axes[0]
    if place[np.argmax(np.abs(place))] < 0:  # the sign of an axis hangs on the library of linear algebra
        place = -place
    return np.argsort(np.round(place, 9), kind="stable").astype(np.int32)
