"""Numbers as codes: frequent values exactly, the others by a coarse and a fine bin, out of which they are drawn again.

The coarse code of a value is that of a *spike* (a value enough persons share, and often) or that of a bin between quantiles; the fine code
says where in the bin. Both come in the order of the values. Inside a fine bin values follow a smoothed quantile function
(`generators.encoding.quantiles`). Sentinels and "missing" have codes of their own behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from generators.encoding import stored_form as form
from generators.encoding.coded import Part
from generators.encoding.conditions import Restriction
from generators.encoding.heaps import rounded
from generators.encoding.quantiles import Cells

Values = npt.NDArray[Any]
"""(rows,) int64 or float64."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Numbers:
    """How the numbers of one column, or of one part of a moment, are coded.

    spikes: rising; cells: of all other values; fine: the first cell of each fine bin, and at the end the number of cells; coarse: the
    first fine bin of each coarse bin, and at the end the number of fine bins; sentinels: values with codes of their own; missing: whether
    there is a code for it; step: the values in the cells are multiples of it, None: any;
    heaps: shares of values on ever wider grids, of those that few persons share.
    """

    spikes: Values
    cells: Cells
    fine: Ints
    coarse: Ints
    sentinels: Values
    missing: bool
    decimals: int | None = None
    step: float | None = None
    heaps: tuple[tuple[float, float], ...] = ()
    column: str = ""

    # --- codes

    @property
    def _bins(self) -> int:
        return len(self.coarse) - 1

    @cached_property
    def _values(self) -> int:
        """How many codes stand for values that are no sentinels."""
        return len(self.spikes) + self._bins

    @property
    def size(self) -> int:
        """Codes of the first part."""
        return self._values + len(self.sentinels) + self.missing

    @cached_property
    def fine_size(self) -> int:
        """Codes of the fine part; 1: there is no such part."""
        return int(np.diff(self.coarse).max(initial=1))

    @property
    def missing_code(self) -> int:
        """The code for missing, where there is one."""
        return self.size - 1

    def parts(self, column: str, first: int, what: str = "") -> list[Part]:
        """Its parts, the first of which is part number `first` of the row. what: of a moment: "day", "time"."""
        ordered = (0, self._values)
        two = self.fine_size > 1
        name = what or ("coarse" if two else "value")
        parts = [Part(column, name, self.size, ordered=self._values > 1, ordered_codes=ordered if self._values > 1 else None)]
        if two:
            parts.append(Part(column, f"{what} fine".strip(), self.fine_size, ordered=True, of=first, within=ordered))
        return parts

    @cached_property
    def _order(self) -> tuple[Ints, Ints]:
        """(code of each spike, code of each coarse bin): by value."""
        low = self.cells.low[self.fine[self.coarse[:-1]]] if self._bins else np.zeros(0)
        high = self.cells.high[self.fine[self.coarse[1:]] - 1] if self._bins else np.zeros(0)
        middle = np.concatenate([self.spikes.astype(np.float64), (low + high) / 2])
        code = np.empty(len(middle), np.int64)
        code[np.argsort(middle, kind="stable")] = np.arange(len(middle))
        return code[: len(self.spikes)], code[len(self.spikes) :]

    @cached_property
    def _starts(self) -> Floats:
        """The lowest value of each fine bin but the first."""
        at = self.fine[1:-1]
        starts = self.cells.low[at].copy()
        # a stretch that begins at an atom of the bin before does not hold that value itself
        after = (self.cells.high[at - 1] == starts) & (self.cells.low[at - 1] == self.cells.high[at - 1])
        after &= self.cells.high[at] > starts
        starts[after] = np.nextafter(starts[after], np.inf)
        return starts

    def encode(self, values: Values, null: Truths | None, rng: np.random.Generator) -> list[npt.NDArray[np.int32]]:
        """(rows,) values → the codes of each part. null: which are missing, and have any value. What has no code gets a random one."""
        spike_codes, bin_codes = self._order
        first = np.full(len(values), -1, np.int32)
        fine = np.zeros(len(values), np.int32)
        if len(self.spikes):
            place = np.searchsorted(self.spikes, values)
            np.minimum(place, len(self.spikes) - 1, out=place)
            if not self._bins:
                before = np.maximum(place - 1, 0)
                nearer = values - self.spikes[before].astype(np.float64) < self.spikes[place].astype(np.float64) - values
                first[:] = spike_codes[np.where(nearer, before, place)]
            else:
                met = self.spikes[place] == values
                first[met] = spike_codes[place[met]]
        if self._bins:
            rest = np.flatnonzero(first < 0)
            flat = np.searchsorted(self._starts, values[rest].astype(np.float64), side="right")
            coarse = np.searchsorted(self.coarse[1:-1], flat, side="right")
            first[rest] = bin_codes[coarse]
            fine[rest] = flat - self.coarse[coarse]
        for number, sentinel in enumerate(self.sentinels):
            first[values == sentinel] = self._values + number
        unknown = first < 0
        if null is not None:
            first[null] = self.missing_code if self.missing else -1
            fine[null] = 0
            unknown = first < 0
        if unknown.any():
            self._at_random(first, fine, np.flatnonzero(unknown), rng)
        return [first, fine] if self.fine_size > 1 else [first]

    def _at_random(self, first: npt.NDArray[np.int32], fine: npt.NDArray[np.int32], which: Ints, rng: np.random.Generator) -> None:
        """Too few to have a code of their own: they get those of other rows."""
        known = np.flatnonzero(first >= 0)
        if len(known):
            like = rng.choice(known, len(which))
            first[which], fine[which] = first[like], fine[like]
        else:
            first[which] = 0

    def decode(
        self, codes: npt.NDArray[np.int32], rng: np.random.Generator, bounds: tuple[float, float] | None = None
    ) -> tuple[Values, Truths | None]:
        """(rows, parts) codes → ((rows,) values, which are missing or None). bounds: values drawn from a bin lie within, both included."""
        first = codes[:, 0]
        missing = first == self.missing_code if self.missing else None
        values = self._exact[np.minimum(first, len(self._exact) - 1)]
        if self._bins:
            coarse = self._coarse_of[np.minimum(first, len(self._coarse_of) - 1)]
            rows = np.flatnonzero(coarse >= 0)
            coarse = coarse[rows]
            flat = self.coarse[coarse]
            if self.fine_size > 1:
                flat = np.minimum(flat + codes[rows, 1], self.coarse[coarse + 1] - 1)
            start, width = self._places if bounds is None else self._cut(bounds)
            drawn, stretch = self.cells.at(start[flat] + rng.random(len(rows)) * width[flat])
            if self.heaps:
                drawn[stretch] = rounded(drawn[stretch], self.heaps, rng)
            values[rows] = self._on_grid(drawn, bounds)
        return values, missing

    @cached_property
    def _exact(self) -> Values:
        """The value of each code that stands for one, 0 elsewhere."""
        values = np.zeros(max(1, self.size), dtype=self.spikes.dtype)
        values[self._order[0]] = self.spikes
        values[self._values : self._values + len(self.sentinels)] = self.sentinels
        return values

    @cached_property
    def _coarse_of(self) -> Ints:
        """The coarse bin of each code, −1 for codes that are no bin."""
        bins = np.full(max(1, self.size), -1, np.int64)
        bins[self._order[1]] = np.arange(self._bins)
        return bins

    @cached_property
    def _places(self) -> tuple[Floats, Floats]:
        """(where each fine bin begins in the weight of the cells, how far it goes)."""
        at = self.cells.total[self.fine]
        return at[:-1], np.diff(at)

    def _cut(self, bounds: tuple[float, float]) -> tuple[Floats, Floats]:
        """As `_places`, of what lies within bounds; a bin that has nothing there gives its nearest end."""
        low, high = self.cells.place(bounds[0], after=False), self.cells.place(bounds[1], after=True)
        start, width = self._places
        begin, end = np.clip(start, low, high), np.clip(start + width, low, high)
        return begin, end - begin

    def _on_grid(self, drawn: Floats, bounds: tuple[float, float] | None) -> Values:
        if self.step is not None:
            drawn = np.rint(drawn / self.step) * self.step
        if self.spikes.dtype == np.int64:
            drawn = np.clip(np.rint(drawn), -(2.0**62), 2.0**62)
        elif self.decimals is not None:
            drawn = to_decimals(drawn, self.decimals)
        if bounds is not None:
            drawn = np.clip(drawn, *bounds)
        return drawn.astype(self.spikes.dtype) + 0

    # --- conditions

    def restricted(self, spans: Sequence[tuple[float, float]], missing: bool) -> Restriction:
        """What is left where a value must be in one of `spans` (both ends included), or be missing."""
        allowed, exact = np.zeros(self.size, np.bool_), True
        spike_codes, bin_codes = self._order
        own = self._values + np.arange(len(self.sentinels))
        for low, high in spans:
            allowed[spike_codes] |= (self.spikes >= low) & (self.spikes <= high)
            allowed[own] |= (self.sentinels >= low) & (self.sentinels <= high)
            if self._bins:
                least = self.cells.low[self.fine[self.coarse[:-1]]]
                most = self.cells.high[self.fine[self.coarse[1:]] - 1]
                meets = (most >= low) & (least <= high)
                allowed[bin_codes] |= meets
                exact = exact and bool((least[meets] >= low).all() and (most[meets] <= high).all())
        if missing and self.missing:
            allowed[self.missing_code] = True
        return Restriction(allowed, spans[0] if len(spans) == 1 else None, exact)

    # --- stored form

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "whole": self.spikes.dtype == np.int64,
            "spikes": self.spikes.tolist(),
            "low": self.cells.low.tolist(),
            "high": self.cells.high.tolist(),
            "weight": self.cells.weight.tolist(),
            "fine": self.fine.tolist(),
            "coarse": self.coarse.tolist(),
            "sentinels": self.sentinels.tolist(),
            "missing": self.missing,
            "decimals": self.decimals,
            "step": self.step,
            "heaps": [list(heap) for heap in self.heaps],
        }

    @staticmethod
    def from_dict(raw: Any, column: str) -> Numbers:
        """What `as_dict` gave; InputError names the column and what is wrong."""
        if not isinstance(raw, Mapping):
            raise form.refused(column, "it is no object")
        dtype = np.int64 if form.field(raw, "whole", bool, column) else np.float64
        low, high, weight = (form.numbers(raw, name, np.float64, column) for name in ("low", "high", "weight"))
        fine, coarse = (form.numbers(raw, name, np.int64, column) for name in ("fine", "coarse"))
        spikes = form.numbers(raw, "spikes", dtype, column)
        form.rising(spikes, "spikes", column)
        if not len(low) == len(high) == len(weight) or (high < low).any() or (weight <= 0).any() or (low[1:] < high[:-1]).any():
            raise form.refused(column, "its bins do not fit together")
        for name, array, end in (("fine", fine, len(low)), ("coarse", coarse, len(fine) - 1)):
            form.rising(array, name, column)
            if not len(array) or array[0] != 0 or array[-1] != end:
                raise form.refused(column, f'"{name}" does not fit the bins')
        decimals = None if raw.get("decimals") is None else form.field(raw, "decimals", int, column)
        step = None if raw.get("step") is None else float(form.field(raw, "step", (int, float), column))
        if (step is not None and step <= 0) or (decimals is not None and not 0 <= decimals <= 30):
            raise form.refused(column, '"step" or "decimals" is out of range')
        heaps = []
        for heap in form.field(raw, "heaps", list, column):
            pair = form.numbers({"heaps": heap}, "heaps", np.float64, column).tolist()
            heaps.append((pair[0], pair[1]) if len(pair) == 2 else (0.0, 0.0))
        if any(grid <= 0 or share <= 0 for grid, share in heaps):
            raise form.refused(column, '"heaps" are out of range')
        sentinels = form.numbers(raw, "sentinels", dtype, column)
        missing = form.field(raw, "missing", bool, column)
        read = Numbers(spikes, Cells(low, high, weight), fine, coarse, sentinels, missing, decimals, step, tuple(heaps), column)
        if not read.size:
            raise form.refused(column, "it has no values")
        return read


def to_decimals(values: Floats, decimals: int) -> Floats:
    """The values with so many decimals; those so large that they have none as they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.abs(values) < 2.0**53, np.round(values, decimals), values)
