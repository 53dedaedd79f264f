"""Which pairs of parts are counted: a tree first, then the pairs that the tree explains worst, each chosen with noise.

Sources: MST, R. McKenna, G. Miklau and D. Sheldon, Winning the NIST Contest: a scalable and general approach to differentially private
synthetic data, 2021; the further rounds are in the manner of AIM, R. McKenna, B. Mullins, D. Sheldon and G. Miklau, VLDB 2022: the score
of a pair is how far the model is from its table, less what the noise alone would make of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from generators.encoding.coded import CodedRows, Codes
from generators.learning.ledger import PrivacyLedger, table_of
from generators.models.dp_marginals.estimation import Measured, fitted
from generators.models.dp_marginals.junction import Distribution, Floats, JunctionTree

Pair = tuple[int, int]
Tick = Callable[[float], object]

WIDEST = 20_000
"""Cells of the largest table that is counted."""

MOST_CELLS = 150_000
"""Cells of all cliques together: what fitting takes grows with it."""

CHOOSING = 0.12
"""The share of a round's ρ that goes to choosing; the rest counts."""

DRAWN = 50_000
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
    shares = [np.maximum(m.counts, 0) / max(1.0, float(np.maximum(m.counts, 0).sum())) for m in singles]
    typical = ledger.contributions / math.sqrt(2 * later / (many - 1))
    price = np.array([_price(rows, p, typical) for p in pairs])
    scale = ledger.contributions / math.sqrt(2 * rho / (many - 1))
    spent = ledger.mechanisms.largest_rho(scale, ledger.contributions) * (many - 1)
    chosen, group = list[Pair](), list(range(many))
    with ledger.looking(rows, "choice of the tree of pairs", spent, mechanism="report noisy max") as raw:
        scores = np.array([_off(raw, p, rows.rows * np.multiply.outer(shares[p[0]], shares[p[1]])) for p in pairs]) - price
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


def further_pairs(
    rows: CodedRows, ledger: PrivacyLedger, tables: list[Measured], rho: float, rounds: int, rng: np.random.Generator, tick: Tick
) -> tuple[Distribution, list[Measured]]:
    """Rounds of: fit, choose the pair the model explains worst, count it. The fit so far, and all tables."""
    tree = JunctionTree.of(rows.sizes, [m.parts for m in tables])
    model = fitted(tree, tables, rounds=150)
    each = rho / rounds
    for number in range(rounds):
        tick(number / rounds)
        counted = {m.parts for m in tables}
        possible = [p for p in candidates(rows) if p not in counted and _stays_small(rows, tables, p)]
        if not possible:
            break
        drawn = model.sample(DRAWN, rng)
        scale = ledger.contributions / math.sqrt(2 * each * (1 - CHOOSING))

        def scores(raw: CodedRows, pairs: Sequence[Pair] = possible, drawn: Codes = drawn, scale: float = scale) -> Floats:
            return np.array(
                [_off(raw, p, table_of(drawn, p, _shape(raw, p)) * np.float64(rows.rows / DRAWN)) - _price(raw, p, scale) for p in pairs]
            )

        at = ledger.largest(rows, scores, ledger.contributions, each * CHOOSING, "a further pair")
        tables.append(_counted(rows, ledger, possible[at], each * (1 - CHOOSING)))
        tree = JunctionTree.of(rows.sizes, [m.parts for m in tables])
        model = fitted(tree, tables, rounds=60, start=model)
    return model, tables


def count_pairs(rows: CodedRows, ledger: PrivacyLedger, pairs: Sequence[Pair], rho: float) -> list[Measured]:
    """Noisy tables of the pairs, with ρ shared out so that the error of all cells together is least."""
    each = _shared_out(rho, [math.prod(_shape(rows, p)) for p in pairs])
    return [_counted(rows, ledger, p, r) for p, r in zip(pairs, each, strict=True)]


def _counted(rows: CodedRows, ledger: PrivacyLedger, parts: tuple[int, ...], rho: float) -> Measured:
    counts, scale = ledger.counts(rows, parts, rho)
    return Measured(parts, counts.astype(np.float64), np.full(counts.shape, scale * scale))


def _shared_out(rho: float, cells: Sequence[int]) -> list[float]:
    """By table: the sum of standard deviations over all cells, Σ cells / √ρ, is least when ρ goes with cells^⅔."""
    weights = [c ** (2 / 3) for c in cells]
    return [rho * w / sum(weights) for w in weights]


def _shape(rows: CodedRows, pair: Pair) -> tuple[int, int]:
    return rows.parts[pair[0]].size, rows.parts[pair[1]].size


def _off(raw: CodedRows, pair: Pair, expected: Floats) -> float:
    """How far a table of the rows is from what is expected, which is told already: one row moves it by 1 at most."""
    return float(np.abs(table_of(raw.codes, pair, _shape(raw, pair)) - expected).sum())


def _price(rows: CodedRows, pair: Pair, scale: float) -> float:
    """The distance that noise of this standard deviation alone is expected to make."""
    return math.sqrt(2 / math.pi) * scale * math.prod(_shape(rows, pair))


def _stays_small(rows: CodedRows, tables: Sequence[Measured], pair: Pair) -> bool:
    tree = JunctionTree.of(rows.sizes, [*(m.parts for m in tables), pair])
    return tree.cells <= MOST_CELLS
