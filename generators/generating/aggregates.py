"""The generator of aggregates: from a metadata summary alone, columns together as its cross-tabulations have them, the rest by themselves.

The cells of the first cross-tabulation are drawn jointly; each further one conditional on the sides that are drawn already, as along a
junction tree (S. L. Lauritzen, Graphical Models, 1996, section 2.1): sides that no cross-tabulation links are independent given those
that do. Cells that were not released are filled by iterative proportional fitting of what the published columns leave over
(W. E. Deming and F. F. Stephan, Annals of Mathematical Statistics 11, 1940). Within a class a value is drawn as the column's own summary
has it there (`generators.generating.class_samplers`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generators.generating.class_samplers import ClassSampler, class_samplers, class_weights
from generators.generating.column_samplers import column_sampler
from generators.generating.marginal import persons
from generators.generating.structural import Sampler
from generators.schema import TableSchema
from generators.summarising import missing_patterns
from generators.summarising.concealment import estimated
from generators.summary import CrossTabulation, TableSummary

VERSION = "1"

FITTING = 50
"""Rounds of proportional fitting; where margins agree but for their rounding few do nearly as well."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def filler(
    table: TableSchema, summary: TableSummary, given: frozenset[str] = frozenset()
) -> Callable[[int, int, np.random.Generator], pa.Table]:
    """The function that makes the columns of `table` that are not `given`; see `generators.generating.partition.Fill`."""
    summary = estimated(summary)
    crossed = {a.column for t in summary.cross_tabulations for a in t.axes} - given
    joint = _Joint(table, summary, crossed)
    alone: dict[str, Sampler] = {}
    lacking = missing_patterns.sampler(summary)
    for column in table.columns:
        if column.name == table.person_key:
            alone[column.name] = persons(column, summary.rows_per_person)
        elif column.name not in joint.drawn:
            shape = summary.column(column.name)
            alone[column.name] = column_sampler(column, shape if lacking is None else replace(shape, nulls=None))

    def fill(first: int, rows: int, rng: np.random.Generator) -> pa.Table:
        together = joint.draw(first, rows, rng)
        # Columns of a cross-tabulation are missing as it has them, the others in the released patterns.
        gaps = {} if lacking is None else {n: g for n, g in lacking(rows, rng).items() if n not in together}
        names = [n for n in table.names if n not in given]
        columns = {n: together[n] if n in together else alone[n](first, rows, rng) for n in names}
        return pa.table({n: pc.if_else(pa.array(~gaps[n]), c, pa.scalar(None, c.type)) if n in gaps else c for n, c in columns.items()})

    return fill


@dataclass(frozen=True)
class _Step:
    """One cross-tabulation in the order of drawing. known: sides drawn before; new: sides drawn here; sizes: of the new ones' classes.

    upto: the shares of the new sides' cells, summed up in order, one row a combination of the known sides' classes, to which its number is
    added, so that one bisection finds the cell of every row.
    """

    known: tuple[str, ...]
    new: tuple[str, ...]
    known_sizes: tuple[int, ...]
    sizes: tuple[int, ...]
    upto: Floats

    def draw(self, classes: dict[str, Ints], rows: int, rng: np.random.Generator) -> None:
        at: Ints = np.zeros(rows, dtype=np.int64)
        if self.known:
            at = np.ravel_multi_index([classes[n] for n in self.known], self.known_sizes).astype(np.int64)
        width = int(np.prod(self.sizes))
        place = np.searchsorted(self.upto, at + rng.random(rows), side="right") - at * width
        found = np.unravel_index(np.clip(place, 0, width - 1), self.sizes)
        classes.update({n: c.astype(np.int64) for n, c in zip(self.new, found, strict=True)})


