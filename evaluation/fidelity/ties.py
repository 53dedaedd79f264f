"""What a row has to do with the row it refers to: its own columns, and how many rows like it there are, against the other's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.comparison import reason
from evaluation.definitions import result
from evaluation.fidelity.association import Amounts, Variable, strength, variable
from evaluation.fidelity.relationships import Sides, matched, scope_of
from evaluation.results import Incomputable, MetricResult
from evaluation.tables.coding import Coder, fit
from evaluation.tables.columns import Floats, Ints, ParquetRows, measured, persons
from generators.disclosure import DisclosurePolicy
from generators.schema import DatasetSchema, ForeignKey, TableSchema

LIMIT = 50_000
"""Most rows a side: an association of so many is known to a hundredth."""
PAIRS = 400
"""Pairs of a column of either table that are all compared: those of 20 and 20 columns. Of wider tables so many are drawn."""


@dataclass(frozen=True)
class Pairing:
    """What is compared on one side. left, right: columns over the same `rows` rows. who: who each is about; None of synthetic rows."""

    left: tuple[Variable, ...]
    right: tuple[Variable, ...]
    rows: int
    who: npt.NDArray[np.int32] | None

    def shuffled(self, seed: int) -> Pairing:
        """Every row with somebody else's parent."""
        order = np.random.default_rng(seed).permutation(self.rows)
        return Pairing(tuple(v.taken(order) for v in self.left), self.right, self.rows, self.who)

    def persons(self, i: int, j: int) -> int:
        """How many persons have a value in both columns; none of synthetic rows."""
        if self.who is None:
            return 0
        present = self.left[i].present & self.right[j].present
        return self.crowd if present.all() else int(np.count_nonzero(np.bincount(self.who[present])))

    @cached_property
    def crowd(self) -> int:
        """How many persons it is about; none of synthetic rows."""
        return 0 if self.who is None else len(np.unique(self.who))


@dataclass(frozen=True)
class Link:
    """One foreign key of one side: the files of both tables, and of every row of the child the row it refers to, -1 without one."""

    child: ParquetRows
    parent: ParquetRows
    position: Ints
    who: npt.NDArray[np.int32] | None
    whose: npt.NDArray[np.int32] | None

    def columns(self, left: Sequence[Coder], right: Sequence[Coder], seed: int) -> Pairing:
        """Columns of rows beside columns of the row they refer to."""
        rows = _some(np.flatnonzero(self.position >= 0), seed)
        at = self.position[rows]
        who = None if self.who is None else self.who[rows]
        return Pairing(_variables(self.child, left, rows), _variables(self.parent, right, at), len(rows), who)

    def numbers(self, left: Sequence[Coder], right: Sequence[Coder], seed: int) -> Pairing:
        """How many rows refer to a row, beside its columns."""
        rows = _some(np.arange(self.parent.rows), seed)
        counts = np.bincount(self.position[self.position >= 0], minlength=self.parent.rows)[rows]
        whose = None if self.whose is None else self.whose[rows]
        return Pairing((Amounts.of(counts.astype(np.float64)),), _variables(self.parent, right, rows), len(rows), whose)


MEASURED: dict[str, Callable[[Link, Sequence[Coder], Sequence[Coder], int], Pairing]] = {
    "parent_child": Link.columns,
    "children_by_parent": Link.numbers,
}


def ties(schema: DatasetSchema, sides: Sides, policy: DisclosurePolicy, seed: int) -> list[MetricResult]:
    """By how much those associations differ from the real ones, for every foreign key to another table that is no vocabulary.

    Where the table referred to has no column to compare there is nothing to tell.
    """
    found: list[MetricResult] = []
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.table(key.parent)
            if not parent.public and parent.name != table.name and measured(parent):
                found += _ties(table, parent, key, sides, policy, seed)
    return found


