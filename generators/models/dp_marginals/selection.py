"""Which pairs of parts are counted: a tree first, then the pairs that the tree explains worst, each chosen with noise.

Sources: MST, R. McKenna, G. Miklau and D. Sheldon, Winning the NIST Contest: a scalable and general approach to differentially private
synthetic data, 2021; the further rounds are in the manner of AIM, R. McKenna, B. Mullins, D. Sheldon and G. Miklau, VLDB 2022: the score
of a pair is how far the model is from its table, less what the noise alone would make of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from generators.encoding.coded import CodedRows, Part
from generators.learning.ledger import Groups, PrivacyLedger, table_of
from generators.models.dp_marginals.estimation import Measured, fitted
from generators.models.dp_marginals.junction import Distribution, Floats, JunctionTree, cells, cliques, marginal

Pair = tuple[int, int]
Tick = Callable[[float], object]

WIDEST = 20_000
"""Cells of the largest table that is counted."""

MOST_CELLS = 40_000
"""Cells of all cliques together: what fitting takes grows with it."""

STANDS_OUT = 6.0
"""Standard deviations of noise that a typical cell of a pair of ordered parts should have."""

CHOOSING = 0.12
"""The share of a round's ρ that goes to choosing; the rest counts."""

SINGLES = 0.15
"""The share of the ρ for tables of one part, as far as they are not known already."""

LEAST_DRAWN, DRAWN = 5_000, 30_000
"""Rows drawn from the model to find its tables of pairs that no clique holds."""


def single_tables(rows: CodedRows, ledger: PrivacyLedger, share: float) -> list[Measured]:
    """The noisy table of every part: known already, or counted with `share` of what is left."""
    found: list[Measured | None] = []
    for part in rows.parts:
        known = ledger.known(part.column) if part.of is None else None
        fits = known is not None and len(known.counts) == part.size
        found.append(Measured((len(found),), known.counts, known.variances) if known is not None and fits else None)
    unknown = [n for n, m in enumerate(found) if m is None]
    rho = ledger.left * share
    each = _shared_out(rho, [rows.parts[n].size for n in unknown])
    for n, r in zip(unknown, each, strict=True):
        found[n] = _counted(rows, ledger, (n,), r)
    return [m for m in found if m is not None]


def candidates(rows: CodedRows) -> list[Pair]:
    """Pairs that may be counted: not apart, and of a table that is not too wide."""
    sizes, many = rows.sizes, len(rows.parts)
    pairs = [(a, b) for a in range(many) for b in range(a + 1, many)]
    return [p for p in pairs if p not in rows.apart and sizes[p[0]] * sizes[p[1]] <= WIDEST and min(sizes[p[0]], sizes[p[1]]) > 1]


def tree_pairs(rows: CodedRows, ledger: PrivacyLedger, singles: Sequence[Measured], rho: float, later: float) -> list[Pair]:
    """Pairs that make a tree, or several where no more pairs stand out from noise. rho: for choosing; later: for counting them."""
    pairs, many = candidates(rows), len(rows.parts)
    if not pairs or many < 2:
        return []
    shares = _shares(singles)
    typical = ledger.contributions / math.sqrt(2 * later / (many - 1))
    groups = Grouping(rows, singles, typical)
    price = np.array([groups.price(p, typical) for p in pairs])
    scale = ledger.contributions / math.sqrt(2 * rho / (many - 1))
    spent = ledger.mechanisms.largest_rho(scale, ledger.contributions) * (many - 1)
    chosen, group = list[Pair](), list(range(many))
    with ledger.looking(rows, "choice of the tree of pairs", spent, mechanism="report noisy max") as raw:
        scores = np.array([groups.off(raw, p, rows.rows * np.multiply.outer(shares[p[0]], shares[p[1]])) for p in pairs]) - price
        for _ in range(many - 1):
            free = np.array([group[a] != group[b] for a, b in pairs])
            if not free.any():
                break
            open_pairs = np.flatnonzero(free)
            at = int(open_pairs[ledger.mechanisms.largest(scores[free], scale)])
            a, b = pairs[at]
            chosen.append((a, b))
            group = [group[a] if g == group[b] else g for g in group]
    return chosen


