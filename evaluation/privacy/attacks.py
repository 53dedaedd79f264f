"""Singling out, linkability and attribute inference: the risks of the Article 29 Working Party (Opinion 05/2014), each with a control.

An attack that works as well on persons who were held out measures what can be learned about people in general, not a leak: the risk is
(attack − control) / (1 − control), as M. Giomi and others define it (2022); written anew from the definitions. Persons are attacked, not
rows: one row of each, and a predicate that fits several rows of one person has singled that person out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.intervals import difference
from evaluation.results import Incomputable
from evaluation.tables.nearness import Placed, nearest

ATTACKS = 1000
COLUMNS = 3
"""Columns a predicate of singling out is about."""
NEIGHBOURS = 1
CLOSE = 0.05
"""A guessed number counts as right within this share of train's range."""

_BATCH = 100
"""Predicates tried at a time."""
_BEYOND = 2.5
"""Between numbers, clipped to −1 … 2, and what stands for a missing one."""

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Risk:
    """value: (attack − control) / (1 − control), not below 0, with a 95 % `interval`. attack, control, naive: rates of success against
    train, against the holdout, and of guessing without the released rows. attacks: how many were tried against train.
    """

    value: float
    interval: tuple[float, float]
    attack: float
    control: float
    naive: float | None
    attacks: int


def risk(hits: Bools, control: Bools, naive: Bools | None = None) -> Risk:
    """The risk from what succeeded. The interval: of the difference of two shares, Newcombe (1998) from Wilson's, over 1 − control."""
    if not len(hits) or not len(control):
        raise Incomputable("no attack could be made")
    a, c = float(hits.mean()), float(control.mean())
    low, high = difference(int(hits.sum()), len(hits), int(control.sum()), len(control))
    rest = max(1 - c, 1e-9)
    value = max(0.0, (a - c) / rest)
    return Risk(
        value, (max(0.0, low / rest), min(1.0, max(0.0, high / rest))), a, c, None if naive is None else float(naive.mean()), len(hits)
    )


