"""Shares of codes as they were counted: what a head draws is raked to the shares its codes have among the records.

A network that is held back (only a share of what it says is believed, few units of it are kept) no longer meets the shares of each code
exactly, and every head draws after codes that others drew: small departures add up. So, head after head in the order drawn, rows that the
model draws itself are compared with the counts, and one factor for each code of a head (of each group of a large part) is moved into its
table: one step of raking (Deming & Stephan 1940) for each head, in the mean over rows of exact shares, not of draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes
from generators.models.autoregressive.drawing import TOGETHER, Drawing, Floats, Weights
from generators.models.autoregressive.layout import MEMBER, Layout
from generators.models.autoregressive.tables import Table

MOST, A_RECORD = 3 * TOGETHER, 2
"""Rows that are drawn, at most, and for each record."""
STEADY = 20.0
"""Rows that are added to both sides: shares of few rows are moved little."""
STEPS = 2

Doubles = npt.NDArray[np.float64]


def raked(layout: Layout, weights: Weights, given: Codes, counted: Sequence[Doubles], seed: int) -> Weights:
    """The same network, its tables so that drawn rows have codes as often as was counted.

    given: given codes of records, each counted alike. counted: by head the records of each code, of a member (groups, members); 0 where it
    is about too few persons: such codes keep their share.
    """
    drawing = Drawing(layout, weights)
    random, memory = np.random.default_rng([seed, 31]), drawing.memory()
    lines = random.integers(0, len(given), min(MOST, A_RECORD * len(given)))
    batches = [drawing.begun(given[lines[at : at + TOGETHER]], memory) for at in range(0, len(lines), TOGETHER)]
    tables = []
    for number, (head, table) in enumerate(zip(layout.heads, weights.tables, strict=True)):
        groups = len(counted[number]) if head.what == MEMBER else 1
        said = [drawing.shares(number, rows, memory) for rows in batches]
        group = [rows.groups[head.part] if head.what == MEMBER else np.zeros_like(rows.count) for rows in batches]
        # Where a part says nothing of a row, nothing is drawn, and there may be a group more than there are codes for.
        spoken = [drawing.spoken(number, rows) & (which < groups) for rows, which in zip(batches, group, strict=True)]
        factor = _factor(said, group, spoken, counted[number].reshape(groups, -1))
        for rows, shares, which in zip(batches, said, group, strict=True):
            shares *= factor[np.minimum(which, groups - 1)].T
            drawing.draw(number, rows, shares, random, memory)
        tables.append(_with(table, np.log(factor), head.what == MEMBER))
    return replace(weights, tables=tables)


def _factor(said: list[Floats], group: list[npt.NDArray[np.intp]], spoken: list[npt.NDArray[np.bool_]], counted: Doubles) -> Floats:
    """(groups, codes): by what each share is multiplied. said: (codes, rows) shares up to a factor of each row."""
    factor = np.ones(counted.shape, dtype=np.float32)
    which = np.concatenate([every[say] for every, say in zip(group, spoken, strict=True)])
    if not len(which):
        return factor
    order = np.argsort(which, kind="stable")
    shares = np.concatenate([every.T[say] for every, say in zip(said, spoken, strict=True)])[order]
    there, starts, rows = np.unique(which[order], return_index=True, return_counts=True)
    wanted = counted[there] / np.maximum(counted[there].sum(axis=1, keepdims=True), 1)
    moved = wanted > 0
    for _ in range(STEPS):
        each = shares * np.repeat(factor[there], rows, axis=0)
        each /= each.sum(axis=1, keepdims=True)
        drawn = np.add.reduceat(each, starts, axis=0, dtype=np.float64)
        among = (drawn * moved).sum(axis=1, keepdims=True)
        factor[there] *= np.where(moved, (wanted * among + STEADY) / (drawn + STEADY), 1.0).astype(np.float32)
    return factor


def _with(table: Table, added: Floats, member: bool) -> Table:
    """The table with something added to its logarithms, of a member's head by group, which is its first parent."""
    if not member:
        return Table(table.parents, table.log_shares + added)
    lines = np.zeros((table.parents[0].size, added.shape[1]), dtype=np.float32)
    lines[: len(added)] = added
    return Table(table.parents, table.log_shares + np.repeat(lines, len(table.log_shares) // len(lines), axis=0))
