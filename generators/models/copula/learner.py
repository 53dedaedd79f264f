"""Fitting the rank copula: counting, one matrix, one number chosen by rows held out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from generators.encoding.coded import CodedRows, Part, applies
from generators.errors import InputError
from generators.learning.model import Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.copula.correlation import Floats, latent_of, proper, without_pairs
from generators.models.copula.model import CopulaModel
from generators.models.copula.steps import TRACES, steps_of

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

FEWEST = 10
"""Persons below which nothing is learned."""
SHRINKS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)
BLOCK = 65_536


class Copula:
    """The rank Gaussian copula as a `Learner` (for example R. Nelsen, An introduction to copulas, 2006)."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(
            "shrink",
            "auto",
            "How far what was learned of pairs of columns is drawn towards none; auto: as far as suits persons who were not learned from.",
            choices=("auto", "0", "0.1", "0.25", "0.5", "0.75", "1"),
        ),
        Option(
            "least",
            "10",
            "A value and a range it lies in are told apart from the average only when so many persons have them together.",
            least=1,
            most=1000,
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
    ) -> CopulaModel:
        """As `Learner.fit`. Nothing hangs on the seed."""
        if ledger is not None:
            raise InputError('the generator "copula" is not differentially private: choose dp-marginals, or fit it without epsilon')
        if len(np.unique(rows.persons)) < FEWEST:
            raise InputError(f"there are fewer than {FEWEST} persons to learn from: nothing can be learned safely")
        watch.tick(0.0)
        steps = steps_of(rows, int(float(options["least"])))
        watch.tick(0.3)
        count = len(rows.parts)
        hermite, spread = np.zeros((count, TRACES)), np.ones(count)
        for i, part in enumerate(rows.parts):
            weight = np.ones(1)
            if part.of is not None and len(steps[i].frequency) > 1:
                used = applies(rows.codes, rows.parts, i)
                weight = np.bincount(rows.codes[used, part.of], minlength=len(steps[i].frequency)) / max(1, int(used.sum()))
            hermite[i] = steps[i].hermite(weight)
            variance = float((weight[:, None] * steps[i].frequency * steps[i].scores ** 2).sum())
            spread[i] = np.sqrt(variance) if variance > 1e-9 else 1.0
        plain = CopulaModel(rows.parts, rows.given, steps, np.eye(count), hermite, spread)
        products, pairs = np.zeros((count, count)), np.zeros((count, count))
        for a in range(0, rows.rows, BLOCK):
            watch.tick(0.4 + 0.5 * a / max(1, rows.rows))
            block = rows.codes[a : a + BLOCK]
            scores, _ = plain.scored(block)
            said = np.stack([applies(block, rows.parts, i) for i in range(count)], axis=1).astype(np.float64)
            products += scores.T @ scores
            pairs += said.T @ said
        covariance = products / np.maximum(pairs, 1.0) * np.outer(spread, spread)
        latent = latent_of(covariance, hermite)
        for i, part in enumerate(rows.parts):
            if part.of is not None:  # it is drawn given the code of that part: what is left of their dependence is none
                latent[i, part.of] = latent[part.of, i] = 0.0

        def shrunk(by: float) -> CopulaModel:
            matrix = proper(without_pairs(proper(latent, by), rows.apart), 0.0)
            return CopulaModel(rows.parts, rows.given, steps, matrix, hermite, spread)

        if options["shrink"] != "auto":
            return shrunk(float(options["shrink"]))
        if held_out is None or not held_out.rows:
            return shrunk(_expected(latent, len(np.unique(rows.persons))))
        tried = [shrunk(by) for by in SHRINKS]
        return tried[int(np.argmin([float(model.surprise(held_out.codes).mean()) for model in tried]))]

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> CopulaModel:
        """As `Learner.load`."""
        return CopulaModel.load(saved, parts, given)

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        """As `Learner.cost`."""
        tables = sum(part.size * (parts[part.of].size if part.of is not None else 1) for part in parts)
        return Cost(0.3 + rows * len(parts) * 5e-7 + tables * 2e-7, 220_000_000 + min(rows, BLOCK) * len(parts) * 60 + tables * 80)

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """As `Learner.plainer`: drawn ever further towards columns that have nothing to do with each other."""
        ladder = ("0.25", "0.5", "0.75", "1")
        return {**options, "shrink": ladder[step - 1]} if step <= len(ladder) else None


def _expected(latent: Floats, persons: int) -> float:
    """How far to shrink where nobody was held out: J. Schäfer and K. Strimmer (2005), eq. 10, with (1 − r²)²/n for the variance of r."""
    off = latent[~np.eye(len(latent), dtype=np.bool_)]
    noise = float(((1 - off**2) ** 2).sum()) / persons
    return min(1.0, noise / max(1e-9, float((off**2).sum())))
