"""Singling out, linkability and attribute inference: the risks of the Article 29 Working Party (Opinion 05/2014), each with a control.

An attack that works as well on persons who were held out measures what can be learned about people in general, not a leak: the risk is
(attack − control) / (1 − control), as M. Giomi and others define it (2022); written anew from the definitions.
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

Bools = npt.NDArray[np.bool_]


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
    """Predicates about a few columns that fit one released row: how many fit exactly one real one?

    Each is made from a released row: equal in its categories, and in its numbers not further from the middle of the released rows. The
    holdout must have as many rows as train: in a larger table fewer predicates single out.
    """
    if len(train) != len(holdout):
        raise ValueError("train and holdout need as many rows")
    draw = np.random.default_rng(seed)
    width = synthetic.scaled.shape[1] + synthetic.codes.shape[1]
    if not len(synthetic):
        raise Incomputable("the synthetic table has no rows")
    middles = np.median(synthetic.scaled, axis=0).astype(np.float32)
    hits: list[bool] = []
    control: list[bool] = []
    for _ in range(attacks * 5):
        if len(hits) == attacks:
            break
        chosen = draw.choice(width, min(COLUMNS, width), replace=False)
        row = int(draw.integers(len(synthetic)))
        if _fits(synthetic, synthetic, row, chosen, middles).sum() == 1:
            hits.append(bool(_fits(synthetic, train, row, chosen, middles).sum() == 1))
            control.append(bool(_fits(synthetic, holdout, row, chosen, middles).sum() == 1))
    return risk(np.array(hits, bool), np.array(control, bool))


def _fits(synthetic: Placed, side: Placed, row: int, columns: npt.NDArray[np.int64], middles: npt.NDArray[np.float32]) -> Bools:
    fits = np.ones(len(side), bool)
    numeric = synthetic.scaled.shape[1]
    for column in columns:
        if column >= numeric:
            fits &= side.codes[:, column - numeric] == synthetic.codes[row, column - numeric]
            continue
        value, values = synthetic.scaled[row, column], side.scaled[:, column]
        missing = value > 2
        fits &= (values > 2) if missing else (values <= 2) & ((values >= value) if value >= middles[column] else (values <= value))
    return fits


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
    order = draw.permutation(numeric + named)
    halves = [order[::2], order[1::2]]

    def linked(side: Placed) -> Bools:
        some = side.only(draw.permutation(len(side))[:attacks])
        near = []
        for half in halves:
            ours, theirs = _columns(half, numeric)
            near.append(nearest(some.restricted(ours, theirs), synthetic.restricted(ours, theirs), neighbours)[1])
        return np.array([len(np.intersect1d(a, b)) > 0 for a, b in zip(*near, strict=True)], bool)

    hits, control = linked(train), linked(holdout)
    drawn = draw.integers(0, len(synthetic), (len(hits), 2, neighbours))
    naive = np.array([len(np.intersect1d(a, b)) > 0 for a, b in drawn], bool)
    return risk(hits, control, naive)


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
        some = side.only(draw.permutation(len(side))[:attacks])
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
