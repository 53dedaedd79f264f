"""Fitting sequential trees: each part given those before it, in the order they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, Codes, Part, applies
from generators.errors import InputError
from generators.learning.model import Allowed, Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.alike import orders
from generators.models.cart.growing import Growth, grow
from generators.models.cart.leaves import Branches
from generators.models.cart.tree import Floats, Ints, Tree

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

FEWEST = 10
"""Persons below which nothing is learned."""
SAMPLE = 40_000
"""Rows that splits are found with, more where so few would not lead to leaves as small as asked for; leaves count all rows."""
LEAVES = (10, 30, 100, 300, 1000)
"""Least persons of a leaf: held-out persons choose one for each part, or that nothing is asked."""
WIDE = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
"""How often a leaf's wider table is used, chosen likewise."""
UNCHOSEN = (30, 0.1)
"""Both, where nobody was held out."""
ROOT = 2**31
SEEN = 5
"""Rows of a leaf among those that splits are found with, where the size of leaves is chosen."""
BATCH = 65_536


@dataclass(frozen=True)
class CartModel:
    """trees: one for each generated part."""

    parts: tuple[Part, ...]
    given: int
    trees: tuple[Tree, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", np.concatenate([[0], np.cumsum([part.size for part in self.parts])]).astype(np.int64))

    base: Ints = None  # type: ignore[assignment]  # made above

    def sample(self, given: Codes, rng: np.random.Generator, allowed: Allowed | None = None) -> Codes:
        """As `Model.sample`: down each tree to a leaf, and a code of those the leaf has counted."""
        drawn = [self._batch(given[a : a + BATCH], rng, allowed or {}) for a in range(0, len(given), BATCH)]
        return np.concatenate(drawn) if drawn else np.zeros((0, len(self.parts) - self.given), dtype=np.int32)

    def _batch(self, given: Codes, rng: np.random.Generator, allowed: Allowed) -> Codes:
        codes = np.zeros((len(given), len(self.parts)), dtype=np.int32, order="F")
        codes[:, : self.given] = given
        for i, tree in enumerate(self.trees, self.given):
            if self.parts[i].of is None:
                codes[:, i] = tree.draw(tree.nodes(codes, self.base), rng, allowed.get(i))
                continue
            said = np.flatnonzero(applies(codes, self.parts, i))
            codes[said, i] = tree.draw(tree.nodes(codes[said], self.base), rng, allowed.get(i))
        return codes[:, self.given :]

    def starts(self, codes: Codes) -> Floats:
        """As `generators.learning.model.Starts`."""
        rest = np.zeros((len(codes), len(self.parts) - codes.shape[1]), dtype=np.int32)
        whole, found = np.concatenate((codes, rest), axis=1), np.zeros(len(codes))
        for i, tree in enumerate(self.trees[: codes.shape[1] - self.given], self.given):
            found += np.log(tree.likelihood(tree.nodes(whole, self.base), whole[:, i]))
        return found

    def surprise(self, codes: Codes) -> Floats:
        """As `Model.surprise`."""
        found = np.zeros(len(codes))
        for i, tree in enumerate(self.trees, self.given):
            said = np.flatnonzero(applies(codes, self.parts, i))
            found[said] -= np.log(tree.likelihood(tree.nodes(codes[said], self.base), codes[said, i]))
        return found

    def saved(self) -> Saved:
        """As `Model.saved`."""
        return Saved({}, {f"{i}.{name}": array for i, tree in enumerate(self.trees) for name, array in tree.arrays().items()})


class Cart:
    """Sequential trees as a `Learner` (B. Nowok, G. Raab and C. Dibben, synthpop, Journal of Statistical Software 74(11), 2016)."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(
            "leaf",
            "0",
            "Least persons of a leaf, among whose values one is drawn; 0: chosen for each column as suits persons not learned from. "
            "Small leaves repeat records, and the gates stop the release.",
            least=0,
            most=100_000,
            advanced=False,
        ),
        Option("least", "10", "Least persons of a leaf where that is chosen.", least=5, most=100_000),
        Option("depth", "24", "The most questions asked of a row before a value is drawn.", least=1, most=60),
        Option(
            "smoothing",
            "auto",
            "How often a value is drawn from a wider group than its leaf; auto: chosen likewise where leaf is 0, otherwise never.",
            choices=("auto", "0", "0.02", "0.05", "0.1", "0.2", "0.5"),
        ),
    )
    restricts: ClassVar[bool] = True
    limits: ClassVar[bool] = True
    private: ClassVar[bool] = False

    @staticmethod
    def fit(
        rows: CodedRows,
        *,
        seed: int,
        options: Mapping[str, str],
        watch: Watch,
        held_out: CodedRows | None = None,
        ledger: PrivacyLedger | None = None,
    ) -> CartModel:
        """As `Learner.fit`. Once time is up, the parts that are left are drawn by themselves."""
        if ledger is not None:
            raise InputError('the generator "cart" is not differentially private: choose dp-marginals, or fit it without epsilon')
        if len(np.unique(rows.persons)) < FEWEST:
            raise InputError(f"there are fewer than {FEWEST} persons to learn from: nothing can be learned safely")
        watch.tick(0.0)
        alike = orders(rows)
        leaf, smoothing = int(float(options["leaf"])), options["smoothing"]
        least = int(float(options["least"]))
        leaves = (leaf,) if leaf else (least, *(n for n in LEAVES if n > least), ROOT)
        growth = Growth(leaves[0], int(float(options["depth"])), _sample(rows.rows, leaf), 1 if leaf else SEEN)
        model = CartModel(rows.parts, rows.given, ())
        trees: list[Tree] = []
        count = len(rows.parts) - rows.given
        for i in range(rows.given, len(rows.parts)):
            going = watch.tick((i - rows.given) / count, f"{watch.stage}: column part {i - rows.given + 1} of {count}")
            branches = grow(rows, i, alike, growth if going else replace(growth, depth=0), seed)
            shares = (float(smoothing),) if smoothing != "auto" else (0.0,) if leaf else WIDE
            trees.append(_chosen(branches, i, leaves, shares, _asked(held_out, i), model.base))
        return replace(model, trees=tuple(trees))

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> CartModel:
        """As `Learner.load`."""
        trees = []
        for i in range(given, len(parts)):
            start = f"{i - given}."
            arrays: dict[str, npt.NDArray[Any]] = {k.removeprefix(start): v for k, v in saved.arrays.items() if k.startswith(start)}
            before = sum(part.size for part in parts[:i])
            trees.append(Tree.of(arrays, parts[i].size, i, before, f'column "{parts[i].column}"'))
        return CartModel(parts, given, tuple(trees))

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        """As `Learner.cost`."""
        pairs = len(parts) * (len(parts) - 1) / 2
        sample = min(rows, _sample(rows, int(float(options["leaf"]))))
        return Cost(0.5 + pairs * (sample * 5e-7 + rows * 1.2e-7), 220_000_000 + rows * len(parts) * 24)

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """As `Learner.plainer`: leaves of twice the persons with every step."""
        least = max(10, int(float(options["least"])), int(float(options["leaf"]))) * 2 ** (step - (options["leaf"] != "0"))
        return {**options, "leaf": "0", "least": str(least)} if least <= 5000 else None


def _sample(rows: int, leaf: int) -> int:
    """Rows that splits are found with: of a leaf as small as asked for there are `SEEN` among them, or all."""
    return max(SAMPLE, -(-SEEN * rows // leaf)) if leaf else SAMPLE


def _asked(held_out: CodedRows | None, number: int) -> CodedRows | None:
    """Rows held out of which a part says something."""
    said = None if held_out is None else held_out.take(applies(held_out.codes, held_out.parts, number))
    return said if said is not None and said.rows else None


def _chosen(
    branches: Branches, number: int, leaves: tuple[int, ...], shares: tuple[float, ...], asked: CodedRows | None, base: Ints
) -> Tree:
    """The tree of those leaves and that share of wider tables that serves persons held out best."""
    if asked is None:
        leaf = leaves[0] if len(leaves) == 1 else max(leaves[0], UNCHOSEN[0])
        return replace(branches.tree(leaf), wide=shares[0] if len(shares) == 1 else UNCHOSEN[1])
    best, found = -np.inf, branches.tree(leaves[0])
    mine = asked.codes[:, number]
    for leaf in leaves:
        tree = branches.tree(leaf)
        nodes = tree.nodes(asked.codes, base)
        likely = [float(np.log(tree.likelihood(nodes, mine, share)).mean()) for share in shares]
        if max(likely) > best:
            best, found = max(likely), replace(tree, wide=shares[int(np.argmax(likely))])
    return found
