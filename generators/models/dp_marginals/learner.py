"""The generator dp-marginals: noisy tables of chosen pairs of columns under a privacy ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from generators.encoding.coded import CodedRows, Codes, Part
from generators.errors import InputError
from generators.learning.model import Allowed, Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.dp_marginals.estimation import fitted
from generators.models.dp_marginals.junction import Distribution, JunctionTree

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

LEAST_ROWS = 100
"""Fewer rows, as counted with noise, are refused: nothing would stand out."""

CHOOSING = 0.1
"""The share of what then is left for choosing the tree."""

FURTHER = 0.35
"""The share of what then is left that further pairs get, where they are asked for; the tree's pairs get the rest."""


class DpMarginals:
    """Fits noisy tables; see `generators.models.dp_marginals.selection` for how pairs are chosen."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(
            "selection",
            "aim",
            "Which pairs of columns are counted: those that hold the columns together (mst), or further ones where needed (aim)",
            choices=("aim", "mst"),
        ),
    )
    restricts: ClassVar[bool] = True
    limits: ClassVar[bool] = True
    private: ClassVar[bool] = True
    only_private: ClassVar[bool] = True
    """It learns under a `PrivacyLedger` or not at all."""

    @staticmethod
    def fit(
        rows: CodedRows,
        *,
        seed: int,
        options: Mapping[str, str],
        watch: Watch,
        held_out: CodedRows | None = None,
        ledger: PrivacyLedger | None = None,
    ) -> PrivateTables:
        """See `Learner.fit`. InputError without a ledger, with parts that are given, and for too few rows."""
        if ledger is None:
            raise InputError(
                'the generator "dp-marginals" needs a privacy budget: set epsilon, delta and contributions, '
                "for example --epsilon 1 --delta 1e-6 --contributions 1"
            )
        if rows.given:
            raise InputError('the generator "dp-marginals" learns each table by itself: it cannot be given columns of another row')
        if rows.rows < LEAST_ROWS:
            raise InputError(
                f"there are, as counted with noise, fewer than {LEAST_ROWS} rows: too few for the generator "
                '"dp-marginals"; add rows, or choose a generator that needs no records'
            )
        if not rows.parts:
            raise InputError("no column has figures that stand out from the noise: set a larger epsilon, or use more rows")
        # Here alone: it loads OpenDP, seconds that reading options and drawing do not need.
        from generators.models.dp_marginals.selection import SINGLES, count_pairs, further_pairs, single_tables, tree_pairs

        watch.tick(0.0, "counting with noise")
        tables = single_tables(rows, ledger, SINGLES)
        left = ledger.left
        pairs = tree_pairs(rows, ledger, tables, left * CHOOSING, left * (1 - CHOOSING)) if len(rows.parts) > 1 else []
        rng, left = np.random.default_rng([seed, 1]), ledger.left
        more = options.get("selection", "aim") == "aim" and len(rows.parts) > 2 and len(pairs) > 1
        if pairs:
            tables += count_pairs(rows, ledger, pairs, tables, left * (1 - FURTHER) if more else left * (1 - 1e-9))
        watch.tick(0.2, "fitting the tables")
        start = None
        if more:
            rounds = max(2, math.ceil(len(rows.parts) / 2))
            start, tables = further_pairs(
                rows, ledger, tables, ledger.left * (1 - 1e-9), rounds, rng, lambda done: watch.tick(0.2 + 0.5 * done)
            )
        tree = JunctionTree.of(rows.sizes, [m.parts for m in tables])
        model = fitted(tree, tables, start=start, tick=lambda done: watch.tick(0.7 + 0.3 * done))
        watch.tick(1.0)
        return PrivateTables(model)

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> PrivateTables:
        """See `Learner.load`."""
        return PrivateTables.from_saved(saved, parts, given)

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        """See `Learner.cost`."""
        many, cells = len(parts), sum(p.size for p in parts) ** 2
        seconds = 0.5 + rows * many * many * 2e-9 + min(cells, 10**7) * 2e-6 * (4 if options.get("selection", "aim") == "aim" else 1)
        return Cost(seconds, 150_000_000 + rows * many * 12 + min(cells, 10**7) * 64)

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """See `Learner.plainer`: what it remembers is bounded by ε already."""
        return None


class PrivateTables:
    """Model of noisy tables; see `Model`."""

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """See `Model.sample`. Of restricted parts together, the draws are from their exact distribution given the restriction."""
        drawn = self.distribution if not allowed else self.distribution.restricted(allowed)
        return drawn.sample(len(given), rng)

    def surprise(self, codes: Codes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """See `Model.surprise`: exact."""
        return self.distribution.surprise(codes)

    def saved(self) -> Saved:
        """See `Model.saved`."""
        tree = self.distribution.tree
        facts = {"cliques": [list(c) for c in tree.cliques], "parents": list(tree.parents)}
        return Saved(facts, {f"clique-{n}": b for n, b in enumerate(self.distribution.beliefs)})

    @staticmethod
    def from_saved(saved: Saved, parts: tuple[Part, ...], given: int) -> PrivateTables:
        """What `saved` gave; InputError where it does not fit together."""
        wrong = InputError("the saved tables of the generator do not fit together; use the file as it was saved")
        try:
            cliques = tuple(tuple(int(v) for v in c) for c in saved.facts["cliques"])
            parents = tuple(int(p) for p in saved.facts["parents"])
            tree = JunctionTree(tuple(p.size for p in parts), cliques, parents)
            beliefs = tuple(np.asarray(saved.arrays[f"clique-{n}"], dtype=np.float64) for n in range(len(cliques)))
        except (KeyError, TypeError, ValueError):
            raise wrong from None
        known = set[int]()
        for n, (clique, parent) in enumerate(zip(cliques, parents, strict=False)):
            fits = all(0 <= v < len(parts) for v in clique) and list(clique) == sorted(set(clique)) and -1 <= parent < n
            if not fits or beliefs[n].shape != tree.shape(n) or not np.isfinite(beliefs[n]).all() or (beliefs[n] < 0).any():
                raise wrong
            if known & set(clique) - set(tree.shared(n)):
                raise wrong
            known |= set(clique)
        if given or len(parents) != len(cliques) or known != set(range(len(parts))):
            raise wrong
        return PrivateTables(Distribution(tree, beliefs))