def singling_out(synthetic: Placed, train: Placed, holdout: Placed, *, seed: int, attacks: int = ATTACKS) -> Risk:
    """Predicates about a few columns that fit one released row: how many fit exactly one real person?

    Each is made from a released row: equal in its categories, and in its numbers not further from the middle of the released rows. The
    holdout must have as many rows as train: in a larger table fewer predicates single out.
    """
    if len(train) != len(holdout):
        raise ValueError("train and holdout need as many rows")
    if not len(synthetic):
        raise Incomputable("the synthetic table has no rows")
    draw = np.random.default_rng(seed)
    sides = [np.vstack((side.scaled.T, side.codes.T.astype(np.float32))) for side in (synthetic, train, holdout)]
    low, high = _bounds(synthetic)
    picked = min(COLUMNS, synthetic.width)
    hits, control = [np.empty(0, bool)], [np.empty(0, bool)]
    seen: set[tuple[int, ...]] = set()
    made = 0
    for _ in range(5 * attacks // _BATCH + 1):
        rows = draw.integers(len(synthetic), size=_BATCH)
        columns = np.sort(draw.random((_BATCH, synthetic.width)).argpartition(picked - 1, axis=1)[:, :picked], axis=1)
        guesses = [(int(row), *chosen) for row, chosen in zip(rows, columns.tolist(), strict=True)]
        new = np.array([guess not in seen for guess in guesses])
        seen.update(guesses)
        bounds = low[columns, rows[:, None]], high[columns, rows[:, None]]
        alone = new & (_fits(sides[0], columns, *bounds).sum(axis=1) == 1)
        chosen = np.flatnonzero(alone)[: attacks - made]
        made += len(chosen)
        narrowed = columns[chosen], bounds[0][chosen], bounds[1][chosen]
        hits.append(_alone(_fits(sides[1], *narrowed), train))
        control.append(_alone(_fits(sides[2], *narrowed), holdout))
        if made == attacks:
            break
    return risk(np.concatenate(hits), np.concatenate(control))


def _bounds(synthetic: Placed) -> tuple[Numbers, Numbers]:
    """What each released row's predicate demands of each column: a lowest and a highest value; shape (columns, rows)."""
    scaled, codes = synthetic.scaled.T, synthetic.codes.T.astype(np.float32)
    upper = scaled >= np.median(scaled, axis=1, keepdims=True)
    missing = scaled > _BEYOND
    low = np.where(missing | upper, np.where(missing, _BEYOND, scaled), -np.inf)
    high = np.where(missing, np.inf, np.where(upper, _BEYOND, scaled))
    return np.vstack((low, codes)).astype(np.float32), np.vstack((high, codes)).astype(np.float32)


def _fits(values: Numbers, columns: npt.NDArray[np.int64], low: Numbers, high: Numbers) -> Bools:
    """Which rows each predicate fits; values of shape (all columns, rows), the others (predicates, columns of each)."""
    fits = np.ones((len(columns), values.shape[1]), bool)
    for place in range(columns.shape[1]):
        found = values[columns[:, place]]
        fits &= (found >= low[:, place, None]) & (found <= high[:, place, None])
    return fits


def _alone(fits: Bools, side: Placed) -> Bools:
    """Whether what each predicate fits is of one person."""
    who = side.persons[None, :].astype(np.int64)
    first = np.where(fits, who, np.iinfo(np.int64).max).min(axis=1, initial=np.iinfo(np.int64).max)
    last = np.where(fits, who, -1).max(axis=1, initial=-1)
    alone: Bools = first == last
    return alone


def linkability(
    synthetic: Placed, train: Placed, holdout: Placed, *, seed: int, attacks: int = ATTACKS, neighbours: int = NEIGHBOURS
) -> Risk:
    """An attacker knows one half of a person's columns from here and the other half from there: does one released row tie them together?

    Succeeds where the nearest released rows by either half have one in common. The naive attacker draws released rows at random.
    """
    numeric, named = synthetic.scaled.shape[1], synthetic.codes.shape[1]
    if numeric + named < 2 or len(synthetic) < neighbours:
        raise Incomputable("too few columns or rows to link")
    draw = np.random.default_rng(seed)

    def linked(side: Placed) -> Bools:
        some = side.one_each(draw, attacks)
        near = []
        for half in halves(numeric + named, seed):
            ours, theirs = _columns(half, numeric)
            near.append(nearest(some.restricted(ours, theirs), synthetic.restricted(ours, theirs), neighbours)[1])
        return np.array([len(np.intersect1d(a, b)) > 0 for a, b in zip(*near, strict=True)], bool)

    hits, control = linked(train), linked(holdout)
    drawn = draw.integers(0, len(synthetic), (len(hits), 2, neighbours))
    naive = np.array([len(np.intersect1d(a, b)) > 0 for a, b in drawn], bool)
    return risk(hits, control, naive)


def halves(columns: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places of the columns known from here, and of those known from there."""
    order = np.random.default_rng([seed, columns]).permutation(columns)
    return order[::2], order[1::2]


def inference(synthetic: Placed, train: Placed, holdout: Placed, secret: int, *, seed: int, attacks: int = ATTACKS) -> Risk:
    """An attacker knows all of a person but one column, and takes it from the nearest released row.

    secret: position of the column, categories after numbers. A number is right within 5 % of train's range. The naive attacker guesses
    the commonest category, or the median, of the released rows.
    """
    numeric, named = synthetic.scaled.shape[1], synthetic.codes.shape[1]
    known = [i for i in range(numeric + named) if i != secret]
    if not known or not len(synthetic):
        raise Incomputable("nothing is known to infer from")
    draw = np.random.default_rng(seed)
    ours, theirs = _columns(np.array(known), numeric)
    released = _secret(synthetic, secret)
    if secret < numeric:
        typical = np.float32(np.median(released))
    else:
        values, counts = np.unique(released, return_counts=True)
        typical = values[counts.argmax()]

    def right(side: Placed) -> tuple[Bools, Bools]:
        some = side.one_each(draw, attacks)
        found = nearest(some.restricted(ours, theirs), synthetic.restricted(ours, theirs))[1][:, 0]
        truth = _secret(some, secret)
        if secret < numeric:
            return np.abs(released[found] - truth) <= CLOSE, np.abs(typical - truth) <= CLOSE
        return released[found] == truth, truth == typical

    hits, naive = right(train)
    control, _ = right(holdout)
    return risk(hits, control, naive)


def _secret(side: Placed, column: int) -> npt.NDArray[np.float32] | npt.NDArray[np.int32]:
    numeric = side.scaled.shape[1]
    return side.scaled[:, column] if column < numeric else side.codes[:, column - numeric]


def _columns(chosen: npt.NDArray[np.int64], numeric: int) -> tuple[Sequence[int], Sequence[int]]:
    return [int(i) for i in chosen if i < numeric], [int(i) - numeric for i in chosen if i >= numeric]
