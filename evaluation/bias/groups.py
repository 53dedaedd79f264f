"""Bias audit: is every group of people served alike? Groups about fewer people than the minimum, on either real side, are not shown."""

from __future__ import annotations

import numpy as np

from evaluation.bias.subgroups import Bools, Grouping, enough, groupings
from evaluation.comparison import Comparison
from evaluation.definitions import result
from evaluation.fidelity.shares import tvd
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coded import Coded
from evaluation.tables.columns import Rows


def groups(c: Comparison, coded: Coded) -> list[MetricResult]:
    """For each group its share, and the mean distance of the other columns among its people alone."""
    found: list[MetricResult] = []
    for grouping in groupings(c.usable, c.train):
        found += _of(c, coded, grouping)
    if not found:
        raise Incomputable("no column tells people apart into at most twelve groups")
    return found


def _of(c: Comparison, coded: Coded, grouping: Grouping) -> list[MetricResult]:
    size = len(grouping.names)
    sides = {rows.name: grouping.of(rows) for rows in (c.train, c.synthetic, c.shuffle, c.holdout)}
    shown = enough(sides[c.train.name], c.people, size, c.policy.minimum) & enough(
        sides[c.holdout.name], c.held_out, size, c.policy.minimum
    )
    others = [coder for coder in coded.coders if coder.column.name != grouping.column.name]
    found = []
    for place, name in enumerate(grouping.names):
        if not shown[place]:
            continue
        scope = c.scope("subgroup", grouping.column.name, name)
        real = sides[c.train.name] == place

        def share(rows: Rows, place: int = place) -> float:
            return float(abs((sides[rows.name] == place).mean() - (sides[c.train.name] == place).mean()))

        def distance(rows: Rows, place: int = place, real: Bools = real) -> float:
            chosen = sides[rows.name] == place
            if not chosen.any() or not others:
                raise Incomputable("nobody of this group is in the table")
            distances = []
            for coder in others:
                codes = coder.column.name
                a = np.bincount(coded.of(c.train).codes[codes][real], minlength=coder.size)
                b = np.bincount(coded.of(rows).codes[codes][chosen], minlength=coder.size)
                distances.append(tvd(a, b))
            return float(np.mean(distances))

        found += [c.twins("subgroup_share", scope, share), c.twins("subgroup_tvd", scope, distance)]
    if not shown.all():
        hidden = int((~shown).sum())
        why = f"suppressed: {hidden} of {size} groups are about fewer than {c.policy.minimum} persons" if hidden else None
        found.append(result("subgroup_tvd", c.scope("subgroup", grouping.column.name, "groups not shown"), None, failed=why, seed=c.seed))
    return found