def leading_tables(rows: CodedRows, ledger: PrivacyLedger, rho: float) -> dict[int, Measured]:
    """By number of a part: its shares given the code of one earlier part, or by itself; for models that take noisy tables as they are.

    parts of a table: (earlier, own), (own,) where none stands out; counts: shares that sum to 1 for each earlier code.
    """
    spare = ledger.left - rho
    singles = single_tables(rows, ledger, SINGLES * rho / max(rho, ledger.left))
    rho = max(0.0, ledger.left - spare)
    leaders = _leaders(rows, ledger, singles, rho * CHOOSING, rho * (1 - CHOOSING)) if len(rows.parts) > 1 else []
    counted = count_pairs(rows, ledger, leaders, singles, rho * (1 - CHOOSING)) if leaders else []
    tables = [*singles, *counted]
    model = fitted(JunctionTree.of(rows.sizes, [m.parts for m in tables]), tables, rounds=200)
    found = {}
    for number in range(len(rows.parts)):
        pair = next((p for p in leaders if p[1] == number), (number,))
        home = model.tree.holding(pair)
        table = np.maximum(marginal(model.beliefs[home], model.tree.cliques[home], pair), 1e-9)
        found[number] = Measured(pair, table / table.sum(axis=-1, keepdims=True), np.zeros(table.shape))
    return found


def _leaders(rows: CodedRows, ledger: PrivacyLedger, singles: Sequence[Measured], rho: float, later: float) -> list[Pair]:
    """For each part but the first the earlier part it hangs on most, where one stands out from noise."""
    pairs, shares = candidates(rows), _shares(singles)
    later_parts = [b for b in range(1, len(rows.parts)) if any(p[1] == b for p in pairs)]
    if not later_parts:
        return []
    typical = ledger.contributions / math.sqrt(2 * later / len(later_parts))
    groups = Grouping(rows, singles, typical)
    scale = ledger.contributions / math.sqrt(2 * rho / len(later_parts))
    spent = ledger.mechanisms.largest_rho(scale, ledger.contributions) * len(later_parts)
    chosen = list[Pair]()
    with ledger.looking(rows, "choice of what each column hangs on", spent, mechanism="report noisy max") as raw:
        for number in later_parts:
            possible = [p for p in pairs if p[1] == number]
            scores = [
                groups.off(raw, p, rows.rows * np.multiply.outer(shares[p[0]], shares[p[1]])) - groups.price(p, typical) for p in possible
            ]
            # No pair at all is one of the choices: it scores nothing.
            at = ledger.mechanisms.largest(np.append(scores, 0.0), scale)
            chosen += possible[at : at + 1]
    return chosen


def _shares(singles: Sequence[Measured]) -> list[Floats]:
    return [np.maximum(m.counts, 0) / max(1.0, float(np.maximum(m.counts, 0).sum())) for m in singles]


def further_pairs(
    rows: CodedRows, ledger: PrivacyLedger, tables: list[Measured], rho: float, rounds: int, rng: np.random.Generator, tick: Tick
) -> tuple[Distribution, list[Measured]]:
    """Rounds of: fit, choose the pair the model explains worst, count it. The fit so far, and all tables."""
    tree = JunctionTree.of(rows.sizes, [m.parts for m in tables])
    model = fitted(tree, tables, rounds=100)
    each = rho / rounds
    for number in range(rounds):
        tick(number / rounds)
        counted = {m.parts for m in tables}
        enlarged = tree.enlarged()
        possible = [p for p in candidates(rows) if p not in counted and (enlarged(p) <= MOST_CELLS or _stays_small(rows, tables, p))]
        if not possible:
            break
        many = int(np.clip(4 * rows.rows, LEAST_DRAWN, DRAWN))
        drawn = model.sample(many, rng)
        scale = ledger.contributions / math.sqrt(2 * each * (1 - CHOOSING))
        groups = Grouping(rows, tables, scale)

        expected = {p: np.float64(rows.rows / many) * table_of(drawn, p, _shape(rows, p)) for p in possible}
        at = ledger.largest(rows, groups.worse(expected, scale), ledger.contributions, each * CHOOSING, "a further pair")
        tables.append(_counted(rows, ledger, possible[at], each * (1 - CHOOSING), groups))
        tree = JunctionTree.of(rows.sizes, [m.parts for m in tables])
        model = fitted(tree, tables, rounds=30, start=model)
    return model, tables


