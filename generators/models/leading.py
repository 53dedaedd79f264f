"""Which earlier part each part of a row hangs on most, and how: counted tables beside the decoder, so that codes drawn from one hidden
point still go together (a tree of parts, C. Chow, C. Liu 1968)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, applies

Tables = dict[int, tuple[int, npt.NDArray[np.float32]]]

LOOKED_AT = 20_000
"""Rows by which parts are compared."""
CELLS = 400_000
"""The most a table may have."""
TRIED = 5
"""Parts with the highest mutual information, of which the likelihood of other persons chooses."""
STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Of the smoothing towards the shares of all rows, in rows."""
LEAST_PERSONS = 5
"""A cell of fewer persons is not kept: its rows count towards the shares of all."""


def tables(rows: CodedRows, seed: int) -> Tables:
    """By number of a generated part: the earlier part, and log-shares given its code, float32 (its codes, own codes).

    The earlier part and the smoothing are those that make the rows of the one half of the persons likeliest by the counts of the other.
    A part that says something only within another hangs on that one.
    """
    rng = np.random.default_rng([seed, 0x6C65])
    few = rows.take(np.sort(rng.choice(rows.rows, LOOKED_AT, replace=False))) if rows.rows > LOOKED_AT else rows
    half = rng.integers(0, 2, int(few.persons.max()) + 1)[few.persons].astype(bool)
    found: Tables = {}
    for number in range(rows.given, len(rows.parts)):
        says = applies(few.codes, rows.parts, number)
        if not says.any():
            continue
        own, size = few.codes[says, number], rows.parts[number].size
        of = rows.parts[number].of
        likely = [of] if of is not None else _likeliest(few, number)
        plain = _likelihood(own, np.zeros_like(own), half[says], 1, size)
        best: tuple[float, float, int] | None = None
        for leader in likely:
            tried = _likelihood(own, few.codes[says, leader], half[says], rows.parts[leader].size, size)
            if best is None or tried[0] > best[0]:
                best = (*tried, leader)
        if best is not None and (of is not None or best[0] > plain[0] + 1e-3):
            found[number] = (best[2], _table(rows, number, best[2], best[1]))
    return found


def shares(rows: CodedRows, number: int) -> npt.NDArray[np.float64]:
    """(codes,): the share of each code among rows of which the part says something; half a row is added to each."""
    counted = np.bincount(rows.codes[applies(rows.codes, rows.parts, number), number], minlength=rows.parts[number].size) + 0.5
    return np.asarray(counted / counted.sum())


def _likeliest(rows: CodedRows, number: int) -> list[int]:
    """Earlier parts by mutual information with this one, less what chance gives (G. Miller 1955)."""
    size, own = rows.parts[number].size, rows.codes[:, number]
    by_information = []
    for other in range(number):
        several = rows.parts[other].size
        if several * size > CELLS:
            continue
        counted = np.bincount(rows.codes[:, other].astype(np.int64) * size + own, minlength=several * size).reshape(several, size)
        by_row, by_code = counted.sum(axis=1), counted.sum(axis=0)
        there = counted > 0
        expected = np.outer(by_row, by_code)[there] / rows.rows
        information = float((counted[there] * np.log(counted[there] / expected)).sum()) / rows.rows
        chance = ((by_row > 0).sum() - 1) * ((by_code > 0).sum() - 1) / (2 * rows.rows)
        by_information.append((information - chance, other))
    return [other for gain, other in sorted(by_information, reverse=True)[:TRIED] if gain > 0]


def _likelihood(
    own: npt.NDArray[np.int32], leader: npt.NDArray[np.int32], half: npt.NDArray[np.bool_], several: int, size: int
) -> tuple[float, float]:
    """The mean log-likelihood of each half by the counts of the other, and the strength with which it is highest."""
    cell = leader.astype(np.int64) * size + own
    totals = np.zeros(len(STRENGTHS))
    for side in (False, True):
        there, here = cell[half != side], cell[half == side]
        counted = np.bincount(there, minlength=several * size).reshape(several, size)
        of_all = counted.sum(axis=0) + 0.5
        of_all = of_all / of_all.sum()
        row = here // size
        for i, strength in enumerate(STRENGTHS):
            share = (counted.reshape(-1)[here] + strength * of_all[here % size]) / (counted.sum(axis=1)[row] + strength)
            totals[i] += np.log(share).sum()
    best = int(totals.argmax())
    return float(totals[best] / max(1, len(cell))), STRENGTHS[best]


def _table(rows: CodedRows, number: int, leader: int, strength: float) -> npt.NDArray[np.float32]:
    says = applies(rows.codes, rows.parts, number)
    size, several = rows.parts[number].size, rows.parts[leader].size
    cell = rows.codes[says, leader].astype(np.int64) * size + rows.codes[says, number]
    counted = np.bincount(cell, minlength=several * size).astype(np.float64)
    pairs = np.unique(np.stack([cell, rows.persons[says]]), axis=1)
    persons = np.bincount(pairs[0], minlength=several * size)
    counted[persons < LEAST_PERSONS] = 0
    counted = counted.reshape(several, size)
    of_all = shares(rows, number)
    shown = (counted + strength * of_all) / (counted.sum(axis=1, keepdims=True) + strength)
    logarithms: npt.NDArray[np.float32] = np.log(shown).astype(np.float32)
    return logarithms
