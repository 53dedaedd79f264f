"""Did the generator see the people who were held out? Then nothing can be held against them, and every other figure is too good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.comparison import Comparison
from evaluation.definitions import rounded
from evaluation.intervals import wilson
from evaluation.privacy.collisions import Hashes, row_hashes
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.columns import Rows


def seen(c: Comparison) -> list[MetricResult]:
    """Share of synthetic rows that equal the row of somebody held out and of nobody in train; a generator meets such rows by chance only.

    The holdout is dealt into two halves by person. Chance, the ceiling, is how often people of one half equal those of the other, both
    ways: together as many people to meet as the synthetic rows have.
    """
    if not c.usable:
        raise Incomputable("no column can be compared")
    known = np.unique(row_hashes(c.train, c.usable))
    held = row_hashes(c.holdout, c.usable)
    unknown = ~np.isin(held, known)
    half = np.random.default_rng(c.seed).random(int(c.held_out.max()) + 1)[c.held_out] < 0.5
    met: dict[str, float] = {}

    def share(rows: Rows) -> float:
        if rows is c.holdout:
            return _share(held[half], held[~half & unknown]) + _share(held[~half], held[half & unknown])
        mine = row_hashes(rows, c.usable)
        # a row of both halves counts twice, as it does above
        met[rows.name] = _share(mine, held[half & unknown]) + _share(mine, held[~half & unknown])
        return met[rows.name]

    found = c.twins("holdout_seen", c.scope(), share, remark=c.left_out)
    if found.value is None:
        return [found]
    rows = c.synthetic.rows
    return [replace(found, interval=rounded(wilson(min(1.0, found.value) * rows, rows)))]


def _share(rows: Hashes, among: Hashes) -> float:
    return float(np.isin(rows, among).mean()) if len(rows) else 0.0