def count_pairs(rows: CodedRows, ledger: PrivacyLedger, pairs: Sequence[Pair], singles: Sequence[Measured], rho: float) -> list[Measured]:
    """Noisy tables of the pairs, with ρ shared out so that the error of all cells together is least."""
    groups = Grouping(rows, singles, ledger.contributions / math.sqrt(2 * rho / len(pairs)))
    each = _shared_out(rho, [groups.cells(p) for p in pairs])
    return [_counted(rows, ledger, p, r, groups) for p, r in zip(pairs, each, strict=True)]


class Grouping:
    """Codes in which pairs are counted: of ordered parts neighbours together, so that cells stand out from noise of this deviation."""

    def __init__(self, rows: CodedRows, singles: Sequence[Measured], scale: float) -> None:
        self.sizes = rows.sizes
        about = max(4, int(math.sqrt(max(1, rows.rows) / (STANDS_OUT * scale))))
        by_part = {m.parts[0]: m for m in singles if len(m.parts) == 1}
        self.groups = [_neighbours(part, by_part[n].counts, about) for n, part in enumerate(rows.parts)]

    def of(self, parts: Sequence[int]) -> tuple[Groups | None, ...]:
        """The groups of each of these parts."""
        return tuple(self.groups[n] for n in parts)

    def cells(self, pair: Pair) -> int:
        """Of the table of a pair."""
        return math.prod(self.sizes[n] if g is None else int(g.max()) + 1 for n, g in zip(pair, self.of(pair), strict=True))

    def price(self, pair: Pair, scale: float) -> float:
        """The distance that noise of this standard deviation alone is expected to make."""
        return math.sqrt(2 / math.pi) * scale * self.cells(pair)

    def worse(self, expected: Mapping[Pair, Floats], scale: float) -> Callable[[CodedRows], Floats]:
        """Scores of pairs: how far each is from what is expected, less its price."""
        return lambda raw: np.array([self.off(raw, pair, table) - self.price(pair, scale) for pair, table in expected.items()])

    def off(self, raw: CodedRows, pair: Pair, expected: Floats) -> float:
        """How far a table of the rows is from what is expected, which is told already: one row moves it by 1 at most."""
        groups = self.of(pair)
        wanted = Measured(pair, expected, expected, groups).of(expected)
        return float(np.abs(table_of(raw.codes, pair, _shape(raw, pair), groups) - wanted).sum())


def _neighbours(part: Part, counts: Floats, about: int) -> Groups | None:
    """Groups of neighbouring codes with about as many rows each, as noisy counts have it; None where each code is its own."""
    if not part.ordered or part.ordered_codes is None or part.of is not None:
        return None
    first, last = part.ordered_codes
    if last - first <= about:
        return None
    wanted = float(np.maximum(counts[first:last], 0).sum()) / about
    groups, number, gathered = np.zeros(part.size, dtype=np.int64), 0, 0.0
    for code in range(part.size):
        inside = first <= code < last
        if code and (not inside or code in (first, last) or gathered + max(0.0, counts[code]) / 2 > wanted):
            number, gathered = number + 1, 0.0
        groups[code] = number
        gathered += max(0.0, float(counts[code])) if inside else 0.0
    return groups


def _counted(rows: CodedRows, ledger: PrivacyLedger, parts: tuple[int, ...], rho: float, groups: Grouping | None = None) -> Measured:
    grouped = groups.of(parts) if groups is not None else ()
    counts, scale = ledger.counts(rows, parts, rho, groups=grouped)
    return Measured(parts, counts.astype(np.float64), np.full(counts.shape, scale * scale), grouped)


def _shared_out(rho: float, cells: Sequence[int]) -> list[float]:
    """By table: the sum of standard deviations over all cells, Σ cells / √ρ, is least when ρ goes with cells^⅔."""
    weights = [c ** (2 / 3) for c in cells]
    return [rho * w / sum(weights) for w in weights]


def _shape(rows: CodedRows, pair: Pair) -> tuple[int, int]:
    return rows.parts[pair[0]].size, rows.parts[pair[1]].size


def _stays_small(rows: CodedRows, tables: Sequence[Measured], pair: Pair) -> bool:
    return cells(rows.sizes, cliques(rows.sizes, [*(m.parts for m in tables), pair])) <= MOST_CELLS