def _ties(
    table: TableSchema, parent: TableSchema, key: ForeignKey, sides: Sides, policy: DisclosurePolicy, seed: int
) -> list[MetricResult]:
    metrics = [m for m in MEASURED if m != "parent_child" or measured(table)]
    scope = scope_of(table, key)
    try:
        links = {name: _link(name, files, table, parent, key) for name, files in sides.named()}
        left, right = _coders(links, "child", table), _coders(links, "parent", parent)
    except Exception as error:
        return [result(metric, scope, None, failed=reason(error), seed=seed) for metric in metrics]
    found = []
    for metric in metrics:
        try:
            values, more = _apart({name: MEASURED[metric](link, left, right, seed) for name, link in links.items()}, policy, seed)
        except Exception as error:
            found.append(result(metric, scope, None, failed=reason(error), seed=seed))
            continue
        most = max(link.child.rows if metric == "parent_child" else link.parent.rows for link in links.values())
        sampled = [f"at most {LIMIT:,} rows a side, drawn at random"] if most > LIMIT else []
        more["subsampled"] = "; ".join(filter(None, (more["subsampled"], *sampled))) or None
        found.append(result(metric, scope, values.pop("synthetic"), **values, **more, seed=seed))
    return found


def _apart(sides: Mapping[str, Pairing], policy: DisclosurePolicy, seed: int) -> tuple[dict[str, float], dict[str, Any]]:
    """√ mean over pairs of columns (R − S)² of the synthetic side, the shuffle (floor) and the holdout (ceiling); and what to say of it."""
    real, made, held = sides["train"], sides["synthetic"], sides["holdout"]
    if real.crowd < policy.minimum:
        raise Incomputable(f"suppressed: fewer than {policy.minimum} persons are behind it")
    if not made.rows:
        raise Incomputable("no synthetic row has a row that it refers to")
    pairs = list(product(range(len(real.left)), range(len(real.right))))
    sampled = None
    if len(pairs) > PAIRS:
        sampled = f"{PAIRS:,} of {len(pairs):,} pairs of columns, drawn at random"
        pairs = [pairs[k] for k in np.sort(np.random.default_rng(seed).choice(len(pairs), PAIRS, replace=False))]
    counted = (real, held) if held.crowd >= policy.minimum else (real,)
    kept = [(i, j) for i, j in pairs if all(side.persons(i, j) >= policy.minimum for side in counted)]
    if not kept:
        raise Incomputable(
            "suppressed: too few people have a value in both columns of any pair" if pairs else "there is no pair of columns"
        )

    def strengths(side: Pairing) -> Floats:
        return np.array([strength(side.left[i], side.right[j]) for i, j in kept])

    truth = strengths(real)
    others = {"synthetic": made, "floor": real.shuffled(seed)} | ({"ceiling": held} if len(counted) == 2 else {})
    left = len(pairs) - len(kept)
    return {name: float(np.sqrt(np.mean((strengths(side) - truth) ** 2))) for name, side in others.items()}, {
        "n": made.rows,
        "n_ceiling": held.rows if len(counted) == 2 else None,
        "subsampled": sampled,
        "remark": f"without {left:,} pairs of columns that too few people have values in" if left else None,
    }


def _link(name: str, files: Mapping[str, Path], table: TableSchema, parent: TableSchema, key: ForeignKey) -> Link:
    child, other = (_opened(name, files, t) for t in (table, parent))
    position = matched(child.path, other.path, key)
    if name == "synthetic":
        return Link(child, other, position, None, None)
    return Link(child, other, position, persons(child, table), persons(other, parent))


def _opened(name: str, files: Mapping[str, Path], table: TableSchema) -> ParquetRows:
    if table.name not in files:
        raise Incomputable("the table is missing")
    rows = ParquetRows(name, files[table.name], table)
    rows.check(measured(table))
    return rows


def _coders(links: Mapping[str, Link], which: str, table: TableSchema) -> list[Coder]:
    """The coders of the columns that every side has, fitted on train."""
    sides: list[ParquetRows] = [getattr(link, which) for link in links.values()]
    columns = [c for c in measured(table) if not any(c.name in rows.defects for rows in sides)]
    return [fit(c, getattr(links["train"], which).column(c)) for c in columns]


def _variables(rows: ParquetRows, coders: Sequence[Coder], places: Ints) -> tuple[Variable, ...]:
    return tuple(variable(coder, rows.column(coder.column).take(places)) for coder in coders)


def _some(rows: Ints, seed: int) -> Ints:
    """At most `LIMIT` of them, drawn at random, in their order."""
    return rows if len(rows) <= LIMIT else np.sort(np.random.default_rng(seed).choice(rows, LIMIT, replace=False))
