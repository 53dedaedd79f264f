"""A learned network made slimmer for drawing: most of what a head's many units say, a straight line and a few of them say too.

Which units a head keeps is chosen one after the other as orthogonal least squares does (Chen, Billings & Luo 1989), beside a straight
function of its context of the lowest rank that will do (reduced-rank regression, Izenman 1975). What is lost is measured on rows that the
model itself draws, so that it is exactly what draws would lose: the mean Kullback–Leibler divergence of a head's shares, in nats a row.
No record is looked at but for the given codes of some.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes
from generators.models.autoregressive.drawing import Drawing, Floats, Weights
from generators.models.autoregressive.layout import Layout
from generators.models.autoregressive.tables import Table

PRICE = 3e-6
"""Nats a row that a unit must be worth: it takes some three nanoseconds of every row drawn."""
PRICE_OF_MANY = 4e-4
"""What it must be worth, at most, where tables are so large that their users wait for rows."""
AT_STAKE = 0.4
"""Of what a head's units tell in all, the most that all of them together may cost: a column may have little to do with all others, and that
little be wanted.
"""
UNITS = (0, 4, 8, 12, 16, 24, 32, 48, 64)
"""How many bent units are tried."""
LEARNED_FROM, TRIED_ON = 4096, 2048
"""Rows drawn to choose units by, and others to tell what they lose: no more than `drawing.TOGETHER`."""
LEAST_ROWS = 300
"""Rows a head must speak of to be made slimmer."""
PATIENCE = 2
"""More units are tried no further once so many steps bring nothing."""
RIDGE = 1e-4
"""Of each unit's own square sum, added to it."""
TINY = np.float32(1e-30)
FAINT = 1e-4
"""Share under which a code counts no less."""

Doubles = npt.NDArray[np.float64]


def slimmed(layout: Layout, weights: Weights, given: Codes, seed: int, price: float = PRICE) -> Weights:
    """The same network with as few units a head as pay. given: given codes of records, any number but none, each counted alike; price: nats
    a row that a unit must be worth, at most.
    """
    if all(inward is None for inward in weights.inward):
        return weights
    drawing = Drawing(layout, weights)
    random = np.random.default_rng([seed, 29])
    lines = random.integers(0, len(given), LEARNED_FROM + TRIED_ON)
    codes = np.concatenate((given[lines], drawing.rows(given[lines], random, None)), axis=1)
    inward, outward, straight, tables = list(weights.inward), list(weights.outward), list(weights.straight), list(weights.tables)
    walks = (drawing.walk(some, drawing.memory()) for some in (codes[:LEARNED_FROM], codes[LEARNED_FROM:]))
    memory = drawing.memory()
    for learned, tried in zip(*walks, strict=True):
        number = learned[0]
        if weights.outward[number] is None:
            continue
        seen, unseen = (_Said.of(drawing, number, rows, target >= 0, memory) for _, rows, target in (learned, tried))
        slim = _slim(seen, unseen, price)
        if slim is None:
            continue
        inward[number], outward[number] = (slim.inward, slim.outward) if slim.inward.shape[1] else (None, None)
        straight[number] = slim.straight
        tables[number] = Table(tables[number].parents, tables[number].log_shares + slim.added)
    return replace(weights, inward=inward, outward=outward, straight=straight, tables=tables)


@dataclass(frozen=True)
class _Said:
    """What one head has to do with some rows. inward, outward: its units; context: (rows, width + 1); hidden: (rows, units);
    said: (rows, codes), what the units add to the logarithms `behind` of the table; every: rows there are, also those it says nothing of.
    """

    inward: Floats
    outward: Floats
    context: Floats
    hidden: Floats
    said: Floats
    behind: Floats
    every: int

    @staticmethod
    def of(drawing: Drawing, number: int, rows: Any, spoken: npt.NDArray[np.bool_], memory: Any) -> _Said:
        inward, outward = drawing.weights.inward[number], drawing.weights.outward[number]
        if inward is None or outward is None:
            raise ValueError("a head without units has nothing to say")
        behind = drawing.of_table(number, rows, memory).T[spoken]
        context = drawing.seen(number, rows, memory)
        hidden = drawing.hidden(number, context, memory).T[spoken]
        return _Said(inward, outward, context[spoken], hidden, hidden @ outward.T, behind, len(spoken))


@dataclass(frozen=True)
class _Slim:
    """A head's units: those kept, bent and straight, in and out; what is added to its table; what it loses and costs, in nats a row."""

    inward: Floats
    outward: Floats
    straight: int
    added: Floats
    worth: float

    def said(self, rows: _Said, kept: list[int]) -> Floats:
        """(rows, codes). kept: which units of the head it had."""
        return np.asarray(
            rows.hidden[:, kept] @ self.outward[:, : len(kept)].T
            + (rows.context @ self.inward[:, len(kept) :]) @ self.outward[:, len(kept) :].T
            + self.added
        )