class _Joint:
    """Columns that are drawn together. drawn: their names."""

    def __init__(self, table: TableSchema, summary: TableSummary, columns: set[str]) -> None:
        self.steps: list[_Step] = []
        self.drawn: set[str] = set()
        self.samplers: dict[str, tuple[ClassSampler, ...]] = {}
        axes = {a.column: a for t in summary.cross_tabulations for a in t.axes if a.column in columns}
        self.samplers = {n: class_samplers(table.column(n), summary.column(n), a) for n, a in axes.items()}
        weights = {n: class_weights(summary.column(n), a, self.samplers[n]) for n, a in axes.items()}
        left = [t for t in summary.cross_tabulations if any(a.column in columns for a in t.axes)]
        while left:
            # The one with most sides in common with those before, so that most of what is known of them together is kept.
            following = max(left, key=lambda t: (len(self.drawn & {a.column for a in t.axes}), len(t.axes), len(t.cells)))
            left.remove(following)
            self._add(following, columns, weights)

    def _add(self, tabulation: CrossTabulation, columns: set[str], weights: dict[str, Floats]) -> None:
        names = [a.column for a in tabulation.axes]
        kept = [i for i, n in enumerate(names) if n in columns]
        fitted = _filled(tabulation, kept, [weights[names[i]] for i in kept])
        names = [names[i] for i in kept]
        known = [i for i, n in enumerate(names) if n in self.drawn]
        new = [i for i, n in enumerate(names) if n not in self.drawn]
        if not new:
            return
        sizes = fitted.shape
        cells = fitted.transpose(known + new).reshape(int(np.prod([sizes[i] for i in known], dtype=np.int64)), -1)
        # Where nothing is known of a combination, the sides are drawn as if they were independent of it.
        empty = cells.sum(axis=1) <= 0
        cells[empty] = cells.sum(axis=0) if cells.sum() > 0 else 1.0
        upto = np.cumsum(cells / cells.sum(axis=1, keepdims=True), axis=1)
        upto = np.minimum(upto / upto[:, -1:], 1.0) + np.arange(len(cells))[:, None]
        self.steps.append(
            _Step(
                tuple(names[i] for i in known),
                tuple(names[i] for i in new),
                tuple(sizes[i] for i in known),
                tuple(sizes[i] for i in new),
                upto.ravel(),
            )
        )
        self.drawn |= set(names)

    def draw(self, first: int, rows: int, rng: np.random.Generator) -> dict[str, pa.Array]:
        """The columns together, by name."""
        classes: dict[str, Ints] = {}
        for step in self.steps:
            step.draw(classes, rows, rng)
        return {n: _values(self.samplers[n], c, first, rng) for n, c in classes.items()}


def _filled(tabulation: CrossTabulation, kept: Sequence[int], weights: Sequence[Floats]) -> Floats:
    """The cells as shares over the sides `kept`, those that were not released fitted to what `weights` (of the sides' classes, as their
    columns tell them) leave over.
    """
    shape = [len(a.labels) for a in tabulation.axes]
    cells = np.zeros(shape)
    if tabulation.cells:
        cells[tuple(np.array([c.at for c in tabulation.cells]).T)] = [c.weight for c in tabulation.cells]
    cells = cells.sum(axis=tuple(i for i in range(len(shape)) if i not in kept))
    # Of classes nothing can be drawn from (such as pooled values of a closed code list) none is drawn.
    for side, share in enumerate(weights):
        cells *= _along(share > 0, side, len(weights))
    total = max(float(w.sum()) for w in weights)
    hidden = np.where(cells > 0, 0.0, 1.0)
    over = []
    for side, share in enumerate(weights):
        margin = share / max(share.sum(), 1.0) * total
        over.append(np.maximum(0.0, margin - cells.sum(axis=tuple(i for i in range(cells.ndim) if i != side))))
        hidden *= _along(margin, side, len(weights)) / max(total, 1.0)
    whole: Floats = cells + _fitted(hidden, over, max(0.0, total - float(cells.sum())))
    return whole


def _fitted(cells: Floats, margins: Sequence[Floats], total: float) -> Floats:
    """`cells` in proportion fitted to the margins, of which each is made to add up to `total`."""
    if total <= 0 or cells.sum() <= 0:
        return np.zeros_like(cells)
    for _ in range(FITTING):
        for side, margin in enumerate(margins):
            wanted = margin / margin.sum() * total if margin.sum() > 0 else margin
            there = cells.sum(axis=tuple(i for i in range(cells.ndim) if i != side))
            cells = cells * _along(np.divide(wanted, there, out=np.zeros_like(wanted), where=there > 0), side, cells.ndim)
    return cells


def _along(values: npt.NDArray[Any], side: int, sides: int) -> npt.NDArray[Any]:
    """`values` laid along one side of so many."""
    return values.reshape([-1 if i == side else 1 for i in range(sides)])


def _values(samplers: Sequence[ClassSampler], classes: Ints, first: int, rng: np.random.Generator) -> pa.Array:
    """A value for each row, drawn in its class."""
    order = np.argsort(classes, kind="stable")
    counts = np.bincount(classes, minlength=len(samplers))
    drawn = [sample(first, int(n), rng) for sample, n in zip(samplers, counts, strict=True) if sample is not None and n]
    values = pa.concat_arrays([pc.cast(d, d.type.value_type) if pa.types.is_dictionary(d.type) else d for d in drawn])
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    ordered = pc.take(values, pa.array(back))
    return ordered.dictionary_encode() if pa.types.is_string(ordered.type) else ordered
