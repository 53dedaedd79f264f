"""Equations between numbers that a sample of rows suggests: copies, conversions, sums, differences, products, whole parts and rests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from generators.encoding.derived_search import CLOSE, Columns, Equation, Function
from generators.schema import Kind

Floats = npt.NDArray[np.float64]

TRIED = 256
"""Rows by which pairs and triples are tried."""

MOST = 80
"""Most columns of numbers between which triples are tried."""

DIVISORS = (7, 10, 12, 60, 100, 1000)
SCALES = tuple(10.0**k for k in (-4, -3, -2, -1, 0, 1, 2, 3, 4))


def equations(columns: Columns) -> Iterator[Equation]:
    """What the sample suggests, the simplest first."""
    names = [n for n in columns.of("number") if columns.distinct[n] > 2]
    names = sorted(names, key=lambda n: -columns.distinct[n])[:MOST]
    yield from _copies(columns)
    if len(names) < 2:
        return
    table = _Tried(columns, names)
    yield from table.conversions()
    yield from table.sums()
    yield from table.parts()
    yield from table.products()
    yield from table.longer()


def _copies(columns: Columns) -> Iterator[Equation]:
    """Columns of one storage that have the same values."""
    by_size: dict[tuple[str, int], list[str]] = {}
    for name, column in columns.schemas.items():
        if columns.distinct[name] > 1:
            by_size.setdefault((column.storage, columns.distinct[name]), []).append(name)
    for alike in by_size.values():
        for a, b in combinations(alike, 2):
            first, second = (columns.sample.rows[n].combine_chunks() for n in (a, b))
            if columns.schemas[a].format == columns.schemas[b].format and first.equals(second):
                yield Function(b, (a,), "same", {}), Function(a, (b,), "same", {}, weight=1)


class _Tried:
    """A few rows of the columns of numbers as a matrix, missing ones NaN."""

    def __init__(self, columns: Columns, names: list[str]) -> None:
        self.columns, self.names = columns, names
        sample = columns.sample
        chosen = np.linspace(0, sample.rows.num_rows - 1, min(TRIED, sample.rows.num_rows)).astype(np.int64)
        self.all = np.stack([np.where(v.valid, v.data, np.nan).astype(np.float64) for v in map(sample.value, names)])
        self.rows: Floats = self.all[:, chosen]
        self.decimals = [columns.decimals[n] for n in names]
        units = np.asarray([0.0 if d is None else 0.5 * 10.0**-d for d in self.decimals])
        self.units: Floats = units
        with np.errstate(all="ignore"):
            self.large: Floats = np.nan_to_num(np.nanmax(np.abs(np.where(np.isnan(self.all), 0, self.all)), axis=1))

    def _tolerance(self, target: int, inputs: tuple[int, ...]) -> float:
        """How far apart the two sides may be: half a unit of the last place that is kept, where the inputs keep more places."""
        places = [self.decimals[i] for i in inputs]
        mine = self.decimals[target]
        finer = mine is not None and any(p is None or p > mine for p in places)
        close = CLOSE * float(max(self.large[list((target, *inputs))].max(), 1e-300))
        return (float(self.units[target]) if finer else 0.0) * (1 + 1e-9) + close

    def _rounded_to(self, target: int) -> int | None:
        return self.decimals[target]

    def conversions(self) -> Iterator[Equation]:
        """b = factor · a + constant, by nice numbers."""
        for i, j in permutations(range(len(self.names)), 2):
            a, b = self.rows[i], self.rows[j]
            both = ~np.isnan(a) & ~np.isnan(b)
            if both.sum() < 10:
                continue
            x, y = a[both], b[both]
            low, high = int(x.argmin()), int(x.argmax())
            if x[high] == x[low]:
                continue
            steep = (y[high] - y[low]) / (x[high] - x[low])
            if not steep or not np.isfinite(steep):
                continue
            tolerance = self._tolerance(j, (i,))
            if np.abs(y - y[low] - steep * (x - x[low])).max() > 4 * tolerance:
                continue
            known = ~np.isnan(self.all[i]) & ~np.isnan(self.all[j])
            x, y = self.all[i][known], self.all[j][known]
            fit = np.polynomial.polynomial.polyfit(x, y, 1)
            for factor in _nice_around(float(fit[1])):
                rest = y - factor * x
                constant = _roundest(float(rest.max()) - tolerance, float(rest.min()) + tolerance)
                if factor and constant is not None:
                    facts = {"factors": [factor], "constant": constant, "decimals": self._rounded_to(j)}
                    yield (Function(self.names[j], (self.names[i],), "sum", facts),)
                    break

    def sums(self) -> Iterator[Equation]:
        """c = a + b + constant, in all three directions."""
        count = len(self.names)
        for i, j in combinations(range(count), 2):
            total = self.rows[i] + self.rows[j]
            rest = self.rows - total
            known = ~np.isnan(rest)
            enough = known.sum(axis=1) >= 10
            enough[[i, j]] = False
            if not enough.any():
                continue
            high = np.where(known, rest, -np.inf).max(axis=1)
            low = np.where(known, rest, np.inf).min(axis=1)
            for k in np.flatnonzero(enough & (high - low <= 2 * (self.units + self.units[i] + self.units[j]) + CLOSE * 10 * self.large)):
                middle = (float(high[k]) + float(low[k])) / 2
                yield from self._sum(i, j, int(k), middle, float(high[k]) - float(low[k]))

    def _sum(self, i: int, j: int, k: int, middle: float, spread: float) -> Iterator[Equation]:
        constant = _nice(middle, 9)
        if abs(constant) <= max(self._tolerance(k, (i, j)), self._tolerance(i, (j, k)), self._tolerance(j, (i, k))):
            constant = 0.0
        functions = []
        for target, inputs, factors, rest in (
            (k, (i, j), [1, 1], constant),
            (i, (k, j), [1, -1], -constant),
            (j, (k, i), [1, -1], -constant),
        ):
            if spread <= 2 * self._tolerance(target, inputs):
                facts = {"factors": factors, "constant": rest + 0.0, "decimals": self._rounded_to(target)}
                functions.append(Function(self.names[target], tuple(self.names[n] for n in inputs), "sum", facts))
        if functions:
            yield tuple(functions)

    def parts(self) -> Iterator[Equation]:
        """Whole numbers that are two in one: 1305 is 13 and 5."""
        whole = [n for n, d in enumerate(self.decimals) if d == 0]
        for i in whole:
            if self.columns.distinct[self.names[i]] < 20:
                continue
            for by in DIVISORS:
                quotient = np.floor(self.rows[i] / by)
                rest = self.rows[i] - quotient * by
                first = [j for j in whole if j != i and _equal(self.rows[j], quotient)]
                second = [j for j in whole if j != i and _equal(self.rows[j], rest)]
                for a in first:
                    for b in second:
                        facts = {"factors": [by, 1], "constant": 0, "decimals": 0}
                        yield (Function(self.names[i], (self.names[a], self.names[b]), "sum", facts),)
                for j, part in (*((j, "whole") for j in first), *((j, "rest") for j in second)):
                    yield (Function(self.names[j], (self.names[i],), "part", {"part": part, "by": by}),)

    def products(self) -> Iterator[Equation]:
        """c = a · b, a / b or a / b², by a power of ten, rounded."""
        real = [n for n in range(len(self.names)) if self.columns.distinct[self.names[n]] > 8]
        real = [n for n in real if self.columns.schemas[self.names[n]].kind in (Kind.REAL, Kind.INTEGER)][:32]
        for i, j in permutations(real, 2):
            for powers in ((1, 1), (1, -1), (1, -2)):
                if powers == (1, 1) and i > j:
                    continue
                with np.errstate(all="ignore"):
                    found = self.rows[i] * self.rows[j] ** powers[1]
                found[~np.isfinite(found)] = np.nan
                if np.isnan(found).all():
                    continue
                yield from self._product(i, j, powers, found)

    def _product(self, i: int, j: int, powers: tuple[int, int], found: Floats) -> Iterator[Equation]:
        known = ~np.isnan(found) & (np.abs(found) > 0)
        if known.sum() < 10:
            return
        place = int(np.flatnonzero(known)[np.abs(found[known]).argmax()])
        for scale in SCALES:
            candidates = np.abs(self.rows[:, place] - scale * found[place]) <= self.units + CLOSE * self.large
            for k in np.flatnonzero(candidates):
                if k in (i, j) or self.columns.distinct[self.names[k]] < 9:
                    continue
                gap = np.abs(self.rows[k] - scale * found)
                both = ~np.isnan(gap)
                if both.sum() >= 10 and gap[both].max() <= float(self.units[k]) * (1 + 1e-6) + CLOSE * float(self.large[k]):
                    facts = {"powers": list(powers), "scale": scale, "decimals": self._rounded_to(int(k))}
                    yield (Function(self.names[int(k)], (self.names[i], self.names[j]), "product", facts),)

    def longer(self) -> Iterator[Equation]:
        """Sums of four and more: what the columns' cross products say is constant (null space of rows that are complete)."""
        often = np.isnan(self.all).mean(axis=1) < 0.3
        used = np.flatnonzero(often)
        if len(used) < 4:
            return
        full = self.all[used][:, ~np.isnan(self.all[used]).any(axis=0)].T
        if len(full) < 4 * len(used):
            return
        scale = np.maximum(full.std(axis=0), 1e-300)
        centred = (full - full.mean(axis=0)) / scale
        _, strength, directions = np.linalg.svd(centred / np.sqrt(len(full)), full_matrices=False)
        flat = directions[strength < 1e-9]
        if not 0 < len(flat) <= 12:
            return
        for relation in _reduced(flat / scale):
            some = np.flatnonzero(np.abs(relation) > 1e-7 * np.abs(relation).max())
            if not 4 <= len(some) <= 24:
                continue
            factors = relation[some] / np.abs(relation[some]).min()
            if np.abs(factors - np.rint(factors)).max() > 1e-5 or np.abs(factors).max() > 1000:
                continue
            factors = np.rint(factors)
            constant = _nice(float((full[:, some] @ factors).mean()), 9)
            yield tuple(self._longer(used, some, factors, constant))

    def _longer(self, used: npt.NDArray[np.int64], some: npt.NDArray[np.int64], factors: Floats, constant: float) -> Iterator[Function]:
        for place, mine in enumerate(factors):
            if abs(mine) != 1:
                continue
            others = [n for n in range(len(some)) if n != place]
            target = int(used[some[place]])
            facts = {
                "factors": [-float(factors[n] * mine) for n in others],
                "constant": float(constant * mine),
                "decimals": self._rounded_to(target),
            }
            alone = sum(np.sign(factors) == np.sign(mine)) == 1
            inputs = tuple(self.names[int(used[some[n]])] for n in others)
            yield Function(self.names[target], inputs, "sum", facts, weight=0.0 if alone else 1.0)


