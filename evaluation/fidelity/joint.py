"""Measures of several columns together: cross-tabulations of two and three, a simple model's belief, principal components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation.comparison import Comparison
from evaluation.fidelity import projection, propensity
from evaluation.fidelity.crossing import FINE, LIMIT, Coarse, Tick, agreement, sampling, silent, some, thinned
from evaluation.fidelity.shares import voas_williamson
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.coding import Coder
from evaluation.tables.columns import Floats, Rows

PAIRS = 500
"""Pairs of columns whose cross-tabulations are all tested: those of 32 columns. Of wider tables so many are drawn."""
TRIPLES = 1500
"""Combinations of three columns that are all compared: those of 21 columns. Of wider tables so many are drawn."""


def agreements(
    c: Comparison,
    coded: Coded,
    coders: Sequence[Coder],
    chosen: Sequence[tuple[int, ...]],
    codes: int | None = None,
    *,
    tick: Tick = silent,
) -> tuple[dict[str, Floats], int, str | None]:
    """(1 − TVD of each combination of columns, by side; rows of each side; how they were drawn, or None when all are there).

    As many rows of each side are compared with train: a cross-tabulation of fewer rows is further from train by chance alone.
    """
    sides = (c.synthetic, c.shuffle, c.holdout)
    size = min(LIMIT, *(side.rows for side in (sides if c.crowd[1] else sides[:2])))
    real = Coarse.of(thinned(coded.of(c.train), LIMIT, c.seed), coders, codes)
    others = [Coarse.of(thinned(coded.of(side), size, c.seed), coders, codes) for side in sides]
    found = dict(zip((side.name for side in sides), agreement(real, others, chosen, tick), strict=True))
    drawn = size < max(side.rows for side in sides) or c.train.rows > LIMIT
    return found, size, f"{size:,} rows of each side, drawn at random" if drawn else None


def triples(c: Comparison, coded: Coded, tick: Tick = silent) -> list[MetricResult]:
    """Agreement of tables of three columns."""
    coders = coded.coders
    chosen = some(len(coders), 3, TRIPLES, c.seed)
    if not chosen:
        raise Incomputable("there are no three columns")
    accuracy, size, drawn = agreements(c, coded, coders, chosen, FINE, tick=tick)
    return [
        c.twins(
            "triple_accuracy",
            c.scope(),
            lambda rows: float(accuracy[rows.name].mean()),
            n=size,
            n_ceiling=size,
            remark=c.left_out,
            subsampled="; ".join(filter(None, (sampling(len(coders), 3, TRIPLES), drawn))) or None,
        )
    ]


def voas(c: Comparison, coded: Coded, tick: Tick = silent) -> list[MetricResult]:
    """Voas-Williamson of tables of two columns."""
    coders = coded.coders
    chosen = some(len(coders), 2, PAIRS, c.seed)

    def measure(rows: Rows) -> float:
        real, other = (Coarse.of(thinned(coded.of(side), LIMIT, c.seed), coders) for side in (c.train, rows))
        found = []
        for place, (mine, theirs) in enumerate(zip(real.crossed(chosen), other.crossed(chosen), strict=True)):
            if place % 50 == 0:
                tick(place / len(chosen))
            try:
                found.append(voas_williamson(mine, theirs))
            except Incomputable:
                continue  # one cell only: nothing can differ
        if not found:
            raise Incomputable("no pair of columns varies")
        return float(np.median(found))

    drawn = max(side.rows for side in (c.train, c.synthetic, c.holdout)) > LIMIT
    sampled = (sampling(len(coders), 2, PAIRS), f"at most {LIMIT:,} rows a side, drawn at random" if drawn else None)
    return [
        c.twins(
            "voas_williamson",
            c.scope(),
            measure,
            n=min(c.synthetic.rows, LIMIT),
            n_ceiling=min(c.holdout.rows, LIMIT),
            remark=c.left_out,
            subsampled="; ".join(filter(None, sampled)) or None,
        )
    ]


def beliefs(c: Comparison, coded: Coded) -> tuple[list[MetricResult], propensity.Propensity | None]:
    """A logistic regression between real and synthetic rows; and its beliefs, for the chart."""
    made: dict[str, propensity.Propensity] = {}

    def once(rows: Rows) -> propensity.Propensity:
        if rows.name not in made:
            made[rows.name] = propensity.logistic(coded.of(c.train), coded.of(rows), coded.coders, seed=c.seed)
        return made[rows.name]

    size, held = (min(c.train.rows, rows.rows, propensity.LIMIT) for rows in (c.synthetic, c.holdout))
    every = c.train.rows == c.synthetic.rows == size
    more = {"n": size, "n_ceiling": held, "remark": c.left_out}
    more["subsampled"] = None if every else f"{size:,} rows a side, drawn at random"
    found = [
        c.twins("propensity_pmse", c.scope(), lambda rows: once(rows).pmse, **more),
        c.twins("propensity_ratio", c.scope(), lambda rows: once(rows).ratio, **more),
        c.twins("propensity_auc", c.scope(), lambda rows: once(rows).auc, **more),
    ]
    return found, made.get("synthetic")


def principal(c: Comparison, coded: Coded) -> tuple[list[MetricResult], projection.Axes]:
    """The distance of both tables on train's two principal axes; and the axes, for the chart."""
    axes = projection.fit(coded.of(c.train), coded.coders, c.seed)
    sides = (c.synthetic, c.shuffle, c.holdout)
    size = min(projection.LIMIT, *(side.rows for side in (sides if c.crowd[1] else sides[:2])))
    real = axes.density(coded.of(c.train), coded.coders, c.seed)
    explained = f"the two axes hold {axes.explained:.0%} of what varies"

    def distance(rows: Rows) -> float:
        return projection.distance(real, axes.density(thinned(coded.of(rows), size, c.seed), coded.coders, c.seed))

    drawn = size < max(side.rows for side in (c.train, *sides))
    return [
        c.twins(
            "projection",
            c.scope(),
            distance,
            n=size,
            n_ceiling=size,
            remark="; ".join(filter(None, (explained, c.left_out))),
            subsampled=f"{size:,} rows of each side, drawn at random" if drawn else None,
        )
    ], axes