def _slim(learned: _Said, tried: _Said, price: float) -> _Slim | None:
    """The head with as few units as pay; None where all pay, or there are too few rows to know."""
    units = learned.inward.shape[1]
    if min(len(learned.said), len(tried.said)) < LEAST_ROWS:
        return None
    weight = _shares(learned.behind + learned.said).mean(axis=0, dtype=np.float64) + FAINT
    scale = np.sqrt(weight / weight.sum())
    wanted = (learned.said - (learned.said @ (scale**2).astype(np.float32))[:, None]) * scale.astype(np.float32)
    seen = np.concatenate((learned.hidden, learned.context), axis=1)
    gram, with_wanted = (seen.T @ seen).astype(np.float64), (seen.T @ wanted).astype(np.float64)
    middle = gram[-1, units:-1] / len(seen)
    around = gram[units:-1, units:-1] / len(seen) - np.outer(middle, middle)
    spans, axes = np.linalg.eigh(around)
    spread = np.sqrt(np.maximum(spans, 0))[:, None] * axes.T
    gram[np.diag_indices(len(gram))] *= 1 + RIDGE
    gram[np.diag_indices(len(gram))] += 1e-9 * len(seen)
    order = _best_first(gram, with_wanted, units)
    straight = list(range(units, len(gram)))
    exact = _shares(tried.behind + tried.said)
    told = float(_divergence(exact, tried.behind).sum(dtype=np.float64)) / tried.every
    price = min(price, max(PRICE, AT_STAKE * told / units))
    best: _Slim | None = None
    worse = 0
    for many in sorted({min(each, len(order)) for each in UNITS}):
        chosen = [*order[:many], *straight]
        factors = np.linalg.solve(gram[np.ix_(chosen, chosen)], with_wanted[chosen])
        linear, constant = factors[many:-1], factors[-1]
        _, sizes, ways = np.linalg.svd(spread @ linear, full_matrices=False)
        # Half the weighted square of what is left out is what it costs, to the second order.
        left = np.concatenate((np.cumsum((sizes**2)[::-1])[::-1], [0.0])) / 2 * len(learned.said) / learned.every
        rank = int(np.argmin(left + price * np.arange(len(left))))
        first = linear @ ways[:rank].T
        added = ((constant + middle @ (linear - first @ ways[:rank])) / scale).astype(np.float32)
        inward = np.concatenate((learned.inward[:, order[:many]], np.concatenate((first, np.zeros((1, rank))))), axis=1, dtype=np.float32)
        outward = np.concatenate((factors[:many].T, ways[:rank].T), axis=1) / scale[:, None]
        slim = _Slim(inward, outward.astype(np.float32), rank, added, price * (many + rank))
        worth = slim.worth + _divergence(exact, tried.behind + slim.said(tried, order[:many])).sum(dtype=np.float64) / tried.every
        if best is None or worth < best.worth:
            best, worse = replace(slim, worth=float(worth)), 0
        else:
            worse += 1
        if worse == PATIENCE:
            break
    return best if best is not None and best.worth < price * units else None


def _best_first(gram: Doubles, wanted: Doubles, units: int) -> list[int]:
    """The bent units that explain most of what is wanted beside all that is straight, the best first."""
    line = np.linalg.solve(gram[units:, units:], np.concatenate((gram[units:, :units], wanted[units:]), axis=1))
    rest, open_ = gram[:units, :units] - gram[:units, units:] @ line[:, :units], wanted[:units] - gram[:units, units:] @ line[:, units:]
    own = np.diag(gram)[:units]
    order: list[int] = []
    while len(order) < min(UNITS[-1], units):
        left = np.diag(rest)
        there = left > 1e-6 * own
        there[order] = False
        if not there.any():
            break
        gain = np.where(there, (open_**2).sum(axis=1) / np.where(there, left, 1.0), -1.0)
        order.append(int(np.argmax(gain)))
        # What it explains is taken out of all others: a step of Cholesky's.
        root = np.sqrt(rest[order[-1], order[-1]])
        line, told = rest[:, order[-1]] / root, open_[order[-1]] / root
        rest -= line[:, None] * line
        open_ -= line[:, None] * told
    return order


def _shares(logits: Floats) -> Floats:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _divergence(exact: Floats, logits: Floats) -> Floats:
    """Kullback–Leibler by row, in nats."""
    return np.asarray((exact * (np.log(np.maximum(exact, TINY)) - np.log(np.maximum(_shares(logits), TINY)))).sum(axis=1))