def _equal(a: Floats, b: Floats) -> bool:
    both = ~np.isnan(a) & ~np.isnan(b)
    return bool(both.sum() >= 10 and (a[both] == b[both]).all())


def _nice(number: float, digits: int) -> float:
    """The number to so many significant digits."""
    return float(f"{number:.{digits}g}")


def _nice_around(number: float) -> list[float]:
    """Numbers near it, those of fewer digits first: what was rounded shows a factor only nearly."""
    found = []
    for digits in range(1, 8):
        step = 10.0 ** (np.floor(np.log10(abs(number))) + 1 - digits)
        found += [_nice(number + steps * step, digits) for steps in (0, 1, -1, 2, -2)] if number else []
    return list(dict.fromkeys(found))


def _roundest(low: float, high: float) -> float | None:
    """The number of fewest digits from `low` to `high`; None where there is none."""
    if low > high:
        return None
    if low <= 0 <= high:
        return 0.0
    return next((n for n in (_nice((low + high) / 2, digits) for digits in range(1, 16)) if low <= n <= high), None)


def _reduced(rows: Floats) -> Floats:
    """Reduced row echelon form, by the largest pivots: the sparsest relations that the rows span, in most cases."""
    work = rows.copy()
    for number in range(len(work)):
        pivot = int(np.abs(work[number]).argmax())
        if not work[number, pivot]:
            continue
        work[number] /= work[number, pivot]
        for other in range(len(work)):
            if other != number:
                work[other] -= work[other, pivot] * work[number]
    return work
