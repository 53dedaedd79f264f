"""Measures of several columns together: cross-tabulations of two and three, a simple model's belief, principal components."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from evaluation.comparison import Comparison
from evaluation.fidelity import projection, propensity
from evaluation.fidelity.shares import tvd, voas_williamson
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.coding import CodedTable, Coder
from evaluation.tables.columns import Rows

PAIRS = 500
TRIPLES = 200
FINE = 5
"""Codes of a column in tables of three: 5 and missing."""


def cross_tabulations(c: Comparison, coded: Coded) -> list[MetricResult]:
    """Voas-Williamson of tables of two columns, and agreement of tables of three."""
    draw = np.random.default_rng(c.seed)
    coders = coded.coders
    pairs = _some(len(coders), 2, PAIRS, draw)
    triples = _some(len(coders), 3, TRIPLES, draw)

    def voas(rows: Rows) -> float:
        real, other = coded.of(c.train), coded.of(rows)
        found = []
        for pair in pairs:
            chosen = [coders[i] for i in pair]
            try:
                found.append(voas_williamson(_table(real, chosen), _table(other, chosen)))
            except Incomputable:
                continue  # one cell only: nothing can differ
        if not found:
            raise Incomputable("no pair of columns varies")
        return float(np.median(found))

    def agreement(rows: Rows) -> float:
        if not triples:
            raise Incomputable("there are no three columns")
        real, other = coded.of(c.train), coded.of(rows)
        return float(np.mean([1 - tvd(_table(real, t, FINE), _table(other, t, FINE)) for t in ([coders[i] for i in t] for t in triples)]))

    every = comb(len(coders), 2) == len(pairs)
    return [
        c.twins(
            "voas_williamson",
            c.scope(),
            voas,
            remark=c.left_out,
            subsampled=None if every else f"{len(pairs):,} pairs of columns, drawn at random",
        ),
        c.twins(
            "triple_accuracy",
            c.scope(),
            agreement,
            remark=c.left_out,
            subsampled=None if comb(len(coders), 3) == len(triples) else f"{len(triples):,} triples of columns, drawn at random",
        ),
    ]


def beliefs(c: Comparison, coded: Coded) -> list[MetricResult]:
    """A logistic regression between real and synthetic rows."""
    made: dict[str, propensity.Propensity] = {}

    def once(rows: Rows) -> propensity.Propensity:
        if rows.name not in made:
            made[rows.name] = propensity.logistic(coded.of(c.train), coded.of(rows), coded.coders, seed=c.seed)
        return made[rows.name]

    rows = min(c.train.rows, c.synthetic.rows, propensity.LIMIT)
    sampled = f"{rows:,} rows a side, drawn at random"
    return [
        c.twins("propensity_ratio", c.scope(), lambda rows: once(rows).ratio, n=rows, subsampled=sampled, remark=c.left_out),
        c.twins("propensity_auc", c.scope(), lambda rows: once(rows).auc, n=rows, subsampled=sampled, remark=c.left_out),
    ]


def principal(c: Comparison, coded: Coded) -> tuple[list[MetricResult], projection.Axes]:
    """The distance of both tables on train's two principal axes; and the axes, for the chart."""
    axes = projection.fit(coded.of(c.train), coded.coders, c.seed)
    real = axes.density(coded.of(c.train), coded.coders, c.seed)
    explained = f"the two axes hold {axes.explained:.0%} of what varies"
    remark = "; ".join(filter(None, (explained, c.left_out)))

    def distance(rows: Rows) -> float:
        return projection.distance(real, axes.density(coded.of(rows), coded.coders, c.seed))

    return [c.twins("projection", c.scope(), distance, remark=remark)], axes


def _some(columns: int, together: int, most: int, draw: np.random.Generator) -> list[tuple[int, ...]]:
    """All combinations, or so many of them drawn at random."""
    count = comb(columns, together)
    if count <= most:
        return list(combinations(range(columns), together))
    found: set[tuple[int, ...]] = set()
    while len(found) < most:
        found.add(tuple(int(i) for i in np.sort(draw.choice(columns, together, replace=False))))
    return sorted(found)


def _table(side: CodedTable, coders: list[Coder], codes: int | None = None) -> npt.NDArray[np.int64]:
    """Counts of a cross-tabulation of the coarse codes; `codes`: as many a column and missing, coarser still."""
    index = np.zeros(side.rows, np.int64)
    size = 1
    for coder in coders:
        coarse = coder.coarse
        width = coder.coarse_size
        if codes is not None and width > codes + 1:
            present = np.arange(width - 1) * codes // (width - 1)
            if coder.names is not None:  # categories are in order of frequency: the commonest stay by themselves
                present = np.minimum(np.arange(width - 1), codes - 1)
            coarse, width = np.append(present, codes)[coarse], codes + 1
        index = index * width + coarse[side.codes[coder.column.name]]
        size *= width
    return np.bincount(index, minlength=size)
