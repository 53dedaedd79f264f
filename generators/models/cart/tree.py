"""One tree: what a row's earlier codes say of its next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import Codes
from generators.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEAST_CHANCE = 1e-6
"""What no leaf has seen is taken to be so likely, times the part's own frequency, where surprise is asked for."""


@dataclass(frozen=True)
class Tree:
    """feature, limit, left, right: (nodes,): at a node a row goes left when the rank of its code of part `feature` is at most `limit`; a
    leaf has feature −1. Node 0 is the root. ranks: (all codes of all earlier parts,), part after part: the place of each code in its part.
    leaf, pool: (nodes,): the numbers of a leaf's own table and of the wider one above it; −1 at other nodes. start: (tables + 1,), code,
    chance: (entries,): the codes of each table, rising, and how likely they are; table 0 is the root's. wide: how often the wider table
    is used.
    """

    size: int
    feature: npt.NDArray[np.int32]
    limit: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int32]
    leaf: npt.NDArray[np.int32]
    pool: npt.NDArray[np.int32]
    start: Ints
    code: npt.NDArray[np.int32]
    chance: Floats
    wide: float

    def __post_init__(self) -> None:
        table = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        within = np.cumsum(self.chance)
        before = np.concatenate([[0.0], within])[self.start[:-1]]
        reach = np.minimum(within - before[table], 1.0)
        reach[self.start[1:] - 1] = 1.0
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_reach", table + reach)

    _table: Ints = None  # type: ignore[assignment]  # made above
    _reach: Floats = None  # type: ignore[assignment]

    def nodes(self, codes: Codes, base: Ints) -> Ints:
        """(rows, earlier parts and more) → the leaf of each row. base: where each part's codes begin in `ranks`."""
        found = np.zeros(len(codes), dtype=np.int64)
        if self.feature[0] < 0:
            return found
        going = np.arange(len(codes))
        at = found.copy()
        while len(going):
            feature = self.feature[at]
            rank = self.ranks[base[feature] + codes[going, feature]]
            at = np.where(rank <= self.limit[at], self.left[at], self.right[at]).astype(np.int64)
            done = self.feature[at] < 0
            if done.any():
                found[going[done]] = at[done]
                going, at = going[~done], at[~done]
        return found

    def draw(self, nodes: Ints, rng: np.random.Generator, allowed: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int32]:
        """A code for each leaf: from its own table, or with chance `wide` from the wider one; allowed: (size,) codes it may have."""
        own, pool = self.leaf[nodes].astype(np.int64), self.pool[nodes].astype(np.int64)
        if allowed is not None:
            return self._restricted(own, pool, rng, allowed)
        table = np.where(rng.random(len(nodes)) < self.wide, pool, own) if self.wide > 0 else own
        place = np.searchsorted(self._reach, table + rng.random(len(nodes)), side="right")
        found: npt.NDArray[np.int32] = self.code[np.minimum(place, self.start[table + 1] - 1)]
        return found

    def _restricted(self, own: Ints, pool: Ints, rng: np.random.Generator, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        kept = np.where(allowed[self.code], self.chance, 0.0)
        reach = np.cumsum(kept)
        before = np.concatenate([[0.0], reach])
        mass = before[self.start[1:]] - before[self.start[:-1]]
        weight = np.stack([(1 - self.wide) * mass[own], self.wide * mass[pool], np.zeros(len(own))], axis=1)
        none = weight.sum(axis=1) <= 1e-12
        weight[none, 1], weight[none, 2] = mass[pool[none]], 1e-9 * mass[0]
        u = rng.random(len(own)) * weight.sum(axis=1)
        table = np.where(u < weight[:, 0], own, np.where(u < weight[:, 0] + weight[:, 1], pool, 0))
        place = np.searchsorted(reach, before[self.start[table]] + rng.random(len(own)) * mass[table], side="right")
        found: npt.NDArray[np.int32] = self.code[np.clip(place, self.start[table], self.start[table + 1] - 1)]
        left = np.flatnonzero(allowed)
        lost = ~allowed[found]  # nobody has any of them, or the last digit of a sum
        found[lost] = left[rng.integers(0, len(left), int(lost.sum()))]
        return found

    def likelihood(self, nodes: Ints, codes: npt.NDArray[Any], wide: float | None = None) -> Floats:
        """(rows,) how likely these codes are in these leaves."""
        share = self.wide if wide is None else wide
        own, pool = self._chance(self.leaf[nodes], codes), self._chance(self.pool[nodes], codes)
        root = self._chance(np.zeros(len(nodes), dtype=np.int64), codes)
        return np.maximum((1 - share) * own + share * pool, LEAST_CHANCE * np.maximum(root, 1 / (100 * self.size)))

    def _chance(self, table: npt.NDArray[Any], codes: npt.NDArray[Any]) -> Floats:
        keys = self._table * self.size + self.code
        wanted = table.astype(np.int64) * self.size + codes
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, self.chance[place], 0.0)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What it is stored as."""
        return {name: getattr(self, name) for name in KINDS} | {"wide": np.array([self.wide])}

    @staticmethod
    def of(arrays: dict[str, npt.NDArray[Any]], size: int, earlier: int, ranks: int, place: str) -> Tree:
        """The tree again, of a part with `size` codes and `earlier` parts before it with `ranks` codes in all; InputError names `place`."""
        wrong = InputError(f"the saved trees cannot be used: those of {place} are missing or damaged; fit them again")
        if set(arrays) != {*KINDS, "wide"} or any(arrays[name].dtype != kind or arrays[name].ndim != 1 for name, kind in KINDS.items()):
            raise wrong
        a, nodes, tables, entries = arrays, len(arrays["feature"]), len(arrays["start"]) - 1, len(arrays["code"])
        inner = np.flatnonzero(a["feature"] >= 0) if nodes else np.zeros(0, dtype=np.int64)
        leaves = np.flatnonzero(a["feature"] < 0) if nodes else inner
        sound = (
            nodes > 0
            and tables > 0
            and all(len(a[name]) == nodes for name in ("limit", "left", "right", "leaf", "pool"))
            and len(a["ranks"]) == ranks
            and len(a["chance"]) == entries
            and a["wide"].shape == (1,)
            and 0 <= a["wide"][0] <= 1
            and a["start"][0] == 0
            and a["start"][-1] == entries
            and bool((np.diff(a["start"]) > 0).all())
            and bool((a["feature"] < earlier).all())
            and all(bool((a[name][inner] > inner).all() and (a[name][inner] < nodes).all()) for name in ("left", "right"))
            and all(bool((a[name][leaves] >= 0).all() and (a[name][leaves] < tables).all()) for name in ("leaf", "pool"))
            and bool(((a["code"] >= 0) & (a["code"] < size)).all())
            and bool(np.isfinite(a["chance"]).all() and (a["chance"] >= 0).all())
            and bool(np.allclose(np.add.reduceat(a["chance"], a["start"][:-1]), 1.0, atol=1e-6))
        )
        if not sound:
            raise wrong
        return Tree(size, **{name: a[name] for name in KINDS}, wide=float(a["wide"][0]))


KINDS: dict[str, type[np.generic]] = {
    "feature": np.int32, "limit": np.int32, "left": np.int32, "right": np.int32, "ranks": np.int32, "leaf": np.int32, "pool": np.int32,
    "start": np.int64, "code": np.int32, "chance": np.float64,
}  # fmt: skip
